"""Carts over JSON: for shops with a front of their own, which fill a cart for their shopper and order it."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import Response

from commerce.api.auth import current_api_actor, current_api_client
from commerce.api.carts.schemas import (
    CartDetails,
    CartLineChange,
    CartOrder,
    CartOut,
    CartToOpen,
    CodeToEnter,
    cart_out,
)
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation
from commerce.api.orders.placement import begin_payment
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
from commerce.orders.queries import get_order
from commerce.pricing.queries import fold_code

TAG = "Carts"
SCOPE = "carts:write"


@operation(
    "POST",
    "/carts",
    scope=SCOPE,
    tag=TAG,
    body=CartToOpen,
    answers={201: CartOut},
    idempotent="honoured",
    audited=False,
)
def create_cart(body: CartToOpen) -> Response:
    """Open a cart, empty or with something in it.

    Keep its `cartId`: whoever has it and a key of yours has the cart. A cart holds no stock; its order does.
    """
    cart_token = new_shopper_key()
    wanted = [item.wanted() for item in body.items]

    def answer(capped: bool) -> Reply:
        return _reply(cart_token, capped=capped, status=201)

    return run_idempotent(lambda: open_cart(_shopper(cart_token), wanted), answer, needed=False).response


@operation("GET", "/carts/<cart_id>", scope=SCOPE, tag=TAG, answers={200: CartOut}, problems=(404,))
def get_one_cart(cart_id: str) -> Reply:
    """Show a cart at the prices and stock of now.

    With an address it is quoted: what ships it there, what is taken off, the taxes and the total. A cart that was
    ordered is not open any more: 404.
    """
    return _reply(cart_id)


@operation(
    "POST",
    "/carts/<cart_id>/lines",
    scope=SCOPE,
    tag=TAG,
    body=OrderItem,
    answers={200: CartOut},
    problems=(404,),
    idempotent="honoured",
    audited=False,
)
def add_cart_line(cart_id: str, body: OrderItem) -> Response:
    """Put units into a cart, as many as there are.

    Units of what is in it already are added to its line. `capped` tells that there are fewer than you wished; if there
    are none at all, it is 422.
    """

    def answer(change: CartChange) -> Reply:
        return _reply(cart_id, capped=change.capped)

    return run_idempotent(
        lambda: add_to_cart(_shopper(cart_id), body.wanted()), answer, needed=False
    ).response


@operation(
    "PATCH",
    "/carts/<cart_id>/lines/<uuid:line_id>",
    scope=SCOPE,
    tag=TAG,
    body=CartLineChange,
    answers={200: CartOut},
    problems=(404,),
    audited=False,
)
def change_cart_line(cart_id: str, line_id: uuid.UUID, body: CartLineChange) -> Reply:
    """Set the units of a line, as many as there are."""
    change = change_quantity(_shopper(cart_id), line_id, body.quantity)
    return _reply(cart_id, capped=change.capped)


@operation(
    "DELETE",
    "/carts/<cart_id>/lines/<uuid:line_id>",
    scope=SCOPE,
    tag=TAG,
    answers={200: CartOut},
    problems=(404,),
    audited=False,
)
def remove_cart_line(cart_id: str, line_id: uuid.UUID) -> Reply:
    """Take a line out."""
    change_quantity(_shopper(cart_id), line_id, 0)
    return _reply(cart_id)


@operation(
    "PUT",
    "/carts/<cart_id>/details",
    scope=SCOPE,
    tag=TAG,
    body=CartDetails,
    answers={200: CartOut},
    problems=(404,),
    audited=False,
)
def save_cart_details(cart_id: str, body: CartDetails) -> Reply:
    """Say for whom a cart is, where it goes, how it is shipped and paid.

    They may be sent as soon as they are known, all of them each time; to order the cart all but phone and note are
    needed.
    """
    cart = _cart(cart_id)
    save_details(_shopper(cart_id), body.details(cart.lines))
    return _reply(cart_id)


@operation(
    "POST",
    "/carts/<cart_id>/coupons",
    scope=SCOPE,
    tag=TAG,
    body=CodeToEnter,
    answers={200: CartOut},
    problems=(404,),
    idempotent="honoured",
    audited=False,
)
def enter_cart_code(cart_id: str, body: CodeToEnter) -> Response:
    """Enter a coupon code, if it takes something off; if not, 422 says why."""
    shopper = _shopper(cart_id)
    cart = load_cart(shopper)
    shipping = quote_cart(cart).shipping if cart else None
    price = shipping.price if shipping else None

    def answer(_code: str) -> Reply:
        return _reply(cart_id)

    return run_idempotent(
        lambda: enter_code(shopper, body.code, shipping=price), answer, needed=False
    ).response


@operation(
    "DELETE",
    "/carts/<cart_id>/coupons/<code>",
    scope=SCOPE,
    tag=TAG,
    answers={200: CartOut},
    problems=(404,),
    audited=False,
)
def remove_cart_code(cart_id: str, code: str) -> Reply:
    """Take a coupon code out."""
    if fold_code(code) not in _cart(cart_id).coupon_codes:
        raise NotFound("coupon_not_in_cart")
    remove_codes(_shopper(cart_id), [code])
    return _reply(cart_id)


@operation(
    "POST",
    "/carts/<cart_id>/checkout",
    scope=SCOPE,
    tag=TAG,
    body=CartOrder,
    answers={200: OrderOut, 201: OrderOut},
    problems=(404, 409),
    idempotent="required",
    audited=False,
)
def order_cart(cart_id: str, body: CartOrder) -> Response:
    """Order a cart, once: its stock is held, or nothing happens.

    409 when the cart or the prices are not those that your shopper was shown. A cart that was ordered already is
    answered with its order, whatever the key (200).
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

    def answer(placed: PlacedOrder) -> Reply:
        order, status = get_order(placed.id), 200 if placed.replayed else 201
        headers = {"Location": f"/api/orders/{quote(order.code)}"}
        return Reply(order_out(order), status, headers, order.version)

    done = run_idempotent(place, answer)
    if isinstance(done.result, PlacedOrder):
        begin_payment(done.result)
    return done.response


# --- whose cart ----------------------------------------------------------------------------------------


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
