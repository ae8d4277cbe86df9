"""Shops of many currencies for tables of cases: their taxes, their price of shipping, and goods to sell."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Flask

from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope


@dataclass(frozen=True)
class Terms:
    """How a shop sells. `shipping` is minor units; `taxes` are millionths by tax class, the same in all countries."""

    currency: str
    country: str
    shipping: int
    taxes: tuple[tuple[str, int], ...]
    included: bool


TERMS = {
    "EUR": Terms("EUR", "DE", 490, (("standard", 190_000), ("reduced", 70_000), ("zero", 0)), included=True),
    "GBP": Terms("GBP", "GB", 499, (("standard", 200_000), ("reduced", 50_000), ("zero", 0)), included=True),
    "CHF": Terms("CHF", "CH", 790, (("standard", 81_000), ("reduced", 26_000), ("zero", 0)), included=True),
    "USD": Terms("USD", "US", 500, (("standard", 88_750), ("zero", 0)), included=False),
    "JPY": Terms("JPY", "JP", 800, (("standard", 100_000), ("reduced", 80_000)), included=False),
    "SEK": Terms("SEK", "SE", 4900, (("standard", 250_000),), included=True),
    "NOK": Terms("NOK", "NO", 4900, (("standard", 250_000),), included=True),
    "DKK": Terms("DKK", "DK", 4900, (("standard", 250_000),), included=True),
    "CZK": Terms("CZK", "CZ", 4900, (("standard", 210_000),), included=True),
    "HUF": Terms("HUF", "HU", 4900, (("standard", 270_000),), included=True),
    "KWD": Terms("KWD", "KW", 500, (("standard", 50_000), ("zero", 0)), included=False),
}


@contextmanager
def open_shop(app: Flask, currency: str) -> Iterator[Shop]:
    """Found a shop with the terms of a currency and enter it."""
    terms = TERMS[currency]
    with app.app_context():
        made = set_up_shop(
            code="demo",
            name="Alice's Tea",
            currency=currency,
            country=terms.country,
            prices_include_tax=terms.included,
            taxes=tuple(TaxRule("*", name, ppm, "VAT") for name, ppm in terms.taxes),
            shipping=(ShippingRule("parcel", "Parcel", "", ((("*",), 0, terms.shipping),)),),
            test_card=True,
            bank_details="Transfer the total to account 1234567.",
        )
        with shop_scope(made):
            yield made
