"""Money by hand: parts, too much, too late, and refunds that come back."""

import uuid
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from commerce import clock
from commerce.db import db
from commerce.events.outbox import SYSTEM, Actor
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.orders.services import cancel_order
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.queries import payments_of, refunds_of
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.refunds import send_refund, settle_refund
from commerce.settlement.services import settle_payment
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, change_stock, counters, make_product
from tests.factories.staff import post
from tests.support.client import ShopClient

BOB = Actor("staff", name="Bob")


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(price=1000, stock=3)


def fresh(order_id: uuid.UUID) -> Order:
    db.session.close()
    return get_order(order_id)


def status(order_id: uuid.UUID) -> tuple[str, str]:
    order = fresh(order_id)
    return order.status, order.payment_status


def receive(desk: ShopClient, order_id: uuid.UUID, amount: str, **fields: str) -> int:
    """Fill in the form of the page as it is now and return the answer's status."""
    order = fresh(order_id)
    data = {"version": str(order.version), "amount": amount, "reference": "", **fields}
    return int(post(desk, f"/admin/orders/{order.code}/receipts", data).status_code)


def money(order_id: uuid.UUID) -> list[tuple[str, int]]:
    db.session.close()
    return [(each.state, each.captured) for each in payments_of(order_id)]


def test_parts_add_up_until_the_order_is_paid(desk: ShopClient, tea: Sold) -> None:
    placed = make_order((tea, 1))
    page = desk.get(f"/admin/orders/{placed.code}/money").text
    assert 'value="15.00"' in page
    assert receive(desk, placed.id, "5.00", reference="statement 7", received_on="2026-01-31") == 303
    assert status(placed.id) == ("pending", "unpaid")
    assert 'value="10.00"' in desk.get(f"/admin/orders/{placed.code}/money").text
    assert receive(desk, placed.id, "10") == 303
    assert status(placed.id) == ("confirmed", "paid")
    assert money(placed.id) == [("captured", 500), ("captured", 1000)]
    assert payments_of(placed.id)[0].reference == "Bob: statement 7, 2026-01-31"


def test_the_customer_sees_what_is_left(client: ShopClient, desk: ShopClient, tea: Sold) -> None:
    placed = make_order((tea, 1))
    receive(desk, placed.id, "5.00")
    assert "$10.00" in client.get(f"/orders/{placed.token}").text


def test_too_much_is_taken_flagged_and_given_back_once(desk: ShopClient, tea: Sold) -> None:
    placed = make_order((tea, 1))
    assert receive(desk, placed.id, "17.50") == 303
    assert status(placed.id) == ("confirmed", "paid")
    assert fresh(placed.id).attention
    assert "$2.50" in desk.get(f"/admin/orders/{placed.code}/money").text
    version = str(fresh(placed.id).version)
    path = f"/admin/orders/{placed.code}/surplus-refund"
    assert [post(desk, path, {"version": version}).status_code for _ in range(2)] == [303, 409]
    assert status(placed.id) == ("confirmed", "paid")
    assert [(each.amount, each.state) for each in refunds_of(placed.id)] == [(250, "queued")]
    assert fresh(placed.id).attention == ""


@pytest.mark.parametrize("amount", ["", "0", "-5", "1,500", "1,5,0", "1.005", "lots", "9" * 19])
def test_what_is_no_amount_is_refused_at_its_field(desk: ShopClient, tea: Sold, amount: str) -> None:
    placed = make_order((tea, 1))
    assert receive(desk, placed.id, amount) == 422
    assert receive(desk, placed.id, "5", received_on="2199-01-01") == 422
    assert money(placed.id) == [("started", 0)]


def test_a_page_that_is_stale_records_nothing(desk: ShopClient, tea: Sold) -> None:
    placed = make_order((tea, 1))
    data = {"version": str(fresh(placed.id).version), "amount": "5"}
    path = f"/admin/orders/{placed.code}/receipts"
    cancel_order(placed.id, SYSTEM, reason="Not paid in time")
    answer = post(desk, path, data)
    assert answer.status_code == 409
    assert money(placed.id) == [("started", 0)]


@pytest.mark.parametrize("gone", [False, True])
def test_a_transfer_that_comes_after_the_order_expired(desk: ShopClient, tea: Sold, gone: bool) -> None:
    placed = make_order((tea, 1))
    cancel_order(placed.id, SYSTEM, reason="Not paid in time")
    if gone:
        change_stock(tea, -3)
    assert receive(desk, placed.id, "15") == 303
    assert status(placed.id) == (("cancelled", "refunded") if gone else ("confirmed", "paid"))
    assert [each.amount for each in refunds_of(placed.id)] == ([1500] if gone else [])
    assert counters(tea) == ((0, 0) if gone else (3, 1))


def test_a_part_that_comes_after_the_order_expired_can_be_given_back(desk: ShopClient, tea: Sold) -> None:
    placed = make_order((tea, 1))
    cancel_order(placed.id, SYSTEM, reason="Not paid in time")
    receive(desk, placed.id, "5")
    assert "arrived after the order was cancelled" in fresh(placed.id).attention
    data = {"version": str(fresh(placed.id).version)}
    assert post(desk, f"/admin/orders/{placed.code}/surplus-refund", data).status_code == 303
    assert status(placed.id) == ("cancelled", "refunded")


def test_staff_go_on_with_an_order_that_was_paid_too_much_by_card(tea: Sold) -> None:
    placed = make_order((tea, 1), payment_method="card")
    assert placed.payment_id is not None
    settle_payment(placed.payment_id, PaymentOutcome("captured", 1600, "USD", "ref"), Actor("gateway"))
    assert status(placed.id) == ("pending", "unpaid")
    record_receipt(placed.id, BOB, reason="Looked at it")
    assert status(placed.id) == ("confirmed", "paid")
    assert money(placed.id) == [("captured", 1600)]


def test_a_refund_that_failed_is_sent_again_once(desk: ShopClient, tea: Sold) -> None:
    placed = make_order((tea, 1))
    record_receipt(placed.id, BOB)
    cancel_order(placed.id, BOB, reason="Sold out")
    (refund,) = refunds_of(placed.id)
    for _ in range(2):
        settle_refund(refund.id, PaymentOutcome("failed", failure="No such account."))
    order = fresh(placed.id)
    assert (order.status, order.payment_status) == ("cancelled", "paid")
    assert "No such account." in order.attention
    assert [each.refunded for each in payments_of(placed.id)] == [0]
    page = desk.get(f"/admin/orders/{placed.code}/money").text
    path = f"/admin/orders/{placed.code}/refunds/{refund.id}/repetition"
    assert f'action="{path}"' in page
    assert post(desk, path, {"version": str(order.version)}).status_code == 303
    assert f'action="{path}"' not in desk.get(f"/admin/orders/{placed.code}/money").text
    assert post(desk, path, {"version": str(fresh(placed.id).version)}).status_code == 409
    again = refunds_of(placed.id)[1]
    send_refund(again.id)
    db.session.close()
    assert [each.state for each in refunds_of(placed.id)] == ["failed", "succeeded"]
    assert [each.refunded for each in payments_of(placed.id)] == [1500]
    assert status(placed.id) == ("cancelled", "refunded")


@pytest.mark.parametrize("role", ["readonly", "fulfilment", "support"])
def test_other_roles_see_and_do_nothing(signed_in: SignedIn, tea: Sold, role: str) -> None:
    placed = make_order((tea, 1))
    client = signed_in(role)
    assert client.get(f"/admin/orders/{placed.code}/money").status_code == 403
    assert receive(client, placed.id, "15") == 403
    assert "/money" not in client.get(f"/admin/orders/{placed.code}").text
    assert money(placed.id) == [("started", 0)]


def test_charlie_finds_nothing(signed_in: SignedIn, other_shop: Shop, tea: Sold) -> None:
    placed = make_order((tea, 1))
    charlie = signed_in("owner", shop=other_shop)
    assert charlie.get(f"/admin/orders/{placed.code}/money").status_code == 404
    assert receive(charlie, placed.id, "15") == 404
    assert money(placed.id) == [("started", 0)]


def test_a_refund_of_another_order_is_not_found(desk: ShopClient, tea: Sold) -> None:
    mine, other = make_order((tea, 1)), make_order((tea, 1))
    record_receipt(other.id, BOB)
    cancel_order(other.id, BOB, reason="Sold out")
    (refund,) = refunds_of(other.id)
    settle_refund(refund.id, PaymentOutcome("failed", failure="No such account."))
    path = f"/admin/orders/{mine.code}/refunds/{refund.id}/repetition"
    assert post(desk, path, {"version": str(fresh(mine.id).version)}).status_code == 404
    assert len(refunds_of(other.id)) == 1


def test_a_day_is_today_at_the_latest(desk: ShopClient, tea: Sold) -> None:
    placed = make_order((tea, 1))
    tomorrow = (clock.now() + timedelta(days=2)).date().isoformat()
    assert receive(desk, placed.id, "15", received_on=tomorrow) == 422
    assert receive(desk, placed.id, "15", received_on=clock.now().date().isoformat()) == 303


# --- by the button on the order's page -----------------------------------------------------------------------


def press_pay(desk: ShopClient, order_id: uuid.UUID, **fields: str) -> TestResponse:
    """Press `Record payment` on the page as it is now."""
    order = fresh(order_id)
    return post(desk, f"/admin/orders/{order.code}/payment", {"version": str(order.version), **fields})


def test_the_button_asks_for_the_amount_that_is_open(desk: ShopClient, tea: Sold) -> None:
    placed = make_order((tea, 1))
    field = 'id="payment-amount" inputmode="decimal" maxlength="20" name="amount" type="text" value="{}"'
    assert field.format("15.00") in desk.get(f"/admin/orders/{placed.code}").text
    answer = press_pay(desk, placed.id, amount="5", reference="statement 7", reason="The first half")
    assert answer.status_code == 303
    assert (status(placed.id), money(placed.id)) == (("pending", "unpaid"), [("captured", 500)])
    assert field.format("10.00") in desk.get(f"/admin/orders/{placed.code}").text
    assert press_pay(desk, placed.id, amount="10.00").status_code == 303
    assert status(placed.id) == ("confirmed", "paid")
    assert money(placed.id) == [("captured", 500), ("captured", 1000)]
    assert payments_of(placed.id)[0].reference == "Bob: statement 7"


@pytest.mark.parametrize("amount", [{}, {"amount": ""}, {"amount": " "}], ids=["absent", "empty", "blank"])
def test_without_an_amount_the_button_records_all_that_is_open(
    desk: ShopClient, tea: Sold, amount: dict[str, str]
) -> None:
    placed = make_order((tea, 1))
    receive(desk, placed.id, "5.00")
    assert press_pay(desk, placed.id, reason="Statement of Monday", **amount).status_code == 303
    assert status(placed.id) == ("confirmed", "paid")
    assert money(placed.id) == [("captured", 500), ("captured", 1000)]


@pytest.mark.parametrize("amount", ["0", "-5", "ten", "1.234", "9" * 19, "9" * 30, "\0"])
def test_the_button_refuses_what_is_no_amount_at_the_field(desk: ShopClient, tea: Sold, amount: str) -> None:
    placed = make_order((tea, 1))
    answer = press_pay(desk, placed.id, amount=amount, reference="statement 7")
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'id="payment-amount-error"' in answer.text
    assert 'value="statement 7"' in answer.text
    assert (status(placed.id), money(placed.id)) == (("pending", "unpaid"), [("started", 0)])


def test_the_button_takes_no_money_for_an_order_that_is_paid(desk: ShopClient, tea: Sold) -> None:
    placed = make_order((tea, 1))
    press_pay(desk, placed.id)
    assert press_pay(desk, placed.id, amount="1.00").status_code == 409
    assert money(placed.id) == [("captured", 1500)]
