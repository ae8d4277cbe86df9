"""From lines and rules to totals. Pure: no database, no clock, integers only."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from commerce.money import allocate, included_share, share_of
from commerce.pricing.queries import Rate, TaxTable


@dataclass(frozen=True, slots=True)
class LineToPrice:
    """Units of a variant at its present price (minor units)."""

    variant_id: uuid.UUID
    quantity: int
    unit_price: int
    tax_class: str = "standard"

    @property
    def amount(self) -> int:
        """What the units cost together, in minor units."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class ShippingToPrice:
    """The chosen shipping method and what it costs (minor units)."""

    id: str
    label: str
    price: int
    tax_class: str = "standard"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A signed amount beside the lines. An `included` one explains a part of the prices and adds nothing."""

    source_type: str
    source_id: str
    label: str
    amount: int
    included: bool = False


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with its own share of the tax."""

    variant_id: uuid.UUID
    quantity: int
    unit_price: int
    amount: int
    tax_rate_ppm: int
    tax_amount: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What an order costs, in minor units: total = subtotal + every adjustment that is not included."""

    lines: tuple[PricedLine, ...]
    adjustments: tuple[Adjustment, ...]
    subtotal: int
    shipping_amount: int
    tax_amount: int
    total: int


def calculate(
    lines: Sequence[LineToPrice],
    shipping: ShippingToPrice | None,
    *,
    country: str,
    taxes: TaxTable,
    prices_include_tax: bool,
    rounding: str,
) -> Totals:
    """Price an order that goes to `country`.

    `rounding` is 'line' (each line's tax is rounded) or 'rate' (rounded once per tax rate over the whole order,
    as the Japanese qualified invoice asks: National Tax Agency, consumption tax act, order art. 70-10).
    Shipping is taxed like a line of its class.
    """
    amounts = [line.amount for line in lines]
    rates = [taxes.rate_for(country, line.tax_class) for line in lines]
    if shipping is not None:
        amounts.append(shipping.price)
        rates.append(taxes.rate_for(country, shipping.tax_class))
    shares = _tax_shares(amounts, rates, prices_include_tax, rounding)
    adjustments = []
    if shipping is not None:
        adjustments.append(Adjustment("shipping", shipping.id, shipping.label, shipping.price))
    by_rate: dict[Rate, int] = defaultdict(int)
    for rate, share in zip(rates, shares, strict=True):
        by_rate[rate] += share
    adjustments += [
        Adjustment("tax", rate.id, rate.label, amount, included=prices_include_tax)
        for rate, amount in by_rate.items()
        if rate.id
    ]
    subtotal = sum(line.amount for line in lines)
    return Totals(
        lines=tuple(
            PricedLine(line.variant_id, line.quantity, line.unit_price, line.amount, rate.ppm, share)
            for line, rate, share in zip(lines, rates, shares, strict=False)
        ),
        adjustments=tuple(adjustments),
        subtotal=subtotal,
        shipping_amount=shipping.price if shipping else 0,
        tax_amount=sum(shares),
        total=subtotal + sum(a.amount for a in adjustments if not a.included),
    )


def _tax_shares(amounts: list[int], rates: list[Rate], included: bool, rounding: str) -> list[int]:
    """Return the tax of each amount, rounded as the shop says; the shares of a rate always sum to its tax."""
    tax_of = included_share if included else share_of
    if rounding == "line":
        return [tax_of(amount, rate.ppm) for amount, rate in zip(amounts, rates, strict=True)]
    shares = [0] * len(amounts)
    for ppm in {rate.ppm for rate in rates}:
        members = [index for index, rate in enumerate(rates) if rate.ppm == ppm]
        tax = tax_of(sum(amounts[index] for index in members), ppm)
        for index, part in zip(members, allocate(tax, [amounts[index] for index in members]), strict=True):
            shares[index] = part
    return shares
