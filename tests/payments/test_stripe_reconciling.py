"""Whose payment is asked about at Stripe, and in what order."""

from commerce.payments.queries import get_payment
from commerce.settlement.reconciliation import find_unsettled, reconcile_payment
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe
from tests.payments.orders import age, buy


def test_whoever_was_asked_about_goes_to_the_end_of_the_queue(fake: FakeStripe, tea: Sold) -> None:
    first, second = buy(tea), buy(tea)
    age()
    assert {each[1] for each in find_unsettled()} == {first.payment_id, second.payment_id}
    fake.faults.server_errors = 99
    (asked,) = find_unsettled(limit=1)
    reconcile_payment(asked[1])
    assert [each[1] for each in find_unsettled()] == [
        each.payment_id for each in (first, second) if each.payment_id != asked[1]
    ]


def test_a_payer_at_their_page_is_not_asked_about_every_minute(tea: Sold) -> None:
    bought = buy(tea)
    age(2)
    assert find_unsettled() == []
    age(11)
    assert [each[1] for each in find_unsettled()] == [bought.payment_id]
    assert get_payment(bought.payment_id).state == "started"
