"""A gateway that is down when its payer comes back, and a page that is open while the order is paid another way."""

import pytest
from flask import Flask

from commerce.errors import Conflict
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.services import start_another_payment
from tests.factories.orders import BOB
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe
from tests.payments.orders import age, buy
from tests.support.visitor import Visitor

CHECKING = "We are checking your payment"


def test_a_payer_who_comes_back_while_the_gateway_is_down_is_not_asked_to_pay_again(
    app: Flask, fake: FakeStripe, tea: Sold
) -> None:
    bought = buy(tea)
    fake.faults.keep_messages = True
    fake.pay(bought.session)
    fake.faults.drop_answers = 50
    ann = Visitor(app)
    page = ann.get(f"/orders/{bought.token}/payments/{bought.payment_id}/return")
    assert CHECKING in page.text
    assert "Continue to payment" not in page.text
    assert "Cancel" not in page.text
    assert bought.payment.state == "unknown"
    with pytest.raises(Conflict):
        start_another_payment(bought.order_id, "bank_transfer")
    fake.faults.drop_answers = 0
    assert CHECKING in ann.get(f"/orders/{bought.token}").text, "asked a moment ago"
    age()
    assert CHECKING not in ann.get(f"/orders/{bought.token}").text
    assert bought.status == ("confirmed", "paid")


def test_a_payer_who_had_not_paid_can_go_on_once_the_gateway_answers(
    app: Flask, fake: FakeStripe, tea: Sold
) -> None:
    bought = buy(tea)
    fake.faults.drop_answers = 50
    ann = Visitor(app)
    assert CHECKING in ann.get(f"/orders/{bought.token}/payments/{bought.payment_id}/return").text
    fake.faults.drop_answers = 0
    age()
    assert "Continue to payment" in ann.get(f"/orders/{bought.token}").text


def test_an_open_page_is_closed_when_the_order_is_paid_another_way(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    record_receipt(bought.order_id, BOB, amount=1500, reference="Transfer 1")
    assert fake.sessions[bought.session]["status"] == "expired"
    assert bought.status == ("confirmed", "paid")
    assert [each.state for each in bought.payments] == ["voided", "captured"]


def test_an_open_page_for_another_amount_is_closed_when_a_part_is_paid_another_way(
    fake: FakeStripe, tea: Sold
) -> None:
    bought = buy(tea)
    record_receipt(bought.order_id, BOB, amount=500, reference="Transfer 1")
    assert fake.sessions[bought.session]["status"] == "expired"
    assert bought.status == ("pending", "unpaid")
