"""Which products are in the collections of a shop: rows that are right at the end of each change of a product.

A page of a collection then reads a few rows along an index, however many products the shop has and whatever the rules
are. Rows are written only after `touch_catalogue`, which lets one change at a time do so: a rule and a product that
change at once see each other, and nobody waits in a circle.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection as Ids
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, Uuid, bindparam, delete, exists, func, insert, literal, or_, select, update

from commerce.catalog.collection_rules import (
    Condition,
    Rule,
    conditions_of,
    lowest_price,
    read_conditions,
    rule_of,
)
from commerce.catalog.models import Collection, CollectionProduct, Product
from commerce.catalog.tables import COLLECTION_PRODUCTS, PRODUCTS
from commerce.db import TENANT, current_tenant_id, db, fetch_all, insert_rows
from commerce.tenants.services import touch_catalogue

BATCH = 200
CHUNK = 5_000
"""Products for which a rule is evaluated at once: no statement may take long, the database counts as dead then."""
MAX_TITLE = 80
"""Characters of a title that are sorted by."""


class _Rules(NamedTuple):
    id: uuid.UUID
    rule: Rule


def refresh_products(product_ids: Ids[uuid.UUID]) -> None:
    """Put changed products into the collections whose rules they meet now, and out of the others. A step.

    After `touch_catalogue`. At most four statements for each BATCH of products, one when the shop has no collections.
    """
    known = select(Collection.id, Collection.kind, Collection.matches, Collection.conditions)
    collections = db.session.execute(known).all()
    if not collections:
        return
    by_rules = [
        _Rules(row.id, rule_of(read_conditions(row.conditions), row.matches))
        for row in collections
        if row.kind == "rules"
    ]
    ids = sorted(product_ids)
    for start in range(0, len(ids), BATCH):
        _refresh(ids[start : start + BATCH], by_rules, chosen=len(by_rules) < len(collections))


def _refresh(ids: Sequence[uuid.UUID], by_rules: Sequence[_Rules], *, chosen: bool) -> None:
    deleted = ~exists().where(
        Product.tenant_id == CollectionProduct.tenant_id, Product.id == CollectionProduct.product_id
    )
    evaluated = CollectionProduct.collection_id.in_([each.id for each in by_rules])
    gone = delete(CollectionProduct).where(CollectionProduct.product_id.in_(ids), or_(evaluated, deleted))
    db.session.execute(gone.execution_options(synchronize_session=False))
    if by_rules:
        insert_rows(CollectionProduct, _rows(ids, by_rules))
    if chosen:
        _update_copies(ids)


def _rows(ids: Sequence[uuid.UUID], by_rules: Sequence[_Rules]) -> list[dict[str, Any]]:
    """Return the rows that products have in collections by rules. One statement."""
    asked = [
        column
        for number, (_id, rule) in enumerate(by_rules)
        for column in (rule.belongs.label(f"belongs_{number}"), rule.stock.label(f"stock_{number}"))
    ]
    found = fetch_all(_facts().add_columns(*asked).where(PRODUCTS.c.id.in_(ids)))
    first = len(_facts().selected_columns)
    return [
        {
            "collection_id": collection_id,
            "product_id": row[0],
            "published_at": row[1],
            "price": row[2],
            "title": row[3],
            "stock": row[first + 2 * number + 1],
        }
        for row in found
        for number, (collection_id, _rule) in enumerate(by_rules)
        if row[first + 2 * number]
    ]


def rebuild(collection: Collection) -> None:
    """Evaluate the rules of a collection for all products. A step; two statements for each CHUNK of them."""
    db.session.flush()
    touch_catalogue()
    mine = delete(CollectionProduct).where(CollectionProduct.collection_id == collection.id)
    db.session.execute(mine.execution_options(synchronize_session=False))
    rule = rule_of(conditions_of(collection), collection.matches)
    columns = ("product_id", "published_at", "price", "title")
    found = (
        _facts()
        .add_columns(rule.stock, literal(collection.id), literal(current_tenant_id()), literal(0))
        .where(rule.belongs, PRODUCTS.c.id > bindparam("after", type_=Uuid()))
        .where(PRODUCTS.c.id <= bindparam("last", type_=Uuid()))
    )
    statement = insert(COLLECTION_PRODUCTS).from_select(
        [*columns, "stock", "collection_id", "tenant_id", "position"], found
    )
    after = uuid.UUID(int=0)
    while (last := _end_of_chunk(after)) is not None:
        values = {"tenant": current_tenant_id(), "after": after, "last": last}
        db.session.connection().execute(statement, values)
        after = last


def _end_of_chunk(after: uuid.UUID) -> uuid.UUID | None:
    """Return the id of the last of the next CHUNK products, None when there are no more."""
    ids = select(PRODUCTS.c.id).where(PRODUCTS.c.tenant_id == TENANT, PRODUCTS.c.id > literal(after, Uuid()))
    chunk = ids.order_by(PRODUCTS.c.id).limit(CHUNK).subquery("chunk")
    rows = fetch_all(select(chunk.c.id).order_by(chunk.c.id.desc()).limit(1))
    return rows[0][0] if rows else None


def rebuild_by_category() -> None:
    """Evaluate all rules about categories: the tree of categories has changed. A step."""
    for collection in _by_rules():
        if any(each.fact == "category" for each in conditions_of(collection)):
            rebuild(collection)


def collection_about_category(category_id: uuid.UUID) -> str:
    """Return the title of a collection whose rules name a category, '' when there is none."""
    wanted = Condition("category", str(category_id))
    return next((each.title for each in _by_rules() if wanted in conditions_of(each)), "")


def _by_rules() -> Sequence[Collection]:
    found = select(Collection).where(Collection.kind == "rules").order_by(Collection.id)
    return db.session.scalars(found).all()


def rows_of(ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Return what a row of a collection copies from these products: id, age, price (0 for none on sale), title."""
    return fetch_all(_facts().where(PRODUCTS.c.id.in_(ids)))


def _facts() -> Select[Any]:
    return select(
        PRODUCTS.c.id.label("product_id"),
        PRODUCTS.c.published_at,
        func.coalesce(lowest_price(), 0).label("price"),
        # In this order: a capital letter may become two small ones.
        func.substr(func.lower(PRODUCTS.c.title), 1, MAX_TITLE).label("title"),
    ).where(PRODUCTS.c.tenant_id == TENANT)


def _update_copies(ids: Sequence[uuid.UUID]) -> None:
    """Copy what collections are sorted by to the rows of products that were chosen by hand. One statement."""
    facts = _facts().where(PRODUCTS.c.id == COLLECTION_PRODUCTS.c.product_id).correlate(COLLECTION_PRODUCTS)
    names = ("published_at", "price", "title")
    statement = (
        update(COLLECTION_PRODUCTS)
        .where(COLLECTION_PRODUCTS.c.tenant_id == TENANT, COLLECTION_PRODUCTS.c.product_id.in_(ids))
        .values(
            {name: facts.with_only_columns(facts.selected_columns[name]).scalar_subquery() for name in names}
        )
    )
    db.session.connection().execute(statement, {"tenant": current_tenant_id()})
