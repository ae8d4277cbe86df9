"""The product page: a variant is chosen, and price, stock and picture follow."""

import json
from xml.etree.ElementTree import Element

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.cart.queries import load_cart
from commerce.cart.services import shopper_hash
from commerce.catalog.attributes import show_attributes
from commerce.catalog.models import Product, ProductAttribute
from commerce.db import atomic, db
from commerce.errors import InvalidValue, NotFound, Rejected
from commerce.storefront.product_page import chosen_variant
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.catalog import Made, put_up, variant_id
from tests.support.client import ShopClient
from tests.support.html import find_all, parse, text_of
from tests.support.statements import count_statements


@pytest.fixture
def mug(in_shop: Shop) -> str:
    """A mug in two colours and two sizes; there is no large blue one. Returns its address."""
    put_up(
        "Mug",
        Made(("Blue", "S"), price=1200, stock=9, picture=0),
        Made(("Red", "S"), price=1200, compare_at=1500, stock=2, picture=1),
        Made(("Red", "L"), price=1600, stock=0, picture=1),
        options=["Colour", "Size"],
        files=[f"{in_shop.id}/blue.webp", f"{in_shop.id}/red.webp"],
        shelves=["Table"],
        vendor="Feldmark",
        description_html="<p>Thrown by <strong>hand</strong>.</p>",
    )
    return "/products/mug"


def page(client: ShopClient, address: str, **headers: str) -> Element:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return parse(answer)


def by_id(root: Element, name: str) -> Element:
    return next(element for element in root.iter() if element.get("id") == name)


def offer(root: Element) -> str:
    return text_of(by_id(root, "offer"))


def chosen(root: Element) -> list[str | None]:
    return [
        radio.get("value")
        for radio in find_all(root, "input", type="radio")
        if radio.get("checked") is not None
    ]


def offered_id(root: Element) -> str | None:
    (hidden,) = find_all(root, "input", name="variant_id")
    return hidden.get("value")


# --- choosing ---------------------------------------------------------------------------------------


def test_the_page_begins_with_a_variant_that_can_be_had(mug: str, client: ShopClient) -> None:
    root = page(client, mug)
    assert chosen(root) == ["Blue", "S"]
    assert offer(root) == "$12.00 In stock Blue / S"
    assert offered_id(root) == str(variant_id("MUG-Blue-S"))


def test_price_stock_picture_and_form_follow_the_options(mug: str, in_shop: Shop, client: ShopClient) -> None:
    root = page(client, f"{mug}?colour=Red&size=S")
    assert offer(root) == "Now $12.00 Before $15.00 Only 2 left Red / S"
    assert offered_id(root) == str(variant_id("MUG-Red-S"))
    main = next(find_all(root, "img", fetchpriority="high"))
    assert main.get("src") == f"/media/{in_shop.id}/red.webp"
    (quantity,) = find_all(root, "input", name="quantity")
    assert quantity.get("max") == "2"


def test_a_sold_out_variant_can_be_looked_at_but_not_bought(mug: str, client: ShopClient) -> None:
    root = page(client, f"{mug}?variant=MUG-Red-L")
    assert offer(root) == "$16.00 Sold out Red / L"
    assert [text_of(button) for button in find_all(root, "button", disabled="")] == ["Sold out"]
    assert "Add to cart" not in text_of(root)


def test_a_combination_that_is_not_made_is_said_and_near_ones_are_offered(
    mug: str, client: ShopClient
) -> None:
    root = page(client, f"{mug}?colour=Blue&size=L")
    assert chosen(root) == ["Blue", "L"]
    assert offer(root).startswith("This combination is not available.")
    links = [link.get("href") for link in find_all(by_id(root, "offer"), "a")]
    assert links == [f"{mug}?variant=MUG-Blue-S", f"{mug}?variant=MUG-Red-L", f"{mug}?variant=MUG-Red-S"]
    assert "Add to cart" not in text_of(root)


def test_each_option_is_a_group_of_labelled_radio_buttons(mug: str, client: ShopClient) -> None:
    root = page(client, mug)
    legends = [text_of(legend) for legend in find_all(root, "legend")]
    assert legends == ["Choose an option", "Colour", "Size"]
    labels = {label.get("for"): text_of(label) for label in find_all(root, "label")}
    radios = list(find_all(root, "input", type="radio"))
    assert [labels[radio.get("id")] for radio in radios] == [
        "Blue",
        "Red",
        "S",
        "L (not available in this combination)",
    ]


def test_htmx_gets_the_part_that_changes_and_no_more(mug: str, client: ShopClient) -> None:
    answer = client.get(f"{mug}?colour=Red", headers={"HX-Request": "true"})
    assert answer.text.lstrip().startswith("<article")
    assert "HX-Request" in answer.vary
    assert "<header" not in answer.text


def test_without_javascript_a_button_leads_to_the_choice(mug: str, client: ShopClient) -> None:
    root = page(client, mug)
    (token,) = (field.get("value") for field in find_all(root, "input", name="csrf_token"))
    assert f'formaction="{mug}/choice"' in client.get(mug).text
    sent = {
        "csrf_token": token,
        "variant_id": offered_id(root),
        "colour": "Red",
        "size": "L",
        "quantity": "1",
    }
    answer = client.post(f"{mug}/choice", data=sent)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{mug}?colour=Red&size=L"


def test_a_product_with_one_variant_asks_nothing(in_shop: Shop, client: ShopClient) -> None:
    put_up("Tray", Made(price=900))
    root = page(client, "/products/tray")
    assert list(find_all(root, "input", type="radio")) == []
    assert offer(root) == "$9.00 In stock"


def test_variants_that_no_option_tells_apart_can_still_be_chosen(in_shop: Shop, client: ShopClient) -> None:
    put_up("Tray", Made(sku="T-1", price=900), Made(sku="T-2", price=950))
    root = page(client, "/products/tray?version=T-2")
    assert offer(root) == "$9.50 In stock T-2"


def test_a_thumbnail_shows_its_picture(mug: str, in_shop: Shop, client: ShopClient) -> None:
    links = [
        link.get("href")
        for link in find_all(page(client, f"{mug}?colour=Blue"), "a")
        if link.get("data-hx-get")
    ]
    root = page(client, links[1] or "")
    assert chosen(root) == ["Blue", "S"]
    assert next(find_all(root, "img", fetchpriority="high")).get("src") == f"/media/{in_shop.id}/red.webp"


def test_a_product_without_a_picture_says_so(in_shop: Shop, client: ShopClient) -> None:
    put_up("Tray", files=[""])
    root = page(client, "/products/tray")
    assert list(find_all(root, "img")) == []
    assert [mark.get("aria-label") for mark in find_all(root, "span", role="img")] == ["No picture yet"]


# --- what the add form means ------------------------------------------------------------------------


def test_the_options_of_the_form_count_and_not_the_older_hidden_variant(mug: str, app: Flask) -> None:
    ann = app.test_client()
    root = page(ann, mug)
    (token,) = (field.get("value") for field in find_all(root, "input", name="csrf_token"))
    sent = {
        "csrf_token": token,
        "variant_id": offered_id(root),
        "colour": "Red",
        "size": "S",
        "quantity": "1",
    }
    assert ann.post("/cart/lines", data=sent).status_code == 303
    cookie = ann.get_cookie("cart", domain="demo.localhost")
    assert cookie is not None
    cart = load_cart(shopper_hash(cookie.value))
    assert cart is not None
    assert [line.sku for line in cart.lines] == ["MUG-Red-S"]


def test_a_form_without_options_means_its_variant(mug: str) -> None:
    blue = variant_id("MUG-Blue-S")
    with count_statements() as statements:
        assert chosen_variant(blue, {"variant_id": str(blue), "quantity": "1", "csrf_token": "x"}) == blue
    assert statements == []
    assert chosen_variant(blue, {"unknown": "x"}) == blue


def test_a_form_with_a_combination_that_is_not_made_is_refused(mug: str) -> None:
    with pytest.raises(Rejected, match=r"combination_not_made .*Blue.*L"):
        chosen_variant(variant_id("MUG-Blue-S"), {"colour": "Blue", "size": "L"})


def test_a_form_with_another_shops_variant_is_not_found(mug: str, app: Flask, other_shop: Shop) -> None:
    blue = variant_id("MUG-Blue-S")
    with shop_scope(other_shop), pytest.raises(NotFound):
        chosen_variant(blue, {"colour": "Red"})


# --- the page itself --------------------------------------------------------------------------------


def test_the_page_asks_at_most_eight_statements(mug: str, client: ShopClient) -> None:
    with count_statements() as statements:
        client.get(mug)
    assert len(statements) <= 8, statements


def test_search_engines_learn_what_is_sold(mug: str, client: ShopClient) -> None:
    root = page(client, f"{mug}?colour=Red")
    (script,) = find_all(root, "script", type="application/ld+json")
    facts = json.loads(script.text or "")
    assert facts["name"] == "Mug"
    assert facts["brand"] == {"@type": "Brand", "name": "Feldmark"}
    assert facts["description"] == "Thrown by hand ."
    assert [(o["sku"], o["price"], o["priceCurrency"], o["availability"][-10:]) for o in facts["offers"]] == [
        ("MUG-Blue-S", "12.00", "USD", "rg/InStock"),
        ("MUG-Red-S", "12.00", "USD", "rg/InStock"),
        ("MUG-Red-L", "16.00", "USD", "OutOfStock"),
    ]
    (canonical,) = find_all(root, "link", rel="canonical")
    assert canonical.get("href") == "http://demo.localhost/products/mug"


def test_data_for_search_engines_cannot_end_its_own_script(in_shop: Shop, client: ShopClient) -> None:
    put_up("</script><script>alert(1)</script>", slug="evil")
    assert "<script>alert(1)" not in client.get("/products/evil").text


def test_an_address_with_letters_of_any_script_works(in_shop: Shop, client: ShopClient) -> None:
    put_up("急須", Made(("赤",)), Made(("黒",)), options=["色"])
    root = page(client, "/products/急須?色=黒")
    assert chosen(root) == ["黒"]


@pytest.mark.parametrize("columns", [{"status": "draft"}, {"status": "archived"}])
def test_what_is_not_sold_is_not_found(in_shop: Shop, client: ShopClient, columns: dict[str, str]) -> None:
    put_up("Mug", **columns)
    assert client.get("/products/mug").status_code == 404
    assert client.post("/products/mug/choice", data={}).status_code in (400, 404)


def test_a_product_without_an_active_variant_is_not_found(in_shop: Shop, client: ShopClient) -> None:
    put_up("Mug", Made(active=False))
    assert client.get("/products/mug").status_code == 404


def test_another_shops_product_is_not_found_and_looks_like_a_missing_one(
    mug: str, app: Flask, other_shop: Shop
) -> None:
    charlie = app.test_client(host="other.localhost")
    theirs, missing = charlie.get(mug), charlie.get("/products/nothing")
    assert theirs.status_code == missing.status_code == 404
    assert theirs.text == missing.text


@pytest.mark.parametrize(
    "wish",
    ["variant=%00", "colour=", "colour=%ff", "picture=x", "size[]=S", "variant=" + "x" * 4000],
)
def test_no_request_breaks_the_page(mug: str, client: ShopClient, wish: str) -> None:
    assert client.get(f"{mug}?{wish}").status_code == 200


def test_attributes_are_shown_when_the_owner_says_so(mug: str, in_shop: Shop, client: ShopClient) -> None:
    describe_mug()
    assert "Allergens" not in client.get(mug).get_data(as_text=True)

    show_attributes(show=["custom.allergens", "custom.colors"], hide=[])

    shown = client.get(mug).get_data(as_text=True)
    assert "<dt>Allergens</dt>" in shown
    assert "<dd>none &amp; &lt;b&gt;never&lt;/b&gt;</dd>" in shown
    assert "<dd>red, blue</dd>" in shown
    assert "secret" not in shown
    show_attributes(show=[], hide=["custom.allergens"])
    assert "Allergens" not in client.get(mug).get_data(as_text=True)
    for unknown in ("nothing", "variant:custom.x"):
        with pytest.raises(InvalidValue):
            show_attributes(show=[unknown], hide=[])


@atomic
def describe_mug() -> None:
    for key, name in (("custom.allergens", "Allergens"), ("custom.colors", "Colors"), ("custom.note", "Note"),
                      ("variant:custom.x", "X")):  # fmt: skip
        db.session.add(ProductAttribute(key=key, name=name))
    for product in db.session.scalars(select(Product)):
        product.attributes = {
            "custom.allergens": "none & <b>never</b>", "custom.colors": '["red", "blue"]', "custom.note": "secret",
        }  # fmt: skip
