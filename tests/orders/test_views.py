"""The shopper's page of an order: what is true, what can be done, and for nobody without the link."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from commerce import clock
from commerce.db import atomic, db
from commerce.events.models import Event
from commerce.events.outbox import SYSTEM, Actor
from commerce.orders.models import Order
from commerce.orders.queries import get_order_by_code, timeline
from commerce.orders.returns import refund_order
from commerce.orders.services import cancel_order, change_status
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.queries import payments_of
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.reconciliation import reconcile_payment
from commerce.settlement.services import settle_payment
from commerce.shipping.services import ship_order
from commerce.storefront import layout
from commerce.tenants.models import Shop
from tests.checkout.pages import CARD, DECLINED, NO_ANSWER, buy
from tests.factories.orders import take_step
from tests.factories.shop import Sold, counters, make_product
from tests.support.statements import count_statements
from tests.support.visitor import Page, Visitor

BOB = Actor("staff", name="Bob")


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", price=1000, stock=10)


def the_order() -> Order:
    order = get_order_by_code("ORD-000001")
    db.session.close()
    return order


def reload(page: Page) -> Page:
    return page.visitor.get(page.path)


def poll(page: Page) -> Any:
    return page.visitor.client.get(page.path, headers={"HX-Request": "true"})


# --- who may see it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["x", "x" * 43, "x" * 5000, "%00", "ORD-000001", "é" * 30, "' or 1=1 --"])
def test_what_is_no_link_of_ours_is_not_found(app: Flask, in_shop: Shop, token: str) -> None:
    visitor = Visitor(app)
    assert visitor.get(f"/orders/{token}").status == 404
    for action in ("cancellation", "refund-request", "payments"):
        fields = {"reason": "x", "version": "1", "payment_method": "card"}
        assert visitor.post(f"/orders/{token}/{action}", fields).status_code == 404


def test_another_shop_does_not_know_the_order(app: Flask, tea: Sold, other_shop: Shop) -> None:
    page = buy(Visitor(app), (tea, 1), pay_by="Bank transfer")
    charlie = Visitor(app, "other.localhost")
    assert charlie.get(page.path).status == 404
    fields = {"reason": "mine", "version": "1", "payment_method": "bank_transfer"}
    for action in ("cancellation", "refund-request", "payments"):
        assert charlie.post(f"{page.path}/{action}", fields).status_code == 404
    assert the_order().status == "pending"


def test_the_link_is_all_that_is_needed_and_nobody_keeps_or_lists_the_page(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1))
    stranger = Visitor(app).get(page.path)
    assert stranger.heading == "Confirmed"
    assert stranger.response.headers["Cache-Control"] == "private, no-store"
    assert stranger.response.headers["Referrer-Policy"] == "same-origin"
    metas = {each.get("name"): each.get("content") for each in stranger.root.iter("meta")}
    assert metas["robots"] == "noindex, nofollow"


def test_the_page_costs_the_same_few_statements_for_any_order(
    app: Flask, tea: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The navigation of visitors with a cookie is kept for seconds, which a slow machine may need for one page.
    monkeypatch.setattr(layout._navigation, "_seconds", None)
    counts = []
    for lines in ([(tea, 1)], [(tea, 1), (make_product("Cup"), 1), (make_product("Tin"), 2)]):
        page = buy(Visitor(app), *lines)
        with count_statements() as sent:
            reload(page)
        counts.append(len(sent))
    assert counts[0] == counts[1]
    assert counts[0] <= 8, sent


# --- money ---------------------------------------------------------------------------------------------------


def test_a_bank_transfer_names_amount_and_reference_and_how_long_we_hold(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1), pay_by="Bank transfer")
    assert "Amount $15.00 Reference ORD-000001" in page.text
    assert "reserve your items until" in page.text
    record_receipt(the_order().id, BOB)
    assert "$15.00 is paid" in reload(page).text


def test_a_declined_card_can_be_tried_again(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1), card=DECLINED)
    again = page.form("Pay $15.00").fill({"Card number": DECLINED}).send()
    assert "The card was declined." in again.text
    paid = again.form("Pay $15.00").fill({"Card number": CARD}).send()
    assert paid.heading == "Confirmed"
    states = [payment.state for payment in payments_of(the_order().id)]
    assert states == ["failed", "failed", "captured"]


def test_a_declined_card_can_become_a_bank_transfer(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1), card=DECLINED)
    transfer = page.form("Pay by Bank transfer").send()
    assert "Amount $15.00 Reference ORD-000001" in transfer.text
    paid = transfer.form("Pay by Test card").fill({"Card number": CARD}).send()
    assert paid.heading == "Confirmed"


@pytest.mark.parametrize("number", ["", "4242", "x", "\0"])
def test_a_mistyped_card_number_is_refused_without_an_attempt(app: Flask, tea: Sold, number: str) -> None:
    page = buy(Visitor(app), (tea, 1), card=DECLINED)
    refused = page.form("Pay $15.00").fill({"Card number": number}).send()
    assert refused.status == 422
    assert "Your card number is invalid. Check the digits." in refused.error_at("card_number")
    assert len(payments_of(the_order().id)) == 1


@pytest.mark.parametrize("method", ["", "nothing", "cash_on_delivery", "\0", "x" * 300])
def test_a_method_that_was_not_offered_is_refused(app: Flask, tea: Sold, method: str) -> None:
    page = buy(Visitor(app), (tea, 1), card=DECLINED)
    answer = page.visitor.post(f"{page.path}/payments", {"payment_method": method, "card_number": CARD})
    assert answer.status_code == 422
    assert "Choose a payment method." in answer.get_data(as_text=True)
    assert len(payments_of(the_order().id)) == 1


def test_a_paid_order_cannot_be_paid_again(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1))
    answer = page.visitor.post(f"{page.path}/payments", {"payment_method": "card", "card_number": CARD})
    assert answer.status_code == 409
    assert "t waiting for a payment" in answer.get_data(as_text=True)


def test_while_nobody_knows_the_page_asks_again_and_stops_when_it_is_settled(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1), card=NO_ANSWER)
    first = poll(page).get_data(as_text=True)
    assert 'data-hx-trigger="every' in first
    assert "<html" not in first
    assert page.follow("Check again").path == page.path
    refused = page.visitor.post(f"{page.path}/payments", {"payment_method": "card", "card_number": CARD})
    assert refused.status_code == 409
    assert "Your last payment is still being verified. Wait a moment and check again." in refused.get_data(
        as_text=True
    )
    (payment,) = payments_of(the_order().id)
    reconcile_payment(payment.id)
    settled = poll(page).get_data(as_text=True)
    assert "hx-trigger" not in settled
    assert "$15.00 is paid" in settled


def test_a_wrong_amount_asks_for_patience_and_not_for_more_money(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1), card=NO_ANSWER)
    (payment,) = payments_of(the_order().id)
    settle_payment(payment.id, PaymentOutcome("captured", 1499, "USD"), Actor("gateway"))
    looked_at = reload(page)
    assert "Please don't pay again" in looked_at.text
    assert not looked_at.has_button("Pay")


def test_cash_on_delivery_says_what_to_have_ready(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1), pay_by="Cash on delivery")
    assert "please have $15.00 ready" in page.text
    record_receipt(the_order().id, BOB)
    paid = reload(page)
    assert "$15.00 is paid" in paid.text
    assert paid.text.count("We received your payment. $15.00") == 1


# --- wishes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pay_by", ["Test card", "Bank transfer", "Cash on delivery"])
def test_the_shopper_can_cancel_and_the_stock_is_free_again(app: Flask, tea: Sold, pay_by: str) -> None:
    page = buy(Visitor(app), (tea, 2), pay_by=pay_by)
    assert counters(tea) == (10, 2)
    cancelled = page.form("Cancel the order").fill({"Why": "Too much tea"}).send()
    assert cancelled.heading == "Cancelled"
    assert "Your order is cancelled." in cancelled.text
    assert "“Too much tea”" in cancelled.text
    assert counters(tea) == (10, 0)
    assert not cancelled.has_button("Cancel the order")
    assert ("We are sending your refund. $25.00" in cancelled.text) == (pay_by == "Test card")
    events = timeline(the_order().id)
    actor = next(event for event in events if event.type == "OrderCancelled")
    assert (actor.actor_kind, actor.actor_name) == ("guest", "Ann@example.com")
    assert actor.request_id


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "a\0b"])
def test_a_reason_is_needed_and_kept_short(app: Flask, tea: Sold, reason: str) -> None:
    page = buy(Visitor(app), (tea, 1))
    refused = page.form("Cancel the order").fill({"Why": reason}).send()
    assert refused.status == 422
    assert refused.error_at("reason")
    assert the_order().status == "confirmed"


def test_a_page_that_is_out_of_date_changes_nothing_and_shows_what_happened(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1))
    change_status(the_order().id, "process", BOB)
    refused = page.form("Cancel the order").fill({"Why": "Too late"}).send()
    assert refused.status == 409
    assert "Someone else changed this after you opened the page" in refused.text
    assert refused.heading == "Processing"
    assert not refused.has_button("Cancel the order")
    assert the_order().status == "processing"


def test_what_the_status_does_not_allow_is_refused_without_its_button(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1))
    change_status(the_order().id, "process", BOB)
    fields = {"reason": "please", "version": str(the_order().version)}
    answer = page.visitor.post(f"{page.path}/cancellation", fields)
    assert answer.status_code == 409
    assert "Contact the shop" in answer.get_data(as_text=True)
    assert the_order().status == "processing"


@pytest.mark.parametrize("version", ["", "-1", "x", "9" * 30, "\0"])
def test_a_tampered_version_changes_nothing(app: Flask, tea: Sold, version: str) -> None:
    page = buy(Visitor(app), (tea, 1))
    answer = page.visitor.post(f"{page.path}/cancellation", {"reason": "please", "version": version})
    assert answer.status_code in (409, 422)
    assert the_order().status == "confirmed"


def test_the_shopper_can_ask_for_the_money_back(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1))
    asked = page.form("Send request").fill({"Reason": "It is broken"}).send()
    assert asked.heading == "Refund requested"
    refund_order(the_order().id, BOB, reason="granted")
    refunded = reload(asked)
    assert refunded.heading == "Refunded"
    assert "We refunded your order." in refunded.text


def test_the_return_window_is_shown_and_kept(app: Flask, tea: Sold) -> None:
    visitor = Visitor(app)
    accepted = "Returns accepted within 14 days of delivery."
    assert accepted in visitor.get(tea.path).text
    page = buy(visitor, (tea, 1))
    assert accepted in page.text
    for action in ("process", "ship", "deliver"):
        take_step(the_order().id, action)
    delivered = reload(page)
    assert "You can ask to return items until" in delivered.text
    assert delivered.has_button("Send request")
    set_delivered(days_ago=15)
    over = reload(page)
    said = "The return period of 14 days after delivery is over."
    assert said in over.text
    assert not over.has_button("Send request")
    answer = visitor.post(
        f"{page.path}/refund-request", {"reason": "Late", "version": str(the_order().version)}
    )
    assert answer.status_code == 409
    assert said in answer.get_data(as_text=True)
    assert the_order().status == "delivered"


@atomic
def set_delivered(*, days_ago: int) -> None:
    moment = clock.now() - timedelta(days=days_ago)
    db.session.execute(update(Order).values(delivered_at=moment))


def test_nothing_paid_means_nothing_to_ask_back(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1), pay_by="Cash on delivery")
    assert not page.has_button("Send request")
    answer = page.visitor.post(
        f"{page.path}/refund-request", {"reason": "x", "version": str(the_order().version)}
    )
    assert answer.status_code == 409
    assert "Nothing has been paid yet." in answer.get_data(as_text=True)


# --- the way to the door ---------------------------------------------------------------------------------------


def test_every_stage_is_shown_in_plain_words(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1))
    order_id = the_order().id
    change_status(order_id, "process", BOB)
    assert reload(page).heading == "Processing"
    ship_order(order_id, BOB)
    shipped = reload(page)
    assert shipped.heading == "Shipped"
    assert [
        each.get("aria-current")
        for each in shipped.root.iter("li")
        if "progress__step" in each.get("class", "")
    ] == [
        None,
        None,
        "step",
        None,
    ]
    change_status(order_id, "deliver", BOB)
    assert reload(page).heading == "Delivered"
    change_status(order_id, "complete", BOB)
    done = reload(page)
    assert done.heading == "Completed"
    story = re.findall(r"We confirmed|We are packing|has shipped\.|was delivered|is complete", done.text)
    assert story == ["is complete", "was delivered", "has shipped.", "We are packing", "We confirmed"]


def test_what_is_between_staff_is_not_reported_to_the_shopper(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1), pay_by="Bank transfer")
    tell_operations(the_order().id)
    assert "secret problem" not in reload(page).response.get_data(as_text=True)


@atomic
def tell_operations(order_id: Any) -> None:
    for kind in ("PaymentNeedsReview", "InventoryReservationFailed"):
        facts = {"code": "ORD-000001", "problem": "secret problem", "error": "secret problem"}
        db.session.add(
            Event(type=kind, subject_id=order_id, subject_version=9, payload=facts, actor_kind="system")
        )


def test_an_order_that_was_not_paid_in_time_says_so(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 1), pay_by="Bank transfer")
    cancel_order(the_order().id, SYSTEM, reason="Not paid in time")
    expired = reload(page)
    assert expired.heading == "Cancelled"
    assert "Nothing was paid and nothing is due." in expired.text
    assert not [each for each in expired.root.iter("ol") if each.get("class") == "progress"]
