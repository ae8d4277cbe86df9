"""Base models and field types of requests and responses.

Models are strict: an unknown field is rejected, so that a misspelled one is not silently ignored.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.alias_generators import to_camel

from commerce.errors import InvalidValue
from commerce.money import MAX_AMOUNT, parse_amount, to_decimal

ADDRESS_FIELDS = {
    "street": "street_address",
    "city": "city",
    "district": "city_area",
    "region": "country_area",
    "postal_code": "postal_code",
    "company": "company_name",
    "sorting_code": "sorting_code",
    "country": "country_code",
}
"""Name of an address field in the API -> name in the rest of the code, which is that of libaddressinput."""
API_NAMES = {ours: theirs for theirs, ours in ADDRESS_FIELDS.items()}
QUERY_LITERALS: dict[Any, re.Pattern[str]] = {
    bool: re.compile("true|false"),
    int: re.compile("-?(0|[1-9][0-9]{0,17})"),
}
"""Type of a query parameter -> pattern of its values."""
MAX_PAGE = 100
"""Maximum rows per page."""


class RequestModel(BaseModel):
    """A request body: JSON types are not converted, unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, frozen=True)


class QueryModel(BaseModel):
    """Query parameters: numbers and booleans are written as in JSON, unknown parameters are rejected."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _only_json_literals(cls, sent: Any, info: ValidationInfo) -> Any:
        """Reject "yes", "+5" and "1_0", which pydantic would accept."""
        wanted = cls.model_fields[str(info.field_name)].annotation
        for kind in {wanted, *get_args(wanted)} & QUERY_LITERALS.keys():
            if isinstance(sent, str) and not QUERY_LITERALS[kind].fullmatch(sent):
                raise ValueError(f"not a valid {kind.__name__}")
        return sent


class ResponseModel(BaseModel):
    """A response body."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        json_schema_serialization_defaults_required=True,
    )


class PageQuery(QueryModel):
    """Pagination parameters of a list."""

    limit: int = Field(20, ge=1, le=MAX_PAGE, description="Maximum number of rows to return.")
    cursor: str | None = Field(
        None, max_length=1000, description="`nextCursor` of the previous page, with the same filters."
    )


def _storable(text: str) -> str:
    """Reject control characters and lone surrogates, which a database or a header cannot hold."""
    if any((ord(sign) < 32 and sign not in "\t\n\r") or sign == "\x7f" for sign in text):
        raise ValueError("control characters are not allowed")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("lone surrogates are not allowed") from error
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_storable),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"}),
]
"""Text without surrounding whitespace and control characters. Fields add a maximum length."""


def _one_line(text: str) -> str:
    if len(text.splitlines()) > 1:
        raise ValueError("line breaks are not allowed")
    return text


Line = Annotated[
    Text,
    AfterValidator(_one_line),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]*$"}),
]
"""Text on one line, such as a name: in an email or on a parcel, a second line could pass as text of the shop."""

Code = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=255, pattern=r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
    ),
]
"""The code of a product, an order or a warehouse in a request body."""

Quantity = Annotated[int, Field(ge=1, le=1_000_000, description="Number of units.")]

Amount = Annotated[
    Decimal,
    # A float prints as the shortest literal of the same amount; MAX_AMOUNT keeps it exact.
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema(
        {"type": "number", "description": "Amount in whole units of the currency, such as 29.99."}
    ),
]
"""An amount in a response. `amount()` converts minor units to one."""


def number(value: object) -> object:
    """Reject a number that is sent as a string."""
    if isinstance(value, str):
        raise ValueError("a number is written without quotes")  # noqa: TRY004 - the kind that pydantic collects
    return value


SentAmount = Annotated[
    Decimal,
    BeforeValidator(number),
    Field(strict=False, ge=-MAX_AMOUNT, le=MAX_AMOUNT, allow_inf_nan=False),
    WithJsonSchema(
        {
            "type": "number",
            "minimum": -MAX_AMOUNT,
            "maximum": MAX_AMOUNT,
            "description": "Amount in whole units of the shop's currency, such as 29.99, with its decimals at most.",
        }
    ),
]
"""An amount in a request. `minor()` converts it to minor units."""

Moment = Annotated[
    datetime,
    PlainSerializer(
        lambda value: value.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        return_type=str,
        when_used="json",
    ),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-15T10:30:00.000Z"]}),
]
"""A date and time in UTC."""


def amount(minor_units: int, currency: str) -> Decimal:
    """Return minor units as an amount of a response."""
    return to_decimal(minor_units, currency)


def minor(value: Decimal, currency: str, field: str = "amount") -> int:
    """Return an amount of a request in minor units. Raises InvalidValue for more decimals than the currency has."""
    try:
        return parse_amount(format(value, "f"), currency)
    except InvalidValue as error:
        raise error.at(field) from error
