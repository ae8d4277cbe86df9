"""Steps that several tests take through the shop's pages."""

from tests.factories.shop import Sold
from tests.support.visitor import Page, Visitor

CARD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
NO_ANSWER = "4000 0000 0000 0119"
ANN = {
    "Email": "Ann@Example.COM",
    "Full name": "Ann Buyer",
    "Street and number": "1600 Amphitheatre Parkway",
    "City": "Mountain View",
    "ZIP code": "94043",
}


def put_in(visitor: Visitor, sold: Sold, quantity: int = 1) -> Page:
    """Open a product and put some of it into the cart."""
    return visitor.get(sold.path).form("Add to cart").fill({"Quantity": str(quantity)}).send()


def to_details(visitor: Visitor, *lines: tuple[Sold, int]) -> Page:
    """Fill a cart and open the checkout."""
    for sold, quantity in lines:
        put_in(visitor, sold, quantity)
    return visitor.get("/checkout")


def to_review(visitor: Visitor, *lines: tuple[Sold, int], pay_by: str = "Test card") -> Page:
    """Go as far as the review page."""
    form = to_details(visitor, *lines).form("Continue")
    return form.fill(ANN).choose("California").choose(pay_by).send("Continue")


def buy(visitor: Visitor, *lines: tuple[Sold, int], pay_by: str = "Test card", card: str = CARD) -> Page:
    """Buy and return the order page."""
    form = to_review(visitor, *lines, pay_by=pay_by).form("Place order")
    if pay_by == "Test card":
        form.fill({"Card number": card})
    return form.send("Place order")
