"""Filled-in checkouts and placed orders."""

from dataclasses import replace
from typing import Any

from commerce.cart.details import CheckoutDetails
from commerce.cart.services import save_details
from commerce.checkout.quote import quote_cart
from commerce.checkout.services import PlacedOrder, place_order
from commerce.events.outbox import Actor
from tests.factories.cart import load, make_cart
from tests.factories.shop import Sold

GUEST = Actor("guest", request_id="test")
ADDRESS = {
    "country_code": "US",
    "company_name": "",
    "street_address": "1600 Amphitheatre Parkway",
    "city": "Mountain View",
    "city_area": "",
    "country_area": "CA",
    "postal_code": "94043",
    "sorting_code": "",
}


def details(**changes: Any) -> CheckoutDetails:
    """Return what a shopper of Alice's shop typed into the checkout."""
    typed = CheckoutDetails(
        email="ann@example.com",
        name="Ann Buyer",
        shipping_method="parcel",
        payment_method="bank_transfer",
        address=ADDRESS,
    )
    return replace(typed, **changes)


def ready_cart(*lines: tuple[Sold, int], **changes: Any) -> str:
    """Fill a cart and its details, and return the browser's hash: all that is left is to place the order."""
    shopper, _cart = make_cart(*lines)
    save_details(shopper, details(**changes))
    return shopper


def order_as_shown(shopper: str, **changes: Any) -> dict[str, Any]:
    """Return what the review page would send for a browser's cart."""
    cart = load(shopper)
    shown = {
        "shopper": shopper,
        "checkout_token": cart.checkout_token,
        "cart_version": cart.version,
        "shown_total": quote_cart(cart).totals.total,
        "shown_backordered": cart.backordered,
        "actor": GUEST,
    }
    return {**shown, **changes}


def make_order(*lines: tuple[Sold, int], **changes: Any) -> PlacedOrder:
    """Place an order for `lines`; nothing has been asked of the gateway yet."""
    return place_order(**order_as_shown(ready_cart(*lines, **changes)))
