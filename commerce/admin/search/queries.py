"""What the one search field finds beside orders: products, customers, and pages of the back office."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import func, select, union

from commerce.admin.navigation import Group, Place
from commerce.catalog.models import Product
from commerce.catalog.search import found_ids, products_of_code, search_parameters
from commerce.db import current_tenant_id, db
from commerce.members.customers import CustomerFilter, find_members
from commerce.orders.listing import ListedOrder

FEW = 6


class FoundProduct(NamedTuple):
    """A product, hidden ones too."""

    slug: str
    title: str
    status: str


class FoundCustomer(NamedTuple):
    """A customer. `key` is what the address of their page ends in."""

    key: str
    name: str
    email: str


def match_products(search: str) -> Sequence[FoundProduct]:
    """Return a few products: found by words, or by a whole SKU or barcode. One statement."""
    asked = search_parameters(search)
    of_code = products_of_code(search)
    found = [found_ids(db.engine.dialect.name)] if asked else []
    rows = db.session.execute(
        select(Product.slug, Product.title, Product.status)
        .where(Product.id.in_(union(*found, *of_code)))
        .order_by(func.lower(Product.title), Product.id)
        .limit(FEW),
        {"tenant": current_tenant_id(), "words": asked["words"] if asked else ""},
    )
    return [FoundProduct(*row) for row in rows]


def match_customers(search: str, orders: Iterable[ListedOrder]) -> Sequence[FoundCustomer]:
    """Return a few customers: those with an account that match, and whoever placed the orders that were found."""
    found = {
        row.email: FoundCustomer(row.key, row.name, row.email)
        for row in find_members(CustomerFilter(search))[:FEW]
    }
    for order in orders:
        if order.email and not order.email.endswith(".invalid"):
            found.setdefault(order.email.lower(), FoundCustomer(order.code, order.name, order.email))
    return list(found.values())[:FEW]


def match_places(search: str, groups: Sequence[Group]) -> Sequence[Place]:
    """Return the pages of the back office whose name or description has every word that was searched for."""
    words = search.casefold().split()
    texts = {
        place.path: f"{place.label} {place.about}".casefold() for group in groups for place in group.places
    }
    places = {place.path: place for group in groups for place in group.places}
    return [place for path, place in places.items() if words and all(word in texts[path] for word in words)][
        :FEW
    ]
