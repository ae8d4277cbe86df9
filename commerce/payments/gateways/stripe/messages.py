"""What Stripe's objects mean for us: sessions, payment intents, refunds and events to outcomes. Pure; asks nobody.

Objects are plain dictionaries as the API sends them. Whatever we do not know is no news, never an error.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from commerce.payments.gateways.base import GatewayMessage, PaymentOutcome
from commerce.payments.gateways.stripe.amounts import from_stripe

StripeObject = Mapping[str, Any]
DECLINED = "The card was declined."
OVER = "The time to pay was over."


def id_of(value: Any) -> str:
    """Return the id of an object that may be expanded or not, '' for none."""
    if isinstance(value, Mapping):
        return str(value.get("id") or "")
    return str(value or "")


def our_id(text: Any) -> uuid.UUID | None:
    """Return an id of ours that somebody sent back, or None when it cannot be one."""
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def payment_of(thing: StripeObject) -> uuid.UUID | None:
    """Return the attempt that an object was made for, as its metadata says."""
    named = (thing.get("metadata") or {}).get("payment_id") or thing.get("client_reference_id")
    return our_id(named) if named else None


def outcome_of_session(session: StripeObject) -> PaymentOutcome:
    """Say what a Checkout Session has come to. An expanded payment intent knows more than the session itself."""
    intent = session.get("payment_intent")
    if session.get("status") == "expired":
        return PaymentOutcome("voided", failure=OVER)
    if isinstance(intent, Mapping) and intent.get("status") in ("succeeded", "requires_capture", "canceled"):
        return outcome_of_intent(intent)
    if session.get("status") == "complete" and session.get("payment_status") in (
        "paid",
        "no_payment_required",
    ):
        currency = str(session["currency"]).upper()
        amount = from_stripe(int(session["amount_total"] or 0), currency)
        return PaymentOutcome("captured", amount, currency, id_of(intent) or str(session["id"]))
    # Open: the payer goes on at its page. Complete and unpaid: the banks are at it, and they can do nothing.
    page = str(session.get("url") or "") if session.get("status") == "open" else ""
    return PaymentOutcome("waiting", reference=str(session["id"]), redirect=page)


def outcome_of_intent(intent: StripeObject) -> PaymentOutcome:
    """Say what a payment intent has come to."""
    status, currency, key = intent.get("status"), str(intent["currency"]).upper(), str(intent["id"])
    if status == "succeeded":
        return PaymentOutcome(
            "captured", from_stripe(int(intent["amount_received"]), currency), currency, key
        )
    if status == "requires_capture":
        return PaymentOutcome(
            "authorized", from_stripe(int(intent["amount_capturable"]), currency), currency, key
        )
    if status == "canceled":
        return PaymentOutcome("voided", failure=OVER)
    return PaymentOutcome("waiting")


def decline_of(error: StripeObject | None) -> str:
    """Return why a card was declined, in Stripe's words for the payer, which hold no secrets of the shop."""
    found = error or {}
    words = str(found.get("message") or "") if found.get("type") == "card_error" else ""
    return words[:255] or DECLINED


def outcome_of_refund(refund: StripeObject) -> PaymentOutcome:
    """Say what a refund has come to: 'captured' when it was paid out."""
    currency, key = str(refund["currency"]).upper(), str(refund["id"])
    if refund.get("status") == "succeeded":
        return PaymentOutcome("captured", from_stripe(int(refund["amount"]), currency), currency, key)
    if refund.get("status") in ("failed", "canceled"):
        why = str(refund.get("failure_reason") or refund["status"]).replace("_", " ")
        return PaymentOutcome("failed", reference=key, failure=f"Stripe could not pay it out: {why}.")
    return PaymentOutcome("waiting", reference=key)


def message_of(event: StripeObject, account: str, *, live: bool) -> GatewayMessage:
    """Return what an event means. `account` is the one that the shop works with, `live` whether with real money."""
    kind, thing = str(event["type"]), event["data"]["object"]
    sent_by = str(event.get("account") or "")
    base: dict[str, Any] = {
        "provider": "stripe",
        "account": sent_by or account,
        "key": str(event["id"]),
        "type": kind,
    }
    if bool(event.get("livemode")) != live:
        return GatewayMessage(**base, note="Of the other world: tests and real money never meet.")
    if sent_by and account and sent_by != account:
        return GatewayMessage(**base, note="Of another account.")
    if kind.startswith("checkout.session."):
        return _of_session(base, kind, thing)
    if kind.startswith("payment_intent."):
        return _of_intent(base, kind, thing)
    if kind == "charge.refunded":
        currency = str(thing["currency"]).upper()
        total = from_stripe(int(thing["amount_refunded"]), currency)
        return GatewayMessage(
            **base,
            payment_id=payment_of(thing),
            references=_named(id_of(thing.get("payment_intent"))),
            refunded_total=total,
        )
    if kind in ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"):
        return GatewayMessage(
            **base,
            references=_named(id_of(thing.get("payment_intent"))),
            refund_id=our_id((thing.get("metadata") or {}).get("refund_id")),
            refund_outcome=outcome_of_refund(thing),
        )
    if kind == "charge.dispute.created":
        reason = str(thing.get("reason") or "").replace("_", " ")
        return GatewayMessage(
            **base,
            references=_named(id_of(thing.get("payment_intent"))),
            dispute=f"The payer disputes the payment at the bank: {reason}. Please answer at Stripe in time.",
        )
    return GatewayMessage(**base, note="Nothing that we act upon.")


def _named(*names: str) -> tuple[str, ...]:
    return tuple(name for name in names if name)


def _of_session(base: dict[str, Any], kind: str, session: StripeObject) -> GatewayMessage:
    facts: dict[str, Any] = {
        "payment_id": payment_of(session),
        "references": _named(str(session["id"]), id_of(session.get("payment_intent"))),
    }
    if kind == "checkout.session.async_payment_failed":
        return GatewayMessage(
            **base, **facts, outcome=PaymentOutcome("voided", failure="The bank did not pay.")
        )
    if kind.rpartition(".")[2] in ("completed", "expired", "async_payment_succeeded"):
        return GatewayMessage(**base, **facts, outcome=outcome_of_session(session))
    return GatewayMessage(**base, **facts, note="Nothing that we act upon.")


def _of_intent(base: dict[str, Any], kind: str, intent: StripeObject) -> GatewayMessage:
    facts: dict[str, Any] = {"payment_id": payment_of(intent), "references": _named(str(intent["id"]))}
    verb = kind.rpartition(".")[2]
    if verb == "payment_failed":
        # The page at Stripe stays open: the payer may take another card there.
        failed = PaymentOutcome("failed", failure=decline_of(intent.get("last_payment_error")))
        return GatewayMessage(**base, **facts, outcome=failed)
    if verb == "processing":
        return GatewayMessage(**base, **facts, outcome=PaymentOutcome("waiting"))
    if verb in ("succeeded", "canceled", "amount_capturable_updated"):
        return GatewayMessage(**base, **facts, outcome=outcome_of_intent(intent))
    return GatewayMessage(**base, **facts, note="Nothing that we act upon.")
