"""What staff can do to an order: the rows of the transition table as buttons, with their words.

Buttons, permissions and addresses all come from that table; nothing here knows which status follows which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from commerce.accounts.permissions import allows
from commerce.admin.auth import may, roles_text
from commerce.error_messages import describe
from commerce.errors import NotFound
from commerce.order_management.actions import ACTIONS, is_settled
from commerce.orders.models import Order
from commerce.orders.refunds import CREDITABLE
from commerce.orders.services import guards
from commerce.orders.transitions import BY_ACTION, BY_RESOURCE, STAFF, TRANSITIONS, Transition, why_not

FIELDS: dict[str, tuple[str, ...]] = {
    "pay": ("amount", "reference", "reason"),
    "ship": ("lines", "carrier", "tracking_code"),
    "refund": ("restock",),
}
"""What a button asks for beside the reason that the table requires."""

PREVIEWED = ("cancel", "refund")
"""Actions whose button leads to a look at the consequences first."""

DONE = {
    "pay": lazy_gettext("Payment recorded."),
    "confirm": lazy_gettext("Order confirmed. Its stock is reserved."),
    "process": lazy_gettext("Processing started."),
    "ship": lazy_gettext("Order shipped. Stock is deducted and the customer gets an email."),
    "deliver": lazy_gettext("Order marked as delivered."),
    "complete": lazy_gettext("Order completed."),
    "cancel": lazy_gettext("Order cancelled. Its stock is available again."),
    "request_refund": lazy_gettext("Refund requested. It is waiting for a decision."),
    "decline_refund": lazy_gettext("Refund declined."),
    "refund": lazy_gettext("Order refunded."),
}
IN_PART = {
    "confirm": (lazy_gettext("The order could not be confirmed: not enough stock."), "warn"),
    "ship": (lazy_gettext("Parcel shipped. The rest of the order still has to be shipped."), "good"),
}
"""What to say, and in which tone, when a use case did a part of what the button says."""


@dataclass(frozen=True, slots=True)
class ActionNotice:
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
        return self.row.action in (*PREVIEWED, "pay")


def staff_action(resource: str) -> Transition:
    """Return the row whose address ends in `resource`. Raises NotFound when there is none or staff never do it."""
    row = BY_RESOURCE.get(resource)
    if row is None or row.action not in ACTIONS:
        raise NotFound("order_action_not_found")
    return row


def action_notice(row: Transition, *, whole: bool) -> ActionNotice:
    """Return what to say after an action; `whole` tells whether all of what the button says was done."""
    words, tone = (DONE[row.action], "good") if whole else IN_PART[row.action]
    return ActionNotice(str(words), tone)


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
        why = _("The order is fully paid.") if is_settled(order) else ""
    else:
        # Shipping begins the processing of a confirmed order by itself.
        starts = row.action == "ship" and order.status in BY_ACTION["process"].sources
        status = BY_ACTION["process"].target if starts else order.status
        refusal = why_not(row, status, STAFF, **guards(order))
        why = describe(refusal) if refusal else ""
    who = "" if allows(role, f"orders.{row.action}") else roles_text(f"orders.{row.action}")
    return " ".join(filter(None, [why, who]))


def why_not_refund(order: Order) -> str:
    """Return why no money can be refunded by line now, or ''."""
    if order.status not in CREDITABLE:
        return str(_("Not possible while the order is %(status)s.", status=order.status.replace("_", " ")))
    if not guards(order)["paid"]:
        return str(_("Nothing has been paid yet, or everything has been refunded."))
    return "" if may("orders.refund") else roles_text("orders.refund")


def _fields(row: Transition) -> Iterator[str]:
    yield from FIELDS.get(row.action, ())
    if row.reason_required:
        yield "reason"
