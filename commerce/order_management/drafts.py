"""Orders that staff prepare for a customer, on the telephone for example. A draft is a cart of its own kind.

It holds no stock and promises no price; placing it is the placement that every shopper goes through, exactly once.
Its `shopper_hash` begins with a letter that no SHA-256 in hexadecimal has, so no browser's cookie ever opens it, and
the index of open carts finds all drafts of a shop together.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, literal_column, select, update

from commerce import clock
from commerce.cart.details import CheckoutDetails, DraftDiscount
from commerce.cart.models import Cart, CartLine
from commerce.cart.queries import (
    MAX_UNITS_PER_LINE,
    CartLineView,
    CartView,
    find_offer,
    lines_of,
    load_cart,
)
from commerce.checkout.quote import quote_details
from commerce.checkout.services import PlacedOrder, place_order
from commerce.db import atomic, check_version, db, insert_rows, lock, new_id
from commerce.errors import Conflict, InvalidValue, NotAllowed, NotFound
from commerce.events.outbox import Actor
from commerce.money import MAX_AMOUNT, PPM, share_of
from commerce.orders.models import Order
from commerce.orders.refund_amounts import is_count
from commerce.orders.services import lock_order
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.gateways.registry import gateway
from commerce.payments.queries import payment_methods
from commerce.payments.services import lock_payments, record_outcome
from commerce.settlement.services import take_payment

MARK = "x"
"""How the shopper hash of a draft begins; the one of a browser is hexadecimal."""
MOST = 200
LEAST_HOLD = timedelta(days=1)
"""A customer who pays by a link in a mail is not sitting at the shop's page."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as staff work on it. `order_code` is the order that it became, '' while it is open."""

    id: uuid.UUID
    by: str
    updated_at: datetime
    cart: CartView | None
    order_code: str = ""


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A draft in the list."""

    id: uuid.UUID
    by: str
    name: str
    email: str
    units: int
    updated_at: datetime


# --- reading -----------------------------------------------------------------------------------------


def list_drafts() -> list[DraftRow]:
    """Return the open drafts of the shop, the last one touched first."""
    units = (
        select(func.coalesce(func.sum(CartLine.quantity), 0))
        .where(CartLine.tenant_id == Cart.tenant_id, CartLine.cart_id == Cart.id)
        .correlate(Cart)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(
            Cart.id,
            Cart.draft_by,
            Cart.details,
            units.label("units"),
            Cart.updated_at,
        )
        .where(*_drafts(), Cart.status == literal_column("'open'"))
        .order_by(Cart.updated_at.desc(), Cart.id)
        .limit(MOST)
    )
    return [
        DraftRow(key, by, details.name, details.email, int(count), at)
        for key, by, details, count, at in (
            (row.id, row.draft_by, CheckoutDetails.from_json(row.details), row.units, row.updated_at)
            for row in rows
        )
    ]


def _drafts() -> tuple[Any, ...]:
    return Cart.shopper_hash >= MARK, Cart.shopper_hash < chr(ord(MARK) + 1), Cart.draft_by != ""


def get_draft(draft_id: uuid.UUID) -> Draft:
    """Return a draft with its lines at current prices and stock. Raises NotFound, also for a shopper's cart."""
    row = db.session.execute(
        select(Cart.draft_by, Cart.updated_at, Cart.shopper_hash, Cart.status, Order.code)
        .outerjoin(Order, (Order.tenant_id == Cart.tenant_id) & (Order.cart_id == Cart.id))
        .where(Cart.id == draft_id, *_drafts())
    ).one_or_none()
    if row is None:
        raise NotFound("draft_not_found")
    cart = load_cart(row.shopper_hash) if row.status == "open" else None
    return Draft(draft_id, row.draft_by, row.updated_at, cart, row.code or "")


# --- preparing ---------------------------------------------------------------------------------------


@atomic
def create_draft(actor: Actor, details: CheckoutDetails | None = None) -> uuid.UUID:
    """Begin a draft and return its id: without `details` the one that the same person left empty before, if any.

    Raises NotAllowed for anybody but staff.
    """
    if actor.kind != "staff":
        raise NotAllowed("staff_only")
    by = (actor.name or actor.id)[:255] or "staff"
    left_empty = db.session.scalar(
        select(Cart.id)
        .where(Cart.status == "open", Cart.draft_by == by, Cart.version == 1)
        .where(~select(CartLine.id).where(CartLine.cart_id == Cart.id).exists())
        .order_by(Cart.id.desc())
        .limit(1)
    )
    if left_empty is not None and details is None:
        return left_empty
    draft_id = new_id()
    insert_rows(
        Cart,
        [
            {
                "id": draft_id,
                "shopper_hash": MARK + secrets.token_hex(32)[len(MARK) :],
                "checkout_token": secrets.token_urlsafe(32),
                "draft_by": by,
                "details": details.to_json() if details else {},
            }
        ],
    )
    return draft_id


@atomic
def save_draft(
    draft_id: uuid.UUID,
    *,
    seen_version: int,
    details: CheckoutDetails,
    units: Mapping[uuid.UUID, int],
    discount: DraftDiscount | None = None,
    add: uuid.UUID | None = None,
) -> int:
    """Keep what staff typed so far, complete or not, and return the draft's version.

    `units` by line id (0 takes the line out); `add` puts one unit of a variant in. Stock is no limit yet: what is
    short is shown, and refused when the order is placed. What is stored as it was sent already is no change, so a
    form that is sent twice is harmless. Raises NotFound, Conflict when it was ordered, StaleVersion, InvalidValue.
    """
    cart = _lock_open(draft_id)
    lines = lines_of(draft_id)
    known = {line.id: line for line in lines}
    wanted = _with_discount(lines, cart.coupon_codes, details, discount)
    changed = _changes(known, units)
    if add is None and not changed and wanted == CheckoutDetails.from_json(cart.details):
        return cart.version
    check_version("draft", seen_version, cart.version)
    for line_id, count in changed.items():
        _set_line(known[line_id], count)
    if add is not None:
        _add(draft_id, add, known)
    cart.details = _with_discount(lines_of(draft_id), cart.coupon_codes, details, discount).to_json()
    cart.version += 1
    cart.updated_at = clock.now()
    db.session.flush()
    return cart.version


def _with_discount(
    lines: tuple[CartLineView, ...],
    codes: Sequence[str],
    details: CheckoutDetails,
    discount: DraftDiscount | None,
) -> CheckoutDetails:
    if discount is None:
        return details
    return replace(details, discount=kept_discount(lines, codes, details, discount))


def _lock_open(draft_id: uuid.UUID) -> Cart:
    cart = lock(Cart, draft_id, *_drafts(), missing=NotFound("draft_not_found"))
    if cart.status != "open":
        raise Conflict("draft_placed")
    return cart


def _changes(known: Mapping[uuid.UUID, CartLineView], units: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """Return the units that differ. A line that is gone already stays gone; that is no change."""
    found = {}
    for line_id, count in units.items():
        if not is_count(count, 0, MAX_UNITS_PER_LINE):
            raise InvalidValue(
                f"units-{line_id.hex}", "not_a_whole_number_between", minimum=0, maximum=MAX_UNITS_PER_LINE
            )
        line = known.get(line_id)
        if line is not None and line.quantity != count:
            found[line_id] = count
    return found


def _set_line(line: CartLineView, count: int) -> None:
    quietly = {"synchronize_session": False}
    if count == 0:
        db.session.execute(delete(CartLine).where(CartLine.id == line.id).execution_options(**quietly))
        return
    values = {"quantity": count, "price_seen": line.price}
    db.session.execute(
        update(CartLine).where(CartLine.id == line.id).values(**values).execution_options(**quietly)
    )


def _add(draft_id: uuid.UUID, variant_id: uuid.UUID, known: Mapping[uuid.UUID, CartLineView]) -> None:
    line = next((each for each in known.values() if each.variant_id == variant_id), None)
    if line is not None:
        now = db.session.scalar(select(CartLine.quantity).where(CartLine.id == line.id))
        if now is not None:
            _set_line(line, min(now + 1, MAX_UNITS_PER_LINE))
            return
    offer = find_offer(variant_id)
    if offer is None:
        raise InvalidValue("add", "not_for_sale")
    new = {"cart_id": draft_id, "variant_id": variant_id, "quantity": 1, "price_seen": offer.price}
    insert_rows(CartLine, [new])


def kept_discount(
    lines: tuple[CartLineView, ...],
    coupon_codes: Sequence[str],
    details: CheckoutDetails,
    discount: DraftDiscount,
) -> DraftDiscount:
    """Return a discount as drafts keep it; a percentage is what it comes to for these lines, in minor units.

    Raises InvalidValue for one that is out of bounds.
    """
    if not is_count(discount.amount, 0, MAX_AMOUNT) or not is_count(discount.ppm, 0, PPM):
        raise InvalidValue("discount", "draft_discount_out_of_range")
    amount = discount.amount
    if discount.ppm:
        without = replace(details, payment_method="", discount=None)
        priced = quote_details(lines, without, coupon_codes=coupon_codes, draft=True)
        amount = share_of(priced.totals.goods, discount.ppm)
    return replace(discount, amount=amount)


@atomic
def delete_draft(draft_id: uuid.UUID) -> None:
    """Throw a draft away. Raises NotFound, Conflict when it was ordered."""
    _lock_open(draft_id)
    quietly = {"synchronize_session": False}
    db.session.execute(delete(CartLine).where(CartLine.cart_id == draft_id).execution_options(**quietly))
    db.session.execute(delete(Cart).where(Cart.id == draft_id).execution_options(**quietly))


# --- placing -----------------------------------------------------------------------------------------


def place_draft(
    draft_id: uuid.UUID, actor: Actor, *, seen_version: int, shown_total: int, shown_backordered: int = 0
) -> PlacedOrder:
    """Place a draft exactly once, as `place_order` does; a draft that was placed before answers with that order.

    Nobody types the customer's card number: they pay by the link in their mail, for which the goods are held a day at
    least. Raises NotFound, NotAllowed, and what `place_order` raises.
    """
    if actor.kind != "staff":
        raise NotAllowed("staff_only")
    found = db.session.execute(
        select(Cart.shopper_hash, Cart.checkout_token).where(Cart.id == draft_id, *_drafts())
    ).one_or_none()
    if found is None:
        raise NotFound("draft_not_found")
    placed = place_order(
        shopper=found.shopper_hash,
        checkout_token=found.checkout_token,
        cart_version=seen_version,
        shown_total=shown_total,
        shown_backordered=shown_backordered,
        actor=actor,
    )
    if placed.payment_id is not None and not placed.replayed:
        if gateway(placed.gateway).asks_for_card:
            await_card(placed.id, placed.payment_id)
        else:
            take_payment(placed.payment_id, request_id=actor.request_id)
    return placed


@atomic
def await_card(order_id: uuid.UUID, payment_id: uuid.UUID) -> None:
    """Let the customer pay by card on the page of the order."""
    leave_card_to_customer(order_id, payment_id)


def leave_card_to_customer(order_id: uuid.UUID, payment_id: uuid.UUID) -> None:
    """Void the payment that nobody has started, so that the order page asks for a card; extend the hold. A step."""
    order = lock_order(order_id)
    payment = next(each for each in lock_payments(order.id) if each.id == payment_id)
    record_outcome(payment, PaymentOutcome("voided"))
    if order.status == "pending" and order.hold_expires_at is not None:
        longest = max(
            (timedelta(minutes=each.hold_minutes) for each in payment_methods()), default=LEAST_HOLD
        )
        expires = max(order.hold_expires_at, clock.now() + max(longest, LEAST_HOLD))
        # Not by the unit of work, which would raise the version: to clients this is still the order as it was placed.
        db.session.execute(
            update(Order)
            .where(Order.id == order.id)
            .values(hold_expires_at=expires)
            .execution_options(synchronize_session="evaluate")
        )
    db.session.flush()
