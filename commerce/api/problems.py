"""Errors as programs read them: RFC 9457 problem documents with a stable `code` and the fields at fault.

The families of errors get their status from the one table in `web.py`; here are the facts that each carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from flask import Response
from pydantic import Field, ValidationError
from pydantic.alias_generators import to_camel

from commerce.api.schemas import EDGE_NAMES, Amount, ResponseModel, amount
from commerce.error_messages import describe, describe_field, title_of
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

MOST = 100
"""Faults that one answer names; a request that holds more has one fault in each of its lines."""


class FieldProblem(ResponseModel):
    """One field that cannot be taken: where it is, and why."""

    field: str = Field(examples=["items.0.quantity"])
    code: str = Field(examples=["greater_than_equal"])
    reason: str | None = Field(
        default=None,
        description="Stable code of this very case, where there is one.",
        examples=["text_too_long"],
    )
    message: str = Field(examples=["Input should be greater than or equal to 1"])


class ShortLine(ResponseModel):
    """A line that cannot be filled: units wanted and units left."""

    product_code: str
    variant_id: str
    title: str
    wanted: int
    available: int


class Problem(ResponseModel):
    """RFC 9457 problem details. `code` is stable and says the same as the end of `type`."""

    type: str = Field(examples=["urn:lockstep:problem:invalid_request"])
    code: str = Field(examples=["invalid_request"])
    status: int = Field(examples=[422])
    title: str
    detail: str
    reason: str | None = Field(
        None,
        description="Stable code of this very case; `code` names the family that it belongs to.",
        examples=["order_not_found"],
    )
    errors: list[FieldProblem] | None = Field(None, description="The fields at fault.")
    shortages: list[ShortLine] | None = Field(None, description="Every line that is short, and what is left.")
    shown_total: Amount | None = Field(None, description="The total that was sent.")
    current_total: Amount | None = Field(None, description="The total of now.")
    currency: str | None = None
    seen_version: int | None = None
    current_version: int | None = None
    quantity: int | None = Field(None, description="Units on hand now.")
    reserved_quantity: int | None = Field(None, description="Of these, units that orders have reserved.")
    backorder_limit: int | None = Field(None, description="Units that may be promised beyond those on hand.")
    order_status: str | None = None
    action: str | None = None
    scope: str | None = Field(None, description="What the key would have to be allowed.")
    coupon_codes: dict[str, str] | None = Field(None, description="Coupon code -> why it cannot be used.")


def invalid_request(error: ValidationError, place: str = "") -> Response:
    """Answer what does not have the shape that is asked for: 422, with every field."""
    found = [
        FieldProblem(
            field=".".join(filter(None, [place, *(str(step) for step in each["loc"])])) or "body",
            code=each["type"],
            message=each["msg"].removeprefix("Value error, "),
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)[:MOST]
    ]
    named = ", ".join(dict.fromkeys(each.field for each in found[:5]))
    return invalid(found, f"Please check: {named}.")


def invalid(found: list[FieldProblem], detail: str) -> Response:
    """Answer fields that cannot be taken."""
    return problem(
        422,
        "invalid_request",
        "This cannot be taken as it is",
        detail,
        errors=[each.model_dump(mode="json", exclude_none=True) for each in found],
    )


def problem_document(error: CommerceError) -> Response:
    """Answer what a use case refused, with the facts that it told."""
    status = 400 if isinstance(error, MalformedRequest) else status_of(error)
    response = problem(
        status, error.code, title_of(error), describe(error), reason=error.reason, **problem_facts(error)
    )
    if status == 503 or isinstance(error, KeyInFlight):
        response.headers["Retry-After"] = "1"
    return response


@singledispatch
def problem_facts(error: CommerceError) -> dict[str, Any]:  # noqa: ARG001 - most errors have said it all
    """Return what a program needs to know of an error beside its code."""
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
        ShortLine(
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


def _spelled(field: str) -> str:
    """Return the name of a field at this edge."""
    return ".".join(to_camel(EDGE_NAMES.get(part, part)) for part in field.split("."))


def _field_problem(error: FieldError, code: str) -> FieldProblem:
    return FieldProblem(
        field=_spelled(error.field), code=code, reason=error.reason, message=describe_field(error)
    )


def _fields(found: Sequence[FieldProblem]) -> dict[str, Any]:
    return {"errors": [each.model_dump(mode="json") for each in found[:MOST]]}


class MalformedRequest(Rejected):
    """The request cannot even be read: 400."""

    code = "malformed_request"


class MissingKey(MalformedRequest):
    """A deed that must happen once was asked for without an idempotency key, or with one that is none."""

    code = "idempotency_key_missing"


class KeyInFlight(Conflict):
    """What the same idempotency key asked for is being done just now: the program may ask again."""

    code = "idempotency_key_in_flight"
