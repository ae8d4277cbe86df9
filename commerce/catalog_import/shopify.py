"""Shopify product CSV, and our own export, which has its columns: the rows of a product have its handle."""

from __future__ import annotations

from typing import BinaryIO

from commerce.catalog.text import FieldLimits, clean_line, make_slug
from commerce.catalog_import.columns import Columns
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

    def __init__(self, stream: BinaryIO, currency: str, limits: FieldLimits | None = None) -> None:
        table = CsvTable(stream)
        columns = Columns(table.header)
        shop = ImportSettings(
            currency=currency,
            comma_is_mark=table.delimiter == ";",  # such files come from spreadsheets that write 19,99
            heading=columns.heading,
            source=SOURCE,
            axes=columns.axes,
            limits=limits or FieldLimits(),
        )
        super().__init__(table, columns, shop)

    def _key(self, row: SourceRow) -> str:
        # Handles that become the same address are the same product to a shopper, so they are one here.
        handle = clean_line(row.get("handle"))
        return make_slug(handle, self._shop.limits.slug) if handle else ""

    def _build(self, key: str, rows: list[SourceRow]) -> ParsedProduct | RejectedProduct:
        handle = clean_line(rows[0].get("handle"))
        return ProductBuilder(handle, key, rows, self._shop).build()

    def _refuse_stray(self, row: SourceRow) -> RejectedProduct:
        reason = row.problem or "the row has no handle, so it belongs to no product"
        error = RowError(row.number, self.heading("handle"), row.cells.get("handle", ""), reason, "")
        return RejectedProduct("", (row.number,), (error,))
