"""Orders at the JSON edge, spelled as in the Gravito and the MBC example."""

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
"""Lines of one order: the largest invoices of a wholesaler have about a thousand."""


def _email(text: str) -> str:
    """Return an e-mail address as it is written on envelopes. Raises ValueError."""
    if not text:
        return ""
    trial = not current_app.config["LOCKSTEP"].production
    try:
        found = validate_email(text, allow_smtputf8=False, check_deliverability=False, test_environment=trial)
    except EmailNotValidError as error:
        raise ValueError("this is no e-mail address") from error
    return str(found.normalized)


def _known(status: str) -> str:
    if status not in STATUSES:
        raise ValueError("there is no such status")
    return status


def _language(name: str) -> str:
    """Return a locale as the shop writes it. Raises ValueError for one in which no page and no mail can be written."""
    name = name.replace("-", "_")
    try:
        Locale.parse(name or "en")
    except (UnknownLocaleError, ValueError) as error:
        raise ValueError("there is no such language") from error
    return name


Status = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(STATUSES)})]
"""Where an order stands."""

Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_email)]

Language = Annotated[
    str,
    Field(
        pattern="^([a-z]{2,3}([_-][A-Za-z]{2,4})?)?$",
        description="Language of the mails, such as `ja` or `de_AT`. Left out: that of the shop.",
    ),
    AfterValidator(_language),
]


# --- what is sent --------------------------------------------------------------------------------------


class Address(RequestModel):
    """Where it goes. What the country does not know is left out; its postcode is checked."""

    street: Text = Field(min_length=1, max_length=500, examples=["123 Main St"])
    city: Line = Field("", max_length=255, examples=["Tokyo"])
    district: Line = Field("", max_length=255)
    region: Line = Field(
        "", max_length=255, description="State, province, prefecture: as the country calls it."
    )
    postal_code: Line = Field("", max_length=40, examples=["100-0001"])
    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166 code.", examples=["JP"])
    company: Line = Field("", max_length=255)
    sorting_code: Line = Field("", max_length=40)
    name: Line = Field("", max_length=255, description="Who receives it, if that is not the customer.")

    def fields(self) -> dict[str, str]:
        """Return the address as the shop keeps it."""
        return {ours: getattr(self, theirs) for theirs, ours in ADDRESS_FIELDS.items()}


class OrderItem(RequestModel):
    """Units of a variant, by its product code (SKU) or its id."""

    product_code: Code | None = Field(None, examples=["PRD-001"])
    variant_id: uuid.UUID | None = Field(None, description="Instead of the product code.")
    name: Text = Field("", max_length=500, description="Not looked at: the shop knows what it is called.")
    quantity: Annotated[int, Field(ge=1, le=MAX_UNITS)] = Field(examples=[2])
    price: SentAmount | None = Field(
        None,
        description="What you believe one costs. It is only compared: if it is not so, nothing is ordered.",
        examples=[29.99],
    )

    def wanted(self) -> RequestedItem:
        """Return it as the shop understands it."""
        code = "" if self.variant_id is not None else (self.product_code or "")
        return RequestedItem(self.quantity, code, self.variant_id, self.price)


class OrderCreate(RequestModel):
    """An order. Prices come from the shop alone."""

    customer_id: Line = Field(
        "",
        max_length=120,
        description="Your name for the customer, or the id of a member of the shop.",
        examples=["CUST-001"],
    )
    items: list[OrderItem] = Field(min_length=1, max_length=MAX_ITEMS)
    shipping_address: Address
    shipping_method: Code | None = Field(None, description="Left out: the cheapest that goes there.")
    payment_method: Code | None = Field(
        None,
        description="A method of the shop; `credit_card` is its first by card. Left out: its first.",
        examples=["credit_card"],
    )
    email: Email = Field("", description="Left out, nobody is written to.", examples=["alice@example.com"])
    phone: Line = Field("", max_length=40)
    note: Text = Field("", max_length=1000)
    locale: Language = ""
    coupon_codes: list[Annotated[Text, Field(min_length=1, max_length=60)]] = Field(
        default_factory=list, max_length=5
    )
    total: SentAmount | None = Field(
        None, description="The total that the customer was shown: 409 when it is another now."
    )

    backordered: int = Field(
        0, ge=0, le=1_000_000, description="How many of the units the customer was shown not to be there yet."
    )

    def order(self) -> DirectOrder:
        """Return it as the shop understands it. Raises InvalidValue for an amount with too many decimals."""
        shown = None if self.total is None else minor(self.total, current_shop().currency, "total")
        return DirectOrder(
            [item.wanted() for item in self.items],
            self.shipping_address.fields(),
            customer_reference=self.customer_id,
            email=self.email,
            name=self.shipping_address.name,
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
    """Which orders are listed, newest first."""

    status: Status | None = Field(None, description="Only orders that stand there.")
    total: bool = Field(
        default=False, description="Count them all, too: that takes longer the more there are."
    )


# --- what is answered ----------------------------------------------------------------------------------


class AddressOut(ResponseModel):
    """Where it goes, in the order's own copy."""

    street: str
    city: str
    district: str
    region: str
    postal_code: str
    country: str
    company: str
    sorting_code: str


class ItemOut(ResponseModel):
    """A line of an order: a frozen copy of what was sold."""

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
    """An amount on the order: promotion, tax, shipping or fee. `included` ones are inside the prices already."""

    label: str
    amount: Amount
    source_type: str
    source_id: str
    included: bool


class OrderAttributes(ResponseModel):
    """The facts of an order."""

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
    """The facts of an order in a list."""

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
    total: int | None = Field(None, description="Only with ?total=true.")


_STAMPS = ("placed", "hold_expires", "paid", "confirmed", "shipped", "delivered", "completed", "cancelled")


def order_out(order: Order) -> OrderOut:
    """Return an order as it is answered."""
    money = {
        name: amount(getattr(order, column), order.currency)
        for name, column in {
            "subtotal": "subtotal",
            "discount": "discount_amount",
            "shipping": "shipping_amount",
            "fee": "fee_amount",
            "tax": "tax_amount",
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
    """Return what the customer is called: as the program that ordered calls him, else by his account."""
    return order.customer_reference or (str(order.member_id) if order.member_id else "")


def address_out(address: Mapping[str, str]) -> AddressOut:
    """Return an order's address as it is answered."""
    return AddressOut(**{theirs: address.get(ours, "") for theirs, ours in ADDRESS_FIELDS.items()})


def item_out(line: OrderLine, currency: str) -> ItemOut:
    """Return a line of an order as it is answered."""
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
    """What may say which version of the order was seen."""

    version: int | None = Field(
        None,
        ge=1,
        le=MAX_VERSION,
        description="The order's version as you saw it: 409 when it is another now. `If-Match` says the same.",
    )


class LineUnits(RequestModel):
    """Units of a line of the order, by the line's id or its product code."""

    line_id: uuid.UUID | None = Field(None, description="`lineId` of the order's item.")
    product_code: Code | None = Field(None, description="Instead of the line's id.", examples=["PRD-001"])
    quantity: Quantity = Field(examples=[1])


class OrderState(ResponseModel):
    """How the order stands now."""

    code: str = Field(examples=["ORD-000001"])
    status: str = Field(examples=["confirmed"])
    payment_status: str = Field(examples=["paid"])
    version: int


class LineOut(ResponseModel):
    """Units of a line of the order."""

    line_id: uuid.UUID
    product_code: str
    name: str
    quantity: int


def order_state(order: Order) -> dict[str, Any]:
    """Return the fields of `OrderState`."""
    return {name: getattr(order, name) for name in ("code", "status", "payment_status", "version")}


def line_fields(order: Order) -> dict[uuid.UUID, dict[str, Any]]:
    """Return what `LineOut` says of each line of an order beside units, by its id."""
    return {
        line.id: {"line_id": line.id, "product_code": line.sku, "name": line.title} for line in order.lines
    }


def resolve_lines(order: Order, sent: Sequence[L]) -> list[tuple[uuid.UUID, L]]:
    """Return what was sent with the id of the line that each names. Raises InvalidValues for those of no line."""
    found = [(_line_of(order, each), each) for each in sent]
    faults = [
        FieldError(f"lines.{index}.{'line_id' if each.line_id else 'product_code'}", _no_line(each))
        for index, (line, each) in enumerate(found)
        if line is None
    ]
    if faults:
        raise InvalidValues(faults)
    return [(line.id, each) for line, each in found if line is not None]


def units_by_line(order: Order, sent: Sequence[LineUnits]) -> dict[uuid.UUID, int]:
    """Return the units by line id; a line that is named twice counts with both. Raises InvalidValues."""
    return sum_units((key, each.quantity) for key, each in resolve_lines(order, sent))


def sum_units(parts: Iterator[tuple[uuid.UUID, int]]) -> dict[uuid.UUID, int]:
    """Return the sum of units by line id."""
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


def _no_line(each: LineUnits) -> str:
    if each.line_id is None and each.product_code is None:
        return "Please name a line by its lineId or its productCode."
    return "This names no line of the order, or more than one."


def optional_minor(field: str, value: Decimal | None, currency: str) -> int | None:
    """Return a sent amount in minor units, None when none was sent. Raises InvalidValue at `field`."""
    if value is None:
        return None
    try:
        return minor(value, currency)
    except InvalidValue as error:
        raise InvalidValue(field, error.reason) from error


def refuse_unused_fields(body: RequestModel, sometimes: Mapping[str, Collection[str]], chosen: str) -> None:
    """Refuse what a choice has no use for: `sometimes` holds choice -> the fields that not all of them take.

    Raises InvalidValues.
    """
    others = {name for names in sometimes.values() for name in names} - set(sometimes.get(chosen, ()))
    faults = [
        FieldError(name, f"{chosen} takes no such field.") for name in sorted(others) if getattr(body, name)
    ]
    if faults:
        raise InvalidValues(faults)
