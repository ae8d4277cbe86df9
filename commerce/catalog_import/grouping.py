"""Product exports with several rows for a product: grouping of rows, in a stream.

Rows of one product usually stand together, yet not always. A first pass notes the last row of each product, a second
one hands a product on as soon as that row has been read; so memory holds one product at a time in a tidy file, and
never more rows than are out of place in an untidy one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from commerce.catalog_import.columns import Headings
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct, RowError
from commerce.catalog_import.product import DUPLICATE_HINT
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
        self._filled = [0] * len(columns.names)
        self.row_count = 0
        for row in self._rows(counting=True):
            self.row_count += 1
            self._last_rows[self._learn(row)] = row.number

    @property
    def notes(self) -> list[ImportNote]:
        """Remarks about the file as a whole."""
        empty = [] if self.row_count else [ImportNote(0, "no_rows")]
        return [*self._table.notes, *self._columns.notes, *empty]

    @property
    def slugs(self) -> Iterable[str]:
        """The addresses of the file's products."""
        return self._last_rows

    @property
    def definitions(self) -> Mapping[str, str]:
        """The names of the attributes that the file has columns for, by their keys."""
        return {}

    def has(self, field: str) -> bool:
        """Tell whether the file has a column for a field, with something in it."""
        at = self._columns.index.get(field)
        return at is not None and self._filled[at] > 0

    @property
    def not_taken(self) -> list[tuple[str, int]]:
        """The columns with content that is not read: heading, and in how many rows there is something."""
        read = set(self._columns.index.values())
        return [
            (self._columns.names[at] or f"column {at + 1}", filled)
            for at, filled in enumerate(self._filled)
            if filled and at not in read
        ]

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

    def _rows(self, *, counting: bool = False) -> Iterator[SourceRow]:
        index = self._columns.index
        width = len(self._columns.names)
        for number, cells in self._table.rows():
            if counting:
                for at, cell in enumerate(cells[:width]):
                    if cell and not cell.isspace():
                        self._filled[at] += 1
            known = {name: cells[at].strip() for name, at in index.items() if at < len(cells) and cells[at]}
            extra = any(cell.strip() for cell in cells[width:])
            yield SourceRow(number, known, _surplus(cells, self._columns.names) if extra else "")

    def _refuse_known_skus(
        self, product: ParsedProduct | RejectedProduct, skus: dict[str, tuple[int, str]]
    ) -> ParsedProduct | RejectedProduct:
        """Refuse a SKU that an earlier product of the file has, or make another; a rejected product's stay free."""
        if isinstance(product, RejectedProduct):
            return product
        taken = {variant.sku: skus[variant.sku] for variant in product.variants if variant.sku in skus}
        if taken and self._shop.duplicate_sku == "blank":
            product = with_made_skus(product, taken)
            taken = {variant.sku: skus[variant.sku] for variant in product.variants if variant.sku in skus}
        errors = []
        for variant in product.variants:
            if variant.sku in taken:
                row, handle = taken[variant.sku]
                reason = f"the product '{handle}' has the same SKU (row {row}); {DUPLICATE_HINT}"
                errors.append(RowError(variant.row, self.heading("sku"), variant.sku, reason, product.handle))
        if errors:
            return RejectedProduct(product.handle, product.rows, tuple(errors))
        for variant in product.variants:
            skus[variant.sku] = (variant.row, product.handle)
        return product


def with_made_skus(product: ParsedProduct, taken: Container[str]) -> ParsedProduct:
    """Return the product with a made SKU in place of each that is taken, noted."""
    notes = [
        ImportNote(each.row, "duplicate_sku", each.sku)
        for each in product.variants
        if each.sku in taken and not each.sku_was_made
    ]
    variants = [
        replace(each, sku=each.made_sku, sku_was_made=True) if each.sku in taken else each
        for each in product.variants
    ]
    return replace(product, variants=tuple(variants), notes=(*product.notes, *notes))


def _surplus(cells: Sequence[str], names: Sequence[str]) -> str:
    """Return what is wrong with a row that has more cells than there are headings."""
    problem = f"the row has {len(cells)} cells, but there are {len(names)} headings"
    for name, cell in zip(names, cells, strict=False):
        if cell != cell.lstrip() and cell.lstrip().startswith('"'):
            return f"{problem}: a blank stands before the opening quotation mark in the column '{name}'"
    return problem
