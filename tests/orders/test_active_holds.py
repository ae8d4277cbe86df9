"""Sold out because somebody holds the last units: the page says so, and to whom they are set aside, says where."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from commerce import clock
from commerce.cart.services import save_details, shopper_hash
from commerce.checkout.services import PlacedOrder, place_order
from commerce.db import atomic, db
from commerce.events.outbox import Actor
from commerce.orders.active_holds import ActiveHolds, active_holds
from commerce.orders.models import Order
from commerce.orders.services import cancel_order
from commerce.settlement.manual_payments import record_receipt
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import shop_scope
from tests.factories.cart import make_cart
from tests.factories.checkout import details, make_order, order_as_shown
from tests.factories.shop import Sold, make_product
from tests.support.statements import count_statements
from tests.support.visitor import Visitor

KEY = "k" * 43
ANN = shopper_hash(KEY)
BOB = Actor("staff", name="Bob")
HELD = "The last units are reserved by other shoppers and may become available again."
OWN = "You have reserved this with your order ORD-000001"


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", stock=2)


@atomic
def set_order(order_id: uuid.UUID, **values: Any) -> None:
    db.session.execute(update(Order).where(Order.id == order_id).values(**values))


@atomic
def set_shop(**values: Any) -> None:
    db.session.execute(update(Tenant).values(**values))


def order_of_ann(tea: Sold, units: int) -> PlacedOrder:
    """Place an order from the browser whose cart cookie is KEY."""
    make_cart((tea, units), key=KEY)
    save_details(ANN, details())
    return place_order(**order_as_shown(ANN))


def ann(app: Flask) -> Visitor:
    visitor = Visitor(app)
    visitor.client.set_cookie("cart", KEY, domain="demo.localhost")
    return visitor


def test_a_visitor_reads_that_units_may_come_back_and_when(app: Flask, tea: Sold) -> None:
    first, last = make_order((tea, 1)), make_order((tea, 1))
    soon = clock.now().replace(second=20, microsecond=5) + timedelta(minutes=30)
    set_order(first.id, hold_expires_at=soon + timedelta(hours=3))
    set_order(last.id, hold_expires_at=soon)
    page = Visitor(app).get(tea.path)
    assert HELD in page.text
    assert "Sold out" in page.text
    assert OWN not in page.text
    (moment,) = [each.get("datetime") for each in page.root.iter("time")]
    assert moment is not None
    assert datetime.fromisoformat(moment) == soon.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for order in (first, last):
        assert order.code not in page.text


def test_the_moment_is_that_of_the_shops_place(app: Flask, tea: Sold) -> None:
    order = make_order((tea, 2))
    set_order(order.id, hold_expires_at=datetime(2031, 1, 5, 23, 30, tzinfo=UTC))
    set_shop(timezone="Asia/Taipei")
    text = Visitor(app).get(tea.path).text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "The next reservation ends 1/6/31, 7:30 AM +0800." in text


def test_a_hold_that_is_just_running_out_has_no_moment(app: Flask, tea: Sold) -> None:
    order = make_order((tea, 2))
    set_order(order.id, hold_expires_at=clock.now() - timedelta(seconds=5))
    text = Visitor(app).get(tea.path).text
    assert HELD in text
    assert "The next reservation ends" not in text


def test_what_is_sold_for_good_is_just_sold_out(app: Flask, tea: Sold) -> None:
    order = make_order((tea, 2))
    record_receipt(order.id, BOB)
    text = Visitor(app).get(tea.path).text
    assert "Sold out" in text
    assert HELD not in text
    assert active_holds(tea.variant_id, "") == ActiveHolds()


def test_a_cancelled_order_holds_nothing(tea: Sold) -> None:
    order = make_order((tea, 2))
    assert active_holds(tea.variant_id, "").others
    cancel_order(order.id, BOB, reason="Trial", seen_version=1)
    assert active_holds(tea.variant_id, "") == ActiveHolds()


def test_who_holds_the_last_units_himself_is_led_to_their_order(app: Flask, tea: Sold) -> None:
    order = order_of_ann(tea, 2)
    page = ann(app).get(tea.path)
    assert OWN in page.text
    assert HELD not in page.text
    assert page.follow("ORD-000001").path == f"/orders/{order.token}"
    stranger = Visitor(app).get(tea.path)
    assert HELD in stranger.text
    assert order.token not in stranger.response.get_data(as_text=True)


def test_own_holds_and_those_of_others_are_distinguished(app: Flask, tea: Sold) -> None:
    order_of_ann(tea, 1)
    make_order((tea, 1))
    text = ann(app).get(tea.path).text
    assert OWN in text
    assert HELD in text


def test_the_last_unit_that_they_holds_does_not_go_into_a_new_cart_and_they_reads_why(
    app: Flask, tea: Sold
) -> None:
    visitor = ann(app)
    # The page was open before he ordered.
    form = visitor.get(tea.path).form("Add to cart")
    order_of_ann(tea, 2)
    page = form.send()
    assert page.status == 422
    assert "This is sold out." in page.error_at("quantity")
    assert OWN in page.text
    htmx = visitor.post(
        "/cart/lines",
        {"variant_id": str(tea.variant_id), "quantity": "1"},
        headers={"HX-Request": "true"},
    )
    assert htmx.status_code == 422
    assert "You have reserved this" in htmx.get_data(as_text=True)


def test_a_line_of_their_next_cart_that_their_own_order_has_emptied_says_so(app: Flask, tea: Sold) -> None:
    order_of_ann(tea, 1)
    make_cart((tea, 1), key=KEY)
    make_order((tea, 1))
    page = ann(app).get("/cart")
    assert "This is sold out. Please remove it." in page.text
    assert OWN in page.text


def test_charlies_shop_knows_nothing_of_it(app: Flask, other_shop: Shop, tea: Sold) -> None:
    order_of_ann(tea, 2)
    with shop_scope(other_shop):
        assert active_holds(tea.variant_id, ANN) == ActiveHolds()


def test_it_costs_one_statement_and_only_what_is_sold_out_asks(app: Flask, tea: Sold) -> None:
    visitor = Visitor(app)

    def asked() -> int:
        with count_statements() as seen:
            visitor.get(tea.path)
        return len(seen)

    def settled() -> int:
        """What a page costs once the shop, its menu and the card of the product are known."""
        for _ in range(3):
            asked()
        return asked()

    before = settled()
    order_of_ann(tea, 2)
    assert settled() == before + 1
    db.session.close()
    with count_statements() as seen:
        active_holds(tea.variant_id, ANN)
    assert len(seen) == 1, seen


def test_their_order_page_says_until_when_in_words_and_for_programs(app: Flask, tea: Sold) -> None:
    order = order_of_ann(tea, 2)
    set_order(order.id, hold_expires_at=datetime(2031, 1, 5, 23, 30, tzinfo=UTC))
    set_shop(timezone="Asia/Taipei")
    page = ann(app).get(f"/orders/{order.token}")
    assert "1/6/31, 7:30 AM" in page.text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    moments = {each.get("datetime") for each in page.root.iter("time")}
    assert "2031-01-05T23:30:00+00:00" in moments
