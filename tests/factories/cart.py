"""Carts with lines in them."""

from commerce.cart.queries import CartView, load_cart
from commerce.cart.services import add_line, new_shopper_key, shopper_hash
from tests.factories.shop import Sold


def make_cart(*lines: tuple[Sold, int], key: str = "") -> tuple[str, CartView]:
    """Fill the cart of a browser (a new one, or the one with the cookie `key`) and return its hash and the cart."""
    shopper = shopper_hash(key or new_shopper_key())
    for sold, quantity in lines:
        add_line(shopper, sold.variant_id, quantity)
    return shopper, load(shopper)


def load(shopper: str) -> CartView:
    """Return a browser's open cart."""
    cart = load_cart(shopper)
    assert cart is not None
    return cart
