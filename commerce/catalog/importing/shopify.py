"""Shopify product CSV: grouping of rows by handle, in a stream.

Rows of one handle usually stand together, yet not always. A first pass notes the last row of each handle, a second one
hands a product on as soon as that row has been read; so memory holds one product at a time in a tidy file, and
never more rows than are out of place in an untidy one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from commerce.catalog.importing.columns import Columns
from commerce.catalog.importing.files import CsvTable
from commerce.catalog.importing.parsed import Note, ParsedProduct, RejectedProduct, RowError
from commerce.catalog.importing.product import ProductBuilder
from commerce.catalog.importing.rows import Limits, Row, Shop
from commerce.catalog.importing.text import clean_line, make_slug


def read_products(stream: BinaryIO, currency: str) -> Iterator[ParsedProduct | RejectedProduct]:
    """Yield every product of a Shopify product CSV, fit or rejected; see ShopifyFile for more control."""
    yield from ShopifyFile(stream, currency)


class ShopifyFile:
    """A Shopify product export that is being read for a shop with `currency` (ISO 4217).

    Making one reads the file once: headings, encoding, number of rows. Iterating reads it again and yields products.
    Raises UnreadableFile when the file as a whole is no good. `stream` (binary, seekable) stays open and belongs to the
    caller.
    """

    def __init__(self, stream: BinaryIO, currency: str, limits: Limits | None = None) -> None:
        self._table = CsvTable(stream)
        self._columns = Columns(self._table.header)
        self._shop = Shop(
            currency=currency,
            comma_is_mark=self._table.delimiter == ";",  # such files come from spreadsheets that write 19,99
            heading=self._columns.heading,
            limits=limits or Limits(),
        )
        self._last_rows: dict[str, int] = {}
        self.row_count = 0
        for row in self._rows():
            self.row_count += 1
            self._last_rows[self._key(row)] = row.number

    @property
    def notes(self) -> list[Note]:
        """Remarks about the file as a whole."""
        empty = [] if self.row_count else [Note(0, "no_rows")]
        return [*self._table.notes, *self._columns.notes, *empty]

    def __iter__(self) -> Iterator[ParsedProduct | RejectedProduct]:
        waiting: dict[str, list[Row]] = {}
        skus: dict[str, tuple[int, str]] = {}
        for row in self._rows():
            key = self._key(row)
            if not key:
                yield self._without_handle(row)
                continue
            waiting.setdefault(key, []).append(row)
            if self._last_rows[key] == row.number:
                yield self._refuse_known_skus(self._build(key, waiting.pop(key)), skus)

    def _rows(self) -> Iterator[Row]:
        index = self._columns.index
        width = len(self._columns.names)
        for number, cells in self._table.rows():
            known = {name: cells[at].strip() for name, at in index.items() if at < len(cells) and cells[at]}
            extra = any(cell.strip() for cell in cells[width:])
            problem = f"the row has {len(cells)} cells, but there are {width} headings" if extra else ""
            yield Row(number, known, problem)

    def _key(self, row: Row) -> str:
        # Handles that become the same address are the same product to a shopper, so they are one here.
        handle = clean_line(row.get("handle"))
        return make_slug(handle, self._shop.limits.slug) if handle else ""

    def _build(self, slug: str, rows: list[Row]) -> ParsedProduct | RejectedProduct:
        handle = clean_line(rows[0].get("handle"))
        return ProductBuilder(handle, slug, rows, self._shop).build()

    def _without_handle(self, row: Row) -> RejectedProduct:
        reason = row.problem or "the row has no handle, so it belongs to no product"
        error = RowError(row.number, self._columns.heading("handle"), row.cells.get("handle", ""), reason, "")
        return RejectedProduct("", (row.number,), (error,))

    def _refuse_known_skus(
        self, product: ParsedProduct | RejectedProduct, skus: dict[str, tuple[int, str]]
    ) -> ParsedProduct | RejectedProduct:
        """Refuse a SKU that an earlier product of the file has; a rejected product's SKUs stay free."""
        if isinstance(product, RejectedProduct):
            return product
        errors = []
        for variant in product.variants:
            if (known := skus.get(variant.sku)) is not None:
                row, handle = known
                reason = f"the product '{handle}' has the same SKU (row {row})"
                errors.append(
                    RowError(variant.row, self._columns.heading("sku"), variant.sku, reason, product.handle)
                )
        if errors:
            return RejectedProduct(product.handle, product.rows, tuple(errors))
        for variant in product.variants:
            skus[variant.sku] = (variant.row, product.handle)
        return product
