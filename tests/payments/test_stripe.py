"""Stripe from the first click to the last message, and another way to pay."""

import uuid

import pytest
from flask import Flask

from commerce.errors import Conflict
from commerce.orders.services import cancel_order
from commerce.settlement.services import (
    abandon_payments,
    end_open_payments,
    start_another_payment,
    take_payment,
)
from tests.factories.orders import BOB
from tests.factories.shop import Sold, counters
from tests.fakes.stripe import FakeStripe
from tests.payments.orders import PAID, buy, inbox
from tests.support.client import ShopClient


def test_the_payer_is_sent_to_a_page_with_the_whole_amount(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea, 2)
    session = fake.sessions[bought.session]
    assert bought.taken.redirect == session["url"] == bought.payment.pay_url
    assert (session["amount_total"], session["currency"]) == (2500, "usd")
    assert session["client_reference_id"] == str(bought.payment_id)
    assert session["success_url"] == (
        f"http://demo.localhost:5000/orders/{bought.token}/payments/{bought.payment_id}/return"
    )
    assert bought.status == ("pending", "unpaid")
    assert counters(tea) == (3, 2)


def test_the_messages_of_a_payment_confirm_the_order_once(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    intent = fake.pay(bought.session)
    assert bought.status == ("confirmed", "paid")
    assert bought.story == PAID
    assert (bought.payment.reference, bought.payment.pay_url) == (intent["id"], "")
    assert inbox() == [("payment_intent.succeeded", "processed"), ("checkout.session.completed", "processed")]


@pytest.mark.parametrize("first", ["return", "message"])
def test_return_page_and_message_may_come_in_any_order_and_twice(
    app: Flask, fake: FakeStripe, tea: Sold, first: str
) -> None:
    bought = buy(tea)
    path = f"/orders/{bought.token}/payments/{bought.payment_id}/return"
    fake.faults.keep_messages = True
    fake.pay(bought.session)
    visits = [lambda: app.test_client().get(path), lambda: [fake.send(each) for each in fake.events]]
    for visit in visits * 2 if first == "return" else list(reversed(visits)) * 2:
        visit()
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/orders/{bought.token}")
    assert bought.status == ("confirmed", "paid")
    assert bought.story == PAID


def test_whoever_returns_without_having_paid_can_go_on(
    client: ShopClient, fake: FakeStripe, tea: Sold
) -> None:
    bought = buy(tea)
    assert client.get(f"/orders/{bought.token}/payments/{bought.payment_id}/return").status_code == 303
    html = client.get(f"/orders/{bought.token}").text
    assert f'href="{bought.taken.redirect}"' in html
    assert bought.status == ("pending", "unpaid")


def test_the_return_page_of_another_order_is_not_found(client: ShopClient, tea: Sold) -> None:
    mine, theirs = buy(tea), buy(tea)
    assert client.get(f"/orders/{mine.token}/payments/{theirs.payment_id}/return").status_code == 404
    assert client.get(f"/orders/{mine.token}/payments/{uuid.uuid4()}/return").status_code == 404


def test_a_declined_card_can_be_mended_on_the_same_page(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.decline(bought.session)
    assert (bought.payment.state, bought.payment.failure) == ("failed", "Your card was declined.")
    assert bought.payment.pay_url
    fake.pay(bought.session)
    assert bought.status == ("confirmed", "paid")


def test_a_payment_that_takes_days_is_settled_when_it_ends(fake: FakeStripe, tea: Sold) -> None:
    good, bad = buy(tea), buy(tea)
    for each in (good, bad):
        fake.process(each.session)
        assert (each.payment.state, each.payment.pay_url) == ("started", "")
    fake.end_processing(good.session, paid=True)
    fake.end_processing(bad.session, paid=False)
    assert good.status == ("confirmed", "paid")
    assert (bad.status, bad.payment.state) == (("pending", "unpaid"), "voided")
    assert "PaymentFailed" in bad.story


def test_money_that_is_held_and_then_taken(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.authorize(bought.session)
    assert bought.status == ("pending", "authorized")
    with pytest.raises(Conflict):
        start_another_payment(bought.order_id, "bank_transfer")
    fake.capture(next(iter(fake.sessions)))
    assert bought.status == ("confirmed", "paid")


def test_money_that_is_held_for_an_order_that_is_cancelled_is_let_go(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    intent = fake.authorize(bought.session)
    cancel_order(bought.order_id, BOB, reason="Sold out")
    end_open_payments(bought.order_id)
    assert fake.intents[intent["id"]]["status"] == "canceled"
    assert (bought.status, bought.payment.state) == (("cancelled", "unpaid"), "voided")


def test_only_one_page_is_open_when_the_payer_changes_their_mind(
    client: ShopClient, fake: FakeStripe, tea: Sold
) -> None:
    bought = buy(tea)
    first = bought.session
    abandon_payments(bought.order_id)
    second = take_payment(start_another_payment(bought.order_id, "stripe"))
    assert fake.sessions[first]["status"] == "expired"
    assert second.redirect != bought.taken.redirect
    assert [each.state for each in bought.payments] == ["voided", "started"]
    fake.pay(bought.payments[1].reference)
    assert bought.status == ("confirmed", "paid")


def test_whoever_has_paid_cannot_pay_another_way(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.faults.keep_messages = True
    fake.pay(bought.session)
    abandon_payments(bought.order_id)
    assert bought.status == ("confirmed", "paid")
    with pytest.raises(Conflict):
        start_another_payment(bought.order_id, "bank_transfer")


def test_an_expired_page_leaves_the_order_open_for_another_attempt(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.expire(bought.session)
    assert (bought.payment.state, bought.payment.pay_url) == ("voided", "")
    assert start_another_payment(bought.order_id, "stripe")
