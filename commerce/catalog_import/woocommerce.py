"""WooCommerce product CSV: a product is a row, and so is each of its variations, which names its parent.

The headings are those of an export in English; case does not matter. They are documented in WooCommerce's "Product CSV
Import Schema".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import BinaryIO

from commerce.catalog.text import FieldLimits, clean_line, digest, make_slug
from commerce.catalog_import.columns import Headings
from commerce.catalog_import.grouping import ProductFile
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct, RowError
from commerce.catalog_import.product import ProductBuilder
from commerce.catalog_import.rows import ImportSettings, SourceRow
from commerce.catalog_import.woocommerce_product import WooProduct, kinds_of
from commerce.catalog_import.woocommerce_text import names_in
from commerce.csv_files import CsvTable, UnreadableFile

SOURCE = "woocommerce"
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("ID",),
    "kind": ("Type",),
    "sku": ("SKU",),
    "barcode": ("GTIN, UPC, EAN, or ISBN",),
    "title": ("Name",),
    "published": ("Published",),
    "visibility": ("Visibility in catalog",),
    "short": ("Short description",),
    "body": ("Description",),
    "sale_from": ("Date sale price starts",),
    "sale_to": ("Date sale price ends",),
    "taxable": ("Tax status",),
    "tax_class": ("Tax class",),
    "quantity": ("Stock",),
    "policy": ("Backorders allowed?",),
    "grams": ("Weight (kg)", "Weight (g)", "Weight (lbs)", "Weight (oz)"),
    "sale": ("Sale price",),
    "price": ("Regular price",),
    "categories": ("Categories",),
    "tags": ("Tags",),
    "image": ("Images",),
    "parent": ("Parent",),
    "position": ("Position",),
    "vendor": ("Brands",),
}
MARKS = frozenset(["type", "name", "regular price"])
"""Headings that together only WooCommerce has; without one of them nothing can be taken in."""
WORDS_FOR = {"handle": "title", "variant_image": "image"}
"""Fields that the file has under another name: it knows no handle, its name stands for it."""
_ATTRIBUTE = re.compile(r"attribute (\d+) (name|value\(s\)|visible)")
_PARTS = {"name": "name", "value(s)": "values", "visible": "visible"}


def is_woocommerce(header: Iterable[str]) -> bool:
    """Tell whether these are the headings of a WooCommerce product export."""
    names = {clean_line(cell).casefold() for cell in header}
    return names >= MARKS and "handle" not in names


class WooColumns(Headings):
    """Where each field stands in a WooCommerce file; `attributes` are the numbers of its attributes, in order."""

    def __init__(self, header: list[str]) -> None:
        super().__init__(header, COLUMNS, str.casefold)
        missing = sorted(MARKS - {name.casefold() for name in self.names})
        if missing:
            words = ", ".join(f"'{word.capitalize()}'" for word in missing)
            raise UnreadableFile("woocommerce_headings_missing", columns=words)
        numbers: set[int] = set()
        for at, name in enumerate(self.names):
            if match := _ATTRIBUTE.fullmatch(name.casefold()):
                numbers.add(int(match[1]))
                self.index.setdefault(f"attribute{match[1]}_{_PARTS[match[2]]}", at)
        self.attributes = sorted(numbers)

    def heading(self, field: str) -> str:
        """Return the heading of `field` as the file writes it."""
        name = WORDS_FOR.get(field, field)
        if name in self.index:
            return self.names[self.index[name]]
        return COLUMNS[name][0] if name in COLUMNS else "Attribute 1 value(s)"


class WooFile(ProductFile):
    """A WooCommerce product export that is being read for a shop with `currency`, where it is the day `today`.

    A file knows no addresses of products: they are made from the names, as WooCommerce does; a name that comes again
    gets its SKU or ID with it. Raises UnreadableFile when the file as a whole is no good.
    """

    def __init__(
        self, stream: BinaryIO, currency: str, today: date, limits: FieldLimits | None = None
    ) -> None:
        table = CsvTable(stream)
        columns = WooColumns(table.header)
        shop = ImportSettings(
            currency=currency,
            comma_is_mark=table.delimiter == ";",
            heading=columns.heading,
            source=SOURCE,
            axes=max(1, len(columns.attributes)),
            limits=limits or FieldLimits(),
        )
        self._today = today
        self._attributes = columns.attributes
        self._slugs: dict[str, str] = {}
        self._taken: set[str] = set()
        self._aliases: dict[str, str] = {}
        super().__init__(table, columns, shop)
        for alias, key in self._aliases.items():
            if alias != key and alias in self._last_rows:
                self._last_rows[key] = max(self._last_rows[key], self._last_rows.pop(alias))

    def _key(self, row: SourceRow) -> str:
        if "variation" not in kinds_of(row):
            return self._own_key(row)
        parent = clean_line(row.get("parent"))
        key = parent if re.fullmatch(r"id:\d+", parent) else f"sku:{parent}"
        return self._aliases.get(key, key) if parent else ""

    def _own_key(self, row: SourceRow) -> str:
        number, sku = row.get("id"), clean_line(row.get("sku"))
        return f"id:{number}" if number else f"sku:{sku}" if sku else f"row:{row.number}"

    def _learn(self, row: SourceRow) -> str:
        key = self._key(row)
        if "variation" in kinds_of(row):
            return key
        self._aliases.setdefault(f"sku:{clean_line(row.get('sku'))}", key)
        if key not in self._slugs:
            self._slugs[key] = self._slug(row)
        return key

    def _slug(self, row: SourceRow) -> str:
        name, limit = names_in(row.get("title")), self._shop.limits.slug
        sku, number = clean_line(row.get("sku")), row.get("id")
        candidates = (name, f"{name} {sku or number}", f"{name} {digest(sku, number, str(row.number))}")
        slug = next(slug for each in candidates if (slug := make_slug(each, limit)) not in self._taken)
        self._taken.add(slug)
        return slug

    def _build(self, key: str, rows: list[SourceRow]) -> ParsedProduct | RejectedProduct:
        slug = self._slugs.get(key) or clean_line(rows[0].get("parent"))
        product = WooProduct(slug, rows, self._shop, self._attributes, self._today)
        known = product.translate()
        if not known:
            numbers = tuple(sorted(row.number for row in rows))
            return RejectedProduct(slug, numbers, tuple(product.errors))
        return ProductBuilder(
            slug, slug, known, self._shop, errors=product.errors, notes=product.notes
        ).build()

    def _refuse_stray(self, row: SourceRow) -> RejectedProduct:
        reason = row.problem or "the row is a variation and names no parent"
        return RejectedProduct(
            "", (row.number,), (RowError(row.number, self.heading("parent"), "", reason, ""),)
        )
