"""Shoppers and staff who use the pages by what they can read on them, and look closely at each page that they see."""

from playwright.sync_api import Locator, Page, Response, expect

from tests.factories.shop import Sold
from tests.factories.staff import PASSWORD
from tests.journeys.live_shop import House
from tests.journeys.page_checks import Looker

CARD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
NO_ANSWER = "4000 0000 0000 0119"


class Person:
    """Somebody at a browser."""

    def __init__(
        self, house: House, page: Page, shop: str, *, javascript: bool, looker: Looker | None = None
    ) -> None:
        self.house = house
        self.page = page
        self.shop = shop
        self._looker = looker or Looker()
        self._javascript = javascript
        self._looker.follow(page, javascript=javascript)

    def open(self, path: str) -> None:
        """Open an address of the shop and look at the page."""
        self.page.goto(self.house.url(path, self.shop))
        self.look()

    def press(self, words: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=words, exact=True).click()

    def look(self) -> None:
        """Look at the page as it is now: mark-up, accessibility, width on a telephone."""
        self._looker.look(self.page)

    def sees(self, words: str) -> None:
        """Wait until the main part of the page says something."""
        expect(self.page.get_by_role("main")).to_contain_text(words)

    def sees_heading(self, words: str) -> None:
        """Wait until the page's heading says something, and look at the page."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(words)
        self.look()

    def answer_to(self, words: str) -> Response:
        """Press a button and return the answer to what it sent, without following redirects."""
        with self.page.expect_response(lambda response: response.request.method == "POST") as answer:
            self.press(words)
        return answer.value


class Shopper(Person):
    """A guest who buys."""

    email = "ann@buyer.test"
    name = "Ann Buyer"

    def another_tab(self) -> "Shopper":
        """Open the same browser's second tab."""
        page = self.page.context.new_page()
        tab = Shopper(self.house, page, self.shop, javascript=self._javascript, looker=self._looker)
        tab.email = self.email
        return tab

    def put_in(self, sold: Sold, quantity: int = 1) -> None:
        """Open a product and put some of it into the cart."""
        self.open(sold.path)
        self.page.get_by_label("Quantity").fill(str(quantity))
        self.press("Add to cart")
        self.sees(f"{sold.title} was added to your cart")
        self.look()

    def to_details(self) -> None:
        """Go from any page to the cart and on to the checkout."""
        self.page.get_by_role("banner").get_by_role("link", name="Cart").click()
        self.sees_heading("Your cart")
        self.page.get_by_role("button", name="Checkout", exact=True).click()
        self.sees_heading("Checkout")

    def fill_in(self, pay_by: str = "Test card") -> None:
        """Say who, where to and how to pay, in the shop's own country."""
        page = self.page
        page.get_by_label("Email").fill(self.email)
        page.get_by_label("Full name").fill(self.name)
        if self.shop == "other":
            page.get_by_label("Postcode").fill("100-0001")
            page.get_by_label("Prefecture").select_option("Tokyo")
            page.get_by_label("Street and number").fill("1-1 Chiyoda")
        else:
            page.get_by_label("Street and number").fill("1600 Amphitheatre Parkway")
            page.get_by_label("City").fill("Mountain View")
            page.get_by_label("State").select_option("California")
            page.get_by_label("ZIP code").fill("94043")
        page.get_by_role("radio", name=pay_by).check()

    def to_review(self, *lines: tuple[Sold, int], pay_by: str = "Test card", card: str = CARD) -> None:
        """Go all the way to the one button that orders; the card's number is typed in already."""
        for sold, quantity in lines:
            self.put_in(sold, quantity)
        self.to_details()
        self.fill_in(pay_by)
        self.press("Continue to review")
        self.sees_heading("Review and order")
        self.type_card(card)

    def type_card(self, number: str) -> None:
        """Type the card's number where the page asks for one."""
        field = self.page.get_by_label("Card number")
        if field.count():
            field.fill(number)

    def place(self) -> None:
        """Press the one button that orders, and wait for the order's page."""
        self.press("Place order")
        self.page.wait_for_url("**/orders/*")
        self.look()

    def buy(self, *lines: tuple[Sold, int], pay_by: str = "Test card", card: str = CARD) -> str:
        """Buy and return the path of the order's page."""
        self.to_review(*lines, pay_by=pay_by, card=card)
        self.place()
        return self.order_path

    @property
    def order_path(self) -> str:
        """The path of the order's page that is open."""
        path = self.page.url.removeprefix(self.house.url("", self.shop))
        assert path.startswith("/orders/"), path
        return path

    def tab_to(self, target: Locator) -> None:
        """Press the tabulator until `target` has the focus."""
        for _ in range(150):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {target}")


class Staff(Person):
    """Somebody who works for the first shop."""

    def __init__(self, house: House, page: Page, name: str, *, javascript: bool) -> None:
        super().__init__(house, page, "demo", javascript=javascript)
        self.name = name

    def sign_in(self, path: str = "/admin/orders") -> None:
        """Open a page of the back office, which asks who is there first."""
        self.open(path)
        self.sees_heading("Sign in")
        self.page.get_by_label("Email").fill(f"{self.name}@shop.test")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")
        expect(self.page).to_have_url(self.house.url(path))
        self.look()

    def open_order(self, code: str) -> None:
        """Find an order in the list and open it."""
        self.open("/admin/orders")
        self.page.get_by_role("link", name=code, exact=True).click()
        self.sees_heading(code)

    def cancel(self, reason: str) -> None:
        """Cancel the order that is open: look at what it would do, and do exactly that."""
        self.page.get_by_text("Cancel…", exact=True).click()
        form = self.page.get_by_role("group").filter(has=self.page.get_by_role("button", name="Preview"))
        form.get_by_role("textbox").fill(reason)
        form.get_by_role("button", name="Preview").click()
        self.sees("Please review the changes")
        self.look()
        self.page.get_by_role("button", name="Cancel order").click()

    def press_and_say(self, words: str, reason: str, *, button: str = "") -> None:
        """Press a button that asks for words, last of all for a note or reason; give one, and press `button`."""
        self.page.get_by_text(f"{words}…", exact=True).click()
        form = self.page.get_by_role("group").filter(
            has=self.page.get_by_role("button", name=button or words, exact=True)
        )
        form.get_by_role("textbox").last.fill(reason)
        self.press(button or words)
