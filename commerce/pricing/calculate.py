"""From lines, discounts and rules to totals. Pure: no database, no clock, integers only."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from commerce.money import allocate_amount, included_share, round_to, share_of
from commerce.pricing.queries import Rate, TaxTable


@dataclass(frozen=True, slots=True)
class LineToPrice:
    """Units of a variant at its current price (minor units); `reduced` tells that it cost more before."""

    variant_id: uuid.UUID
    quantity: int
    unit_price: int
    tax_class: str = "standard"
    product_id: uuid.UUID | None = None
    reduced: bool = False

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
class FeeToPrice:
    """What a payment method costs: an amount (minor units) and millionths of the goods' discounted price."""

    id: str
    label: str
    amount: int
    ppm: int = 0
    tax_class: str = "standard"

    def on(self, goods: int) -> int:
        """Return the fee for goods at this price, in minor units."""
        return self.amount + share_of(goods, self.ppm)


@dataclass(frozen=True, slots=True)
class Discount:
    """What lines (`shares`, by position) and shipping cost less by one reduction: minor units, not negative.

    `source_id` is the promotion's id, or 'manual'. `coupon_id` and `code` tell which coupon opened it.
    """

    source_id: str
    label: str
    shares: tuple[int, ...]
    on_shipping: int = 0
    coupon_id: str = ""
    code: str = ""

    @property
    def amount(self) -> int:
        """The whole reduction in minor units."""
        return sum(self.shares) + self.on_shipping


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A signed amount beside the lines. An `included` one explains a part of the prices and adds nothing.

    `shares` are the parts of the lines, by position; what they do not add up to belongs to shipping and fee.
    """

    source_type: str
    source_id: str
    label: str
    amount: int
    included: bool = False
    shares: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with its own shares of the discounts and of the tax. `amount` is before discounts."""

    variant_id: uuid.UUID
    quantity: int
    unit_price: int
    amount: int
    tax_rate_ppm: int
    tax_amount: int
    discount_amount: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """What an order costs, in minor units: total = subtotal + every adjustment that is not included.

    In other words subtotal - discount_amount + shipping_amount + fee_amount + rounding_amount, plus tax_amount when
    prices do not include it. `subtotal` and `shipping_amount` are before discounts.
    """

    lines: tuple[PricedLine, ...]
    adjustments: tuple[Adjustment, ...]
    subtotal: int
    shipping_amount: int
    tax_amount: int
    total: int
    discount_amount: int = 0
    fee_amount: int = 0
    rounding_amount: int = 0

    @property
    def goods(self) -> int:
        """The price of the lines after discounts."""
        return self.subtotal - sum(line.discount_amount for line in self.lines)


def calculate(
    lines: Sequence[LineToPrice],
    shipping: ShippingToPrice | None,
    *,
    country: str,
    taxes: TaxTable,
    prices_include_tax: bool,
    rounding: str,
    discounts: Sequence[Discount] = (),
    fee: FeeToPrice | None = None,
    shipping_tax: str = "goods",
    cash_rounding: int = 0,
) -> Totals:
    """Price an order that goes to `country`.

    `rounding` is 'line' (each line's tax is rounded) or 'rate' (rounded once per tax rate over the whole order,
    as the Japanese qualified invoice asks: National Tax Agency, consumption tax act, order art. 70-10).
    Tax is on what is left after discounts. `shipping_tax` says how shipping and fee are taxed: 'goods' (split over the
    rates of the goods by their net value), 'main' (at the rate of most of the goods) or 'own' (by their own classes). A
    fee of nothing is not mentioned. `cash_rounding` is the step (minor units) to which a total that is paid in cash is
    rounded, by an adjustment of its own: no price and no tax changes. Raises ValueError for a discount of more than
    there is.
    """
    off = [sum(each.shares[index] for each in discounts) for index in range(len(lines))]
    parcel = shipping.price if shipping else 0
    off_shipping = sum(each.on_shipping for each in discounts)
    amounts = [line.amount - less for line, less in zip(lines, off, strict=True)]
    charge = fee.on(sum(amounts)) if fee else 0
    if min(amounts, default=0) < 0 or off_shipping > parcel:
        raise ValueError("a discount is larger than what it is taken from")
    rates = [taxes.rate_for(country, line.tax_class) for line in lines]
    extras = [(parcel - off_shipping, shipping.tax_class)] if shipping is not None else []
    if fee is not None and charge:
        extras.append((charge, fee.tax_class))
    weights = _weights(rates, amounts, [line.amount for line in lines])
    for extra, tax_class in extras:
        own = taxes.rate_for(country, tax_class)
        for part, rate in _split_extra(extra, own, weights, shipping_tax):
            amounts.append(part)
            rates.append(rate)
    tax_shares = _tax_shares(amounts, rates, prices_include_tax, rounding)
    nothing = (0,) * len(lines)
    adjustments = [
        Adjustment(
            "promotion", each.source_id, each.label, -each.amount, shares=tuple(-part for part in each.shares)
        )
        for each in discounts
    ]
    if shipping is not None:
        adjustments.append(Adjustment("shipping", shipping.id, shipping.label, parcel, shares=nothing))
    if fee is not None and charge:
        adjustments.append(Adjustment("fee", fee.id, fee.label, charge, shares=nothing))
    adjustments += _taxes(rates, tax_shares, len(lines), included=prices_include_tax)
    subtotal = sum(line.amount for line in lines)
    exact = subtotal + sum(each.amount for each in adjustments if not each.included)
    rounding_amount = round_to(exact, cash_rounding) - exact
    if rounding_amount:
        adjustments.append(Adjustment("rounding", "", "Rounding", rounding_amount, shares=nothing))
    return Totals(
        lines=tuple(
            PricedLine(line.variant_id, line.quantity, line.unit_price, line.amount, rate.ppm, share, less)
            for line, rate, share, less in zip(lines, rates, tax_shares, off, strict=False)
        ),
        adjustments=tuple(adjustments),
        subtotal=subtotal,
        shipping_amount=parcel,
        tax_amount=sum(tax_shares),
        total=exact + rounding_amount,
        discount_amount=sum(each.amount for each in discounts),
        fee_amount=charge,
        rounding_amount=rounding_amount,
    )


def _weights(rates: Sequence[Rate], amounts: Sequence[int], undiscounted: Sequence[int]) -> dict[Rate, int]:
    """Return what the goods of each rate cost; before discounts where those leave nothing. Without any value: none.

    Prices that include tax are weighed with it: a part of the shipping price in proportion to them is, net of tax, in
    proportion to the goods' net value.
    """
    for values in (amounts, undiscounted):
        weights: dict[Rate, int] = defaultdict(int)
        for rate, value in zip(rates, values, strict=True):
            weights[rate] += value
        if sum(weights.values()):
            return {rate: value for rate, value in weights.items() if value}
    return {}


def _split_extra(
    amount: int, own: Rate, weights: Mapping[Rate, int], shipping_tax: str
) -> list[tuple[int, Rate]]:
    """Return the parts of a price beside the lines, each with the rate at which it is taxed."""
    if shipping_tax == "own" or not weights:
        return [(amount, own)]
    if shipping_tax == "main":
        return [(amount, max(weights, key=lambda rate: (weights[rate], rate.ppm)))]
    parts = allocate_amount(amount, list(weights.values())) if amount else [0] * len(weights)
    return list(zip(parts, weights, strict=True))


def _taxes(rates: list[Rate], shares: list[int], lines: int, *, included: bool) -> list[Adjustment]:
    """Return one adjustment per rate with its share of each line; the rest of it is on shipping and fee."""
    by_rate: dict[Rate, list[int]] = defaultdict(lambda: [0] * len(rates))
    for index, (rate, share) in enumerate(zip(rates, shares, strict=True)):
        by_rate[rate][index] = share
    return [
        Adjustment("tax", rate.id, rate.label, sum(parts), included=included, shares=tuple(parts[:lines]))
        for rate, parts in by_rate.items()
        if rate.id
    ]


def _tax_shares(amounts: list[int], rates: list[Rate], included: bool, rounding: str) -> list[int]:
    """Return the tax of each amount, rounded as the shop says; the shares of a rate always sum to its tax."""
    tax_of = included_share if included else share_of
    if rounding == "line":
        return [tax_of(amount, rate.ppm) for amount, rate in zip(amounts, rates, strict=True)]
    shares = [0] * len(amounts)
    for ppm in {rate.ppm for rate in rates}:
        members = [index for index, rate in enumerate(rates) if rate.ppm == ppm]
        tax = tax_of(sum(amounts[index] for index in members), ppm)
        for index, part in zip(
            members, allocate_amount(tax, [amounts[index] for index in members]), strict=True
        ):
            shares[index] = part
    return shares
