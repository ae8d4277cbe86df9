"""Stripe when the network fails, and messages come twice, late, in the wrong order or about nobody."""

import threading
import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from commerce import clock
from commerce.db import atomic, db
from commerce.events.outbox import SYSTEM, Actor
from commerce.orders.services import cancel_order
from commerce.payments.gateways.registry import gateway
from commerce.payments.methods import configure_method
from commerce.payments.models import Payment
from commerce.settlement import gateway_events
from commerce.settlement.gateway_events import handle_message
from commerce.settlement.reconciliation import reconcile_payment
from commerce.settlement.services import (
    abandon_payments,
    end_open_payments,
    start_another_payment,
    take_payment,
)
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.orders import BOB
from tests.factories.shop import Sold, change_stock, counters
from tests.fakes.stripe import FakeStripe
from tests.payments.orders import PAID, age, buy, inbox
from tests.support.invariants import broken_invariants


def test_an_answer_that_is_lost_is_found_again_under_the_same_key(fake: FakeStripe, tea: Sold) -> None:
    fake.faults.drop_answers = 2
    bought = buy(tea)
    assert (bought.payment.state, bought.taken.redirect) == ("unknown", "")
    (session,) = fake.sessions
    assert reconcile_payment(bought.payment_id).after == "started"
    assert bought.payment.reference == session
    assert len(fake.sessions) == 1
    fake.pay(session)
    assert bought.status == ("confirmed", "paid")


def test_a_charge_whose_answer_was_lost_is_confirmed_by_its_message(fake: FakeStripe, tea: Sold) -> None:
    fake.faults.drop_answers = 2
    bought = buy(tea)
    fake.pay(next(iter(fake.sessions)))
    assert bought.status == ("confirmed", "paid")
    assert len(fake.sessions) == len(fake.intents) == 1


def test_a_session_whose_answer_was_lost_long_ago_is_found_in_the_list(fake: FakeStripe, tea: Sold) -> None:
    fake.faults.drop_answers = 2
    bought = buy(tea)
    fake.faults.keep_messages = True
    fake.pay(next(iter(fake.sessions)))
    _older(bought.payment_id, 20)
    assert reconcile_payment(bought.payment_id).after == "captured"
    assert len(fake.sessions) == 1


def test_an_attempt_that_never_reached_stripe_is_over_after_a_while(fake: FakeStripe, tea: Sold) -> None:
    fake.faults.server_errors = 2
    bought = buy(tea)
    assert bought.payment.state == "unknown"
    _older(bought.payment_id, 20)
    assert reconcile_payment(bought.payment_id).after == "voided"
    assert fake.sessions == {}


@atomic
def _older(payment_id: uuid.UUID, minutes: int) -> None:
    past = clock.now() - timedelta(minutes=minutes)
    db.session.execute(update(Payment).where(Payment.id == payment_id).values(created_at=past))


def test_a_key_that_is_still_in_use_is_no_second_charge(app: Flask, fake: FakeStripe, tea: Sold) -> None:
    """Two processes start the same attempt in the same moment: Stripe refuses one of them, and there is one page."""
    bought = buy(tea)
    fake.faults.delay = 0.2
    with app.app_context(), shop_scope(_shop()):
        states: list[str] = []
        fresh = make_second_attempt(bought.order_id)
        threads = [threading.Thread(target=_take, args=(app, fresh, states)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(fake.sessions) == 2  # the first attempt's, and one of the second
    assert set(states) <= {"started", "unknown"}


def _shop() -> Shop:
    from commerce.tenants.queries import get_shop_by_code

    return get_shop_by_code("demo")


def make_second_attempt(order_id: uuid.UUID) -> uuid.UUID:
    abandon_payments(order_id)
    return start_another_payment(order_id, "stripe")


def _take(app: Flask, payment_id: uuid.UUID, states: list[str]) -> None:
    with app.app_context(), shop_scope(_shop()):
        states.append(take_payment(payment_id).state)


def test_a_wrong_key_is_a_failed_attempt_and_tells_nothing_of_it(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.expire(bought.session)
    configure_method("stripe", secrets={"secret_key": "sk_test_wrong0123"})
    again = take_payment(start_another_payment(bought.order_id, "stripe"))
    assert (again.state, again.redirect) == ("failed", "")
    assert bought.payments[1].failure == "This payment method isn't available right now."


def test_messages_that_are_sent_twice_change_nothing(fake: FakeStripe, tea: Sold) -> None:
    fake.faults.twice = True
    bought = buy(tea)
    fake.pay(bought.session)
    assert bought.story == PAID
    assert len(inbox()) == 2
    assert [fake.send(each) for each in fake.events] == [200, 200]


def test_messages_in_the_wrong_order_lead_to_the_same_end(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.faults.keep_messages = True
    fake.decline(bought.session)
    fake.pay(bought.session)
    for event in reversed(fake.events):
        assert fake.send(event) == 200
    assert bought.status == ("confirmed", "paid")
    assert bought.payment.failure == ""


@pytest.mark.parametrize("fault", [{"wrong_amount": -1}, {"wrong_amount": 700}, {"wrong_currency": "eur"}])
def test_a_wrong_amount_or_currency_waits_for_a_person(
    fake: FakeStripe, tea: Sold, fault: dict[str, object]
) -> None:
    bought = buy(tea)
    for name, value in fault.items():
        setattr(fake.faults, name, value)
    fake.pay(bought.session)
    assert bought.status == ("pending", "unpaid")
    assert "Expected $15.00, got " in bought.order.attention
    assert bought.story[-1] == "PaymentNeedsReview"
    assert counters(tea) == (3, 1)


def test_money_after_cancel_reopens_the_order(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    cancel_order(bought.order_id, SYSTEM, reason="Not paid in time")
    fake.pay(bought.session)
    assert bought.status == ("confirmed", "paid")
    assert broken_invariants() == []


def test_money_after_cancel_goes_back_when_the_goods_are_gone(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    session = bought.session
    cancel_order(bought.order_id, SYSTEM, reason="Not paid in time")
    end_open_payments(bought.order_id)
    assert bought.payment.state == "voided"
    change_stock(tea, -3)
    fake.pay(session, late=True)
    assert bought.status == ("cancelled", "refunded")
    assert [each.amount for each in bought.refunds] == [1500]
    assert "LatePaymentRefunded" in bought.story
    assert broken_invariants() == []


def test_a_page_is_closed_when_its_order_is_cancelled(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    session = bought.session
    cancel_order(bought.order_id, BOB, reason="Sold out")
    age()
    assert reconcile_payment(bought.payment_id).after == "voided"
    assert fake.sessions[session]["status"] == "expired"


def test_a_dispute_asks_for_a_person_and_moves_no_money(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.dispute(fake.pay(bought.session)["id"])
    assert bought.status == ("confirmed", "paid")
    assert "disputes" in bought.order.attention


def test_a_message_about_nobody_is_written_down_and_answered(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    session = fake.sessions[bought.session]
    strangers = (
        {**session, "client_reference_id": str(uuid.uuid4()), "metadata": {}, "payment_intent": None},
        {**session, "client_reference_id": None, "metadata": {}, "id": "cs_test_other"},
        {**session, "client_reference_id": "not an id", "metadata": {}, "id": "cs_test_another"},
    )
    for stranger in strangers:
        fake.tell("checkout.session.completed", {**stranger, "status": "complete", "payment_status": "paid"})
    fake.tell("customer.created", {"id": "cus_1", "object": "customer"})
    fake.tell("checkout.session.completed", session, livemode=True)
    assert {state for _type, state in inbox()} == {"ignored"}
    assert bought.status == ("pending", "unpaid")


def test_money_under_another_session_waits_for_a_person(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    other = {**fake.sessions[bought.session], "id": "cs_test_other", "payment_intent": "pi_other"}
    fake.tell("checkout.session.completed", {**other, "status": "complete", "payment_status": "paid"})
    assert bought.status == ("pending", "unpaid")
    assert "another reference" in bought.order.attention


def test_a_process_that_dies_between_inbox_and_settlement_is_made_up_for(
    fake: FakeStripe, tea: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = buy(tea)
    fake.faults.keep_messages = True
    fake.pay(bought.session)

    class Killed(BaseException):
        pass

    def die(*_args: object, **_kwargs: object) -> None:
        raise Killed

    body, signature = fake.signed(fake.events[0])
    message = gateway("stripe").receive(body, {"Stripe-Signature": signature})
    with monkeypatch.context() as patch:
        patch.setattr(gateway_events, "settle_payment", die)
        with pytest.raises(Killed):
            handle_message(message, Actor("gateway", "stripe", "stripe"))
    assert inbox() == [("payment_intent.succeeded", "received")]
    assert bought.status == ("pending", "unpaid")
    assert fake.send(fake.events[0]) == 200
    assert inbox() == [("payment_intent.succeeded", "processed")]
    assert bought.status == ("confirmed", "paid")
