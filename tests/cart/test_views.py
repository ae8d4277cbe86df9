"""The cart's pages: never more than there is, never a surprise about price or stock."""

import re
import uuid

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.checkout.pages import put_in
from tests.factories.pricing import make_coupon
from tests.factories.shop import change_stock, make_product, set_price, stop_selling
from tests.support.statements import count_statements
from tests.support.visitor import Page, Visitor, text_of

HTMX = {"HX-Request": "true"}


def header_count(page: Page) -> str:
    link = next(each for each in page.root.iter() if each.get("id") == "cart-link")
    return text_of(link)


def change(page: Page, quantity: str) -> Page:
    return page.form("Update").fill({"Quantity": quantity}).send()


def quantity_in(page: Page) -> str:
    form = page.form("Update cart")
    return form.values[form.name_of("Quantity")]


# --- put in ---------------------------------------------------------------------------------------------


def test_the_first_line_gives_the_browser_a_name_for_a_year(app: Flask, in_shop: Shop) -> None:
    tea = make_product()
    ann = Visitor(app)
    assert ann.get(tea.path).response.headers.getlist("Set-Cookie")[0].startswith("session=")
    answer = ann.post("/cart/lines", {"variant_id": str(tea.variant_id), "quantity": "1"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/cart"
    cookie = next(each for each in answer.headers.getlist("Set-Cookie") if each.startswith("cart="))
    assert re.match(r"cart=[A-Za-z0-9_-]{43};", cookie)
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"):
        assert part in cookie
    assert "Secure" not in cookie
    again = ann.post("/cart/lines", {"variant_id": str(tea.variant_id), "quantity": "1"})
    assert not any(each.startswith("cart=") for each in again.headers.getlist("Set-Cookie"))


def test_a_visitor_without_a_cart_costs_no_statement_for_it(app: Flask, in_shop: Shop) -> None:
    with count_statements() as sent:
        page = Visitor(app).get("/cart")
    assert header_count(page) == "Cart0 products"
    assert not [statement for statement in sent if "carts" in statement or "cart_lines" in statement]


def test_what_is_put_in_twice_is_one_line(app: Flask, in_shop: Shop) -> None:
    tea = make_product(price=1000)
    ann = Visitor(app)
    put_in(ann, tea, 2)
    cart = put_in(ann, tea, 3)
    assert quantity_in(cart) == "5"
    assert "Subtotal $50.00" in cart.text
    assert header_count(cart) == "Cart5 products"


def test_no_more_is_put_in_than_there_is(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=3)
    ann = Visitor(app)
    put_in(ann, tea, 2)
    cart = put_in(ann, tea, 2)
    assert "Only 3 are left of Green tea; your cart now has 3." in cart.text
    assert quantity_in(cart) == "3"


def test_when_all_there_is_lies_in_the_cart_that_is_said(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=3)
    ann = Visitor(app)
    put_in(ann, tea, 3)
    refused = put_in(ann, tea, 1)
    assert refused.status == 422
    assert refused.error_at("quantity") == "Only 3 are left, and they are already in your cart."


def test_what_is_sold_out_is_refused_and_opens_no_cart(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=0)
    ann = Visitor(app)
    answer = ann.post("/cart/lines", {"variant_id": str(tea.variant_id), "quantity": "1"})
    assert answer.status_code == 422
    assert "This is sold out." in answer.get_data(as_text=True)
    assert not any(each.startswith("cart=") for each in answer.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize(
    "quantity", ["", "0", "-1", "1.5", "1e3", "1_0", "1000", "9" * 30, "abc", "\0", "NaN", "0x10", "1 1"]
)
def test_a_bad_quantity_is_refused_at_its_field(app: Flask, in_shop: Shop, quantity: str) -> None:
    tea = make_product()
    ann = Visitor(app)
    refused = ann.get(tea.path).form("Add to cart").fill({"Quantity": quantity}).send()
    assert refused.status == 422
    assert refused.error_at("quantity") == "Enter a whole number from 1 to 999."
    assert refused.form("Add to cart").fill({"Quantity": "2"}).send().heading == "Your cart"


def test_full_width_digits_are_digits(app: Flask, in_shop: Shop) -> None:
    tea = make_product()
    cart = Visitor(app).get(tea.path).form("Add to cart").fill({"Quantity": "２"}).send()
    assert quantity_in(cart) == "2"


@pytest.mark.parametrize("variant_id", ["", "1", "x" * 400, "\0", "../etc", "{}"])
def test_what_is_no_id_is_refused(app: Flask, in_shop: Shop, variant_id: str) -> None:
    answer = Visitor(app).post("/cart/lines", {"variant_id": variant_id, "quantity": "1"})
    assert answer.status_code == 422
    assert "Choose what to add to your cart." in answer.get_data(as_text=True)


def test_another_shops_variant_is_not_found(app: Flask, shop: Shop, other_shop: Shop) -> None:
    with app.app_context(), shop_scope(other_shop):
        kite = make_product("Kite")
    charlie = Visitor(app, "other.localhost")
    ann = Visitor(app)
    fields = {"variant_id": str(kite.variant_id), "quantity": "1"}
    assert ann.post("/cart/lines", fields).status_code == 404
    assert ann.post("/cart/lines", {**fields, "variant_id": str(uuid.uuid4())}).status_code == 404
    assert charlie.post("/cart/lines", fields).status_code == 303


def test_htmx_gets_a_notice_and_the_new_count(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=2)
    ann = Visitor(app)
    fields = {"variant_id": str(tea.variant_id), "quantity": "5"}
    answer = ann.post("/cart/lines", fields, headers=HTMX)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "Only 2 are left of Green tea; your cart now has 2." in html
    assert re.search(r'id="cart-link" href="/cart" data-hx-swap-oob="true".*data-count="2"', html)
    assert "<html" not in html
    refused = ann.post("/cart/lines", fields, headers=HTMX)
    assert refused.status_code == 422
    assert "they are already in your cart" in refused.get_data(as_text=True)
    assert "<html" not in refused.get_data(as_text=True)


# --- look and change ----------------------------------------------------------------------------------------


def test_the_quantity_of_a_line_can_be_changed(app: Flask, in_shop: Shop) -> None:
    tea = make_product(price=1000)
    cart = change(put_in(Visitor(app), tea, 2), "4")
    assert "Your cart now has 4 of Green tea." in cart.text
    assert "Subtotal $40.00" in cart.text


def test_more_than_there_is_becomes_what_there_is(app: Flask, in_shop: Shop) -> None:
    cart = change(put_in(Visitor(app), make_product(stock=3)), "9")
    assert "Only 3 are left of Green tea; your cart now has 3." in cart.text


@pytest.mark.parametrize("way", ["Update", "Remove"])
def test_a_line_can_be_taken_out(app: Flask, in_shop: Shop, way: str) -> None:
    cart = put_in(Visitor(app), make_product(), 2)
    empty = change(cart, "0") if way == "Update" else cart.form("Remove").send("Remove")
    assert "Green tea was removed from your cart." in empty.text
    assert "Your cart is empty." in empty.text
    assert header_count(empty) == "Cart0 products"


@pytest.mark.parametrize("quantity", ["", "-1", "1.5", "1000", "abc", "\0\x1b", "2_0"])
def test_a_bad_new_quantity_is_refused_at_its_line(app: Flask, in_shop: Shop, quantity: str) -> None:
    ann = Visitor(app)
    refused = change(put_in(ann, make_product(), 2), quantity)
    assert refused.status == 422
    assert (
        refused.error_at(refused.form("Update cart").name_of("Quantity"))
        == "Enter a whole number from 0 to 999."
    )
    assert quantity_in(ann.get("/cart")) == "2"


def test_another_browsers_line_is_not_found_and_unchanged(app: Flask, in_shop: Shop) -> None:
    tea = make_product()
    ann, bob = Visitor(app), Visitor(app)
    form = put_in(ann, tea, 2).form("Update cart")
    put_in(bob, tea, 1)
    name = form.name_of("Quantity")
    line_id = name.removeprefix("quantity-")
    for fields in ({name: "7"}, {"remove_line": line_id}, {"remove_line": str(uuid.uuid4())}):
        assert bob.post("/cart", fields).status_code == 404
    assert Visitor(app).post("/cart", {name: "7"}).status_code == 404
    assert quantity_in(ann.get("/cart")) == "2"


def test_a_line_that_another_tab_has_removed_shows_the_cart_as_it_is(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    cart = put_in(ann, make_product())
    ann.get("/cart").form("Remove").send("Remove")
    late = change(cart, "3")
    assert late.status == 404
    assert late.heading == "Your cart"
    assert "This item is no longer in your cart." in late.text


def test_a_price_that_changed_is_said_until_the_line_is_touched(app: Flask, in_shop: Shop) -> None:
    tea = make_product(price=1000)
    ann = Visitor(app)
    put_in(ann, tea, 1)
    set_price(tea, 1150)
    cart = ann.get("/cart")
    assert "The price changed from $10.00 to $11.50 since you added it." in cart.text
    assert "Subtotal $11.50" in cart.text
    assert "The price changed" not in change(cart, "2").text


def test_too_few_left_is_said_and_checkout_waits(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=5)
    ann = Visitor(app)
    put_in(ann, tea, 5)
    change_stock(tea, -3)
    cart = ann.get("/cart")
    assert "Only 2 are left. Please lower the quantity." in cart.text
    assert "Change or remove the marked lines" in cart.text
    still = cart.form("Checkout").send("Checkout")
    assert still.heading == "Your cart"
    assert "no longer available in the quantity you want" in still.text
    assert still.form("Checkout").fill({"Quantity": "2"}).send("Checkout").heading == "Checkout"


@pytest.mark.parametrize("reason", ["sold out", "no longer sold"])
def test_what_cannot_be_bought_any_more_can_only_be_removed(app: Flask, in_shop: Shop, reason: str) -> None:
    tea = make_product(stock=2)
    ann = Visitor(app)
    put_in(ann, tea, 2)
    change_stock(tea, -2) if reason == "sold out" else stop_selling(tea)
    cart = ann.get("/cart")
    assert f"{reason}. Please remove it." in cart.text
    assert not cart.has_button("Update")
    assert "Your cart is empty." in cart.form("Remove").send("Remove").text


def test_htmx_gets_the_cart_the_words_and_the_count(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    name = put_in(ann, make_product(price=500), 2).form("Update cart").name_of("Quantity")
    answer = ann.post("/cart", {name: "3"}, headers=HTMX)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert html.count('id="cart"') == 1
    assert 'id="cart-status" data-hx-swap-oob="innerHTML"' in html
    assert 'data-count="3"' in html
    assert "$15.00" in html
    assert "<html" not in html
    assert "HX-Request" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("button", "then"),
    [
        ("Checkout", "Checkout"),
        ("Continue shopping", "All products"),
        ("Update cart", "Your cart"),
        ("", "Your cart"),
    ],
)
def test_what_is_typed_counts_whatever_button_is_pressed(
    app: Flask, in_shop: Shop, button: str, then: str
) -> None:
    ann = Visitor(app)
    put_in(ann, make_product("Tea"))
    form = put_in(ann, make_product("Cup")).form("Checkout")
    for name in [each for each in form.values if each.startswith("quantity-")]:
        form.values[name] = "5"
    assert then in text_of(form.send(button).one("body"))
    assert header_count(ann.get("/cart")) == "Cart10 products"


@pytest.mark.parametrize("button", ["Remove", "Apply"])
def test_removing_one_line_and_entering_a_code_save_the_quantities_too(
    app: Flask, in_shop: Shop, button: str
) -> None:
    make_coupon("WELCOME10")
    ann = Visitor(app)
    tea = make_product("Tea", price=1000)
    put_in(ann, tea)
    form = put_in(ann, make_product("Cup", price=1000)).form("Checkout")
    first, second = (each for each in form.values if each.startswith("quantity-"))
    form.values |= {first: "7", second: "5"}
    if button == "Apply":
        cart = form.fill({"Coupon code": "welcome10"}).send("Apply")
        assert "Code WELCOME10 applied." in cart.text
        assert header_count(cart) == "Cart12 products"
        return
    cart = form.send(remove_line=first.removeprefix("quantity-"))
    assert header_count(cart) == "Cart5 products"


def test_a_code_that_was_typed_is_entered_by_any_button_and_a_bad_one_keeps_the_shopper(
    app: Flask, in_shop: Shop
) -> None:
    make_coupon("WELCOME10")
    ann = Visitor(app)
    cart = put_in(ann, make_product(price=1000))
    refused = cart.form("Checkout").fill({"Coupon code": "nope"}).send("Checkout")
    assert (refused.status, refused.heading) == (422, "Your cart")
    assert refused.error_at("coupon_code").startswith("We don't recognize this code.")
    assert refused.form("Checkout").fill({"Coupon code": "welcome10"}).send("Checkout").heading == "Checkout"
    assert "WELCOME10" in ann.get("/cart").text


def test_a_bad_quantity_or_too_few_keep_the_shopper_at_the_cart(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    cart = put_in(ann, make_product(stock=3))
    assert cart.form("Checkout").fill({"Quantity": "x"}).send("Checkout").status == 422
    fewer = cart.form("Checkout").fill({"Quantity": "9"}).send("Checkout")
    assert fewer.heading == "Your cart"
    assert "Only 3 are left of Green tea; your cart now has 3." in fewer.text


def test_a_quantity_that_was_not_touched_does_not_undo_another_tab(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    old = put_in(ann, make_product())
    change(ann.get("/cart"), "4")
    assert old.form("Checkout").send("Checkout").heading == "Checkout"
    assert quantity_in(ann.get("/cart")) == "4"


@pytest.mark.parametrize("cookie", ["", "x", "../../x", "a" * 3000, "é" * 43, "%00"])
def test_a_made_up_cookie_is_an_empty_cart(app: Flask, in_shop: Shop, cookie: str) -> None:
    ann = Visitor(app)
    ann.client.set_cookie("cart", cookie, domain="demo.localhost")
    assert "Your cart is empty." in ann.get("/cart").text


def test_a_cart_page_costs_few_statements_however_many_lines(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    put_in(ann, make_product("Tea 0"))
    counts = []
    for number in range(1, 4):
        put_in(ann, make_product(f"Tea {number}"))
        with count_statements() as sent:
            ann.get("/cart")
        counts.append(len(sent))
    assert len(set(counts)) == 1
    assert counts[0] <= 5, sent
