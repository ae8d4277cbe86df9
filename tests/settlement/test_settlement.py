"""What money does to an order: once, in the right amount, whatever arrives twice, late or wrong."""

import uuid

import pytest
from flask import Flask

from commerce.db import db
from commerce.errors import Conflict, GatewayNoAnswer, IllegalTransition, InvalidValue, NotAllowed
from commerce.events.outbox import SYSTEM, Actor
from commerce.orders.models import Order
from commerce.orders.queries import get_order, timeline
from commerce.orders.returns import refund_order, request_return
from commerce.orders.services import cancel_order
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.gateways.test_card import TestCardGateway
from commerce.payments.queries import get_payment, payments_of, refunds_of
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.reconciliation import reconcile_payment
from commerce.settlement.refunds import send_refund
from commerce.settlement.services import settle_payment, start_another_payment, take_payment
from commerce.tenants.models import Shop
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, change_stock, counters, make_product

BOB = Actor("staff", name="Bob")
GATEWAY = Actor("gateway", "test_card", "test_card")
PAID = PaymentOutcome("captured", 1500, "USD", "ref")


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(price=1000, stock=3)


def fresh(order_id: uuid.UUID) -> Order:
    db.session.close()
    return get_order(order_id)


def types(order_id: uuid.UUID) -> list[str]:
    return [event.type for event in timeline(order_id)]


def card_order(tea: Sold) -> tuple[uuid.UUID, uuid.UUID]:
    placed = make_order((tea, 2), payment_method="card")
    assert placed.payment_id is not None
    return placed.id, placed.payment_id


PAID_TWO = PaymentOutcome("captured", 2500, "USD", "ref")


def test_a_captured_payment_confirms_the_order_once_however_often_it_is_reported(tea: Sold) -> None:
    order_id, payment_id = card_order(tea)
    for _ in range(3):
        settle_payment(payment_id, PAID_TWO, GATEWAY)
    order = fresh(order_id)
    assert (order.status, order.payment_status) == ("confirmed", "paid")
    assert types(order_id) == ["OrderPlaced", "PaymentReceived", "PaymentSucceeded", "OrderConfirmed"]
    assert counters(tea) == (3, 2)


def test_late_and_repeated_news_change_nothing(tea: Sold) -> None:
    order_id, payment_id = card_order(tea)
    settle_payment(payment_id, PAID_TWO, GATEWAY)
    for late in (
        PaymentOutcome("failed", failure="late"),
        PaymentOutcome("unknown"),
        PaymentOutcome("waiting"),
        PAID,
    ):
        settle_payment(payment_id, late, GATEWAY)
    assert get_payment(payment_id).captured == 2500
    assert fresh(order_id).status == "confirmed"


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(2499, "USD", "$24.99"), (2500, "EUR", "€25.00"), (2500, "JPY", "¥2,500"), (2500, "USDC", "2500 USDC")],
)
def test_a_wrong_amount_or_currency_is_flagged_and_confirms_nothing(
    tea: Sold, amount: int, currency: str, written: str
) -> None:
    order_id, payment_id = card_order(tea)
    settle_payment(payment_id, PaymentOutcome("captured", amount, currency), GATEWAY)
    order = fresh(order_id)
    assert (order.status, order.payment_status) == ("pending", "unpaid")
    assert order.attention == f"Expected $25.00, got {written}."
    assert types(order_id)[-1] == "PaymentNeedsReview"


def test_a_declined_payment_leaves_the_order_waiting(tea: Sold) -> None:
    order_id, payment_id = card_order(tea)
    assert take_payment(payment_id, "4000 0000 0000 0002").state == "failed"
    assert fresh(order_id).status == "pending"
    assert counters(tea) == (3, 2)


def test_a_lost_answer_is_resolved_by_asking_under_the_same_key(tea: Sold) -> None:
    order_id, payment_id = card_order(tea)
    assert take_payment(payment_id, "4000 0000 0000 0119").state == "unknown"
    with pytest.raises(Conflict):
        start_another_payment(order_id, "card")
    assert reconcile_payment(payment_id).after == "captured"
    assert fresh(order_id).status == "confirmed"
    assert len(payments_of(order_id)) == 1


def test_an_attempt_that_never_reached_its_gateway_fails_when_asked_about(tea: Sold) -> None:
    order_id, payment_id = card_order(tea)
    assert reconcile_payment(payment_id).after == "failed"
    assert start_another_payment(order_id, "card")


def test_money_for_a_cancelled_order_reopens_it_while_there_is_stock(tea: Sold) -> None:
    order_id, payment_id = card_order(tea)
    cancel_order(order_id, SYSTEM, reason="Not paid in time")
    assert counters(tea) == (3, 0)
    settle_payment(payment_id, PAID_TWO, GATEWAY)
    assert fresh(order_id).status == "confirmed"
    assert counters(tea) == (3, 2)


def test_money_for_a_cancelled_order_goes_back_when_its_stock_is_gone(tea: Sold) -> None:
    order_id, payment_id = card_order(tea)
    cancel_order(order_id, SYSTEM, reason="Not paid in time")
    change_stock(tea, -2)
    settle_payment(payment_id, PAID_TWO, GATEWAY)
    order = fresh(order_id)
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    assert types(order_id)[-1] == "LatePaymentRefunded"
    (refund,) = refunds_of(order_id)
    for _ in range(2):
        send_refund(refund.id)
    db.session.close()
    assert [(each.state, each.amount) for each in refunds_of(order_id)] == [("succeeded", 2500)]
    assert counters(tea) == (1, 0)


def test_staff_record_a_transfer_once(tea: Sold) -> None:
    placed = make_order((tea, 1))
    record_receipt(placed.id, BOB, reason="statement 7")
    assert fresh(placed.id).status == "confirmed"
    with pytest.raises(IllegalTransition):
        record_receipt(placed.id, BOB)
    assert [payment.captured for payment in payments_of(placed.id)] == [1500]


def test_only_staff_record_a_receipt(tea: Sold) -> None:
    placed = make_order((tea, 1))
    with pytest.raises(NotAllowed):
        record_receipt(placed.id, Actor("guest"))
    assert fresh(placed.id).status == "pending"


def test_cash_on_delivery_confirms_before_the_money_is_there(tea: Sold) -> None:
    placed = make_order((tea, 1), payment_method="cash_on_delivery")
    assert placed.payment_id is not None
    take_payment(placed.payment_id)
    take_payment(placed.payment_id)
    order = fresh(placed.id)
    assert (order.status, order.payment_status) == ("confirmed", "unpaid")
    assert types(placed.id) == ["OrderPlaced", "OrderConfirmed"]


def test_another_attempt_needs_a_method_that_takes_money_now(app: Flask, tea: Sold) -> None:
    placed = make_order((tea, 1))
    for method in ("nothing", "cash_on_delivery", ""):
        with pytest.raises(InvalidValue):
            start_another_payment(placed.id, method)
    assert len(payments_of(placed.id)) == 1


def test_money_that_arrives_twice_is_flagged(tea: Sold) -> None:
    order_id, payment_id = card_order(tea)
    settle_payment(payment_id, PaymentOutcome("failed", failure="declined"), GATEWAY)
    second = start_another_payment(order_id, "card")
    settle_payment(second, PAID_TWO, GATEWAY)
    assert fresh(order_id).attention == ""
    settle_payment(payment_id, PAID_TWO, GATEWAY)
    order = fresh(order_id)
    assert (order.status, order.payment_status) == ("confirmed", "paid")
    assert order.attention == "$25.00 too much was paid. Please refund it."
    assert types(order_id)[-1] == "PaymentNeedsReview"


def test_money_for_a_refunded_order_is_flagged_and_not_taken_for_its_price(tea: Sold) -> None:
    order_id, payment_id = card_order(tea)
    settle_payment(payment_id, PaymentOutcome("failed", failure="declined"), GATEWAY)
    settle_payment(start_another_payment(order_id, "card"), PAID_TWO, GATEWAY)
    request_return(order_id, BOB, reason="Broken")
    refund_order(order_id, BOB)
    settle_payment(payment_id, PAID_TWO, GATEWAY)
    order = fresh(order_id)
    assert (order.status, order.payment_status) == ("refunded", "refunded")
    assert order.attention == "$25.00 too much was paid. Please refund it."


@pytest.mark.parametrize("state", ["unknown", "waiting"])
def test_a_refund_without_an_answer_stays_queued_and_is_tried_again(
    tea: Sold, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    order_id, payment_id = card_order(tea)
    settle_payment(payment_id, PAID_TWO, GATEWAY)
    cancel_order(order_id, BOB, reason="Sold out")
    (refund,) = refunds_of(order_id)
    with monkeypatch.context() as patch:
        patch.setattr(TestCardGateway, "refund", lambda *_: PaymentOutcome(state))
        with pytest.raises(GatewayNoAnswer):
            send_refund(refund.id)
    db.session.close()
    assert refunds_of(order_id)[0].state == "queued"
    assert "RefundSettled" not in types(order_id)
    send_refund(refund.id)
    assert types(order_id)[-1] == "RefundSettled"
