"""From cart to order, and from money to confirmed order. See docs/architecture.md for the path with file names."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from commerce.cart.queries import CartLineView, lines_of
from commerce.cart.services import claim_cart, remove_codes
from commerce.checkout.placement import CouponsInvalidated, StockConflict, write_order
from commerce.checkout.quote import Quote, quote_details
from commerce.db import atomic, idempotent
from commerce.errors import (
    CartChanged,
    CartEmpty,
    CouponExhausted,
    InvalidValue,
    NotFound,
    OutOfStock,
    PriceChanged,
    Shortage,
)
from commerce.events.outbox import Actor
from commerce.inventory.availability import available_by_variant
from commerce.orders.queries import find_by_cart
from commerce.payments.gateways.registry import gateway
from commerce.payments.queries import Method
from commerce.tenants.scope import current_shop

PLACEMENT_TRIES = 3


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The order that a cart became; `replayed` tells that it had been placed before."""

    id: uuid.UUID
    code: str
    token: str
    payment_id: uuid.UUID | None
    gateway: str
    pay_later: bool
    replayed: bool = False


# --- transaction 1: the order ----------------------------------------------------------------------


def place_order(
    *,
    shopper: str,
    checkout_token: str,
    cart_version: int,
    shown_total: int,
    actor: Actor,
    shown_backordered: int = 0,
    card_number: str | None = None,
) -> PlacedOrder:
    """Turn a cart into an order exactly once, holding its stock, or leave everything as it was.

    `shown_total` is what the shopper saw, in minor units, `shown_backordered` of how many units he read that they are
    not there; `card_number` is only looked at, so that a slip of the finger is found before anything is ordered (None:
    the caller takes no card). A cart that was ordered before answers with that order. Raises NotFound (no such cart of
    this shopper), CartChanged (more units would be on backorder, too), CartEmpty, PriceChanged, CouponExhausted (after
    the codes were taken out of the cart), OutOfStock (all short lines), InvalidValue (details incomplete, card number
    mistyped), Busy.
    """
    for _ in range(PLACEMENT_TRIES):
        try:
            return _place_order(
                shopper, checkout_token, cart_version, shown_total, shown_backordered, actor, card_number
            )
        except StockConflict as raced:
            # Rolled back. Look again without our own grip on the rows: what is really short is said, all of it.
            shortages = shortages_of(raced.lines)
            if shortages:
                raise OutOfStock(shortages) from None
        except CouponsInvalidated as gone:
            with idempotent(None):
                remove_codes(shopper, gone.states)
            raise CouponExhausted(gone.states) from None
    raise CartChanged("others_buying")


@atomic
def _place_order(
    shopper: str,
    checkout_token: str,
    cart_version: int,
    shown_total: int,
    shown_backordered: int,
    actor: Actor,
    card_number: str | None,
) -> PlacedOrder:
    claimed = claim_cart(shopper, checkout_token, cart_version)
    if claimed is None:
        return _placed_before(shopper, checkout_token)
    cart_id, details = claimed.cart_id, claimed.details
    lines = lines_of(cart_id)
    check_lines(lines)
    if claimed.rules_version != current_shop().rules_version:
        raise CartChanged("terms_changed")
    method, priced = check_details(
        lines, details, coupon_codes=claimed.coupon_codes, draft=bool(claimed.draft_by)
    )
    if priced.totals.total != shown_total:
        gone = {state.code: state.reason for state in priced.coupons if state.gone}
        raise CouponsInvalidated(gone) if gone else PriceChanged(shown_total, priced.totals.total)
    if sum(line.backordered for line in lines) > shown_backordered:
        raise CartChanged("now_on_backorder")
    if card_number is not None and shown_total:
        gateway(method.gateway).check(card_number)
    written = write_order(lines, details, method, priced, actor, cart_id=cart_id, member_id=_member(actor))
    return PlacedOrder(
        written.order_id, written.code, written.token, written.payment_id, method.gateway, method.pay_later
    )


def _member(actor: Actor) -> uuid.UUID | None:
    """Return whose order it is: that of the member who places it, as his session says."""
    return uuid.UUID(actor.id) if actor.kind == "member" else None


def _placed_before(shopper: str, checkout_token: str) -> PlacedOrder:
    order = find_by_cart(checkout_token, shopper)
    if order is None:
        raise NotFound("cart_not_found")
    return PlacedOrder(order.id, order.code, order.token, None, "", order.pay_later, replayed=True)


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


def check_details(
    lines: tuple[CartLineView, ...],
    details: dict[str, Any],
    *,
    coupon_codes: Sequence[str] = (),
    draft: bool = False,
) -> tuple[Method, Quote]:
    """Return payment method and price for saved details. Raises InvalidValue for the first thing that is missing.

    A `draft` is a cart of staff: only there a discount by hand in the details counts.
    """
    address = details.get("address") or {}
    for field in ("email", "name"):
        if not details.get(field):
            raise InvalidValue(field, "contact_required")
    if not address.get("country_code"):
        raise InvalidValue("country_code", "address_required")
    priced = quote_details(lines, address["country_code"], details, coupon_codes=coupon_codes, draft=draft)
    if priced.payment is None:
        raise InvalidValue("payment_method", "payment_method_required")
    if priced.shipping is None:
        raise InvalidValue("shipping_method", "shipping_method_required")
    return priced.payment, priced
