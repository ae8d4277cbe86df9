"""Carts that a program keeps for its shopper: known by a name that only this program can use.

Such a cart has the same name for ever, so whoever asks for it after it was ordered finds that order and never another
cart.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from commerce.cart.services import CartChange, lock_open_cart, new_cart, put, shopper_hash
from commerce.db import atomic
from commerce.errors import NotFound, OutOfStock, Shortage

NO_CART = "There is no open cart of this id."


def program_shopper(client_id: uuid.UUID, cart_token: str) -> str:
    """Return the name under which a program's cart is kept.

    No cookie and no other program can claim it: a browser's key has no colon, and the client is the one of the key.
    """
    return shopper_hash(f"client:{client_id}:{cart_token}")


@atomic
def open_cart(shopper: str, wanted: Mapping[uuid.UUID, int]) -> bool:
    """Open a program's cart with units by variant, as many as there are; return whether these are fewer than wished.

    Raises NotFound for a variant that is not sold, OutOfStock with every variant of which none is left.
    """
    cart_id = new_cart(shopper, checkout_token=shopper)
    changes: list[CartChange] = []
    short: list[Shortage] = []
    for variant_id, quantity in wanted.items():
        try:
            changes.append(put(cart_id, variant_id, quantity))
        except OutOfStock as error:
            short += error.shortages
    if short:
        raise OutOfStock(short)
    return any(change.capped for change in changes)


@atomic
def add_to_cart(shopper: str, variant_id: uuid.UUID, quantity: int) -> CartChange:
    """Put more units into a program's open cart, as `add_line` does. Raises NotFound when there is none, too."""
    cart_id = lock_open_cart(shopper)
    if cart_id is None:
        raise NotFound(NO_CART)
    return put(cart_id, variant_id, quantity)
