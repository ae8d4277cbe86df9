"""The home page: what staff have published of it, else the picture of the shop, its categories and newest products."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from commerce.content.home_sections import Section, sections_of
from commerce.markup import Markup, joined
from commerce.storefront import listings
from commerce.storefront.layout import nav_categories, site_navigation
from commerce.storefront.list_parts import cards_markup, pictures_of
from commerce.storefront.product_cards import PAGE_SIZE, Card, CategoryLink

HOME_PRODUCTS = 12


class ShownSection(NamedTuple):
    """A section with what it shows: `cards` of products, or `categories` with their `pictures`."""

    section: Section
    cards: Markup
    categories: tuple[CategoryLink, ...]
    pictures: Mapping[uuid.UUID, str]


def home_facts() -> dict[str, Any]:
    """Return what the home page shows to everybody."""
    if site_navigation().own_home:
        return section_facts("published")
    found = nav_categories()
    cards = cards_markup(listings.newest(HOME_PRODUCTS))
    return {"sections": None, "categories": found, "pictures": pictures_of(found), "cards": cards}


def section_facts(stage: str) -> dict[str, Any]:
    """Return what a home page in sections shows: of the 'draft', or of what was 'published'.

    Sections that have nothing to show are left out. One statement, and one more for each section of products.
    """
    shown = [_shown(section) for section in sections_of(stage) if not section.problem]
    return {"sections": [each for each in shown if _has_something(each)]}


def _shown(section: Section) -> ShownSection:
    categories: Sequence[CategoryLink] = nav_categories() if section.kind == "categories" else ()
    cards = cards_markup(_products(section)) if section.kind == "products" else joined(())
    return ShownSection(section, cards, tuple(categories), pictures_of(categories))


def _products(section: Section) -> tuple[Card, ...]:
    """Return the products of a section. As many are read whatever it shows: so few statements are planned."""
    if section.source == "category" and section.source_id is not None:
        return listings.first_of_category(section.source_id, section.product_order)[: section.most]
    if section.source == "collection" and section.source_id is not None:
        return listings.first_of_collection(section.source_id, section.product_order)[: section.most]
    return listings.newest(PAGE_SIZE)[: section.most]


def _has_something(shown: ShownSection) -> bool:
    needed = {"products": shown.cards, "categories": shown.categories}
    return bool(needed.get(shown.section.kind, True))
