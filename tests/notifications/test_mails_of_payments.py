"""What customers and operations are told about money that comes in or is asked for."""

import pytest

from commerce.events.outbox import SYSTEM, Actor
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.events import OrderEdited, PaymentFailed
from commerce.orders.queries import get_order
from commerce.orders.services import cancel_order
from commerce.payments.gateways.base import PaymentOutcome
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.services import settle_payment
from commerce.tenants.models import Shop
from tests.factories.checkout import make_order
from tests.factories.orders import BOB
from tests.factories.shop import Sold, change_stock
from tests.notifications.orders import paid_order, publish_of, subjects, work
from tests.notifications.outgoing import Post, text_of

CARD = Actor("gateway", "test_card", "test_card")


def test_a_declined_card_is_announced_once_however_often_it_is_tried(
    in_shop: Shop, tea: Sold, post: Post
) -> None:
    order = make_order((tea, 1), payment_method="card")
    for _ in range(3):
        publish_of(order.id, PaymentFailed, failure="The card was declined.")
    work()
    assert subjects(post) == ["Your payment for order ORD-000001 did not go through"]
    assert "The card was declined." in text_of(post.mails[0])
    assert f"Pay now: http://demo.localhost:5000/orders/{order.token}" in text_of(post.mails[0])


def test_who_has_paid_meanwhile_is_not_asked_to_pay_again(tea: Sold, post: Post) -> None:
    order = make_order((tea, 1))
    publish_of(order.id, PaymentFailed, failure="The card was declined.")
    record_receipt(order.id, BOB)
    work()
    assert "did not go through" not in " ".join(subjects(post))


def test_money_of_a_wrong_amount_is_reported_to_both_sides(in_shop: Shop, tea: Sold, post: Post) -> None:
    order = make_order((tea, 1), payment_method="card")
    assert order.payment_id is not None
    settle_payment(order.payment_id, PaymentOutcome("captured", 900, "USD", "ref"), CARD)
    work()
    assert sorted(post.letters) == [
        ("ann@example.com", "We received your payment for order ORD-000001"),
        ("operations@localhost", "Order ORD-000001: a payment needs review"),
    ]
    told = next(text_of(mail) for mail in post.mails if mail["To"] == "ann@example.com")
    assert "We received $9.00" in told
    assert "We are looking into it" in told
    assert "Pay now" not in told


def test_a_paid_order_without_stock_is_announced_as_paid_and_not_as_confirmed(
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


def test_a_payment_that_came_too_late_is_reported_to_both_sides(in_shop: Shop, tea: Sold, post: Post) -> None:
    order = make_order((tea, 2), payment_method="card")
    assert order.payment_id is not None
    cancel_order(order.id, SYSTEM, reason="Not paid in time")
    change_stock(tea, -29)
    settle_payment(order.payment_id, PaymentOutcome("captured", 2500, "USD", "ref"), CARD)
    work()
    assert sorted(each for each in post.letters if "Low stock" not in each[1]) == [
        ("ann@example.com", "Your order ORD-000001 was cancelled"),
        ("ann@example.com", "Your payment for the cancelled order ORD-000001"),
        ("operations@localhost", "Order ORD-000001: a late payment is being refunded"),
    ]
    late = next(mail for mail in post.mails if "Your payment" in mail["Subject"])
    assert "$25.00 is being refunded." in text_of(late)


def test_an_edit_asks_for_the_difference_or_promises_it(in_shop: Shop, tea: Sold, post: Post) -> None:
    order = make_order((tea, 1), payment_method="card")
    facts = {"summary": "x", "total_before": 500, "total": 1500, "currency": "USD"}
    publish_of(order.id, OrderEdited, **facts)
    work()
    (mail,) = post.mails
    assert mail["Subject"] == "Your order ORD-000001 was changed"
    assert "$15.00 is due." in text_of(mail)
    assert f"Pay now: http://demo.localhost:5000/orders/{order.token}" in text_of(mail)


def test_an_edit_that_makes_the_order_cheaper_names_the_money_that_goes_back(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post)
    order = get_order(order_id)
    edit = OrderEdit(units={line.id: 1 for line in order.lines})
    shown = preview_edit(order_id, edit).total
    edit_order(order_id, BOB, edit, seen_version=order.version, shown_total=shown, refund=True)
    work()
    (mail,) = [mail for mail in post.mails if mail["To"] == "ann@example.com"]
    assert mail["Subject"] == "Your order ORD-000001 was changed"
    assert "$10.00 is being refunded." in text_of(mail)
