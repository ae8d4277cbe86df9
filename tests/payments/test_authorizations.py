"""Money that is held and not taken: captured in whole or in part, or let go."""

import pytest

from commerce.errors import Conflict, InvalidValue, NotAllowed
from commerce.events.outbox import Actor
from commerce.orders.balance import balance_of
from commerce.settlement.authorizations import capture_payment, void_payment
from tests.factories.orders import BOB
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe
from tests.payments.orders import Bought, buy

ANN = Actor("guest", name="ann@example.com")


def held(fake: FakeStripe, tea: Sold) -> Bought:
    """Return an order of 15.00 dollars whose money is authorized."""
    bought = buy(tea)
    fake.authorize(bought.session)
    assert bought.payment.state == "authorized"
    assert bought.status == ("pending", "authorized")
    return bought


def test_what_is_held_is_captured_once_and_confirms_the_order(fake: FakeStripe, tea: Sold) -> None:
    bought = held(fake, tea)
    assert capture_payment(bought.payment_id, BOB, seen_version=bought.order.version) == "captured"
    assert bought.status == ("confirmed", "paid")
    with pytest.raises(Conflict):
        capture_payment(bought.payment_id, BOB)
    with pytest.raises(Conflict):
        void_payment(bought.payment_id, BOB)


def test_a_part_of_what_is_held_leaves_the_rest_due(fake: FakeStripe, tea: Sold) -> None:
    bought = held(fake, tea)
    capture_payment(bought.payment_id, BOB, amount=600)
    balance = balance_of(bought.order, bought.payments)
    assert (balance.paid, balance.due, bought.order.attention) == (600, 900, "")
    assert bought.status == ("pending", "unpaid")


def test_what_is_held_can_be_let_go(fake: FakeStripe, tea: Sold) -> None:
    bought = held(fake, tea)
    assert void_payment(bought.payment_id, BOB) == "voided"
    assert bought.status == ("pending", "unpaid")


@pytest.mark.parametrize("amount", [0, -1, 1501])
def test_no_more_is_captured_than_is_held_and_only_by_staff(fake: FakeStripe, tea: Sold, amount: int) -> None:
    bought = held(fake, tea)
    with pytest.raises(InvalidValue):
        capture_payment(bought.payment_id, BOB, amount=amount)
    with pytest.raises(NotAllowed):
        capture_payment(bought.payment_id, ANN)
    assert bought.payment.state == "authorized"
