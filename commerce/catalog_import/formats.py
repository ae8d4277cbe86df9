"""Which shop system wrote a file: its headings tell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import BinaryIO

from commerce.catalog_import.columns import renamed
from commerce.catalog_import.grouping import ProductFile
from commerce.catalog_import.shopify import ShopifyFile
from commerce.catalog_import.woocommerce import WooFile, is_woocommerce
from commerce.csv_files import CsvTable

FORMATS = ("shopify", "woocommerce")


def open_catalogue(
    stream: BinaryIO,
    currency: str,
    *,
    file_format: str,
    today: date,
    mapping: Mapping[str, str] | None = None,
    duplicate_sku: str = "refuse",
) -> ProductFile:
    """Return the reader for a file: that of `file_format`, or without one that which its headings tell.

    `today` is the date in the shop, for prices that hold for a time. `mapping` says what foreign headings mean, by
    their folded forms. Raises UnreadableFile, naming the headings that were looked for.
    """
    if not file_format:
        table = CsvTable(stream)
        table.header = renamed(table.header, mapping or {})
        file_format = "woocommerce" if is_woocommerce(table) else "shopify"
    if file_format == "woocommerce":
        return WooFile(stream, currency, today, mapping=mapping, duplicate_sku=duplicate_sku)
    return ShopifyFile(stream, currency, mapping=mapping, duplicate_sku=duplicate_sku)
