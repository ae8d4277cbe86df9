"""Everything that reacts to an event, on one screen. A handler of a base class hears its subclasses too."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from commerce.accounts.events import EmailTokenRequested, MemberEmailChanged, StaffInvited
from commerce.events.claims import Lane
from commerce.events.outbox import DomainEvent
from commerce.events.read_ahead import Reader, read_already
from commerce.events.relay import Condition, DeliveredEvent, Handlers, Relay
from commerce.inventory.events import BackInStock, StockLow
from commerce.inventory.low_stock import notice_low_stock, orders_with_low_variants
from commerce.invoices.services import follow_documents, orders_to_document
from commerce.notifications.context import mail_contexts
from commerce.notifications.handlers import (
    ANSWERS,
    alert_of_disabled_webhook,
    alert_of_failed_refund,
    alert_of_late_payment,
    alert_of_low_stock,
    alert_of_missing_stock,
    alert_of_odd_payment,
    alert_of_refund_request,
    mail_back_in_stock,
    mail_cancellation_notice,
    mail_credit_notice,
    mail_delivery_confirmation,
    mail_email_changed,
    mail_late_payment,
    mail_order_completed,
    mail_order_confirmation,
    mail_order_edited,
    mail_order_link,
    mail_order_note,
    mail_order_received,
    mail_parcel_sent,
    mail_payment_failed,
    mail_payment_received,
    mail_proof,
    mail_refund_declined,
    mail_refund_notice,
    mail_refund_requested,
    mail_return_answered,
    mail_shipping_notification,
    mail_staff_invitation,
)
from commerce.orders import events
from commerce.orders.services import confirm_pay_later
from commerce.settlement.refunds import send_refund
from commerce.settlement.services import end_open_payments, follow_balance, orders_to_follow
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks.delivery import Webhooks
from commerce.webhooks.events import WebhookDisabled


def confirm_order_paid_later(happening: DeliveredEvent) -> None:
    """Finish a cash-on-delivery placement whose process died between its two transactions."""
    if happening.payload["pay_later"]:
        confirm_pay_later(happening.subject_id)


def send_queued_refund(happening: DeliveredEvent) -> None:
    """Give the money back through the gateway, outside of any transaction."""
    send_refund(uuid.UUID(happening.payload["refund_id"]))


def end_payments_of_cancelled(happening: DeliveredEvent) -> None:
    """Close the payment pages that are still open for an order which will not be delivered."""
    end_open_payments(happening.subject_id)


def finish_edited_order(happening: DeliveredEvent) -> None:
    """Do what an edit leads to, should the process have died before it could."""
    follow_balance(happening.subject_id)


def confirm_order_without_due(happening: DeliveredEvent) -> None:
    """Go on with an order that cost nothing when it was placed."""
    follow_balance(happening.subject_id)


def balances_to_follow(happenings: Sequence[DeliveredEvent]) -> dict[uuid.UUID, bool]:
    """Return by event id whether anything follows from the balance of its order. Two statements."""
    found = orders_to_follow({happening.subject_id for happening in happenings})
    return {happening.event_id: happening.subject_id in found for happening in happenings}


def follow_order_balance(happening: DeliveredEvent) -> None:
    """Close payment pages that ask for what is no longer due, and go on with an order that owes nothing."""
    if read_already(balances_to_follow, happening.event_id) is not False:
        follow_balance(happening.subject_id)


def low_stock_after(happenings: Sequence[DeliveredEvent]) -> dict[uuid.UUID, bool]:
    """Return by event id whether a variant of its order runs low. One statement."""
    low = orders_with_low_variants({happening.subject_id for happening in happenings})
    return {happening.event_id: happening.subject_id in low for happening in happenings}


def watch_stock(happening: DeliveredEvent) -> None:
    """Notice which variants run low now that an order has taken of them."""
    runs_low = read_already(low_stock_after, happening.event_id)
    if runs_low is None:
        runs_low = low_stock_after([happening])[happening.event_id]
    if runs_low:
        notice_low_stock(happening.subject_id, str(happening.payload["code"]))


def document_order(happening: DeliveredEvent) -> None:
    """Make the invoice or credit note that an event of an order leads to."""
    needed = read_already(orders_to_document, happening.event_id)
    if needed is None:
        needed = orders_to_document([happening])[happening.event_id]
    if needed:
        follow_documents(happening.subject_id, happening.event_id, happening.type)


EVENT_HANDLERS: Handlers = {
    events.OrderPlaced: [
        confirm_order_paid_later,
        confirm_order_without_due,
        mail_order_received,
        watch_stock,
    ],
    events.PaymentReceived: [follow_order_balance, document_order, mail_payment_received],
    events.PaymentSucceeded: [document_order],
    events.PaymentFailed: [mail_payment_failed],
    events.OrderConfirmed: [mail_order_confirmation],
    events.ParcelSent: [document_order, mail_parcel_sent],
    events.OrderShipped: [document_order, mail_shipping_notification],
    events.OrderDelivered: [mail_delivery_confirmation],
    events.OrderCompleted: [mail_order_completed],
    events.OrderCancelled: [end_payments_of_cancelled, document_order, mail_cancellation_notice],
    events.OrderEdited: [finish_edited_order, document_order, mail_order_edited, watch_stock],
    events.OrderNoteAdded: [mail_order_note],
    events.RefundRequested: [mail_refund_requested, alert_of_refund_request],
    events.ReturnRequested: [mail_refund_requested, alert_of_refund_request],
    events.ReturnAnswered: [mail_return_answered],
    events.RefundDeclined: [mail_refund_declined],
    events.OrderRefunded: [document_order, mail_refund_notice],
    events.OrderCredited: [follow_order_balance, document_order, mail_credit_notice],
    events.RefundQueued: [send_queued_refund],
    events.RefundSettled: [alert_of_failed_refund],
    events.PaymentNeedsReview: [alert_of_odd_payment],
    events.InventoryReservationFailed: [alert_of_missing_stock],
    events.LatePaymentRefunded: [mail_late_payment, alert_of_late_payment],
    events.OrderLinkWanted: [mail_order_link],
    EmailTokenRequested: [mail_proof],
    StaffInvited: [mail_staff_invitation],
    MemberEmailChanged: [mail_email_changed],
    StockLow: [alert_of_low_stock],
    BackInStock: [mail_back_in_stock],
    WebhookDisabled: [alert_of_disabled_webhook],
}

LANES: Mapping[str, Lane] = {
    each.__name__: Lane.ORDERS
    for each in (
        confirm_order_paid_later,
        confirm_order_without_due,
        document_order,
        end_payments_of_cancelled,
        finish_edited_order,
        follow_order_balance,
        send_queued_refund,
        watch_stock,
    )
}
"""Handlers that are about money, orders and stock, and wait for no mail."""

CONDITIONS: Mapping[str, Condition] = {
    alert_of_failed_refund.__name__: lambda facts: not facts["succeeded"],
    confirm_order_paid_later.__name__: lambda facts: bool(facts["pay_later"]),
    confirm_order_without_due.__name__: lambda facts: not facts["total"],
    mail_order_link.__name__: lambda facts: bool(facts["code"]),
    mail_order_note.__name__: lambda facts: bool(facts["for_customer"]),
    mail_return_answered.__name__: lambda facts: facts["state"] in ANSWERS,
}
"""Handlers that have nothing to do about some events, by the facts: no delivery is made for these."""

READERS: Mapping[str, Reader[Any]] = {
    document_order.__name__: orders_to_document,
    follow_order_balance.__name__: balances_to_follow,
    watch_stock.__name__: low_stock_after,
    **{
        each.__name__: mail_contexts
        for each in (
            alert_of_late_payment,
            alert_of_missing_stock,
            alert_of_odd_payment,
            alert_of_refund_request,
            mail_cancellation_notice,
            mail_credit_notice,
            mail_delivery_confirmation,
            mail_late_payment,
            mail_order_completed,
            mail_order_confirmation,
            mail_order_edited,
            mail_order_link,
            mail_order_note,
            mail_order_received,
            mail_parcel_sent,
            mail_payment_failed,
            mail_payment_received,
            mail_refund_declined,
            mail_refund_notice,
            mail_refund_requested,
            mail_return_answered,
            mail_shipping_notification,
        )
    },
}
"""What is read ahead for the deliveries of a handler."""

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
    events.OrderLinkWanted,
    EmailTokenRequested,
    StaffInvited,
    MemberEmailChanged,
    StockLow,
    BackInStock,
    WebhookDisabled,
)


PASSING_EVENTS = tuple(
    kind.type()
    for kind in (BackInStock, MemberEmailChanged, EmailTokenRequested, StaffInvited, WebhookDisabled)
)
"""Kinds of events that are no line of any order's timeline, and decide nothing once their mails are sent."""


def make_relay() -> Relay:
    """Return the relay of this installation."""
    return Relay(
        EVENT_HANDLERS,
        EVENT_KINDS,
        lambda tenant_id: shop_scope(get_shop(tenant_id)),
        Webhooks(),
        lanes=LANES,
        conditions=CONDITIONS,
        readers=READERS,
    )
