"""How a shop is paid, as staff set it up: what is refused, what is kept secret, what an open page notices."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.encryption import DecryptionError
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.payments.gateways.registry import GATEWAY_NAMES, gateway
from commerce.payments.installation import Installation, configure_installation, installation
from commerce.payments.methods import configure_method, get_method, list_methods, remove_method
from commerce.payments.models import PaymentMethod
from commerce.payments.secrets import open_secrets
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.fakes.stripe_account import HOOK_SECRET, SECRET_KEY

SECRETS = {"secret_key": SECRET_KEY, "webhook_secret": HOOK_SECRET}


def make(**changes: Any) -> None:
    configure_method("stripe", **{"gateway": "stripe", "name": "Card", "secrets": SECRETS, **changes})


def sealed() -> str:
    db.session.close()
    return str(db.session.scalar(select(PaymentMethod.sealed_secrets).where(PaymentMethod.code == "stripe")))


def test_every_name_of_a_gateway_has_one() -> None:
    for name in GATEWAY_NAMES:
        assert gateway(name) is gateway(name)
    with pytest.raises(InvalidValue):
        gateway("paypal")


def test_secrets_are_sealed_and_only_their_ends_are_shown(in_shop: Shop) -> None:
    make()
    assert SECRET_KEY not in sealed()
    assert open_secrets(sealed())["secret_key"] == SECRET_KEY
    with pytest.raises(DecryptionError):
        open_secrets("x" + sealed())
    hints = get_method("stripe").secret_hints
    assert hints == {"secret_key": "…6789", "webhook_secret": "…6789"}


def test_a_field_that_was_left_empty_keeps_its_secret(in_shop: Shop) -> None:
    make()
    configure_method("stripe", name="Credit card", secrets={"secret_key": "", "webhook_secret": ""})
    db.session.close()
    assert get_method("stripe").name == "Credit card"
    assert open_secrets(sealed()) == {"secret_key": SECRET_KEY, "webhook_secrets": [HOOK_SECRET]}


def test_a_new_webhook_secret_stands_beside_the_one_before_it(in_shop: Shop) -> None:
    make()
    for secret in ("whsec_second", "whsec_third", "whsec_third"):
        configure_method("stripe", secrets={"webhook_secret": secret})
    assert open_secrets(sealed())["webhook_secrets"] == ["whsec_third", "whsec_second"]
    configure_method("stripe", secrets={"former_webhook_secret": ""})
    assert open_secrets(sealed())["webhook_secrets"] == ["whsec_third"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"gateway": "paypal"}, "gateway"),
        ({"gateway": None}, "gateway"),
        ({"hold_minutes": 0}, "hold_minutes"),
        ({"fee_amount": -1}, "fee_amount"),
        ({"cash_rounding": -1}, "cash_rounding"),
        ({"cash_rounding": 5, "gateway": "stripe"}, "cash_rounding"),
        ({"fee_ppm": 1_000_001}, "fee_ppm"),
        ({"pay_later": True}, "pay_later"),
        ({"instructions": "x" * 1001}, "instructions"),
        ({"secrets": {"secret_key": "pk_test_public"}}, "secret_key"),
        ({"secrets": {}}, "secret_key"),
        ({"secrets": {"password": "hunter2"}}, "password"),
        ({"settings": {"publishable_key": "pk_live_0123"}}, "publishable_key"),
        ({"settings": {"publishable_key": "sk_test_0123"}}, "publishable_key"),
        ({"settings": {"checkout_origin": "http://pay.example"}}, "checkout_origin"),
        ({"settings": {"api_base": "http://169.254.169.254:80"}}, "api_base"),
        ({"settings": {"colour": "red"}}, "colour"),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_is_made(
    in_shop: Shop, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        make(**changes)
    assert refused.value.field == field
    with pytest.raises(NotFound):
        get_method("stripe")


def test_a_stale_page_changes_nothing(in_shop: Shop) -> None:
    make()
    seen = get_method("stripe").digest
    configure_method("stripe", seen=seen, fee_amount=30)
    with pytest.raises(Conflict):
        configure_method("stripe", seen=seen, fee_amount=50)
    with pytest.raises(Conflict):
        remove_method("stripe", seen=seen)
    db.session.close()
    assert get_method("stripe").fee_amount == 30


def test_a_method_stays_with_its_gateway(in_shop: Shop) -> None:
    with pytest.raises(InvalidValue):
        configure_method("bank_transfer", gateway="stripe")


def test_only_what_nobody_used_can_be_removed(in_shop: Shop) -> None:
    make_order((make_product(), 1))
    assert {each.code: each.used for each in list_methods()}["bank_transfer"]
    with pytest.raises(Conflict):
        remove_method("bank_transfer")
    remove_method("cash_on_delivery")
    db.session.close()
    assert [each.code for each in list_methods()] == ["card", "bank_transfer"]
    with pytest.raises(NotFound):
        remove_method("cash_on_delivery")


def test_every_change_is_a_change_of_the_rules(in_shop: Shop) -> None:
    def version() -> int:
        db.session.close()
        return int(db.session.scalar(select(Tenant.rules_version).where(Tenant.id == in_shop.id)) or 0)

    before = version()
    make()
    configure_method("stripe", position=3)
    assert version() == before + 2


def test_another_shop_has_methods_of_its_own(in_shop: Shop, other_shop: Shop) -> None:
    make()
    with shop_scope(other_shop):
        with pytest.raises(NotFound):
            get_method("stripe")
        with pytest.raises(NotFound):
            remove_method("stripe")
    assert get_method("stripe").enabled


def test_a_currency_that_stripe_cannot_express_is_refused(in_shop: Shop) -> None:
    with shop_scope(replace(in_shop, currency="CLF")), pytest.raises(InvalidValue):
        make()


def test_no_other_address_is_heard_in_production() -> None:
    before = installation()
    try:
        configure_installation(Installation("https", None, other_addresses=False))
        assert gateway("stripe").origins({"api_base": "http://127.0.0.1:1"}) == (
            "https://checkout.stripe.com",
        )
        configure_installation(Installation("http", 5000, other_addresses=True))
        assert "http://127.0.0.1:1" in gateway("stripe").origins({"api_base": "http://127.0.0.1:1"})
    finally:
        configure_installation(before)
