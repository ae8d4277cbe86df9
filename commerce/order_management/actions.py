"""What people and programs of the shop do to an order: the rows of the transition table, each with its use case.

Pages and the API both come through here, so what one of them can do, the other can; nothing here has words.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from commerce.errors import IllegalTransition
from commerce.events.outbox import Actor
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.orders.refunds import cancel_as_shown
from commerce.orders.returns import decline_refund, refund_order, request_return
from commerce.orders.services import cancel_order, change_status, confirm_order
from commerce.orders.transitions import REMEMBERED, TRANSITIONS
from commerce.payments.queries import payments_of
from commerce.payments.services import net_captured
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order


@dataclass(frozen=True, slots=True)
class ActionInput:
    """What was filled in beside an action. `version` is that of the order as it was seen, None for as it is now.

    `amount` is the money that arrived (minor units), None for all that is open; `shown_amount` what a preview said that
    goes back; `units` (by order line id) what is in a parcel, None for all that is left.
    """

    version: int | None = None
    reason: str = ""
    restock: bool = False
    carrier: str = ""
    tracking_code: str = ""
    units: Mapping[uuid.UUID, int] | None = None
    shown_amount: int | None = None
    amount: int | None = None
    reference: str = ""


Do = Callable[[uuid.UUID, Actor, ActionInput], bool | None]


def _change(action: str) -> Do:
    def do(order_id: uuid.UUID, actor: Actor, wish: ActionInput) -> None:
        change_status(order_id, action, actor, seen_version=wish.version, reason=wish.reason)

    return do


def _pay(order_id: uuid.UUID, actor: Actor, wish: ActionInput) -> None:
    # Money for an order that waits for none is taken where its money is looked at; here it is refused.
    amount = None if is_settled(get_order(order_id)) else wish.amount
    record_receipt(
        order_id,
        actor,
        amount=amount,
        reference=wish.reference,
        seen_version=wish.version,
        reason=wish.reason,
    )


def _confirm(order_id: uuid.UUID, actor: Actor, wish: ActionInput) -> bool:
    return confirm_order(order_id, actor, seen_version=wish.version, reason=wish.reason)


def _ship(order_id: uuid.UUID, actor: Actor, wish: ActionInput) -> bool:
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


def _cancel(order_id: uuid.UUID, actor: Actor, wish: ActionInput) -> None:
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


def _request_refund(order_id: uuid.UUID, actor: Actor, wish: ActionInput) -> None:
    request_return(order_id, actor, seen_version=wish.version, reason=wish.reason)


def _decline_refund(order_id: uuid.UUID, actor: Actor, wish: ActionInput) -> None:
    decline_refund(order_id, actor, seen_version=wish.version, reason=wish.reason)


def _refund(order_id: uuid.UUID, actor: Actor, wish: ActionInput) -> None:
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

LEADING_TO = {row.target: row.action for row in TRANSITIONS if row.target != REMEMBERED}
"""Status -> the action that leads there."""


def perform_action(action: str, order_id: uuid.UUID, actor: Actor, wish: ActionInput) -> bool:
    """Do it, and tell whether all of it was done: units may be missing, or a part may have been sent.

    Raises what the use case raises: NotFound, StaleVersion, IllegalTransition, Conflict, InvalidValue, NotAllowed.
    """
    return SERVICES[action](order_id, actor, wish) is not False


def action_to(order: Order, status: str) -> str:
    """Return the action that would lead an order to `status`; whether it may be done now is for its use case to say.

    Raises IllegalTransition for a status to which nobody of the shop leads an order.
    """
    if order.status == "refund_requested" and status == order.status_before_refund:
        return "decline_refund"
    action = LEADING_TO[status]
    if action not in SERVICES:
        raise IllegalTransition(order.status, action, "status_not_by_hand", target=status)
    return action


def is_settled(order: Order) -> bool:
    """Tell whether an order waits for no money, because it is there or because there is nothing to pay for."""
    return order.payment_status != "unpaid" or order.status in ("cancelled", "refunded")


def gives_money_back(action: str, order: Order) -> bool:
    """Tell whether an action on an order as it is now sends money back."""
    if action == "cancel":
        return net_captured(payments_of(order.id), order.currency) > 0
    return action == "refund"
