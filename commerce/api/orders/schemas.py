"""Requests and responses of the order operations. Field names follow the Gravito and MBC examples."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from babel import Locale, UnknownLocaleError
from email_validator import EmailNotValidError, validate_email
from flask import current_app
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from commerce.api.schemas import (
    ADDRESS_FIELDS,
    Amount,
    Code,
    Line,
    Moment,
    PageQuery,
    Quantity,
    RequestModel,
    ResponseModel,
    SentAmount,
    Text,
    amount,
    minor,
)
from commerce.checkout.direct_orders import MAX_UNITS, DirectOrder, RequestedItem
from commerce.errors import FieldError, InvalidValue, InvalidValues
from commerce.orders.models import Order, OrderAdjustment, OrderLine
from commerce.orders.transitions import STATUSES
from commerce.tenants.scope import current_shop

MAX_ITEMS = 2000
"""Maximum number of items of an order. Large wholesale invoices have about 1,000."""


def _email(text: str) -> str:
    """Return a normalized email address. Raises ValueError."""
    if not text:
        return ""
    testing = not current_app.config["LOCKSTEP"].production
    try:
        found = validate_email(
            text, allow_smtputf8=False, check_deliverability=False, test_environment=testing
        )
    except EmailNotValidError as error:
        raise ValueError("not a valid email address") from error
    return str(found.normalized)


def _known(status: str) -> str:
    if status not in STATUSES:
        raise ValueError("unknown status")
    return status


def _language(name: str) -> str:
    """Return a locale in the form of the shop's settings. Raises ValueError for an unknown one."""
    name = name.replace("-", "_")
    try:
        Locale.parse(name or "en")
    except (UnknownLocaleError, ValueError) as error:
        raise ValueError("unknown language") from error
    return name


Status = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(STATUSES)})]
"""The status of an order."""

Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_email)]

Language = Annotated[
    str,
    Field(
        pattern="^([a-z]{2,3}([_-][A-Za-z]{2,4})?)?$",
        description="Language of emails, such as `ja` or `de_AT`; that of the shop if omitted.",
    ),
    AfterValidator(_language),
]


# --- requests -------------------------------------------------------------------------------------------


class Address(RequestModel):
    """A shipping address. Region and postal code must be those of the country; fields it does not use are kept."""

    street: Text = Field(
        "", max_length=500, description="Required if anything is shipped.", examples=["123 Main St"]
    )
    city: Line = Field("", max_length=255, examples=["Tokyo"])
    district: Line = Field("", max_length=255)
    region: Line = Field(
        "", max_length=255, description="State, province, county or prefecture, by any of its names."
    )
    postal_code: Line = Field("", max_length=40, examples=["100-0001"])
    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2 code.", examples=["JP"])
    company: Line = Field("", max_length=255)
    sorting_code: Line = Field("", max_length=40)
    name: Line = Field("", max_length=255, description="Name of the recipient.")

    def fields(self) -> dict[str, str]:
        """Return the address with the names of libaddressinput."""
        return {ours: getattr(self, theirs) for theirs, ours in ADDRESS_FIELDS.items()}


class OrderItem(RequestModel):
    """Units of a variant, by product code (SKU) or id."""

    product_code: Code | None = Field(None, examples=["PRD-001"])
    variant_id: uuid.UUID | None = Field(None, description="Instead of the product code.")
    name: Text = Field("", max_length=500, description="Ignored: the name comes from the catalog.")
    quantity: Annotated[int, Field(ge=1, le=MAX_UNITS)] = Field(examples=[2])
    price: SentAmount | None = Field(
        None,
        description="The unit price you expect. If it differs, nothing is ordered.",
        examples=[29.99],
    )

    def wanted(self) -> RequestedItem:
        """Return the requested item."""
        code = "" if self.variant_id is not None else (self.product_code or "")
        return RequestedItem(self.quantity, code, self.variant_id, self.price)


class OrderCreate(RequestModel):
    """A new order. Prices always come from the shop."""

    customer_id: Line = Field(
        "",
        max_length=120,
        description="Your reference of the customer, or the id of a member of the shop.",
        examples=["CUST-001"],
    )
    items: list[OrderItem] = Field(min_length=1, max_length=MAX_ITEMS)
    shipping_address: Address | None = Field(
        None,
        description="Can be omitted if nothing is shipped; the order is then taxed as in the shop's country.",
        examples=[{"street": "123 Main St", "city": "Tokyo", "postalCode": "100-0001", "country": "JP"}],
    )
    shipping_method: Code | None = Field(None, description="The cheapest available method if omitted.")
    payment_method: Code | None = Field(
        None,
        description="A payment method of the shop; the first if omitted. `credit_card` is the first card method.",
        examples=["credit_card"],
    )
    email: Email = Field(
        "",
        description="Receives the order confirmation, with a link to view and pay the order.",
        examples=["alice@example.com"],
    )
    phone: Line = Field("", max_length=40)
    note: Text = Field("", max_length=1000)
    locale: Language = ""
    coupon_codes: list[Annotated[Text, Field(min_length=1, max_length=60)]] = Field(
        default_factory=list, max_length=5
    )
    total: SentAmount | None = Field(
        None, description="The total that the customer was shown. Returns 409 if it differs."
    )

    backordered: int = Field(
        0, ge=0, le=1_000_000, description="Number of units that the customer was shown as backordered."
    )

    def order(self) -> DirectOrder:
        """Return the order to place. Raises InvalidValue for an amount with too many decimals."""
        shown = None if self.total is None else minor(self.total, current_shop().currency, "total")
        return DirectOrder(
            [item.wanted() for item in self.items],
            self.shipping_address.fields() if self.shipping_address else {},
            customer_reference=self.customer_id,
            email=self.email,
            name=self.shipping_address.name if self.shipping_address else "",
            phone=self.phone,
            note=self.note,
            locale=self.locale,
            shipping_method=self.shipping_method or "",
            payment_method=self.payment_method or "",
            coupon_codes=self.coupon_codes,
            shown_total=shown,
            shown_backordered=self.backordered,
        )


class OrderQuery(PageQuery):
    """Filters of the list of orders."""

    status: Status | None = Field(None, description="Only orders with this status.")
    total: bool = Field(
        default=False, description="Include the total number of rows. Slow for shops with many orders."
    )


# --- responses ------------------------------------------------------------------------------------------


class AddressOut(ResponseModel):
    """The shipping address of an order."""

    street: str
    city: str
    district: str
    region: str
    postal_code: str
    country: str
    company: str
    sorting_code: str


class ItemOut(ResponseModel):
    """A line of an order, with name and price at the time of the order."""

    line_id: uuid.UUID
    product_code: str
    variant_id: uuid.UUID
    name: str
    options: str
    quantity: Quantity
    price: Amount
    total: Amount
    discount: Amount
    tax: Amount
    shipped: int
    cancelled: int
    backordered: int
    ships_from: date | None


class AdjustmentOut(ResponseModel):
    """A discount, tax, shipping amount, fee or rounding. `included` amounts are part of the prices."""

    label: str
    amount: Amount
    source_type: str
    source_id: str
    included: bool


class OrderAttributes(ResponseModel):
    """Attributes of an order."""

    customer_id: str
    member_id: uuid.UUID | None
    email: str
    name: str
    phone: str
    note: str
    items: list[ItemOut]
    shipping_address: AddressOut
    shipping_method: str
    payment_method: str
    payment_status: str
    currency: str
    subtotal: Amount
    discount: Amount
    shipping: Amount
    fee: Amount
    tax: Amount
    rounding: Amount = Field(description="Cash rounding of the total.")
    prices_include_tax: bool
    total: Amount
    adjustments: list[AdjustmentOut]
    status: Status
    attention: str
    placed_at: Moment
    hold_expires_at: Moment | None
    paid_at: Moment | None
    confirmed_at: Moment | None
    shipped_at: Moment | None
    delivered_at: Moment | None
    completed_at: Moment | None
    cancelled_at: Moment | None


class OrderOut(ResponseModel):
    """An order."""

    code: str = Field(examples=["ORD-000001"])
    name: str = Field(examples=["Order ORD-000001"])
    version: int
    attributes: OrderAttributes


class OrderSummary(ResponseModel):
    """Attributes of an order in a list."""

    customer_id: str
    email: str
    name: str
    payment_status: str
    currency: str
    total: Amount
    status: Status
    attention: str
    placed_at: Moment


class OrderRowOut(ResponseModel):
    """An order in a list."""

    code: str
    name: str
    version: int
    attributes: OrderSummary


class OrderList(ResponseModel):
    """A page of orders, newest first."""

    items: list[OrderRowOut]
    next_cursor: str | None
    total: int | None = Field(None, description="With `total=true` only.")


_STAMPS = ("placed", "hold_expires", "paid", "confirmed", "shipped", "delivered", "completed", "cancelled")


def order_out(order: Order) -> OrderOut:
    """Return an order for a response."""
    money = {
        name: amount(getattr(order, column), order.currency)
        for name, column in {
            "subtotal": "subtotal",
            "discount": "discount_amount",
            "shipping": "shipping_amount",
            "fee": "fee_amount",
            "tax": "tax_amount",
            "rounding": "rounding_amount",
            "total": "total",
        }.items()
    }
    same = (
        "member_id",
        "email",
        "name",
        "phone",
        "note",
        "shipping_method",
        "payment_method",
        "payment_status",
    )
    more = ("currency", "prices_include_tax", "status", "attention")
    attributes = OrderAttributes.model_validate(
        {
            **{name: getattr(order, name) for name in (*same, *more)},
            **{f"{name}_at": getattr(order, f"{name}_at") for name in _STAMPS},
            **money,
            "customer_id": customer_of(order),
            "items": [item_out(line, order.currency) for line in order.lines],
            "shipping_address": address_out(order.shipping_address),
            "adjustments": [_adjustment_out(each, order.currency) for each in order.adjustments],
        }
    )
    return OrderOut(code=order.code, name=f"Order {order.code}", version=order.version, attributes=attributes)


def customer_of(order: Any) -> str:
    """Return the API client's reference of the customer, or else the id of their account."""
    return order.customer_reference or (str(order.member_id) if order.member_id else "")


def address_out(address: Mapping[str, str]) -> AddressOut:
    """Return an address for a response."""
    return AddressOut(**{theirs: address.get(ours, "") for theirs, ours in ADDRESS_FIELDS.items()})


def item_out(line: OrderLine, currency: str) -> ItemOut:
    """Return a line of an order for a response."""
    return ItemOut(
        line_id=line.id,
        product_code=line.sku,
        variant_id=line.variant_id,
        name=line.title,
        options=line.options,
        quantity=line.quantity,
        price=amount(line.unit_price, currency),
        total=amount(line.amount, currency),
        discount=amount(line.discount_amount, currency),
        tax=amount(line.tax_amount, currency),
        shipped=line.shipped,
        cancelled=line.cancelled,
        backordered=line.backordered,
        ships_from=line.ships_from,
    )


def _adjustment_out(each: OrderAdjustment, currency: str) -> AdjustmentOut:
    return AdjustmentOut(
        label=each.label,
        amount=amount(each.amount, currency),
        source_type=each.source_type,
        source_id=each.source_id,
        included=each.included,
    )


# --- shared by the resources of an order ---------------------------------------------------------------

MAX_VERSION = 2**31 - 1
L = TypeVar("L", bound="LineUnits")


class VersionedRequest(RequestModel):
    """A request that can name the version of the order."""

    version: int | None = Field(
        None,
        ge=1,
        le=MAX_VERSION,
        description="The version you have seen. Returns 409 if the order has changed. Also accepted as `If-Match`.",
    )


class LineUnits(RequestModel):
    """Units of an order line, by line id or product code."""

    line_id: uuid.UUID | None = Field(None, description="`lineId` of an item of the order.")
    product_code: Code | None = Field(None, description="Instead of `lineId`.", examples=["PRD-001"])
    quantity: Quantity = Field(examples=[1])


class OrderState(ResponseModel):
    """The state of an order."""

    code: str = Field(examples=["ORD-000001"])
    status: str = Field(examples=["confirmed"])
    payment_status: str = Field(examples=["paid"])
    version: int


class LineOut(ResponseModel):
    """Units of an order line."""

    line_id: uuid.UUID
    product_code: str
    name: str
    quantity: int


def order_state(order: Order) -> dict[str, Any]:
    """Return the fields of `OrderState`."""
    return {name: getattr(order, name) for name in ("code", "status", "payment_status", "version")}


def line_fields(order: Order) -> dict[uuid.UUID, dict[str, Any]]:
    """Return line id -> fields of `LineOut` except the quantity."""
    return {
        line.id: {"line_id": line.id, "product_code": line.sku, "name": line.title} for line in order.lines
    }


def resolve_lines(order: Order, sent: Sequence[L]) -> list[tuple[uuid.UUID, L]]:
    """Return (line id, item) for each item. Raises InvalidValues for items that name no line of the order."""
    found = [(_line_of(order, each), each) for each in sent]
    faults = [_no_line(f"lines.{index}", each) for index, (line, each) in enumerate(found) if line is None]
    if faults:
        raise InvalidValues(faults)
    return [(line.id, each) for line, each in found if line is not None]


def units_by_line(order: Order, sent: Sequence[LineUnits]) -> dict[uuid.UUID, int]:
    """Return line id -> units, adding up repeated lines. Raises InvalidValues."""
    return sum_units((key, each.quantity) for key, each in resolve_lines(order, sent))


def sum_units(parts: Iterator[tuple[uuid.UUID, int]]) -> dict[uuid.UUID, int]:
    """Return line id -> sum of units."""
    sums: dict[uuid.UUID, int] = {}
    for key, count in parts:
        sums[key] = sums.get(key, 0) + count
    return sums


def _line_of(order: Order, each: LineUnits) -> OrderLine | None:
    if each.line_id is not None:
        return next((line for line in order.lines if line.id == each.line_id), None)
    code = each.product_code
    found = [line for line in order.lines if line.sku == code] or [
        line for line in order.lines if code and line.slug == code.lower()
    ]
    return found[0] if len(found) == 1 else None


def _no_line(place: str, each: LineUnits) -> FieldError:
    if each.line_id is None and each.product_code is None:
        return FieldError(f"{place}.product_code", "line_id_or_product_code")
    return FieldError(f"{place}.{'line_id' if each.line_id else 'product_code'}", "line_ambiguous")


def optional_minor(field: str, value: Decimal | None, currency: str) -> int | None:
    """Return an amount in minor units, None if it was not sent. Raises InvalidValue for `field`."""
    if value is None:
        return None
    try:
        return minor(value, currency)
    except InvalidValue as error:
        raise error.at(field) from error


def refuse_unused_fields(body: RequestModel, used_by: Mapping[str, Collection[str]], chosen: str) -> None:
    """Reject fields that a choice does not use. `used_by` is choice -> fields that only some choices use.

    Raises InvalidValues.
    """
    others = {name for names in used_by.values() for name in names} - set(used_by.get(chosen, ()))
    faults = [
        FieldError(name, "field_not_for_action", {"action": chosen})
        for name in sorted(others)
        if getattr(body, name)
    ]
    if faults:
        raise InvalidValues(faults)
