"""Goods go out in parts and come back in parts: shopper, staff, stock and mails, with and without scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.factories.shop import Sold
from tests.journeys.live_shop import House, Stock
from tests.journeys.people import Shopper, Staff

pytestmark = pytest.mark.browser
both_ways = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
Arrive = Callable[..., Shopper]
SitDown = Callable[..., Staff]


@both_ways
def test_one_of_two_units_comes_back(house: House, shopper: Arrive, staff: SitDown, javascript: bool) -> None:
    tea = house.sell("Green tea", price=1000, stock=9)
    ann, bob = shopper(javascript=javascript), staff("bob", javascript=javascript)
    ann.email = f"back-{javascript}@buyer.test".lower()
    path = ann.buy((tea, 2))
    [order] = house.orders_of(tea)
    bob.sign_in(f"/admin/orders/{order.code}")
    _deliver(bob)
    assert house.stock(tea) == Stock(7, 0)
    ann.open(path)
    _ask_one_back(ann, tea)
    ann.sees_heading("Delivered")

    bob.open("/admin/returns")
    bob.page.get_by_role("link", name=order.code).click()
    bob.sees("One is enough")
    bob.look()
    bob.page.get_by_role("textbox", name="Message to the customer").first.fill("Send it to Hall 3.")
    bob.press("Approve return")
    bob.sees("Received items")
    bob.look()
    ann.open(path)
    ann.sees("Send it to Hall 3.")
    bob.press("Record received items")
    bob.sees("Received items recorded.")
    bob.look()
    bob.press("Preview")
    bob.sees("Please review the changes")
    bob.sees("1 unit will be restocked.")
    bob.look()
    assert house.stock(tea) == Stock(7, 0)
    bob.page.get_by_role("button", name="Refund").click()
    bob.sees("Partially refunded")
    bob.sees("refunded $10.00 for 1 × Green tea")
    bob.look()
    assert house.stock(tea) == Stock(8, 0)
    ann.open(path)
    ann.sees("Refunds")
    ann.sees("$10.00")
    ann.sees_heading("Delivered")
    [order] = house.orders_of(tea)
    assert (order.status, order.payment_status) == ("delivered", "partially_refunded")


def _deliver(bob: Staff) -> None:
    bob.page.get_by_role("link", name="Ship…").click()
    bob.press("Ship")
    expect(bob.page.get_by_role("button", name="Mark as delivered")).to_be_visible()
    bob.press("Mark as delivered")
    expect(bob.page.get_by_role("button", name="Complete", exact=True)).to_be_visible()


def _ask_one_back(ann: Shopper, tea: Sold) -> None:
    ann.page.get_by_text("Request a refund or return").click()
    ann.page.get_by_role("radio", name="Return items for a refund").check()
    ann.page.get_by_role("spinbutton", name=tea.title).fill("1")
    ann.page.get_by_label("Reason").fill("One is enough")
    ann.look()
    ann.press("Send request")
    ann.sees("Under review")


@both_ways
def test_an_order_leaves_in_two_parcels(
    house: House, shopper: Arrive, staff: SitDown, javascript: bool
) -> None:
    tea = house.sell("Green tea", stock=9)
    ann, bob = shopper(javascript=javascript), staff("bob", javascript=javascript)
    path = ann.buy((tea, 3))
    [order] = house.orders_of(tea)
    bob.sign_in(f"/admin/orders/{order.code}")
    bob.page.get_by_role("link", name="Ship…").click()
    bob.page.get_by_role("spinbutton", name=tea.title).fill("2")
    bob.page.get_by_label("Carrier").fill("DHL")
    bob.page.get_by_label("Tracking code").fill("JD 77")
    bob.press("Ship")
    bob.sees("The rest of the order still has to be shipped")
    bob.look()
    assert house.stock(tea) == Stock(7, 1)
    ann.open(path)
    ann.sees_heading("Processing")
    ann.sees("2 shipped, 1 to follow")
    link = ann.page.get_by_role("link", name="Track JD 77")
    expect(link).to_have_attribute(
        "href", "https://www.dhl.com/global-en/home/tracking.html?tracking-id=JD77"
    )
    bob.page.get_by_role("link", name="Ship…").click()
    bob.press("Ship")
    expect(bob.page.get_by_role("button", name="Mark as delivered")).to_be_visible()
    bob.look()
    assert (house.stock(tea), house.shipments_of(order)) == (Stock(6, 0), 2)
    bob.page.get_by_role("link", name="Packing slip 2").click()
    bob.sees_heading(f"Packing slip {order.code} / 2")
    ann.open(path)
    ann.sees_heading("Shipped")
    ann.sees("Your 2 parcels")


def test_a_request_can_be_withdrawn_and_says_what_is_wrong_with_it(house: House, shopper: Arrive) -> None:
    tea = house.sell("Green tea", stock=9)
    ann = shopper()
    ann.buy((tea, 2))
    ann.page.get_by_text("Request a refund or return").click()
    ann.page.get_by_role("spinbutton", name=tea.title).fill("1")
    assert ann.answer_to("Send request").status == 422
    ann.sees("Please tell us why.")
    expect(ann.page.get_by_role("spinbutton", name=tea.title)).to_have_value("1")
    ann.page.get_by_label("Reason").fill("Changed my mind")
    ann.press("Send request")
    ann.sees("We received your request and will email you.")
    ann.look()
    ann.press("Withdraw request")
    ann.sees("Your request was withdrawn.")
    ann.look()
    [order] = house.orders_of(tea)
    assert (order.status, house.stock(tea)) == ("confirmed", Stock(9, 2))
