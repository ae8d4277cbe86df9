"""From cart to order, and from money to confirmed order. See docs/architecture.md for the path with file names."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from commerce.cart.details import CheckoutDetails
from commerce.cart.queries import CartLineView, lines_of
from commerce.cart.services import claim_cart, remove_codes
from commerce.checkout.placement import CouponsInvalidated, StockConflict, check_lines, place, write_order
from commerce.checkout.quote import Quote, quote_details
from commerce.content.queries import current_terms
from commerce.db import atomic, idempotent
from commerce.errors import (
    CartChanged,
    CouponExhausted,
    InvalidValue,
    NotFound,
    PriceChanged,
)
from commerce.events.outbox import Actor
from commerce.orders.queries import find_by_cart
from commerce.payments.gateways.registry import gateway
from commerce.payments.queries import Method
from commerce.tenants.scope import current_shop


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


@dataclass(frozen=True, slots=True)
class TermsShown:
    """The terms that the review page showed: the id of their revision, '' for none, and whether a box was ticked."""

    revision_id: str
    ticked: bool


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
    terms: TermsShown | None = None,
) -> PlacedOrder:
    """Turn a cart into an order exactly once, holding its stock, or leave everything as it was.

    `shown_total` is what the shopper saw, in minor units, `shown_backordered` how many units the page said were
    not there; `card_number` is only looked at, so that a slip of the finger is found before anything is ordered (None:
    the caller takes no card). `terms` is what was accepted, None where no customer is asked, as by API. A cart that was
    ordered before answers with that order. Raises NotFound (no such cart of this shopper), CartChanged (more units
    would be on backorder, or the terms are others), CartEmpty, PriceChanged, CouponExhausted (after the codes were
    taken out of the cart), OutOfStock (all short lines), InvalidValue (details incomplete, card number mistyped, terms
    not accepted), Busy.
    """
    try:
        return place(
            partial(
                _place_order,
                shopper=shopper,
                checkout_token=checkout_token,
                cart_version=cart_version,
                shown_total=shown_total,
                shown_backordered=shown_backordered,
                actor=actor,
                card_number=card_number,
                terms=terms,
            )
        )
    except CouponsInvalidated as gone:
        with idempotent(None):
            remove_codes(shopper, gone.states)
        raise CouponExhausted(gone.states) from None
    except StockConflict:
        raise CartChanged("others_buying") from None


@atomic
def _place_order(
    *,
    shopper: str,
    checkout_token: str,
    cart_version: int,
    shown_total: int,
    shown_backordered: int,
    actor: Actor,
    card_number: str | None,
    terms: TermsShown | None,
) -> PlacedOrder:
    claimed = claim_cart(shopper, checkout_token, cart_version)
    if claimed is None:
        return _placed_before(shopper, checkout_token)
    details = claimed.details
    lines = lines_of(claimed.cart_id)
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
    written = write_order(
        lines,
        details,
        method,
        priced,
        actor,
        cart_id=claimed.cart_id,
        member_id=_member(actor),
        accepted=_accepted(terms) if terms else None,
    )
    return PlacedOrder(
        written.order_id, written.code, written.token, written.payment_id, method.gateway, method.pay_later
    )


def _accepted(shown: TermsShown) -> dict[str, Any]:
    """Return what an order keeps of the accepted terms. Raises CartChanged for others than now, InvalidValue."""
    current = current_terms()
    if shown.revision_id != (str(current.revision_id) if current else ""):
        raise CartChanged("terms_of_sale_changed")
    if current is None:
        return {}
    ticks = current_shop().terms_tick
    if ticks and not shown.ticked:
        raise InvalidValue("agrees", "terms_not_accepted")
    return {
        "accepted_terms_id": current.revision_id,
        "accepted_terms_version": current.number,
        "accepted_terms_ticked": ticks,
    }


def _member(actor: Actor) -> uuid.UUID | None:
    """Return whose order it is: that of the member who places it, as their session says."""
    return uuid.UUID(actor.id) if actor.kind == "member" else None


def _placed_before(shopper: str, checkout_token: str) -> PlacedOrder:
    order = find_by_cart(checkout_token, shopper)
    if order is None:
        raise NotFound("cart_not_found")
    return PlacedOrder(order.id, order.code, order.token, None, "", order.pay_later, replayed=True)


def check_details(
    lines: tuple[CartLineView, ...],
    details: CheckoutDetails,
    *,
    coupon_codes: Sequence[str] = (),
    draft: bool = False,
) -> tuple[Method, Quote]:
    """Return payment method and price for saved details. Raises InvalidValue for the first thing that is missing.

    A `draft` is a cart of staff: only there a discount by hand in the details counts.
    """
    for field in ("email", "name"):
        if not getattr(details, field):
            raise InvalidValue(field, "contact_required")
    if not details.country:
        raise InvalidValue("country_code", "address_required")
    priced = quote_details(lines, details, coupon_codes=coupon_codes, draft=draft)
    if priced.payment is None:
        raise InvalidValue("payment_method", "payment_method_required")
    if priced.shipping is None:
        raise InvalidValue("shipping_method", "shipping_method_required")
    return priced.payment, priced
