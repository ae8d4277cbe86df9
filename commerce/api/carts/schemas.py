"""Requests and responses of the cart operations."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import Field

from commerce.api.orders.schemas import Address, AddressOut, Email, Language, OrderItem, address_out
from commerce.api.schemas import (
    Amount,
    Code,
    Line,
    RequestModel,
    ResponseModel,
    SentAmount,
    Text,
    amount,
    minor,
)
from commerce.cart.details import TEXT_FIELDS, CheckoutDetails
from commerce.cart.queries import MAX_UNITS_PER_LINE, CartLineView, CartView
from commerce.checkout.direct_orders import clean_address, find_method, find_shipping
from commerce.checkout.quote import Quote, quote_cart
from commerce.errors import InvalidValue
from commerce.payments.queries import payment_methods
from commerce.tenants.scope import current_shop

MAX_NEW_CART_LINES = 200
"""Maximum number of items in a request that creates a cart."""

# --- requests -------------------------------------------------------------------------------------------


class CartCreate(RequestModel):
    """A new cart, empty or with items."""

    items: list[OrderItem] = Field(default_factory=list, max_length=MAX_NEW_CART_LINES)


class CartLinePatch(RequestModel):
    """The new quantity of a cart line."""

    quantity: Annotated[int, Field(ge=0, le=MAX_UNITS_PER_LINE)] = Field(
        examples=[3], description="0 removes the line."
    )


class CartDetails(RequestModel):
    """Contact, address and methods of a cart. Omitted fields are cleared."""

    email: Email = Field("", examples=["alice@example.com"])
    name: Line = Field("", max_length=255, examples=["Alice"])
    phone: Line = Field("", max_length=40)
    shipping_address: Address | None = Field(
        None,
        description="Its `name` is used if `name` is omitted.",
        examples=[{"street": "123 Main St", "city": "Tokyo", "postalCode": "100-0001", "country": "JP"}],
    )
    shipping_method: Code | None = Field(
        None, description="A shipping method of the quote.", examples=["parcel"]
    )
    payment_method: Code | None = Field(
        None,
        description="A payment method of the shop. `credit_card` is the first card method.",
        examples=["bank_transfer"],
    )
    note: Text = Field("", max_length=1000)
    locale: Language = ""

    def details(self, lines: Sequence[CartLineView]) -> CheckoutDetails:
        """Return the details of the cart. Raises InvalidValue, InvalidValues."""
        sent = self.shipping_address
        ships = not lines or any(line.requires_shipping for line in lines)
        address = None
        if sent or not ships:
            address = clean_address(sent.fields() if sent else {}, ships=ships)
        shipping, payment = self.shipping_method or "", self.payment_method or ""
        if shipping and address is None:
            raise InvalidValue("shipping_address", "shipping_method_without_address")
        return CheckoutDetails(
            email=self.email,
            name=self.name or (sent.name if sent else ""),
            phone=self.phone,
            note=self.note,
            locale=self.locale,
            payment_method=find_method(payment).code if payment else "",
            shipping_method=find_shipping(shipping, address["country_code"], lines)
            if shipping and address
            else "",
            address=address or {},
        )


class CartCoupon(RequestModel):
    """A coupon code."""

    code: Text = Field(min_length=1, max_length=60, examples=["WELCOME10"])


class CartCheckout(RequestModel):
    """The cart as the shopper confirmed it."""

    total: SentAmount = Field(examples=[64.98], description="The `total` of the quote.")
    version: int = Field(ge=1, examples=[4], description="The version of the cart.")
    backordered: int = Field(
        0, ge=0, le=1_000_000, description="Number of units that were shown as backordered."
    )

    def shown_total(self) -> int:
        """Return the confirmed total in minor units. Raises InvalidValue for too many decimals."""
        return minor(self.total, current_shop().currency, "total")


# --- responses ------------------------------------------------------------------------------------------


class CartLineOut(ResponseModel):
    """A cart line with its current price and stock."""

    line_id: uuid.UUID
    product_code: str
    variant_id: uuid.UUID
    name: str
    options: str
    quantity: int
    price: Amount
    total: Amount
    available: int = Field(description="Units that can be ordered.")
    backordered: int = Field(description="Units of the line that are not in stock.")
    ships_from: date | None = Field(description="When backordered units are expected to ship.")


class CartDetailsOut(ResponseModel):
    """Contact, address and methods, as far as they are set."""

    email: str
    name: str
    phone: str
    shipping_address: AddressOut | None
    shipping_method: str
    payment_method: str
    note: str
    locale: str


class MethodOut(ResponseModel):
    """A shipping or payment method. The price excludes tax unless prices include it."""

    code: str = Field(examples=["standard"])
    name: str
    price: Amount


class CartDiscountOut(ResponseModel):
    """The discount of a promotion."""

    label: str
    amount: Amount
    code: str = Field(description="The coupon code of the promotion, if it has one.")


class CartQuoteOut(ResponseModel):
    """Total and available methods for the address of the cart."""

    discounts: list[CartDiscountOut]
    shipping_methods: list[MethodOut] = Field(
        description="Methods that ship the cart to its address. Empty if there is none."
    )
    payment_methods: list[MethodOut]
    discount: Amount
    shipping: Amount
    fee: Amount
    tax: Amount
    rounding: Amount = Field(description="Cash rounding of the total.")
    prices_include_tax: bool
    total: Amount


class CartOut(ResponseModel):
    """A cart."""

    cart_id: str = Field(description="256 random bits. Valid only for the API client that created the cart.")
    version: int
    items: list[CartLineOut]
    capped: bool = Field(description="Whether fewer units were available than requested.")
    coupon_codes: list[str]
    idle_codes: dict[str, str] = Field(description="Codes that give no discount, with the reason.")
    currency: str
    subtotal: Amount
    details: CartDetailsOut
    quote: CartQuoteOut | None = Field(description="Null until the cart has an address.")


def cart_out(cart: CartView, cart_token: str, *, capped: bool = False) -> CartOut:
    """Return a cart for a response."""
    currency, priced = current_shop().currency, quote_cart(cart)
    return CartOut(
        cart_id=cart_token,
        version=cart.version,
        items=[_line_out(line, currency) for line in cart.lines],
        capped=capped,
        coupon_codes=list(cart.coupon_codes),
        idle_codes={state.code: state.reason for state in priced.coupons if state.reason},
        currency=currency,
        subtotal=amount(cart.subtotal, currency),
        details=_details_out(cart.details),
        quote=_quote_out(priced, currency) if cart.details.address else None,
    )


def _line_out(line: CartLineView, currency: str) -> CartLineOut:
    return CartLineOut(
        line_id=line.id,
        product_code=line.sku,
        variant_id=line.variant_id,
        name=line.title,
        options=line.options,
        quantity=line.quantity,
        price=amount(line.price, currency),
        total=amount(line.amount, currency),
        available=line.most,
        backordered=line.backordered,
        ships_from=line.ships_from if line.backordered else None,
    )


def _details_out(details: CheckoutDetails) -> CartDetailsOut:
    return CartDetailsOut(
        **{name: getattr(details, name) for name in TEXT_FIELDS},
        shipping_address=address_out(details.address) if details.address else None,
    )


def _quote_out(priced: Quote, currency: str) -> CartQuoteOut:
    def choice(code: str, name: str, price: int) -> MethodOut:
        return MethodOut(code=code, name=name, price=amount(price, currency))

    totals = priced.totals
    return CartQuoteOut(
        discounts=[
            CartDiscountOut(label=each.label, amount=amount(each.amount, currency), code=each.code)
            for each in priced.discounts
        ],
        shipping_methods=[choice(offer.code, offer.name, offer.price) for offer in priced.offers],
        payment_methods=[choice(each.code, each.name, priced.fee_of(each)) for each in payment_methods()],
        discount=amount(totals.discount_amount, currency),
        shipping=amount(totals.shipping_amount, currency),
        fee=amount(totals.fee_amount, currency),
        tax=amount(totals.tax_amount, currency),
        rounding=amount(totals.rounding_amount, currency),
        prices_include_tax=current_shop().prices_include_tax,
        total=amount(totals.total, currency),
    )
