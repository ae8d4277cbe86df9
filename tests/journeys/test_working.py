"""From a bought order to a delivered one: staff, the shopper's page and the mails, in real browsers."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.journeys.live_shop import House, Stock
from tests.journeys.people import Shopper, Staff

pytestmark = pytest.mark.browser
both_ways = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
Arrive = Callable[..., Shopper]
SitDown = Callable[..., Staff]


@both_ways
def test_an_order_goes_from_the_bank_transfer_to_the_customer(
    house: House, shopper: Arrive, staff: SitDown, javascript: bool
) -> None:
    tea = house.sell("Green tea", price=1000, stock=9)
    ann, bob = shopper(javascript=javascript), staff("bob", javascript=javascript)
    ann.email = f"door-{javascript}@buyer.test".lower()
    path = ann.buy((tea, 2), pay_by="Bank transfer")
    ann.sees_heading("Thank you, Ann Buyer")
    [order] = house.orders_of(tea)
    house.mail_to(ann.email, f"We received your order {order.code}")
    bob.sign_in()
    bob.page.locator("#q").fill(ann.email)
    bob.page.locator("#q").press("Enter")
    expect(bob.page.get_by_role("row")).to_have_count(2)
    bob.page.get_by_role("link", name=order.code, exact=True).click()
    bob.sees_heading(order.code)
    bob.press_and_say("Record payment", "Statement of Monday", button="Continue")
    bob.sees_heading(f"Record a payment for {order.code}")
    bob.look()
    bob.press("Record payment")
    bob.sees("Statement of Monday")
    bob.look()
    house.mail_to(ann.email, f"{order.code} is confirmed")
    ann.open(path)
    ann.sees_heading("Confirmed")
    bob.press("Start processing")
    bob.sees("Processing started.")
    bob.look()
    ann.open(path)
    ann.sees("We are packing your order.")
    bob.page.get_by_role("link", name="Ship…").click()
    bob.page.get_by_label("Carrier").fill("Royal Snail")
    bob.page.get_by_label("Tracking code").fill("RS-77")
    bob.press("Ship")
    bob.sees("RS-77")
    bob.look()
    assert house.stock(tea) == Stock(7, 0)
    ann.open(path)
    ann.sees_heading("Shipped")
    shipped = house.mail_to(ann.email, f"{order.code} is on its way").get_body(("plain",))
    assert shipped is not None
    assert "Royal Snail RS-77" in shipped.get_content()
    bob.press("Mark as delivered")
    expect(bob.page.get_by_role("button", name="Complete", exact=True)).to_be_visible()
    bob.look()
    ann.open(path)
    ann.sees_heading("Delivered")
    house.mail_to(ann.email, f"{order.code} has arrived")
    assert len(house.mails_to(ann.email)) == 4
    [order] = house.orders_of(tea)
    assert (order.status, order.payment_status) == ("delivered", "paid")


@both_ways
def test_of_two_who_ship_the_same_order_one_wins_and_the_other_sees_it(
    house: House, shopper: Arrive, staff: SitDown, javascript: bool
) -> None:
    tea = house.sell("Green tea", stock=9)
    shopper().buy((tea, 2))
    [order] = house.orders_of(tea)
    bob, rita = staff("bob", javascript=javascript), staff("rita", javascript=javascript)
    for each in (bob, rita):
        each.sign_in(f"/admin/orders/{order.code}")
    bob.press("Start processing")
    bob.sees("Processing started.")
    rita.open_order(order.code)
    for each in (bob, rita):
        each.page.get_by_role("link", name="Ship…").click()
        each.page.get_by_label("Carrier").fill(f"Carrier of {each.name}")
    assert bob.answer_to("Ship").status in (200, 303)
    bob.sees("Carrier of bob")
    late = rita.answer_to("Ship")
    assert late.status == 409
    notice = rita.page.get_by_role("alert").first
    expect(notice).to_contain_text("Bob shipped the order")
    rita.look()
    rita.open_order(order.code)
    expect(rita.page.get_by_text("Carrier of rita")).to_have_count(0)
    assert (house.shipments_of(order), house.stock(tea)) == (1, Stock(7, 0))
    rita.press("Mark as delivered")
    expect(rita.page.get_by_role("button", name="Complete", exact=True)).to_be_visible()
    [order] = house.orders_of(tea)
    assert order.status == "delivered"


@both_ways
def test_what_staff_cancel_is_reported_and_paid_back(
    house: House, shopper: Arrive, staff: SitDown, javascript: bool
) -> None:
    tea = house.sell("Green tea", price=1000, stock=9)
    ann, bob = shopper(), staff("bob", javascript=javascript)
    ann.email = f"cancelled-{javascript}@buyer.test".lower()
    path = ann.buy((tea, 2))
    [order] = house.orders_of(tea)
    bob.sign_in(f"/admin/orders/{order.code}")
    bob.cancel("The roof leaked on it")
    bob.sees("The roof leaked on it")
    bob.look()
    told = house.mail_to(ann.email, f"{order.code} was cancelled").get_body(("plain",))
    assert told is not None
    assert "The roof leaked on it" in told.get_content()
    assert "being refunded" in told.get_content()
    ann.open(path)
    ann.sees_heading("Cancelled")
    assert house.stock(tea) == Stock(9, 0)
    [order] = house.orders_of(tea)
    assert (order.status, order.payment_status) == ("cancelled", "refunded")


def test_an_order_page_that_the_shopper_left_open_cannot_cancel_what_was_shipped(
    house: House, shopper: Arrive, staff: SitDown
) -> None:
    tea = house.sell("Green tea", stock=9)
    ann, bob = shopper(), staff("bob")
    ann.buy((tea, 2))
    [order] = house.orders_of(tea)
    bob.sign_in(f"/admin/orders/{order.code}")
    bob.page.get_by_role("link", name="Ship…").click()
    bob.press("Ship")
    expect(bob.page.get_by_role("button", name="Mark as delivered")).to_be_visible()
    ann.page.get_by_text("Cancel this order").click()
    ann.page.get_by_label("Why would you like to cancel?").fill("Too late?")
    answer = ann.answer_to("Cancel the order")
    assert answer.status == 409
    ann.sees_heading("Shipped")
    assert house.stock(tea) == Stock(7, 0)
    [order] = house.orders_of(tea)
    assert (order.status, order.payment_status) == ("shipped", "paid")
