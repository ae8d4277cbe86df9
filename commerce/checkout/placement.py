"""Placing an order: the attempts, the checks of its lines, and the step that writes it, whoever places it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from commerce import clock
from commerce.cart.details import CheckoutDetails
from commerce.cart.queries import CartLineView
from commerce.checkout.quote import Quote
from commerce.errors import CartEmpty, OutOfStock, Shortage
from commerce.events.outbox import Actor, publish
from commerce.inventory.allocation import AllocationRequest, StockChangedMeanwhile
from commerce.inventory.availability import available_by_variant
from commerce.inventory.services import reserve_stock
from commerce.orders.events import OrderPlaced
from commerce.orders.services import create_order
from commerce.payments.queries import Method
from commerce.payments.services import start_payment
from commerce.pricing.services import CouponConflict, use_coupons
from commerce.settlement.services import settle_free_order
from commerce.tenants.scope import current_shop


class StockConflict(Exception):
    """Stock went between the check and the reservation; carries the lines so that what is short can be named."""

    def __init__(self, lines: tuple[CartLineView, ...]) -> None:
        self.lines = lines


T = TypeVar("T")
PLACEMENT_TRIES = 3


class CouponsInvalidated(Exception):
    """Codes that the shopper was promised have become worthless; carries why, by code."""

    def __init__(self, states: dict[str, str]) -> None:
        self.states = states


@dataclass(frozen=True, slots=True)
class CreatedOrder:
    """An order that is in the database when its transaction commits."""

    order_id: uuid.UUID
    code: str
    token: str
    payment_id: uuid.UUID


def place(build: Callable[[], T]) -> T:
    """Place an order by `build`, a use case, trying again while others take the stock that was there a moment ago.

    Raises OutOfStock with every short line, StockConflict when the lines are there and yet could not be reserved in
    PLACEMENT_TRIES attempts, and what `build` raises.
    """
    for attempt in range(1, PLACEMENT_TRIES + 1):
        try:
            return build()
        except StockConflict as conflict:
            # Rolled back. Look again without our own locks on the rows: all that is really short is named.
            shortages = shortages_of(conflict.lines)
            if shortages:
                raise OutOfStock(shortages) from None
            if attempt == PLACEMENT_TRIES:
                raise
    raise AssertionError("unreachable")


# --- checks of the lines -------------------------------------------------------------------------------


def check_lines(lines: tuple[CartLineView, ...]) -> None:
    """Raise CartEmpty, or OutOfStock with every line that asks for more than there is."""
    if not lines:
        raise CartEmpty
    short = [shortage_of(line) for line in lines if line.short]
    if short:
        raise OutOfStock(short)


def shortages_of(lines: tuple[CartLineView, ...]) -> list[Shortage]:
    """Return the lines that ask for more than there is now."""
    available = available_by_variant([line.variant_id for line in lines])
    return [
        _shortage(line, available[line.variant_id])
        for line in lines
        if available[line.variant_id] < line.quantity
    ]


def shortage_of(line: CartLineView) -> Shortage:
    """Return a line as one that is short: of what is available, nothing if it is not sold."""
    return _shortage(line, line.available if line.sold else 0)


def _shortage(line: CartLineView, available: int) -> Shortage:
    title = f"{line.title} ({line.options})" if line.options else line.title
    return Shortage(line.variant_id, line.sku, title, line.quantity, max(0, available))


# --- writing it ----------------------------------------------------------------------------------------


def write_order(
    lines: tuple[CartLineView, ...],
    details: CheckoutDetails,
    method: Method,
    priced: Quote,
    actor: Actor,
    *,
    cart_id: uuid.UUID | None = None,
    member_id: uuid.UUID | None = None,
    customer_reference: str = "",
) -> CreatedOrder:
    """Write an order with its payment, its event, its coupons and, last, its stock. A step.

    Raises StockConflict when stock went meanwhile, CouponsInvalidated when a coupon did.
    """
    known = {"cart_id": cart_id, "member_id": member_id, "customer_reference": customer_reference}
    order_id, code, token, line_ids = create_order(
        {**_order_values(details, method, priced), **known},
        [_order_line(*pair) for pair in zip(lines, priced.totals.lines, strict=True)],
        [{**asdict(each), "shares": list(each.shares)} for each in priced.totals.adjustments],
        [coupon.code for coupon in priced.found.coupons],
    )
    total, currency = priced.totals.total, current_shop().currency
    payment_id = start_payment(
        order_id=order_id, method=method.code, gateway=method.gateway, amount=total, currency=currency
    )
    placed = OrderPlaced(
        subject_id=order_id,
        subject_version=1,
        code=code,
        total=total,
        currency=currency,
        pay_later=method.pay_later,
    )
    publish(replace(actor, name=actor.name or details.email), placed)
    _use_coupons(order_id, priced, details.email or customer_reference)
    try:
        reserve_stock(
            order_id,
            [
                AllocationRequest(key, line.variant_id, line.quantity, beyond=line.backordered)
                for key, line in zip(line_ids, lines, strict=True)
            ],
        )
    except StockChangedMeanwhile:
        raise StockConflict(lines) from None
    if not total:
        # Nothing to pay is paid at once, whatever the method: nobody would ever come to pay it.
        settle_free_order(order_id, payment_id, actor.request_id)
    return CreatedOrder(order_id, code, token, payment_id)


def _use_coupons(order_id: uuid.UUID, priced: Quote, customer: str) -> None:
    try:
        use_coupons(order_id, priced.found.coupons, customer)
    except CouponConflict as raced:
        reason = "used_by_you" if raced.by_customer else "used_up"
        raise CouponsInvalidated(dict.fromkeys(raced.codes, reason)) from None


def _order_values(details: CheckoutDetails, method: Method, priced: Quote) -> dict[str, Any]:
    shop, totals, now = current_shop(), priced.totals, clock.now()
    if priced.shipping is None:
        raise AssertionError("checked before")
    return {
        "email": details.email,
        "name": details.name,
        "phone": details.phone,
        "note": details.note,
        "locale": details.locale or shop.locale,
        "shipping_address": dict(details.address),
        "shipping_method": priced.shipping.code,
        "shipping_label": priced.shipping.name,
        "payment_method": method.code,
        "payment_label": method.name,
        "pay_later": method.pay_later,
        "cash_rounding": method.cash_rounding,
        "currency": shop.currency,
        "prices_include_tax": shop.prices_include_tax,
        "subtotal": totals.subtotal,
        "discount_amount": totals.discount_amount,
        "shipping_amount": totals.shipping_amount,
        "fee_amount": totals.fee_amount,
        "tax_amount": totals.tax_amount,
        "total": totals.total,
        "placed_at": now,
        "hold_expires_at": now + timedelta(minutes=method.hold_minutes),
    }


def _order_line(line: CartLineView, priced: Any) -> dict[str, Any]:
    facts = ("product_id", "variant_id", "sku", "title", "options", "slug", "image")
    amounts = ("amount", "discount_amount", "tax_rate_ppm", "tax_amount")
    return {
        **{name: getattr(line, name) for name in (*facts, "quantity", "backordered")},
        **{name: getattr(priced, name) for name in amounts},
        "ships_from": line.ships_from if line.backordered else None,
        "unit_price": line.price,
    }
