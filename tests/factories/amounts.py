"""Orders whose money has every part: lines with discounts, tax inside or on top, shipping, fee. For any currency."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import select

from commerce.catalog.models import Variant
from commerce.db import atomic, db
from commerce.events.outbox import Actor, publish
from commerce.inventory.services import AllocationRequest, reserve_stock
from commerce.money import included_share, share_of
from commerce.orders.events import OrderPlaced
from commerce.orders.services import create_order
from commerce.payments.services import start_payment
from tests.factories.orders import take_step
from tests.factories.shop import Sold

CURRENCIES = ("JPY", "TWD", "EUR", "KWD")


@dataclass(frozen=True)
class BoughtLine:
    """Units of a variant; `price` of one and the line's `discount` are minor units."""

    quantity: int
    price: int
    discount: int = 0
    rate_ppm: int = 0

    @property
    def amount(self) -> int:
        """The price of all units."""
        return self.quantity * self.price


@dataclass(frozen=True)
class Bought:
    """What the order is about; amounts are minor units."""

    lines: tuple[BoughtLine, ...]
    currency: str = "EUR"
    includes_tax: bool = True
    shipping: int = 0
    fee: int = 0
    shipping_discount: int = 0
    shipping_tax: int = 0

    def tax_of(self, line: BoughtLine) -> int:
        """Return the tax of a line after its discount."""
        share = included_share if self.includes_tax else share_of
        return share(line.amount - line.discount, line.rate_ppm)

    @property
    def tax(self) -> int:
        """All tax of the order."""
        return sum(self.tax_of(line) for line in self.lines) + self.shipping_tax

    @property
    def discount(self) -> int:
        """All that was taken off."""
        return sum(line.discount for line in self.lines) + self.shipping_discount

    @property
    def total(self) -> int:
        """What the shopper paid."""
        net = sum(line.amount for line in self.lines) - self.discount + self.shipping + self.fee
        return net + (0 if self.includes_tax else self.tax)

    def order_values(self) -> dict[str, Any]:
        """Return the money columns of the order."""
        return {
            "currency": self.currency,
            "prices_include_tax": self.includes_tax,
            "subtotal": sum(line.amount for line in self.lines),
            "discount_amount": self.discount,
            "shipping_amount": self.shipping,
            "fee_amount": self.fee,
            "tax_amount": self.tax,
            "total": self.total,
        }

    def line_values(self, line: BoughtLine) -> dict[str, Any]:
        """Return the money columns of a line."""
        return {
            "quantity": line.quantity,
            "unit_price": line.price,
            "amount": line.amount,
            "discount_amount": line.discount,
            "tax_rate_ppm": line.rate_ppm,
            "tax_amount": self.tax_of(line),
        }


@st.composite
def bought(draw: st.DrawFn, most_lines: int = 3, most_units: int = 4) -> Bought:
    """Draw an order with every kind of amount, odd ones first of all."""

    def line() -> BoughtLine:
        quantity, price = draw(st.integers(1, most_units)), draw(st.integers(0, 3000))
        discount = draw(st.integers(0, quantity * price))
        return BoughtLine(quantity, price, discount, draw(st.sampled_from([0, 50_000, 77_000, 190_000])))

    shipping = draw(st.integers(0, 1500))
    return Bought(
        lines=tuple(line() for _ in range(draw(st.integers(1, most_lines)))),
        currency=draw(st.sampled_from(CURRENCIES)),
        includes_tax=draw(st.booleans()),
        shipping=shipping,
        fee=draw(st.integers(0, 300)),
        shipping_discount=draw(st.integers(0, shipping)),
        shipping_tax=draw(st.integers(0, shipping // 5)),
    )


@atomic
def place(what: Bought, sold: Sequence[Sold]) -> uuid.UUID:
    """Place an order for one line of each product, its stock held, nothing paid yet; return its id."""
    rows = []
    for line, product in zip(what.lines, sold, strict=False):
        variant = db.session.scalar(select(Variant).where(Variant.id == product.variant_id))
        assert variant is not None
        rows.append(
            {
                "product_id": product.product_id,
                "variant_id": product.variant_id,
                "sku": product.sku,
                "title": product.title,
                **what.line_values(line),
            }
        )
    order_id, code, _token, line_ids = create_order(
        {
            "cart_id": None,
            "email": "ann@buyer.test",
            "name": "Ann Buyer",
            "locale": "en",
            "shipping_address": {"country_code": "US", "street_address": "1 Main Street"},
            "shipping_method": "standard",
            "shipping_label": "Standard",
            "payment_method": "bank_transfer",
            "payment_label": "Bank transfer",
            **what.order_values(),
        },
        rows,
        [],
    )
    start_payment(
        order_id=order_id,
        method="bank_transfer",
        gateway="manual",
        amount=what.total,
        currency=what.currency,
    )
    publish(
        Actor("guest", name="ann@buyer.test"),
        OrderPlaced(
            subject_id=order_id,
            subject_version=1,
            code=code,
            total=what.total,
            currency=what.currency,
            pay_later=False,
        ),
    )
    wants = zip(line_ids, what.lines, sold, strict=False)
    reserve_stock(
        order_id, [AllocationRequest(key, product.variant_id, line.quantity) for key, line, product in wants]
    )
    return order_id


def lead_to(order_id: uuid.UUID, *actions: str) -> None:
    """Do actions one after another as Bob."""
    for action in actions:
        take_step(order_id, action)
