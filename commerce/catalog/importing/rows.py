"""Rows as they come from a file, and what bears upon reading them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

BLANKS = frozenset({"", "N/A", "#N/A", "NaN", "nan"})
"""What tools write for nothing. In option values 'N/A' is a value when the row is a variant."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many characters the shop's columns take."""

    title: int = 500
    line: int = 255
    text: int = 10_000
    slug: int = 200
    sku: int = 255
    made_sku: int = 80
    alt: int = 1000
    body: int = 200_000
    variants: int = 2048


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file: `cells` holds what is there, trimmed, by field; `problem` what is wrong with it as a row."""

    number: int
    cells: dict[str, str]
    problem: str = ""

    def get(self, name: str) -> str:
        """Return the cell of a field, empty when it is blank, a tool's word for blank, or its column is missing."""
        value = self.cells.get(name, "")
        return "" if value in BLANKS else value

    @property
    def has_variant_facts(self) -> bool:
        """Whether the row says anything that only a variant has, its option values aside."""
        return bool(self.get("price") or self.get("sku"))


@dataclass(frozen=True, slots=True)
class Shop:
    """What of the shop and of the file as a whole bears upon the reading of a row."""

    currency: str
    comma_is_mark: bool
    heading: Callable[[str], str]
    limits: Limits = Limits()
