"""Lists of the back office that join several features. Plain columns, one statement each."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select

from commerce import clock
from commerce.catalog.models import Product, Variant
from commerce.db import db
from commerce.errors import NotFound
from commerce.events.models import Event
from commerce.inventory.availability import units_in_stock
from commerce.inventory.models import Location, StockItem, StockMovement
from commerce.tenants.scope import current_shop

PAGE = 30
LEDGER = 200


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list: its rows, and where it stands. `current` is within 1..`last`."""

    rows: Sequence[Any]
    total: int
    current: int
    last: int


def paged(statement: Any, total: int, number: int) -> ListPage:
    """Return page `number` of a statement that finds `total` rows in all; one beyond the end is the last."""
    last = max(1, math.ceil(total / PAGE))
    current = min(number, last)
    rows = db.session.execute(statement.limit(PAGE).offset((current - 1) * PAGE)).all()
    return ListPage(rows, total, current, last)


def _contains(text: str) -> str:
    return "%" + text.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"


# --- stock -------------------------------------------------------------------------------------------


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


def list_stock_rows(*, search: str = "", show: str = "", page: int = 1) -> ListPage:
    """Return a page of `StockRow` by SKU. `show` is 'low' (at the shop's threshold or less), 'held' or 'promised'."""
    conditions = []
    if search:
        words = _contains(search)
        conditions.append(
            or_(
                func.lower(Variant.sku).like(words, escape="\\"),
                func.lower(Product.title).like(words, escape="\\"),
            )
        )
    if show == "low":
        conditions.append(StockItem.on_hand - StockItem.reserved <= current_shop().low_stock_at)
    if show == "held":
        conditions.append(StockItem.reserved > 0)
    if show == "promised":
        conditions.append(_PROMISED)
    total = db.session.execute(_joined(func.count(StockItem.id)).where(*conditions)).scalar_one()
    statement = _joined(*_STOCK_COLUMNS).where(*conditions).order_by(Variant.sku, StockItem.id)
    found = paged(statement, total, page)
    return ListPage([StockRow(*row) for row in found.rows], found.total, found.current, found.last)


def count_stock_rows() -> dict[str, int]:
    """Return how many stock items there are in all, low, with reserved units and with units promised beyond them."""
    low = StockItem.on_hand - StockItem.reserved <= current_shop().low_stock_at
    row = db.session.execute(
        select(
            func.count(StockItem.id),
            func.count(StockItem.id).filter(low),
            func.count(StockItem.id).filter(StockItem.reserved > 0),
            func.count(StockItem.id).filter(_PROMISED),
        )
    ).one()
    return {"": row[0], "low": row[1], "held": row[2], "promised": row[3]}


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


# --- products ----------------------------------------------------------------------------------------


def list_products(*, search: str = "", status: str = "", page: int = 1) -> ListPage:
    """Return a page of products by title, with variants, lowest and highest price (minor units) and units available."""
    conditions = []
    if search:
        words = _contains(search)
        # The outer statement joins variants, too; those have nothing to do with the ones that are looked for here.
        of_sku = (
            select(Variant.product_id).where(func.lower(Variant.sku).like(words, escape="\\")).correlate(None)
        )
        conditions.append(or_(func.lower(Product.title).like(words, escape="\\"), Product.id.in_(of_sku)))
    if status:
        conditions.append(Product.status == status)
    total = db.session.execute(select(func.count(Product.id)).where(*conditions)).scalar_one()
    units = (
        select(StockItem.variant_id, func.sum(units_in_stock(StockItem)).label("units"))
        .group_by(StockItem.variant_id)
        .subquery()
    )
    statement = (
        select(
            Product.slug,
            Product.title,
            Product.status,
            func.count(Variant.id).label("variants"),
            func.min(Variant.price).label("lowest"),
            func.max(Variant.price).label("highest"),
            func.coalesce(func.sum(units.c.units), 0).label("available"),
        )
        .outerjoin(
            Variant,
            and_(Variant.tenant_id == Product.tenant_id, Variant.product_id == Product.id, Variant.active),
        )
        .outerjoin(units, units.c.variant_id == Variant.id)
        .where(*conditions)
        .group_by(Product.tenant_id, Product.id)
        .order_by(func.lower(Product.title), Product.id)
    )
    return paged(statement, total, page)


def count_products() -> dict[str, int]:
    """Return how many products there are in each status."""
    rows = db.session.execute(select(Product.status, func.count(Product.id)).group_by(Product.status))
    return {row[0]: row[1] for row in rows}


def get_product(slug: str) -> Product:
    """Return a product by its slug, whatever its status. Raises NotFound."""
    found = db.session.scalar(
        select(Product).where(Product.slug == slug).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("product_not_found")
    return found


def variants_of(product_id: uuid.UUID) -> Sequence[Variant]:
    """Return all variants of a product in their order, inactive ones too."""
    return db.session.scalars(
        select(Variant)
        .where(Variant.product_id == product_id)
        .order_by(Variant.position, Variant.id)
        .execution_options(populate_existing=True)
    ).all()


# --- events ------------------------------------------------------------------------------------------


def waiting_events() -> tuple[int, int]:
    """Return how many of the shop's events no worker has taken up yet, and the age of the oldest in seconds."""
    count, oldest = db.session.execute(
        select(func.count(Event.id), func.min(Event.occurred_at)).where(~Event.fanned_out)
    ).one()
    return count, max(0, round((clock.now() - oldest).total_seconds())) if count else 0
