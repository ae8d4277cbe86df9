"""What the pages of a shop's settings show beside the settings themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import exists, or_, select

from commerce.catalog.models import Variant
from commerce.db import db
from commerce.orders.models import Order
from commerce.payments.models import PaymentMethod
from commerce.pricing.models import Promotion, TaxRate
from commerce.shipping.models import ShippingRate
from commerce.shipping.queries import REST_OF_WORLD, countries_without_tax


def what_is_priced() -> list[str]:
    """Return in words what holds amounts in the shop's currency, which would mean something else in another."""
    found: list[tuple[str, Any]] = [
        (_("orders"), exists(select(Order.id))),
        (_("prices of products"), exists(select(Variant.id))),
        (
            _("shipping prices"),
            exists(select(ShippingRate.id).where(or_(ShippingRate.price > 0, ShippingRate.min_subtotal > 0))),
        ),
        (
            _("fees of payment methods"),
            exists(select(PaymentMethod.id).where(PaymentMethod.fee_amount > 0)),
        ),
        (
            _("promotions"),
            exists(select(Promotion.id).where(or_(Promotion.amount > 0, Promotion.min_subtotal > 0))),
        ),
    ]
    return [words for words, there in found if db.session.scalar(select(there))]


def tax_classes() -> list[str]:
    """Return the tax classes that the tax table or a product names, to choose from."""
    named = set(db.session.scalars(select(TaxRate.tax_class).distinct()))
    return sorted(named | set(db.session.scalars(select(Variant.tax_class).distinct())))


@dataclass(frozen=True, slots=True)
class UntaxedCountries:
    """Where the shop ships to without a tax rate: named countries, and whether also to everywhere else."""

    named: tuple[str, ...]
    elsewhere: bool


def untaxed_countries() -> UntaxedCountries:
    """Return the countries that the pages of taxes and shipping warn of."""
    found = countries_without_tax()
    return UntaxedCountries(tuple(sorted(found - {REST_OF_WORLD})), REST_OF_WORLD in found)
