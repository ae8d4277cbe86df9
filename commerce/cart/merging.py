"""Merge a guest's cart into the member's at sign-in. Nothing is lost, however many browsers do it at once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from commerce.cart.models import Cart, CartLine
from commerce.cart.queries import MAX_UNITS_PER_LINE, CartLineView, lines_of
from commerce.cart.services import MAX_CODES, MAX_LINES, lock_open_cart, member_shopper
from commerce.db import atomic, db

TRIES = 3


@dataclass(frozen=True, slots=True)
class Merged:
    """Result of a merge: units of the guest's cart, and titles with less stock than asked for.

    `left_out` counts the lines for which the member's cart had no room.
    """

    units: int
    capped: tuple[str, ...] = ()
    left_out: int = 0


def merge_cart(shopper: str, member_id: uuid.UUID) -> Merged | None:
    """Bring the open cart of a browser into that of a member; None when the browser has none.

    Quantities are added as far as there are units, and never fall below what either cart had. Lines for which the
    member's cart has no room are left out and counted. Codes are united, as many as a cart holds;
    of the details, what was typed last in this browser counts.
    """
    for _ in range(TRIES - 1):
        try:
            return _merge_cart(shopper, member_id)
        except IntegrityError:
            # Another browser made the member's first cart at the same moment; now there is one to merge into.
            continue
    return _merge_cart(shopper, member_id)


@atomic
def _merge_cart(shopper: str, member_id: uuid.UUID) -> Merged | None:
    return take_over_cart(shopper, member_id)


def take_over_cart(shopper: str, member_id: uuid.UUID) -> Merged | None:
    """Bring an open cart into a member's, as `merge_cart`. A step.

    The other cart is locked before the member's, by everybody: so nobody waits crosswise.
    """
    cart_id = lock_open_cart(shopper) if shopper else None
    if cart_id is None:
        return None
    lines = lines_of(cart_id)
    units = sum(line.quantity for line in lines)
    own_id = lock_open_cart(member_shopper(member_id))
    if own_id is None:
        _change(cart_id, shopper_hash=member_shopper(member_id), member_id=member_id)
        return Merged(units)
    capped, left_out = _merge_lines(lines, own_id)
    _merge_rest(cart_id, own_id)
    db.session.execute(delete(Cart).where(Cart.id == cart_id).execution_options(synchronize_session=False))
    return Merged(units, tuple(capped), left_out)


def _merge_lines(lines: Sequence[CartLineView], own_id: uuid.UUID) -> tuple[list[str], int]:
    """Move lines into a cart; return the titles of those not added in full, and how many lines found no room."""
    own = {line.variant_id: line for line in lines_of(own_id)}
    room = max(0, MAX_LINES - len(own))
    new = [line for line in lines if line.variant_id not in own]
    for line in new[:room]:
        _change_line(line.id, cart_id=own_id)
    capped = []
    for line in lines:
        there = own.get(line.variant_id)
        if there is None:
            continue
        asked = there.quantity + line.quantity
        given = min(asked, max(line.available, there.quantity, line.quantity), MAX_UNITS_PER_LINE)
        _change_line(there.id, quantity=given, price_seen=line.price_seen)
        if given < asked:
            capped.append(line.title)
    return capped, len(new[room:])


def _merge_rest(cart_id: uuid.UUID, own_id: uuid.UUID) -> None:
    facts = select(Cart.id, Cart.details, Cart.coupon_codes).where(Cart.id.in_([cart_id, own_id]))
    rows = {row.id: row for row in db.session.execute(facts)}
    guest, own = rows[cart_id], rows[own_id]
    codes = list(dict.fromkeys([*own.coupon_codes, *guest.coupon_codes]))[:MAX_CODES]
    _change(own_id, coupon_codes=codes, details={**own.details, **guest.details})


def _change(cart_id: uuid.UUID, **values: Any) -> None:
    db.session.execute(
        update(Cart).where(Cart.id == cart_id).values(**values).execution_options(synchronize_session=False)
    )


def _change_line(line_id: uuid.UUID, **values: Any) -> None:
    db.session.execute(
        update(CartLine)
        .where(CartLine.id == line_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
