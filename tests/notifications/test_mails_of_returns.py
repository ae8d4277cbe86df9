"""What is told of an order that is cancelled, given back or refunded: one mail for each."""

from dataclasses import replace

import pytest
from flask import Flask

from commerce.events.outbox import Actor
from commerce.notifications import handlers
from commerce.orders.queries import get_order
from commerce.orders.refunds import RefundRequest
from commerce.orders.returns import (
    approve_return,
    decline_return,
    receive_return,
    refund_order,
    refund_return,
    request_return,
)
from commerce.orders.services import cancel_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.orders import BOB
from tests.factories.shop import Sold
from tests.notifications.orders import happening, paid_order, subjects, work
from tests.notifications.outgoing import Post, html_of, text_of

ANN = Actor("guest", name="ann@example.com")


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
    assert "$25.00 is being refunded." in text_of(post.mails[0])


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
        ("ann@example.com", "Your refund for order ORD-000001 is on its way"),
        ("operations@localhost", "Order ORD-000001: a refund was requested"),
    ]
    alert = next(mail for mail in post.mails if mail["To"] == "operations@localhost")
    assert "Too bitter" in text_of(alert)
    refunded = next(mail for mail in post.mails if "Your refund" in mail["Subject"])
    assert "$25.00 for your order" in text_of(refunded)


def test_staff_who_ask_in_the_customers_name_tell_them_themselves(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post)
    request_return(order_id, BOB, reason="He called")
    work()
    assert post.letters == [("operations@localhost", "Order ORD-000001: a refund was requested")]


def test_a_request_that_is_granted_in_part_is_one_mail(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post)
    (line,) = get_order(order_id).lines
    request_id = request_return(order_id, BOB, reason="Too bitter")
    refund_return(request_id, RefundRequest(units={line.id: 1}), BOB, reason="One was opened")
    work()
    assert subjects(post) == ["A partial refund for order ORD-000001 is on its way"]
    mail = next(mail for mail in post.mails if mail["To"] == "ann@example.com")
    assert "$10.00 for your order" in text_of(mail)
    assert "Reason: One was opened" in text_of(mail)


def test_a_return_is_announced_from_the_request_to_the_money(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post, 2, ("process", "ship"))
    (line,) = get_order(order_id).lines
    request_id = request_return(order_id, ANN, kind="return", units={line.id: 1}, reason="Too bitter")
    work()
    approve_return(request_id, BOB, answer="Send it to\n1 Warehouse Road")
    work()
    receive_return(request_id, {line.id: 1}, BOB)
    work()
    refund_return(request_id, RefundRequest(units={line.id: 1}, returned=True), BOB)
    work()
    assert subjects(post) == [
        "We received your request for order ORD-000001",
        "Your return for order ORD-000001 is approved",
        "Your return for order ORD-000001 has arrived",
        "A partial refund for order ORD-000001 is on its way",
    ]
    asked, approved, _received, _credited = [m for m in post.mails if m["To"] == "ann@example.com"]
    assert "You requested a return" in text_of(asked)
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
