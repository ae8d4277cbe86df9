"""What can be done to many orders at once: tags and assignment, which an undo takes back, and what moves them on."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from commerce.bulk.changes import ChangeOneByOne, Named, Parameters, refused
from commerce.bulk.models import BulkRow
from commerce.bulk.outcomes import Line
from commerce.db import db
from commerce.errors import InvalidValue, NotFound
from commerce.events.outbox import Actor
from commerce.inventory.backorders import units_waiting
from commerce.orders.listing import tags_of
from commerce.orders.models import Order, OrderLine
from commerce.orders.services import apply_transition, guards
from commerce.orders.tags import (
    MAX_TAGS,
    assign_locked,
    assigned_to,
    colleagues_for,
    read_tags,
    replace_tags,
    staff_names,
)
from commerce.orders.transitions import BY_ACTION, STAFF, why_not
from commerce.shipping.queries import tracking_codes
from commerce.shipping.services import send_parcel

SENT = ("shipped", "delivered", "completed")


@dataclass(frozen=True, slots=True)
class OrderAsSeen:
    """An order with what a change may be about.

    `waiting` are units by line id that are not in stock yet, `tracking` the codes of parcels that were sent. `version`
    is that of the order, or for what is kept beside it a number of all that a change is about.
    """

    order: Order
    version: int
    tags: tuple[str, ...] = ()
    assignee: uuid.UUID | None = None
    assignee_name: str = ""
    waiting: Mapping[uuid.UUID, int] | None = None
    tracking: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The code by which people call the order."""
        return self.order.code


class OrderChange(ChangeOneByOne[OrderAsSeen, Any]):
    """A change of orders."""

    permission: ClassVar[str]
    view: ClassVar[str] = "orders.view"
    model: ClassVar[Any] = Order
    entity: ClassVar[str] = "order"
    most: ClassVar[int] = 50_000

    def gone(self) -> NotFound:
        """Return the error of an order that is not there."""
        return NotFound("order_not_found")

    def named(self, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Named]:
        """Return the codes of those that are there."""
        rows = db.session.execute(select(Order.id, Order.code).where(Order.id.in_(ids)))
        return {row.id: Named(row.code, row.code) for row in rows}

    def load(self, ids: Collection[uuid.UUID], *, lock: bool) -> Mapping[uuid.UUID, OrderAsSeen]:
        """Return orders by id. They are locked sorted by id, before anything else of theirs."""
        return {order.id: OrderAsSeen(order, order.version) for order in self.orders(ids, lock=lock)}

    def orders(self, ids: Collection[uuid.UUID], *, lock: bool) -> list[Order]:
        """Return orders with their lines, as they are now in the database."""
        found = select(Order).where(Order.id.in_(ids)).order_by(Order.id)
        found = found.options(selectinload(Order.lines)).execution_options(populate_existing=True)
        return list(db.session.scalars(found.with_for_update(of=Order) if lock else found))


# --- what moves an order on, and is not undone ---------------------------------------------------------


class StartProcessing(OrderChange):
    """The warehouse has the orders."""

    permission = "orders.process"
    undoable = False

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return no parameters: there are none."""
        del given
        return {}

    def target(self, state: OrderAsSeen, parameters: Parameters, details: Parameters) -> str | None:
        """Return the status that the order will have. Raises Rejected for one in which it cannot begin."""
        del parameters, details
        row = BY_ACTION["process"]
        if state.order.status == row.target:
            return None
        refusal = why_not(row, state.order.status, STAFF, **guards(state.order))
        if refusal:
            raise refused(refusal)
        return row.target

    def lines(self, state: OrderAsSeen, target: str) -> list[Line]:
        """Return the status before and after."""
        return [Line("status", state.order.status, target)]

    def write(self, row: BulkRow, state: OrderAsSeen, target: str, actor: Actor) -> None:
        """Do the row of the transition table. Raises what that raises."""
        del target
        apply_transition(state.order, "process", actor)
        row.after_version = state.order.version


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel to send: `units` by order line id, None for all that is left."""

    carrier: str = ""
    tracking_code: str = ""
    units: Mapping[uuid.UUID, int] | None = None


class ShipOrders(OrderChange):
    """Send everything that is left of orders; begins to process those that are only confirmed."""

    permission = "orders.ship"
    undoable = False
    chunk = 1
    """Stock is locked after the order, as by the ship form: one order in a transaction never waits for another."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the carrier, which may be empty. Raises InvalidValue."""
        carrier = " ".join(str(given.get("carrier") or "").split())
        if len(carrier) > 255:
            raise InvalidValue("carrier", "text_too_long", maximum=255)
        return {"carrier": carrier}

    def load(self, ids: Collection[uuid.UUID], *, lock: bool) -> Mapping[uuid.UUID, OrderAsSeen]:
        """Return orders with what is on backorder and what was sent already."""
        orders = self.orders(ids, lock=lock)
        waiting, codes = units_waiting(set(ids)), tracking_codes(ids)
        return {
            order.id: OrderAsSeen(
                order, order.version, waiting=waiting, tracking=frozenset(codes.get(order.id, ()))
            )
            for order in orders
        }

    def target(self, state: OrderAsSeen, parameters: Parameters, details: Parameters) -> list[Parcel] | None:
        """Return the parcels to send, None when they were sent. Raises CommerceError when they cannot be."""
        parcels = [each for each in _parcels(parameters, details) if each.tracking_code not in state.tracking]
        order = state.order
        if not parcels or (order.status in SENT and not details):
            return None
        starts = order.status in BY_ACTION["process"].sources
        row = BY_ACTION["ship"]
        status = BY_ACTION["process"].target if starts else order.status
        refusal = why_not(row, status, STAFF, **guards(order))
        if refusal:
            raise refused(refusal)
        _check_units(state, parcels)
        return parcels

    def lines(self, state: OrderAsSeen, target: list[Parcel]) -> list[Line]:
        """Return the status before and after, and each parcel."""
        left = sum(line.to_ship for line in state.order.lines)
        after = "shipped" if _units(state, target) >= left else "processing"
        shown = [Line("status", state.order.status, after)]
        for each in target:
            text = f"{each.carrier} {each.tracking_code}".strip()
            units = sum(each.units.values()) if each.units else left
            shown.append(Line("parcel", "", f"{text} ({units} ×)".strip() if text else f"{units} ×"))
        return shown

    def figures(self, state: OrderAsSeen, target: list[Parcel]) -> dict[str, int]:
        """Count parcels and units."""
        return {"parcels": len(target), "units": _units(state, target)}

    def write(self, row: BulkRow, state: OrderAsSeen, target: list[Parcel], actor: Actor) -> None:
        """Send the parcels as the ship form does. Raises what that raises."""
        for each in target:
            send_parcel(
                state.order,
                actor,
                units=each.units,
                carrier=each.carrier,
                tracking_code=each.tracking_code,
                start=True,
            )
        row.after_version = state.order.version


class ShipWithTracking(ShipOrders):
    """Send the parcels that a file or pasted lines name; what is to be sent is kept with each row."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return no parameters: the rows have their own."""
        del given
        return {}


def _parcels(parameters: Parameters, details: Parameters) -> list[Parcel]:
    if not details:
        return [Parcel(parameters.get("carrier", ""))]
    return [
        Parcel(
            each["carrier"],
            each["tracking_code"],
            {uuid.UUID(key): count for key, count in each["units"].items()} if each["units"] else None,
        )
        for each in details["parcels"]
    ]


def _units(state: OrderAsSeen, parcels: list[Parcel]) -> int:
    left = sum(line.to_ship for line in state.order.lines)
    return sum(sum(each.units.values()) if each.units else left for each in parcels)


def _check_units(state: OrderAsSeen, parcels: list[Parcel]) -> None:
    """Raise InvalidValue for units that are not left to ship or not in stock."""
    lines = {line.id: line for line in state.order.lines}
    everything = {line.id: line.to_ship for line in state.order.lines if line.to_ship}
    wanted: dict[uuid.UUID, int] = {}
    for parcel in parcels:
        for key, count in (parcel.units or everything).items():
            wanted[key] = wanted.get(key, 0) + count
    for key, count in wanted.items():
        line, waiting = lines.get(key), (state.waiting or {}).get(key, 0)
        if line is None:
            raise InvalidValue("lines", "line_not_in_order")
        if count > line.to_ship:
            raise InvalidValue("lines", "ship_units_out_of_range", title=line.title, maximum=line.to_ship)
        if count > line.to_ship - waiting:
            raise _missing(line, waiting)


def _missing(line: OrderLine, waiting: int) -> InvalidValue:
    ready = max(0, line.to_ship - waiting)
    return InvalidValue(
        "lines", "units_not_in_stock", title=line.title, sku=line.sku, ready=ready, to_ship=line.to_ship
    )


# --- what is kept beside an order, and is undone -------------------------------------------------------


class BesideOrder(OrderChange):
    """A change of what staff keep beside an order: its version knows nothing of it."""

    permission = "orders.note"

    def note_versions(self, plan_id: uuid.UUID) -> None:
        """Note of every row a number of the order's version and of what is kept beside it. A step."""
        self.note_states(plan_id)


def _number(*facts: object) -> int:
    return zlib.crc32(repr(facts).encode())


class ChangeOrderTags(BesideOrder):
    """Add tags and remove others, whatever their case."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored. Raises InvalidValue."""
        parameters: dict[str, Any] = {}
        for name in ("add", "remove"):
            try:
                parameters[name] = read_tags(", ".join(given[name]))
            except InvalidValue as error:
                raise error.at(name) from error
        if not parameters["add"] and not parameters["remove"]:
            raise InvalidValue("add", "tags_required")
        return parameters

    def load(self, ids: Collection[uuid.UUID], *, lock: bool) -> Mapping[uuid.UUID, OrderAsSeen]:
        """Return orders with their tags."""
        orders = self.orders(ids, lock=lock)
        tags = tags_of(list(ids))
        found = {}
        for order in orders:
            known = tuple(sorted(tags.get(order.id, ())))
            found[order.id] = OrderAsSeen(order, _number(order.version, known), tags=known)
        return found

    def target(self, state: OrderAsSeen, parameters: Parameters, details: Parameters) -> set[str] | None:
        """Return the new tags. Raises InvalidValue when there are too many."""
        del details
        gone = {tag.casefold() for tag in parameters["remove"]}
        tags = {tag for tag in state.tags if tag.casefold() not in gone}
        present = {tag.casefold() for tag in tags}
        tags |= {tag for tag in parameters["add"] if tag.casefold() not in present}
        if len(tags) > max(MAX_TAGS, len(state.tags)):
            raise InvalidValue("add", "too_many_order_tags", limit=MAX_TAGS)
        return tags if tags != set(state.tags) else None

    def lines(self, state: OrderAsSeen, target: set[str]) -> list[Line]:
        """Return the old and the new tags."""
        return [Line("tags", ", ".join(state.tags), ", ".join(sorted(target)))]

    def write(self, row: BulkRow, state: OrderAsSeen, target: set[str], actor: Actor) -> None:
        """Write the tags."""
        del actor
        row.before = {"tags": sorted(state.tags), "after": sorted(target)}
        replace_tags(state.order, target)

    def is_untouched(self, row: BulkRow, state: OrderAsSeen) -> bool:
        """Tell whether the order has the tags that the plan left."""
        return bool(sorted(state.tags) == (row.before or {})["after"])

    def restore(self, row: BulkRow, state: OrderAsSeen, actor: Actor) -> None:
        """Write the old tags."""
        del actor
        replace_tags(state.order, set((row.before or {})["tags"]))


class AssignOrders(BesideOrder):
    """Let one of the staff take care of orders, or nobody."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the id of who it is, and the name. Raises InvalidValue for who does not work here."""
        if not given["staff_id"]:
            return {"staff_id": None, "staff_name": ""}
        who = next((each for each in colleagues_for(None) if str(each.id) == given["staff_id"]), None)
        if who is None:
            raise InvalidValue("staff_id", "staff_not_found")
        return {"staff_id": str(who.id), "staff_name": who.name}

    def load(self, ids: Collection[uuid.UUID], *, lock: bool) -> Mapping[uuid.UUID, OrderAsSeen]:
        """Return orders with who takes care of them."""
        orders = self.orders(ids, lock=lock)
        assigned = assigned_to(ids)
        names = staff_names(set(assigned.values()))
        found = {}
        for order in orders:
            who = assigned.get(order.id)
            found[order.id] = OrderAsSeen(
                order,
                _number(order.version, who),
                assignee=who,
                assignee_name=names.get(who, "") if who else "",
            )
        return found

    def target(
        self, state: OrderAsSeen, parameters: Parameters, details: Parameters
    ) -> tuple[uuid.UUID | None, str] | None:
        """Return who will take care of the order, with the name."""
        del details
        who = uuid.UUID(parameters["staff_id"]) if parameters["staff_id"] else None
        return (who, parameters["staff_name"]) if who != state.assignee else None

    def lines(self, state: OrderAsSeen, target: tuple[uuid.UUID | None, str]) -> list[Line]:
        """Return the name before and after."""
        return [Line("assignee", state.assignee_name, target[1])]

    def write(
        self, row: BulkRow, state: OrderAsSeen, target: tuple[uuid.UUID | None, str], actor: Actor
    ) -> None:
        """Assign the order. Raises NotFound for who does not work here any more."""
        del actor
        row.before = {"staff_id": _text(state.assignee), "after": _text(target[0])}
        assign_locked(state.order, target[0])

    def is_untouched(self, row: BulkRow, state: OrderAsSeen) -> bool:
        """Tell whether it is still who the plan chose."""
        return bool(_text(state.assignee) == (row.before or {})["after"])

    def restore(self, row: BulkRow, state: OrderAsSeen, actor: Actor) -> None:
        """Assign the order to who had it before. Raises NotFound for who does not work here any more."""
        del actor
        before = (row.before or {})["staff_id"]
        assign_locked(state.order, uuid.UUID(before) if before else None)


def _text(staff_id: uuid.UUID | None) -> str | None:
    return str(staff_id) if staff_id else None
