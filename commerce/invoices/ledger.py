"""What of an order is to be invoiced by now, part by part and tax rate by tax rate. Pure: integers in minor units.

An order's documents follow its state: what is charged now, less what the documents say already, is the next document.
So whatever happens, in whatever order and however often a handler runs, their sum is what the order costs, tax per rate
included. A part is an order line (its id in hex), shipping, the fee of the payment method, a credit that belongs to no
line, or rounding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from commerce.money import allocate_amount, included_share, share_of
from commerce.orders.models import Order, OrderLine
from commerce.orders.refund_amounts import line_total, shipping_total

SHIPPING, FEE, CREDIT, ROUNDING = "shipping", "fee", "credit", "rounding"
GIVEN_UP = ("cancelled", "refunded")
PPM = 1_000_000
Key = tuple[str, int]
"""A part of an order and the tax rate (millionths) of it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Units of a part (0 for one without), what is charged for it, and the tax inside of that."""

    units: int = 0
    gross: int = 0
    tax: int = 0

    def __add__(self, other: Cell) -> Cell:
        return Cell(self.units + other.units, self.gross + other.gross, self.tax + other.tax)

    def __neg__(self) -> Cell:
        return Cell(-self.units, -self.gross, -self.tax)

    def __bool__(self) -> bool:
        return bool(self.gross or self.tax)

    @property
    def sign(self) -> int:
        """1 for what is charged, -1 for what is given back."""
        return 1 if (self.gross or self.tax) > 0 else -1


Ledger = dict[Key, Cell]


def add_up(entries: Iterable[tuple[Key, Cell]]) -> Ledger:
    """Return the sum by part and rate."""
    found: Ledger = defaultdict(Cell)
    for key, cell in entries:
        found[key] += cell
    return dict(found)


def difference(target: Ledger, documented: Ledger) -> Ledger:
    """Return what is not documented yet, without parts of which nothing is charged."""
    found = add_up([*target.items(), *((key, -cell) for key, cell in documented.items())])
    return {key: cell for key, cell in found.items() if cell}


def to_document(order: Order, credited_tax: int, rates: Mapping[str, int], *, by_parcel: bool) -> Ledger:
    """Return all that is charged for an order now or, `by_parcel`, for what of it has left and for its shipping.

    `credited_tax` is the tax (minor units) in all of its credits, `rates` are the shop's tax rates (millionths) by id.
    """
    if order.status in GIVEN_UP or order.credited_amount == order.total:
        return {}
    beside = _beside_the_lines(order, rates)
    lines = {line.id.hex: _line(line, order) for line in order.lines}
    parts = {**{(key, rate): cell for key, (rate, cell) in lines.items()}, **beside}
    parts = add_up([*parts.items(), *_credited_beside(order, beside, parts, credited_tax)])
    if not by_parcel:
        return parts
    waiting = {(line.id.hex, line.tax_rate_ppm): -_waiting(line, order) for line in order.lines}
    sent = add_up([*parts.items(), *waiting.items()])
    if any(line.to_ship for line in order.lines) and _is_below_zero(sent):
        # A credit for all of the order that is more than what has left: it waits until it can be taken off.
        sent = {key: cell for key, cell in sent.items() if key[0] != CREDIT}
    return sent


def _is_below_zero(parts: Ledger) -> bool:
    gross: dict[int, int] = defaultdict(int)
    for (_part, rate), cell in parts.items():
        gross[rate] += cell.gross
    return sum(gross.values()) < 0 or any(value < 0 for rate, value in gross.items() if rate)


# --- lines -------------------------------------------------------------------------------------------


def _line(line: OrderLine, order: Order) -> tuple[int, Cell]:
    """Return what is charged for a line after its credits, and its rate."""
    gross = line_total(line, prices_include_tax=order.prices_include_tax) - line.credited_amount
    return line.tax_rate_ppm, Cell(line.quantity - line.credited, gross, line.tax_amount - line.credited_tax)


def _waiting(line: OrderLine, order: Order) -> Cell:
    """Return the part of the units that have still to leave: the last ones, as credits take the first ones."""
    whole, rest = line_total(line, prices_include_tax=order.prices_include_tax), line.to_ship
    before = line.quantity - rest
    return Cell(
        rest,
        whole - whole * before // line.quantity,
        line.tax_amount - line.tax_amount * before // line.quantity,
    )


# --- shipping, fee and rounding ------------------------------------------------------------------------


def _beside_the_lines(order: Order, rates: Mapping[str, int]) -> Ledger:
    """Return what was charged beside the lines, before any credit.

    An order keeps the tax of shipping and fee by rate and not which part of their price has which rate. It is found
    again as it was calculated: of the ways to tax them, the one that comes to the same tax.
    """
    tax = _tax_beside(order, rates)
    line_discounts = sum(line.discount_amount for line in order.lines)
    prices = {
        SHIPPING: order.shipping_amount - (order.discount_amount - line_discounts),
        FEE: order.fee_amount,
    }
    prices = {name: price for name, price in prices.items() if price}
    shares = _split(order, prices, tax)
    found: Ledger = {}
    for rate in sorted({rate for _name, rate in shares} | set(tax)):
        names = [name for name in prices if (name, rate) in shares]
        if not names:
            found[ROUNDING, rate] = Cell(0, 0 if order.prices_include_tax else tax[rate], tax[rate])
            continue
        weights = [shares[name, rate] for name in names]
        for name, part, own in zip(names, weights, allocate_amount(tax.get(rate, 0), weights), strict=True):
            found[name, rate] = Cell(0, part if order.prices_include_tax else part + own, own)
    rounding = Cell(
        0,
        shipping_total(order) - sum(cell.gross for cell in found.values()),
        order.tax_amount - sum(line.tax_amount for line in order.lines) - sum(c.tax for c in found.values()),
    )
    return add_up([*found.items(), ((ROUNDING, 0), rounding)])


def _tax_beside(order: Order, rates: Mapping[str, int]) -> dict[int, int]:
    """Return the tax that is on no line, by rate."""
    found: dict[int, int] = defaultdict(int)
    for each in order.adjustments:
        shares = [int(share) for share in each.shares]
        rest = each.amount - sum(shares)
        if each.source_type != "tax" or not rest:
            continue
        known = [line.tax_rate_ppm for line, share in zip(order.lines, shares, strict=False) if share]
        found[known[0] if known else rates.get(each.source_id) or _rate_inside(order, rest)] += rest
    return dict(found)


def _rate_inside(order: Order, tax: int) -> int:
    """Return the rate of a tax whose rate is gone, to a tenth of a percent."""
    price = order.shipping_amount + order.fee_amount - (tax if order.prices_include_tax else 0)
    return round(tax * 1000 / price) * 1000 if price > 0 else 0


def _split(order: Order, prices: Mapping[str, int], tax: Mapping[int, int]) -> dict[Key, int]:
    """Return the part of each price at each rate."""
    goods: dict[int, int] = defaultdict(int)
    for line in order.lines:
        goods[line.tax_rate_ppm] += line.amount - line.discount_amount
    if not any(goods.values()):
        for line in order.lines:
            goods[line.tax_rate_ppm] += line.amount
    weighed = {rate: value for rate, value in goods.items() if value}
    ways: list[dict[Key, int]] = []
    if weighed:
        ways.append(
            {
                (name, rate): part
                for name, price in prices.items()
                for rate, part in zip(weighed, allocate_amount(price, list(weighed.values())), strict=True)
                if part
            }
        )
    candidates = sorted({*weighed, *tax, 0}, key=lambda rate: (-weighed.get(rate, 0), -rate))
    ways += [
        {(name, rate): price for (name, price), rate in zip(prices.items(), chosen, strict=True)}
        for chosen in product(candidates, repeat=len(prices))
    ]
    return min(ways, key=lambda way: _distance(order, way, tax))


def _distance(order: Order, way: Mapping[Key, int], tax: Mapping[int, int]) -> int:
    """Return how far the tax of a way to split is from the order's: 0, but for what rounding moves."""
    tax_of = included_share if order.prices_include_tax else share_of
    found: dict[int, int] = defaultdict(int)
    for (_name, rate), part in way.items():
        found[rate] += tax_of(part, rate)
    return sum(abs(found.get(rate, 0) - tax.get(rate, 0)) for rate in {*found, *tax})


# --- credits that belong to no line --------------------------------------------------------------------


def _credited_beside(
    order: Order, beside: Ledger, parts: Ledger, credited_tax: int
) -> list[tuple[Key, Cell]]:
    """Return what credits take off beside the lines: of shipping and fee, and as amounts that are for the whole order.

    The tax of all credits is theirs exactly; what of it is on no line is shared out over the rates by the tax that is
    left there, so that nothing is left once everything was given back.
    """
    on_lines: dict[int, int] = defaultdict(int)
    for line in order.lines:
        on_lines[line.tax_rate_ppm] += line.credited_tax
    left = _by_rate(parts, lambda cell: cell.tax)
    tax = credited_tax - sum(on_lines.values())
    taxes = _shared(tax, left if tax >= 0 else on_lines)
    shipping = _shipping_credited(order, beside)
    extra = (
        order.credited_amount - order.credited_shipping - sum(line.credited_amount for line in order.lines)
    )
    gross = _by_rate(add_up([*parts.items(), *shipping]), lambda cell: cell.gross)
    extras = _shared(extra, {rate: value for rate, value in gross.items() if value > 0} or {0: 1})
    found: list[tuple[Key, Cell]] = []
    for rate in sorted({*taxes, *extras, *(key[1] for key, _cell in shipping)}):
        own = [(key, cell) for key, cell in shipping if key[1] == rate]
        given = -sum(cell.gross for _key, cell in own)
        on_shipping = _tax_on_shipping(beside, rate, given, taxes.get(rate, 0), any(extras.values()))
        weights = [max(0, -cell.gross) for _key, cell in own]
        for (key, cell), part in zip(own, allocate_amount(on_shipping, weights) if own else [], strict=True):
            found.append((key, Cell(0, cell.gross, -part)))
        name = CREDIT if extras.get(rate) else ROUNDING
        found.append(((name, rate), Cell(0, -extras.get(rate, 0), on_shipping - taxes.get(rate, 0))))
    return found


def _tax_on_shipping(beside: Ledger, rate: int, given: int, tax: int, has_extra: bool) -> int:
    """Return how much of a credited tax is that of shipping and fee: all of it where nothing else was credited."""
    if not given:
        return 0
    if not has_extra:
        return tax
    own = [cell for (name, at), cell in beside.items() if at == rate and name in (SHIPPING, FEE)]
    whole = sum(cell.gross for cell in own)
    return max(0, min(tax, sum(cell.tax for cell in own) * given // whole)) if whole else 0


def _shipping_credited(order: Order, beside: Ledger) -> list[tuple[Key, Cell]]:
    """Return what was given back of shipping, fee and their rounding, by part and rate, as what is taken off."""
    given = order.credited_shipping
    if not given:
        return []
    if given == shipping_total(order):
        return [(key, Cell(0, -cell.gross, 0)) for key, cell in beside.items() if cell.gross]
    own = {key: cell.gross for key, cell in beside.items() if key[0] in (SHIPPING, FEE) and cell.gross > 0}
    taken = min(given, sum(own.values()))
    parts = allocate_amount(taken, list(own.values())) if own else []
    found = [(key, Cell(0, -part, 0)) for key, part in zip(own, parts, strict=True)]
    return found if taken == given else [*found, ((ROUNDING, 0), Cell(0, taken - given, 0))]


def _by_rate(parts: Ledger, value: Callable[[Cell], int]) -> dict[int, int]:
    found: dict[int, int] = defaultdict(int)
    for (name, rate), cell in parts.items():
        if name != ROUNDING or rate:
            found[rate] += value(cell)
    return dict(found)


def _shared(amount: int, weights: Mapping[int, int]) -> dict[int, int]:
    """Share an amount out over rates; what weighs less than nothing gets none of it."""
    if not amount:
        return {}
    rates: Sequence[int] = list(weights) or [0]
    parts = allocate_amount(amount, [max(0, weights.get(rate, 0)) for rate in rates])
    return {rate: part for rate, part in zip(rates, parts, strict=True) if part}


# --- documents ---------------------------------------------------------------------------------------


def split_by_kind(parts: Ledger, *, first: bool) -> list[tuple[int, Ledger]]:
    """Return what is to be documented as one or two documents: 1 with what an invoice says, -1 a credit note.

    A difference of one kind, at every rate, is one document. One that charges at one rate and gives back at another, or
    comes to nothing (other goods at the same price), is a credit note for what is gone and an invoice for what came.
    Amounts of a credit note are positive. The `first` document of an order is an invoice, or there is none yet.
    """
    total = sum(cell.gross for cell in parts.values())
    if first:
        return [(1, parts)] if total > 0 else []
    signs = {
        (value > 0) - (value < 0) for value in _by_rate(parts, lambda cell: cell.gross).values() if value
    }
    if signs == {1} and total > 0:
        return [(1, parts)]
    if signs == {-1} and total < 0:
        return [(-1, {key: -cell for key, cell in parts.items()})]
    gone = {key: -cell for key, cell in parts.items() if cell.sign < 0}
    came = {key: cell for key, cell in parts.items() if cell.sign > 0}
    return [each for each in ((-1, gone), (1, came)) if each[1]]
