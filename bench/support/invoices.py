"""A retailer's invoices as a CSV file, in the format of the public data set "Online Retail" (UCI Machine Learning
Repository, https://archive.ics.uci.edu/dataset/352/online+retail, CC BY 4.0); `.csv`, or `.csv.gz`.

Columns: InvoiceNo (begins with C for a cancellation), StockCode, Description (may be empty), Quantity (units that left;
negative: they came back, or a correction), InvoiceDate (2010-12-01 08:26:00, ascending), UnitPrice (0 for
corrections), CustomerID (empty for a quarter of the lines), Country. The lines of an invoice follow each other; a code
may be on several of them. Not every code is a thing (POST, D, M, BANK CHARGES): here they are codes like others.
"""

import csv
import gzip
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from commerce.cart.queries import MAX_UNITS_PER_LINE

COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
ODD_CODES = ("POST", "D", "m", "M", "BANK CHARGES", "gift_0001_20", "85123a", "85123A")

LINES_A_DAY = 50
"""Of a file that is made up."""


@dataclass(frozen=True)
class Invoice:
    """One invoice. `units` by stock code: what left, as positive numbers, or came back, as negative ones."""

    number: str
    day: str
    customer: str
    units: Counter[str]
    cancels: bool


@contextmanager
def _rows(path: Path, lines: int | None) -> Iterator[Iterator[dict[str, str]]]:
    with _opened(path) as file:
        yield itertools.islice(csv.DictReader(file), lines)


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def read_invoices(path: Path, lines: int | None = None) -> list[Invoice]:
    """Return the invoices of the first `lines` lines (None: of all), in the order of the file."""
    with _rows(path, lines) as rows:
        return [_invoice(list(group)) for _, group in itertools.groupby(rows, lambda row: row["InvoiceNo"])]


def _invoice(rows: list[dict[str, str]]) -> Invoice:
    units: Counter[str] = Counter()
    for row in rows:
        units[row["StockCode"]] += int(row["Quantity"])
    first = rows[0]
    number = first["InvoiceNo"]
    return Invoice(number, first["InvoiceDate"][:10], first["CustomerID"], units, number.startswith("C"))


def going_out(invoices: Sequence[Invoice]) -> Counter[str]:
    """Return the units by stock code that leave; with so many nothing is ever sold out, in whatever order."""
    going: Counter[str] = Counter()
    for invoice in invoices:
        going.update({code: units for code, units in invoice.units.items() if units > 0})
    return going


def carts_of(units: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield carts of at most MAX_UNITS_PER_LINE units in a line, which have all `units` together."""
    left = dict(units)
    while left:
        cart = {code: min(count, MAX_UNITS_PER_LINE) for code, count in left.items()}
        yield cart
        left = {code: count - cart[code] for code, count in left.items() if count > cart[code]}


def read_prices(path: Path, lines: int | None = None) -> dict[str, int]:
    """Return a price in minor units for every stock code: the first that is not zero, else zero."""
    prices: dict[str, int] = {}
    with _rows(path, lines) as rows:
        for row in rows:
            code = row["StockCode"]
            prices[code] = prices.get(code) or round(float(row["UnitPrice"]) * 100)
    return prices


def sum_units(path: Path, lines: int | None = None) -> dict[str, int]:
    """Return the net units by stock code: all its quantities added up, by nothing but the csv module."""
    sums: dict[str, int] = {}
    with _rows(path, lines) as rows:
        for row in rows:
            sums[row["StockCode"]] = sums.get(row["StockCode"], 0) + int(row["Quantity"])
    return sums


def write_made_up(path: Path, lines: int, seed: int = 1) -> None:
    """Write a file in the same format with everything that makes the real one hard, the same for the same `seed`."""
    dice = random.Random(seed)
    codes = [*ODD_CODES, *(f"{number}" for number in range(20000, 20000 + max(5, lines // 20)))]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        written, number = 0, 536365
        sold: list[tuple[str, list[tuple[str, int]]]] = []
        while written < lines:
            number += 1
            moment = f"2010-12-{1 + min(27, written // LINES_A_DAY):02} 12:{number % 60:02}:00"
            kind, customer, rows = _made_up(dice, codes, sold)
            for code, units in rows[: lines - written]:
                price = "0.0" if kind == "correction" else f"{dice.randrange(0, 2000) / 100:.2f}"
                name = f"{'C' if kind == 'cancellation' else ''}{number}"
                text = "" if kind == "correction" else f"THING, NUMBER {code}"
                writer.writerow((name, code, text, units, moment, price, customer, "United Kingdom"))
                written += 1


def _made_up(
    dice: random.Random, codes: list[str], sold: list[tuple[str, list[tuple[str, int]]]]
) -> tuple[str, str, list[tuple[str, int]]]:
    """Return what kind of invoice comes next, of whom, and (code, units) of its lines."""
    chance = dice.random()
    customer = dice.choice(("", *(f"{17850 + who}.0" for who in range(8))))
    if chance < 0.08:
        return "correction", "", [(dice.choice(codes), -dice.randrange(1, 200))]
    if chance < 0.25 and sold:
        customer, rows = dice.choice(sold[-5:])
        if dice.random() < 0.5:
            return "cancellation", customer, [(code, -units) for code, units in rows]
        return "cancellation", customer, [(code, -dice.randrange(1, units + 1)) for code, units in rows[:2]]
    if chance < 0.28:
        return "cancellation", customer, [(dice.choice(codes), -dice.randrange(1, 9))]
    rows = [(dice.choice(codes), dice.randrange(1, 30)) for _ in range(dice.randrange(1, 12))]
    if chance > 0.95:
        rows.append((dice.choice(codes), dice.randrange(1000, 4000)))  # more than one order may have
    sold.append((customer, rows))
    return "sale", customer, rows
