"""The addresses of a shop for search engines: pages, categories, collections and products."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sqlalchemy import CompoundSelect, func, literal, select, union_all

from commerce.catalog.collections import collection_path
from commerce.catalog.tables import CATEGORIES, COLLECTIONS, PRODUCTS, sold
from commerce.content.models import page_path
from commerce.content.queries import published_links
from commerce.db import TENANT, fetch_all
from commerce.storefront.categories import FILLED_CATEGORIES, MAX_CATEGORIES

SITEMAP_SIZE = 20_000
"""Addresses in one file; sitemaps.org allows 50,000 and 50 MB."""


def count_sitemaps() -> int:
    """Return how many files of `SITEMAP_SIZE` addresses the shop's pages fill. Two statements."""
    products = fetch_all(select(func.count()).select_from(PRODUCTS).where(sold()))[0][0]
    return -(-(len(_first_paths()) + int(products)) // SITEMAP_SIZE)


def sitemap_paths(number: int) -> list[str]:
    """Return the addresses of one file, counted from 1. Two statements.

    First the home page, pages, categories and collections, then products.
    """
    start = (number - 1) * SITEMAP_SIZE
    first = _first_paths()
    paths = first[start : start + SITEMAP_SIZE]
    products = (
        select(PRODUCTS.c.slug)
        .where(sold())
        .order_by(PRODUCTS.c.id)
        .offset(max(0, start - len(first)))
        .limit(SITEMAP_SIZE - len(paths))
    )
    return paths + [f"/products/{quote(row[0])}" for row in fetch_all(products)]


def _first_paths() -> list[str]:
    """Return the addresses before those of products. One statement."""
    found: dict[str, list[str]] = {}
    for row in fetch_all(_BEFORE_PRODUCTS, limit=MAX_CATEGORIES):
        if row.kind == "collection":
            path = collection_path(row.slug)
        else:
            path = f"/categories/{row.slug}" if row.kind == "category" else page_path(row.kind, row.slug)
        found.setdefault(row.kind, []).append(quote(path))
    return [
        "/",
        *(path for kind in ("page", "policy", "category", "collection") for path in found.get(kind, ())),
    ]


def _before_products_statement() -> CompoundSelect[Any]:
    """Build the statement for what a sitemap names before the products: kind and slug of pages and lists."""
    filled, pages = (
        statement.subquery()
        for statement in (FILLED_CATEGORIES.add_columns(CATEGORIES.c.position), published_links())
    )
    return union_all(
        select(
            literal("category").label("kind"),
            filled.c.slug,
            filled.c.position.label("place"),
            filled.c.name.label("name"),
        ),
        select(pages.c.kind, pages.c.slug, literal(0), pages.c.title),
        select(literal("collection"), COLLECTIONS.c.slug, literal(0), COLLECTIONS.c.title).where(
            COLLECTIONS.c.tenant_id == TENANT, COLLECTIONS.c.published
        ),
    ).order_by("place", "name")


_BEFORE_PRODUCTS = _before_products_statement()
