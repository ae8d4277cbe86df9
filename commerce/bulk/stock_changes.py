"""What can be done to the stock of many variants at once: count, receive or take units, each a line of the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import select

from commerce.bulk.changes import ChangeOneByOne, Named, Parameters
from commerce.bulk.models import BulkRow
from commerce.bulk.outcomes import Line
from commerce.catalog.models import Variant
from commerce.catalog.validation import checked_line
from commerce.db import db
from commerce.errors import InvalidValue, NotFound
from commerce.events.outbox import Actor
from commerce.inventory.adjustments import UnitsReserved, change_on_hand, check_quantity, count_on_hand
from commerce.inventory.models import Location, StockItem

CAUSES: Mapping[str, tuple[str, ...]] = {
    "set": ("count",),
    "add": ("received", "found"),
    "subtract": ("damaged", "lost"),
}
"""What is done -> the reasons that there are for it."""
UNDONE = "correction"
"""Cause of the movement that takes another one back."""


@dataclass(frozen=True, slots=True)
class StockAsSeen:
    """A variant at a location, with its units."""

    id: uuid.UUID
    name: str
    version: int
    location_id: uuid.UUID
    on_hand: int
    reserved: int
    backorder_limit: int


@dataclass(frozen=True, slots=True)
class StockShift:
    """Units that come or, negative, go; `counted` are those that were counted, None for a relative change."""

    delta: int
    cause: str
    note: str
    counted: int | None


class AdjustStock(ChangeOneByOne[StockAsSeen, StockShift]):
    """Set the units on hand, add to them or subtract from them, at one location or wherever the variant is."""

    permission: ClassVar[str] = "stock.change"
    view: ClassVar[str] = "stock.view"
    model: ClassVar[Any] = StockItem
    entity: ClassVar[str] = "stock item"
    most: ClassVar[int] = 50_000

    def gone(self) -> NotFound:
        """Return the error of a stock item that is not there."""
        return NotFound("stock_not_found")

    def named(self, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Named]:
        """Return the SKU and location of those that are there."""
        rows = db.session.execute(_states(ids))
        return {row.id: Named(f"{row.sku} · {row.location}", row.sku) for row in rows}

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored. Raises InvalidValue."""
        how, cause = given["how"], given["cause"]
        if how not in CAUSES:
            raise InvalidValue("how", "unknown_choice")
        if how == "set":
            cause = "count"
        elif cause not in CAUSES[how]:
            raise InvalidValue("cause", "stock_cause_does_not_fit")
        check_quantity(given["quantity"], low=0 if how == "set" else 1)
        location = given.get("location_id") or None
        if location:
            known = {str(each) for each in db.session.scalars(select(Location.id))}
            if location not in known:
                raise InvalidValue("location_id", "location_not_found")
        return {
            "how": how,
            "quantity": given["quantity"],
            "cause": cause,
            "note": checked_line("note", given.get("note") or ""),
            "location_id": location,
        }

    def load(self, ids: Collection[uuid.UUID], *, lock: bool) -> Mapping[uuid.UUID, StockAsSeen]:
        """Return stock items by id. They are locked sorted by id, as by every order."""
        statement = _states(ids)
        rows = db.session.execute(statement.with_for_update(of=StockItem) if lock else statement)
        return {
            row.id: StockAsSeen(
                row.id,
                f"{row.sku} · {row.location}",
                row.version,
                row.location_id,
                row.on_hand,
                row.reserved,
                row.backorder_limit,
            )
            for row in rows
        }

    def target(self, state: StockAsSeen, parameters: Parameters, details: Parameters) -> StockShift | None:
        """Return what comes or goes. Raises UnitsReserved when fewer would be left than are reserved."""
        del details
        if parameters["location_id"] not in (None, str(state.location_id)):
            return None
        units, counted = parameters["quantity"], None
        if parameters["how"] == "set":
            delta, counted = units - state.on_hand, units
        else:
            delta = units if parameters["how"] == "add" else -units
        left = state.on_hand + delta
        facts = (state.on_hand, state.reserved, state.backorder_limit)
        if left < 0 or left + state.backorder_limit < state.reserved:
            if counted is not None:
                raise UnitsReserved("count_below_reserved", *facts, counted=counted)
            raise UnitsReserved("units_reserved", *facts)
        return StockShift(delta, parameters["cause"], parameters["note"], counted) if delta else None

    def lines(self, state: StockAsSeen, target: StockShift) -> list[Line]:
        """Return the units on hand before and after."""
        return [Line("on_hand", state.on_hand, state.on_hand + target.delta)]

    def figures(self, state: StockAsSeen, target: StockShift) -> dict[str, int]:
        """Add up the units that come and those that go."""
        del state
        return {"units_in": max(0, target.delta), "units_out": max(0, -target.delta)}

    def write(self, row: BulkRow, state: StockAsSeen, target: StockShift, actor: Actor) -> None:
        """Book the movement. Raises what the inventory raises."""
        if target.counted is not None:
            count_on_hand(
                state.id,
                target.counted,
                seen_version=state.version,
                actor=actor.name,
                reference=target.note,
            )
        else:
            change_on_hand(
                state.id, target.delta, cause=target.cause, actor=actor.name, reference=target.note
            )
        row.before = {"delta": target.delta}
        row.after_version = db.session.scalar(select(StockItem.version).where(StockItem.id == state.id))

    def restore(self, row: BulkRow, state: StockAsSeen, actor: Actor) -> None:
        """Book the opposite movement. Raises UnitsReserved when these units are promised by now."""
        change_on_hand(state.id, -(row.before or {})["delta"], cause=UNDONE, actor=actor.name)


def _states(ids: Collection[uuid.UUID]) -> Any:
    return (
        select(
            StockItem.id,
            StockItem.version,
            StockItem.location_id,
            StockItem.on_hand,
            StockItem.reserved,
            StockItem.backorder_limit,
            Variant.sku,
            Location.name.label("location"),
        )
        .join(Variant, (Variant.tenant_id == StockItem.tenant_id) & (Variant.id == StockItem.variant_id))
        .join(Location, (Location.tenant_id == StockItem.tenant_id) & (Location.id == StockItem.location_id))
        .where(StockItem.id.in_(ids))
        .order_by(StockItem.id)
    )
