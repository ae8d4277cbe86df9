"""What staff can do to an order: the rows of the transition table, each with the service that does it.

Buttons, permissions and addresses all come from that table; nothing here knows which status follows which.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from commerce.accounts.permissions import allows
from commerce.admin.desk import only
from commerce.checkout.receipts import record_receipt
from commerce.errors import NotFound
from commerce.events.outbox import Actor
from commerce.orders.credits import cancel_as_shown
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.orders.returns import decline_refund, refund_order, request_return
from commerce.orders.services import cancel_order, change_status, confirm_order, guards
from commerce.orders.transitions import BY_RESOURCE, STAFF, TRANSITIONS, Transition, why_not
from commerce.shipping.services import ship_order


@dataclass(frozen=True, slots=True)
class Wish:
    """What a member of staff filled in beside a button. `version` is that of the order on the page.

    `amount` is the money that arrived (minor units), None for all that is open.
    """

    version: int
    reason: str = ""
    restock: bool = False
    carrier: str = ""
    tracking_code: str = ""
    units: Mapping[uuid.UUID, int] | None = None
    shown_amount: int | None = None
    amount: int | None = None
    reference: str = ""


Do = Callable[[uuid.UUID, Actor, Wish], bool | None]


def _change(action: str) -> Do:
    def do(order_id: uuid.UUID, actor: Actor, wish: Wish) -> None:
        change_status(order_id, action, actor, seen_version=wish.version, reason=wish.reason)

    return do


def _pay(order_id: uuid.UUID, actor: Actor, wish: Wish) -> None:
    # Money for an order that waits for none is taken on the page of the order's money; here it is refused.
    amount = None if _is_settled(get_order(order_id)) else wish.amount
    record_receipt(
        order_id,
        actor,
        amount=amount,
        reference=wish.reference,
        seen_version=wish.version,
        reason=wish.reason,
    )


def _confirm(order_id: uuid.UUID, actor: Actor, wish: Wish) -> bool:
    return confirm_order(order_id, actor, seen_version=wish.version, reason=wish.reason)


def _ship(order_id: uuid.UUID, actor: Actor, wish: Wish) -> bool:
    ship_order(
        order_id,
        actor,
        units=wish.units,
        seen_version=wish.version,
        reason=wish.reason,
        carrier=wish.carrier,
        tracking_code=wish.tracking_code,
    )
    return get_order(order_id).status == "shipped"


def _cancel(order_id: uuid.UUID, actor: Actor, wish: Wish) -> None:
    if wish.shown_amount is None:
        cancel_order(order_id, actor, seen_version=wish.version, reason=wish.reason)
        return
    cancel_as_shown(
        order_id,
        actor,
        seen_version=wish.version,
        shown_amount=wish.shown_amount,
        reason=wish.reason,
    )


def _request_refund(order_id: uuid.UUID, actor: Actor, wish: Wish) -> None:
    request_return(order_id, actor, seen_version=wish.version, reason=wish.reason)


def _decline_refund(order_id: uuid.UUID, actor: Actor, wish: Wish) -> None:
    decline_refund(order_id, actor, seen_version=wish.version, reason=wish.reason)


def _refund(order_id: uuid.UUID, actor: Actor, wish: Wish) -> None:
    refund_order(
        order_id,
        actor,
        seen_version=wish.version,
        reason=wish.reason,
        restore_inventory=wish.restock,
        shown_amount=wish.shown_amount,
    )


SERVICES: dict[str, Do] = {
    "pay": _pay,
    "confirm": _confirm,
    "process": _change("process"),
    "ship": _ship,
    "deliver": _change("deliver"),
    "complete": _change("complete"),
    "cancel": _cancel,
    "request_refund": _request_refund,
    "decline_refund": _decline_refund,
    "refund": _refund,
}
"""Action -> the use case that does it. Each row of the table that staff may do has one."""

FIELDS: dict[str, tuple[str, ...]] = {
    "pay": ("amount", "reference", "reason"),
    "ship": ("lines", "carrier", "tracking_code"),
    "refund": ("restock",),
}
"""What a button asks for beside the reason that the table requires."""

PREVIEWED = ("cancel", "refund")
"""Actions whose button leads to a look at the consequences first."""

DONE = {
    "pay": lazy_gettext("The payment is recorded."),
    "confirm": lazy_gettext("The order is confirmed; its stock is committed."),
    "process": lazy_gettext("The order is being processed."),
    "ship": lazy_gettext("The order is shipped; its stock is deducted and the customer gets a mail."),
    "deliver": lazy_gettext("The order is delivered."),
    "complete": lazy_gettext("The order is complete."),
    "cancel": lazy_gettext("The order is cancelled; its stock is free again."),
    "request_refund": lazy_gettext("The refund is requested and waits for a decision."),
    "decline_refund": lazy_gettext("The refund is declined."),
    "refund": lazy_gettext("The order is refunded."),
}
IN_PART = {
    "confirm": (lazy_gettext("The order could not be confirmed: there is not enough stock for it."), "warn"),
    "ship": (lazy_gettext("The parcel is on its way; the rest of the order waits to be sent."), "good"),
}
"""What to say, and in which tone, when a use case did a part of what the button says."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to tell the person who pressed the button; `tone` is that of a notice."""

    text: str
    tone: str = "good"


@dataclass(frozen=True, slots=True)
class Button:
    """A row of the table on an order's page. `why` says why it cannot be pressed now, '' when it can."""

    row: Transition
    why: str
    fields: tuple[str, ...]

    @property
    def destructive(self) -> bool:
        """Tell whether the button leads off the way that an order usually goes; it then opens before it is pressed."""
        return self.row.reason_required or self.row.action == "refund"

    @property
    def previewed(self) -> bool:
        """Tell whether the button shows first what it would do, because money moves."""
        return self.row.action in PREVIEWED


def staff_action(resource: str) -> Transition:
    """Return the row whose address ends in `resource`. Raises NotFound when there is none or staff never do it."""
    row = BY_RESOURCE.get(resource)
    if row is None or row.action not in SERVICES:
        raise NotFound("There is no such action.")
    return row


def perform(row: Transition, order_id: uuid.UUID, actor: Actor, wish: Wish) -> Outcome:
    """Do it. Raises what the use case raises: StaleVersion, IllegalTransition, Conflict, InvalidValue, NotAllowed."""
    done = SERVICES[row.action](order_id, actor, wish)
    if done is False:
        words, tone = IN_PART[row.action]
        return Outcome(str(words), tone)
    return Outcome(str(DONE[row.action]))


def buttons(order: Order, role: str) -> list[Button]:
    """Return every action of staff for an order, possible ones first, each in the order of the table."""
    found = [
        Button(row, _why_not(row, order, role), tuple(_fields(row)))
        for row in TRANSITIONS
        if STAFF in row.actors
    ]
    return sorted(found, key=lambda button: bool(button.why))


def _why_not(row: Transition, order: Order, role: str) -> str:
    if row.action == "pay":
        # Money may also come after the goods left (cash on delivery), so the table's status is not the whole truth.
        why = _("There is nothing left to pay.") if _is_settled(order) else ""
    else:
        why = why_not(row, order.status, STAFF, **guards(order))
    who = "" if allows(role, f"orders.{row.action}") else only(f"orders.{row.action}")
    return " ".join(filter(None, [why, who]))


def _is_settled(order: Order) -> bool:
    return order.payment_status != "unpaid" or order.status in ("cancelled", "refunded")


def _fields(row: Transition) -> Iterator[str]:
    yield from FIELDS.get(row.action, ())
    if row.reason_required:
        yield "reason"
