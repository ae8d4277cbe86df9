"""Lists of the pages about collections, and what the rules of one would find."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal_column, select

from commerce.admin.queries import page_of
from commerce.catalog.collection_rules import Condition, checked_conditions, holds_now, rule_of
from commerce.catalog.collections import chosen_products
from commerce.catalog.models import Collection, CollectionProduct, Product
from commerce.catalog.tables import IMAGES, PRODUCTS
from commerce.db import TENANT, fetch_all
from commerce.inventory.availability import product_available, product_sold_out
from commerce.list_queries import bounded, bounded_count
from commerce.paging import Page

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Matches:
    """What the rules of a collection find now: how many, up to the bound of paging, and the newest of them."""

    total: int
    products: Sequence[Any]


def page_of_collections(search: str, number: int) -> Page[Any]:
    """Return a page of the collections by title, of a search those whose title has it in it."""
    title = func.lower(Collection.title)
    statement = select(
        Collection.id,
        Collection.slug,
        Collection.title,
        Collection.kind,
        Collection.matches,
        Collection.conditions,
        Collection.published,
    ).where(title.contains(search.lower(), autoescape=True))
    total = bounded_count(statement)
    return page_of(statement.order_by(title, Collection.id), total, number)


def find_matches(conditions: Sequence[Condition], matches: str) -> Matches:
    """Return what conditions find as they were typed. Three statements. Raises InvalidValue."""
    rule = rule_of(checked_conditions(conditions), matches)
    here = holds_now(rule.stock, product_available(PRODUCTS.c.id), product_sold_out(PRODUCTS.c.id))
    found = select(PRODUCTS.c.id).where(PRODUCTS.c.tenant_id == TENANT, rule.belongs, here)
    total = fetch_all(select(bounded(found)))[0][0]
    newest = _with_pictures(found.order_by(PRODUCTS.c.published_at.desc(), PRODUCTS.c.id.desc()).limit(SHOWN))
    return Matches(total, fetch_all(newest) if total else ())


def _with_pictures(found: Select[Any]) -> Select[Any]:
    ids = found.subquery("found")
    picture = (
        select(IMAGES.c.file)
        .where(IMAGES.c.tenant_id == TENANT, IMAGES.c.product_id == PRODUCTS.c.id, IMAGES.c.file != "")
        .order_by(IMAGES.c.position)
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    return (
        select(PRODUCTS.c.slug, PRODUCTS.c.title, picture.label("picture"))
        .where(PRODUCTS.c.tenant_id == TENANT, PRODUCTS.c.id.in_(select(ids.c.id)))
        .order_by(PRODUCTS.c.published_at.desc(), PRODUCTS.c.id.desc())
    )


def count_collected(collection_id: uuid.UUID) -> int:
    """Return how many products a collection has, hidden and sold-out ones too, up to the bound of paging."""
    return bounded_count(_inside(select(CollectionProduct.product_id), collection_id))


def chosen_page(collection_id: uuid.UUID, number: int) -> Page[Any]:
    """Return a page of the products that were chosen for a collection, in their order, hidden ones too."""
    return page_of(_inside(chosen_products(), collection_id), count_collected(collection_id), number)


def _inside(statement: Any, collection_id: uuid.UUID) -> Any:
    return statement.where(CollectionProduct.collection_id == collection_id)


def in_collection(collection_id: uuid.UUID) -> ColumnElement[bool]:
    """Return the condition that a product is in a collection."""
    return exists().where(
        CollectionProduct.tenant_id == Product.tenant_id,
        CollectionProduct.collection_id == collection_id,
        CollectionProduct.product_id == Product.id,
    )
