"""Only what Stripe signed for this shop is heard."""

import stripe
from flask import Flask

from commerce.db import db
from commerce.orders.queries import timeline
from commerce.payments.methods import configure_method
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe_account import HOOK_SECRET
from tests.payments.orders import buy, inbox
from tests.support.client import ShopClient


def test_only_what_stripe_signed_is_heard(client: ShopClient, fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.faults.keep_messages = True
    fake.pay(bought.session)
    body, good = fake.signed(fake.events[0])
    old = stripe.WebhookSignature.generate_signature_header(body.decode(), HOOK_SECRET, 1_000_000)
    forged = stripe.WebhookSignature.generate_signature_header(body.decode(), "whsec_mine")
    for text, signature in (
        (body, ""),
        (body, "nonsense"),
        (body, forged),
        (body, old),
        (body.replace(b"1500", b"1501"), good),
        (b"\xff\xfe", good),
    ):
        answer = client.post("/webhooks/stripe", data=text, headers={"Stripe-Signature": signature})
        assert answer.status_code == 400
    assert (inbox(), bought.status) == ([], ("pending", "unpaid"))
    assert client.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": good}).status_code == 200
    assert bought.status == ("confirmed", "paid")


def test_what_stripe_signed_but_is_no_event_is_refused(
    client: ShopClient, fake: FakeStripe, tea: Sold
) -> None:
    for text in ("[]", "{}", "null", '{"id": "evt_1", "type": "x"}', "not json"):
        signature = stripe.WebhookSignature.generate_signature_header(text, HOOK_SECRET)
        answer = client.post("/webhooks/stripe", data=text, headers={"Stripe-Signature": signature})
        assert answer.status_code == 400
    assert inbox() == []


def test_the_old_secret_is_good_while_it_is_being_changed(fake: FakeStripe, tea: Sold) -> None:
    first, second = buy(tea), buy(tea)
    configure_method("stripe", secrets={"webhook_secret": "whsec_new0123"})
    fake.secrets = [HOOK_SECRET]
    fake.pay(first.session)
    fake.secrets = ["whsec_new0123", HOOK_SECRET]
    fake.pay(second.session)
    assert first.status == second.status == ("confirmed", "paid")
    configure_method("stripe", secrets={"former_webhook_secret": ""})
    fake.secrets = [HOOK_SECRET]
    assert fake.send(fake.events[0]) == 400


def test_other_addresses_are_not_there(client: ShopClient, shop: Shop) -> None:
    for path in ("/webhooks/paypal", "/webhooks/manual", "/webhooks/test_card", "/webhooks/stripe"):
        assert client.post(path, data=b"{}").status_code == 404
    assert client.get("/webhooks/stripe").status_code == 405


def test_a_huge_message_is_refused(client: ShopClient, tea: Sold) -> None:
    assert client.post("/webhooks/stripe", data=b"x" * 600_000).status_code == 413


def test_another_shops_payment_cannot_be_named(
    app: Flask, fake: FakeStripe, tea: Sold, other_shop: Shop
) -> None:
    """Charlie's shop has the same account; a message for Alice's payment that arrives there does nothing."""
    bought = buy(tea)
    with shop_scope(other_shop):
        configure_method(
            "stripe",
            gateway="stripe",
            name="Card",
            secrets={"secret_key": "sk_test_charlie0", "webhook_secret": HOOK_SECRET},
        )
    fake.faults.keep_messages = True
    fake.pay(bought.session)
    body, signature = fake.signed(fake.events[0])
    charlie = app.test_client(host="other.localhost")
    answer = charlie.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": signature})
    assert answer.status_code == 200
    assert bought.status == ("pending", "unpaid")
    with shop_scope(other_shop):
        assert inbox() == [("payment_intent.succeeded", "ignored")]


def test_the_request_that_reported_us_is_known(fake: FakeStripe, tea: Sold) -> None:
    bought = buy(tea)
    fake.pay(bought.session)
    db.session.close()
    told = [(event.actor_kind, bool(event.request_id)) for event in timeline(bought.order_id)[1:]]
    assert told == [("gateway", True), ("gateway", True), ("system", True)]
