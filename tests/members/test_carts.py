"""A guest's cart and his own become one when he signs in; the same cart is in every browser; nothing is lost."""

from flask import Flask
from sqlalchemy import select, update

from commerce.cart.details import CheckoutDetails
from commerce.cart.merging import Merged, merge_cart
from commerce.cart.models import Cart
from commerce.cart.queries import load_cart
from commerce.cart.services import (
    MAX_LINES,
    add_line,
    member_shopper,
    new_shopper_key,
    save_details,
    shopper_hash,
)
from commerce.db import atomic, db
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from tests.checkout.pages import to_review
from tests.factories.checkout import details
from tests.factories.members import make_member, send, sign_in_member
from tests.factories.pricing import make_coupon
from tests.factories.shop import make_product
from tests.support.client import ShopClient
from tests.support.visitor import Visitor


def in_cart(shopper: str) -> dict[str, int]:
    db.session.close()
    cart = load_cart(shopper)
    return {line.sku: line.quantity for line in cart.lines} if cart else {}


def browser(app: Flask) -> ShopClient:
    made = app.test_client()
    assert isinstance(made, ShopClient)
    return made


def put_in(client: ShopClient, variant_id: object, quantity: int) -> None:
    data = {"variant_id": variant_id, "quantity": quantity}
    assert send(client, "/cart/lines", data).status_code == 303


def test_the_guests_cart_is_the_members_after_sign_in_and_in_every_browser(
    client: ShopClient, app: Flask, in_shop: Shop
) -> None:
    member_id = make_member()
    tea, cup = make_product(stock=9), make_product("Cup", stock=9)
    put_in(client, tea.variant_id, 2)
    sign_in_member(client)
    assert client.get_cookie("cart", domain="demo.localhost") is None
    assert "Green tea" in client.get("/cart").text
    other = browser(app)
    put_in(other, tea.variant_id, 3)
    put_in(other, cup.variant_id, 1)
    sign_in_member(other)
    assert in_cart(member_shopper(member_id)) == {"GREEN-TEA": 5, "CUP": 1}
    assert all('value="5"' in each.get("/cart").text for each in (client, other))
    assert [(row.member_id, row.status) for row in db.session.scalars(select(Cart))] == [(member_id, "open")]


def test_signing_out_leaves_an_empty_cart_here_and_the_members_own_where_it_is(
    client: ShopClient, in_shop: Shop
) -> None:
    member_id = make_member()
    tea, cup = make_product(stock=9), make_product("Cup", stock=9)
    sign_in_member(client)
    put_in(client, tea.variant_id, 2)
    send(client, "/account/sign-out")
    assert "/products/green-tea" not in client.get("/cart").text
    put_in(client, cup.variant_id, 1)
    assert in_cart(member_shopper(member_id)) == {"GREEN-TEA": 2}
    sign_in_member(client)
    assert in_cart(member_shopper(member_id)) == {"GREEN-TEA": 2, "CUP": 1}


def test_quantities_are_added_up_to_the_stock_with_a_notice(client: ShopClient, in_shop: Shop) -> None:
    member_id = make_member()
    tea = make_product(stock=4)
    add_line(member_shopper(member_id), tea.variant_id, 3, member_id=member_id)
    put_in(client, tea.variant_id, 2)
    sign_in_member(client)
    assert "Green tea was in both carts" in client.get("/cart").text
    assert in_cart(member_shopper(member_id)) == {"GREEN-TEA": 4}


def test_merging_carts_unites_codes_and_keeps_the_details(in_shop: Shop) -> None:
    member_id = make_member()
    tea = make_product(stock=9)
    own, guest = member_shopper(member_id), shopper_hash(new_shopper_key())
    for shopper, code, typed in (
        (own, "TEN", details(note="Ring twice")),
        (guest, "FIVE", CheckoutDetails(email="other@example.com")),
    ):
        make_coupon(code)
        add_line(shopper, tea.variant_id, 1, member_id=member_id if shopper == own else None)
        _put_code(shopper, code)
        save_details(shopper, typed)
    assert merge_cart(guest, member_id) == Merged(1)
    cart = load_cart(own)
    assert cart is not None
    assert cart.coupon_codes == ("TEN", "FIVE")
    assert (cart.details.email, cart.details.note) == ("other@example.com", "Ring twice")


def _put_code(shopper: str, code: str) -> None:
    change = update(Cart).where(Cart.shopper_hash == shopper).values(coupon_codes=[code])
    atomic(db.session.execute)(change)


def test_an_order_belongs_to_the_signed_in_member_whatever_the_form_says(
    client: ShopClient, app: Flask, in_shop: Shop
) -> None:
    ann, ben = make_member(), make_member("ben@example.com", "Ben")
    tea = make_product(stock=9)
    visitor = Visitor(app)
    for signed_in in (False, True):
        if signed_in:
            sign_in_member(visitor.client)
        review = to_review(visitor, (tea, 1), pay_by="Bank transfer").form("Place order")
        page = review.send("Place order", member_id=str(ben), email="ben@example.com")
        assert page.path.startswith("/orders/")
    db.session.close()
    orders = db.session.scalars(select(Order).order_by(Order.number)).all()
    assert [order.member_id for order in orders] == [None, ann]
    own = visitor.get("/account/orders")
    assert orders[1].code in own.text
    assert orders[0].code not in own.text


def test_the_review_of_another_tab_still_orders_the_cart_once_after_the_sign_in(
    app: Flask, in_shop: Shop
) -> None:
    make_member()
    tea = make_product(stock=9)
    visitor = Visitor(app)
    old = to_review(visitor, (tea, 1), pay_by="Bank transfer").form("Place order")
    sign_in_member(visitor.client)
    stale = old.send("Place order", csrf_token=visitor.token())
    assert stale.status == 409
    first = stale.form("Place order").send("Place order")
    assert first.path.startswith("/orders/")
    assert old.send("Place order", csrf_token=visitor.token()).path == first.path
    assert len(db.session.scalars(select(Order.id)).all()) == 1


def test_what_finds_no_room_in_the_members_cart_is_left_out_and_counted(
    client: ShopClient, in_shop: Shop
) -> None:
    member_id = make_member()
    sold = [make_product(f"Tea {number}", stock=9) for number in range(MAX_LINES + 2)]
    for each in sold[2:-1]:
        add_line(member_shopper(member_id), each.variant_id, 1, member_id=member_id)
    for each in (*sold[:2], sold[2]):
        put_in(client, each.variant_id, 1)
    sign_in_member(client)
    found = in_cart(member_shopper(member_id))
    assert len(found) == MAX_LINES
    assert found[sold[2].sku] == 2
    assert (
        "1 item was not added because a cart can hold up to 100 different items." in client.get("/cart").text
    )
