"""API operation that changes the status of an order, by the table of transitions."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from pydantic import Field

from commerce.api.auth import current_api_actor, ensure_scope, has_scope
from commerce.api.operation import Reply, operation, seen_resource_version
from commerce.api.orders.schemas import (
    OrderOut,
    VersionedRequest,
    optional_minor,
    order_out,
    refuse_unused_fields,
)
from commerce.api.schemas import SentAmount, Text
from commerce.errors import Conflict, IllegalTransition, InvalidValue
from commerce.order_management.actions import (
    ACTIONS,
    CancelOrder,
    OrderAction,
    RefundOrder,
    action_to,
    gives_money_back,
)
from commerce.orders.models import Order
from commerce.orders.queries import get_order, get_order_by_code
from commerce.orders.services import guards
from commerce.orders.transitions import BY_ACTION, STAFF, STATUSES, why_not

TAG = "Order status"
PAYMENT_SCOPE = "payments:write"
"""Scope to record payments and to refund them."""
TAKES = {
    "pay": ("reference",),
    "ship": ("carrier", "tracking_code"),
    "cancel": ("expected_amount",),
    "refund": ("restock", "expected_amount"),
}
"""Action -> the fields that only it uses."""


class OrderStatusPatch(VersionedRequest):
    """The new status of an order, or the action that leads to it."""

    status: str | None = Field(None, pattern=f"^({'|'.join(STATUSES)})$", examples=["cancelled"])
    action: str | None = Field(
        None, pattern=f"^({'|'.join(ACTIONS)})$", description="The action to take, instead of `status`."
    )
    reason: Text = Field(
        "",
        max_length=500,
        description="Required to cancel, and to request or decline a refund. Sent to the customer.",
        examples=["No longer wanted"],
    )
    reference: Text = Field("", max_length=120, description="For paid: reference of the bank transfer.")
    carrier: Text = Field("", max_length=255, description="For shipped.")
    tracking_code: Text = Field("", max_length=255, description="For shipped.")
    restock: bool = Field(default=False, description="For refunded: put shipped units back in stock.")
    expected_amount: SentAmount | None = Field(
        None,
        description="For cancelled and refunded: the amount you expect to be refunded. Returns 409 if it differs.",
    )

    def to_action(self, action: str, currency: str) -> OrderAction:
        """Return the action with its input. Raises InvalidValue for an amount with too many decimals."""
        kind = ACTIONS[action]
        sent: dict[str, Any] = {
            "version": seen_resource_version(self.version),
            "reason": self.reason,
            "restock": self.restock,
            "carrier": self.carrier,
            "tracking_code": self.tracking_code,
            "shown_amount": optional_minor("expected_amount", self.expected_amount, currency),
            "reference": self.reference,
        }
        known = {each.name for each in fields(kind)}
        return kind(**{name: value for name, value in sent.items() if name in known})


class ReservationFailed(Conflict):
    """Raised when a paid order cannot be confirmed because units are not reserved. The order is flagged for staff."""

    code = "reservation_failed"


@operation(
    "PATCH",
    "/orders/<code>/status",
    scope="orders:write",
    tag=TAG,
    body=OrderStatusPatch,
    responses={200: OrderOut},
)
def change_order_status(code: str, body: OrderStatusPatch) -> Reply:
    """Change the status of an order.

    `paid` records the amount due, and the order is confirmed if its stock is reserved. `shipped` ships everything that
    is left. `cancelled` releases the stock and refunds payments. `refunded` refunds what is left. In
    `refund_requested`, sending the previous status declines the request. A transition that does not exist returns 409
    `illegal_transition`. Without a `version`, the current version is used. `paid`, `refunded`, and canceling a paid
    order require the scope `payments:write` as well.
    """
    order = get_order_by_code(code)
    action = _action(body, order)
    refuse_unused_fields(body, TAKES, action)
    authorized = _authorized(body.to_action(action, order.currency), order)
    if not authorized.run(order.id, current_api_actor()):
        raise ReservationFailed(attention=get_order(order.id).attention)
    order = get_order(order.id)
    return Reply(order_out(order), version=order.version)


def _action(body: OrderStatusPatch, order: Order) -> str:
    if body.status is None and body.action is not None:
        return body.action
    if body.status is not None and body.action is None:
        return action_to(order, body.status)
    raise InvalidValue("status", "status_or_action")


def _authorized(asked: OrderAction, order: Order) -> OrderAction:
    """Return the action as the key of the request may do it. Raises IllegalTransition, and MissingScope for money."""
    action = asked.action
    if action == "pay":
        ensure_scope(PAYMENT_SCOPE)
        # A later payment changes no status: it is recorded with the payments operation.
        refusal = why_not(BY_ACTION[action], order.status, STAFF, **guards(order))
        if refusal and asked.version in (None, order.version):
            raise IllegalTransition(order.status, action, refusal.reason, **refusal.facts)
    elif (isinstance(asked, (CancelOrder, RefundOrder)) and asked.shown_amount) or gives_money_back(
        action, order
    ):
        ensure_scope(PAYMENT_SCOPE)
    elif isinstance(asked, CancelOrder) and not has_scope(PAYMENT_SCOPE):
        # A payment that arrives before the order is locked must not be refunded with this key.
        return replace(asked, shown_amount=0)
    return asked
