"""Orders in any status, made by the steps of the product on real rows. The test has entered the shop."""

import uuid
from typing import Any

from sqlalchemy import select

from commerce.catalog.models import Product, Variant
from commerce.db import atomic, db
from commerce.events.outbox import Actor, publish
from commerce.inventory.services import AllocationRequest, reserve_stock
from commerce.orders.events import OrderPlaced
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.orders.returns import decline_refund, refund_order, request_return
from commerce.orders.services import (
    apply_transition,
    cancel_order,
    change_status,
    confirm_order,
    create_order,
    lock_order,
)
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.services import lock_payments, record_outcome, start_payment
from commerce.shipping.services import ship_order
from commerce.tenants.scope import current_shop

BOB = Actor("staff", id="bob", name="Bob", request_id="request-of-bob")
GATEWAY = Actor("gateway", "test_card", "test_card")
PATHS: dict[str, tuple[str, ...]] = {
    "pending": (),
    "paid": ("pay",),
    "confirmed": ("pay", "confirm"),
    "processing": ("pay", "confirm", "process"),
    "shipped": ("pay", "confirm", "process", "ship"),
    "delivered": ("pay", "confirm", "process", "ship", "deliver"),
    "completed": ("pay", "confirm", "process", "ship", "deliver", "complete"),
    "cancelled": ("cancel",),
    "refund_requested": ("pay", "confirm", "request_refund"),
    "refunded": ("pay", "confirm", "request_refund", "refund"),
}
"""The actions that lead to each status."""


@atomic
def placed_order(
    *,
    sku: str = "TEA-1",
    quantity: int = 2,
    pay_later: bool = False,
    name: str = "Ann Buyer",
    email: str = "ann@buyer.test",
    **values: Any,
) -> uuid.UUID:
    """Place an order of one line of an existing SKU, its stock held, and return its id."""
    variant = db.session.scalar(select(Variant).where(Variant.sku == sku))
    assert variant is not None, "make the product first"
    product = db.session.scalar(select(Product).where(Product.id == variant.product_id))
    assert product is not None
    currency, amount = current_shop().currency, variant.price * quantity
    order_id, code, _token, line_ids = create_order(
        {
            "cart_id": None,
            "email": email,
            "name": name,
            "phone": "",
            "note": "",
            "locale": "en",
            "shipping_address": {
                "country_code": "US",
                "street_address": "1 Main Street",
                "city": "Springfield",
                "country_area": "IL",
                "postal_code": "62701",
            },
            "shipping_method": "standard",
            "shipping_label": "Standard",
            "payment_method": "cash_on_delivery" if pay_later else "bank_transfer",
            "payment_label": "Cash on delivery" if pay_later else "Bank transfer",
            "pay_later": pay_later,
            "currency": currency,
            "prices_include_tax": True,
            "subtotal": amount,
            "shipping_amount": 500,
            "tax_amount": 0,
            "total": amount + 500,
            **values,
        },
        [
            {
                "product_id": product.id,
                "variant_id": variant.id,
                "sku": sku,
                "title": product.title,
                "options": " / ".join(variant.option_values),
                "slug": product.slug,
                "quantity": quantity,
                "unit_price": variant.price,
                "amount": amount,
            }
        ],
        [{"source_type": "shipping", "source_id": "", "label": "Standard", "amount": 500, "included": False}],
    )
    start_payment(
        order_id=order_id, method="bank_transfer", gateway="manual", amount=amount + 500, currency=currency
    )
    publish(
        Actor("guest", name=email),
        OrderPlaced(
            subject_id=order_id,
            subject_version=1,
            code=code,
            total=amount + 500,
            currency=currency,
            pay_later=pay_later,
        ),
    )
    reserve_stock(order_id, [AllocationRequest(line_ids[0], variant.id, quantity)])
    return order_id


def order_in(status: str, **values: Any) -> Order:
    """Place an order and lead it to `status`; `values` go to `placed_order`."""
    order_id = placed_order(**values)
    for action in PATHS[status]:
        take_step(order_id, action)
    return fresh(order_id)


def take_step(order_id: uuid.UUID, action: str) -> None:
    """Do one action as Bob, with all that it does to stock and money."""
    if action == "pay":
        _pay(order_id)
    elif action == "confirm":
        assert confirm_order(order_id, BOB)
    elif action == "ship":
        ship_order(order_id, BOB)
    elif action == "cancel":
        cancel_order(order_id, BOB, reason="Changed my mind")
    elif action == "request_refund":
        request_return(order_id, BOB, reason="Because")
    elif action == "decline_refund":
        decline_refund(order_id, BOB, reason="Because")
    elif action == "refund":
        refund_order(order_id, BOB, reason="")
    else:
        change_status(order_id, action, BOB, reason="Because")


@atomic
def _pay(order_id: uuid.UUID) -> None:
    """Capture the money and stop there: the moment between payment and confirmation."""
    order = lock_order(order_id)
    payment = lock_payments(order_id)[0]
    record_outcome(payment, PaymentOutcome("captured", payment.amount, payment.currency, "receipt"))
    order.payment_status = "paid"
    apply_transition(order, "pay", GATEWAY)


@atomic
def move_alone(order_id: uuid.UUID, action: str, actor: Actor, reason: str = "Because") -> None:
    """Do nothing but the change of status itself."""
    apply_transition(lock_order(order_id), action, actor, reason)


def fresh(order_id: uuid.UUID) -> Order:
    """Return an order as the database has it now. No read transaction stays open that would hide what comes next."""
    db.session.close()
    order = get_order(order_id)
    db.session.close()
    return order
