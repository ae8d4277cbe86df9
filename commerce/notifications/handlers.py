"""From events to mails. Each handler sends at most one mail; the delivery's row makes it once per event.

One thing that happened is one mail. Where it is several events, one of them speaks, and which one follows from the
events beside it in the order's history, never from the time at which a handler runs:

| what happened | events | who speaks |
|---|---|---|
| the last payment confirms the order | PaymentReceived, PaymentSucceeded, OrderConfirmed | OrderConfirmed |
| it does not (a part of the money, stock missing, paid on delivery) | PaymentReceived... | PaymentReceived |
| money for a cancelled order goes back | PaymentReceived, RefundQueued, LatePaymentRefunded | the last of them |
| cancelled after payment | OrderCancelled, RefundQueued, later RefundSettled | OrderCancelled, with the amount |
| refunded in full | OrderRefunded, RefundQueued, OrderCredited, later RefundSettled | OrderRefunded, with the amount |
| refunded in part | (RefundDeclined,) RefundQueued, OrderCredited, later RefundSettled | OrderCredited |
| several parcels | ParcelSent for each; OrderShipped with the last | each parcel once |

So a decision about money is announced when it is made. That a gateway carried it out is no news for the customer;
that it could not is news for operations. A mail that asks for money is left out when nothing is owed any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import dropwhile

from sqlalchemy import select

from commerce.accounts.email_tokens import EmailToken, get_token, issue_token
from commerce.accounts.invitations import get_invitation, issue_invitation
from commerce.accounts.models import Member, StaffMember
from commerce.db import db
from commerce.encryption import seal
from commerce.events.models import Event
from commerce.events.relay import DeliveredEvent
from commerce.inventory.back_in_stock import address_of, delete_alert
from commerce.notifications.context import MailContext, mail_context
from commerce.notifications.rendering import send_mail
from commerce.orders.returns import PARTLY
from commerce.payments.queries import payment_method

BESIDE_A_PAYMENT = ("PaymentNeedsReview", "OrderStatusChanged", "RefundQueued")
"""What may stand between a payment and what it led to: doubts, a reopened order, money on its way back."""
ANSWERS = {"approved": "return_approved", "received": "return_received", "declined": "refund_declined"}
"""The mails about the states of a return that its customer is details."""


# --- to the customer: the way of an order -----------------------------------------------------------


def mail_order_received(happening: DeliveredEvent) -> None:
    """Tell how to pay when the money comes by another way than a card, or when staff placed the order."""
    details = mail_context(happening)
    method = payment_method(details.order.payment_method)
    by_hand = method is not None and method.gateway == "manual"
    if not details.order.pay_later and (by_hand or details.by_staff):
        send_mail(happening, "order_received", details)


def mail_payment_received(happening: DeliveredEvent) -> None:
    """Say that money arrived, unless what followed from it says so in a mail of its own."""
    details = mail_context(happening)
    if not _is_covered_by_another_mail(details.after):
        send_mail(happening, "payment_received", details)


def _is_covered_by_another_mail(after: Sequence[Event]) -> bool:
    types = [event.type for event in dropwhile(lambda event: event.type in BESIDE_A_PAYMENT, after)]
    if types[:1] == ["PaymentSucceeded"]:
        types = [name for name in types[1:] if name != "PaymentNeedsReview"]
        return types[:1] == ["OrderConfirmed"]
    return types[:1] == ["LatePaymentRefunded"]


def mail_payment_failed(happening: DeliveredEvent) -> None:
    """Say how to try again: once for a row of declined attempts, and only while there is something to pay."""
    details = mail_context(happening)
    last = next((e.type for e in reversed(details.before) if e.type != "PaymentUnknown"), "")
    closed = details.order.status in ("cancelled", "refunded")
    if last != happening.type and details.owed and not closed:
        send_mail(happening, "payment_failed", details)


def mail_order_confirmation(happening: DeliveredEvent) -> None:
    """Confirm the order: its stock is committed."""
    send_mail(happening, "order_confirmation", mail_context(happening))


def mail_parcel_sent(happening: DeliveredEvent) -> None:
    """Say that a part of the order is on its way, and whether more follows."""
    send_mail(happening, "parcel_sent", mail_context(happening))


def mail_shipping_notification(happening: DeliveredEvent) -> None:
    """Say that all is on its way, unless the mail of the last parcel said so."""
    details = mail_context(happening)
    announced = {
        e.payload.get("shipment_id") for e in (*details.before, *details.after) if e.type == "ParcelSent"
    }
    if details.parcel is None or details.parcel.id not in announced:
        send_mail(happening, "order_shipped", details)


def mail_delivery_confirmation(happening: DeliveredEvent) -> None:
    """Say that the parcel arrived."""
    send_mail(happening, "order_delivered", mail_context(happening))


def mail_order_completed(happening: DeliveredEvent) -> None:
    """Thank at the end."""
    send_mail(happening, "order_completed", mail_context(happening))


def mail_cancellation_notice(happening: DeliveredEvent) -> None:
    """Say that the order was cancelled, why, and what happens to the money."""
    send_mail(happening, "order_cancelled", mail_context(happening))


def mail_late_payment(happening: DeliveredEvent) -> None:
    """Say that a payment for a cancelled order goes back."""
    send_mail(happening, "late_payment", mail_context(happening))


def mail_order_edited(happening: DeliveredEvent) -> None:
    """Say what the order is now, and how to pay or get back the difference."""
    send_mail(happening, "order_edited", mail_context(happening))


def mail_order_note(happening: DeliveredEvent) -> None:
    """Pass on a note that staff wrote for the customer."""
    if happening.payload["for_customer"]:
        send_mail(happening, "order_note", mail_context(happening))


# --- to the customer: money and goods that come back ------------------------------------------------


def mail_refund_requested(happening: DeliveredEvent) -> None:
    """Confirm the customer's request; staff who ask on their behalf talk to them anyway."""
    details = mail_context(happening)
    if not details.by_staff:
        send_mail(happening, "refund_requested", details)


def mail_return_answered(happening: DeliveredEvent) -> None:
    """Say how to send goods back, that they arrived, or why not. The refund has a mail of its own."""
    name = ANSWERS.get(happening.payload["state"])
    if name:
        send_mail(happening, name, mail_context(happening))


def mail_refund_declined(happening: DeliveredEvent) -> None:
    """Say why a refund is not granted; one that is granted in part has a mail with its amount."""
    if not happening.payload["reason"].startswith(PARTLY):
        send_mail(happening, "refund_declined", mail_context(happening))


def mail_refund_notice(happening: DeliveredEvent) -> None:
    """Say that all the money that is left goes back."""
    send_mail(happening, "order_refunded", mail_context(happening))


def mail_credit_notice(happening: DeliveredEvent) -> None:
    """Say that a part of the money goes back, unless it is the last part of a whole refund."""
    details = mail_context(happening)
    if happening.payload["amount"] and not _part_of_a_whole_refund(details):
        send_mail(happening, "order_credited", details)


def _part_of_a_whole_refund(details: MailContext) -> bool:
    decision = next((event.type for event in reversed(details.before) if event.type != "RefundQueued"), "")
    return decision == "OrderRefunded"


# --- to somebody who waits --------------------------------------------------------------------------


def mail_back_in_stock(happening: DeliveredEvent) -> None:
    """Say that a product is back in stock, and delete the alert, so that the mail is sent once."""
    reader = address_of(happening.subject_id)
    if reader:
        send_mail(happening, "back_in_stock", to=reader)
        delete_alert(happening.subject_id)


# --- to whoever has an account, or may get one --------------------------------------------------------


def mail_proof(happening: DeliveredEvent) -> None:
    """Mail a link that proves that somebody reads an address; its token is made here and stored nowhere.

    An address that belongs to nobody gets none.
    """
    proof = get_token(happening.subject_id)
    name = _note_of(proof) if proof else ""
    if proof and name:
        facts = {**happening.payload, "key": issue_token(proof.id)}
        send_mail(replace(happening, payload=facts), name, to=proof.email)


def mail_staff_invitation(happening: DeliveredEvent) -> None:
    """Mail an invitation to work for the shop; its token is made here and stored nowhere."""
    invitation = get_invitation(happening.subject_id)
    if invitation:
        facts = {**happening.payload, "key": issue_invitation(happening.subject_id)}
        send_mail(replace(happening, payload=facts), "staff_invited", to=invitation.email)


def _note_of(proof: EmailToken) -> str:
    """Return which mail takes a proof's link, '' for an address without an account."""
    if proof.purpose == "reset_staff":
        mine = (StaffMember.id == proof.subject_id) & StaffMember.active
        return "staff_reset" if db.session.scalar(select(StaffMember.id).where(mine)) else ""
    own = db.session.scalar(select(Member.email).where(Member.id == proof.subject_id))
    if own is None:
        return ""
    if proof.purpose == "change_member":
        return "member_orders" if own == proof.email else "member_email"
    return {"confirm_member": "member_confirm", "reset_member": "member_reset"}.get(proof.purpose, "")


def mail_email_changed(happening: DeliveredEvent) -> None:
    """Tell a member's former address that it was replaced."""
    sealed = happening.payload["sealed_former"]
    if sealed:
        send_mail(happening, "member_email_changed", to=seal().open(sealed))


def mail_order_link(happening: DeliveredEvent) -> None:
    """Mail the link of an order to the address on it."""
    if happening.payload["code"]:
        send_mail(happening, "order_link", mail_context(happening))


# --- to operations ----------------------------------------------------------------------------------


def alert_of_refund_request(happening: DeliveredEvent) -> None:
    """Tell operations that somebody wants money back."""
    send_mail(happening, "alert_refund_requested", mail_context(happening))


def alert_of_missing_stock(happening: DeliveredEvent) -> None:
    """Tell operations that a paid order cannot be confirmed."""
    send_mail(happening, "alert_stock_missing", mail_context(happening))


def alert_of_odd_payment(happening: DeliveredEvent) -> None:
    """Tell operations that money does not match its order."""
    send_mail(happening, "alert_payment_review", mail_context(happening))


def alert_of_late_payment(happening: DeliveredEvent) -> None:
    """Tell operations that money for a cancelled order goes back."""
    send_mail(happening, "alert_late_payment", mail_context(happening))


def alert_of_failed_refund(happening: DeliveredEvent) -> None:
    """Tell operations that money could not be sent back."""
    if not happening.payload["succeeded"]:
        send_mail(happening, "alert_refund_failed", mail_context(happening))


def alert_of_low_stock(happening: DeliveredEvent) -> None:
    """Tell operations that a variant runs low."""
    send_mail(happening, "alert_low_stock")


def alert_of_disabled_webhook(happening: DeliveredEvent) -> None:
    """Alert operations that a webhook was disabled."""
    send_mail(happening, "alert_webhook_disabled")
