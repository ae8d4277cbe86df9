"""WooCommerce product CSV: a product is a row, and so is each of its variations, which names its parent.

The columns are documented in WooCommerce's "Product CSV Import Schema".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date
from itertools import islice
from typing import BinaryIO

from commerce.catalog.text import FieldLimits, clean_line, digest, former_slugs, make_slug, slugify
from commerce.catalog_import.columns import Headings, renamed
from commerce.catalog_import.grouping import ProductFile
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct, RowError
from commerce.catalog_import.product import ProductBuilder, option_name, option_value
from commerce.catalog_import.rows import ImportSettings, SourceRow
from commerce.catalog_import.woocommerce_headings import (
    HEADINGS,
    find_attributes,
    find_by_order,
    find_columns,
    fold_woocommerce_heading,
)
from commerce.catalog_import.woocommerce_product import WooProduct, kinds_of
from commerce.catalog_import.woocommerce_text import names_in
from commerce.csv_files import CsvTable, ImportNote, UnreadableFile

SOURCE = "woocommerce"
MARKS = ("kind", "title", "price")
"""Fields whose columns together only WooCommerce has; without one of them nothing can be taken in."""
WORDS_FOR = {"handle": "title", "variant_image": "image"}
"""Fields that the file has under another name: it knows no handle, its name stands for it."""
SAYS: dict[str, tuple[str, ...]] = {
    "title": ("title",),
    "body": ("body", "short"),
    "vendor": ("vendor",),
    "categories": ("categories",),
    "tags": ("tags",),
    "published": ("published", "visibility"),
    "status": ("published", "visibility"),
    "image": ("image",),
    "variant_image": ("image",),
    "sku": ("sku",),
    "price": ("price",),
    "compare_at": ("sale",),
    "quantity": ("quantity",),
    "tracker": ("quantity",),
    "policy": ("policy",),
    "grams": ("grams",),
    "ships": ("kind",),
    "taxable": ("taxable",),
    "tax_class": ("tax_class",),
    "barcode": ("barcode",),
    "active": ("published",),
}
"""The fields of a product as it is read, and the columns that say something about them."""
_SAMPLE = 20


def is_woocommerce(table: CsvTable) -> bool:
    """Tell whether this is a WooCommerce product export, in whichever language."""
    if "handle" in {clean_line(cell).casefold() for cell in table.header}:
        return False
    return set(MARKS) <= find_columns(table.header).keys() or bool(
        find_by_order(table.header, _some_rows(table))
    )


def _some_rows(table: CsvTable) -> list[list[str]]:
    with closing(table.rows()) as rows:
        return [cells for _, cells in islice(rows, _SAMPLE)]


class WooColumns(Headings):
    """Where each field stands in a WooCommerce file; `attributes_found` are the numbers of its attributes, in order."""

    def __init__(self, table: CsvTable, header: list[str]) -> None:
        super().__init__(header, {})
        by_order = find_by_order(header, _some_rows(table))
        by_name = find_columns(header)
        known = set(MARKS) <= by_name.keys()
        if known and any(by_order.get(field, at) != at for field, at in by_name.items()):
            by_order = {}  # somebody has moved columns, so their order says nothing
        self.index = by_order | {
            field: at
            for field, at in by_name.items()
            if field not in by_order and at not in by_order.values()
        }
        missing = [field for field in MARKS if field not in self.index]
        if missing:
            raise UnreadableFile(
                "woocommerce_headings_missing",
                columns=[f"'{HEADINGS[field][0]}'" for field in missing],
                first=HEADINGS[missing[0]][0],
                found=[f"'{name}'" for name in self.names[:12]],
            )
        if self.heading("price").casefold() != HEADINGS["price"][0].casefold():
            self.notes.append(
                ImportNote(0, "language", f"'{self.heading('price')}' was read as 'Regular price'")
            )
        self._note_repeated()
        numbered, self.attributes_found = find_attributes(header, list(self.index.values()))
        self.index |= numbered

    def heading(self, field: str) -> str:
        """Return the heading of `field` as the file writes it."""
        name = WORDS_FOR.get(field, field)
        if name in self.index:
            return self.names[self.index[name]]
        return HEADINGS[name][0] if name in HEADINGS else "Attribute 1 value(s)"

    @property
    def given(self) -> frozenset[str]:
        """The fields of a product that the file says something about."""
        fields = {field for field, columns in SAYS.items() if any(each in self.index for each in columns)}
        if self.attributes_found:
            fields |= {option_name(axis) for axis in range(len(self.attributes_found))}
            fields |= {option_value(axis) for axis in range(len(self.attributes_found))}
        return frozenset(fields)

    def _note_repeated(self) -> None:
        folded = [fold_woocommerce_heading(name) for name in self.names]
        for field in self.index:
            name = fold_woocommerce_heading(self.heading(field))
            if folded.count(name) > 1:
                self.notes.append(ImportNote(0, "repeated_column", self.heading(field)))


class WooFile(ProductFile):
    """A WooCommerce product export that is being read for a shop with `currency`, where it is the day `today`.

    A file knows no addresses of products: they are made from the names, as WooCommerce does; a name that comes again
    gets its SKU or ID with it. Raises UnreadableFile when the file as a whole is no good.
    """

    def __init__(
        self,
        stream: BinaryIO,
        currency: str,
        today: date,
        limits: FieldLimits | None = None,
        *,
        mapping: Mapping[str, str] | None = None,
        duplicate_sku: str = "refuse",
    ) -> None:
        table = CsvTable(stream)
        columns = WooColumns(table, renamed(table.header, mapping or {}))
        shop = ImportSettings(
            currency=currency,
            comma_is_mark=table.delimiter == ";",
            heading=columns.heading,
            source=SOURCE,
            axes=max(1, len(columns.attributes_found)),
            limits=limits or FieldLimits(),
            given=columns.given,
            duplicate_sku=duplicate_sku,
        )
        self._today = today
        self._attributes = columns.attributes_found
        self._slugs: dict[str, str] = {}
        self._taken: set[str] = set()
        self._aliases: dict[str, str] = {}
        super().__init__(table, columns, shop)
        for alias, key in self._aliases.items():
            if alias != key and alias in self._last_rows:
                self._last_rows[key] = max(self._last_rows[key], self._last_rows.pop(alias))

    @property
    def slugs(self) -> Iterable[str]:
        """The addresses of the file's products."""
        return self._slugs.values()

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
        name = names_in(rows[0].get("title"))
        built = ProductBuilder(
            slug, slug, known, self._shop, errors=product.errors, notes=product.notes
        ).build()
        if isinstance(built, RejectedProduct):
            return built
        former = (
            former_slugs(name, self._shop.limits.slug)
            if make_slug(name, self._shop.limits.slug) == slug
            else ()
        )
        return replace(built, former_slugs=tuple(each for each in former if each == slugify(each)))

    def _refuse_stray(self, row: SourceRow) -> RejectedProduct:
        reason = row.problem or "the row is a variation and names no parent"
        return RejectedProduct(
            "", (row.number,), (RowError(row.number, self.heading("parent"), "", reason, ""),)
        )
