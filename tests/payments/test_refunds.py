"""Money on its way back through Stripe: once, whatever is lost, late, refused, or done behind our back."""

import pytest

from commerce.db import db
from commerce.errors import Conflict, GatewayNoAnswer, NotAllowed
from commerce.events.outbox import Actor
from commerce.orders.services import cancel_order
from commerce.settlement.reconciliation import find_queued_refunds, reconcile_refund
from commerce.settlement.refunds import send_refund, send_refund_again
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe
from tests.payments.orders import Bought, age, buy
from tests.support.invariants import broken_invariants

BOB = Actor("staff", name="Bob")


def cancelled(fake: FakeStripe, tea: Sold) -> Bought:
    """Buy, pay, and cancel: the refund is queued."""
    bought = buy(tea)
    fake.pay(bought.session)
    cancel_order(bought.order_id, BOB, reason="Sold out")
    return bought


def paid_out(fake: FakeStripe) -> list[int]:
    return [each["amount"] for each in fake.refunds.values()]


def test_a_refund_is_paid_out_once(fake: FakeStripe, tea: Sold) -> None:
    bought = cancelled(fake, tea)
    (refund,) = bought.refunds
    for _ in range(3):
        send_refund(refund.id)
    assert paid_out(fake) == [1500]
    assert [each.state for each in bought.refunds] == ["succeeded"]
    assert bought.status == ("cancelled", "refunded")
    assert bought.story.count("RefundSettled") == 1
    assert broken_invariants() == []


def test_a_refund_whose_answer_is_lost_is_not_paid_twice(fake: FakeStripe, tea: Sold) -> None:
    bought = cancelled(fake, tea)
    (refund,) = bought.refunds
    fake.faults.keep_messages = True
    fake.faults.drop_answers = 4  # looking first, then paying out
    with pytest.raises(GatewayNoAnswer):
        send_refund(refund.id)
    fake.faults.drop_answers = 0
    fake._keys.clear()  # a day later Stripe has forgotten the key
    age()
    ((_shop, found),) = find_queued_refunds()
    assert reconcile_refund(found) == "succeeded"
    assert paid_out(fake) == [1500]
    assert [each.state for each in bought.refunds] == ["succeeded"]


def test_a_refund_that_the_banks_are_at_is_settled_by_its_message(fake: FakeStripe, tea: Sold) -> None:
    bought = cancelled(fake, tea)
    fake.faults.refund_status = "pending"
    (refund,) = bought.refunds
    send_refund(refund.id)
    assert (bought.refunds[0].state, bought.refunds[0].reference) == ("queued", next(iter(fake.refunds)))
    fake.end_refund(next(iter(fake.refunds)), "succeeded")
    assert bought.refunds[0].state == "succeeded"


@pytest.mark.parametrize("first", ["pending", "succeeded"])
def test_a_refund_that_fails_for_good_is_the_shops_money_again(
    fake: FakeStripe, tea: Sold, first: str
) -> None:
    bought = cancelled(fake, tea)
    fake.faults.refund_status = first
    (refund,) = bought.refunds
    send_refund(refund.id)
    for _ in range(2):
        fake.end_refund(next(iter(fake.refunds)), "failed")
    assert (bought.refunds[0].state, bought.payment.refunded) == ("failed", 0)
    assert bought.status == ("cancelled", "paid")
    assert "lost or stolen" in bought.order.attention
    fake.faults.refund_status = "succeeded"
    again = send_refund_again(refund.id, BOB)
    with pytest.raises(Conflict):
        send_refund_again(refund.id, BOB)
    send_refund(again)
    assert [each.state for each in bought.refunds] == ["failed", "succeeded"]
    assert (bought.payment.refunded, bought.status) == (1500, ("cancelled", "refunded"))


def test_only_staff_send_a_refund_again(fake: FakeStripe, tea: Sold) -> None:
    bought = cancelled(fake, tea)
    with pytest.raises(NotAllowed):
        send_refund_again(bought.refunds[0].id, Actor("guest"))


def test_what_did_not_fail_is_not_sent_again(fake: FakeStripe, tea: Sold) -> None:
    bought = cancelled(fake, tea)
    with pytest.raises(Conflict):
        send_refund_again(bought.refunds[0].id, BOB)


def test_a_refund_made_at_stripes_back_office_is_written_down_once(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    intent = fake.pay(bought.session)
    fake.give_back(intent["id"], 400)
    for event in fake.events:
        fake.send(event)
    assert [(each.amount, each.state) for each in bought.refunds] == [(400, "succeeded")]
    assert (bought.payment.refunded, bought.status) == (400, ("confirmed", "partially_refunded"))
    assert "outside of this shop" in bought.order.attention
    fake.give_back(intent["id"], 1100)
    assert (bought.payment.refunded, bought.status) == (1500, ("confirmed", "refunded"))


def test_a_refund_that_was_made_at_the_back_office_already_fails_here(fake: FakeStripe, tea: Sold) -> None:
    """Both sides give the money back in the same moment: it leaves once."""
    bought = buy(tea)
    intent = fake.pay(bought.session)
    fake.faults.keep_messages = True
    fake.give_back(intent["id"], 1500)
    cancel_order(bought.order_id, BOB, reason="Sold out")
    send_refund(bought.refunds[0].id)
    assert (bought.refunds[0].state, bought.payment.refunded) == ("failed", 0)
    fake.faults.keep_messages = False
    for event in fake.events:
        fake.send(event)
    assert (bought.payment.refunded, bought.status) == (1500, ("cancelled", "refunded"))
    assert paid_out(fake) == [1500]


def test_queued_refunds_are_paged_through_to_the_end(fake: FakeStripe, tea: Sold) -> None:
    orders = [cancelled(fake, tea) for _ in range(3)]
    assert find_queued_refunds() == []
    age()
    seen, after = [], None
    while found := find_queued_refunds(1, after=after):
        seen += [each[1] for each in found]
        after = found[-1][1]
    db.session.close()
    assert sorted(seen) == sorted(order.refunds[0].id for order in orders)
