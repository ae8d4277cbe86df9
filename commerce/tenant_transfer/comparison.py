"""What has to be the same after a move: numbers of rows, sums of money, and the units of every SKU."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Select, func, select

from commerce.catalog.models import Variant
from commerce.inventory.models import StockItem
from commerce.money import format_money
from commerce.orders.models import Order, OrderLine
from commerce.payments.models import Payment, Refund

Books = dict[str, Any]


def totals_of(connection: Connection, tenant_id: uuid.UUID) -> Books:
    """Return the sums of a shop: money in minor units by currency, units over all SKUs and a digest of each."""
    units, digest = [0, 0, 0], hashlib.sha256()
    for sku, on_hand, reserved in connection.execute(_stock(tenant_id), execution_options={"yield_per": 500}):
        digest.update(f"{sku}\0{on_hand}\0{reserved}\n".encode())
        units = [units[0] + 1, units[1] + int(on_hand), units[2] + int(reserved)]
    return {
        "ordered": _sums(connection, Order.currency, Order.total, Order.tenant_id == tenant_id),
        "units_ordered": _sum(
            connection, select(func.sum(OrderLine.quantity)).where(OrderLine.tenant_id == tenant_id)
        ),
        "captured": _sums(connection, Payment.currency, Payment.captured, Payment.tenant_id == tenant_id),
        "refunded": _sums(connection, Payment.currency, Payment.refunded, Payment.tenant_id == tenant_id),
        "refunds": _sum(connection, select(func.sum(Refund.amount)).where(Refund.tenant_id == tenant_id)),
        "skus": units[0],
        "on_hand": units[1],
        "reserved": units[2],
        "stock_digest": digest.hexdigest(),
    }


def _stock(tenant_id: uuid.UUID) -> Select[str, int, int]:
    # Sorted by id: databases sort text in their own ways.
    return (
        select(Variant.sku, func.sum(StockItem.on_hand), func.sum(StockItem.reserved))
        .join(StockItem, (StockItem.tenant_id == Variant.tenant_id) & (StockItem.variant_id == Variant.id))
        .where(Variant.tenant_id == tenant_id)
        .group_by(Variant.tenant_id, Variant.id, Variant.sku)
        .order_by(Variant.id)
    )


def _sums(connection: Connection, currency: Any, amount: Any, mine: Any) -> dict[str, int]:
    statement = select(currency, func.sum(amount)).where(mine).group_by(currency).order_by(currency)
    return {code: int(total) for code, total in connection.execute(statement)}


def _sum(connection: Connection, statement: Select[Any]) -> int:
    return int(connection.execute(statement).scalar() or 0)


def describe_difference(books: Books) -> Iterator[tuple[str, str]]:
    """Yield (what, how much) for people."""
    for name in ("ordered", "captured", "refunded"):
        amounts = [format_money(amount, code, "en") for code, amount in books[name].items()]
        yield name, " + ".join(amounts) or "nothing"
    yield "stock", f"{books['on_hand']} units on hand, {books['reserved']} reserved, of {books['skus']} SKUs"
