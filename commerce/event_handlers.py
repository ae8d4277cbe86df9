"""Everything that reacts to an event, on one screen. A handler of a base class hears its subclasses too."""

from __future__ import annotations

import uuid

from commerce.checkout.refunds import send_refund
from commerce.checkout.settlement import end_open_payments
from commerce.events.outbox import DomainEvent
from commerce.events.worker import Handlers, Happening, Relay
from commerce.notifications.emails import operations_address, send_mail
from commerce.notifications.handlers import (
    alert_of_refund_request,
    alert_operations,
    mail_cancellation_notice,
    mail_delivery_confirmation,
    mail_late_payment,
    mail_order_confirmation,
    mail_order_received,
    mail_refund_notice,
    mail_shipping_notification,
)
from commerce.orders import events
from commerce.orders.services import confirm_pay_later
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks.events import WebhookDisabled
from commerce.webhooks.telling import Webhooks


def confirm_order_paid_later(happening: Happening) -> None:
    """Finish a cash-on-delivery placement whose process died between its two transactions."""
    if happening.payload["pay_later"]:
        confirm_pay_later(happening.subject_id)


def send_queued_refund(happening: Happening) -> None:
    """Give the money back through the gateway, outside of any transaction."""
    send_refund(uuid.UUID(happening.payload["refund_id"]))


def end_payments_of_cancelled(happening: Happening) -> None:
    """Close the payment pages that are still open for an order which will not be delivered."""
    end_open_payments(happening.subject_id)


def alert_of_disabled_webhook(happening: Happening) -> None:
    """Tell operations that another program is not told any more."""
    facts = happening.payload
    send_mail(
        happening,
        "operations/webhook_disabled",
        operations_address(),
        webhook_id=happening.subject_id,
        url=facts["url"],
        reason=facts["reason"],
    )


EVENT_HANDLERS: Handlers = {
    events.OrderPlaced: [confirm_order_paid_later, mail_order_received],
    events.OrderConfirmed: [mail_order_confirmation],
    events.OrderShipped: [mail_shipping_notification],
    events.OrderDelivered: [mail_delivery_confirmation],
    events.OrderCancelled: [end_payments_of_cancelled, mail_cancellation_notice],
    events.RefundRequested: [alert_of_refund_request],
    events.RefundQueued: [send_queued_refund],
    events.RefundSettled: [mail_refund_notice],
    events.PaymentNeedsReview: [alert_operations],
    events.InventoryReservationFailed: [alert_operations],
    events.LatePaymentRefunded: [mail_late_payment, alert_operations],
    WebhookDisabled: [alert_of_disabled_webhook],
}

EVENT_KINDS: tuple[type[DomainEvent], ...] = (
    *events.STATUS_EVENTS.values(),
    events.OrderPlaced,
    events.PaymentFailed,
    events.PaymentReceived,
    events.PaymentUnknown,
    events.PaymentNeedsReview,
    events.LatePaymentRefunded,
    events.InventoryReservationFailed,
    events.ParcelSent,
    events.ReturnRequested,
    events.ReturnAnswered,
    events.OrderCredited,
    events.OrderEdited,
    events.OrderNoteAdded,
    events.RefundQueued,
    events.RefundSettled,
    WebhookDisabled,
)


def make_relay() -> Relay:
    """Return the relay of this installation."""
    return Relay(EVENT_HANDLERS, EVENT_KINDS, lambda tenant_id: shop_scope(get_shop(tenant_id)), Webhooks())
