"""Programs of the shop take or release money that a gateway holds, once, and see why they cannot."""

import uuid

import pytest
from flask import Flask

from commerce.accounts.scopes import SCOPES
from tests.api.order_helpers import assert_rejected, order_url
from tests.factories.api_clients import Program, make_program, new_key
from tests.factories.checkout import make_order
from tests.factories.orders import fresh
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe
from tests.payments.orders import Bought, buy


@pytest.fixture
def program(app: Flask, tea: Sold) -> Program:
    return make_program(app)


@pytest.fixture
def held(fake: FakeStripe, tea: Sold) -> Bought:
    """An order of 15.00 dollars whose money is authorized."""
    bought = buy(tea)
    fake.authorize(bought.session)
    assert bought.status == ("pending", "authorized")
    return bought


def url(bought: Bought, action: str) -> str:
    return order_url(bought.order, f"payments/{bought.payment_id}/{action}")


def captures(fake: FakeStripe) -> list[str]:
    return [path for _method, path in fake.requests if path.endswith("/capture")]


def test_what_is_due_is_captured_once_per_key(program: Program, held: Bought, fake: FakeStripe) -> None:
    key = new_key()
    first, again = (program.post(url(held, "capture"), {}, key=key) for _ in range(2))
    assert first.status_code == 200, first.text
    assert (again.status_code, again.data) == (200, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (first.json["status"], first.json["paid"], first.json["due"]) == ("confirmed", 15, 0)
    assert [each["state"] for each in first.json["items"]] == ["captured"]
    other = program.post(url(held, "capture"), {"amount": 1}, key=key)
    assert_rejected(other, 422, "idempotency_key_reused")
    assert_rejected(program.post(url(held, "capture"), {}), 409, "conflict")
    assert_rejected(program.post(url(held, "void"), {}), 409, "conflict")
    assert held.payment.captured == 1500
    assert len(captures(fake)) == 1


def test_a_part_is_captured_and_the_rest_stays_due(program: Program, held: Bought) -> None:
    answer = program.post(url(held, "capture"), {"amount": 6, "version": held.order.version})
    assert answer.status_code == 200, answer.text
    assert (answer.json["paid"], answer.json["due"], answer.json["paymentStatus"]) == (6, 9, "unpaid")


def test_a_payment_is_voided_once_per_key(program: Program, held: Bought) -> None:
    key = new_key()
    first, again = (program.post(url(held, "void"), {}, key=key) for _ in range(2))
    assert first.status_code == 200, first.text
    assert (again.status_code, again.data) == (200, first.data)
    assert (first.json["status"], first.json["paid"], first.json["due"]) == ("pending", 0, 15)
    assert [each["state"] for each in first.json["items"]] == ["voided"]
    assert_rejected(program.post(url(held, "capture"), {}), 409, "conflict")


@pytest.mark.parametrize("amount", [0, -1, 15.01, 6.001])
def test_no_more_is_captured_than_is_held(program: Program, held: Bought, amount: float) -> None:
    answer = program.post(url(held, "capture"), {"amount": amount})
    assert_rejected(answer, 422, "invalid_value", "amount")
    assert held.payment.state == "authorized"


def test_a_stale_version_an_unknown_payment_and_a_missing_key_are_refused(
    program: Program, held: Bought, tea: Sold
) -> None:
    for action in ("capture", "void"):
        stale = program.post(url(held, action), {"version": held.order.version - 1})
        assert_rejected(stale, 409, "stale_version")
        assert_rejected(program.post(url(held, action), {}, key=None), 400, "idempotency_key_missing")
        other = fresh(make_order((tea, 1)).id)
        for payment_id in (held.payment_id, uuid.uuid4()):
            answer = program.post(order_url(other, f"payments/{payment_id}/{action}"), {})
            assert_rejected(answer, 404, "not_found")
    assert held.payment.state == "authorized"


def test_the_scope_is_required(app: Flask, held: Bought) -> None:
    reader = make_program(app, scopes=tuple(name for name in SCOPES if name != "payments:write"))
    for action in ("capture", "void"):
        assert reader.post(url(held, action), {}).status_code == 403
    assert held.payment.state == "authorized"


def test_a_gateway_without_an_answer_takes_the_money_once_when_asked_again(
    program: Program, held: Bought, fake: FakeStripe
) -> None:
    key = new_key()
    fake.faults.server_errors = 20
    assert program.post(url(held, "capture"), {}, key=key).status_code == 503
    assert held.payment.state == "authorized"
    fake.faults.server_errors = 0
    answer = program.post(url(held, "capture"), {}, key=key)
    assert (answer.status_code, answer.json["paid"]) == (200, 15)


def expired(fake: FakeStripe, *, told: bool) -> None:
    """Let Stripe give up what it holds, as it does after seven days; its message may get lost."""
    fake.faults.keep_messages = not told
    (intent,) = fake.intents.values()
    fake.cancel(intent)
    fake.faults.keep_messages = False


@pytest.mark.parametrize("told", [True, False])
def test_an_expired_authorization_is_not_captured(
    program: Program, held: Bought, fake: FakeStripe, told: bool
) -> None:
    expired(fake, told=told)
    answer = program.post(url(held, "capture"), {})
    if told:
        assert_rejected(answer, 409, "conflict")
    else:
        assert (answer.status_code, answer.json["paid"], answer.json["due"]) == (200, 0, 15)
        assert [each["state"] for each in answer.json["items"]] == ["voided"]
    assert (held.payment.state, held.status) == ("voided", ("pending", "unpaid"))
