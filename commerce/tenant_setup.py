"""Found a shop that can sell at once: ways to pay, a shipping method, a tax rate and a warehouse, to change later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from commerce.db import atomic, insert_rows, new_id
from commerce.errors import InvalidValue
from commerce.inventory.adjustments import default_location
from commerce.money import PPM, smallest_cash_amount
from commerce.payments.models import PaymentMethod
from commerce.pricing.models import TaxRate
from commerce.shipping.models import ShippingMethod, ShippingRate
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import current_shop, shop_scope
from commerce.tenants.services import create_tenant, touch_rules

DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class TaxRule:
    """A tax rate in millionths for a country ('*' is everywhere else) and class."""

    country: str
    tax_class: str
    ppm: int
    label: str


@dataclass(frozen=True, slots=True)
class ShippingRule:
    """A shipping method with its rates: (countries, minimal subtotal, price), amounts in minor units."""

    code: str
    name: str
    description: str
    rates: tuple[tuple[tuple[str, ...], int, int], ...]


def set_up_shop(
    *,
    taxes: tuple[TaxRule, ...],
    shipping: tuple[ShippingRule, ...],
    test_card: bool,
    bank_details: str = "",
    **tenant: Any,
) -> Shop:
    """Create a shop with its first rules and return it. `tenant` goes to `create_tenant`; raises what that raises.

    Raises InvalidValue for a rate or price that is out of bounds, before anything is created.
    """
    _check_rules(taxes, shipping)
    shop = create_tenant(**tenant)
    with shop_scope(shop):
        _create_rules(taxes, shipping, test_card, bank_details)
    return get_shop(shop.id)


def _check_rules(taxes: tuple[TaxRule, ...], shipping: tuple[ShippingRule, ...]) -> None:
    for tax in taxes:
        if not 0 <= tax.ppm <= PPM:
            raise InvalidValue("tax", "tax_rate_out_of_range")
    for method in shipping:
        for _countries, least, price in method.rates:
            if least < 0 or price < 0:
                raise InvalidValue("shipping", "shipping_price_negative")


@atomic
def _create_rules(
    taxes: tuple[TaxRule, ...], shipping: tuple[ShippingRule, ...], test_card: bool, bank_details: str
) -> None:
    default_location()
    insert_rows(
        TaxRate,
        [
            {"country": tax.country, "tax_class": tax.tax_class, "rate_ppm": tax.ppm, "label": tax.label}
            for tax in taxes
        ],
    )
    for position, method in enumerate(shipping):
        method_id = new_id()
        insert_rows(
            ShippingMethod,
            [
                {
                    "id": method_id,
                    "code": method.code,
                    "name": method.name,
                    "description": method.description,
                    "position": position,
                }
            ],
        )
        insert_rows(
            ShippingRate,
            [
                {"method_id": method_id, "countries": list(countries), "min_subtotal": least, "price": price}
                for countries, least, price in method.rates
            ],
        )
    insert_rows(PaymentMethod, _payment_methods(test_card, bank_details, current_shop().currency))
    touch_rules()


def _payment_methods(test_card: bool, bank_details: str, currency: str) -> list[dict[str, Any]]:
    """Return the ways to pay that need no contract with anybody. Hold times are minutes."""
    smallest = smallest_cash_amount(currency)
    card = {
        "code": "card",
        "gateway": "test_card",
        "name": "Test card",
        "instructions": "A built-in trial of card payment. No money moves.",
        "pay_later": False,
        "hold_minutes": 30,
        "position": 0,
        "enabled": True,
        "cash_rounding": 0,
    }
    transfer = {
        "code": "bank_transfer",
        "gateway": "manual",
        "name": "Bank transfer",
        "instructions": bank_details or "Please transfer the total and name your order number.",
        # Without an account to pay to, it is there to be completed and turned on.
        "enabled": bool(bank_details),
        "pay_later": False,
        "hold_minutes": 7 * DAY,
        "position": 1,
        "cash_rounding": 0,
    }
    delivery = {
        "code": "cash_on_delivery",
        "gateway": "manual",
        "name": "Cash on delivery",
        "instructions": "Please pay when the parcel arrives.",
        "pay_later": True,
        "hold_minutes": DAY,
        "position": 2,
        "enabled": True,
        "cash_rounding": smallest if smallest > 1 else 0,
    }
    return [card, transfer, delivery] if test_card else [transfer, delivery]
