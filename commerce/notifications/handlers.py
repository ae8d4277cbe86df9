"""From events to mails. Each handler sends one mail; the delivery's row makes it once per event."""

from __future__ import annotations

from commerce.events.worker import Happening
from commerce.notifications.emails import operations_address, send_mail
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.payments.queries import payment_method
from commerce.shipping.queries import shipments_of


def _to_customer(happening: Happening, template: str, order: Order) -> None:
    send_mail(happening, template, order.email, order=order)


def mail_order_received(happening: Happening) -> None:
    """Tell how to pay when the money comes by another way than a card."""
    order = get_order(happening.subject_id)
    method = payment_method(order.payment_method)
    if order.pay_later or method is None or method.gateway != "manual":
        return
    send_mail(happening, "order_received", order.email, order=order, instructions=method.instructions)


def mail_order_confirmation(happening: Happening) -> None:
    """Confirm the order: its stock is committed."""
    _to_customer(happening, "order_confirmation", get_order(happening.subject_id))


def mail_shipping_notification(happening: Happening) -> None:
    """Say that the parcel is on its way, with tracking."""
    order = get_order(happening.subject_id)
    send_mail(happening, "order_shipped", order.email, order=order, shipments=shipments_of(order.id))


def mail_delivery_confirmation(happening: Happening) -> None:
    """Say that the parcel arrived."""
    _to_customer(happening, "order_delivered", get_order(happening.subject_id))


def mail_cancellation_notice(happening: Happening) -> None:
    """Say that the order was cancelled, why, and what happens to the money."""
    order = get_order(happening.subject_id)
    reason = str(happening.payload.get("reason", ""))
    send_mail(happening, "order_cancelled", order.email, order=order, reason=reason)


def mail_refund_notice(happening: Happening) -> None:
    """Say that money is on its way back, or tell operations that it could not be sent."""
    order = get_order(happening.subject_id)
    if happening.payload["succeeded"]:
        _to_customer(happening, "order_refunded", order)
    else:
        problem = f"A refund failed: {happening.payload.get('failure', '')}"
        send_mail(happening, "operations_alert", operations_address(), order=order, problem=problem)


def mail_late_payment(happening: Happening) -> None:
    """Say that a payment for a cancelled order goes back."""
    _to_customer(happening, "late_payment", get_order(happening.subject_id))


def alert_of_refund_request(happening: Happening) -> None:
    """Tell operations that somebody wants money back."""
    problem = f"A refund was requested: {happening.payload.get('reason', '')}"
    order = get_order(happening.subject_id)
    send_mail(happening, "operations_alert", operations_address(), order=order, problem=problem)


def alert_operations(happening: Happening) -> None:
    """Tell operations that an order needs a person."""
    order = get_order(happening.subject_id)
    facts = happening.payload
    problem = str(facts.get("error") or facts.get("problem") or "A payment came too late and goes back.")
    send_mail(happening, "operations_alert", operations_address(), order=order, problem=problem)
