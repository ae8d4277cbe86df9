"""An order by telephone, paid by the link in the mail; then changed, twice, until nobody owes anything."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.factories.shop import Sold
from tests.journeys.live_shop import House, Stock
from tests.journeys.people import CARD, Shopper, Staff

pytestmark = pytest.mark.browser
both_ways = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
Arrive = Callable[..., Shopper]
SitDown = Callable[..., Staff]


def add(staff: Staff, sold: Sold) -> None:
    """Look for a product by its SKU and add it."""
    box = staff.page.get_by_role("searchbox", name="Add a product")
    box.fill(sold.sku)
    staff.press("Search")
    staff.sees(f"{sold.sku} ·")
    staff.press(f"Add {sold.sku}")


def link_in(house: House, address: str, words: str) -> str:
    """Return the path of the order's page from a mail."""
    mail = house.mail_to(address, words).get_body(("plain",))
    assert mail is not None
    found = re.search(r"/orders/[A-Za-z0-9_-]{20,64}", mail.get_content())
    assert found is not None
    return found[0]


def pay(shopper: Shopper, path: str, amount: str) -> None:
    """Open the page that the mail leads to and pay what is open."""
    shopper.open(path)
    shopper.page.get_by_label("Card number").first.fill(CARD)
    shopper.press(f"Pay {amount}")
    shopper.sees("is paid. Thank you.")
    shopper.look()


def prepare(bob: Staff, tea: Sold, email: str) -> None:
    """Fill in a draft of two units with a discount, and place it."""
    bob.sign_in("/admin/drafts")
    bob.press("Create order")
    bob.sees_heading("Draft order")
    bob.page.get_by_label("Email").fill(email)
    bob.page.get_by_label("Full name").fill("Ann Buyer")
    add(bob, tea)
    expect(bob.page.get_by_label(f"Quantity of {tea.sku}")).to_have_value("1")
    # Nothing that was typed is lost by the other buttons.
    expect(bob.page.get_by_label("Email")).to_have_value(email)
    bob.look()
    bob.page.get_by_label(f"Quantity of {tea.sku}").fill("2")
    bob.page.get_by_label("Street and number").fill("1600 Amphitheatre Parkway")
    bob.page.get_by_label("City").fill("Mountain View")
    bob.page.get_by_label("State").select_option("California")
    bob.page.get_by_label("ZIP code").fill("94043")
    bob.page.get_by_role("radio", name="Test card").check()
    bob.page.get_by_label("Discount", exact=True).fill("5")
    bob.page.get_by_label("Discount reason").fill("Old friend")
    bob.press("Save draft")
    bob.sees("Old friend")
    bob.sees("$20.00")
    bob.look()
    bob.press("Place order")
    bob.page.wait_for_url("**/admin/orders/ORD-*")
    bob.look()


def make_dearer(bob: Staff, code: str, pot: Sold) -> None:
    """Add a line to a paid order, so that 40 dollars are open."""
    bob.open(f"/admin/orders/{code}")
    bob.page.get_by_role("link", name="Edit order").click()
    bob.sees_heading(f"Edit {code}")
    add(bob, pot)
    expect(bob.page.get_by_label(f"Quantity of new {pot.sku}")).to_have_value("1")
    bob.press("Review changes")
    bob.sees_heading(f"Edit {code}: preview")
    bob.sees("The customer owes $40.00")
    bob.press("Update order")
    bob.sees("Amount due: $40.00.")
    bob.look()


def make_cheaper(bob: Staff, code: str, tea: Sold) -> None:
    """Take a line out of a paid order and give back what it cost."""
    bob.open(f"/admin/orders/{code}/edit")
    bob.page.get_by_label(f"Quantity of {tea.sku}").fill("0")
    bob.press("Review changes")
    bob.sees("2 available again")
    bob.look()
    bob.page.get_by_label("Refund the overpayment").check()
    bob.press("Update order")
    bob.sees("Order updated")
    bob.look()


@both_ways
def test_a_phone_order_is_paid_by_its_link_and_changed_twice(
    house: House, shopper: Arrive, staff: SitDown, javascript: bool
) -> None:
    tea = house.sell("Phone tea", price=1000, stock=9)
    pot = house.sell("Phone pot", price=4000, stock=9)
    ann, bob = shopper(javascript=javascript), staff("bob", javascript=javascript)
    email = f"phone-{javascript}@buyer.test".lower()
    prepare(bob, tea, email)
    assert house.stock(tea) == Stock(9, 2)
    [order] = house.orders_of(tea)
    assert (order.total, order.status) == (2000, "pending")

    path = link_in(house, email, order.code)
    pay(ann, path, "$20.00")
    ann.sees_heading("Confirmed")

    make_dearer(bob, order.code, pot)
    assert (house.stock(tea), house.stock(pot)) == (Stock(9, 2), Stock(9, 1))
    [order] = house.orders_of(tea)
    assert (order.total, order.status, order.payment_status) == (6000, "confirmed", "unpaid")
    ann.open(path)
    ann.sees("Payment due: $40.00")
    pay(ann, path, "$40.00")

    make_cheaper(bob, order.code, tea)
    assert (house.stock(tea), house.stock(pot)) == (Stock(9, 0), Stock(9, 1))
    [order] = house.orders_of(pot)
    assert (order.total, order.status, order.payment_status) == (4000, "confirmed", "paid")
    taken = [captured for state, captured in house.payments_of(order) if state == "captured"]
    assert taken == [2000, 4000]
