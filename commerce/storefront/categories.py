"""The categories of a shop for its visitors: what every page links to, one with those around it, their pictures."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    literal_column,
    select,
    union_all,
)

from commerce.catalog.product_cache import cached
from commerce.catalog.tables import CATEGORIES, IMAGES, PRODUCT_CATEGORIES, PRODUCTS, sold
from commerce.content.home_sections import HOME_PAGES
from commerce.content.menu_links import MENU_TABLE
from commerce.content.models import KINDS, POLICIES
from commerce.content.queries import published_links
from commerce.db import TENANT, fetch_all
from commerce.errors import NotFound
from commerce.storefront.product_cards import CategoryLink, CategoryPage, Navigation, PageLink

MAX_CATEGORIES = 20_000
LOOKED_AT_FOR_PICTURE = 100
"""Products of a category that are looked through for one with a picture."""
MAX_PICTURED_CATEGORIES = 24
"""More categories than these are listed by name alone."""


def navigation(limit: int) -> Navigation:
    """Return what every page links to: categories of the first level, at most `limit`, and pages. One statement."""

    def load() -> list[list[Any]]:
        return [list(row[:-1]) for row in fetch_all(_NAVIGATION, limit=limit)]

    rows = cached("navigation", str(limit), load)
    pages = [PageLink(kind, slug, name) for kind, _key, slug, name, _picture in rows if kind in KINDS]
    policies = [page for page in pages if page.kind == "policy"]
    return Navigation(
        tuple(
            CategoryLink(uuid.UUID(key), slug, name, None, picture)
            for kind, key, slug, name, picture in rows
            if kind == "category"
        ),
        tuple(page for page in pages if page.kind == "page"),
        tuple(sorted(policies, key=lambda policy: POLICIES.index(policy.slug))),
        tuple(slug for kind, _key, slug, _name, _picture in rows if kind == "menu"),
        any(kind == "home" for kind, *_facts in rows),
    )


def list_categories(limit: int) -> tuple[CategoryLink, ...]:
    """Return the categories of all levels that have something to show, in the shop's order. One statement."""
    return _links("categories", FILLED_CATEGORIES, limit)


def _links(kind: str, statement: Select[Any], limit: int) -> tuple[CategoryLink, ...]:
    def load() -> list[list[Any]]:
        return [
            [str(row.id), row.slug, row.name, str(row.parent_id) if row.parent_id else None, row.picture]
            for row in fetch_all(statement, limit=limit)
        ]

    return tuple(
        CategoryLink(uuid.UUID(key), slug, name, uuid.UUID(parent) if parent else None, picture)
        for key, slug, name, parent, picture in cached(kind, str(limit), load)
    )


def category_pictures(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return for each of these categories the picture file of its oldest product that has one. One statement at most.

    The oldest, so that a category keeps its picture when something new arrives. Of each only the
    LOOKED_AT_FOR_PICTURE oldest are looked through.
    """
    if not ids:
        return {}
    parameters = {f"category_{number}": category_id for number, category_id in enumerate(ids)}

    def load() -> list[list[str]]:
        found = fetch_all(_category_pictures_statement(len(ids)), **parameters)
        return [[str(row.category_id), row.file] for row in found]

    rows = cached("category pictures", " ".join(map(str, ids)), load)
    return {uuid.UUID(category_id): file for category_id, file in rows}


@lru_cache(maxsize=MAX_PICTURED_CATEGORIES)
def _category_pictures_statement(count: int) -> CompoundSelect[Any]:
    # One short walk along an index for each category. Neither database finds that by itself for one walk over all.
    return union_all(*(select(_category_picture(f"category_{number}").subquery()) for number in range(count)))


def _category_picture(parameter: str) -> Select[Any]:
    # Only its first products: what anybody may ask for must not grow with products that have no picture.
    first = (
        select(PRODUCT_CATEGORIES.c.category_id, PRODUCT_CATEGORIES.c.product_id)
        .where(
            PRODUCT_CATEGORIES.c.tenant_id == TENANT,
            PRODUCT_CATEGORIES.c.category_id == bindparam(parameter, type_=Uuid()),
        )
        .order_by(PRODUCT_CATEGORIES.c.product_id)
        .limit(literal_column(str(LOOKED_AT_FOR_PICTURE)))
        .subquery()
    )
    return (
        select(first.c.category_id, IMAGES.c.file)
        .join(PRODUCTS, PRODUCTS.c.id == first.c.product_id)
        .join(IMAGES, and_(IMAGES.c.tenant_id == TENANT, IMAGES.c.product_id == PRODUCTS.c.id))
        .where(sold(), IMAGES.c.file != "")
        .order_by(first.c.product_id, IMAGES.c.position)
        .limit(literal_column("1"))
    )


def find_category(slug: str) -> CategoryPage:
    """Return a category with those above and below it. One statement. Raises NotFound."""
    rows = fetch_all(_CATEGORY, slug=slug)
    if not rows:
        raise NotFound("category_page_not_found")
    links: dict[int, list[CategoryLink]] = {}
    for row in rows:
        link = CategoryLink(row.id, row.slug, row.name, row.parent_id, row.picture)
        links.setdefault(row.distance, []).append(link)
    own = next(row for row in rows if row.distance == 0)
    return CategoryPage(
        own.id,
        own.slug,
        own.name,
        own.picture,
        own.description,
        own.seo_title,
        own.seo_description,
        own.product_order,
        tuple(links.get(-2, []) + links.get(-1, [])),
        tuple(links.get(1, [])),
    )


def _filled(category: FromClause) -> ColumnElement[bool]:
    """Return the condition that something is sold in a category or below it.

    From the category's side: its products are fewer than those of the shop.
    """
    # Names of their own: the category may be an alias itself.
    names = ("filled_child", "filled_grandchild", "filled_parent")
    child, grandchild, parent = (CATEGORIES.alias(name) for name in names)
    below = select(child.c.id).where(
        child.c.tenant_id == TENANT, child.c.parent_id == category.c.id, _sold_in(child).exists()
    )
    between = select(parent.c.id).where(parent.c.tenant_id == TENANT, parent.c.parent_id == category.c.id)
    further = select(grandchild.c.id).where(
        grandchild.c.tenant_id == TENANT,
        grandchild.c.parent_id.in_(between.correlate(category)),
        _sold_in(grandchild).exists(),
    )
    # One short walk after the other, until one finds something: of alternatives PostgreSQL would read every product.
    walks = (_sold_in(category), below.correlate(category), further.correlate(category))
    one = [walk.limit(literal_column("1")).scalar_subquery() for walk in walks]
    return and_(category.c.tenant_id == TENANT, func.coalesce(*one).is_not(None))


def _sold_in(category: FromClause) -> Select[uuid.UUID]:
    product = (
        exists().where(PRODUCTS.c.id == PRODUCT_CATEGORIES.c.product_id, sold()).correlate(PRODUCT_CATEGORIES)
    )
    return (
        select(PRODUCT_CATEGORIES.c.product_id)
        .where(
            PRODUCT_CATEGORIES.c.tenant_id == TENANT,
            PRODUCT_CATEGORIES.c.category_id == category.c.id,
            product,
        )
        .correlate(category)
    )


def _navigation_statement() -> CompoundSelect[Any]:
    top, pages = _TOP_CATEGORIES.subquery("top"), published_links().subquery("pages")
    place, none = top.c.position.label("place"), literal("")
    return union_all(
        select(
            literal("category").label("kind"),
            cast(top.c.id, String),
            top.c.slug,
            top.c.name.label("name"),
            top.c.picture,
            place,
        ),
        select(pages.c.kind, none, pages.c.slug, pages.c.title, none, literal(0)).where(pages.c.in_footer),
        select(literal("menu"), none, MENU_TABLE.c.name, none, none, literal(0)).where(
            MENU_TABLE.c.tenant_id == TENANT
        ),
        select(literal("home"), none, none, none, none, literal(0)).where(
            HOME_PAGES.c.tenant_id == TENANT, HOME_PAGES.c.published_at.is_not(None)
        ),
    ).order_by("place", "name")


def _category_statement() -> CompoundSelect[Any]:
    """Build the statement for a category by `slug`, those above it (-2, -1) and those right below it (1)."""
    own, parent, top, child = (CATEGORIES.alias(name) for name in ("own", "parent", "top", "child"))

    def found(*columns: Any) -> Select[Any]:
        return select(*columns).where(own.c.tenant_id == TENANT, own.c.slug == bindparam("slug"))

    def facts(table: FromClause, distance: int) -> Select[Any]:
        names = "id slug name parent_id picture position description seo_title seo_description product_order"
        columns = (table.c[name] for name in names.split())
        return select(literal_column(str(distance), type_=Integer()).label("distance"), *columns).where(
            table.c.tenant_id == TENANT
        )

    # Scalar subqueries and no joins: SQLite would look first which categories have something to show.
    above = found(own.c.parent_id).scalar_subquery()
    grandparent = select(parent.c.parent_id).where(parent.c.tenant_id == TENANT, parent.c.id == above)
    both = union_all(
        facts(own, 0).where(own.c.slug == bindparam("slug")),
        facts(parent, -1).where(parent.c.id == above),
        facts(top, -2).where(top.c.id == grandparent.scalar_subquery()),
        facts(child, 1).where(child.c.parent_id == found(own.c.id).scalar_subquery(), _filled(child)),
    )
    return both.order_by("distance", "position", "name", "id")


FILLED_CATEGORIES = (
    select(
        CATEGORIES.c.id, CATEGORIES.c.slug, CATEGORIES.c.name, CATEGORIES.c.parent_id, CATEGORIES.c.picture
    )
    .where(_filled(CATEGORIES))
    .order_by(CATEGORIES.c.position, CATEGORIES.c.name, CATEGORIES.c.id)
    .limit(bindparam("limit", type_=Integer()))
)
"""Categories of all levels that have something to show, in the shop's order."""
_TOP_CATEGORIES = FILLED_CATEGORIES.where(CATEGORIES.c.parent_id.is_(None)).add_columns(CATEGORIES.c.position)
_CATEGORY = _category_statement()
_NAVIGATION = _navigation_statement()
