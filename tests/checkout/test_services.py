"""place_order: what it writes, what it refuses, and that a refusal leaves no trace."""

import pytest

from commerce.checkout.quote import quote_cart
from commerce.checkout.services import place_order
from commerce.db import db
from commerce.errors import CartChanged, InvalidValue, NotFound, OutOfStock, PriceChanged
from commerce.orders.queries import get_order, timeline
from commerce.payments.queries import payments_of
from commerce.tenants.models import Shop
from tests.checkout.test_placement import traces
from tests.factories.cart import load
from tests.factories.checkout import ADDRESS, details, make_order, order_as_shown, ready_cart
from tests.factories.shop import change_stock, counters, make_product


def test_an_order_is_a_frozen_copy_of_what_was_shown(in_shop: Shop) -> None:
    tea = make_product(price=1250, options={"Size": "50 g"})
    cup = make_product("Cup", price=333)
    placed = make_order((tea, 2), (cup, 3), note="Ring twice", phone="+1 650 253 0000")
    order = get_order(placed.id)
    assert [(line.sku, line.options, line.quantity, line.amount) for line in order.lines] == [
        ("GREEN-TEA", "50 g", 2, 2500),
        ("CUP", "", 3, 999),
    ]
    assert order.subtotal == 3499
    assert order.total == 3499 + 500
    assert [(each.source_type, each.amount, each.included) for each in order.adjustments] == [
        ("shipping", 500, False),
        ("tax", order.tax_amount, True),
    ]
    assert sum(line.tax_amount for line in order.lines) + 45 == order.tax_amount
    assert order.shipping_address == ADDRESS
    assert (order.note, order.phone, order.currency) == ("Ring twice", "+1 650 253 0000", "USD")
    assert [(payment.amount, payment.state) for payment in payments_of(order.id)] == [(3999, "started")]
    (event,) = timeline(order.id)
    assert (event.type, event.actor_kind, event.actor_name) == ("OrderPlaced", "guest", "ann@example.com")
    assert len(order.token) == 43


def test_placing_twice_gives_the_same_order(in_shop: Shop) -> None:
    tea = make_product(stock=5)
    shown = order_as_shown(ready_cart((tea, 2)))
    first, second = place_order(**shown), place_order(**shown)
    assert (first.id, first.token) == (second.id, second.token)
    assert (first.replayed, second.replayed) == (False, True)
    assert counters(tea) == (5, 2)


def test_orders_are_numbered_and_their_links_are_not(in_shop: Shop) -> None:
    tea = make_product()
    orders = [make_order((tea, 1)) for _ in range(3)]
    assert [order.code for order in orders] == ["ORD-000001", "ORD-000002", "ORD-000003"]
    assert len({order.token for order in orders}) == 3


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": ""}, "email"),
        ({"name": ""}, "name"),
        ({"address": {}}, "country_code"),
        ({"payment_method": "barter"}, "payment_method"),
        ({"shipping_method": "pigeon"}, "shipping_method"),
    ],
)
def test_incomplete_details_are_refused(in_shop: Shop, changes: dict[str, object], field: str) -> None:
    tea = make_product(stock=5)
    shopper = ready_cart((tea, 1), **changes)
    with pytest.raises(InvalidValue) as refused:
        place_order(**order_as_shown(shopper))
    assert refused.value.field == field
    assert not any(traces().values())
    assert load(shopper).status == "open"


def test_refusals_leave_the_cart_open_and_no_trace(in_shop: Shop) -> None:
    tea, cup = make_product(stock=5), make_product("Cup", stock=5)
    shopper = ready_cart((tea, 3), (cup, 4), payment_method="card")
    shown = order_as_shown(shopper)
    change_stock(cup, -2)
    for error, changes in (
        (OutOfStock, {}),
        (CartChanged, {"cart_version": shown["cart_version"] + 1}),
        (NotFound, {"shopper": "b" * 64}),
        (NotFound, {"checkout_token": "x" * 43}),
    ):
        with pytest.raises(error):
            place_order(**{**shown, **changes})
    change_stock(cup, 2)
    with pytest.raises(PriceChanged) as refused:
        place_order(**{**shown, "shown_total": 1})
    assert (refused.value.shown, refused.value.current) == (1, shown["shown_total"])
    with pytest.raises(InvalidValue):
        place_order(**shown, card_number="1234")
    assert not any(traces().values())
    assert counters(tea) == counters(cup) == (5, 0)
    assert place_order(**shown, card_number="4242424242424242").code


def test_every_short_line_is_reported_at_once(in_shop: Shop) -> None:
    tea, cup, tin = make_product(stock=2), make_product("Cup", stock=2), make_product("Tin", stock=2)
    shopper = ready_cart((tea, 2), (cup, 2), (tin, 2))
    shown = order_as_shown(shopper)
    change_stock(tea, -1)
    change_stock(tin, -2)
    with pytest.raises(OutOfStock) as refused:
        place_order(**shown)
    assert [(short.title, short.wanted, short.available) for short in refused.value.shortages] == [
        ("Green tea", 2, 1),
        ("Tin", 2, 0),
    ]


def test_a_quote_without_details_is_for_the_shops_own_country(in_shop: Shop) -> None:
    shopper = ready_cart((make_product(price=1000), 1))
    assert quote_cart(load(shopper)).totals.total == 1500
    db.session.close()
    assert details().country == in_shop.country
