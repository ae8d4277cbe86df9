"""A shopper's journeys in a real browser, with what may happen on the way."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.journeys.live_shop import House, Stock
from tests.journeys.people import CARD, DECLINED, NO_ANSWER, Shopper
from tests.support.browser import Watch

pytestmark = pytest.mark.browser
Arrive = Callable[..., Shopper]
both_ways = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])


@both_ways
def test_a_guest_buys_and_keeps_the_link_to_the_order(
    house: House, shopper: Arrive, javascript: bool
) -> None:
    tea = house.sell("Green tea", price=1250, stock=9)
    cup = house.sell("Cup", price=300, stock=9, options={"Colour": "Red"})
    ann = shopper(javascript=javascript)
    ann.email = f"ann-{javascript}@buyer.test".lower()
    ann.put_in(tea, 2)
    ann.put_in(cup)
    ann.page.get_by_role("banner").get_by_role("link", name="Cart").click()
    ann.page.get_by_label(f"Quantity: {cup.title}").fill("3")
    ann.press("Update cart")
    ann.sees("$34.00")
    ann.look()
    ann.press(f"Remove {tea.title}")
    expect(ann.page.get_by_role("heading", name=tea.title)).to_have_count(0)
    ann.sees("$9.00")
    ann.look()
    path = ann.buy((tea, 2))
    ann.sees_heading("Confirmed")
    ann.sees("$39.00 is paid")
    [order] = house.orders_of(tea)
    assert (order.total, order.status, order.payment_status) == (3900, "confirmed", "paid")
    assert (house.stock(tea), house.stock(cup)) == (Stock(9, 2), Stock(9, 3))
    mail = house.mail_to(ann.email, f"{order.code} is confirmed")
    text = mail.get_body(("plain",))
    assert text is not None
    assert f"{house.url(path)}\n" in text.get_content().replace("\r\n", "\n")
    assert mail.get_body(("html",)) is not None
    friend = shopper()
    friend.open(path)
    friend.sees_heading("Confirmed")
    ann.open("/cart")
    ann.sees("Your cart is empty.")


@both_ways
def test_another_country_asks_for_its_own_address(house: House, shopper: Arrive, javascript: bool) -> None:
    tea = house.sell("Green tea", stock=9)
    ann = shopper(javascript=javascript)
    ann.put_in(tea)
    ann.to_details()
    ann.page.get_by_label("Full name").fill("Anna Käufer")
    ann.page.get_by_label("Country").select_option("Germany")
    if not javascript:
        ann.page.get_by_role("button", name="Update").click()
    expect(ann.page.get_by_label("State")).to_have_count(0)
    expect(ann.page.get_by_label("Full name")).to_have_value("Anna Käufer")
    ann.look()
    ann.page.get_by_label("Email").fill("anna@buyer.test")
    ann.page.get_by_label("Street and number").fill("Unter den Linden 1")
    ann.page.get_by_label("City").fill("Berlin")
    ann.page.get_by_label("Postcode").fill("1011")
    answer = ann.answer_to("Continue to review")
    assert answer.status == 422
    ann.look()
    expect(ann.page.get_by_role("alert").first).to_contain_text("Postcode")
    ann.page.get_by_label("Postcode").fill("10117")
    ann.press("Continue to review")
    ann.sees_heading("Review and order")
    ann.sees("10117 Berlin")


def test_the_keyboard_alone_is_enough_to_buy(house: House, shopper: Arrive) -> None:
    tea = house.sell("Green tea", price=1000, stock=9)
    ann = shopper()
    page, keys = ann.page, ann.page.keyboard
    ann.open(tea.path)
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    keys.press("Enter")
    ann.tab_to(page.get_by_label("Quantity"))
    keys.press("ArrowUp")
    keys.press("Enter")
    ann.sees(f"{tea.title} was added to your cart")
    ann.tab_to(page.get_by_role("link", name="View cart"))
    keys.press("Enter")
    ann.sees_heading("Your cart")
    ann.tab_to(page.get_by_role("button", name="Checkout", exact=True))
    keys.press("Enter")
    ann.sees_heading("Checkout")
    for label, text in [
        ("Email", "ann@buyer.test"),
        ("Full name", "Ann Buyer"),
        ("Street and number", "1600 Amphitheatre Parkway"),
        ("City", "Mountain View"),
        ("State", "Calif"),
        ("ZIP code", "94043"),
    ]:
        ann.tab_to(page.get_by_label(label))
        keys.type(text)
    ann.tab_to(page.get_by_role("radio", name="Test card"))
    keys.press("ArrowDown")
    expect(page.get_by_role("radio", name="Bank transfer")).to_be_checked()
    keys.press("ArrowDown")
    expect(page.get_by_role("radio", name="Cash on delivery")).to_be_checked()
    ann.tab_to(page.get_by_role("button", name="Continue to review"))
    keys.press("Enter")
    ann.sees_heading("Review and order")
    ann.sees("Mountain View, CA 94043")
    ann.tab_to(page.get_by_role("button", name="Place order"))
    keys.press("Enter")
    ann.sees_heading("Confirmed")
    ann.sees("please have $25.00 ready")
    assert house.stock(tea) == Stock(9, 2)


# --- once ------------------------------------------------------------------------------------------------


@both_ways
def test_a_double_click_places_one_order_and_lands_on_it(
    house: House, shopper: Arrive, javascript: bool
) -> None:
    tea = house.sell("Green tea", stock=9)
    ann = shopper(javascript=javascript)
    ann.to_review((tea, 2))
    ann.page.get_by_role("button", name="Place order").dblclick(no_wait_after=True)
    ann.page.wait_for_url("**/orders/*")
    # The second click may be answered while the payment is under way; without scripts the page offers a link.
    again = ann.page.get_by_role("link", name="Check again")
    for _ in range(20):
        if javascript or not again.count():
            break
        again.click()
    ann.sees("is paid")
    [order] = house.orders_of(tea)
    assert ann.order_path == f"/orders/{order.token}"
    assert house.payments_of(order) == [("captured", 2500)]
    assert house.stock(tea) == Stock(9, 2)


@both_ways
def test_the_back_button_and_the_old_form_lead_to_the_same_order(
    house: House, shopper: Arrive, javascript: bool
) -> None:
    tea = house.sell("Green tea", stock=9)
    ann = shopper(javascript=javascript)
    ann.to_review((tea, 2))
    old = ann.another_tab()
    old.open("/checkout/review")
    old.type_card(CARD)
    ann.place()
    path = ann.order_path
    ann.page.go_back()
    ann.look()
    # Nobody keeps a copy of the review, so the way back shows what is true now: the cart is empty.
    ann.sees_heading("Your cart")
    ann.sees("Your cart is empty.")
    ann.page.go_forward()
    ann.sees("is paid")
    old.place()
    assert old.order_path == path
    old.page.reload()
    old.sees("is paid")
    assert len(house.orders_of(tea)) == 1
    assert house.stock(tea) == Stock(9, 2)


def test_two_tabs_that_order_at_the_same_moment_land_on_one_order(house: House, shopper: Arrive) -> None:
    tea = house.sell("Green tea", stock=9)
    ann = shopper()
    ann.to_review((tea, 2))
    tab = ann.another_tab()
    tab.open("/checkout/review")
    tab.type_card(CARD)
    for each in (ann, tab):
        each.page.get_by_role("button", name="Place order").click(no_wait_after=True)
    for each in (ann, tab):
        each.page.wait_for_url("**/orders/*")
    assert ann.order_path == tab.order_path
    ann.page.reload()
    ann.sees("is paid")
    [order] = house.orders_of(tea)
    assert house.payments_of(order) == [("captured", 2500)]
    assert house.stock(tea) == Stock(9, 2)


# --- for what was shown ------------------------------------------------------------------------------------


@both_ways
def test_a_cart_that_another_tab_changed_is_shown_afresh(
    house: House, shopper: Arrive, javascript: bool
) -> None:
    tea, cup = house.sell("Green tea", price=1000, stock=9), house.sell("Cup", price=300, stock=9)
    ann = shopper(javascript=javascript)
    ann.to_review((tea, 1))
    tab = ann.another_tab()
    tab.put_in(cup, 2)
    answer = ann.answer_to("Place order")
    assert answer.status == 409
    expect(ann.page.get_by_role("alert").first).to_contain_text("changed in another window")
    ann.sees(cup.title)
    ann.sees("$21.00")
    ann.look()
    assert house.orders_of(tea) == []
    assert (house.stock(tea), house.stock(cup)) == (Stock(9, 0), Stock(9, 0))
    ann.type_card(CARD)
    ann.place()
    ann.sees("$21.00 is paid")
    assert (house.stock(tea), house.stock(cup)) == (Stock(9, 1), Stock(9, 2))


@both_ways
def test_a_price_that_changed_meanwhile_is_shown_before_anything_is_ordered(
    house: House, shopper: Arrive, javascript: bool
) -> None:
    tea = house.sell("Green tea", price=1000, stock=9)
    ann = shopper(javascript=javascript)
    ann.to_review((tea, 1))
    house.set_price(tea, 1200)
    answer = ann.answer_to("Place order")
    assert answer.status == 409
    notice = ann.page.get_by_role("alert").first
    expect(notice).to_contain_text("It was $15.00 and is now $17.00")
    if javascript:
        expect(notice).to_be_focused()
    ann.look()
    assert (house.orders_of(tea), house.stock(tea)) == ([], Stock(9, 0))
    ann.type_card(CARD)
    ann.place()
    ann.sees("$17.00 is paid")


@both_ways
def test_every_line_that_ran_short_is_said_and_the_cart_can_be_mended(
    house: House, shopper: Arrive, javascript: bool
) -> None:
    tea, cup, tin = (house.sell(title, price=1000, stock=5) for title in ("Green tea", "Cup", "Tin"))
    ann = shopper(javascript=javascript)
    ann.to_review((tea, 4), (cup, 3), (tin, 1))
    house.change_stock(tea, -3)
    house.change_stock(cup, -5)
    answer = ann.answer_to("Place order")
    assert answer.status == 422
    notice = ann.page.get_by_role("alert").first
    expect(notice).to_contain_text(f"{tea.title}: 4 requested, 2 left")
    expect(notice).to_contain_text(f"{cup.title}: sold out")
    expect(notice).not_to_contain_text(tin.title)
    expect(ann.page.get_by_role("button", name="Place order")).to_have_count(0)
    ann.look()
    assert [house.stock(each) for each in (tea, cup, tin)] == [Stock(2, 0), Stock(0, 0), Stock(5, 0)]
    ann.page.get_by_role("link", name="Edit cart").first.click()
    ann.sees_heading("Your cart")
    expect(ann.page.get_by_text("Change or remove the marked lines")).to_be_visible()
    ann.press(f"Remove {cup.title}")
    expect(ann.page.get_by_role("heading", name=cup.title)).to_have_count(0)
    ann.page.get_by_label(f"Quantity: {tea.title}").fill("2")
    ann.press("Update cart")
    ann.page.get_by_role("button", name="Checkout", exact=True).click()
    ann.press("Continue to review")
    ann.type_card(CARD)
    ann.place()
    ann.sees("$35.00 is paid")
    assert [house.stock(each) for each in (tea, cup, tin)] == [Stock(2, 2), Stock(0, 0), Stock(5, 1)]


# --- money -------------------------------------------------------------------------------------------------


@both_ways
def test_after_a_declined_card_another_one_pays_the_same_order(
    house: House, shopper: Arrive, javascript: bool
) -> None:
    tea = house.sell("Green tea", price=1000, stock=9)
    ann = shopper(javascript=javascript)
    path = ann.buy((tea, 1), card=DECLINED)
    ann.sees_heading("Waiting for payment")
    ann.sees("The card was declined.")
    assert house.stock(tea) == Stock(9, 1)
    ann.type_card("4242 4242 4242 4241")
    answer = ann.answer_to("Pay $15.00")
    assert answer.status == 422
    ann.sees("Your card number is invalid. Check the digits.")
    ann.look()
    ann.type_card(CARD)
    ann.press("Pay $15.00")
    ann.sees_heading("Confirmed")
    assert ann.order_path == path
    [order] = house.orders_of(tea)
    assert house.payments_of(order) == [("failed", 0), ("captured", 1500)]
    assert house.stock(tea) == Stock(9, 1)


def test_a_payment_without_an_answer_settles_while_the_shopper_watches(house: House, shopper: Arrive) -> None:
    tea = house.sell("Green tea", price=1000, stock=9)
    ann, plain = shopper(), shopper(javascript=False)
    path = ann.buy((tea, 1), card=NO_ANSWER)
    ann.sees_heading("Thank you, Ann Buyer")
    ann.sees("checking your payment with the provider")
    expect(ann.page.get_by_label("Card number")).to_have_count(0)
    plain.open(path)
    [order] = house.orders_of(tea)
    assert house.payments_of(order) == [("unknown", 0)]
    house.let_payments_age(order)
    house.reconcile()
    ann.sees_heading("Confirmed")  # by itself: nothing was pressed
    plain.page.get_by_role("link", name="Check again").click()
    plain.sees_heading("Confirmed")
    assert house.payments_of(order) == [("captured", 1500)]
    assert len(house.orders_of(tea)) == 1


@both_ways
def test_a_shopper_who_changes_her_mind_gets_her_money_back(
    house: House, shopper: Arrive, javascript: bool
) -> None:
    tea = house.sell("Green tea", price=1000, stock=9)
    ann = shopper(javascript=javascript)
    ann.email = f"regret-{javascript}@buyer.test".lower()
    ann.buy((tea, 1))
    ann.page.get_by_text("Cancel this order").click()
    answer = ann.answer_to("Cancel the order")
    assert answer.status == 422
    ann.look()
    ann.page.get_by_label("Why would you like to cancel?").fill("I have enough tea")
    ann.press("Cancel the order")
    ann.sees_heading("Cancelled")
    ann.sees("Your refund is on its way")
    [order] = house.orders_of(tea)
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    assert house.stock(tea) == Stock(9, 0)
    mail = house.mail_to(ann.email, f"{order.code} was cancelled").get_body(("plain",))
    assert mail is not None
    assert "I have enough tea" in mail.get_content()
    assert "is being refunded" in mail.get_content()


# --- another shop --------------------------------------------------------------------------------------------


@both_ways
def test_the_second_shop_has_its_own_money_looks_and_goods(
    house: House, shopper: Arrive, watch: Watch, javascript: bool
) -> None:
    kite = house.sell("Kite", shop="other", price=1200, stock=9)
    tea = house.sell("Green tea", stock=9)
    kenji = shopper(shop="other", javascript=javascript)
    kenji.name, kenji.email = "Kenji Mori", f"kenji-{javascript}@buyer.test".lower()
    path = kenji.buy((kite, 3), pay_by="Bank transfer")
    kenji.sees_heading("Thank you, Kenji Mori")
    kenji.sees("¥4,400")
    assert "." not in kenji.page.get_by_role("definition").last.inner_text()
    [order] = house.orders_of(kite, "other")
    assert (order.total, order.currency) == (4400, "JPY")
    assert house.stock(kite, "other") == Stock(9, 3)
    assert "Charlie" in str(house.mail_to(kenji.email, f"We received your order {order.code}")["From"])
    accents = []
    for shop in ("demo", "other"):
        kenji.page.goto(house.url("/", shop))
        accents.append(
            kenji.page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')")
        )
    assert [each.strip() for each in accents] == ["#1f5a46", "#7a1f3d"]
    for foreign in (house.url(path), house.url(kite.path), house.url(tea.path, "other")):
        answer = kenji.page.goto(foreign)
        assert answer is not None
        assert answer.status == 404
        kenji.look()
    kenji.page.goto(house.url("/cart"))
    kenji.sees("Your cart is empty.")
