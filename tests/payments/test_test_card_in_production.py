"""A shop that was set up in development goes live: its test card shows nowhere and pays nothing."""

from collections.abc import Iterator

import pytest
from flask import Flask

from commerce.checkout.services import place_order
from commerce.db import db
from commerce.errors import InvalidValue
from commerce.payments.installation import Installation, configure_installation, installation
from commerce.payments.methods import configure_method
from commerce.payments.models import Payment
from commerce.payments.queries import payment_methods
from commerce.settlement.reconciliation import reconcile_payment
from commerce.settlement.services import take_payment
from commerce.tenants.models import Shop
from tests.checkout.pages import CARD, to_details, to_review
from tests.factories.api_clients import make_program, order_body
from tests.factories.checkout import make_order, order_as_shown, ready_cart
from tests.factories.orders import fresh
from tests.factories.shop import make_product
from tests.support.visitor import Visitor

LIVE = Installation("https")


@pytest.fixture
def development(app: Flask) -> Iterator[None]:
    """Whatever a test makes of the installation, the next one begins in development."""
    before = installation()
    assert before.test_gateway
    yield
    configure_installation(before)


pytestmark = pytest.mark.usefixtures("development")


def test_the_checkout_does_not_offer_it_and_refuses_it(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=50)
    ann = Visitor(app)
    review = to_review(ann, (tea, 1))
    chosen = ready_cart((tea, 1), payment_method="card")
    placing = order_as_shown(chosen)
    configure_installation(LIVE)
    assert [method.code for method in payment_methods()] == ["bank_transfer", "cash_on_delivery"]
    page = to_details(Visitor(app), (tea, 1))
    assert "Bank transfer" in page.text
    assert "Test card" not in page.text
    # Whoever had chosen it before is asked to choose again.
    answer = review.form("Place order").fill({"Card number": CARD}).send("Place order")
    assert "/orders/" not in answer.path
    with pytest.raises(InvalidValue) as refused:
        place_order(**placing, card_number=CARD)
    assert refused.value.field == "payment_method"
    assert db.session.query(Payment).count() == 0


def test_an_order_that_waits_for_its_money_cannot_be_paid_with_it(app: Flask, in_shop: Shop) -> None:
    order = make_order((make_product(), 1), payment_method="card")
    transfer = make_order((make_product("Cup"), 1))
    configure_installation(LIVE)
    ann = Visitor(app)
    for placed in (order, transfer):
        path = f"/orders/{placed.token}"
        assert "Card number" not in ann.get(path).text
        answer = ann.post(f"{path}/payments", {"payment_method": "card", "card_number": CARD})
        assert answer.status_code in (409, 422)
        assert fresh(placed.id).status == "pending"
    states = {each.state for each in db.session.query(Payment)}
    assert "captured" not in states


def test_an_attempt_that_was_begun_before_fails(in_shop: Shop) -> None:
    begun, known = (make_order((make_product(name), 1), payment_method="card") for name in ("Tea", "Cup"))
    assert begun.payment_id is not None
    assert known.payment_id is not None
    configure_installation(LIVE)
    assert take_payment(begun.payment_id, CARD).state == "failed"
    assert reconcile_payment(known.payment_id).after == "failed"
    assert {fresh(each.id).payment_status for each in (begun, known)} == {"unpaid"}


def test_programs_cannot_pay_with_it_and_staff_cannot_offer_it(app: Flask, in_shop: Shop) -> None:
    make_product(sku="TEA", stock=9)
    program = make_program(app)
    configure_installation(LIVE)
    answer = program.post("/api/orders", order_body(("TEA", 1), paymentMethod="card"))
    assert answer.status_code == 422
    assert db.session.query(Payment).count() == 0
    configure_method("card", enabled=False)
    with pytest.raises(InvalidValue) as refused:
        configure_method("card", enabled=True)
    assert (refused.value.field, refused.value.reason) == ("enabled", "test_card_not_offered")
