"""A founded shop can sell at once; one that cannot be founded leaves nothing."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from commerce.db import Base, db
from commerce.errors import CommerceError, InvalidValue
from commerce.inventory.models import Location
from commerce.payments.methods import configure_method
from commerce.payments.queries import payment_method, payment_methods
from commerce.pricing.queries import tax_table
from commerce.shipping.queries import shipping_offers
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import current_shop, shop_scope
from tests.factories.checkout import make_order
from tests.factories.shop import make_product

FREE = ShippingRule("free", "Free", "", ((("*",), 0, 0),))
ALL = {"all_tenants": True}


def found(**changes: Any) -> Shop:
    return set_up_shop(
        **{
            "code": "kiosk",
            "name": "Kiosk",
            "currency": "EUR",
            "country": "DE",
            "taxes": (TaxRule("DE", "standard", 190_000, "VAT"),),
            "shipping": (FREE,),
            "test_card": False,
            "bank_details": "Pay to IBAN DE02 1203 0000 0000 2020 51",
            **changes,
        }
    )


def rows() -> dict[str, int]:
    """Return how many rows each table of the installation has, where there are any."""
    tables = Base.metadata.sorted_tables
    counts = {
        each.name: db.session.connection().execute(select(func.count()).select_from(each)).scalar_one()
        for each in tables
    }
    db.session.close()
    return {name: count for name, count in counts.items() if count}


def test_a_founded_shop_has_rules_a_warehouse_and_ways_to_pay(app: Flask) -> None:
    with app.app_context():
        shop = found(taxes=(TaxRule("DE", "standard", 190_000, "VAT"), TaxRule("*", "standard", 0, "No tax")))
        with shop_scope(shop):
            assert tax_table().rate_for("DE", "standard").ppm == 190_000
            assert tax_table().rate_for("US", "standard").label == "No tax"
            assert [offer.code for offer in shipping_offers(country="US", subtotal=0, weight_grams=0)] == [
                "free"
            ]
            assert db.session.execute(select(Location.code, Location.name)).all() == [
                ("main", "Main warehouse")
            ]
            assert [each.code for each in payment_methods()] == ["bank_transfer", "cash_on_delivery"]
            assert make_order((make_product(), 1), shipping_method="free").code == "ORD-000001"


def test_a_bank_transfer_is_not_offered_before_there_is_an_account_to_pay_to(app: Flask) -> None:
    with app.app_context(), shop_scope(found(bank_details="")):
        assert [each.code for each in payment_methods()] == ["cash_on_delivery"]
        with pytest.raises(InvalidValue, match="account_details_required"):
            configure_method("bank_transfer", enabled=True)
        configure_method(
            "bank_transfer", enabled=True, instructions="Pay to IBAN DE02 1203 0000 0000 2020 51"
        )
        with shop_scope(get_shop(current_shop().id)):
            assert [each.code for each in payment_methods()] == ["bank_transfer", "cash_on_delivery"]


def test_the_test_card_is_offered_where_it_is_wanted(app: Flask) -> None:
    with app.app_context(), shop_scope(found(test_card=True, bank_details="Pay to IBAN 1")):
        assert [each.code for each in payment_methods()] == ["card", "bank_transfer", "cash_on_delivery"]
        holds = {each.code: each.hold_minutes for each in payment_methods()}
        assert holds == {"card": 30, "bank_transfer": 7 * 24 * 60, "cash_on_delivery": 24 * 60}
        transfer = payment_method("bank_transfer")
        assert transfer is not None
        assert transfer.instructions == "Pay to IBAN 1"
        assert [each.code for each in payment_methods() if each.pay_later] == ["cash_on_delivery"]


def test_a_method_keeps_its_rates_apart_by_country_and_total(app: Flask) -> None:
    tiers = ShippingRule(
        "parcel", "Parcel", "3 days", ((("DE",), 0, 490), (("DE",), 7500, 0), (("*",), 0, 1990))
    )
    with app.app_context(), shop_scope(found(shipping=(tiers, FREE))):
        offers = {
            (country, subtotal): [
                (each.code, each.price)
                for each in shipping_offers(country=country, subtotal=subtotal, weight_grams=1)
            ]
            for country, subtotal in (("DE", 100), ("DE", 7500), ("US", 7500))
        }
    assert offers == {
        ("DE", 100): [("parcel", 490), ("free", 0)],
        ("DE", 7500): [("parcel", 0), ("free", 0)],
        ("US", 7500): [("parcel", 1990), ("free", 0)],
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "Kiosk"},
        {"code": "kiosk\n"},
        {"name": ""},
        {"name": "Kiosk\r\nBcc: eve@evil.test"},
        {"name": "x" * 256},
        {"currency": "XYZ"},
        {"country": "Germany"},
        {"country": "DE\n"},
        {"hosts": ("kiosk.example", "no host")},
        {"taxes": (TaxRule("DE", "standard", -1, "VAT"),)},
        {"taxes": (TaxRule("DE", "standard", 1_000_001, "VAT"),)},
        {"shipping": (ShippingRule("free", "Free", "", ((("*",), 0, -1),)),)},
        {"shipping": (ShippingRule("free", "Free", "", ((("*",), -1, 0),)),)},
    ],
    ids=str,
)
def test_what_cannot_be_founded_leaves_no_row_behind(app: Flask, changes: dict[str, Any]) -> None:
    with app.app_context():
        with pytest.raises(CommerceError):
            found(**changes)
        assert rows() == {}
        found()
        assert rows()["tenants"] == 1
