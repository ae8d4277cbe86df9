"""Lists of stock, its ledger and its reservations. Plain columns, one statement each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, literal_column, select, union

from commerce import paging
from commerce.admin.queries import deep_page_by_keys
from commerce.catalog.models import Product, Variant
from commerce.catalog.search import MatchingProducts, variants_of_code
from commerce.db import db
from commerce.errors import NotFound
from commerce.inventory.models import Location, Reservation, StockItem, StockMovement
from commerce.list_queries import bounded_count, bounded_counts
from commerce.orders.models import Order, OrderLine
from commerce.paging import FIRST_PAGE, AskedPage, Page
from commerce.tenants.scope import current_shop

FILTERS = ("", "low", "held", "promised")
LEDGER = 200
FEW = 1_000
"""Rows of a filtered list up to which they are found first, and then sorted."""


@dataclass(frozen=True, slots=True)
class StockRow:
    """One variant at one location, with its units."""

    id: uuid.UUID
    sku: str
    title: str
    option_values: list[str]
    location: str
    on_hand: int
    reserved: int
    version: int
    backorder_limit: int

    @property
    def available(self) -> int:
        """Units that are there and can be sold."""
        return max(0, self.on_hand - self.reserved)

    @property
    def waiting(self) -> int:
        """Units that are promised and not there."""
        return max(0, self.reserved - self.on_hand)

    @property
    def options(self) -> str:
        """The variant's options as one text."""
        return " / ".join(self.option_values)


_STOCK_COLUMNS = (
    StockItem.id,
    Variant.sku,
    Product.title,
    Variant.option_values,
    Location.name,
    StockItem.on_hand,
    StockItem.reserved,
    StockItem.version,
    StockItem.backorder_limit,
)


def _joined(*columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(StockItem)
        .join(Variant, and_(Variant.tenant_id == StockItem.tenant_id, Variant.id == StockItem.variant_id))
        .join(Product, and_(Product.tenant_id == Variant.tenant_id, Product.id == Variant.product_id))
        .join(Location, and_(Location.tenant_id == StockItem.tenant_id, Location.id == StockItem.location_id))
    )


_PROMISED = StockItem.reserved > StockItem.on_hand


@dataclass(frozen=True, slots=True)
class FoundStock:
    """What a search of the list finds: variants of products that the shop's search finds, or of exactly this SKU or
    barcode.

    `too_many` is how many products, bounded, when these are so many that their stock is not counted by tabs; beyond the
    bound `conditions` are about variants.
    """

    conditions: tuple[ColumnElement[bool], ...] = ()
    too_many: int = 0


def search_stock(search: str) -> FoundStock:
    """Return what a search finds; all stock without one. A step."""
    if not search:
        return FoundStock()
    found = MatchingProducts(search)
    if found.total > paging.MOST_COUNTED:
        return FoundStock((found.holds(Variant.product_id),), too_many=found.total)
    of_code = variants_of_code(search)
    if found.ids is None:
        return FoundStock((StockItem.variant_id.in_(union(*of_code)),))
    of_product = select(Variant.id).where(Variant.product_id.in_(found.ids))
    condition = StockItem.variant_id.in_(union(of_product, *of_code))
    return FoundStock((condition,), too_many=found.total if found.too_many else 0)


def _shown(show: str) -> list[ColumnElement[bool]]:
    """Return the condition of a tab: 'low' (at the shop's threshold or less), 'held' or 'promised'; '' for all."""
    conditions = {
        "low": StockItem.on_hand - StockItem.reserved <= current_shop().low_stock_at,
        "held": StockItem.reserved > 0,
        "promised": _PROMISED,
    }
    return [conditions[show]] if show else []


def list_stock_rows(found: FoundStock, *, show: str = "", page: AskedPage = FIRST_PAGE) -> Page[StockRow]:
    """Return a page of `StockRow` by SKU. `show` is 'low' (at the shop's threshold or less), 'held' or 'promised'."""
    conditions = [*found.conditions, *_shown(show)]
    total = found.too_many
    if total <= paging.MOST_COUNTED:
        total = bounded_count(select(StockItem.id).where(*conditions))
    if total <= min(FEW, paging.MOST_COUNTED):
        # The limit keeps PostgreSQL from walking all of the list to find these few.
        few = select(StockItem.id).where(*conditions).limit(max(1, total))
        conditions = [StockItem.id.in_(select(few.subquery().c.id))]
    of_variant = and_(Variant.tenant_id == StockItem.tenant_id, Variant.id == StockItem.variant_id)
    keys = select(StockItem.tenant_id, StockItem.id).join(Variant, of_variant).where(*conditions)

    def rows(page_of_keys: Any) -> Any:
        key = and_(StockItem.tenant_id == page_of_keys.c.tenant_id, StockItem.id == page_of_keys.c.id)
        return _joined(*_STOCK_COLUMNS).join(page_of_keys, key).order_by(Variant.sku, StockItem.id)

    def make(found: Any) -> list[StockRow]:
        return [StockRow(*row) for row in found]

    return deep_page_by_keys(
        keys, (Variant.sku, StockItem.id), total, page, rows, make, lambda row: (row.sku, row.id), (str, _sku)
    )


def matching_stock(search: str, show: str) -> Select[uuid.UUID, int]:
    """Return the statement for the id and version of every stock item that the list's filter finds. A step."""
    found = search_stock(search)
    # Beyond the bound the conditions of a search are about variants.
    of_variant = and_(Variant.tenant_id == StockItem.tenant_id, Variant.id == StockItem.variant_id)
    statement = select(StockItem.id, StockItem.version).join(Variant, of_variant)
    return statement.where(*found.conditions, *_shown(show)).order_by(StockItem.id)


def _sku(text: str) -> str:
    """Return a SKU as the position of a page names it. Raises ValueError."""
    if not text.isprintable():
        raise ValueError(text)
    return text


def count_stock_rows(found: FoundStock) -> dict[str, int]:
    """Return how many stock items are found: all, low, with reserved units, promised beyond them.

    Bounded; of too many nothing but that.
    """
    if found.too_many:
        return {"": found.too_many}
    every = select(StockItem.id).where(*found.conditions)
    return bounded_counts({show: every.where(*_shown(show)) for show in ("", "low", "held", "promised")})


def get_stock(stock_item_id: uuid.UUID) -> StockRow:
    """Return one stock item. Raises NotFound."""
    row = db.session.execute(_joined(*_STOCK_COLUMNS).where(StockItem.id == stock_item_id)).one_or_none()
    if row is None:
        raise NotFound("stock_not_found")
    return StockRow(*row)


def stock_of(sku: str) -> list[StockRow]:
    """Return the stock items of one SKU, one for each location. Raises NotFound when it is stocked nowhere."""
    rows = db.session.execute(
        _joined(*_STOCK_COLUMNS).where(Variant.sku == sku).order_by(Location.position, StockItem.id)
    ).all()
    if not rows:
        raise NotFound("stock_of_sku_not_found")
    return [StockRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A stock movement with the units that were on hand after it."""

    delta: int
    cause: str
    actor: str
    reference: str
    at: datetime
    balance: int


def stock_ledger(row: StockRow, limit: int | None = LEDGER) -> list[LedgerRow]:
    """Return the newest movements of a stock item (None: all of them) as a running account, newest first.

    It is counted back from what is on hand now; that this is the sum of all movements is checked elsewhere.
    """
    found: Sequence[Any] = db.session.execute(
        select(
            StockMovement.delta,
            StockMovement.cause,
            StockMovement.actor,
            StockMovement.reference,
            StockMovement.occurred_at,
        )
        .where(StockMovement.stock_item_id == row.id)
        .order_by(StockMovement.id.desc())
        .limit(limit)
    ).all()
    balance, lines = row.on_hand, []
    for movement in found:
        line = LedgerRow(
            movement.delta, movement.cause, movement.actor, movement.reference, movement.occurred_at, balance
        )
        lines.append(line)
        balance -= movement.delta
    return lines


# --- reservations ------------------------------------------------------------------------------------


def list_reservations(search: str = "", page: AskedPage = FIRST_PAGE) -> Page[Any]:
    """Return a page of units that are reserved for unpaid orders, the soonest to expire first.

    `search` is a SKU or the code of an order.
    """
    # Written into the statements: values bound later would keep PostgreSQL from using the indexes of what is open.
    held = Reservation.state == literal_column("'held'")
    of_order = and_(Order.tenant_id == Reservation.tenant_id, Order.id == Reservation.order_id)
    keys = (
        select(Reservation.tenant_id, Reservation.id)
        .join(Order, of_order)
        .where(held, Order.status == literal_column("'pending'"))
    )
    if search:
        typed = {search, search.upper(), search.lower()}
        of_sku = (
            select(StockItem.id)
            .join(Variant, and_(Variant.tenant_id == StockItem.tenant_id, Variant.id == StockItem.variant_id))
            .where(Variant.sku.in_(typed))
        )
        found = union(
            select(Reservation.id).where(held, Reservation.stock_item_id.in_(of_sku)),
            select(Reservation.id).join(Order, of_order).where(Order.code.in_(typed)),
        )
        keys = keys.where(Reservation.id.in_(found))
    listing = deep_page_by_keys(
        keys,
        (Order.hold_expires_at, Reservation.id),
        bounded_count(keys),
        page,
        _reservations,
        list,
        lambda row: (row.hold_expires_at, row.id),
        (datetime.isoformat, _moment),
    )
    return replace(listing, rows=sorted(listing.rows, key=_by_order))


_LAST = datetime.max.replace(tzinfo=UTC)


def _by_order(row: Any) -> tuple[datetime, uuid.UUID, int]:
    return row.hold_expires_at or _LAST, row.order_id, row.position


def _moment(text: str) -> datetime:
    """Return a moment as the position of a page names it. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _reservations(page_of_keys: Any) -> Any:
    of_line = and_(OrderLine.tenant_id == Reservation.tenant_id, OrderLine.id == Reservation.order_line_id)
    of_item = and_(StockItem.tenant_id == Reservation.tenant_id, StockItem.id == Reservation.stock_item_id)
    return (
        select(
            Order.code,
            Order.version,
            Order.name,
            Order.hold_expires_at,
            Order.payment_label,
            OrderLine.sku,
            OrderLine.title,
            OrderLine.options,
            Reservation.quantity,
            Reservation.id,
            Reservation.stock_item_id,
            _PROMISED.label("short"),
            Order.id.label("order_id"),
            OrderLine.position,
        )
        .join(
            page_of_keys,
            and_(Reservation.tenant_id == page_of_keys.c.tenant_id, Reservation.id == page_of_keys.c.id),
        )
        .join(Order, and_(Order.tenant_id == Reservation.tenant_id, Order.id == Reservation.order_id))
        .join(OrderLine, of_line)
        .join(StockItem, of_item)
        .order_by(Order.hold_expires_at.nulls_last(), Reservation.id)
    )
