"""What may be said of a product and of a variant, and how it is cleaned: one place for everybody who writes by hand."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, TypedDict

from commerce import clock
from commerce.catalog.html_cleaning import clean_html
from commerce.catalog.text import FieldLimits, clean_line
from commerce.catalog.values import MAX_GRAMS, TAX_CLASSES
from commerce.errors import InvalidValue
from commerce.money import MAX_AMOUNT

STATUSES = ("active", "draft", "archived")
LIMITS = FieldLimits()
_LINES: dict[Literal["vendor", "product_type", "seo_title", "seo_description"], int] = {
    "vendor": LIMITS.line,
    "product_type": LIMITS.line,
    "seo_title": LIMITS.title,
    "seo_description": LIMITS.text,
}
"""Texts of a product that are one line, with their longest length."""


class ProductValues(TypedDict, total=False):
    """Columns of a product; those that are not there stay as they are.

    With `publish_at` an active or draft product is a draft until then.
    """

    title: str
    description_html: str
    vendor: str
    product_type: str
    tags: list[str]
    status: str
    seo_title: str
    seo_description: str
    publish_at: datetime | None


class VariantValues(TypedDict, total=False):
    """Columns of a variant; those that are not there stay as they are. Prices are minor units, weights grams.

    `unit_cost` is what a unit costs the shop. `ships_from` is the day on which units beyond the stock are expected,
    None when nobody knows.
    """

    sku: str
    price: int
    compare_at: int | None
    unit_cost: int | None
    weight_grams: int
    tax_class: str
    requires_shipping: bool
    barcode: str
    active: bool
    ships_from: date | None
    image_id: uuid.UUID | None


def checked_product(values: ProductValues) -> ProductValues:
    """Return the columns as they are stored. Raises InvalidValue for the first that cannot be."""
    clean = values.copy()
    if "title" in values:
        clean["title"] = clean_line(values["title"])
        if not 0 < len(clean["title"]) <= LIMITS.title:
            raise InvalidValue("name", "title_length", maximum=LIMITS.title)
    if "tags" in values:
        clean["tags"] = _checked_tags(values["tags"])
    if "description_html" in values:
        clean["description_html"] = clean_html(values["description_html"])
        if len(clean["description_html"]) > LIMITS.body:
            raise InvalidValue("description", "text_too_long", maximum=LIMITS.body)
    for name, longest in _LINES.items():
        if name in values:
            clean[name] = _checked_text(name, values[name], longest)
    if values.get("status", "active") not in STATUSES:
        raise InvalidValue("status", "unknown_product_status", status=str(values["status"])[:40])
    return _scheduled(clean)


def _checked_tags(tags: Sequence[str]) -> list[str]:
    """Return tags, each once, as the first of them is written."""
    lines = [checked_line("tags", tag) for tag in tags]
    return list({line.casefold(): line for line in reversed(lines) if line}.values())[::-1]


def _scheduled(values: ProductValues) -> ProductValues:
    """Return columns in which the status and a time of publishing agree: a time that is over publishes now."""
    at = values.get("publish_at")
    if at is None:
        return values
    if values.get("status") == "archived":
        return {**values, "publish_at": None}
    if at <= clock.now():
        return {**values, "status": "active", "publish_at": None}
    return {**values, "status": "draft"}


def checked_variant(values: VariantValues) -> VariantValues:
    """Return the columns as they are stored. Raises InvalidValue for the first that cannot be."""
    clean = values.copy()
    if "sku" in values:
        clean["sku"] = checked_sku(values["sku"])
    for name, amount in (
        ("price", values.get("price")),
        ("compare_at", values.get("compare_at")),
        ("unit_cost", values.get("unit_cost")),
    ):
        if amount is not None and not 0 <= amount <= MAX_AMOUNT:
            raise InvalidValue(name, "price_out_of_range")
    if not 0 <= values.get("weight_grams", 0) <= MAX_GRAMS:
        raise InvalidValue("weight_grams", "weight_out_of_range", maximum=MAX_GRAMS)
    if not re.fullmatch(TAX_CLASSES, values.get("tax_class", "standard")):
        raise InvalidValue("tax_class", "tax_class_code_invalid")
    if "barcode" in values:
        clean["barcode"] = checked_line("barcode", values["barcode"])
    return clean


def checked_sku(sku: str) -> str:
    """Return a SKU that can be stored, found again and stand in an address. Raises InvalidValue."""
    if clean_line(sku) != sku or not sku.isprintable() or not 0 < len(sku) <= LIMITS.sku:
        raise InvalidValue("sku", "sku_invalid")
    if {"", ".", ".."} & set(sku.split("/")):
        raise InvalidValue("sku", "sku_slashes")
    return sku


def checked_line(name: str, text: str) -> str:
    """Return one line of text, cleaned. Raises InvalidValue when it is too long."""
    return _checked_text(name, text, LIMITS.line)


def _checked_text(name: str, text: str, maximum: int) -> str:
    line = clean_line(text)
    if len(line) > maximum:
        raise InvalidValue(name, "text_too_long", maximum=maximum)
    return line
