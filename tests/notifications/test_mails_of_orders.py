"""What a customer is told of his order on its way, once for each thing that happened."""

import pytest

from commerce.event_handlers import make_relay
from commerce.orders.queries import get_order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.services import cancel_order, change_status
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, make_product
from tests.notifications.orders import BOB, paid_order, subjects, work
from tests.notifications.outgoing import Post, html_of, text_of


def test_an_order_by_bank_transfer_is_announced_at_every_step(in_shop: Shop, tea: Sold, post: Post) -> None:
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
    assert "We received your payment" in text_of(confirmed)
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


def test_who_pays_on_delivery_reads_how_much_and_gets_a_receipt(tea: Sold, post: Post) -> None:
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


def test_each_parcel_is_announced_once(tea: Sold, post: Post) -> None:
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
        assert ("The rest will follow." in text_of(mail)) == (number < 3)


def test_an_order_whose_rest_was_given_back_is_not_announced_as_sent_again(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post, 3, ("process",))
    (line,) = get_order(order_id).lines
    ship_order(order_id, BOB, units={line.id: 2})
    work()
    credit_order(order_id, RefundRequest(units={line.id: 1}), BOB, reason="Sold out")
    work()
    assert get_order(order_id).status == "shipped"
    assert subjects(post) == [
        "A parcel of your order ORD-000001 is on its way",
        "A partial refund for order ORD-000001 is on its way",
    ]


def test_an_order_of_many_lines_is_cancelled_in_one_mail(in_shop: Shop, post: Post) -> None:
    order = make_order(*((make_product(f"Tea {number}"), 1) for number in range(8)))
    work()
    cancel_order(order.id, BOB, reason="Out of season")
    work()
    assert subjects(post) == [
        "We received your order ORD-000001",
        "Your order ORD-000001 was cancelled",
    ]
