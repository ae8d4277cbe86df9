"""When the key of the installation is lost under which the keys for Stripe were sealed."""

import uuid
from collections.abc import Iterator

import pytest
from flask import Flask

from commerce import encryption
from commerce.errors import GatewayNoAnswer
from commerce.payments.gateways.registry import gateway
from commerce.payments.methods import configure_method
from commerce.payments.services import charge_of
from commerce.settlement.services import start_another_payment, take_payment
from commerce.tenants.models import Shop
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe_account import HOOK_SECRET, SECRET_KEY
from tests.payments.orders import buy
from tests.support.client import ShopClient


@pytest.fixture
def lost_key(stripe_shop: Shop, tea: Sold) -> Iterator[None]:
    """The installation has another SECRET_KEY, and nobody kept the one under which the keys were sealed."""
    before = encryption.seal()
    encryption.configure_encryption(["quite-another-key-0123456789abcdef"])
    yield
    encryption._seal[:] = [before]


@pytest.mark.usefixtures("lost_key")
def test_an_order_waits_for_another_way_to_pay_when_the_keys_are_lost(
    client: ShopClient, fake: FakeStripe, tea: Sold
) -> None:
    bought = buy(tea)
    assert fake.requests == []
    assert (bought.status, bought.payment.state) == (("pending", "unpaid"), "failed")
    html = client.get(f"/orders/{bought.token}").text
    assert "available right now." in html
    take_payment(start_another_payment(bought.order_id, "card"), "4242 4242 4242 4242")
    assert bought.status == ("confirmed", "paid")


@pytest.mark.usefixtures("stripe_shop")
def test_what_was_begun_waits_until_the_keys_are_there_again(
    app: Flask, fake: FakeStripe, tea: Sold, request: pytest.FixtureRequest
) -> None:
    fake.faults.keep_messages = True
    bought = buy(tea)
    fake.pay(bought.session)
    request.getfixturevalue("lost_key")
    charge = charge_of(bought.payment, bought.order.code, bought.token, "")
    assert fake.send(fake.events[0]) == 400  # it is sent again later
    with pytest.raises(GatewayNoAnswer):
        gateway("stripe").refund(uuid.uuid4(), charge, 100)
    answer = app.test_client().get(f"/orders/{bought.token}/payments/{bought.payment_id}/return")
    assert answer.status_code == 303
    assert bought.payment.state in ("started", "unknown")
    configure_method("stripe", secrets={"secret_key": SECRET_KEY, "webhook_secret": HOOK_SECRET})
    assert fake.send(fake.events[0]) == 200
    assert bought.status == ("confirmed", "paid")
