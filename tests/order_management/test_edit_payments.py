"""Who owes whom after an order was changed, and how it is paid."""

import pytest

from commerce.errors import (
    IllegalTransition,
)
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.payment_panel import payment_panel
from commerce.payments.queries import payments_of
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.services import confirm_if_paid, follow_balance, start_another_payment, take_payment
from commerce.tenants.models import Shop
from tests.checkout.pages import CARD
from tests.factories.orders import BOB, fresh
from tests.factories.shop import make_product
from tests.order_management.edit_helpers import bought, edit, units


def test_what_is_open_is_paid_by_a_receipt(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1))
    now = edit(order, OrderEdit(units=units(order, 3)))
    record_receipt(now.id, BOB)
    paid = fresh(now.id)
    assert (paid.payment_status, paid.status) == ("paid", "confirmed")
    assert [payment.captured for payment in payments_of(now.id)] == [1500, 2000]


def test_what_is_open_of_a_confirmed_order_is_paid_by_card_on_its_page(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1), paid=False, payment_method="card")
    [first] = payments_of(order.id)
    take_payment(first.id, CARD)
    with pytest.raises(IllegalTransition):
        start_another_payment(order.id, "card")
    confirmed = fresh(order.id)
    now = edit(confirmed, OrderEdit(units=units(confirmed, 3)))
    panel = payment_panel(now, payments_of(now.id))
    assert (panel.state, panel.left, panel.asks_for_card) == ("transfer", 2000, True)
    take_payment(start_another_payment(now.id, "card"), CARD)
    paid = fresh(now.id)
    assert (paid.status, paid.payment_status) == ("confirmed", "paid")
    with pytest.raises(IllegalTransition):
        start_another_payment(order.id, "card")
    fewer = edit(paid, OrderEdit(units=units(paid, 2)), refund=True)
    assert [(each.captured, each.refunded) for each in payments_of(fewer.id)] == [(1500, 0), (2000, 1000)]


def test_a_pending_order_is_asked_for_its_new_total_and_held_again(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1), paid=False)
    now = edit(order, OrderEdit(units=units(order, 3)))
    assert [(payment.state, payment.amount) for payment in payments_of(now.id)] == [("started", 3500)]
    assert now.hold_expires_at is not None
    assert order.hold_expires_at is not None
    assert now.hold_expires_at > order.hold_expires_at


def test_an_order_that_an_edit_makes_cheap_enough_is_paid_and_confirmed(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 3), paid=False)
    record_receipt(order.id, BOB, amount=1500)
    now = edit(fresh(order.id), OrderEdit(units=units(order, 1)))
    assert (now.status, now.payment_status) == ("confirmed", "paid")
    assert not confirm_if_paid(order.id)
    follow_balance(order.id)
    assert fresh(order.id).version == now.version
