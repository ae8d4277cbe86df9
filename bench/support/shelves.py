"""The shop of a replay before its first invoice: every stock code for sale, and its units on the shelf."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from commerce.catalog.models import Product, Variant
from commerce.db import atomic, db, insert_rows, new_id
from commerce.inventory.adjustments import book_movement, set_initial_stock
from commerce.inventory.models import StockItem


@dataclass(frozen=True)
class Shelf:
    """One stock code in the shop."""

    variant_id: uuid.UUID
    stock_item_id: uuid.UUID


def open_shelves(prices: Mapping[str, int], going: Mapping[str, int]) -> dict[str, Shelf]:
    """Put every stock code up for sale, receive its units, and return its shelf."""
    variants = _put_up(prices)
    items = {row.variant_id: row.id for row in db.session.execute(select(StockItem.variant_id, StockItem.id))}
    shelves = {code: Shelf(variant_id, items[variant_id]) for code, variant_id in variants.items()}
    for code, units in going.items():
        book_movement(
            shelves[code].stock_item_id, units, cause="received", actor="replay", reference="opening"
        )
    return shelves


@atomic
def _put_up(prices: Mapping[str, int]) -> dict[str, uuid.UUID]:
    products = {code: new_id() for code in prices}
    variants = {code: new_id() for code in prices}
    insert_rows(
        Product,
        [{"id": products[code], "slug": f"item-{n}", "title": code} for n, code in enumerate(prices)],
    )
    insert_rows(
        Variant,
        [
            {"id": variants[code], "product_id": products[code], "sku": code, "price": price}
            for code, price in prices.items()
        ],
    )
    set_initial_stock(dict.fromkeys(variants.values(), 0), cause="opening", actor="replay", reference="")
    return variants
