"""What happens to orders. A handler of `OrderStatusChanged` hears every change; its subclasses say which one it was."""

from __future__ import annotations

from dataclasses import dataclass

from commerce.events.outbox import DomainEvent


@dataclass(frozen=True, kw_only=True)
class OrderEvent(DomainEvent):
    """`subject_id` is the order's id, `subject_version` its version after the change; `code` is for people."""

    code: str


@dataclass(frozen=True, kw_only=True)
class OrderPlaced(OrderEvent):
    """An order exists and its stock is held. `total` is minor units of `currency`."""

    total: int
    currency: str
    pay_later: bool


@dataclass(frozen=True, kw_only=True)
class OrderStatusChanged(OrderEvent):
    """The status moved from one to another by an action."""

    action: str
    from_status: str
    to_status: str
    reason: str = ""


class PaymentSucceeded(OrderStatusChanged):
    """The order is paid in full."""


class OrderConfirmed(OrderStatusChanged):
    """Stock is committed: the shop will deliver."""


class OrderShipped(OrderStatusChanged):
    """Everything is on its way."""


class OrderDelivered(OrderStatusChanged):
    """The parcel arrived."""


class OrderCompleted(OrderStatusChanged):
    """The time for returns is over."""


class OrderCancelled(OrderStatusChanged):
    """The order will not be delivered; stock is free again."""


class RefundRequested(OrderStatusChanged):
    """Somebody wants the money back; staff decide."""


class RefundDeclined(OrderStatusChanged):
    """Staff decided against it; the order goes on where it was."""


class OrderRefunded(OrderStatusChanged):
    """Staff decided to give back what is left."""


@dataclass(frozen=True, kw_only=True)
class PaymentReceived(OrderEvent):
    """Money arrived (minor units of `currency`); whether it is enough shows in what follows."""

    method: str
    amount: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class PaymentFailed(OrderEvent):
    """An attempt to pay was declined; the order still waits for its money."""

    failure: str


@dataclass(frozen=True, kw_only=True)
class PaymentUnknown(OrderEvent):
    """A gateway did not answer; its answer is being asked for."""


@dataclass(frozen=True, kw_only=True)
class PaymentNeedsReview(OrderEvent):
    """Money arrived that does not match the order: another amount or currency."""

    problem: str


@dataclass(frozen=True, kw_only=True)
class LatePaymentRefunded(OrderEvent):
    """Money arrived for a cancelled order whose stock is gone; it goes back."""


@dataclass(frozen=True, kw_only=True)
class InventoryReservationFailed(OrderEvent):
    """A paid order whose stock could not be committed: operations must look at it."""

    error: str


@dataclass(frozen=True, kw_only=True)
class ParcelSent(OrderEvent):
    """Part of the order was shipped; the rest will follow. `shipment_id` is the parcel's."""

    shipment_id: str
    number: int


@dataclass(frozen=True, kw_only=True)
class ReturnRequested(OrderEvent):
    """Somebody wants money back for a part of the order (`kind` 'refund'), or to send goods back ('return')."""

    return_id: str
    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReturnAnswered(OrderEvent):
    """A request went on: `state` is approved, declined, received, withdrawn or closed; `answer` is for the customer."""

    return_id: str
    kind: str
    state: str
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class OrderCredited(OrderEvent):
    """Staff credited a part of the order, decided by line: `credited` minor units of `currency`.

    It lowers what is due first; `amount` of it is money that goes back.
    """

    credit_id: str
    amount: int
    currency: str
    credited: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class OrderEdited(OrderEvent):
    """Staff changed a placed order; totals are minor units of `currency`, `summary` says what changed in words."""

    summary: str
    total_before: int
    total: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class OrderNoteAdded(OrderEvent):
    """Staff wrote a note; `for_customer` ones are mailed and shown to them."""

    text: str
    for_customer: bool = False


@dataclass(frozen=True, kw_only=True)
class OrderLinkWanted(OrderEvent):
    """Somebody who knows its code and its address lost the link of an order; without a `code` there is none."""


@dataclass(frozen=True, kw_only=True)
class RefundQueued(OrderEvent):
    """Money (minor units) is to go back by the gateway."""

    refund_id: str
    amount: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class RefundSettled(OrderEvent):
    """The gateway reported the outcome of a refund."""

    refund_id: str
    succeeded: bool
    failure: str = ""


STATUS_EVENTS: dict[str, type[OrderStatusChanged]] = {
    kind.__name__: kind
    for kind in (
        OrderStatusChanged,
        PaymentSucceeded,
        OrderConfirmed,
        OrderShipped,
        OrderDelivered,
        OrderCompleted,
        OrderCancelled,
        RefundRequested,
        RefundDeclined,
        OrderRefunded,
    )
}
