"""The filter of the list of products, as an address or a form names it."""

from __future__ import annotations

from collections.abc import Mapping

from commerce.admin.auth import one_line
from commerce.admin.products.queries import ListFilter
from commerce.catalog.validation import LIMITS, STATUSES


def sent_filter(given: Mapping[str, str]) -> ListFilter:
    """Return the filter of the list. A status that there is not filters nothing."""
    status = given.get("status", "")
    return ListFilter(
        search=one_line(given.get("q", "")),
        status=status if status in STATUSES else "",
        product_type=one_line(given.get("type", ""), LIMITS.line),
        vendor=one_line(given.get("vendor", ""), LIMITS.line),
    )


def filter_fields(wanted: ListFilter) -> dict[str, str]:
    """Return the fields of a form or an address that name the filter, those that filter nothing left out."""
    fields = {
        "q": wanted.search,
        "status": wanted.status,
        "type": wanted.product_type,
        "vendor": wanted.vendor,
    }
    return {name: text for name, text in fields.items() if text}
