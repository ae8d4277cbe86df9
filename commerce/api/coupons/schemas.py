"""Coupons at the JSON edge: a code, what it takes off, and how often it may be used."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from commerce.api.schemas import PageQuery, RequestModel, ResponseModel, SentAmount, Text, minor, number
from commerce.errors import InvalidValue
from commerce.money import PPM
from commerce.pricing.coupon_limits import coupon_version
from commerce.pricing.coupon_rows import CouponRow
from commerce.pricing.validation import (
    MAX_LABEL,
    MAX_POSITION,
    MAX_TARGETS,
    MAX_UNITS,
    MAX_USES,
    PromotionValues,
)
from commerce.tenants.scope import current_shop

MOMENT_RANGE = datetime(1970, 1, 2, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Range of dates that every database can store in every time zone."""
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


def _as_text(value: object) -> object:
    """Reject a number: seconds and milliseconds are easily confused."""
    if not isinstance(value, str) or not _MOMENT.match(value):
        raise ValueError("a date and time is written as 2026-01-15T10:30:00Z")
    return value


def _in_reach(value: datetime) -> datetime:
    if not MOMENT_RANGE[0] < value < MOMENT_RANGE[1]:
        raise ValueError("the date is out of range")
    return value.astimezone(UTC)


SentMoment = Annotated[
    AwareDatetime,
    BeforeValidator(_as_text),
    AfterValidator(_in_reach),
    Field(strict=False),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(number),
    Field(strict=False, gt=0, le=100, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 100}),
]
Limit = Annotated[int, Field(ge=1, le=MAX_USES)]
Units = Annotated[int, Field(ge=1, le=MAX_UNITS)]
NO_LIMIT = "null means no limit."


# --- requests -------------------------------------------------------------------------------------------


class PromotionCreate(RequestModel):
    """The discount of a coupon. Fields of another `kind` are ignored."""

    label: Text = Field(min_length=1, max_length=MAX_LABEL, examples=["Welcome"])
    kind: Literal["percentage", "fixed", "free_shipping", "buy_x_get_y"] = Field(examples=["percentage"])
    percent: Percent | None = Field(
        None, description="For percentage and buy_x_get_y, with up to four decimals.", examples=[10]
    )
    amount: SentAmount | None = Field(None, description="For fixed: the total discount.")
    buy_quantity: Units | None = Field(None, description="For buy_x_get_y: units at full price.")
    get_quantity: Units | None = Field(None, description="For buy_x_get_y: units that get `percent` off.")
    scope: Literal["all", "products", "categories"] = "all"
    targets: list[uuid.UUID] = Field(
        default_factory=list, max_length=MAX_TARGETS, description="Ids of the products or categories."
    )
    min_subtotal: SentAmount | None = Field(None, description="Minimum subtotal of the cart.")
    starts_at: SentMoment | None = None
    ends_at: SentMoment | None = None
    combines: bool = Field(default=True, description="Whether it combines with other promotions.")
    skip_reduced: bool = Field(
        default=False,
        description="Whether products that have a compare-at price above their price are left out.",
    )
    position: int = Field(
        0, ge=0, le=MAX_POSITION, description="Promotions with lower positions apply first."
    )

    def values(self) -> PromotionValues:
        """Return the values of the promotion. Raises InvalidValue for too many decimals."""
        return PromotionValues(
            label=self.label,
            kind=self.kind,
            percent_ppm=_ppm(self.percent),
            amount=_minor(self.amount, "amount"),
            buy_quantity=self.buy_quantity or 0,
            get_quantity=self.get_quantity or 0,
            scope=self.scope,
            targets=tuple(str(each) for each in self.targets),
            min_subtotal=_minor(self.min_subtotal, "min_subtotal"),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            needs_code=True,
            combines=self.combines,
            skip_reduced=self.skip_reduced,
            position=self.position,
        )


def _minor(value: Decimal | None, field: str) -> int:
    return 0 if value is None else minor(value, current_shop().currency, field)


def _ppm(percent: Decimal | None) -> int:
    millionths = (percent or Decimal()) * PPM / 100
    if millionths != int(millionths):
        raise InvalidValue("percent_ppm", "percent_too_precise")
    return int(millionths)


class CouponCreate(RequestModel):
    """A coupon code with a new promotion, or for an existing one."""

    code: Text = Field("", max_length=40, description="A random code if omitted.")
    promotion: PromotionCreate | None = Field(
        None, examples=[{"label": "Welcome", "kind": "percentage", "percent": 10}]
    )
    promotion_id: uuid.UUID | None = Field(None, description="Instead of `promotion`.")
    usage_limit: Limit | None = Field(None, description=f"Total number of uses; {NO_LIMIT}", examples=[100])
    per_customer_limit: Limit | None = Field(None, description=f"Uses per customer; {NO_LIMIT}")

    @model_validator(mode="after")
    def _one_promotion(self) -> Self:
        if (self.promotion is None) == (self.promotion_id is None):
            raise ValueError("send either promotion or promotionId")
        return self

    def promotion_input(self) -> PromotionValues | uuid.UUID:
        """Return the new promotion, or the id of the existing one. Raises InvalidValue."""
        if self.promotion is not None:
            return self.promotion.values()
        if self.promotion_id is None:
            raise AssertionError("one of them is there")
        return self.promotion_id


def with_body_field(error: InvalidValue) -> InvalidValue:
    """Return an error with the path of its field in the request body."""
    if error.field in ("code", "usage_limit", "per_customer_limit", "promotion"):
        return error
    return error.at(f"promotion.{'percent' if error.field == 'percent_ppm' else error.field}")


class CouponPatch(RequestModel):
    """Changes to a coupon. Omitted fields stay unchanged."""

    version: int | None = Field(
        None, ge=1, description="The version you have seen. Can be sent as `If-Match` instead.", examples=[1]
    )
    enabled: bool = True
    usage_limit: Limit | None = Field(None, description=NO_LIMIT, examples=[200])
    per_customer_limit: Limit | None = Field(None, description=NO_LIMIT)

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set - {"version"}}


class CouponQuery(PageQuery):
    """Filters of the list of coupons."""

    promotion_id: uuid.UUID | None = Field(None, description="Only codes of this promotion.")
    total: bool = Field(default=False, description="Include the total number of rows.")


# --- responses ------------------------------------------------------------------------------------------


class CouponOut(ResponseModel):
    """A coupon."""

    code: str = Field(examples=["WELCOME10"])
    version: int
    promotion_id: uuid.UUID
    label: str = Field(description="Name of the promotion.")
    enabled: bool
    usage_limit: int | None
    per_customer_limit: int | None
    uses: int = Field(description="Number of orders with the code, without canceled ones.")


class CouponList(ResponseModel):
    """A page of coupons, newest first."""

    items: list[CouponOut]
    next_cursor: str | None
    total: int | None = Field(None, description="With `total=true` only.")


def coupon_out(row: CouponRow) -> CouponOut:
    """Return a coupon for a response."""
    return CouponOut(
        version=coupon_version(row.usage_limit, row.per_customer_limit, enabled=row.enabled),
        code=row.code,
        promotion_id=row.promotion_id,
        label=row.label,
        enabled=row.enabled,
        usage_limit=row.usage_limit,
        per_customer_limit=row.per_customer_limit,
        uses=row.uses,
    )
