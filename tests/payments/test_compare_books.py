"""`flask payments`: what is asked, what is compared, what is said, and the exit codes that scripts rely on."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from commerce import clock
from commerce.db import atomic, db
from commerce.events.outbox import Actor
from commerce.orders.services import cancel_order
from commerce.payments.gateways.base import GatewayMessage, PaymentOutcome
from commerce.payments.inbox import receive_message
from commerce.payments.methods import configure_method, get_method
from commerce.payments.models import GatewayEvent, Payment
from commerce.settlement.reconciliation import compare_books
from commerce.settlement.refunds import send_refund
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.worker import compare_payment_books, reconcile_payments, reconcile_refunds
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe_account import HOOK_SECRET, SECRET_KEY
from tests.payments.orders import age, buy

BOB = Actor("staff", name="Bob")


def flask(app: Flask, *command: str, **kwargs: Any) -> Any:
    return app.test_cli_runner().invoke(args=["payments", *command], **kwargs)


def report(app: Flask) -> tuple[int, dict[str, Any]]:
    result = flask(app, "reconcile", "--json")
    return result.exit_code, json.loads(result.output)


def kinds(app: Flask) -> list[str]:
    return [each["kind"] for each in report(app)[1]["mismatches"]]


@atomic
def spoil(payment_id: Any, **values: Any) -> None:
    payment = db.session.get(
        Payment, (db.session.execute(db.select(Payment.tenant_id)).scalars().first(), payment_id)
    )
    assert payment is not None
    for name, value in values.items():
        setattr(payment, name, value)


def test_books_that_agree_are_exit_code_0(app: Flask, fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.pay(bought.session)
    cancel_order(bought.order_id, BOB, reason="Sold out")
    send_refund(bought.refunds[0].id)
    waiting = buy(tea)
    age()
    code, told = report(app)
    assert (code, told["mismatches"], told["still_unknown"]) == (0, [], 0)
    assert told["payments"] == [
        {"payment_id": str(waiting.payment_id), "before": "started", "after": "started"}
    ]


def test_what_was_taken_there_and_not_heard_of_is_settled(app: Flask, fake: FakeStripe, tea: Sold) -> None:
    fake.faults.keep_messages = True
    bought = buy(tea)
    fake.pay(bought.session)
    assert report(app) == (
        0,
        {"asked": 0, "still_unknown": 0, "payments": [], "refunds": {}, "mismatches": []},
    )
    assert bought.status == ("confirmed", "paid")


def test_every_difference_is_reported_and_exit_code_1(app: Flask, fake: FakeStripe, tea: Sold) -> None:
    wrong, foreign, stranger = buy(tea), buy(tea), buy(tea)
    intents = [fake.pay(each.session) for each in (wrong, foreign, stranger)]
    spoil(wrong.payment_id, captured=1499)
    fake.faults.keep_messages = True
    fake.give_back(intents[1]["id"], 100)
    fake.intents[intents[2]["id"]]["metadata"] = {"payment_id": "018f0000-0000-7000-8000-000000000000"}
    assert sorted(kinds(app)) == ["amount", "refunds", "unknown here", "unknown there"]
    result = flask(app, "reconcile")  # the refund was written down when it was told
    assert result.exit_code == 1
    assert "here: 1499 USD  there: 1500 USD" in result.output
    assert "3 do not match." in result.output


@pytest.mark.parametrize("others", [0, 300])
def test_what_was_given_back_there_and_came_back_counts_no_more(
    fake: FakeStripe, tea: Sold, others: int
) -> None:
    bought = buy(tea)
    intent = fake.pay(bought.session)
    fake.faults.refund_status = "pending"
    fake.give_back(intent["id"], 200)
    [pending] = fake.refunds
    fake.faults.refund_status = "succeeded"
    if others:
        fake.give_back(intent["id"], others)
    assert (bought.status[1], bought.payment.refunded) == ("partially_refunded", 200 + others)
    fake.end_refund(pending, "failed")
    since = clock.now() - timedelta(days=1)
    assert [(each.kind, each.there) for each in compare_books(since)] == [("refunds", f"{others} USD")]
    assert compare_books(since) == []
    assert bought.payment.refunded == others
    assert bought.status[1] == ("partially_refunded" if others else "paid")
    assert sum(each.amount for each in bought.refunds if each.state == "succeeded") == others
    assert bought.order.attention


def test_what_is_paid_here_and_unknown_there_is_reported(app: Flask, fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.pay(bought.session)
    with_time = clock.now() - timedelta(days=1)
    fake.intents.clear()
    found = compare_books(with_time)
    assert [(each.kind, each.here) for each in found] == [("unknown there", "1500 USD")]


def test_a_gateway_that_is_silent_is_exit_code_1(app: Flask, fake: FakeStripe, tea: Sold) -> None:
    fake.faults.server_errors = 99
    code, told = report(app)
    assert (code, [each["kind"] for each in told["mismatches"]]) == (1, ["no answer"])


def test_a_message_that_was_never_processed_is_reported(app: Flask, fake: FakeStripe, tea: Sold) -> None:
    receive_message(
        GatewayMessage(
            "stripe", "", "evt_lost", "payment_intent.succeeded", outcome=PaymentOutcome("captured")
        )
    )

    @atomic
    def older() -> None:
        row = db.session.execute(db.select(GatewayEvent)).scalar_one()
        row.received_at = clock.now() - timedelta(hours=1)

    older()
    assert kinds(app) == ["message"]


def test_another_shops_payments_in_the_same_account_are_its_own_affair(
    app: Flask, fake: FakeStripe, tea: Sold, other_shop: Shop
) -> None:
    bought = buy(tea)
    fake.pay(bought.session)
    with shop_scope(other_shop):
        configure_method(
            "stripe",
            gateway="stripe",
            name="Card",
            settings={"api_base": fake.address},
            secrets={"secret_key": SECRET_KEY, "webhook_secret": HOOK_SECRET},
        )
    assert report(app)[1]["mismatches"] == []


def test_the_worker_asks_too(fake: FakeStripe, tea: Sold) -> None:
    fake.faults.keep_messages = True
    bought, gone = buy(tea), buy(tea)
    fake.pay(bought.session)
    fake.pay(gone.session)
    age()
    assert reconcile_payments() == 2
    assert bought.status == ("confirmed", "paid")
    cancel_order(gone.order_id, BOB, reason="Sold out")
    age()
    assert reconcile_refunds() == 1
    assert gone.refunds[0].state == "succeeded"
    assert compare_payment_books() == 0


# --- setting up -------------------------------------------------------------------------------------------


def test_stripe_is_set_up_with_secrets_from_the_standard_input(app: Flask, in_shop: Shop) -> None:
    result = flask(app, "set-up-stripe", "--tenant", "demo", input=f"{SECRET_KEY}\n{HOOK_SECRET}\n")
    assert (result.exit_code, SECRET_KEY in result.output) == (0, False)
    db.session.close()
    method = get_method("stripe")
    assert (method.gateway, method.name, method.enabled) == ("stripe", "Card", True)
    assert method.secret_hints == {
        "secret_key": f"…{SECRET_KEY[-4:]}",
        "webhook_secret": f"…{HOOK_SECRET[-4:]}",
    }


def test_stripe_is_set_up_with_secrets_from_the_environment(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", HOOK_SECRET)
    assert flask(app, "set-up-stripe", "--tenant", "demo", "--name", "Credit card").exit_code == 0
    db.session.close()
    assert get_method("stripe").name == "Credit card"


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (["--tenant", "nobody"], f"{SECRET_KEY}\n", "There's no shop"),
        (["--tenant", "demo"], "\n\n", "Enter your Stripe secret key."),
        (["--tenant", "demo"], "hunter2\n", "t look like a value from your Stripe dashboard. Copy it again"),
        (["--tenant", "demo", "--method", "Card!"], f"{SECRET_KEY}\n", "A code can have lowercase letters"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(
    app: Flask, in_shop: Shop, words: list[str], given: str, said: str
) -> None:
    result = flask(app, "set-up-stripe", *words, input=given)
    assert result.exit_code == 1
    assert said in result.stderr
    assert given.strip() not in result.stderr or not given.strip()
