"""A guest buys without JavaScript, from the product page to the order page."""

from flask import Flask

from commerce.orders.queries import get_by_code
from commerce.tenants.models import Shop
from tests.factories.shop import counters, make_product
from tests.support.visitor import Page, Visitor

CARD = "4242 4242 4242 4242"


def fill_details(page: Page, country: str = "United States") -> Page:
    """Fill in the checkout's first page and go on to the review."""
    form = page.form("Continue")
    form.fill(
        {
            "E-mail": "Ann@Example.COM",
            "Full name": "Ann Buyer",
            "Street and number": "1600 Amphitheatre Parkway",
            "City": "Mountain View",
            "ZIP code": "94043",
        }
    ).choose("California")
    return form.send("Continue")


def test_a_guest_buys_two_products_by_card_in_eight_requests(app: Flask, in_shop: Shop) -> None:
    tea = make_product("Green tea", price=1250, stock=5)
    ann = Visitor(app)
    cart = ann.get(tea.path).form("Add to cart").fill({"Quantity": "2"}).send()
    assert cart.heading == "Your cart"
    assert "Green tea is in your cart." in cart.text
    review = fill_details(cart.follow("Checkout"))
    assert review.heading == "Review and order"
    assert "ann@example.com" in review.text.lower()
    assert "Mountain View, CA 94043" in review.text
    order = review.form("Place order").fill({"Card number": CARD}).send()
    assert ann.requests == 8
    assert order.path.startswith("/orders/")
    assert order.heading == "Confirmed"
    assert "$30.00 is paid" in order.text
    placed = get_by_code("ORD-000001")
    assert (placed.subtotal, placed.shipping_amount, placed.total) == (2500, 500, 3000)
    assert (placed.status, placed.payment_status) == ("confirmed", "paid")
    assert placed.email == "Ann@example.com"
    assert counters(tea) == (5, 2)
