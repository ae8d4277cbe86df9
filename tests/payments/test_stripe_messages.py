"""Stripe's own example objects, read by us: known ones mean what they say, and nothing makes us fall over."""

from typing import Any

import pytest

from commerce.errors import InvalidValue
from commerce.payments.gateways.stripe.messages import (
    message_of,
    outcome_of_intent,
    outcome_of_refund,
    outcome_of_session,
)
from tests.fakes.stripe_account import FIXTURES, fixture

pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason=f"no example objects of Stripe's at {FIXTURES}")
KINDS = [
    ("checkout.session.completed", "checkout.session"),
    ("checkout.session.expired", "checkout.session"),
    ("checkout.session.async_payment_failed", "checkout.session"),
    ("checkout.session.async_payment_succeeded", "checkout.session"),
    ("payment_intent.succeeded", "payment_intent"),
    ("payment_intent.payment_failed", "payment_intent"),
    ("payment_intent.canceled", "payment_intent"),
    ("payment_intent.amount_capturable_updated", "payment_intent"),
    ("payment_intent.processing", "payment_intent"),
    ("payment_intent.created", "payment_intent"),
    ("charge.refunded", "charge"),
    ("charge.succeeded", "charge"),
    ("refund.created", "refund"),
    ("refund.updated", "refund"),
    ("refund.failed", "refund"),
    ("charge.dispute.created", "dispute"),
    ("plan.created", "plan"),
]


def event(kind: str, thing: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**fixture("event"), "type": kind, "data": {"object": thing}, **changes}


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_the_example_of_every_kind_is_read(kind: str, name: str) -> None:
    told = message_of(event(kind, fixture(name)), "", live=False)
    assert (told.provider, told.key, told.type) == ("stripe", fixture("event")["id"], kind)


def test_the_example_session_is_open_and_its_payer_may_go_on() -> None:
    session = {**fixture("checkout.session"), "url": "https://checkout.stripe.com/c/pay/cs_test"}
    outcome = outcome_of_session(session)
    assert (outcome.state, outcome.reference, outcome.redirect) == ("waiting", session["id"], session["url"])


def test_a_paid_session_says_what_was_taken_and_by_which_intent() -> None:
    paid = {"status": "complete", "payment_status": "paid", "amount_total": 1500, "currency": "eur"}
    outcome = outcome_of_session({**fixture("checkout.session"), **paid})
    assert (outcome.state, outcome.amount, outcome.currency) == ("captured", 1500, "EUR")
    assert outcome.reference == fixture("checkout.session")["payment_intent"]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("requires_payment_method", "waiting"),
        ("requires_confirmation", "waiting"),
        ("requires_action", "waiting"),
        ("processing", "waiting"),
        ("requires_capture", "authorized"),
        ("canceled", "voided"),
        ("succeeded", "captured"),
        ("a status of tomorrow", "waiting"),
    ],
)
def test_every_status_of_an_intent(status: str, state: str) -> None:
    assert outcome_of_intent({**fixture("payment_intent"), "status": status}).state == state


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("succeeded", "captured"),
        ("pending", "waiting"),
        ("requires_action", "waiting"),
        ("failed", "failed"),
        ("canceled", "failed"),
    ],
)
def test_every_status_of_a_refund(status: str, state: str) -> None:
    assert outcome_of_refund({**fixture("refund"), "status": status}).state == state


def test_tests_and_real_money_never_meet() -> None:
    for live in (True, False):
        told = message_of(
            event("payment_intent.succeeded", fixture("payment_intent"), livemode=not live), "", live=live
        )
        assert told.note
        assert told.outcome is None


def test_another_account_is_not_ours() -> None:
    told = message_of(
        event("payment_intent.succeeded", fixture("payment_intent"), account="acct_other"),
        "acct_ours",
        live=False,
    )
    assert told.note
    assert told.account == "acct_other"


def test_an_amount_that_we_cannot_count_is_refused_and_stays_in_the_inbox_of_stripe() -> None:
    odd = {**fixture("payment_intent"), "status": "succeeded", "currency": "isk", "amount_received": 1050}
    with pytest.raises(InvalidValue):
        message_of(event("payment_intent.succeeded", odd), "", live=False)
