"""Rows as they come from a file, and what bears upon reading them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from commerce.catalog.text import FieldLimits
from commerce.csv_files import FORMULA_SIGNS

BLANKS = frozenset({"", "N/A", "#N/A", "NaN", "nan"})
"""What tools write for nothing. In option values 'N/A' is a value when the row is a variant."""

DUPLICATES = ("refuse", "blank")
"""What becomes of a SKU that comes again: its product is refused, or the variant gets a made one."""

_MISREAD = re.compile(rf"'*([{re.escape(FORMULA_SIGNS)}]|({'|'.join(sorted(BLANKS - {''}))})\Z)")
_AS_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
"""How tools keep a spreadsheet from taking a code for a number: ="00123"."""


def as_text(value: str) -> str:
    """Return the cell for a text: marked by a leading ' when a spreadsheet would take it for a formula, or a reader for
    nothing (CWE-1236). `plain` gives exactly `value` back."""
    return f"'{value}" if _MISREAD.match(value) else value


def plain(cell: str) -> str:
    """Return the text of a cell without the mark of `as_text`, which WooCommerce sets too, and without ="..."."""
    if match := _AS_FORMULA.fullmatch(cell):
        return match[1].replace('""', '"')
    return cell[1:] if cell.startswith("'") and _MISREAD.match(cell) else cell


def join_names(names: Iterable[str]) -> str:
    """Return names as one cell: a line of CSV, because a name may hold a comma."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def split_names(cell: str) -> list[str]:
    """Return the names in a cell that `join_names` or a person wrote."""
    return [name for line in csv.reader([cell], skipinitialspace=True) for name in line]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of the file: `cells` holds what is there, trimmed, by field; `problem` what is wrong with it as a row.

    `headings` names the columns of fields that this row has elsewhere than others.
    """

    number: int
    cells: dict[str, str]
    problem: str = ""
    headings: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return the text of a field, empty when it is blank, a tool's word for blank, or its column is missing."""
        value = self.cells.get(name, "")
        return "" if value in BLANKS else plain(value)

    @property
    def has_variant_facts(self) -> bool:
        """Whether the row says anything that only a variant has, its option values aside."""
        return bool(self.get("price") or self.get("sku"))


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """What of the shop and of the file as a whole bears upon the reading of a row.

    `axes` is how many options a product may have, `source` the shop system that wrote the file. `given` are the fields
    that the file has columns for (None: all there are), `attributes` those that are facts of a kind of their own, as
    key by field. `duplicate_sku` is one of DUPLICATES.
    """

    currency: str
    comma_is_mark: bool
    heading: Callable[[str], str]
    source: str
    axes: int = 3
    limits: FieldLimits = field(default_factory=FieldLimits)
    given: frozenset[str] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    duplicate_sku: str = "refuse"

    def has(self, *names: str) -> bool:
        """Tell whether the file has a column for any of these fields."""
        return self.given is None or not self.given.isdisjoint(names)
