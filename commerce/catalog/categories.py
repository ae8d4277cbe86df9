"""The tree of categories as staff arrange it: texts, order, pictures, and the products in each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import BigInteger, Select, Uuid, bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from commerce.catalog.collection_members import (
    collection_about_category,
    rebuild_by_category,
    refresh_products,
)
from commerce.catalog.html_cleaning import clean_html
from commerce.catalog.models import Category, Product, ProductCategory
from commerce.catalog.text import FieldLimits, clean_line, make_slug, slugify
from commerce.db import atomic, current_tenant_id, db, execute_many, insert_rows, lock
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.redirects.services import forget_redirect, keep_redirect
from commerce.tenants.services import touch_catalogue

LIMITS = FieldLimits()
MAX_LEVELS = 3
MAX_CATEGORIES = 20_000
MAX_ARRANGED = 500
"""Products of a category that can be put in order by hand; all others follow, the newest first."""
MAX_SEO_TITLE = 200
MAX_SEO_DESCRIPTION = 500
ORDERS = ("newest", "price", "-price", "manual")
_row_id = bindparam("row_id", type_=Uuid())
_position = bindparam("place", type_=BigInteger())


@dataclass(frozen=True, slots=True)
class CategoryValues:
    """A category as staff write it down: `description` may be HTML. Without a slug one is made from the name."""

    name: str
    slug: str = ""
    parent_id: uuid.UUID | None = None
    description: str = ""
    product_order: str = "newest"
    seo_title: str = ""
    seo_description: str = ""


@dataclass(frozen=True, slots=True)
class CategoryNode:
    """A category at its place in the tree: `level` 1 is the top, `trail` the names down to it, its own last."""

    id: uuid.UUID
    parent_id: uuid.UUID | None
    slug: str
    name: str
    level: int
    trail: tuple[str, ...]
    first: bool
    last: bool


# --- the tree ---------------------------------------------------------------------------------------


def category_tree() -> list[CategoryNode]:
    """Return all categories, each followed by those below it, in the shop's order. One statement."""
    rows = db.session.execute(
        select(Category.id, Category.parent_id, Category.slug, Category.name).order_by(
            Category.position, Category.name, Category.id
        )
    ).all()
    known = {row.id for row in rows}
    below: dict[uuid.UUID | None, list[Any]] = {}
    for row in rows:
        below.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)
    found: list[CategoryNode] = []

    def visit(parent: uuid.UUID | None, trail: tuple[str, ...]) -> None:
        siblings = below.get(parent, [])
        for place, row in enumerate(siblings):
            names = (*trail, row.name)
            ends = place == 0, place == len(siblings) - 1
            found.append(CategoryNode(row.id, parent, row.slug, row.name, len(names), names, *ends))
            visit(row.id, names)

    visit(None, ())
    return found


def possible_parents(category_id: uuid.UUID | None, tree: Sequence[CategoryNode]) -> list[CategoryNode]:
    """Return where a category may be put: below nothing of its own, and with room for all levels below it."""
    own = _branch(category_id, tree) if category_id else []
    inside = {node.id for node in own}
    height = max((node.level for node in own), default=1) - (own[0].level if own else 1) + 1
    return [node for node in tree if node.id not in inside and node.level + height <= MAX_LEVELS]


def _branch(category_id: uuid.UUID, tree: Sequence[CategoryNode]) -> list[CategoryNode]:
    """Return a category and everything below it."""
    start = next((place for place, node in enumerate(tree) if node.id == category_id), None)
    if start is None:
        return []
    found = [tree[start]]
    for node in tree[start + 1 :]:
        if node.level <= found[0].level:
            break
        found.append(node)
    return found


def get_category(category_id: uuid.UUID) -> Category:
    """Return a category. Raises NotFound."""
    row = db.session.scalar(select(Category).where(Category.id == category_id))
    if row is None:
        raise NotFound("category_page_not_found")
    return row


# --- changes ----------------------------------------------------------------------------------------


@atomic
def create_category(values: CategoryValues) -> uuid.UUID:
    """Add a category, after those that were put in order, and return its id. Raises InvalidValue."""
    checked = _checked(values)
    touch_catalogue()  # one change of the tree at a time
    if (db.session.scalar(select(func.count(Category.id))) or 0) >= MAX_CATEGORIES:
        raise InvalidValue("name", "too_many_categories", limit=MAX_CATEGORIES)
    _check_parent(None, checked["parent_id"])
    _refuse_taken(checked["slug"])
    row = Category(**checked)
    db.session.add(row)
    _flush()
    forget_redirect(_path(row.slug))
    return row.id


@atomic
def change_category(category_id: uuid.UUID, values: CategoryValues, *, seen_version: int) -> bool:
    """Set what staff wrote and tell whether anything was new. A former address leads to the new one.

    Raises NotFound, StaleVersion, InvalidValue.
    """
    checked = _checked(values)
    row = _lock(category_id, seen_version)
    new = {name: value for name, value in checked.items() if getattr(row, name) != value}
    if not new:
        return False
    touch_catalogue()
    if "parent_id" in new:
        _check_parent(category_id, checked["parent_id"])
        row.position = 0
    former = row.slug
    if "slug" in new:
        _refuse_taken(checked["slug"])
    for name, value in new.items():
        setattr(row, name, value)
    _flush()
    if "slug" in new:
        forget_redirect(_path(row.slug))
        keep_redirect(_path(former), quote(_path(row.slug)))
    if "parent_id" in new:
        rebuild_by_category()
    return True


@atomic
def delete_category(category_id: uuid.UUID, *, seen_version: int) -> None:
    """Delete a category without sub-categories; its products stay. Raises NotFound, StaleVersion, Conflict.

    Not one that a collection is about: the collection would silently become another.
    """
    row = _lock(category_id, seen_version)
    touch_catalogue()
    if db.session.scalar(select(Category.id).where(Category.parent_id == category_id).limit(1)):
        raise Conflict("category_has_children")
    collection = collection_about_category(category_id)
    if collection:
        raise Conflict("category_has_collection", collection=collection)
    db.session.delete(row)
    db.session.flush()
    rebuild_by_category()


@atomic
def move_category(category_id: uuid.UUID, step: int) -> None:
    """Change places with the category before (-1) or after (1) it. Raises NotFound."""
    touch_catalogue()
    row = get_category(category_id)
    order = list(_siblings(row.parent_id))
    place = order.index(category_id)
    other = place + step
    if 0 <= other < len(order):
        order[place], order[other] = order[other], order[place]
    _arrange(row.parent_id, order)


@atomic
def set_category_picture(category_id: uuid.UUID, file: str, *, seen_version: int) -> None:
    """Show a stored picture ('' for none) with a category. Raises NotFound, StaleVersion."""
    if file and not file.startswith(f"{current_tenant_id()}/"):
        raise InvalidValue("picture", "picture_not_uploaded")
    _lock(category_id, seen_version).picture = file
    touch_catalogue()


def _checked(values: CategoryValues) -> dict[str, Any]:
    name = clean_line(values.name)
    if not 0 < len(name) <= LIMITS.line:
        raise InvalidValue("name", "category_name_length", maximum=LIMITS.line)
    slug = slugify(values.slug) if values.slug.strip() else make_slug(name, LIMITS.slug)
    if not 0 < len(slug) <= LIMITS.slug:
        raise InvalidValue("slug", "slug_invalid", maximum=LIMITS.slug)
    if values.product_order not in ORDERS:
        raise InvalidValue("product_order", "product_order_unknown")
    texts = {
        "seo_title": (clean_line(values.seo_title), MAX_SEO_TITLE),
        "seo_description": (clean_line(values.seo_description), MAX_SEO_DESCRIPTION),
    }
    for field, (text, longest) in texts.items():
        if len(text) > longest:
            raise InvalidValue(field, "text_too_long", maximum=longest)
    return {
        "name": name,
        "slug": slug,
        "parent_id": values.parent_id,
        "product_order": values.product_order,
        "description": checked_description(values.description),
        **{field: text for field, (text, _longest) in texts.items()},
    }


def checked_description(html: str) -> str:
    """Return the description of a category as it is stored: allowed HTML only. Raises InvalidValue."""
    cleaned = clean_html(html, own_links=True)
    if len(cleaned) > LIMITS.text:
        raise InvalidValue("description", "text_too_long", maximum=LIMITS.text)
    return cleaned


def _check_parent(category_id: uuid.UUID | None, parent_id: uuid.UUID | None) -> None:
    """Raise InvalidValue where a category cannot be put."""
    if parent_id is None:
        return
    if parent_id not in {node.id for node in possible_parents(category_id, category_tree())}:
        raise InvalidValue("parent_id", "category_parent_impossible", levels=MAX_LEVELS)


def _refuse_taken(slug: str) -> None:
    if db.session.scalar(select(Category.id).where(Category.slug == slug)) is not None:
        raise InvalidValue("slug", "category_slug_taken")


def _flush() -> None:
    """Write what was said. An import may have taken the address meanwhile."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise InvalidValue("slug", "category_slug_taken") from error


def _lock(category_id: uuid.UUID, seen_version: int) -> Category:
    missing = NotFound("category_page_not_found")
    return lock(Category, category_id, missing=missing, version=seen_version)


def _path(slug: str) -> str:
    return f"/categories/{slug}"


def _siblings(parent_id: uuid.UUID | None) -> Sequence[uuid.UUID]:
    return db.session.scalars(
        select(Category.id)
        .where(Category.parent_id == parent_id if parent_id else Category.parent_id.is_(None))
        .order_by(Category.position, Category.name, Category.id)
    ).all()


def _arrange(parent_id: uuid.UUID | None, order: Sequence[uuid.UUID]) -> None:
    """Write an order down. It ends below zero, so that what is added later comes last."""
    if list(_siblings(parent_id)) == list(order):
        return
    table: Any = Category.__table__
    statement = (
        update(table)
        .where(table.c.tenant_id == current_tenant_id(), table.c.id == _row_id)
        .values(position=_position)
    )
    execute_many(statement, [{"row_id": key, "place": place - len(order)} for place, key in enumerate(order)])


# --- the products of a category -----------------------------------------------------------------------


def arranged_products() -> Select[uuid.UUID, str, str, str, int]:
    """Return the statement for the products of categories, in their order within each."""
    return (
        select(Product.id, Product.slug, Product.title, Product.status, ProductCategory.position)
        .join(
            Product,
            (Product.tenant_id == ProductCategory.tenant_id) & (Product.id == ProductCategory.product_id),
        )
        .order_by(ProductCategory.position, Product.published_at.desc(), Product.id.desc())
    )


@atomic
def add_products(category_id: uuid.UUID, product_ids: Sequence[uuid.UUID]) -> int:
    """Put products into a category and return how many were new in it. Raises NotFound."""
    get_category(category_id)
    touch_catalogue()
    known = set(db.session.scalars(select(Product.id).where(Product.id.in_(product_ids))))
    inside = ProductCategory.category_id == category_id
    known -= set(
        db.session.scalars(
            select(ProductCategory.product_id).where(inside, ProductCategory.product_id.in_(product_ids))
        )
    )
    insert_rows(ProductCategory, [{"category_id": category_id, "product_id": each} for each in sorted(known)])
    refresh_products(known)
    return len(known)


@atomic
def remove_product(category_id: uuid.UUID, product_id: uuid.UUID) -> None:
    """Take a product out of a category. Raises NotFound."""
    get_category(category_id)
    touch_catalogue()
    gone = delete(ProductCategory).where(
        ProductCategory.category_id == category_id, ProductCategory.product_id == product_id
    )
    db.session.execute(gone.execution_options(synchronize_session=False))
    refresh_products([product_id])


@atomic
def move_product(category_id: uuid.UUID, product_id: uuid.UUID, to: str) -> None:
    """Put a product of a category to the 'top', or one place 'up' or 'down'. Raises NotFound, Conflict.

    Only the first `MAX_ARRANGED` are in an order by hand.
    """
    get_category(category_id)
    touch_catalogue()
    inside = ProductCategory.category_id == category_id
    rows = db.session.execute(arranged_products().where(inside).limit(MAX_ARRANGED)).all()
    before = {row.id: row.position for row in rows}
    order = list(before)
    if product_id not in before:
        position = db.session.scalar(
            select(ProductCategory.position).where(inside, ProductCategory.product_id == product_id)
        )
        if position is None:
            raise NotFound("product_not_found")
        if to != "top":
            raise Conflict("product_order_too_long", limit=MAX_ARRANGED)
        before[product_id] = position
    else:
        place = order.index(product_id)
        order.remove(product_id)
        at = {"up": max(0, place - 1), "down": place + 1}.get(to, 0)
        order.insert(at, product_id)
    if product_id not in order:
        order.insert(0, product_id)
    _write_order(category_id, order, before)


def _write_order(category_id: uuid.UUID, order: Sequence[uuid.UUID], before: Mapping[uuid.UUID, int]) -> None:
    """Give the arranged products places below zero, and those behind the last of them none."""
    places = {key: place - len(order) for place, key in enumerate(order[:MAX_ARRANGED])}
    changes = [
        {"row_id": key, "place": places.get(key, 0)} for key in order if before[key] != places.get(key, 0)
    ]
    table: Any = ProductCategory.__table__
    statement = (
        update(table)
        .where(
            table.c.tenant_id == current_tenant_id(),
            table.c.category_id == category_id,
            table.c.product_id == _row_id,
        )
        .values(position=_position)
    )
    if changes:
        execute_many(statement, changes)
