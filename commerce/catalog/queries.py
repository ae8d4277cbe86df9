"""Read the lists of the catalogue: products by shelf, search or age, and the shelves themselves."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    select,
)

from commerce.catalog.reading import (
    CATEGORIES,
    IMAGES,
    PRODUCTS,
    SHELVED,
    STOCK,
    TENANT,
    VARIANTS,
    dialect_name,
    read,
    sold,
)
from commerce.catalog.search import found_ids, search_parameters, title_rank
from commerce.errors import NotFound

PAGE_SIZE = 24
SORTS = ("newest", "price", "-price")
MAX_PAGE = 100_000
MAX_SITEMAP = 20_000


@dataclass(frozen=True, slots=True)
class Card:
    """A product as lists show it. Prices are minor units; `available` counts all variants and locations."""

    slug: str
    title: str
    vendor: str
    price_from: int
    price_to: int
    was: int | None
    available: int
    backorder: bool
    file: str | None
    alt: str | None

    @property
    def path(self) -> str:
        """The address of the product's page."""
        return f"/products/{quote(self.slug)}"

    @property
    def sold_out(self) -> bool:
        """Whether none of the variants can be had."""
        return self.available <= 0 and not self.backorder


@dataclass(frozen=True, slots=True)
class CardPage:
    """One page of a list, and how many products the whole list has."""

    cards: tuple[Card, ...]
    total: int
    number: int

    @property
    def last(self) -> int:
        """The number of the last page; an empty list has one."""
        return max(1, -(-self.total // PAGE_SIZE))


@dataclass(frozen=True, slots=True)
class Shelf:
    """A category that has something to show."""

    slug: str
    name: str

    @property
    def path(self) -> str:
        """The address of the category's page."""
        return f"/categories/{quote(self.slug)}"


@dataclass(frozen=True, slots=True)
class ShelfCard(Shelf):
    """A category with what its tile shows: how many products, and the picture of the newest that has one."""

    description: str
    products: int
    file: str | None


# --- lists ------------------------------------------------------------------------------------------


def newest(limit: int) -> tuple[Card, ...]:
    """Return the products published last, at most `limit`. One statement."""
    rows = read(_list_statement("all", "newest", dialect_name(), counted=False), limit=limit, offset=0)
    return tuple(Card(*row[:-1]) for row in rows)


def all_products(page: int, sort: str) -> CardPage:
    """Return a page of everything that is sold. One statement. Raises NotFound for a page beyond the last."""
    return _card_page("all", page, sort)


def products_of(category_id: uuid.UUID, page: int, sort: str) -> CardPage:
    """Return a page of a category. One statement. Raises NotFound for a page beyond the last."""
    return _card_page("category", page, sort, category=category_id)


def found_products(query: str, page: int, sort: str) -> CardPage:
    """Return a page of what a search finds, titles first. One statement at most. Raises NotFound beyond its end."""
    parameters = search_parameters(query)
    if parameters is None:
        return CardPage((), 0, 1)
    if sort != "newest":
        del parameters["titled"]
    return _card_page("search", page, sort, **parameters)


def neighbours(shelf: str, slug: str, limit: int) -> tuple[Card, ...]:
    """Return the newest products of a category (by slug) other than the product `slug`. One statement."""
    statement = _list_statement("shelf", "newest", dialect_name(), counted=False)
    rows = read(statement, shelf=shelf, limit=limit + 1, offset=0)
    return tuple(card for card in (Card(*row[:-1]) for row in rows) if card.slug != slug)[:limit]


def _card_page(kind: str, page: int, sort: str, **parameters: Any) -> CardPage:
    if not 1 <= page <= MAX_PAGE:
        raise NotFound("This list has no such page.")
    statement = _list_statement(kind, sort, dialect_name(), counted=True)
    rows = read(statement, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE, **parameters)
    if not rows and page > 1:
        raise NotFound("This list has no such page.")
    return CardPage(tuple(Card(*row[:-1]) for row in rows), rows[0][-1] if rows else 0, page)


@lru_cache(maxsize=64)
def _list_statement(kind: str, sort: str, dialect: str, *, counted: bool) -> Select[Any]:
    """Build the statement of a list: first the products of one page, then what their cards show, then the total.

    Parameters: `tenant`, `limit`, `offset`; by kind `category` (id), `shelf` (slug), or `words` and, sorted by newest,
    `titled`.
    """
    condition = and_(sold(), *_restriction(kind, dialect))
    first = _first_key(kind, sort, dialect).label("first")
    page = (
        select(
            PRODUCTS.c.id,
            PRODUCTS.c.slug,
            PRODUCTS.c.title,
            PRODUCTS.c.vendor,
            PRODUCTS.c.published_at,
            first,
        )
        .where(condition)
        .order_by(*_in_order(sort, first, PRODUCTS.c))
        .limit(bindparam("limit", type_=Integer()))
        .offset(bindparam("offset", type_=Integer()))
        .cte("page")
    )
    total = (
        select(func.count()).select_from(PRODUCTS).where(condition).scalar_subquery()
        if counted
        else literal(0)
    )
    prices = _prices(select(page.c.id)).subquery("prices")
    picture = (
        select(IMAGES.c.id)
        .where(IMAGES.c.tenant_id == TENANT, IMAGES.c.product_id == page.c.id)
        .order_by(IMAGES.c.file == "", IMAGES.c.position, IMAGES.c.id)
        .limit(1)
        .correlate(page)
        .scalar_subquery()
    )
    return (
        select(
            page.c.slug,
            page.c.title,
            page.c.vendor,
            *list(prices.c)[1:],
            IMAGES.c.file,
            IMAGES.c.alt,
            total,
        )
        .join_from(page, prices, prices.c.product_id == page.c.id)
        .outerjoin(IMAGES, and_(IMAGES.c.tenant_id == TENANT, IMAGES.c.id == picture))
        .order_by(*_in_order(sort, page.c.first, page.c))
    )


def _restriction(kind: str, dialect: str) -> list[ColumnElement[bool]]:
    if kind == "search":
        return [PRODUCTS.c.id.in_(found_ids(dialect))]
    on_shelf = select(SHELVED.c.product_id).where(SHELVED.c.tenant_id == TENANT)
    if kind == "category":
        return [
            PRODUCTS.c.id.in_(on_shelf.where(SHELVED.c.category_id == bindparam("category", type_=Uuid())))
        ]
    if kind == "shelf":
        named = select(CATEGORIES.c.id).where(
            CATEGORIES.c.tenant_id == TENANT, CATEGORIES.c.slug == bindparam("shelf")
        )
        return [PRODUCTS.c.id.in_(on_shelf.where(SHELVED.c.category_id.in_(named)))]
    return []


def _first_key(kind: str, sort: str, dialect: str) -> ColumnElement[Any]:
    """Return what a list is sorted by before the age: the lowest price, whether a found title matches, or nothing."""
    if sort == "newest":
        return case((title_rank(dialect, PRODUCTS.c.id), 0), else_=1) if kind == "search" else literal(0)
    return (
        select(func.min(VARIANTS.c.price))
        .where(
            VARIANTS.c.tenant_id == PRODUCTS.c.tenant_id,
            VARIANTS.c.product_id == PRODUCTS.c.id,
            VARIANTS.c.active,
        )
        .correlate(PRODUCTS)
        .scalar_subquery()
    )


def _in_order(sort: str, first: ColumnElement[Any], columns: Any) -> list[ColumnElement[Any]]:
    newest_first = [columns.published_at.desc(), columns.id.desc()]
    return [first.desc() if sort == "-price" else first.asc(), *newest_first]


def _prices(product_ids: Select[Any]) -> Select[Any]:
    """Return the statement for lowest, highest and former price, units available and backorder of products."""
    former = case((VARIANTS.c.compare_at > VARIANTS.c.price, VARIANTS.c.compare_at))
    return (
        select(
            VARIANTS.c.product_id,
            func.min(VARIANTS.c.price),
            func.max(VARIANTS.c.price),
            func.max(former),
            # One variant's units never make up for another's shortage, because none is ever below zero.
            func.coalesce(func.sum(STOCK.c.on_hand - STOCK.c.reserved), 0).cast(BigInteger()),
            func.max(case((VARIANTS.c.backorder, 1), else_=0)) == 1,
        )
        .outerjoin(
            STOCK, and_(STOCK.c.tenant_id == VARIANTS.c.tenant_id, STOCK.c.variant_id == VARIANTS.c.id)
        )
        .where(VARIANTS.c.tenant_id == TENANT, VARIANTS.c.active, VARIANTS.c.product_id.in_(product_ids))
        .group_by(VARIANTS.c.product_id)
    )


# --- categories -------------------------------------------------------------------------------------


def shelves(limit: int) -> tuple[Shelf, ...]:
    """Return the categories that have something to show, in the shop's order. One statement."""
    return tuple(Shelf(*row) for row in read(_SHELVES, limit=limit))


def shelf_cards(limit: int) -> tuple[ShelfCard, ...]:
    """Return the categories that have something to show, with what their tiles show. One statement."""
    return tuple(ShelfCard(*row) for row in read(_SHELF_CARDS, limit=limit))


def find_category(slug: str) -> tuple[uuid.UUID, str, str]:
    """Return a category's id, name and description. One statement. Raises NotFound."""
    rows = read(_CATEGORY, slug=slug)
    if not rows:
        raise NotFound("There is no such category.")
    return rows[0][0], rows[0][1], rows[0][2]


def all_paths() -> list[str]:
    """Return the address of every category and product page, for search engines. Two statements."""
    products = read(select(PRODUCTS.c.slug).where(sold()).order_by(PRODUCTS.c.id).limit(MAX_SITEMAP))
    return [shelf.path for shelf in shelves(MAX_SITEMAP)] + [f"/products/{quote(row[0])}" for row in products]


def _on_this_shelf() -> tuple[ColumnElement[bool], ...]:
    return (
        SHELVED.c.tenant_id == TENANT,
        SHELVED.c.category_id == CATEGORIES.c.id,
        PRODUCTS.c.id == SHELVED.c.product_id,
        sold(),
    )


_shelf_limit = bindparam("limit", type_=Integer())
_shelf_order = (CATEGORIES.c.position, CATEGORIES.c.name, CATEGORIES.c.id)
_SHELVES = (
    select(CATEGORIES.c.slug, CATEGORIES.c.name)
    .where(CATEGORIES.c.tenant_id == TENANT, exists().where(*_on_this_shelf()))
    .order_by(*_shelf_order)
    .limit(_shelf_limit)
)
_CATEGORY = select(CATEGORIES.c.id, CATEGORIES.c.name, CATEGORIES.c.description).where(
    CATEGORIES.c.tenant_id == TENANT, CATEGORIES.c.slug == bindparam("slug")
)
_SHELF_CARDS = (
    select(
        CATEGORIES.c.slug,
        CATEGORIES.c.name,
        CATEGORIES.c.description,
        select(func.count())
        .select_from(SHELVED, PRODUCTS)
        .where(*_on_this_shelf())
        .correlate(CATEGORIES)
        .scalar_subquery(),
        select(IMAGES.c.file)
        .where(
            *_on_this_shelf(),
            IMAGES.c.tenant_id == TENANT,
            IMAGES.c.product_id == PRODUCTS.c.id,
            IMAGES.c.file != "",
        )
        .order_by(PRODUCTS.c.published_at.desc(), IMAGES.c.position, IMAGES.c.id)
        .limit(1)
        .correlate(CATEGORIES)
        .scalar_subquery(),
    )
    .where(CATEGORIES.c.tenant_id == TENANT, exists().where(*_on_this_shelf()))
    .order_by(*_shelf_order)
    .limit(_shelf_limit)
)
