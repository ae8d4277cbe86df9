"""API operations on carts, for shops with their own storefront."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import Response

from commerce.api.auth import current_api_actor, current_api_client
from commerce.api.carts.schemas import (
    CartCheckout,
    CartCoupon,
    CartCreate,
    CartDetails,
    CartLinePatch,
    CartOut,
    cart_out,
)
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation
from commerce.api.orders.placement import created_order, start_order_payment
from commerce.api.orders.schemas import OrderItem, OrderOut, order_out
from commerce.cart.queries import CartView, load_cart
from commerce.cart.services import (
    CartChange,
    change_quantity,
    enter_code,
    new_shopper_key,
    remove_codes,
    save_details,
)
from commerce.checkout.api_carts import add_to_cart, api_cart_key, open_cart
from commerce.checkout.quote import quote_cart
from commerce.checkout.services import PlacedOrder, place_order
from commerce.errors import NotFound
from commerce.pricing.queries import fold_code

TAG = "Carts"
SCOPE = "carts:write"


@operation(
    "POST",
    "/carts",
    scope=SCOPE,
    tag=TAG,
    body=CartCreate,
    responses={201: CartOut},
    idempotency="optional",
    audited=False,
)
def create_cart(body: CartCreate) -> Response:
    """Create a cart, empty or with items.

    Keep the `cartId`: only this API client can use it. A cart does not reserve stock; its order does.
    """
    cart_token = new_shopper_key()
    wanted = [item.wanted() for item in body.items]

    def reply(capped: bool) -> Reply:
        return _reply(cart_token, capped=capped, status=201)

    return run_idempotent(lambda: open_cart(_shopper(cart_token), wanted), reply, required=False).response


@operation("GET", "/carts/<cart_id>", scope=SCOPE, tag=TAG, responses={200: CartOut})
def get_one_cart(cart_id: str) -> Reply:
    """Retrieve a cart with current prices and stock.

    Once the cart has an address, it includes a quote: shipping and payment methods, discounts, taxes and the total.
    Returns 404 for a cart that has been ordered.
    """
    return _reply(cart_id)


@operation(
    "POST",
    "/carts/<cart_id>/lines",
    scope=SCOPE,
    tag=TAG,
    body=OrderItem,
    responses={200: CartOut},
    idempotency="optional",
    audited=False,
)
def add_cart_line(cart_id: str, body: OrderItem) -> Response:
    """Add units to a cart, up to the available stock.

    If the variant is already in the cart, its line grows. `capped` is true if fewer units were added than requested.
    Returns 422 if none are available.
    """

    def reply(change: CartChange) -> Reply:
        return _reply(cart_id, capped=change.capped)

    return run_idempotent(
        lambda: add_to_cart(_shopper(cart_id), body.wanted()), reply, required=False
    ).response


@operation(
    "PATCH",
    "/carts/<cart_id>/lines/<uuid:line_id>",
    scope=SCOPE,
    tag=TAG,
    body=CartLinePatch,
    responses={200: CartOut},
    audited=False,
)
def change_cart_line(cart_id: str, line_id: uuid.UUID, body: CartLinePatch) -> Reply:
    """Change the quantity of a line, up to the available stock."""
    change = change_quantity(_shopper(cart_id), line_id, body.quantity)
    return _reply(cart_id, capped=change.capped)


@operation(
    "DELETE",
    "/carts/<cart_id>/lines/<uuid:line_id>",
    scope=SCOPE,
    tag=TAG,
    responses={200: CartOut},
    audited=False,
)
def remove_cart_line(cart_id: str, line_id: uuid.UUID) -> Reply:
    """Remove a line."""
    change_quantity(_shopper(cart_id), line_id, 0)
    return _reply(cart_id)


@operation(
    "PUT",
    "/carts/<cart_id>/details",
    scope=SCOPE,
    tag=TAG,
    body=CartDetails,
    responses={200: CartOut},
    audited=False,
)
def save_cart_details(cart_id: str, body: CartDetails) -> Reply:
    """Set the contact, the address, and the shipping and payment methods of a cart.

    Replaces all details. To order the cart, everything except phone and note is required.
    """
    cart = _cart(cart_id)
    save_details(_shopper(cart_id), body.details(cart.lines))
    return _reply(cart_id)


@operation(
    "POST",
    "/carts/<cart_id>/coupons",
    scope=SCOPE,
    tag=TAG,
    body=CartCoupon,
    responses={200: CartOut},
    idempotency="optional",
    audited=False,
)
def enter_cart_code(cart_id: str, body: CartCoupon) -> Response:
    """Apply a coupon code.

    Returns 422 with the reason if the code gives no discount.
    """
    shopper = _shopper(cart_id)
    cart = load_cart(shopper)
    shipping = quote_cart(cart).shipping if cart else None
    price = shipping.price if shipping else None

    def reply(_code: str) -> Reply:
        return _reply(cart_id)

    return run_idempotent(
        lambda: enter_code(shopper, body.code, shipping=price), reply, required=False
    ).response


@operation(
    "DELETE",
    "/carts/<cart_id>/coupons/<code>",
    scope=SCOPE,
    tag=TAG,
    responses={200: CartOut},
    audited=False,
)
def remove_cart_code(cart_id: str, code: str) -> Reply:
    """Remove a coupon code."""
    if fold_code(code) not in _cart(cart_id).coupon_codes:
        raise NotFound("coupon_not_in_cart")
    remove_codes(_shopper(cart_id), [code])
    return _reply(cart_id)


@operation(
    "POST",
    "/carts/<cart_id>/checkout",
    scope=SCOPE,
    tag=TAG,
    body=CartCheckout,
    responses={200: OrderOut, 201: OrderOut},
    idempotency="required",
    audited=False,
)
def order_cart(cart_id: str, body: CartCheckout) -> Response:
    """Place the order of a cart and reserve its stock.

    Returns 409 if the cart or its total is not what your shopper was shown. Returns 200 with the existing order if the
    cart was already ordered, with any key.
    """
    shopper, shown = _shopper(cart_id), body.shown_total()

    def place() -> PlacedOrder:
        return place_order(
            shopper=shopper,
            checkout_token=shopper,
            cart_version=body.version,
            shown_total=shown,
            shown_backordered=body.backordered,
            actor=current_api_actor(),
        )

    def reply(placed: PlacedOrder) -> Reply:
        order, status = created_order(placed), 200 if placed.replayed else 201
        headers = {"Location": f"/api/orders/{quote(order.code)}"}
        return Reply(order_out(order), status, headers, order.version)

    done = run_idempotent(place, reply)
    if isinstance(done.result, PlacedOrder):
        start_order_payment(done.result)
    return done.response


# --- the cart of a request ----------------------------------------------------------------------------------------


def _shopper(cart_token: str) -> str:
    return api_cart_key(current_api_client().client_id, cart_token)


def _cart(cart_token: str) -> CartView:
    cart = load_cart(_shopper(cart_token))
    if cart is None:
        raise NotFound("open_cart_not_found")
    return cart


def _reply(cart_token: str, *, capped: bool = False, status: int = 200) -> Reply:
    cart = _cart(cart_token)
    headers = {"Location": f"/api/carts/{cart_token}"} if status == 201 else {}
    return Reply(cart_out(cart, cart_token, capped=capped), status, headers, cart.version)
