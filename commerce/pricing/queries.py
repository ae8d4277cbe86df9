"""Read a shop's tax table."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from commerce.db import db
from commerce.pricing.models import TaxRate
from commerce.tenants.scope import rules_cache


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax rate in millionths, with the label that shopper and staff see."""

    id: str
    label: str
    ppm: int


NO_TAX = Rate("", "", 0)


class TaxTable:
    """Rates by country and class; '*' stands for every country that is not named."""

    def __init__(self, rates: dict[tuple[str, str], Rate]) -> None:
        self._rates = rates

    def rate_for(self, country: str, tax_class: str) -> Rate:
        """Return the rate of a class in a country; a class without a row of its own is taxed as standard."""
        for key in ((country, tax_class), (country, "standard"), ("*", tax_class), ("*", "standard")):
            if key in self._rates:
                return self._rates[key]
        return NO_TAX


@rules_cache
def tax_table() -> TaxTable:
    """Return the current shop's rates."""
    rows = db.session.execute(
        select(TaxRate.country, TaxRate.tax_class, TaxRate.id, TaxRate.label, TaxRate.rate_ppm)
    )
    return TaxTable({(country, name): Rate(str(key), label, ppm) for country, name, key, label, ppm in rows})
