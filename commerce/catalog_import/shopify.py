"""Shopify product CSV, and our own export, which has its columns: the rows of a product have its handle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import BinaryIO

from commerce.catalog.text import FieldLimits, clean_line, digest, make_slug, same_handle, slugify
from commerce.catalog_import.columns import Columns, renamed
from commerce.catalog_import.grouping import ProductFile
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct, RowError
from commerce.catalog_import.product import ProductBuilder
from commerce.catalog_import.rows import ImportSettings, SourceRow
from commerce.csv_files import CsvTable

SOURCE = "shopify"


class ShopifyFile(ProductFile):
    """A Shopify product export that is being read for a shop with `currency` (ISO 4217).

    Raises UnreadableFile when the file as a whole is no good. `stream` (binary, seekable) stays open and belongs to the
    caller.
    """

    def __init__(
        self,
        stream: BinaryIO,
        currency: str,
        limits: FieldLimits | None = None,
        *,
        mapping: Mapping[str, str] | None = None,
        duplicate_sku: str = "refuse",
    ) -> None:
        table = CsvTable(stream)
        columns = Columns(renamed(table.header, mapping or {}))
        self._definitions = columns.definitions
        self._ours = "active" in columns.index
        self._slugs: dict[str, str] = {}
        self._taken: set[str] = set()
        shop = ImportSettings(
            currency=currency,
            comma_is_mark=table.delimiter == ";",  # such files come from spreadsheets that write 19,99
            heading=columns.heading,
            source=SOURCE,
            axes=columns.axes,
            limits=limits or FieldLimits(),
            given=frozenset(columns.index),
            attributes=columns.attributes,
            duplicate_sku=duplicate_sku,
        )
        super().__init__(table, columns, shop)

    @property
    def slugs(self) -> Iterable[str]:
        """The addresses of the file's products."""
        return self._slugs.values()

    @property
    def definitions(self) -> Mapping[str, str]:
        """The names of the attributes that the file has columns for, by their keys."""
        return self._definitions

    def _key(self, row: SourceRow) -> str:
        # Handles that differ in case or punctuation alone are one product, as they are at Shopify.
        return same_handle(clean_line(row.get("handle")))

    def _learn(self, row: SourceRow) -> str:
        key = self._key(row)
        if key and key not in self._slugs:
            handle, limit = clean_line(row.get("handle")), self._shop.limits.slug
            slug = make_slug(handle, limit)
            if self._ours and slugify(handle) == handle and len(handle) <= limit:
                slug = handle  # an address of ours, from before accents were left out
            if slug in self._taken:  # of another handle, that differs in accents or emoji
                slug = make_slug(f"{slug} {digest(key)}", limit)
            self._slugs[key] = slug
            self._taken.add(slug)
        return key

    def _build(self, key: str, rows: list[SourceRow]) -> ParsedProduct | RejectedProduct:
        handle = clean_line(rows[0].get("handle"))
        return ProductBuilder(handle, self._slugs[key], rows, self._shop).build()

    def _refuse_stray(self, row: SourceRow) -> RejectedProduct:
        reason = row.problem or "the row has no handle, so it belongs to no product"
        error = RowError(row.number, self.heading("handle"), row.cells.get("handle", ""), reason, "")
        return RejectedProduct("", (row.number,), (error,))
