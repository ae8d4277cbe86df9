"""The checkout's first page: fields of the country, errors at their fields, nothing that was typed is lost."""

import pytest
from flask import Flask

from commerce.db import atomic, db
from commerce.shipping.models import ShippingMethod, ShippingRate
from commerce.tenants.models import Shop
from commerce.tenants.services import touch_rules
from tests.checkout.pages import ANN, put_in, to_details, to_review
from tests.factories.shop import change_stock, make_product
from tests.support.visitor import Page, Visitor


@pytest.fixture
def page(app: Flask, in_shop: Shop) -> Page:
    """The checkout of a visitor with something in the cart."""
    return to_details(Visitor(app), (make_product(price=1000), 1))


@atomic
def ship_only_to(*countries: str) -> None:
    """Change the shop's shipping zone, and add a second method that stays at home."""
    for rate in db.session.query(ShippingRate):
        rate.countries = list(countries)
    method = ShippingMethod(code="bike", name="Bike courier", position=1)
    db.session.add(method)
    db.session.flush()
    db.session.add(ShippingRate(method_id=method.id, countries=["US"], price=1500))
    touch_rules()


def test_an_empty_cart_leads_back_to_the_cart(app: Flask, in_shop: Shop) -> None:
    for path in ("/checkout", "/checkout/review"):
        page = Visitor(app).get(path)
        assert page.path == "/cart"
        assert "Your cart is empty." in page.text


def test_a_cart_that_asks_for_more_than_there_is_leads_back_to_the_cart(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=3)
    ann = Visitor(app)
    put_in(ann, tea, 3)
    change_stock(tea, -2)
    page = ann.get("/checkout")
    assert page.path == "/cart"
    assert "Some items are no longer available" in page.text


def test_an_empty_form_is_refused_with_an_error_at_each_required_field(page: Page) -> None:
    refused = page.form("Continue").send("Continue")
    assert refused.status == 422
    for field in ("email", "name", "street_address", "city", "country_area", "postal_code"):
        assert refused.error_at(field) == "This field is required."
    for field in ("phone", "company_name", "note"):
        assert refused.error_at(field) == ""
    summary = next(each for each in refused.root.iter("div") if each.get("id") == "error-summary")
    targets = [link.get("href", "")[1:] for link in summary.iter("a")]
    ids = {each.get("id") for each in refused.root.iter()}
    assert len(targets) == 6
    assert set(targets) <= ids


def test_what_was_typed_is_still_there_after_a_refusal(page: Page) -> None:
    form = page.form("Continue").fill(
        {**ANN, "Email": "ann@example.com", "ZIP code": "1", "Note": "two\nlines"}
    )
    refused = form.choose("California").choose("Bank transfer").send("Continue")
    assert refused.status == 422
    assert "Enter a postal code for this country" in refused.error_at("postal_code")
    again = refused.form("Continue").values
    assert again == {**form.values, "csrf_token": again["csrf_token"]}


@pytest.mark.parametrize(
    ("field", "label", "value"),
    [
        ("email", "Email", "nobody"),
        ("email", "Email", "a@b"),
        ("email", "Email", "bücher@b.example"),
        ("email", "Email", "a@b.example\nBcc: c@d.example"),
        ("email", "Email", "a" * 250 + "@example.com"),
        ("name", "Full name", "A\0nn"),
        ("name", "Full name", "A\x1bnn"),
        ("name", "Full name", "x" * 256),
        ("phone", "Phone", "call me"),
        ("street_address", "Street", "x" * 256),
        ("city", "City", "Moun\x07tain"),
        ("note", "Note", "x" * 1001),
        ("note", "Note", "bell\x07"),
    ],
)
def test_a_bad_value_is_refused_at_its_field(page: Page, field: str, label: str, value: str) -> None:
    form = page.form("Continue").fill({**ANN, label: value}).choose("California")
    refused = form.send("Continue")
    assert refused.status == 422
    assert refused.error_at(field)
    assert page.visitor.get("/checkout/review").path == "/checkout"


@pytest.mark.parametrize(
    ("typed", "kept"), [("B@ÜBER.example", "B@über.example"), (" b@C.example ", "b@c.example")]
)
def test_an_e_mail_address_is_kept_as_envelopes_have_it(page: Page, typed: str, kept: str) -> None:
    review = page.form("Continue").fill({**ANN, "Email": typed}).choose("California").send("Continue")
    assert review.heading == "Review and order"
    assert kept in review.text


@pytest.mark.parametrize("field", ["country_code", "shipping_method", "payment_method"])
@pytest.mark.parametrize("value", ["", "XX", "no-such-thing", "\0"])
def test_a_choice_that_was_not_offered_is_refused_or_mended(page: Page, field: str, value: str) -> None:
    form = page.form("Continue").fill(ANN).choose("California")
    form.values[field] = value
    after = form.send("Continue")
    if field == "country_code" or (field == "payment_method" and not value):
        assert after.status == 200
    else:
        assert after.status == 422
        assert after.error_at(field)


def test_without_javascript_a_button_shows_the_fields_and_prices_of_another_country(page: Page) -> None:
    form = page.form("Continue").fill({**ANN, "Email": "ann@example.com"}).choose("Japan")
    japan = form.send("Update")
    assert japan.status == 200
    again = japan.form("Continue")
    assert again.name_of("Prefecture") == "country_area"
    assert again.values["email"] == "ann@example.com"
    assert again.values["street_address"] == ANN["Street and number"]
    assert "city" not in again.values
    assert japan.visitor.get("/checkout/review").path == "/checkout"


def test_htmx_swaps_only_what_depends_on_the_country(page: Page) -> None:
    form = page.form("Continue").choose("Japan")
    response = page.visitor.post(
        "/checkout/details", {**form.values, "update": "1"}, headers={"HX-Request": "true"}
    )
    html = response.get_data(as_text=True)
    assert response.status_code == 200
    assert html.lstrip().startswith("<div") or "address-fields" in html[:400]
    assert "Prefecture" in html
    assert html.count("hx-swap-oob") == 4
    assert "<html" not in html
    assert 'name="email"' not in html


def test_a_country_that_nothing_ships_to_is_said_at_the_country(app: Flask, in_shop: Shop) -> None:
    ship_only_to("DE")
    ann = Visitor(app)
    page = to_details(ann, (make_product(weight=100), 1))
    names = [option.text for option in page.one("select").iter("option")]
    assert names == ["Germany", "United States"]
    form = page.form("Continue").fill(ANN).choose("California")
    assert form.values["shipping_method"] == "bike"
    assert form.send("Continue").heading == "Review and order"
    form.values |= {"country_code": "DE"}
    refused = form.send("Continue")
    assert refused.status == 422
    assert "Choose a shipping method" in refused.error_at("shipping_method")


@atomic
def limit_weight(grams: int) -> None:
    for rate in db.session.query(ShippingRate):
        rate.max_weight_grams = grams
    touch_rules()


def test_a_cart_that_is_too_heavy_for_every_method_is_said(app: Flask, in_shop: Shop) -> None:
    limit_weight(500)
    page = to_details(Visitor(app), (make_product(weight=400, stock=9), 2))
    assert "We don't ship this order to this country" in page.text
    refused = page.form("Continue").fill(ANN).choose("California").send("Continue")
    assert refused.status == 422
    assert "We don't ship" in refused.error_at("country_code")


def test_the_second_method_and_its_price_reach_the_review(app: Flask, in_shop: Shop) -> None:
    ship_only_to("*")
    form = to_details(Visitor(app), (make_product(price=1000), 1)).form("Continue")
    review = form.fill(ANN).choose("California").choose("Bike courier").send("Continue")
    assert "Shipping: Bike courier $15.00" in review.text
    assert "Total $25.00" in review.text


def test_the_pages_of_the_checkout_are_kept_by_nobody(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    review = to_review(ann, (make_product(), 1))
    for response in (review.response, ann.get("/checkout").response, ann.get("/cart").response):
        assert response.headers["Cache-Control"] == "private, no-store"


def test_a_form_from_elsewhere_is_refused(page: Page) -> None:
    client = page.visitor.client
    for path in ("/checkout/details", "/checkout", "/cart/lines"):
        assert client.post(path, data={"quantity": "1"}).status_code == 400
