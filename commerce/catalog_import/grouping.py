"""Product exports with several rows for a product: grouping of rows, in a stream.

Rows of one product usually stand together, yet not always. A first pass notes the last row of each product, a second
one hands a product on as soon as that row has been read; so memory holds one product at a time in a tidy file, and
never more rows than are out of place in an untidy one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from commerce.catalog_import.columns import Headings
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct, RowError
from commerce.catalog_import.rows import ImportSettings, SourceRow
from commerce.csv_files import CsvTable, ImportNote


class ProductFile(ABC):
    """A product export that is being read.

    Making one reads the file once: number of rows, and which row is the last of each product. Iterating reads it again
    and yields products. Raises UnreadableFile when the file as a whole is no good.
    """

    def __init__(self, table: CsvTable, columns: Headings, shop: ImportSettings) -> None:
        self._table = table
        self._columns = columns
        self._shop = shop
        self._last_rows: dict[str, int] = {}
        self.row_count = 0
        for row in self._rows():
            self.row_count += 1
            self._last_rows[self._learn(row)] = row.number

    @property
    def notes(self) -> list[ImportNote]:
        """Remarks about the file as a whole."""
        empty = [] if self.row_count else [ImportNote(0, "no_rows")]
        return [*self._table.notes, *self._columns.notes, *empty]

    def heading(self, field: str) -> str:
        """Return the heading under which the file has what we call `field`."""
        return self._shop.heading(field)

    def __iter__(self) -> Iterator[ParsedProduct | RejectedProduct]:
        waiting: dict[str, list[SourceRow]] = {}
        skus: dict[str, tuple[int, str]] = {}
        for row in self._rows():
            key = self._key(row)
            if not key:
                yield self._refuse_stray(row)
                continue
            waiting.setdefault(key, []).append(row)
            if self._last_rows[key] == row.number:
                yield self._refuse_known_skus(self._build(key, waiting.pop(key)), skus)

    @abstractmethod
    def _key(self, row: SourceRow) -> str:
        """Return what the rows of one product have in common; empty when the row belongs to none."""

    @abstractmethod
    def _build(self, key: str, rows: list[SourceRow]) -> ParsedProduct | RejectedProduct:
        """Return the product of all rows with that key."""

    @abstractmethod
    def _refuse_stray(self, row: SourceRow) -> RejectedProduct:
        """Return why a row without key cannot be taken in."""

    def _learn(self, row: SourceRow) -> str:
        """Return the key of a row as far as it is known in the first pass."""
        return self._key(row)

    def _rows(self) -> Iterator[SourceRow]:
        index = self._columns.index
        width = len(self._columns.names)
        for number, cells in self._table.rows():
            known = {name: cells[at].strip() for name, at in index.items() if at < len(cells) and cells[at]}
            extra = any(cell.strip() for cell in cells[width:])
            problem = f"the row has {len(cells)} cells, but there are {width} headings" if extra else ""
            yield SourceRow(number, known, problem)

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
                errors.append(RowError(variant.row, self.heading("sku"), variant.sku, reason, product.handle))
        if errors:
            return RejectedProduct(product.handle, product.rows, tuple(errors))
        for variant in product.variants:
            skus[variant.sku] = (variant.row, product.handle)
        return product
