"""An order that waits at Stripe's page is changed: the page that asks for the old amount must not take it."""

from commerce.db import db
from commerce.event_handlers import finish_edited_order
from commerce.events.models import Event
from commerce.events.relay import DeliveredEvent
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.payment_panel import payment_panel
from commerce.payments.models import Refund
from commerce.payments.queries import payments_of
from commerce.settlement.services import start_another_payment, take_payment
from tests.factories.orders import BOB, fresh
from tests.factories.shop import Sold, counters
from tests.fakes.stripe import FakeStripe
from tests.payments.orders import Bought, buy
from tests.support.invariants import broken_invariants


def edit(bought: Bought, units: int, *, refund: bool = False) -> None:
    """Change the units of the only line."""
    order = fresh(bought.payment.order_id)
    change = OrderEdit(units={order.lines[0].id: units})
    total = preview_edit(order.id, change).total
    edit_order(order.id, BOB, change, seen_version=order.version, shown_total=total, refund=refund)
    assert broken_invariants() == []
    db.session.close()


def test_the_page_of_the_old_amount_is_closed_and_the_new_one_asks_for_the_new(
    fake: FakeStripe, tea: Sold
) -> None:
    bought = buy(tea)
    order_id = bought.payment.order_id
    edit(bought, 3)
    assert fake.sessions[bought.session]["status"] == "expired"
    assert bought.payment.state == "voided"
    panel = payment_panel(fresh(order_id), payments_of(order_id))
    assert (panel.state, panel.left, panel.can_repeat) == ("failed", 3500, True)
    again = take_payment(start_another_payment(order_id, bought.payment.method))
    assert "http" in again.redirect
    session = next(each for each in fake.sessions.values() if each["url"] == again.redirect)
    assert session["amount_total"] == 3500
    fake.pay(session["id"])
    assert bought.status == ("confirmed", "paid")
    assert counters(tea)[1] == 3


def test_what_is_open_of_a_paid_order_is_paid_on_a_page_of_its_own(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    order_id = bought.payment.order_id
    fake.pay(bought.session)
    edit(bought, 2)
    assert bought.status == ("confirmed", "unpaid")
    taken = take_payment(start_another_payment(order_id, bought.payment.method))
    session = next(each for each in fake.sessions.values() if each["url"] == taken.redirect)
    assert session["amount_total"] == 1000
    panel = payment_panel(fresh(order_id), payments_of(order_id))
    assert (panel.state, panel.pay_url) == ("waiting", taken.redirect)
    fake.pay(session["id"])
    assert bought.status == ("confirmed", "paid")
    edit(bought, 1, refund=True)
    refund = db.session.query(Refund).one()
    assert refund.amount == 1000
    assert refund.payment_id != bought.payment_id, "the last money that came"


def test_the_worker_does_again_what_follows_from_an_edit(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    edit(bought, 2)
    told = db.session.query(Event).where(Event.type == "OrderEdited").one()
    happening = DeliveredEvent(
        told.tenant_id, told.id, told.id, told.type, told.subject_id, told.payload, told.occurred_at
    )
    before = fresh(told.subject_id).version
    finish_edited_order(happening)
    assert fresh(told.subject_id).version == before
    assert [payment.state for payment in payments_of(told.subject_id)] == ["voided"]
