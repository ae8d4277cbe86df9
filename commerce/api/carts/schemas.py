"""Carts at the JSON edge: lines at the prices of now and, once it is known where it goes, the whole price."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

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
from commerce.cart.queries import MAX_UNITS_PER_LINE, CartLineView, CartView
from commerce.checkout.direct_orders import clean_address, find_method, find_shipping
from commerce.checkout.quote import Quote, quote_cart
from commerce.errors import InvalidValue
from commerce.payments.queries import payment_methods
from commerce.tenants.scope import current_shop

MOST_LINES = 200
"""Lines with which a cart is opened."""

# --- what is sent --------------------------------------------------------------------------------------


class CartToOpen(RequestModel):
    """A new cart, empty or with something in it."""

    items: list[OrderItem] = Field(default_factory=list, max_length=MOST_LINES)


class CartLineChange(RequestModel):
    """How many units a line shall have."""

    quantity: Annotated[int, Field(ge=0, le=MAX_UNITS_PER_LINE)] = Field(
        examples=[3], description="0 takes the line out."
    )


class CartDetails(RequestModel):
    """For whom, where to and how: all of it, each time. What is left out is not chosen (any more)."""

    email: Email = Field("", examples=["alice@example.com"])
    name: Line = Field("", max_length=255, examples=["Alice"])
    phone: Line = Field("", max_length=40)
    shipping_address: Address | None = Field(
        None,
        description="Its `name` counts where `name` is left out.",
        examples=[{"street": "123 Main St", "city": "Tokyo", "postalCode": "100-0001", "country": "JP"}],
    )
    shipping_method: Code | None = Field(
        None, description="One that the cart offers, once it has an address.", examples=["parcel"]
    )
    payment_method: Code | None = Field(
        None,
        description="A method of the shop; `credit_card` is its first by card.",
        examples=["bank_transfer"],
    )
    note: Text = Field("", max_length=1000)
    locale: Language = ""

    def details(self, lines: Sequence[CartLineView]) -> dict[str, Any]:
        """Return them as a cart keeps them. Raises InvalidValue, InvalidValues."""
        sent = self.shipping_address
        address = clean_address(sent.fields()) if sent else None
        shipping, payment = self.shipping_method or "", self.payment_method or ""
        if shipping and address is None:
            raise InvalidValue("shipping_address", "shipping_method_without_address")
        details = {
            "email": self.email,
            "name": self.name or (sent.name if sent else ""),
            "phone": self.phone,
            "note": self.note,
            "locale": self.locale,
            "payment_method": find_method(payment).code if payment else "",
            "shipping_method": "",
        }
        if address is None:
            return details
        if shipping:
            details["shipping_method"] = find_shipping(shipping, address["country_code"], lines)
        return {**details, "address": address}


class CodeToEnter(RequestModel):
    """A coupon code."""

    code: Text = Field(min_length=1, max_length=60, examples=["WELCOME10"])


class CartOrder(RequestModel):
    """What the shopper was shown when he said yes."""

    total: SentAmount = Field(examples=[64.98], description="The `total` of the quote.")
    version: int = Field(ge=1, examples=[4], description="The version of the cart.")
    backordered: int = Field(
        0, ge=0, le=1_000_000, description="How many of its units were shown as not there yet."
    )

    def shown_total(self) -> int:
        """Return the total in minor units. Raises InvalidValue for too many decimals."""
        return minor(self.total, current_shop().currency, "total")


# --- what is answered ----------------------------------------------------------------------------------


class CartLineOut(ResponseModel):
    """A line at the price and stock of now."""

    line_id: uuid.UUID
    product_code: str
    variant_id: uuid.UUID
    name: str
    options: str
    quantity: int
    price: Amount
    total: Amount
    available: int = Field(description="Units that could be ordered now.")
    backordered: int = Field(description="Units of the line that are not there: they are a promise.")
    ships_from: date | None = Field(description="When they are expected.")


class DetailsOut(ResponseModel):
    """For whom, where to and how, as far as that is known."""

    email: str
    name: str
    phone: str
    shipping_address: AddressOut | None
    shipping_method: str
    payment_method: str
    note: str
    locale: str


class ChoiceOut(ResponseModel):
    """A way to ship or to pay, and what it costs before tax that prices do not include."""

    code: str = Field(examples=["standard"])
    name: str
    price: Amount


class ReductionOut(ResponseModel):
    """What a promotion takes off."""

    label: str
    amount: Amount
    code: str = Field(description="The coupon code that opened it, if one did.")


class QuoteOut(ResponseModel):
    """What the cart costs there, with the methods that are chosen so far."""

    discounts: list[ReductionOut]
    shipping_methods: list[ChoiceOut] = Field(description="What ships this cart there; none: nothing does.")
    payment_methods: list[ChoiceOut]
    discount: Amount
    shipping: Amount
    fee: Amount
    tax: Amount
    prices_include_tax: bool
    total: Amount


class CartOut(ResponseModel):
    """A cart."""

    cart_id: str = Field(
        description="256 random bits; the cart opens for the client that made it and for nobody else."
    )
    version: int
    items: list[CartLineOut]
    capped: bool = Field(
        description="Whether there were fewer units than you have just wished: the cart has all that there are."
    )
    coupon_codes: list[str]
    idle_codes: dict[str, str] = Field(description="Codes that take nothing off now -> why.")
    currency: str
    subtotal: Amount
    details: DetailsOut
    quote: QuoteOut | None = Field(description="Once it has an address.")


def cart_out(cart: CartView, cart_token: str, *, capped: bool = False) -> CartOut:
    """Return a cart as it is answered."""
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
        quote=_quote_out(priced, currency) if cart.details.get("address") else None,
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


def _details_out(details: dict[str, Any]) -> DetailsOut:
    address = details.get("address")
    plain = ("email", "name", "phone", "shipping_method", "payment_method", "note", "locale")
    return DetailsOut(
        **{name: details.get(name, "") for name in plain},
        shipping_address=address_out(address) if address else None,
    )


def _quote_out(priced: Quote, currency: str) -> QuoteOut:
    def choice(code: str, name: str, price: int) -> ChoiceOut:
        return ChoiceOut(code=code, name=name, price=amount(price, currency))

    totals = priced.totals
    return QuoteOut(
        discounts=[
            ReductionOut(label=each.label, amount=amount(each.amount, currency), code=each.code)
            for each in priced.discounts
        ],
        shipping_methods=[choice(offer.code, offer.name, offer.price) for offer in priced.offers],
        payment_methods=[choice(each.code, each.name, priced.fee_of(each)) for each in payment_methods()],
        discount=amount(totals.discount_amount, currency),
        shipping=amount(totals.shipping_amount, currency),
        fee=amount(totals.fee_amount, currency),
        tax=amount(totals.tax_amount, currency),
        prices_include_tax=current_shop().prices_include_tax,
        total=amount(totals.total, currency),
    )
