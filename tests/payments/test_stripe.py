"""Stripe from the first click to the last message: every fault that its network and its payers can think of."""

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
import stripe
from flask import Flask
from sqlalchemy import update

from commerce import clock, sealing
from commerce.checkout import messages
from commerce.checkout.messages import handle_message
from commerce.checkout.reconciliation import find_unsettled, reconcile_payment
from commerce.checkout.settlement import (
    end_open_payments,
    leave_payments,
    start_another_payment,
    take_payment,
)
from commerce.db import atomic, db
from commerce.errors import Conflict, GatewayNoAnswer
from commerce.events.outbox import SYSTEM, Actor
from commerce.orders.queries import timeline
from commerce.orders.services import cancel_order
from commerce.payments.gateways import gateway
from commerce.payments.methods import configure_method
from commerce.payments.models import Payment
from commerce.payments.queries import get_payment
from commerce.payments.services import charge_of
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.shop import Sold, change_stock, counters
from tests.fakes.stripe import HOOK_SECRET, SECRET_KEY, FakeStripe
from tests.payments.orders import age, buy, inbox
from tests.support.client import ShopClient
from tests.support.invariants import broken_invariants

BOB = Actor("staff", name="Bob")
PAID = ["OrderPlaced", "PaymentReceived", "PaymentSucceeded", "OrderConfirmed"]


# --- the normal way ---------------------------------------------------------------------------------------


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


# --- another way to pay -----------------------------------------------------------------------------------


def test_only_one_page_is_open_when_the_payer_changes_his_mind(
    client: ShopClient, fake: FakeStripe, tea: Sold
) -> None:
    bought = buy(tea)
    first = bought.session
    leave_payments(bought.order_id)
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
    leave_payments(bought.order_id)
    assert bought.status == ("confirmed", "paid")
    with pytest.raises(Conflict):
        start_another_payment(bought.order_id, "bank_transfer")


def test_an_expired_page_leaves_the_order_open_for_another_attempt(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.expire(bought.session)
    assert (bought.payment.state, bought.payment.pay_url) == ("voided", "")
    assert start_another_payment(bought.order_id, "stripe")


# --- faults of the network --------------------------------------------------------------------------------


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
    from commerce.tenants.queries import get_by_code

    return get_by_code("demo")


def make_second_attempt(order_id: uuid.UUID) -> uuid.UUID:
    leave_payments(order_id)
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
    assert bought.payments[1].failure == "This way to pay does not work right now."


# --- faults of the messages -------------------------------------------------------------------------------


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
    assert "Expected 1500 USD" in bought.order.attention
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
        patch.setattr(messages, "settle_payment", die)
        with pytest.raises(Killed):
            handle_message(message, Actor("gateway", "stripe", "stripe"))
    assert inbox() == [("payment_intent.succeeded", "received")]
    assert bought.status == ("pending", "unpaid")
    assert fake.send(fake.events[0]) == 200
    assert inbox() == [("payment_intent.succeeded", "processed")]
    assert bought.status == ("confirmed", "paid")


# --- signatures -------------------------------------------------------------------------------------------


def test_only_what_stripe_signed_is_heard(client: ShopClient, fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.faults.keep_messages = True
    fake.pay(bought.session)
    body, good = fake.signed(fake.events[0])
    old = stripe.WebhookSignature.generate_signature_header(body.decode(), HOOK_SECRET, 1_000_000)
    forged = stripe.WebhookSignature.generate_signature_header(body.decode(), "whsec_mine")
    for text, signature in (
        (body, ""),
        (body, "nonsense"),
        (body, forged),
        (body, old),
        (body.replace(b"1500", b"1501"), good),
        (b"\xff\xfe", good),
    ):
        answer = client.post("/webhooks/stripe", data=text, headers={"Stripe-Signature": signature})
        assert answer.status_code == 400
    assert (inbox(), bought.status) == ([], ("pending", "unpaid"))
    assert client.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": good}).status_code == 200
    assert bought.status == ("confirmed", "paid")


def test_what_stripe_signed_but_is_no_event_is_refused(
    client: ShopClient, fake: FakeStripe, tea: Sold
) -> None:
    for text in ("[]", "{}", "null", '{"id": "evt_1", "type": "x"}', "not json"):
        signature = stripe.WebhookSignature.generate_signature_header(text, HOOK_SECRET)
        answer = client.post("/webhooks/stripe", data=text, headers={"Stripe-Signature": signature})
        assert answer.status_code == 400
    assert inbox() == []


def test_the_old_secret_is_good_while_it_is_being_changed(fake: FakeStripe, tea: Sold) -> None:
    first, second = buy(tea), buy(tea)
    configure_method("stripe", secrets={"webhook_secret": "whsec_new0123"})
    fake.secrets = [HOOK_SECRET]
    fake.pay(first.session)
    fake.secrets = ["whsec_new0123", HOOK_SECRET]
    fake.pay(second.session)
    assert first.status == second.status == ("confirmed", "paid")
    configure_method("stripe", secrets={"former_webhook_secret": ""})
    fake.secrets = [HOOK_SECRET]
    assert fake.send(fake.events[0]) == 400


def test_other_addresses_are_not_there(client: ShopClient, shop: Shop) -> None:
    for path in ("/webhooks/paypal", "/webhooks/manual", "/webhooks/test_card", "/webhooks/stripe"):
        assert client.post(path, data=b"{}").status_code == 404
    assert client.get("/webhooks/stripe").status_code == 405


def test_a_huge_message_is_refused(client: ShopClient, tea: Sold) -> None:
    assert client.post("/webhooks/stripe", data=b"x" * 600_000).status_code == 413


def test_another_shops_payment_cannot_be_named(
    app: Flask, fake: FakeStripe, tea: Sold, other_shop: Shop
) -> None:
    """Charlie's shop has the same account; a message for Alice's payment that arrives there does nothing."""
    bought = buy(tea)
    with shop_scope(other_shop):
        configure_method(
            "stripe",
            gateway="stripe",
            name="Card",
            secrets={"secret_key": "sk_test_charlie0", "webhook_secret": HOOK_SECRET},
        )
    fake.faults.keep_messages = True
    fake.pay(bought.session)
    body, signature = fake.signed(fake.events[0])
    charlie = app.test_client(host="other.localhost")
    answer = charlie.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": signature})
    assert answer.status_code == 200
    assert bought.status == ("pending", "unpaid")
    with shop_scope(other_shop):
        assert inbox() == [("payment_intent.succeeded", "ignored")]


def test_the_request_that_told_us_is_known(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.pay(bought.session)
    db.session.close()
    told = [(event.actor_kind, bool(event.request_id)) for event in timeline(bought.order_id)[1:]]
    assert told == [("gateway", True), ("gateway", True), ("system", True)]


# --- asking in turn ---------------------------------------------------------------------------------------


def test_whoever_was_asked_about_goes_to_the_end_of_the_queue(fake: FakeStripe, tea: Sold) -> None:
    first, second = buy(tea), buy(tea)
    age()
    assert {each[1] for each in find_unsettled()} == {first.payment_id, second.payment_id}
    fake.faults.server_errors = 99
    (asked,) = find_unsettled(limit=1)
    reconcile_payment(asked[1])
    assert [each[1] for each in find_unsettled()] == [
        each.payment_id for each in (first, second) if each.payment_id != asked[1]
    ]


def test_a_payer_at_his_page_is_not_asked_about_every_minute(tea: Sold) -> None:
    bought = buy(tea)
    age(2)
    assert find_unsettled() == []
    age(11)
    assert [each[1] for each in find_unsettled()] == [bought.payment_id]
    assert get_payment(bought.payment_id).state == "started"


# --- when the installation's secret key is lost -----------------------------------------------------------


@pytest.fixture
def lost_key(stripe_shop: Shop, tea: Sold) -> Iterator[None]:
    """The installation has another SECRET_KEY, and nobody kept the one under which the keys were sealed."""
    before = sealing.seal()
    sealing.configure(["quite-another-key-0123456789abcdef"])
    yield
    sealing._seal[:] = [before]


@pytest.mark.usefixtures("lost_key")
def test_an_order_waits_for_another_way_to_pay_when_the_keys_are_lost(
    client: ShopClient, fake: FakeStripe, tea: Sold
) -> None:
    bought = buy(tea)
    assert fake.requests == []
    assert (bought.status, bought.payment.state) == (("pending", "unpaid"), "failed")
    html = client.get(f"/orders/{bought.token}").text
    assert "This way to pay does not work right now." in html
    take_payment(start_another_payment(bought.order_id, "card"), "4242 4242 4242 4242")
    assert bought.status == ("confirmed", "paid")


@pytest.mark.usefixtures("stripe_shop")
def test_what_was_begun_waits_until_the_keys_are_there_again(
    app: Flask, fake: FakeStripe, tea: Sold, request: pytest.FixtureRequest
) -> None:
    fake.faults.keep_messages = True
    bought = buy(tea)
    fake.pay(bought.session)
    request.getfixturevalue("lost_key")
    charge = charge_of(bought.payment, bought.order.code, bought.token, "")
    assert fake.send(fake.events[0]) == 400  # it is sent again later
    with pytest.raises(GatewayNoAnswer):
        gateway("stripe").refund(uuid.uuid4(), charge, 100)
    answer = app.test_client().get(f"/orders/{bought.token}/payments/{bought.payment_id}/return")
    assert answer.status_code == 303
    assert bought.payment.state in ("started", "unknown")
    configure_method("stripe", secrets={"secret_key": SECRET_KEY, "webhook_secret": HOOK_SECRET})
    assert fake.send(fake.events[0]) == 200
    assert bought.status == ("confirmed", "paid")
