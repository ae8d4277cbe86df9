"""The web server dies with SIGKILL while an order is being placed; the shopper sends the form again."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Error

from tests.journeys.live_shop import House, Stock
from tests.journeys.people import CARD, Shopper
from tests.support.browser import Watch

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the server's processes in /proc"),
]
Arrive = Callable[..., Shopper]
PLACES = ["reservations", "test_card_charges"]
"""Where the process dies: with the order written and not committed; with it committed and not paid."""


def place_and_crash(house: House, ann: Shopper, table: str, accident: Callable[[], None]) -> None:
    """Press the button, and let the accident happen while the server is busy with it."""
    with house.in_the_way(table) as obstacle:
        ann.page.get_by_role("button", name="Place order").click(no_wait_after=True)
        obstacle.wait_for_somebody()
        accident()
    house.recover()


def wait_for_the_answer(ann: Shopper) -> None:
    """The page fails for good; or its server came back so soon that the browser has sent the form again by itself."""
    with suppress(Error):
        ann.page.wait_for_url("**/orders/*")


def send_again(house: House, ann: Shopper) -> None:
    """Do what everybody does with a page that did not load: go back to the shop, or send the form again."""
    old = ann.another_tab()
    old.open("/checkout/review")
    if old.page.url.endswith("/checkout/review"):
        old.type_card(CARD)
        old.place()
    ann.page.reload()
    ann.page.wait_for_url("**/orders/*")
    ann.look()


@pytest.mark.parametrize("table", PLACES)
@pytest.mark.parametrize("accident", ["kill_web_process", "lose_power"])
def test_a_form_that_is_sent_again_after_a_crash_finds_or_makes_the_one_order(
    house: House, shopper: Arrive, watch: Watch, accident: str, table: str
) -> None:
    if table == "test_card_charges" and not house.postgresql:
        pytest.skip("SQLite locks all tables at once, so its process always dies at the first one")
    watch.allow("ERR_|Failed to load")
    tea = house.sell("Green tea", price=1000, stock=9)
    ann = shopper()
    ann.to_review((tea, 2))
    place_and_crash(house, ann, table, getattr(house, accident))
    committed = table == "test_card_charges"
    if accident == "lose_power":  # nobody has sent anything again yet
        assert bool(house.orders_of(tea)) is committed
        assert house.stock(tea) == Stock(9, 2 if committed else 0)
    wait_for_the_answer(ann)
    send_again(house, ann)
    [order] = house.orders_of(tea)
    assert ann.order_path == f"/orders/{order.token}"
    assert house.stock(tea) == Stock(9, 2)
    if committed:
        ann.sees("checking your payment with the provider")
        house.let_payments_age(order)
        house.reconcile()
        ann.sees_heading("Waiting for payment")
        ann.type_card(CARD)
        ann.press("Pay $25.00")
    ann.sees_heading("Confirmed")
    assert sum(captured for _state, captured in house.payments_of(order)) == 2500
    assert len(house.orders_of(tea)) == 1
    assert house.stock(tea) == Stock(9, 2)


def test_whenever_the_process_dies_there_is_one_order_and_the_stock_adds_up(
    house: House, shopper: Arrive, watch: Watch
) -> None:
    watch.allow("ERR_|Failed to load")
    tea = house.sell("Green tea", price=1000, stock=99)
    ann = shopper()
    for number, delay in enumerate((0.0, 0.02, 0.06), start=1):
        first, second = ann.another_tab(), ann.another_tab()
        first.to_review((tea, 2), pay_by="Bank transfer")
        second.open("/checkout/review")
        first.page.get_by_role("button", name="Place order").click(no_wait_after=True)
        time.sleep(delay)
        house.kill_web_process()
        house.recover()
        assert len(house.orders_of(tea)) in (number - 1, number)
        second.place()
        assert len(house.orders_of(tea)) == number
        assert house.stock(tea) == Stock(99, 2 * number)
        first.page.close()
        second.page.close()
