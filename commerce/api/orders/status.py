"""The status of an order over JSON: every step of the table of transitions, by the status that it leads to."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from commerce.api.auth import current_api_actor, ensure_scope, has_scope
from commerce.api.operation import Reply, operation, seen_resource_version
from commerce.api.orders.parts import Versioned, sent_minor, take_only
from commerce.api.orders.schemas import OrderOut, order_out
from commerce.api.schemas import SentAmount, Text
from commerce.errors import Conflict, IllegalTransition, InvalidValue
from commerce.order_management.actions import (
    SERVICES,
    ActionInput,
    action_to,
    gives_money_back,
    perform_action,
)
from commerce.orders.models import Order
from commerce.orders.queries import get_order, get_order_by_code
from commerce.orders.services import guards
from commerce.orders.transitions import BY_ACTION, STAFF, STATUSES, why_not

TAG = "Order status"
MONEY = "payments:write"
"""The scope for saying that money came, and for sending it back."""
TAKES = {
    "pay": ("reference",),
    "ship": ("carrier", "tracking_code"),
    "cancel": ("expected_amount",),
    "refund": ("restock", "expected_amount"),
}
"""Action -> what it takes beside the reason and the version."""


class StatusChange(Versioned):
    """The status that the order shall have, or the action that leads to it."""

    status: str | None = Field(None, pattern=f"^({'|'.join(STATUSES)})$", examples=["cancelled"])
    action: str | None = Field(
        None, pattern=f"^({'|'.join(SERVICES)})$", description="Instead of the status: what is to be done."
    )
    reason: Text = Field(
        "",
        max_length=500,
        description="Needed to cancel, to request a refund and to decline it; the customer is told.",
        examples=["No longer wanted"],
    )
    reference: Text = Field("", max_length=120, description="When paid: what the transfer is called.")
    carrier: Text = Field("", max_length=255, description="When shipped.")
    tracking_code: Text = Field("", max_length=255, description="When shipped.")
    restock: bool = Field(default=False, description="When refunded: what had left is back on the shelf.")
    expected_amount: SentAmount | None = Field(
        None,
        description="When cancelled or refunded: the money that you expect to go back; 409 when it is another.",
    )

    def wish(self, currency: str) -> ActionInput:
        """Return it as the shop understands it. Raises InvalidValue for an amount with too many decimals."""
        return ActionInput(
            version=seen_resource_version(self.version),
            reason=self.reason,
            restock=self.restock,
            carrier=self.carrier,
            tracking_code=self.tracking_code,
            shown_amount=sent_minor("expected_amount", self.expected_amount, currency),
            reference=self.reference,
        )


class ReservationFailed(Conflict):
    """A paid order could not be confirmed: units that it needs are not reserved. It is flagged for people."""

    code = "reservation_failed"


@operation(
    "PATCH",
    "/orders/<code>/status",
    scope="orders:write",
    tag=TAG,
    body=StatusChange,
    answers={200: OrderOut},
    problems=(404, 409),
)
def change_order_status(code: str, body: StatusChange) -> Reply:
    """Move an order to another status.

    What follows happens with it, or nothing does: `paid` books the money that is open (and the shop confirms at once
    when the stock is there), `shipped` sends all that is left, `cancelled` frees the stock and gives the money back,
    `refunded` gives back what is left. From `refund_requested`, the status that the order had before declines the
    request. A step that the table does not have is 409 `illegal_transition`. Without a `version` the order is taken as
    it is. `paid`, `refunded`, and cancelling an order that has been paid for need the scope `payments:write`, too.
    """
    order = get_order_by_code(code)
    action = _action(body, order)
    take_only(body, TAKES, action)
    wish = _allowed(action, order, body.wish(order.currency))
    if not perform_action(action, order.id, current_api_actor(), wish):
        raise ReservationFailed(attention=get_order(order.id).attention)
    order = get_order(order.id)
    return Reply(order_out(order), version=order.version)


def _action(body: StatusChange, order: Order) -> str:
    if body.status is None and body.action is not None:
        return body.action
    if body.status is not None and body.action is None:
        return action_to(order, body.status)
    raise InvalidValue("status", "status_or_action")


def _allowed(action: str, order: Order, wish: ActionInput) -> ActionInput:
    """Return the wish as this key may have it. Raises IllegalTransition, and MissingScope where money moves."""
    if action == "pay":
        ensure_scope(MONEY)
        # Money may come later, too, but then it changes no status: it is recorded among the payments.
        refusal = why_not(BY_ACTION[action], order.status, STAFF, **guards(order))
        if refusal and wish.version in (None, order.version):
            raise IllegalTransition(order.status, action, refusal.reason, **refusal.facts)
    elif wish.shown_amount or gives_money_back(action, order):
        ensure_scope(MONEY)
    elif action == "cancel" and not has_scope(MONEY):
        # Should money come before the order is locked, this key may not send it back.
        return replace(wish, shown_amount=0)
    return wish
