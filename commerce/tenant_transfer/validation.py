"""Every value of an archive goes through the validation of the form that it could have been typed into.

An archive is a file that anybody may have written. What the database alone would take may stop the work of all shops
(a number of days that no date can bear), run in a browser (a description that nobody has cleaned), or end in a
traceback. Values that validation cleans are stored as it returns them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Integer, String, Table

from commerce.accounts.services import checked_email
from commerce.catalog.categories import checked_description
from commerce.catalog.collection_rules import check_stored
from commerce.catalog.collections import checked_texts, refuse_foreign_picture
from commerce.catalog.validation import (
    ProductValues,
    VariantValues,
    checked_product,
    checked_sku,
    checked_variant,
)
from commerce.content.home_page import SectionValues, checked_section
from commerce.content.menus import checked_entry
from commerce.content.services import checked_text
from commerce.db import UtcDateTime
from commerce.errors import CommerceError, FieldError, InvalidValue, Rejected
from commerce.invoices.content import check_content
from commerce.payments.methods import check_stored_method
from commerce.payments.models import PaymentMethod
from commerce.pricing.models import Promotion
from commerce.pricing.validation import TaxValues, check_limit, check_promotion, check_tax, values_of
from commerce.tenant_transfer.tables import stored_columns
from commerce.tenants.settings import (
    CHECKS,
    check_settings,
    refuse_foreign_pictures,
    refuse_nameless_invoices,
)
from commerce.webhooks.delivery import sending_rules
from commerce.webhooks.http_post import check_url

Row = dict[str, Any]
BIGGEST = 2**63 - 1
LONGEST = {"days": 3_650, "hours": 87_600, "minutes": 5_256_000}
"""Last word of a column's name -> the longest time that a sweep can handle: ten years."""
YEARS = range(1970, 2200)


def checked_row(table: Table, row: Row, number: int) -> Row:
    """Return a row as it is stored. Raises Rejected with table, number of the row (from 1) and reason."""
    try:
        for column in stored_columns(table):
            _check_value(column, row[column.name])
        check = ROW_CHECKS.get(table.name)
        return {**row, **check(row)} if check else row
    except InvalidValue as error:
        raise refused_row(table.name, number, error, error.field) from error
    except CommerceError as error:
        raise refused_row(table.name, number, error) from error


def refused_row(table: str, number: int, error: CommerceError, field: str = "") -> Rejected:
    """Return why an archive is refused for a row."""
    problem = FieldError(field, error.reason, error.facts)
    return Rejected("archive_row_refused", table=table, row=number, field=field, problems=[problem])


def _check_value(column: Column[Any], value: Any) -> None:
    """Raise InvalidValue for a value that the column could not hold, or nobody could work with."""
    if value is None:
        if not column.nullable:
            raise InvalidValue(column.name, "archive_value_missing", column=column.name)
        return
    if not _is_of_kind(column, value):
        raise InvalidValue(column.name, "archive_value_of_other_kind", column=column.name)
    if isinstance(value, str):
        room = getattr(column.type, "length", None)
        if room is not None and len(value) > room:
            raise InvalidValue(column.name, "text_too_long", maximum=room)
        if (column.name == "email" or column.name.endswith("_email")) and value:
            checked_email(value)
    if isinstance(value, int) and not isinstance(value, bool):
        most = LONGEST.get(column.name.rpartition("_")[2], BIGGEST)
        least = 0 if most < BIGGEST else -BIGGEST
        if not least <= value <= most:
            raise InvalidValue(column.name, "not_a_whole_number_between", minimum=least, maximum=most)
    if isinstance(value, date) and value.year not in YEARS:
        raise InvalidValue(column.name, "archive_date_out_of_range", column=column.name)


def _is_of_kind(column: Column[Any], value: Any) -> bool:
    kind = column.type
    if isinstance(kind, JSON):
        made: Any = column.default
        return made is None or not made.is_callable or isinstance(value, type(made.arg(None)))
    if isinstance(kind, Boolean):
        return isinstance(value, bool)
    if isinstance(kind, Integer | BigInteger):
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(kind, UtcDateTime):
        return (
            isinstance(value, datetime)
            and value.tzinfo is not None
            and value.utcoffset() == UTC.utcoffset(None)
        )
    if isinstance(kind, Date):
        return isinstance(value, date)
    # PostgreSQL stores no NUL.
    return not isinstance(kind, String) or (isinstance(value, str) and "\0" not in value)


# --- the rows of single tables --------------------------------------------------------------------------------------


def _tenant(row: Row) -> Row:
    values = check_settings({name: row[name] for name in CHECKS if name in row})
    refuse_foreign_pictures(row["id"], values)
    refuse_nameless_invoices(values["invoice_when"], values["seller"])
    return values


def _product(row: Row) -> Row:
    values = {name: row[name] for name in ProductValues.__annotations__}
    return dict(checked_product(cast("ProductValues", values)))


def _category(row: Row) -> Row:
    return {"description": checked_description(row["description"])}


def _content(row: Row) -> Row:
    title, body = checked_text(row["title"], row["body_html"])
    return {"title": title, "body_html": body}


def _collection(row: Row) -> Row:
    check_stored(row["conditions"])
    refuse_foreign_picture(row["tenant_id"], row["picture"])
    return checked_texts(row)


def _menu_entry(row: Row) -> Row:
    label, address = checked_entry(row["kind"], row["label"], row["address"])
    return {"label": label, "address": address}


def _home_section(row: Row) -> Row:
    values = SectionValues(**{name: row[name] for name in SectionValues.__dataclass_fields__})
    return asdict(checked_section(values, row["tenant_id"]))


def _variant(row: Row) -> Row:
    checked_sku(row["sku"])
    values = {name: row[name] for name in VariantValues.__annotations__}
    return dict(checked_variant(cast("VariantValues", values)))


def _payment_method(row: Row) -> Row:
    check_stored_method(PaymentMethod(**row))
    return {}


def _promotion(row: Row) -> Row:
    # Products that it was made for may be gone by now.
    values = values_of(Promotion(**{**row, "scope": "all", "targets": []}))
    check_promotion(values)
    return {}


def _coupon(row: Row) -> Row:
    check_limit("usage_limit", row["usage_limit"])
    check_limit("per_customer_limit", row["per_customer_limit"])
    return {}


def _tax_rate(row: Row) -> Row:
    check_tax(TaxValues(row["country"], row["tax_class"], row["rate_ppm"], row["label"]))
    return {}


def _webhook_endpoint(row: Row) -> Row:
    check_url(row["url"], sending_rules())
    return {}


def _document(row: Row) -> Row:
    check_content(row["content"])
    return {}


ROW_CHECKS: Mapping[str, Callable[[Row], Row]] = {
    "tenants": _tenant,
    "products": _product,
    "collections": _collection,
    "categories": _category,
    "content_pages": _content,
    "content_revisions": _content,
    "home_sections": _home_section,
    "menu_entries": _menu_entry,
    "variants": _variant,
    "payment_methods": _payment_method,
    "invoice_documents": _document,
    "promotions": _promotion,
    "coupons": _coupon,
    "tax_rates": _tax_rate,
    "webhook_endpoints": _webhook_endpoint,
}
"""Table -> the validation of its form, which returns the values that it has cleaned."""
