"""What requests and answers are made of: strict models in the spelling of the source documents.

What a model does not name is refused, so that a slip of the pen is not taken for a wish that was granted.
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

ADDRESS = {
    "street": "street_address",
    "city": "city",
    "district": "city_area",
    "region": "country_area",
    "postal_code": "postal_code",
    "company": "company_name",
    "sorting_code": "sorting_code",
    "country": "country_code",
}
"""What the parts of an address are called at this edge -> in the shop."""
EDGE_NAMES = {ours: theirs for theirs, ours in ADDRESS.items()}
LITERALS: dict[Any, re.Pattern[str]] = {
    bool: re.compile("true|false"),
    int: re.compile("-?(0|[1-9][0-9]{0,17})"),
}
"""Kind of a parameter -> how its values are written."""
MOST = 100
"""Rows of the longest page."""


class RequestModel(BaseModel):
    """What is sent as JSON: every value in its own type, nothing that is not named."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, frozen=True)


class QueryModel(BaseModel):
    """What is sent behind the question mark: text that is read as numbers and truths, as JSON writes them."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_json_has_it(cls, sent: Any, info: ValidationInfo) -> Any:
        """Refuse "yes", "+5" and "1_0", which pydantic would read."""
        wanted = cls.model_fields[str(info.field_name)].annotation
        for kind in {wanted, *get_args(wanted)} & LITERALS.keys():
            if isinstance(sent, str) and not LITERALS[kind].fullmatch(sent):
                raise ValueError(f"this is no {kind.__name__} as JSON writes it")
        return sent


class ResponseModel(BaseModel):
    """What is answered."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True
    )


class PageQuery(QueryModel):
    """The part of a list that is wanted."""

    limit: int = Field(20, ge=1, le=MOST, description="Rows of one page.")
    cursor: str | None = Field(
        None, max_length=1000, description="`nextCursor` of the page before; it fits the same filters only."
    )


def _storable(text: str) -> str:
    """Refuse what a database or a header cannot hold: control characters, halves of surrogate pairs."""
    if any((ord(sign) < 32 and sign not in "\t\n\r") or sign == "\x7f" for sign in text):
        raise ValueError("control characters are not allowed")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair is not allowed") from error
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_storable),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"}),
]
"""Words, without blanks around them and control characters; a field says how long they may be."""


def _one_line(text: str) -> str:
    if len(text.splitlines()) > 1:
        raise ValueError("line breaks are not allowed")
    return text


Line = Annotated[
    Text,
    AfterValidator(_one_line),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]*$"}),
]
"""Words in one line, such as a name: in a mail or on a parcel, a second line would pass for the shop's own words."""

Code = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=255, pattern=r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
    ),
]
"""A code in a body: of a product, an order, a warehouse."""

Quantity = Annotated[int, Field(ge=1, le=1_000_000, description="Whole units.")]

Amount = Annotated[
    Decimal,
    # The literal is the shortest that names the same amount; the bound of amounts keeps it exact.
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number", "description": "Whole units of the currency beside it, e.g. 29.99."}),
]
"""An amount in an answer. Inside it is minor units: `amount()` makes one of them."""


def number(value: object) -> object:
    """Refuse text: what the document calls a number is one."""
    if isinstance(value, str):
        raise ValueError("this is a number, without quotes")  # noqa: TRY004 - the kind that pydantic collects
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
            "description": "Whole units of the shop's currency, e.g. 29.99, with no more decimals than it knows.",
        }
    ),
]
"""An amount in a request. `minor()` reads it."""

Moment = Annotated[
    datetime,
    PlainSerializer(
        lambda value: value.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        return_type=str,
        when_used="json",
    ),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-15T10:30:00.000Z"]}),
]
"""A moment in UTC."""


def amount(minor_units: int, currency: str) -> Decimal:
    """Return an amount as it is answered."""
    return to_decimal(minor_units, currency)


def minor(value: Decimal, currency: str, field: str = "amount") -> int:
    """Return a sent amount in minor units. Raises InvalidValue for more decimals than the currency knows."""
    try:
        return parse_amount(format(value, "f"), currency)
    except InvalidValue as error:
        raise error.at(field) from error
