"""Small Shopify files for tests: only the columns that a test speaks of."""

import csv
import io
from typing import BinaryIO

from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct
from commerce.catalog_import.shopify import ShopifyFile

MUG = {
    "Handle": "mug",
    "Title": "Mug",
    "Body (HTML)": "<p>Holds tea.</p>",
    "Vendor": "Kiln",
    "Type": "Cups",
    "Tags": "tea, clay",
    "Published": "TRUE",
    "Option1 Name": "Title",
    "Option1 Value": "Default Title",
    "Variant SKU": "MUG",
    "Variant Grams": "300",
    "Variant Inventory Tracker": "shopify",
    "Variant Inventory Qty": "7",
    "Variant Inventory Policy": "deny",
    "Variant Price": "12.50",
    "Image Src": "https://pictures.example/mug.jpg",
    "Image Position": "1",
    "Image Alt Text": "A mug",
    "Status": "active",
}


def sheet(
    *rows: dict[str, str], delimiter: str = ",", line_end: str = "\r\n", encoding: str = "utf-8"
) -> bytes:
    """Return rows as the bytes of a CSV file whose headings are all that any row has."""
    headings = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, headings, restval="", delimiter=delimiter, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def stream(content: bytes | str) -> BinaryIO:
    return io.BytesIO(content.encode() if isinstance(content, str) else content)


def read(content: bytes | str, currency: str = "USD") -> list[ParsedProduct | RejectedProduct]:
    return list(ShopifyFile(stream(content), currency))


def one(content: bytes | str, currency: str = "USD") -> ParsedProduct:
    """Return the only product of a file, which must be fit."""
    (product,) = read(content, currency)
    assert isinstance(product, ParsedProduct), product
    return product


def reasons(content: bytes | str, currency: str = "USD") -> list[tuple[int, str, str, str]]:
    """Return (row, column, value, reason) of the only product of a file, which must be rejected."""
    (product,) = read(content, currency)
    assert isinstance(product, RejectedProduct), product
    return [(error.row, error.column, error.value, error.reason) for error in product.errors]


def mug(**changes: str) -> dict[str, str]:
    """Return the mug's row with other cells; underscores in names stand for spaces."""
    return MUG | {name.replace("_", " "): value for name, value in changes.items()}


def more(handle: str = "mug", **cells: str) -> dict[str, str]:
    """Return a further row of a product: the handle and what is given."""
    return {"Handle": handle} | {name.replace("_", " "): value for name, value in cells.items()}
