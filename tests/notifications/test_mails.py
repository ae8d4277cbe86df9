"""What customers and operations are told, when, and in which form."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from commerce.checkout.receipts import record_receipt
from commerce.checkout.settlement import settle_payment
from commerce.config import ROOT
from commerce.db import new_id
from commerce.event_handlers import make_relay
from commerce.events.outbox import SYSTEM, Actor
from commerce.events.worker import Happening
from commerce.notifications.emails import base_url, send_mail
from commerce.notifications.handlers import mail_refund_notice
from commerce.orders.queries import get_order
from commerce.orders.returns import refund_order, request_return
from commerce.orders.services import cancel_order, change_status
from commerce.payments.gateways import Outcome
from commerce.shipping.queries import shipments_of
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, change_stock, make_product
from tests.notifications.post import Post, html_of, text_of
from tests.support.databases import bench_config

BOB = Actor("staff", name="Bob")
TEMPLATES = sorted(
    file.stem for file in (ROOT / "templates" / "emails").glob("*.txt") if not file.name.startswith("_")
)
SENT_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def tea(post: Post) -> Sold:
    return make_product("Green tea", price=1000, stock=3)


def happening(shop: Shop, order_id: uuid.UUID, **payload: object) -> Happening:
    return Happening(shop.id, new_id(), new_id(), "Trial", order_id, payload, SENT_AT)


def tell(shop: Shop, template: str, order_id: uuid.UUID, to: str = "ann@example.com") -> Happening:
    """Send one mail with everything that any template asks for."""
    happened = happening(shop, order_id)
    order = get_order(order_id)
    send_mail(
        happened,
        template,
        to,
        order=order,
        instructions="Pay to IBAN 1",
        shipments=shipments_of(order_id),
        reason="Out of <fashion>",
        problem="Something <odd>",
    )
    return happened


def test_there_is_a_text_and_an_html_form_of_each_mail() -> None:
    html = {file.stem for file in (ROOT / "templates" / "emails").glob("*.html") if file.name[0] != "_"}
    assert set(TEMPLATES) == html
    assert len(TEMPLATES) == 8


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_mail_is_text_and_html_about_the_order(
    in_shop: Shop, tea: Sold, post: Post, template: str
) -> None:
    order = make_order((tea, 1), name="Ann <b>& Sons</b>")
    happened = tell(in_shop, template, order.id)
    (mail,) = post.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert order.code in mail["Subject"]
    assert "Subject:" not in text_of(mail)
    assert (mail["From"], mail["To"]) == ("Alice's Tea <shop@localhost>", "ann@example.com")
    assert mail["Message-ID"] == f"<{happened.delivery_id}@demo.localhost>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == SENT_AT
    assert order.code in html_of(mail)
    assert "Alice&#39;s Tea" in html_of(mail)
    assert "<b>" not in html_of(mail)
    if template != "operations_alert":
        assert "Hello Ann <b>& Sons</b>," in text_of(mail)
        assert "Ann &lt;b&gt;&amp; Sons&lt;/b&gt;" in html_of(mail)


@pytest.mark.parametrize("template", TEMPLATES)
def test_links_lead_to_the_shops_own_host(in_shop: Shop, tea: Sold, post: Post, template: str) -> None:
    order = make_order((tea, 1))
    tell(in_shop, template, order.id)
    (mail,) = post.mails
    path = f"/admin/orders/{order.code}" if template == "operations_alert" else f"/orders/{order.token}"
    link = f"http://demo.localhost:5000{path}"
    assert f": {link}\n" in text_of(mail)
    assert f'href="{link}"' in html_of(mail)
    told = order.token in text_of(mail) + html_of(mail)
    assert told == (template != "operations_alert")  # the link is the key to the order


def test_addresses_in_production_are_https_without_a_port(in_shop: Shop, tmp_path: Path) -> None:
    config = bench_config("", tmp_path)
    live = replace(config, production=True, public_scheme="https", public_port=None)
    assert base_url(live, in_shop) == "https://demo.localhost"
    assert base_url(config, replace(in_shop, host="tea.example")) == "http://tea.example:5000"


def test_an_order_by_bank_transfer_is_told_of_at_every_step(in_shop: Shop, tea: Sold, post: Post) -> None:
    order = make_order((tea, 2))
    relay = make_relay()
    relay.run_until_idle()
    received = post.mails[0]
    assert "name your order number" in text_of(received)
    assert "Amount: $25.00\nReference: ORD-000001" in text_of(received)
    record_receipt(order.id, BOB)
    relay.run_until_idle()
    change_status(order.id, "process", BOB)
    ship_order(order.id, BOB, carrier="Post", tracking_code="TRACK-1")
    relay.run_until_idle()
    change_status(order.id, "deliver", BOB)
    relay.run_until_idle()
    assert post.letters == [
        ("ann@example.com", "We received your order ORD-000001"),
        ("ann@example.com", "Your order ORD-000001 is confirmed"),
        ("ann@example.com", "Your order ORD-000001 is on its way"),
        ("ann@example.com", "Your order ORD-000001 has arrived"),
    ]
    _received, confirmed, shipped, _arrived = post.mails
    assert "2 x Green tea: $20.00\nParcel: $5.00\nTotal: $25.00\n  including Tax: $2.27" in text_of(confirmed)
    assert "Post TRACK-1" in text_of(shipped)
    assert "<strong>TRACK-1</strong>" in html_of(shipped)
    assert relay.run_until_idle() == 0
    assert len(post.mails) == 4


@pytest.mark.parametrize("method", ["card", "cash_on_delivery"])
def test_who_pays_otherwise_is_not_asked_for_a_transfer(tea: Sold, post: Post, method: str) -> None:
    make_order((tea, 1), payment_method=method)
    make_relay().run_until_idle()
    assert "received" not in " ".join(subject for _, subject in post.letters)


def test_a_cancelled_unpaid_order_says_why_and_that_nothing_was_charged(tea: Sold, post: Post) -> None:
    order = make_order((tea, 1), payment_method="card")
    cancel_order(order.id, BOB, reason="Damaged in the store")
    make_relay().run_until_idle()
    (mail,) = post.mails
    assert mail["Subject"] == "Your order ORD-000001 was cancelled"
    assert "Reason: Damaged in the store" in text_of(mail)
    assert "You have not been charged." in text_of(mail)


def test_a_cancelled_paid_order_says_that_the_money_comes_back_and_then_that_it_was_sent(
    tea: Sold, post: Post
) -> None:
    order = make_order((tea, 1))
    record_receipt(order.id, BOB)
    make_relay().run_until_idle()
    cancel_order(order.id, BOB, reason="Sold out")
    make_relay().run_until_idle()
    assert [subject for _, subject in post.letters][2:] == [
        "Your order ORD-000001 was cancelled",
        "Your money for order ORD-000001 is on its way back",
    ]
    assert "on its way back to you" in text_of(post.mails[2])


def test_operations_hear_of_a_request_for_a_refund_and_the_customer_of_the_refund(
    tea: Sold, post: Post
) -> None:
    order = make_order((tea, 1))
    record_receipt(order.id, BOB)
    request_return(order.id, BOB, reason="Too bitter")
    refund_order(order.id, BOB)
    make_relay().run_until_idle()
    assert sorted(post.letters) == [
        ("ann@example.com", "We received your order ORD-000001"),
        ("ann@example.com", "Your money for order ORD-000001 is on its way back"),
        ("ann@example.com", "Your order ORD-000001 is confirmed"),
        ("operations@localhost", "Order ORD-000001 needs you"),
    ]
    alert = next(mail for mail in post.mails if mail["To"] == "operations@localhost")
    assert "A refund was requested: Too bitter" in text_of(alert)


def test_a_payment_that_came_too_late_is_told_to_both_sides(in_shop: Shop, tea: Sold, post: Post) -> None:
    order = make_order((tea, 2), payment_method="card")
    assert order.payment_id is not None
    cancel_order(order.id, SYSTEM, reason="Not paid in time")
    change_stock(tea, -2)
    paid = Outcome("captured", 2500, "USD", "ref")
    settle_payment(order.payment_id, paid, Actor("gateway", "test_card", "test_card"))
    make_relay().run_until_idle()
    assert sorted(post.letters) == [
        ("ann@example.com", "Your money for order ORD-000001 is on its way back"),
        ("ann@example.com", "Your order ORD-000001 was cancelled"),
        ("ann@example.com", "Your payment for the cancelled order ORD-000001"),
        ("operations@localhost", "Order ORD-000001 needs you"),
    ]


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_refund_that_failed_is_for_operations_and_not_for_the_customer(
    app: Flask, in_shop: Shop, tea: Sold, post: Post, succeeded: bool
) -> None:
    order = make_order((tea, 1))
    watched = replace(in_shop, operations_email="night@shop.test", mail_from="alice@shop.test")
    with shop_scope(watched):
        mail_refund_notice(happening(in_shop, order.id, succeeded=succeeded, failure="card closed"))
    (mail,) = post.mails
    assert mail["From"] == "Alice's Tea <alice@shop.test>"
    assert mail["To"] == ("ann@example.com" if succeeded else "night@shop.test")
    assert ("card closed" in text_of(mail)) is not succeeded
