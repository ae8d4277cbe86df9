"""A shopper reads which units are not there, and when they ship, before he orders; never does he get more unseen."""

import json
import re
from datetime import date, timedelta

import pytest
from flask import Flask

from commerce import clock
from commerce.checkout.services import place_order
from commerce.errors import CartChanged
from commerce.orders.queries import get_order_by_code
from commerce.tenants.models import Shop
from tests.checkout.pages import put_in, to_review
from tests.checkout.test_placement import place, send, traces
from tests.factories.checkout import order_as_shown, ready_cart
from tests.factories.shop import Sold, allow_backorder, change_stock, counters, make_product
from tests.support.visitor import Visitor

MARCH = date(2999, 3, 1)


def structured(html: str) -> dict[str, str]:
    """Return the first offer of the page as search engines read it."""
    found = re.search(r'<script type="application/ld\+json"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert found is not None
    offer: dict[str, str] = json.loads(found[1])["offers"][0]
    return offer


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    """One in stock, five more on 1 March."""
    sold = make_product("Green tea", stock=1)
    allow_backorder(sold, 5, MARCH)
    return sold


def test_a_pre_order_says_its_day_from_the_list_to_the_order(app: Flask, tea: Sold) -> None:
    visitor = Visitor(app)
    review = to_review(visitor, (tea, 3))
    assert "2 of 3 on backorder, ships from Mar 1, 2999" in review.text
    assert "2 of 3 on backorder, ships from Mar 1, 2999" in visitor.get("/cart").text
    ordered = place(review)
    assert "2 of 3 on backorder, ships from Mar 1, 2999" in ordered.text
    line = get_order_by_code("ORD-000001").lines[0]
    assert (line.quantity, line.backordered, line.ships_from) == (3, 2, MARCH)
    assert counters(tea) == (1, 3)


def test_what_is_not_there_is_offered_as_what_it_is(app: Flask, in_shop: Shop) -> None:
    tea = make_product("Green tea", stock=0)
    for day, words, kind in (
        (MARCH, "Pre-order: ships from Mar 1, 2999", "PreOrder"),
        (None, "On backorder: ships as soon as it arrives", "BackOrder"),
        (clock.now().date() - timedelta(days=1), "On backorder: ships as soon as it arrives", "BackOrder"),
    ):
        allow_backorder(tea, 5, day)
        page = Visitor(app).get(tea.path)
        assert words in page.text
        assert words in Visitor(app).get("/").text
        assert page.has_button("Add to cart")
        assert 'max="5"' in page.response.text
        assert "Notify me when it's back in stock" not in page.text
        assert structured(page.response.text)["availability"] == f"https://schema.org/{kind}"
    allow_backorder(tea, 0)
    assert "Sold out" in Visitor(app).get(tea.path).text


def test_a_unit_that_was_in_stock_a_moment_ago_is_never_quietly_promised(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=2)
    allow_backorder(tea, 5)
    review = to_review(Visitor(app), (tea, 2))
    change_stock(tea, -1)
    answer = send(review)
    assert answer.status_code == 409
    assert "1 of 2 on backorder, ships as soon as it arrives" in answer.text
    assert not any(traces().values())
    assert counters(tea) == (1, 0)
    assert send(review.visitor.get("/checkout/review")).status_code == 303
    assert counters(tea) == (1, 2)


def test_less_on_backorder_than_was_shown_is_good_news(app: Flask, tea: Sold) -> None:
    review = to_review(Visitor(app), (tea, 3))
    change_stock(tea, 1)
    assert send(review).status_code == 303
    assert get_order_by_code("ORD-000001").lines[0].backordered == 1


def test_a_program_that_shows_nothing_gets_only_what_is_there(in_shop: Shop, tea: Sold) -> None:
    shown = order_as_shown(ready_cart((tea, 2)))
    del shown["shown_backordered"]
    with pytest.raises(CartChanged):
        place_order(**shown)
    assert counters(tea) == (1, 0)


@pytest.mark.parametrize("typed", ["-1", "x", "1" * 10])
def test_a_form_that_was_tampered_with_is_refused(app: Flask, tea: Sold, typed: str) -> None:
    review = to_review(Visitor(app), (tea, 2))
    assert send(review, shown_backordered=typed).status_code == 422
    assert counters(tea) == (1, 0)


def test_a_cart_takes_as_many_as_may_be_promised(app: Flask, tea: Sold) -> None:
    visitor = Visitor(app)
    assert "Only 1 left Beyond that: Pre-order: ships from Mar 1, 2999" in visitor.get(tea.path).text
    put_in(visitor, tea, 6)
    assert 'max="6"' in visitor.get("/cart").response.text
