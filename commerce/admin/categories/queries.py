"""Lists of the pages about categories."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select

from commerce.admin.queries import page_of
from commerce.catalog.categories import CategoryNode, arranged_products, category_tree
from commerce.catalog.models import Product, ProductCategory
from commerce.db import db
from commerce.errors import Conflict
from commerce.paging import Page, counted_page
from commerce.pricing.models import Promotion

TREE_PAGE = 100


def page_of_tree(search: str, number: int) -> Page[CategoryNode]:
    """Return a page of the tree; of a search, the categories whose name has it in it."""
    wanted = search.casefold()
    nodes = [node for node in category_tree() if wanted in node.name.casefold()]
    return counted_page(len(nodes), number, TREE_PAGE, lambda limit, offset: nodes[offset : offset + limit])


def count_in_categories(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return how many products are in each of these categories, hidden ones too. One statement."""
    rows = db.session.execute(
        select(ProductCategory.category_id, func.count().label("products"))
        .where(ProductCategory.category_id.in_(ids))
        .group_by(ProductCategory.category_id)
    )
    return {row.category_id: row.products for row in rows}


def arranged_page(category_id: uuid.UUID, number: int) -> Page[Any]:
    """Return a page of the products of a category in their order by hand, hidden ones too."""
    inside = ProductCategory.category_id == category_id
    total = db.session.scalar(select(func.count()).select_from(ProductCategory).where(inside)) or 0
    return page_of(arranged_products().where(inside), total, number)


def in_category(category_id: uuid.UUID) -> ColumnElement[bool]:
    """Return the condition that a product is in a category."""
    return exists().where(
        ProductCategory.tenant_id == Product.tenant_id,
        ProductCategory.category_id == category_id,
        ProductCategory.product_id == Product.id,
    )


def refuse_if_promoted(category_id: uuid.UUID) -> None:
    """Raise Conflict when a promotion is about a category: it would silently end."""
    rows = db.session.execute(
        select(Promotion.label, Promotion.targets).where(Promotion.scope == "categories")
    )
    for label, targets in rows:
        if str(category_id) in targets:
            raise Conflict("category_is_promoted", promotion=label)
