"""A document as a page: its stored content, with addresses as lines and days in the zone that it was made in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import format_percent
from flask import render_template

from commerce.invoices.ledger import PPM
from commerce.invoices.models import InvoiceDocument
from commerce.notifications.i18n import language_of, using_locale
from commerce.orders.addresses import address_lines
from commerce.tenants.seller import seller_address


def document_page(document: InvoiceDocument, *, back: str, addresses: str) -> str:
    """Return the HTML of a document in the language of its order.

    `back` is where the reader came from; other documents are at `addresses`, by their number.
    """
    content = document.content
    locale = content["locale"]
    with using_locale(locale):
        return render_template(
            "invoices/document.html",
            document=document,
            content=content,
            language=language_of(locale).replace("_", "-"),
            seller=_seller_lines(content, locale),
            buyer=address_lines(content["buyer"]["address"], content["buyer"]["name"], locale),
            issued_on=_day(document.issued_at.isoformat(), content),
            ordered_on=_day(content["ordered_at"], content),
            shipped_on=_day(content["shipped_at"], content),
            paid_on=_day(content["paid_at"], content),
            percent=lambda rate: percent_of(rate, locale),
            several=len(content["corrects"]) > 1,
            discounted=any(line["discount"] for line in content["lines"]),
            back=back,
            addresses=addresses,
        )


def percent_of(rate_ppm: int, locale: str) -> str:
    """Return a rate as people write it: 19 %, 8.875%."""
    return str(format_percent(rate_ppm / PPM, locale=locale.replace("-", "_"), decimal_quantization=False))


def _seller_lines(content: Mapping[str, Any], locale: str) -> list[str]:
    seller = content["seller"]
    name = seller.get("legal_name") or content["shop"]
    return address_lines(seller_address(seller), name, locale) if seller else [name]


def _day(moment: str, content: Mapping[str, Any]) -> date | None:
    if not moment:
        return None
    return datetime.fromisoformat(moment).astimezone(ZoneInfo(content["timezone"])).date()
