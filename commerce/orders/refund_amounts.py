"""How much money goes back for which units. Pure: integers in minor units, and sums that close.

A line's worth is what the shopper paid for it: its amount, less its discount, plus its tax when prices do not include
it. Of k out of n units the worth is floor(worth * k / n), counted from the first unit given back; so whatever the
order of partial credits, all units together are worth exactly the line.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from commerce.errors import InvalidValue
from commerce.money import allocate_amount
from commerce.orders.models import Order, OrderLine


@dataclass(frozen=True, slots=True)
class LineCredit:
    """Units of an order line and what they give back; `tax` is inside `amount`."""

    line_id: uuid.UUID
    quantity: int
    amount: int
    tax: int


@dataclass(frozen=True, slots=True)
class CreditSum:
    """What a credit comes to. `amount` is the sum of lines, shipping and `extra` (goodwill); `tax` is inside it."""

    lines: tuple[LineCredit, ...]
    shipping: int
    extra: int
    tax: int

    @property
    def amount(self) -> int:
        """The money that goes back, in minor units."""
        return sum(line.amount for line in self.lines) + self.shipping + self.extra


def line_total(line: OrderLine, *, prices_include_tax: bool) -> int:
    """Return what the shopper paid for a whole line, tax included."""
    return line.amount - line.discount_amount + (0 if prices_include_tax else line.tax_amount)


def shipped_not_returned(line: OrderLine) -> int:
    """Return the units of a line that were shipped and not refunded yet."""
    return line.shipped - (line.credited - line.cancelled)


def uncredited(order: Order) -> dict[uuid.UUID, int]:
    """Return the units by order line id that were not given back yet; lines without any are left out."""
    return {line.id: line.quantity - line.credited for line in order.lines if line.quantity > line.credited}


def shipping_total(order: Order) -> int:
    """Return what the shopper paid beside the lines: shipping, fee and rounding, less their discount, tax included."""
    return order.total - sum(
        line_total(line, prices_include_tax=order.prices_include_tax) for line in order.lines
    )


def shipping_left(order: Order) -> int:
    """Return what of shipping and fee has not been given back yet."""
    return max(0, shipping_total(order) - order.credited_shipping)


def sum_up(
    order: Order, units: Mapping[uuid.UUID, int], *, with_shipping: bool, amount: int | None = None
) -> CreditSum:
    """Return what giving back `units` (by order line id), and shipping and fee `with_shipping`, comes to.

    `amount` replaces the computed sum: less is shared out over the parts, more is goodwill beside them.
    Raises InvalidValue for units that are not there or an amount below zero.
    """
    lines = [_line_credit(line, units[line.id], order) for line in order.lines if units.get(line.id)]
    unknown = set(units) - {line.id for line in order.lines}
    if unknown:
        raise InvalidValue("lines", "line_not_in_order")
    shipping = shipping_left(order) if with_shipping else 0
    shipping_tax = _shipping_tax(order) if with_shipping and not order.credited_shipping else 0
    due = sum(line.amount for line in lines) + shipping
    if amount is None or amount == due:
        return CreditSum(tuple(lines), shipping, 0, sum(line.tax for line in lines) + shipping_tax)
    if amount < 0:
        raise InvalidValue("amount", "refund_amount_negative")
    if amount > due:
        extra = amount - due
        tax = sum(line.tax for line in lines) + shipping_tax + _tax_inside(order, extra)
        return CreditSum(tuple(lines), shipping, extra, min(tax, amount))
    return _shared(lines, shipping, shipping_tax, amount)


def _line_credit(line: OrderLine, quantity: int, order: Order) -> LineCredit:
    left = line.quantity - line.credited
    if not is_count(quantity, 1, left):
        raise InvalidValue("lines", "refund_units_out_of_range", sku=line.sku, maximum=left)
    whole = line_total(line, prices_include_tax=order.prices_include_tax)
    amount = _up_to(whole, line.credited + quantity, line.quantity) - _up_to(
        whole, line.credited, line.quantity
    )
    tax = _up_to(line.tax_amount, line.credited + quantity, line.quantity) - _up_to(
        line.tax_amount, line.credited, line.quantity
    )
    return LineCredit(line.id, quantity, amount, min(tax, amount))


def _up_to(whole: int, units: int, quantity: int) -> int:
    return whole * units // quantity


def _shipping_tax(order: Order) -> int:
    return max(0, order.tax_amount - sum(line.tax_amount for line in order.lines))


def _tax_inside(order: Order, amount: int) -> int:
    """Return the tax in an amount that belongs to no line: the order's own mixture."""
    return amount * order.tax_amount // order.total if order.total else 0


def _shared(lines: Sequence[LineCredit], shipping: int, shipping_tax: int, amount: int) -> CreditSum:
    """Share a smaller amount out over lines and shipping by their worth; units count as given back nevertheless."""
    parts = [line.amount for line in lines] + [shipping]
    shares = allocate_amount(amount, parts)
    cut = tuple(
        LineCredit(line.line_id, line.quantity, share, line.tax * share // line.amount if line.amount else 0)
        for line, share in zip(lines, shares, strict=False)
    )
    tax_on_shipping = shipping_tax * shares[-1] // shipping if shipping else 0
    return CreditSum(cut, shares[-1], 0, sum(line.tax for line in cut) + tax_on_shipping)


def is_count(value: object, low: int, high: int) -> bool:
    """Tell whether `value` is a whole number from `low` to `high`; True and 1.0 are not."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
