"""Carts that a program keeps for its shopper: known by a name that only this program can use.

Such a cart has the same name for ever, so whoever asks for it after it was ordered finds that order and never another
cart.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from commerce.cart.services import CartChange, lock_open_cart, new_cart, set_line, shopper_hash
from commerce.checkout.direct_orders import RequestedItem, find_lines
from commerce.db import atomic
from commerce.errors import InvalidValues, NotFound, OutOfStock, Shortage

MAX_LINES = 2000
"""Lines in a program's cart, as many as an order of the API may have."""


def api_cart_key(client_id: uuid.UUID, cart_token: str) -> str:
    """Return the name under which a program's cart is kept.

    No cookie and no other program can claim it: a browser's key has no colon, and the client is the one of the key.
    """
    return shopper_hash(f"client:{client_id}:{cart_token}")


@atomic
def open_cart(shopper: str, wanted: Sequence[RequestedItem]) -> bool:
    """Open a program's cart with what is wanted, as many as there are; return whether that is less than was asked for.

    Raises InvalidValues for all that is not sold here, OutOfStock with everything of which none is left.
    """
    cart_id = new_cart(shopper, checkout_token=shopper)
    changes: list[CartChange] = []
    short: list[Shortage] = []
    for line in find_lines(wanted):
        try:
            changes.append(set_line(cart_id, line.variant_id, line.quantity, max_lines=MAX_LINES))
        except OutOfStock as error:
            short += error.shortages
    if short:
        raise OutOfStock(short)
    return any(change.capped for change in changes)


@atomic
def add_to_cart(shopper: str, wanted: RequestedItem) -> CartChange:
    """Put more units into a program's open cart, as many as there are.

    Raises NotFound without a cart, InvalidValues for what is not sold here, OutOfStock when none is left, CartFull.
    """
    cart_id = lock_open_cart(shopper)
    if cart_id is None:
        raise NotFound("open_cart_not_found")
    try:
        [line] = find_lines([wanted])
    except InvalidValues as error:
        faults = [replace(each, field=each.field.removeprefix("items.0.")) for each in error.problems]
        raise InvalidValues(faults) from None
    return set_line(cart_id, line.variant_id, wanted.quantity, max_lines=MAX_LINES)
