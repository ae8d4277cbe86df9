"""Product listings: by category, collection, search or age."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from commerce.cache import BoundedCache
from commerce.catalog.collection_rules import holds_now
from commerce.catalog.product_cache import cache_enabled, cached
from commerce.catalog.search import found_ids, found_titles, search_parameters
from commerce.catalog.tables import (
    CATEGORIES,
    COLLECTION_PRODUCTS,
    COLLECTIONS,
    IMAGES,
    PRODUCT_CATEGORIES,
    PRODUCTS,
    VARIANTS,
    sold,
)
from commerce.db import TENANT, current_tenant_id, dialect_name, fetch_all
from commerce.errors import NotFound
from commerce.inventory.availability import (
    STOCK,
    product_available,
    product_sold_out,
    units_available,
    units_in_stock,
)
from commerce.list_queries import bounded
from commerce.storefront.product_cards import (
    PAGE_SIZE,
    Card,
    CardPage,
    CategoryPage,
    CollectionPage,
)

SORTS = ("newest", "price", "-price")
MANUAL = "manual"
"""The order that the shop gave the products of a category."""
MAX_PAGE = 100_000
COUNTED_EXACTLY = 240
"""Lists up to here are counted with every page; the total of a longer one may be `TOTAL_SECONDS` old."""
TOTAL_SECONDS = 30
MAX_TOTALS = 1000


# --- lists ------------------------------------------------------------------------------------------


def newest(limit: int) -> tuple[Card, ...]:
    """Return the products published last, at most `limit`. One statement."""
    statement = _list_statement("all", "newest", dialect_name(), limit)
    rows = cached("newest", str(limit), lambda: _rows(fetch_all(statement)))
    return _cards(rows)


def all_products(page: int, sort: str) -> CardPage:
    """Return a page of everything that is sold. One statement. Raises NotFound for a page beyond the last."""
    return _card_page("all", page, sort)


def products_of(category: CategoryPage, page: int, sort: str) -> CardPage:
    """Return a page of a category and of those below it. One statement. Raises NotFound for a page beyond the last."""
    return _card_page("branch" if category.children else "category", page, sort, category=category.id)


def collected_products(collection: CollectionPage, page: int, sort: str) -> CardPage:
    """Return a page of a collection. One statement. Raises NotFound for a page beyond the last."""
    return _card_page("collection", page, sort, kept=not collection.asks_for_stock, collection=collection.id)


def found_products(query: str, page: int, sort: str) -> CardPage:
    """Return a page of what a search finds, titles first. One statement at most. Raises NotFound beyond its end."""
    parameters: dict[str, Any] | None = search_parameters(query)
    if parameters is None:
        return CardPage((), 0, 1)
    if sort != "newest":
        del parameters["titled"]
    return _card_page("search", page, sort, **parameters)


def related_products(category: str, slug: str, limit: int) -> tuple[Card, ...]:
    """Return the newest products of a category (by slug) other than the product `slug`. One statement."""
    statement = _list_statement("category slug", "newest", dialect_name(), limit + 1)
    rows = cached(
        "category",
        f"{category} {limit}",
        lambda: _rows(fetch_all(statement, category_slug=category)),
    )
    return tuple(card for card in _cards(rows) if card.slug != slug)[:limit]


def first_of_category(category_id: uuid.UUID, sort: str) -> tuple[Card, ...]:
    """Return the first PAGE_SIZE products of a category and of those below it. One statement."""
    statement = _list_statement("branch", sort, dialect_name(), PAGE_SIZE)
    rows = cached(
        "branch", f"{category_id} {sort}", lambda: _rows(fetch_all(statement, category=category_id))
    )
    return _cards(rows)


def first_of_collection(collection_id: uuid.UUID, sort: str) -> tuple[Card, ...]:
    """Return the first PAGE_SIZE products of a collection, read afresh: stock may decide on them. One statement."""
    statement = _list_statement("collection", sort, dialect_name(), PAGE_SIZE)
    return _cards(_rows(fetch_all(statement, collection=collection_id)))


def _rows(found: Sequence[Any]) -> list[list[Any]]:
    """Return rows as JSON values."""
    return [list(row) for row in found]


def _cards(rows: Sequence[Sequence[Any]]) -> tuple[Card, ...]:
    """Make cards of a list's rows; in sport mode these may be old, so availability is read fresh. One statement."""
    cards = tuple(Card._make(row[:-1]) for row in rows)
    if not cache_enabled() or not cards:
        return cards
    units = {slug: units for slug, *units in fetch_all(_AVAILABLE, slugs=[card.slug for card in cards])}
    return tuple(
        card._replace(available=available, in_stock=in_stock)
        for card in cards
        for available, in_stock in (units.get(card.slug, (0, 0)),)
    )


def _card_page(kind: str, page: int, sort: str, *, kept: bool = True, **parameters: Any) -> CardPage:
    """Return a page of a list. `kept`: which products are in it depends on nothing but the catalogue."""
    if not 1 <= page <= MAX_PAGE:
        raise NotFound("list_page_not_found")
    offset = (page - 1) * PAGE_SIZE
    statement = _list_statement(kind, sort, dialect_name(), PAGE_SIZE, counted=True, further=offset > 0)
    place = {"offset": offset} if offset else {}

    def load() -> list[list[Any]]:
        return _rows(fetch_all(statement, **place, **parameters))

    # What people search for has no end, so it is not kept.
    about = parameters.get("category") or parameters.get("collection", "")
    rows = cached("list", f"{kind} {about} {sort} {page}", load) if kept and kind != "search" else load()
    if not rows and page > 1:
        raise NotFound("list_page_not_found")
    total = rows[0][-1] if rows else 0
    if len(rows) < PAGE_SIZE:
        total = offset + len(rows)
    elif total > COUNTED_EXACTLY:
        total = max(_large_total(kind, **parameters), offset + len(rows))
    return CardPage(_cards(rows), total, page)


_totals: BoundedCache[int] = BoundedCache(MAX_TOTALS, TOTAL_SECONDS)


def _large_total(kind: str, **parameters: Any) -> int:
    """Return how many products a long list has, up to MOST_COUNTED + 1; counted every `TOTAL_SECONDS`."""
    parameters.pop("titled", None)
    key = (current_tenant_id(), kind, *parameters.values())
    return _totals.get(
        key, lambda: int(fetch_all(_total_statement(kind, dialect_name()), **parameters)[0][0])
    )


@lru_cache(maxsize=16)
def _total_statement(kind: str, dialect: str) -> Select[Any]:
    if kind == "collection":
        return select(bounded(_collected()))
    return select(bounded(select(PRODUCTS.c.id).where(sold(), *_restriction(kind, dialect))))


@lru_cache(maxsize=128)
def _list_statement(
    kind: str, sort: str, dialect: str, limit: int, *, counted: bool = False, further: bool = False
) -> Select[Any]:
    """Build the statement of a list: first the products of one page, then what their cards show, then the total.

    How many there are is written into it: with a number that is not known before it runs PostgreSQL would plan it
    again each time, which takes longer than running it.

    Parameters: `tenant`; `offset` for a page `further` on; by kind `category` (id), `category_slug`, `collection` (id),
    or `words` and, sorted by newest, `titled`.
    """
    if kind == "collection":
        page = _page_of(_collected_rows(sort).limit(limit), further=further)
        return _cards_of(page, lambda page: _collected_order(sort, page.c), _collected())
    restriction = restriction_of_total = _restriction(kind, dialect)
    first = [key.label("first") for key in _first_keys(sort)]
    if kind == "search" and sort == "newest":
        # Nobody asks again of each product that was found whether its title has the words, too.
        found = found_titles(dialect).subquery("found")
        first, restriction = (
            [case((found.c.titled, 0), else_=1).label("first")],
            [found.c.product_id == PRODUCTS.c.id],
        )
    shown = (PRODUCTS.c.id, PRODUCTS.c.slug, PRODUCTS.c.title, PRODUCTS.c.published_at)
    rows = (
        select(*shown, *first)
        .where(sold(), *restriction)
        .order_by(*_in_order(sort, first, PRODUCTS.c))
        .limit(limit)
    )
    return _cards_of(
        _page_of(rows, further=further),
        lambda page: _in_order(sort, list(page.c)[len(shown) :], page.c),
        select(PRODUCTS.c.id).where(sold(), *restriction_of_total) if counted else None,
    )


def _page_of(rows: Select[Any], *, further: bool) -> CTE:
    """Return the rows of a page; one `further` on begins at the parameter `offset`."""
    if further:
        rows = rows.offset(bindparam("offset", type_=Integer()))
    return rows.cte("page")


def _cards_of(
    page: CTE,
    order: Callable[[CTE], Sequence[ColumnElement[Any]]],
    counted: Select[Any] | None,
) -> Select[Any]:
    """Build the statement for the cards of a page: id, slug and title first, then what it is sorted by.

    `counted` finds the products of the whole list; None for a list without a total.
    """
    total: ColumnElement[int] = literal(0)
    if counted is not None:
        some = counted.limit(literal_column(str(COUNTED_EXACTLY + 1))).subquery("some")
        total = select(func.count()).select_from(some).scalar_subquery()
    former = case((VARIANTS.c.compare_at > VARIANTS.c.price, VARIANTS.c.compare_at))
    return (
        select(
            page.c.slug,
            page.c.title,
            func.min(VARIANTS.c.price),
            func.max(VARIANTS.c.price),
            func.max(former),
            # One variant's units never make up for another's shortage, because none is ever below zero.
            func.coalesce(func.sum(units_available(STOCK.c)), 0).cast(BigInteger()),
            _first_picture(page.c.id, IMAGES.c.file),
            _first_picture(page.c.id, IMAGES.c.alt),
            func.coalesce(func.sum(units_in_stock(STOCK.c)), 0).cast(BigInteger()),
            func.min(VARIANTS.c.ships_from).cast(String()),
            total,
        )
        .join_from(page, VARIANTS, and_(VARIANTS.c.tenant_id == TENANT, VARIANTS.c.product_id == page.c.id))
        .outerjoin(STOCK, and_(STOCK.c.tenant_id == TENANT, STOCK.c.variant_id == VARIANTS.c.id))
        .where(VARIANTS.c.active)
        .group_by(*page.c)
        .order_by(*order(page))
    )


# --- collections ------------------------------------------------------------------------------------


def _collected_rows(sort: str) -> Select[Any]:
    """Build the rows of pages of the collection `collection`: a short walk along the index on what it is sorted by."""
    members = COLLECTION_PRODUCTS.c
    keys = {"newest": members.published_at, MANUAL: members.position, "title": members.title}
    key = keys.get(sort, members.price)
    slug, title = (
        _of_member(select(column)).scalar_subquery() for column in (PRODUCTS.c.slug, PRODUCTS.c.title)
    )
    rows = _collected().add_columns(slug.label("slug"), title.label("title"), key.label("key"))
    return rows.order_by(*_collected_order(sort, {"key": key, "id": members.product_id}))


def _collected_order(sort: str, columns: Any) -> list[ColumnElement[Any]]:
    down = sort in ("newest", "-price")
    return [columns[name].desc() if down else columns[name].asc() for name in ("key", "id")]


def _collected() -> Select[uuid.UUID]:
    """Build the statement for the products on sale that are in the collection `collection` now."""
    members = COLLECTION_PRODUCTS.c
    # No join: SQLite would begin with the products of the shop.
    return select(members.product_id.label("id")).where(
        members.tenant_id == TENANT,
        members.collection_id == bindparam("collection", type_=Uuid()),
        holds_now(members.stock, product_available(members.product_id), product_sold_out(members.product_id)),
        _of_member(select(PRODUCTS.c.id)).where(sold()).exists(),
    )


def _of_member(statement: Select[Any]) -> Select[Any]:
    """Restrict a statement about products to that of a row of a collection."""
    return statement.where(
        PRODUCTS.c.tenant_id == TENANT, PRODUCTS.c.id == COLLECTION_PRODUCTS.c.product_id
    ).correlate(COLLECTION_PRODUCTS)


def find_collection(slug: str) -> CollectionPage:
    """Return a collection that is published. One statement. Raises NotFound."""
    rows = fetch_all(_COLLECTION, slug=slug)
    if not rows:
        raise NotFound("collection_not_found")
    facts = rows[0]._asdict()
    by_rules, conditions = facts.pop("kind") == "rules", facts.pop("conditions")
    asks_for_stock = by_rules and any(each["fact"] == "stock" for each in conditions)
    return CollectionPage(**facts, asks_for_stock=asks_for_stock)


def _first_picture(product_id: ColumnElement[uuid.UUID], fact: ColumnElement[str]) -> ColumnElement[str]:
    return (
        select(fact)
        .where(IMAGES.c.tenant_id == TENANT, IMAGES.c.product_id == product_id, IMAGES.c.file != "")
        .order_by(IMAGES.c.position)  # by this alone, so that the index gives the order
        .limit(literal_column("1"))
        .scalar_subquery()
    )


def _restriction(kind: str, dialect: str) -> list[ColumnElement[bool]]:
    if kind == "search":
        return [PRODUCTS.c.id.in_(found_ids(dialect))]
    in_category = select(PRODUCT_CATEGORIES.c.product_id).where(PRODUCT_CATEGORIES.c.tenant_id == TENANT)
    if kind == "category":
        return [PRODUCTS.c.id.in_(in_category.where(PRODUCT_CATEGORIES.c.category_id == _category))]
    if kind == "branch":
        return [PRODUCTS.c.id.in_(in_category.where(PRODUCT_CATEGORIES.c.category_id.in_(_branch())))]
    if kind == "category slug":
        named = select(CATEGORIES.c.id).where(
            CATEGORIES.c.tenant_id == TENANT, CATEGORIES.c.slug == bindparam("category_slug")
        )
        return [PRODUCTS.c.id.in_(in_category.where(PRODUCT_CATEGORIES.c.category_id.in_(named)))]
    return []


def _first_keys(sort: str) -> list[ColumnElement[Any]]:
    """Return what a list is sorted by before the age: the lowest price, the order by hand, or nothing."""
    if sort == "newest":
        # Nothing, and not a constant: only then does the index on the age spare the sorting of all products.
        return []
    if sort == MANUAL:
        place = select(PRODUCT_CATEGORIES.c.position).where(
            PRODUCT_CATEGORIES.c.tenant_id == TENANT,
            PRODUCT_CATEGORIES.c.category_id == _category,
            PRODUCT_CATEGORIES.c.product_id == PRODUCTS.c.id,
        )
        # What is only in a category below was not put in order in this one.
        return [func.coalesce(place.correlate(PRODUCTS).scalar_subquery(), literal_column("0"))]
    lowest = select(func.min(VARIANTS.c.price)).where(
        VARIANTS.c.tenant_id == PRODUCTS.c.tenant_id,
        VARIANTS.c.product_id == PRODUCTS.c.id,
        VARIANTS.c.active,
    )
    return [lowest.correlate(PRODUCTS).scalar_subquery()]


def _in_order(sort: str, first: Sequence[ColumnElement[Any]], columns: Any) -> list[ColumnElement[Any]]:
    keys = [key.desc() if sort == "-price" else key.asc() for key in first]
    return [*keys, columns.published_at.desc(), columns.id.desc()]


def _branch() -> Select[Any]:
    """Return the statement for the ids of the category `category` and of everything below it."""
    child, above = CATEGORIES.alias("child"), CATEGORIES.alias("above")
    return select(child.c.id).where(
        child.c.tenant_id == TENANT,
        or_(
            child.c.id == _category,
            child.c.parent_id == _category,
            child.c.parent_id.in_(
                select(above.c.id).where(above.c.tenant_id == TENANT, above.c.parent_id == _category)
            ),
        ),
    )


_category = bindparam("category", type_=Uuid())
_COLLECTION = select(
    COLLECTIONS.c.id,
    COLLECTIONS.c.slug,
    COLLECTIONS.c.title,
    COLLECTIONS.c.picture,
    COLLECTIONS.c.description_html,
    COLLECTIONS.c.seo_title,
    COLLECTIONS.c.seo_description,
    COLLECTIONS.c.product_order,
    COLLECTIONS.c.kind,
    COLLECTIONS.c.conditions,
).where(COLLECTIONS.c.tenant_id == TENANT, COLLECTIONS.c.slug == bindparam("slug"), COLLECTIONS.c.published)
_AVAILABLE = (
    select(
        PRODUCTS.c.slug,
        func.sum(units_available(STOCK.c)).cast(BigInteger()),
        func.sum(units_in_stock(STOCK.c)).cast(BigInteger()),
    )
    .join(VARIANTS, and_(VARIANTS.c.tenant_id == TENANT, VARIANTS.c.product_id == PRODUCTS.c.id))
    .join(STOCK, and_(STOCK.c.tenant_id == TENANT, STOCK.c.variant_id == VARIANTS.c.id))
    .where(PRODUCTS.c.tenant_id == TENANT, VARIANTS.c.active)
    .where(PRODUCTS.c.slug.in_(bindparam("slugs", expanding=True)))
    .group_by(PRODUCTS.c.slug)
)
