"""What customers and operations are told, and when: one mail for each thing that happened."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from commerce.checkout.editing import edit_order, preview_edit
from commerce.checkout.edits import Edit
from commerce.checkout.receipts import record_receipt
from commerce.checkout.settlement import settle_payment
from commerce.db import atomic, new_id
from commerce.event_handlers import EVENT_HANDLERS, EVENT_KINDS, make_relay
from commerce.events.outbox import SYSTEM, Actor, publish
from commerce.events.worker import Happening
from commerce.notifications import handlers
from commerce.notifications.emails import base_url, send_mail
from commerce.notifications.facts import told_by
from commerce.notifications.mails import CUSTOMER, MAILS, OPERATIONS
from commerce.orders.credits import Wish, credit_order
from commerce.orders.events import OrderEdited, PaymentFailed
from commerce.orders.notes import add_note
from commerce.orders.queries import get_order
from commerce.orders.returns import (
    approve_return,
    decline_return,
    receive_return,
    refund_order,
    refund_return,
    request_return,
)
from commerce.orders.services import cancel_order, change_status
from commerce.payments.gateways import Outcome
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, change_stock, make_product
from tests.notifications.post import Post, html_of, text_of
from tests.support.databases import bench_config

BOB = Actor("staff", name="Bob")
ANN = Actor("guest", name="ann@example.com")
CARD = Actor("gateway", "test_card", "test_card")
SENT_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TO_CUSTOMERS = [mail.name for mail in MAILS.values() if mail.to == CUSTOMER]


@pytest.fixture
def tea(post: Post) -> Sold:
    return make_product("Green tea", price=1000, stock=30)


def happening(shop: Shop, name: str, order_id: uuid.UUID, **payload: object) -> Happening:
    """An event that a mail follows from, as the worker hands it over; no event of the order's history."""
    facts = {**MAILS[name].trial, "currency": "USD", **payload}
    return Happening(shop.id, new_id(), new_id(), MAILS[name].events[0], order_id, facts, SENT_AT)


def subjects(post: Post) -> list[str]:
    """What Ann was told, in order."""
    return [subject for to, subject in post.letters if to == "ann@example.com"]


def work() -> None:
    make_relay().run_until_idle()


def paid_order(tea: Sold, post: Post, quantity: int = 2, steps: tuple[str, ...] = ()) -> uuid.UUID:
    """Place and pay an order, lead it on, and forget the mails so far."""
    order = make_order((tea, quantity))
    record_receipt(order.id, BOB)
    for step in steps:
        if step == "ship":
            ship_order(order.id, BOB)
        else:
            change_status(order.id, step, BOB)
    work()
    for file in post.folder.glob("*"):
        file.unlink()
    return order.id


# --- form -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAILS)
def test_each_mail_is_text_and_html_with_headers_that_stay_the_same(
    in_shop: Shop, tea: Sold, post: Post, name: str
) -> None:
    order = make_order((tea, 1), name="Ann <b>& Sons</b>")
    happened = happening(in_shop, name, order.id)
    for _ in range(2):
        send_mail(happened, name, told_by(happened))
    (mail,) = post.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    customers = MAILS[name].to == CUSTOMER
    assert mail["From"] == "Alice's Tea <shop@localhost>"
    assert mail["To"] == ("ann@example.com" if customers else "operations@localhost")
    assert mail["Message-ID"] == f"<{happened.delivery_id}@demo.localhost>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == SENT_AT
    assert "Subject:" not in text_of(mail)
    assert "Alice&#39;s Tea" in html_of(mail)
    assert "<b>" not in html_of(mail)
    if customers:
        assert order.code in mail["Subject"]
        assert "Hello Ann <b>& Sons</b>," in text_of(mail)
        assert "Ann &lt;b&gt;&amp; Sons&lt;/b&gt;" in html_of(mail)


@pytest.mark.parametrize("name", MAILS)
def test_links_lead_to_the_shops_own_host(in_shop: Shop, tea: Sold, post: Post, name: str) -> None:
    order = make_order((tea, 1))
    happened = happening(in_shop, name, order.id, sku="TEA/1 a")
    send_mail(happened, name, told_by(happened))
    (mail,) = post.mails
    customers = MAILS[name].to == CUSTOMER
    path = {
        "alert_low_stock": "/admin/stock/TEA%2F1%20a",
        "back_in_stock": "/products/green-tea?variant=TEA%2F1%20a",
        "alert_webhook_disabled": f"/admin/webhooks/{order.id}",
    }.get(name, f"/orders/{order.token}" if customers else f"/admin/orders/{order.code}")
    link = f"http://demo.localhost:5000{path}"
    assert f": {link}\n" in text_of(mail)
    assert f'href="{link}"' in html_of(mail)
    # The link is the key to the order: its customer gets it and nobody else.
    assert (order.token in text_of(mail) + html_of(mail)) == customers


def test_addresses_in_production_are_https_without_a_port(in_shop: Shop, tmp_path: Path) -> None:
    config = bench_config("", tmp_path)
    live = replace(config, production=True, public_scheme="https", public_port=None)
    assert base_url(live, in_shop) == "https://demo.localhost"
    assert base_url(config, replace(in_shop, host="tea.example")) == "http://tea.example:5000"


def test_every_event_that_a_mail_names_has_a_handler_that_sends_it() -> None:
    kinds = {kind.type(): kind for kind in EVENT_KINDS}
    for mail in MAILS.values():
        for name in mail.events:
            told = [each.__name__ for each in EVENT_HANDLERS[kinds[name]]]
            prefix = "alert_" if mail.to == OPERATIONS else "mail_"
            assert any(each.startswith(prefix) for each in told), (mail.name, name)


def test_every_handler_of_mails_is_connected() -> None:
    connected = {each for group in EVENT_HANDLERS.values() for each in group}
    made = {value for name, value in vars(handlers).items() if name.startswith(("mail_", "alert_"))}
    assert made <= connected


# --- the way of an order ----------------------------------------------------------------------------


def test_an_order_by_bank_transfer_is_told_of_at_every_step(in_shop: Shop, tea: Sold, post: Post) -> None:
    order = make_order((tea, 2))
    work()
    received = post.mails[0]
    assert "name your order number" in text_of(received)
    assert "Amount: $25.00\nReference: ORD-000001" in text_of(received)
    record_receipt(order.id, BOB)
    work()
    change_status(order.id, "process", BOB)
    ship_order(order.id, BOB, carrier="Post", tracking_code="TRACK-1")
    work()
    change_status(order.id, "deliver", BOB)
    work()
    change_status(order.id, "complete", BOB)
    work()
    assert post.letters == [
        ("ann@example.com", "We received your order ORD-000001"),
        ("ann@example.com", "Your order ORD-000001 is confirmed"),
        ("ann@example.com", "Your order ORD-000001 is on its way"),
        ("ann@example.com", "Your order ORD-000001 has arrived"),
        ("ann@example.com", "Thank you for your order ORD-000001"),
    ]
    _received, confirmed, shipped, _arrived, _completed = post.mails
    assert "We have your payment" in text_of(confirmed)
    assert "2 x Green tea: $20.00\nParcel: $5.00\nTotal: $25.00\n  including Tax: $2.27" in text_of(confirmed)
    assert "1600 Amphitheatre Parkway\n" in text_of(confirmed)
    assert "Post TRACK-1" in text_of(shipped)
    assert "<strong>TRACK-1</strong>" in html_of(shipped)
    assert make_relay().run_until_idle() == 0
    assert len(post.mails) == 5


@pytest.mark.parametrize("method", ["card", "cash_on_delivery"])
def test_who_pays_otherwise_is_not_asked_for_a_transfer(tea: Sold, post: Post, method: str) -> None:
    make_order((tea, 1), payment_method=method)
    work()
    assert "received" not in " ".join(subjects(post))


def test_who_pays_at_the_door_reads_how_much_and_gets_a_receipt(tea: Sold, post: Post) -> None:
    order = make_order((tea, 1), payment_method="cash_on_delivery")
    work()
    assert "You pay $15.00 when the parcel arrives." in text_of(post.mails[0])
    record_receipt(order.id, BOB)
    work()
    assert subjects(post) == [
        "Your order ORD-000001 is confirmed",
        "We received your payment for order ORD-000001",
    ]
    assert "We received $15.00 for your order" in text_of(post.mails[1])


def test_each_parcel_is_told_of_once(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post, 3, ("process",))
    (line,) = get_order(order_id).lines
    for number in (1, 2):
        ship_order(order_id, BOB, carrier="Post", tracking_code=f"TRACK-{number}", units={line.id: 1})
    ship_order(order_id, BOB, carrier="Post", tracking_code="TRACK-3")
    work()
    assert subjects(post) == [
        "A parcel of your order ORD-000001 is on its way",
        "A parcel of your order ORD-000001 is on its way",
        "Your order ORD-000001 is on its way",
    ]
    for number, mail in enumerate(post.mails, 1):
        assert f"Post TRACK-{number}" in text_of(mail)
        assert "- 1 x Green tea" in text_of(mail)
        assert ("The rest follows." in text_of(mail)) == (number < 3)


def test_an_order_whose_rest_was_given_back_is_not_told_of_as_sent_again(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post, 3, ("process",))
    (line,) = get_order(order_id).lines
    ship_order(order_id, BOB, units={line.id: 2})
    work()
    credit_order(order_id, Wish(units={line.id: 1}), BOB, reason="Sold out")
    work()
    assert get_order(order_id).status == "shipped"
    assert subjects(post) == [
        "A parcel of your order ORD-000001 is on its way",
        "A part of your money for order ORD-000001 is on its way back",
    ]


# --- payments ---------------------------------------------------------------------------------------


def test_a_declined_card_is_told_of_once_however_often_it_is_tried(
    in_shop: Shop, tea: Sold, post: Post
) -> None:
    order = make_order((tea, 1), payment_method="card")
    for _ in range(3):
        _publish(PaymentFailed, order.id, failure="The card was declined.")
    work()
    assert subjects(post) == ["Your payment for order ORD-000001 did not go through"]
    assert "The card was declined." in text_of(post.mails[0])
    assert f"Pay now: http://demo.localhost:5000/orders/{order.token}" in text_of(post.mails[0])


def test_who_has_paid_meanwhile_is_not_asked_to_pay_again(tea: Sold, post: Post) -> None:
    order = make_order((tea, 1))
    _publish(PaymentFailed, order.id, failure="The card was declined.")
    record_receipt(order.id, BOB)
    work()
    assert "did not go through" not in " ".join(subjects(post))


def test_money_of_a_wrong_amount_is_told_to_both_sides(in_shop: Shop, tea: Sold, post: Post) -> None:
    order = make_order((tea, 1), payment_method="card")
    assert order.payment_id is not None
    settle_payment(order.payment_id, Outcome("captured", 900, "USD", "ref"), CARD)
    work()
    assert sorted(post.letters) == [
        ("ann@example.com", "We received your payment for order ORD-000001"),
        ("operations@localhost", "Order ORD-000001: a payment needs a look"),
    ]
    told = next(text_of(mail) for mail in post.mails if mail["To"] == "ann@example.com")
    assert "We received $9.00" in told
    assert "A colleague is looking at it" in told
    assert "Pay now" not in told


def test_a_paid_order_without_stock_is_told_of_as_paid_and_not_as_confirmed(
    in_shop: Shop, tea: Sold, post: Post
) -> None:
    order = make_order((tea, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("commerce.orders.services.commit_reservations", lambda _order_id: 0)
        record_receipt(order.id, BOB)
    work()
    assert sorted(post.letters) == [
        ("ann@example.com", "We received your order ORD-000001"),
        ("ann@example.com", "We received your payment for order ORD-000001"),
        ("operations@localhost", "Order ORD-000001: stock is missing"),
    ]


def test_a_payment_that_came_too_late_is_told_to_both_sides(in_shop: Shop, tea: Sold, post: Post) -> None:
    order = make_order((tea, 2), payment_method="card")
    assert order.payment_id is not None
    cancel_order(order.id, SYSTEM, reason="Not paid in time")
    change_stock(tea, -29)
    settle_payment(order.payment_id, Outcome("captured", 2500, "USD", "ref"), CARD)
    work()
    assert sorted(each for each in post.letters if "Low stock" not in each[1]) == [
        ("ann@example.com", "Your order ORD-000001 was cancelled"),
        ("ann@example.com", "Your payment for the cancelled order ORD-000001"),
        ("operations@localhost", "Order ORD-000001: a late payment goes back"),
    ]
    late = next(mail for mail in post.mails if "Your payment" in mail["Subject"])
    assert "$25.00 is on its way back to you." in text_of(late)


def test_an_edit_asks_for_the_difference_or_promises_it(in_shop: Shop, tea: Sold, post: Post) -> None:
    order = make_order((tea, 1), payment_method="card")
    facts = {"summary": "x", "total_before": 500, "total": 1500, "currency": "USD"}
    _publish(OrderEdited, order.id, **facts)
    work()
    (mail,) = post.mails
    assert mail["Subject"] == "Your order ORD-000001 was changed"
    assert "$15.00 is still to be paid." in text_of(mail)
    assert f"Pay now: http://demo.localhost:5000/orders/{order.token}" in text_of(mail)


def test_an_edit_that_makes_the_order_cheaper_names_the_money_that_goes_back(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post)
    order = get_order(order_id)
    edit = Edit(units={line.id: 1 for line in order.lines})
    shown = preview_edit(order_id, edit).total
    edit_order(order_id, BOB, edit, seen_version=order.version, shown_total=shown, refund=True)
    work()
    (mail,) = [mail for mail in post.mails if mail["To"] == "ann@example.com"]
    assert mail["Subject"] == "Your order ORD-000001 was changed"
    assert "$10.00 is on its way back to you." in text_of(mail)


# --- cancelled, refunded, returned ------------------------------------------------------------------


def test_a_cancelled_unpaid_order_says_why_and_that_nothing_was_charged(tea: Sold, post: Post) -> None:
    order = make_order((tea, 1), payment_method="card")
    cancel_order(order.id, BOB, reason="Damaged in the store")
    work()
    (mail,) = post.mails
    assert mail["Subject"] == "Your order ORD-000001 was cancelled"
    assert "Reason: Damaged in the store" in text_of(mail)
    assert "You have not been charged." in text_of(mail)


def test_a_cancelled_paid_order_is_one_mail_that_names_the_money(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post)
    cancel_order(order_id, BOB, reason="Sold out")
    work()
    assert subjects(post) == ["Your order ORD-000001 was cancelled"]
    assert "$25.00 is on its way back to you." in text_of(post.mails[0])


def test_a_refund_in_full_is_one_mail_to_the_customer_and_the_request_one_to_each_side(
    tea: Sold, post: Post
) -> None:
    order_id = paid_order(tea, post)
    request_return(order_id, ANN, reason="Too bitter")
    work()
    refund_order(order_id, BOB)
    work()
    assert sorted(post.letters) == [
        ("ann@example.com", "We received your request for order ORD-000001"),
        ("ann@example.com", "Your money for order ORD-000001 is on its way back"),
        ("operations@localhost", "Order ORD-000001: a refund was requested"),
    ]
    alert = next(mail for mail in post.mails if mail["To"] == "operations@localhost")
    assert "Too bitter" in text_of(alert)
    refunded = next(mail for mail in post.mails if "Your money" in mail["Subject"])
    assert "$25.00 for your order" in text_of(refunded)


def test_staff_who_ask_in_the_customers_name_tell_him_themselves(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post)
    request_return(order_id, BOB, reason="He called")
    work()
    assert post.letters == [("operations@localhost", "Order ORD-000001: a refund was requested")]


def test_a_request_that_is_granted_in_part_is_one_mail(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post)
    (line,) = get_order(order_id).lines
    request_id = request_return(order_id, BOB, reason="Too bitter")
    refund_return(request_id, Wish(units={line.id: 1}), BOB, reason="One was opened")
    work()
    assert subjects(post) == ["A part of your money for order ORD-000001 is on its way back"]
    mail = next(mail for mail in post.mails if mail["To"] == "ann@example.com")
    assert "$10.00 for your order" in text_of(mail)
    assert "Reason: One was opened" in text_of(mail)


def test_a_return_is_told_of_from_the_request_to_the_money(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post, 2, ("process", "ship"))
    (line,) = get_order(order_id).lines
    request_id = request_return(order_id, ANN, kind="return", units={line.id: 1}, reason="Too bitter")
    work()
    approve_return(request_id, BOB, answer="Send it to\n1 Warehouse Road")
    work()
    receive_return(request_id, {line.id: 1}, BOB)
    work()
    refund_return(request_id, Wish(units={line.id: 1}, returned=True), BOB)
    work()
    assert subjects(post) == [
        "We received your request for order ORD-000001",
        "You can send it back: order ORD-000001",
        "Your return for order ORD-000001 has arrived",
        "A part of your money for order ORD-000001 is on its way back",
    ]
    asked, approved, _received, _credited = [m for m in post.mails if m["To"] == "ann@example.com"]
    assert "You would like to send something back" in text_of(asked)
    assert "- 1 x Green tea" in text_of(asked)
    assert "Send it to\n1 Warehouse Road" in text_of(approved)
    assert "Send it to<br>1 Warehouse Road" in html_of(approved)


@pytest.mark.parametrize("part", [True, False])
def test_a_declined_request_is_one_mail_with_the_reason(tea: Sold, post: Post, part: bool) -> None:
    order_id = paid_order(tea, post)
    (line,) = get_order(order_id).lines
    units = {line.id: 1} if part else None
    request_id = request_return(order_id, BOB, units=units, reason="Too bitter")
    decline_return(request_id, BOB, reason="Opened tea cannot come back")
    work()
    assert subjects(post) == ["Your request for order ORD-000001"]
    mail = next(mail for mail in post.mails if mail["To"] == "ann@example.com")
    assert "Reason: Opened tea cannot come back" in text_of(mail)


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_refund_that_failed_is_for_operations_and_not_for_the_customer(
    app: Flask, in_shop: Shop, tea: Sold, post: Post, succeeded: bool
) -> None:
    order = make_order((tea, 1))
    watched = replace(in_shop, operations_email="night@shop.test", mail_from="alice@shop.test")
    happened = happening(
        in_shop, "alert_refund_failed", order.id, succeeded=succeeded, failure="The card is closed"
    )
    with shop_scope(watched):
        handlers.alert_of_failed_refund(happened)
    if succeeded:
        assert post.mails == []
    else:
        (mail,) = post.mails
        assert (mail["From"], mail["To"]) == ("Alice's Tea <alice@shop.test>", "night@shop.test")
        assert "The card is closed" in text_of(mail)


# --- notes, stock -----------------------------------------------------------------------------------


def test_a_note_reaches_the_customer_only_if_it_is_for_him(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post)
    add_note(order_id, BOB, text="He is a difficult one")
    add_note(order_id, BOB, text="Your tea is fresh.\nEnjoy <it>", for_customer=True)
    work()
    (mail,) = post.mails
    assert (mail["To"], mail["Subject"]) == ("ann@example.com", "A message about your order ORD-000001")
    assert "Your tea is fresh.\nEnjoy <it>" in text_of(mail)
    assert "Your tea is fresh.<br>Enjoy &lt;it&gt;" in html_of(mail)


def test_low_stock_is_told_once_until_units_come_in(tea: Sold, post: Post) -> None:
    change_stock(tea, -25)
    make_order((tea, 1), payment_method="card")
    work()
    assert post.letters == []
    for _ in range(2):
        make_order((tea, 1), payment_method="card")
        work()
    assert post.letters == [("operations@localhost", "Low stock: Green tea")]
    assert "GREEN-TEA: 3 left" in text_of(post.mails[0])
    change_stock(tea, 1)
    make_order((tea, 1), payment_method="card")
    work()
    assert len(post.letters) == 2


def test_nobody_is_written_to_at_an_address_that_cannot_exist(in_shop: Shop, tea: Sold, post: Post) -> None:
    make_order((tea, 1), email="race@shop.invalid")
    work()
    assert post.mails == []


def test_a_customer_reads_the_language_of_his_order_and_staff_that_of_the_shop(
    in_shop: Shop, tea: Sold, post: Post
) -> None:
    with shop_scope(replace(in_shop, locale="de_AT")):
        order = make_order((tea, 1))
    happened = happening(in_shop, "payment_received", order.id, amount=1500)
    send_mail(happened, "payment_received", told_by(happened))
    alert = happening(in_shop, "alert_payment_review", order.id)
    send_mail(alert, "alert_payment_review", told_by(alert))
    assert [subject for _to, subject in post.letters] == [
        "Wir haben Ihre Zahlung für Bestellung ORD-000001 erhalten",
        "Order ORD-000001: a payment needs a look",
    ]
    assert "wir haben $\xa015,00 für Ihre Bestellung" in text_of(post.mails[0])


@atomic
def _publish(kind: type, order_id: uuid.UUID, **facts: object) -> None:
    order = get_order(order_id)
    publish(SYSTEM, kind(subject_id=order.id, subject_version=order.version, code=order.code, **facts))
