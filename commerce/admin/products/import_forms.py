"""How an uploaded product file is to be read: what its headings mean, and what happens to stock and repeated SKUs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import request
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _

from commerce.catalog_import.columns import COLUMNS, OWN_COLUMNS, fold_heading, suggest_meanings
from commerce.catalog_import.parsed import NOTES
from commerce.catalog_import.rows import DUPLICATES
from commerce.catalog_import.services import MISSING_STOCK
from commerce.error_messages import describe
from commerce.errors import InvalidValue, Refusal
from commerce.file_imports.models import FileImport

MEANINGS = tuple(names[0] for names in (COLUMNS | OWN_COLUMNS).values())
"""What a column can be read as."""
HEADINGS_MISSING = "shopify_headings_missing"
STOCK_MISSING = "stock_not_in_file"
DEFAULTS: dict[str, Any] = {
    "missing_stock": "",
    "duplicate_sku": "refuse",
    "replace_stock": False,
    "mapping": {},
}
OWN_WORDS = {
    "unread_column": _("A heading is close to one that is read, but not the same. Say below what it means."),
    "mapped": _("These columns are read as you have chosen, here or in an earlier import."),
    "no_stock_column": _("The file has no quantities. New variants get the stock that you have chosen."),
    "kept_variant": _("The shop has variants of these products that the file does not name; they stay."),
}
"""Remarks of an import in the words of a page with fields; the others are the same on the command line."""


@dataclass(frozen=True, slots=True)
class ForeignColumn:
    """A column of the file whose heading is not one that is read."""

    field: str
    name: str
    sample: str
    meaning: str
    is_guess: bool


class CheckedFile:
    """What the page of an import asks about its file."""

    def __init__(self, row: FileImport) -> None:
        self._row = row
        self.options: Mapping[str, Any] = DEFAULTS | row.options
        self.reason = str(row.error.get("reason", ""))

    @property
    def problem(self) -> str:
        """Why the file cannot be read as it is, '' when it can."""
        if self.reason == HEADINGS_MISSING:
            return str(
                gettext(
                    "These aren't the headings of a product file. Choose below what each column means; at least "
                    "handle, title and price have to be there. Your choice is remembered for the next file."
                )
            )
        if self.reason == STOCK_MISSING:
            return str(
                gettext("The file has no quantities. Choose below how many of its new products are in stock.")
            )
        return str(describe(Refusal(self.reason, self._row.error.get("facts", {})))) if self.reason else ""

    @property
    def asks(self) -> bool:
        """Whether the file is readable once somebody has answered a question."""
        return self.reason in (HEADINGS_MISSING, STOCK_MISSING)

    @property
    def asks_for_stock(self) -> bool:
        """Whether the file says nothing of stock, so that somebody has to."""
        return self.reason == STOCK_MISSING or bool(self.options.get("missing_stock"))

    @property
    def can_be_read_otherwise(self) -> bool:
        """Whether other choices would help."""
        return bool(self.columns or self.asks_for_stock or self._row.preview or self._row.options)

    @cached_property
    def columns(self) -> list[ForeignColumn]:
        """The columns of which somebody may say what they mean."""
        names: Sequence[str] = self._row.header.get("names", [])
        first: Sequence[str] = self._row.header.get("first", [])
        said: Mapping[str, str] = self.options.get("mapping", {})
        guesses = suggest_meanings(names) if self.reason == HEADINGS_MISSING else {}
        not_taken = {each["column"] for each in self._row.preview.get("columnsNotTaken", [])}
        found = []
        for at, name in enumerate(names):
            if not name.strip() or not (
                (self.reason == HEADINGS_MISSING and name not in _READ) or name in not_taken or name in said
            ):
                continue
            meaning = said.get(name, guesses.get(name, ""))
            sample = first[at] if at < len(first) else ""
            found.append(
                ForeignColumn(f"column-{at}", name, sample, meaning, name not in said and bool(meaning))
            )
        return found

    @staticmethod
    def note(note: Mapping[str, Any]) -> str:
        """Return a remark of the report as a sentence."""
        return str(OWN_WORDS.get(note["code"]) or NOTES[note["code"]])


class PlainFile:
    """A file with fixed headings: there is nothing to ask."""

    asks = asks_for_stock = can_be_read_otherwise = False
    columns: tuple[ForeignColumn, ...] = ()

    def __init__(self, row: FileImport) -> None:
        self._row = row
        self.reason = str(row.error.get("reason", ""))

    @property
    def problem(self) -> str:
        """Why the file cannot be read, '' when it can."""
        return str(describe(Refusal(self.reason, self._row.error.get("facts", {})))) if self.reason else ""

    @staticmethod
    def note(note: Mapping[str, Any]) -> str:
        """Return a remark of the report as a sentence."""
        return str(NOTES[note["code"]])


@dataclass(frozen=True, slots=True)
class ImportKind:
    """A kind of file: who may import it, where it is uploaded, and its words."""

    permission: str
    address: str
    title: Any
    intro: Any
    one: Any
    new: Any
    changes: Any
    created: Any
    start: Callable[[int], str]
    file: type[CheckedFile | PlainFile]


KINDS: Mapping[str, ImportKind] = {
    "products": ImportKind(
        "products.change",
        "/admin/products/import",
        _("Import products"),
        _(
            "Upload a product CSV of Shopify or WooCommerce, one that you exported here, or your own: you can say "
            "which column is which. You see every change before anything is saved."
        ),
        _("Product"),
        _("New products"),
        _("Changes to existing products"),
        _("New categories"),
        lambda number: str(ngettext("Import %(num)d product", "Import %(num)d products", number)),
        CheckedFile,
    ),
    "customers": ImportKind(
        "customers.import",
        "/admin/customers/import",
        _("Import customers"),
        _(
            "Upload a customer CSV of Shopify or WooCommerce, or one that you exported here. Customers are found by "
            "their email address; what the file says nothing of stays as it is. Nobody gets a password or an email. "
            "You see every change before anything is saved."
        ),
        _("Customer"),
        _("New customers"),
        _("Changes to existing customers"),
        _("New groups"),
        lambda number: str(ngettext("Import %(num)d customer", "Import %(num)d customers", number)),
        PlainFile,
    ),
    "coupons": ImportKind(
        "pricing.manage",
        "/admin/pricing/coupons/import",
        _("Import coupons"),
        _(
            "Upload a coupon CSV that you exported here, or your own with the same headings. New codes are added with "
            "their promotions. Of codes that you already have, only the limits and the status change. You see every "
            "change before anything is saved."
        ),
        _("Coupon"),
        _("New coupons"),
        _("Changes to existing coupons"),
        _("New promotions"),
        lambda number: str(ngettext("Import %(num)d coupon", "Import %(num)d coupons", number)),
        PlainFile,
    ),
}
"""Kind of an import -> what its pages must know."""

_READ = frozenset(name for names in (COLUMNS | OWN_COLUMNS).values() for name in names)


def chosen_options(form: Mapping[str, str], names: Sequence[str]) -> dict[str, Any]:
    """Return what a form says of how to read a file with these headings; what it does not know is left out."""
    mapping: dict[str, str] = {}
    for at, name in enumerate(names):
        meaning = form.get(f"column-{at}", "")
        if f"column-{at}" in form and (not meaning or meaning in MEANINGS) and fold_heading(name):
            mapping[name] = meaning
    options: dict[str, Any] = {"mapping": mapping, "replace_stock": form.get("replace_stock") == "1"}
    if form.get("missing_stock") in MISSING_STOCK:
        options["missing_stock"] = form["missing_stock"]
    if form.get("duplicate_sku") in DUPLICATES:
        options["duplicate_sku"] = form["duplicate_sku"]
    return options


def version_seen() -> int:
    """Return the version of the options that the page showed. Raises InvalidValue."""
    text = request.form.get("version", "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidValue("version", "not_a_whole_number_between", minimum=1, maximum=999_999_999)
    return int(text)
