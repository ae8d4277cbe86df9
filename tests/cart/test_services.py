"""Cart use cases: two browsers never meet, a cart is claimed once."""

import uuid

import pytest
from flask import Flask

from commerce.cart.details import CheckoutDetails
from commerce.cart.queries import count_units, load_cart
from commerce.cart.services import (
    MAX_LINES,
    add_line,
    change_quantity,
    claim_cart,
    new_shopper_key,
    save_details,
    shopper_hash,
)
from commerce.db import atomic
from commerce.error_messages import describe
from commerce.errors import CartChanged, CartFull, InvalidValue, NotFound, OutOfStock
from commerce.tenants.models import Shop
from tests.factories.cart import load, make_cart
from tests.factories.shop import make_product, set_price, stop_selling

claim_once = atomic(claim_cart)


def test_a_browsers_name_is_256_bits_and_stored_only_as_a_hash() -> None:
    keys = {new_shopper_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) == 43 and len(shopper_hash(key)) == 64 for key in keys)


def test_two_browsers_have_two_carts(in_shop: Shop) -> None:
    tea = make_product()
    ann, cart = make_cart((tea, 2))
    bob, other = make_cart((tea, 3))
    assert cart.id != other.id
    assert (count_units(ann), count_units(bob)) == (2, 3)
    with pytest.raises(NotFound):
        change_quantity(bob, cart.lines[0].id, 1)


@pytest.mark.parametrize("quantity", [0, -1, 1000])
def test_bad_quantities_are_refused(in_shop: Shop, quantity: int) -> None:
    tea = make_product()
    with pytest.raises(InvalidValue):
        add_line("a" * 64, tea.variant_id, quantity)
    assert load_cart("a" * 64) is None


def test_what_is_not_sold_cannot_be_put_in(in_shop: Shop) -> None:
    tea = make_product()
    stop_selling(tea)
    for variant_id in (tea.variant_id, uuid.uuid4()):
        with pytest.raises(NotFound):
            add_line("a" * 64, variant_id, 1)


def test_a_refused_request_says_how_many_there_are(in_shop: Shop) -> None:
    tea = make_product(stock=2)
    shopper, _cart = make_cart((tea, 2))
    with pytest.raises(OutOfStock) as refused:
        add_line(shopper, tea.variant_id, 3)
    (short,) = refused.value.shortages
    assert (short.wanted, short.available, short.title) == (5, 2, "Green tea")


def test_every_change_of_lines_or_details_raises_the_version(in_shop: Shop) -> None:
    tea = make_product()
    shopper, cart = make_cart((tea, 1))
    versions = [cart.version]
    add_line(shopper, tea.variant_id, 1)
    versions.append(load(shopper).version)
    change_quantity(shopper, cart.lines[0].id, 5)
    versions.append(load(shopper).version)
    save_details(shopper, CheckoutDetails(name="Ann"))
    versions.append(load(shopper).version)
    assert versions == sorted(set(versions))
    assert load(shopper).details == CheckoutDetails(name="Ann")


def test_changing_a_quantity_accepts_the_current_price(in_shop: Shop) -> None:
    tea = make_product(price=100)
    shopper, cart = make_cart((tea, 1))
    set_price(tea, 200)
    assert load(shopper).lines[0].price_changed
    change_quantity(shopper, cart.lines[0].id, 2)
    line = load(shopper).lines[0]
    assert (line.price_changed, line.amount) == (False, 400)


def test_a_cart_is_claimed_once_and_only_as_it_was_seen(app: Flask, in_shop: Shop) -> None:
    shopper, cart = make_cart((make_product(), 1))
    with pytest.raises(CartChanged):
        claim_once(shopper, cart.checkout_token, cart.version - 1)
    assert load(shopper).status == "open"
    assert claim_once("b" * 64, cart.checkout_token, cart.version) is None
    claimed = claim_once(shopper, cart.checkout_token, cart.version)
    assert claimed is not None
    assert claimed.cart_id == cart.id
    assert claim_once(shopper, cart.checkout_token, cart.version) is None
    assert load_cart(shopper) is None


def test_a_cart_holds_so_many_lines_and_more_of_what_is_in_it(in_shop: Shop) -> None:
    sold = [make_product(f"Tea {number}") for number in range(MAX_LINES + 1)]
    shopper, _cart = make_cart(*((each, 1) for each in sold[:MAX_LINES]))
    with pytest.raises(CartFull) as refused:
        add_line(shopper, sold[-1].variant_id, 1)
    assert describe(refused.value) == (
        "Your cart can hold up to 100 different items. Remove one to add another."
    )
    assert add_line(shopper, sold[0].variant_id, 1).quantity == 2
    change_quantity(shopper, load(shopper).lines[0].id, 0)
    assert add_line(shopper, sold[-1].variant_id, 1).quantity == 1
    assert len(load(shopper).lines) == MAX_LINES
