"""What a gateway tells us by itself: written down once, then acted upon in one transaction with being done."""

from __future__ import annotations

import uuid

from commerce.db import atomic, db
from commerce.errors import NotFound
from commerce.events.outbox import Actor
from commerce.orders.services import lock_order
from commerce.payments.gateways.base import GatewayMessage
from commerce.payments.inbox import close_message, ignore_message, receive_message
from commerce.payments.models import Payment
from commerce.payments.queries import find_payment
from commerce.settlement.refunds import settle_foreign_refunds, settle_refund
from commerce.settlement.services import flag_for_review, settle_payment


def handle_message(message: GatewayMessage, actor: Actor) -> str:
    """Act upon a message whose signature was proved; return the state of its row: 'processed' or 'ignored'.

    A message that came before changes nothing, unless its first processing died on the way.
    """
    row_id, state = receive_message(message)
    if state != "received":
        return state
    why_not = message.note or _apply(message, actor, row_id)
    if why_not:
        ignore_message(row_id, why_not)
        return "ignored"
    return "processed"


def _apply(message: GatewayMessage, actor: Actor, row_id: uuid.UUID) -> str:
    """Do what a message asks; return why there was nothing to do, '' when it was done."""
    payment = find_payment(message.payment_id, message.references)
    db.session.close()
    if payment is None or payment.gateway != message.provider:
        return "It names no payment of this shop."
    if message.refund_id is not None and message.refund_outcome is not None:
        try:
            settle_refund(message.refund_id, message.refund_outcome, actor, message_id=row_id)
        except NotFound:
            return "It names no refund of this shop."
    elif message.refunded_total is not None:
        settle_foreign_refunds(payment.id, message.refunded_total, actor, message_id=row_id)
    elif message.dispute:
        _flag_message(payment.id, message.dispute, actor, row_id)
    elif message.outcome is not None and _is_other(payment, message):
        if message.outcome.state == "captured":
            problem = f"Money arrived under another reference than ours: {message.outcome.reference}."
            _flag_message(payment.id, problem, actor, row_id)
        else:
            return "It is about another session than ours."
    elif message.outcome is not None:
        settle_payment(payment.id, message.outcome, actor, message_id=row_id)
    else:
        return "Nothing that we act upon."
    return ""


def _is_other(payment: Payment, message: GatewayMessage) -> bool:
    """Tell whether a message is about another page or intent than the attempt's own, as far as we know its own."""
    kind = payment.reference.partition("_")[0]
    same_kind = [each for each in message.references if each.partition("_")[0] == kind]
    return bool(payment.reference and same_kind and payment.reference not in same_kind)


@atomic
def _flag_message(payment_id: uuid.UUID, problem: str, actor: Actor, row_id: uuid.UUID) -> None:
    payment = find_payment(payment_id, ())
    if payment is None:
        raise AssertionError("found before, and payments are never deleted")
    order = lock_order(payment.order_id)
    close_message(row_id, payment_id)
    flag_for_review(order, problem, actor)
