"""Errors as RFC 9457 problem documents with a stable `code` and the invalid fields.

The status of each error class comes from the table in `web.py`; this module adds the members that each class carries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from typing import Any

from flask import Response
from pydantic import Field, ValidationError
from pydantic.alias_generators import to_camel

from commerce.api.schemas import API_NAMES, Amount, ResponseModel, amount
from commerce.error_messages import TITLES, describe, describe_field, title_of
from commerce.errors import (
    AlreadyExists,
    CommerceError,
    Conflict,
    CouponExhausted,
    CouponRefused,
    FieldError,
    IllegalTransition,
    InvalidValue,
    InvalidValues,
    OutOfStock,
    PriceChanged,
    Rejected,
    StaleVersion,
)
from commerce.inventory.adjustments import UnitsReserved
from commerce.tenants.scope import current_shop
from commerce.web import problem, status_of

MAX_ERRORS = 100
"""Invalid fields listed in one problem document; a request with more usually has the same error on each line."""


class FieldProblem(ResponseModel):
    """An invalid field: its path in the request, and why it is invalid."""

    field: str = Field(examples=["items.0.quantity"])
    code: str = Field(examples=["greater_than_equal"])
    reason: str | None = Field(
        default=None,
        description="Stable code of this very case, where there is one.",
        examples=["text_too_long"],
    )
    message: str = Field(examples=["Input should be greater than or equal to 1"])


class ShortageOut(ResponseModel):
    """An item without enough stock: units requested and units available."""

    product_code: str
    variant_id: str
    title: str
    wanted: int
    available: int


class Problem(ResponseModel):
    """RFC 9457 problem details. `code` is stable and is also the last part of `type`."""

    type: str = Field(examples=["urn:lockstep:problem:invalid_request"])
    code: str = Field(examples=["invalid_request"])
    status: int = Field(examples=[422])
    title: str
    detail: str
    reason: str | None = Field(
        None,
        description="Stable code of the exact error. `code` is the group it belongs to.",
        examples=["order_not_found"],
    )
    errors: list[FieldProblem] | None = Field(None, description="The invalid fields.")
    shortages: list[ShortageOut] | None = Field(None, description="Every item without enough stock.")
    shown_total: Amount | None = Field(None, description="The total that was sent.")
    current_total: Amount | None = Field(None, description="The total at current prices.")
    currency: str | None = None
    seen_version: int | None = None
    current_version: int | None = None
    quantity: int | None = Field(None, description="Units on hand.")
    reserved_quantity: int | None = Field(None, description="Units on hand that are reserved for orders.")
    backorder_limit: int | None = Field(None, description="Units that can be sold beyond those on hand.")
    order_status: str | None = None
    action: str | None = None
    scope: str | None = Field(None, description="The scope that the key is missing.")
    coupon_codes: dict[str, str] | None = Field(
        None, description="Coupon code and the reason it does not apply."
    )


def invalid_request(error: ValidationError, place: str = "") -> Response:
    """Return 422 with every field that does not match the model."""
    found = [
        FieldProblem(
            field=".".join(filter(None, [place, *(str(step) for step in each["loc"])])) or "body",
            code=each["type"],
            message=each["msg"].removeprefix("Value error, "),
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_ERRORS]
    ]
    named = ", ".join(dict.fromkeys(each.field for each in found[:5]))
    return invalid(found, f"Please check: {named}.")


def invalid(found: list[FieldProblem], detail: str) -> Response:
    """Return 422 for invalid fields."""
    return problem(
        422,
        "invalid_request",
        "This cannot be taken as it is",
        detail,
        errors=[each.model_dump(mode="json", exclude_none=True) for each in found],
    )


def problem_document(error: CommerceError) -> Response:
    """Return an error of a service as a problem document."""
    status = 400 if isinstance(error, MalformedRequest) else status_of(error)
    response = problem(
        status, error.code, title_of(error), describe(error), reason=error.reason, **problem_facts(error)
    )
    if status == 503 or isinstance(error, KeyInFlight):
        response.headers["Retry-After"] = "1"
    return response


@singledispatch
def problem_facts(error: CommerceError) -> dict[str, Any]:  # noqa: ARG001 - most errors carry no more than their code
    """Return the members that an error adds to its problem document."""
    return {}


@problem_facts.register
def _(error: InvalidValues) -> dict[str, Any]:
    return _fields([_field_problem(each, error.code) for each in error.problems])


@problem_facts.register
def _(error: InvalidValue | AlreadyExists) -> dict[str, Any]:
    return _fields([_field_problem(FieldError(error.field, error.reason, error.facts), error.code)])


@problem_facts.register
def _(error: StaleVersion) -> dict[str, Any]:
    return {"seenVersion": error.seen, "currentVersion": error.current}


@problem_facts.register
def _(error: UnitsReserved) -> dict[str, Any]:
    return {
        "quantity": error.on_hand,
        "reservedQuantity": error.reserved,
        "backorderLimit": error.backorder_limit,
    }


@problem_facts.register
def _(error: IllegalTransition) -> dict[str, Any]:
    return {"orderStatus": error.status, "action": error.action}


@problem_facts.register
def _(error: CouponExhausted) -> dict[str, Any]:
    return {"couponCodes": dict(error.states)}


@problem_facts.register
def _(error: CouponRefused) -> dict[str, Any]:
    return {"couponCodes": {error.coupon_code: error.state}}


@problem_facts.register
def _(error: OutOfStock) -> dict[str, Any]:
    lines = [
        ShortageOut(
            product_code=each.sku,
            variant_id=str(each.variant_id),
            title=each.title,
            wanted=each.wanted,
            available=each.available,
        )
        for each in error.shortages
    ]
    return {"shortages": [line.model_dump(mode="json") for line in lines]}


@problem_facts.register
def _(error: PriceChanged) -> dict[str, Any]:
    currency = current_shop().currency
    return {
        "shownTotal": float(amount(error.shown, currency)),
        "currentTotal": float(amount(error.current, currency)),
        "currency": currency,
    }


def _api_name(field: str) -> str:
    """Return the name of a field in the API."""
    return ".".join(to_camel(API_NAMES.get(part, part)) for part in field.split("."))


def _field_problem(error: FieldError, code: str) -> FieldProblem:
    return FieldProblem(
        field=_api_name(error.field), code=code, reason=error.reason, message=describe_field(error)
    )


def _fields(found: Sequence[FieldProblem]) -> dict[str, Any]:
    return {"errors": [each.model_dump(mode="json") for each in found[:MAX_ERRORS]]}


class MalformedRequest(Rejected):
    """Raised for a request that cannot be parsed: 400."""

    code = "malformed_request"


class MissingKey(MalformedRequest):
    """Raised for a request with a missing or invalid idempotency key where one is required."""

    code = "idempotency_key_missing"


class KeyInFlight(Conflict):
    """Raised while the first request with the same idempotency key is in progress. Clients can retry."""

    code = "idempotency_key_in_flight"


# --- the codes of all problems -----------------------------------------------------------------------

NOT_IN_THE_API = (
    "commerce.accounts.",
    "commerce.members.",
    "commerce.tenant_transfer.",
    "commerce.catalog_import.",
)
"""Packages whose errors no API operation raises."""
HTTP_CODES = {
    400: {"http_400": "This cannot be read"},
    401: {"unauthorized": "A key is needed"},
    403: {"insufficient_scope": "This key may not do that"},
    404: {"http_404": "There is nothing at this address"},
    405: {"http_405": "This address does not know the method"},
    413: {"http_413": "That is too much at once"},
    415: {"http_415": "The body is not application/json"},
    422: {"invalid_request": "This cannot be taken as it is"},
    429: {"too_many_requests": "Please wait a moment"},
    503: {"closed": "This shop is closed"},
}
"""Status -> code -> title of the problems that have no error class: authentication, HTTP itself, and validation."""


def problem_codes() -> dict[int, dict[str, str]]:
    """Return status -> code -> title of every problem that an API operation can return."""
    found = {status: dict(codes) for status, codes in HTTP_CODES.items()}
    for kind in sorted(_subclasses(CommerceError), key=lambda each: each.code):
        if kind.__module__.startswith(NOT_IN_THE_API):
            continue
        status = 400 if issubclass(kind, MalformedRequest) else status_of(kind.__new__(kind))
        found.setdefault(status, {}).setdefault(kind.code, TITLES[kind.code])
    return dict(sorted(found.items()))


def _subclasses(family: type[CommerceError]) -> Iterator[type[CommerceError]]:
    for kind in family.__subclasses__():
        yield kind
        yield from _subclasses(kind)
