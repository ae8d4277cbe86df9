"""Rows of the storefront: product cards, pages of them, and links to categories and pages."""

from __future__ import annotations

import uuid
from datetime import date
from typing import NamedTuple
from urllib.parse import quote

from commerce.content.models import page_path
from commerce.inventory.availability import expected_on

PAGE_SIZE = 24


class Card(NamedTuple):
    """A product as lists show it. Prices are minor units; `available` counts all variants and locations.

    `in_stock` of these units are there, the others may be promised beyond them; `ships_from` is the first day on which
    such are expected, as ISO 8601 text.

    Lists make dozens of these for each request; a named tuple is made and compared several times faster than a frozen
    dataclass.
    """

    slug: str
    title: str
    price_from: int
    price_to: int
    was: int | None
    available: int
    file: str | None
    alt: str | None
    in_stock: int
    ships_from: str | None

    @property
    def path(self) -> str:
        """The address of the product's page."""
        return f"/products/{quote(self.slug)}"

    @property
    def sold_out(self) -> bool:
        """Whether none of the variants can be had."""
        return self.available <= 0

    @property
    def on_backorder(self) -> bool:
        """Whether its variants can be had only as a promise: none is there."""
        return self.in_stock <= 0 < self.available

    @property
    def expected(self) -> date | None:
        """The day on which units beyond the stock are expected, None when nobody knows."""
        return expected_on(date.fromisoformat(self.ships_from)) if self.ships_from else None


class CardPage(NamedTuple):
    """One page of a list, and how many products the whole list has."""

    cards: tuple[Card, ...]
    total: int
    number: int

    @property
    def last(self) -> int:
        """The number of the last page; an empty list has one."""
        return max(1, -(-self.total // PAGE_SIZE))


class CategoryLink(NamedTuple):
    """A category that has something to show. `picture` is a file under the media folder, '' for none of its own."""

    id: uuid.UUID
    slug: str
    name: str
    parent_id: uuid.UUID | None = None
    picture: str = ""

    @property
    def path(self) -> str:
        """The address of the category's page."""
        return f"/categories/{quote(self.slug)}"


class CategoryPage(NamedTuple):
    """A category, those above it (the top first) and those right below it that have something to show."""

    id: uuid.UUID
    slug: str
    name: str
    picture: str
    description: str
    seo_title: str
    seo_description: str
    product_order: str
    trail: tuple[CategoryLink, ...]
    children: tuple[CategoryLink, ...]


class CollectionPage(NamedTuple):
    """A collection that visitors may see. `asks_for_stock`: which products are in it changes with their stock."""

    id: uuid.UUID
    slug: str
    title: str
    picture: str
    description_html: str
    seo_title: str
    seo_description: str
    product_order: str
    asks_for_stock: bool


class PageLink(NamedTuple):
    """A page or policy that visitors may see."""

    kind: str
    slug: str
    title: str

    @property
    def path(self) -> str:
        """The address of the page."""
        return quote(page_path(self.kind, self.slug))


class Navigation(NamedTuple):
    """What every page of the shop links to, the menus that staff have edited, and whether the home page is theirs."""

    categories: tuple[CategoryLink, ...]
    pages: tuple[PageLink, ...]
    policies: tuple[PageLink, ...]
    edited_menus: tuple[str, ...] = ()
    own_home: bool = False
