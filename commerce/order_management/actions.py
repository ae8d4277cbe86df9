"""What people and programs of the shop do to an order: one class per action of the transition table.

Each holds what is asked for beside the action and runs its use case. Pages and the API both make these, so what one of
them can do, the other can.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from commerce.errors import IllegalTransition
from commerce.events.outbox import Actor
from commerce.orders.balance import balance_of
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.orders.refunds import cancel_as_shown
from commerce.orders.returns import decline_refund, refund_order, request_return
from commerce.orders.services import cancel_order, change_status, confirm_order
from commerce.orders.transitions import REMEMBERED, TRANSITIONS
from commerce.payments.queries import payments_of
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAction:
    """An action on an order. `version` is that of the order as it was seen, None for as it is now."""

    action: ClassVar[str]
    version: int | None = None
    reason: str = ""

    def run(self, order_id: uuid.UUID, actor: Actor) -> bool:
        """Do it, and tell whether all of it was done: units may be missing, or a part may have been sent.

        Raises what the use case raises: NotFound, StaleVersion, IllegalTransition, Conflict, InvalidValue, NotAllowed.
        """
        change_status(order_id, self.action, actor, seen_version=self.version, reason=self.reason)
        return True


class ProcessOrder(OrderAction):
    """The warehouse has the order."""

    action = "process"


class DeliverOrder(OrderAction):
    """The parcel arrived."""

    action = "deliver"


class CompleteOrder(OrderAction):
    """The return window is over."""

    action = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayOrder(OrderAction):
    """Money arrived: `amount` in minor units, None for all that is due. `reference` is what the transfer is called."""

    action = "pay"
    amount: int | None = None
    reference: str = ""

    def run(self, order_id: uuid.UUID, actor: Actor) -> bool:
        """Record it; money for an order that waits for none is refused here, and recorded among its payments."""
        record_receipt(
            order_id,
            actor,
            amount=None if is_settled(get_order(order_id)) else self.amount,
            reference=self.reference,
            seen_version=self.version,
            reason=self.reason,
        )
        return True


class ConfirmOrder(OrderAction):
    """Commit the stock of the order."""

    action = "confirm"

    def run(self, order_id: uuid.UUID, actor: Actor) -> bool:
        """Confirm it, unless units are missing."""
        return confirm_order(order_id, actor, seen_version=self.version, reason=self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipOrder(OrderAction):
    """Send a parcel with `units` by order line id, None for all that is left; `start` as in `ship_order`."""

    action = "ship"
    units: Mapping[uuid.UUID, int] | None = None
    carrier: str = ""
    tracking_code: str = ""
    start: bool = False

    def run(self, order_id: uuid.UUID, actor: Actor) -> bool:
        """Send it; the order is shipped once everything has left."""
        ship_order(
            order_id,
            actor,
            units=self.units,
            seen_version=self.version,
            reason=self.reason,
            carrier=self.carrier,
            tracking_code=self.tracking_code,
            start=self.start,
        )
        return get_order(order_id).status == "shipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(OrderAction):
    """Cancel the order. `shown_amount` (minor units) is what a preview said goes back, None for whatever it is."""

    action = "cancel"
    shown_amount: int | None = None

    def run(self, order_id: uuid.UUID, actor: Actor) -> bool:
        """Cancel it, with all that follows."""
        facts: dict[str, Any] = {"seen_version": self.version, "reason": self.reason}
        if self.shown_amount is None:
            cancel_order(order_id, actor, **facts)
        else:
            cancel_as_shown(order_id, actor, shown_amount=self.shown_amount, **facts)
        return True


class RequestRefund(OrderAction):
    """Ask for everything back; staff decide."""

    action = "request_refund"

    def run(self, order_id: uuid.UUID, actor: Actor) -> bool:
        """Let the order wait for the decision."""
        request_return(order_id, actor, seen_version=self.version, reason=self.reason)
        return True


class DeclineRefund(OrderAction):
    """Decline the request that the order waits with."""

    action = "decline_refund"

    def run(self, order_id: uuid.UUID, actor: Actor) -> bool:
        """Let the order go back to the status that it had."""
        decline_refund(order_id, actor, seen_version=self.version, reason=self.reason)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder(OrderAction):
    """Refund what is left. `shown_amount` as in `CancelOrder`; `restock` puts what had left back into stock."""

    action = "refund"
    restock: bool = False
    shown_amount: int | None = None

    def run(self, order_id: uuid.UUID, actor: Actor) -> bool:
        """Refund it."""
        refund_order(
            order_id,
            actor,
            seen_version=self.version,
            reason=self.reason,
            restore_inventory=self.restock,
            shown_amount=self.shown_amount,
        )
        return True


ACTIONS: dict[str, type[OrderAction]] = {
    kind.action: kind
    for kind in (
        PayOrder,
        ConfirmOrder,
        ProcessOrder,
        ShipOrder,
        DeliverOrder,
        CompleteOrder,
        CancelOrder,
        RequestRefund,
        DeclineRefund,
        RefundOrder,
    )
}
"""Every row of the table that staff may do, by its action."""

LEADING_TO = {row.target: row.action for row in TRANSITIONS if row.target != REMEMBERED}
"""Status -> the action that leads there."""


def action_to(order: Order, status: str) -> str:
    """Return the action that would lead an order to `status`; whether it may be done now is for its use case to say.

    Raises IllegalTransition for a status to which nobody of the shop leads an order.
    """
    if order.status == "refund_requested" and status == order.status_before_refund:
        return "decline_refund"
    action = LEADING_TO[status]
    if action not in ACTIONS:
        raise IllegalTransition(order.status, action, "status_not_by_hand", target=status)
    return action


def is_settled(order: Order) -> bool:
    """Tell whether an order waits for no money, because it is there or because there is nothing to pay for."""
    return order.payment_status != "unpaid" or order.status in ("cancelled", "refunded")


def gives_money_back(action: str, order: Order) -> bool:
    """Tell whether an action on an order as it is now sends money back."""
    if action == "cancel":
        return balance_of(order, payments_of(order.id)).net > 0
    return action == "refund"
