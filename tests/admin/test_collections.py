"""Collections from the browser: conditions with a count before anything is saved, and products chosen by hand."""

import io
import re
import uuid
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from commerce.catalog.categories import CategoryValues, create_category
from commerce.catalog.collection_rules import Condition
from commerce.catalog.collections import CollectionValues, add_chosen, create_collection
from commerce.catalog.models import Collection
from commerce.db import db
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, compared, filled, finds_nothing, is_refused, only_looks, submit
from tests.factories.catalog import Made, put_up
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.html import find_all, parse, text_of
from tests.support.statements import count_statements

LIST = "/admin/collections"
SALE = Condition("tag", "sale")
RULES = f"{LIST}/new?kind=rules"


def titles(client: ShopClient, address: str) -> list[str]:
    answer = client.get(address)
    assert answer.status_code == 200
    return [text_of(title) for title in find_all(parse(answer), "span", class_="card__title")]


def names() -> list[str]:
    db.session.close()
    found = list(db.session.scalars(select(Collection.title).order_by(Collection.title)))
    db.session.close()
    return found


@pytest.fixture
def page(in_shop: Shop) -> str:
    return f"{LIST}/{create_collection(CollectionValues('Sale', conditions=[SALE]))}"


@pytest.fixture
def gifts(in_shop: Shop) -> str:
    return f"{LIST}/{create_collection(CollectionValues('Gifts', kind='chosen', product_order='manual'))}"


# --- conditions ---------------------------------------------------------------------------------------


def test_conditions_are_added_counted_and_saved_without_scripts(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    put_up("Red mug", Made(price=900), tags=["Sale"], files=["red.webp"])
    put_up("Blue mug", Made(price=1900), tags=["sale"], day=1)
    put_up("Plate", Made(price=700, stock=0), tags=["sale"])
    assert "No collections yet" in desk.get(LIST).text
    data = filled(desk, RULES, LIST, title="Winter sale", product_order="price")
    for fact in ("tag", "price", "stock"):
        answer = submit(desk, LIST, {**data, "do": "add", "add": fact})
        assert answer.status_code == 200
        data = changed(answer.text, LIST)
    assert (data["title"], data["product_order"]) == (["Winter sale"], ["price"])
    data |= {"c0-value": "SALE", "c1-high": "19.00", "do": "count"}
    answer = submit(desk, LIST, data)
    assert answer.status_code == 200
    assert "2 products match" in answer.text
    assert "/media/red.webp" in answer.text
    assert names() == []
    answer = submit(desk, LIST, changed(answer.text, LIST))
    assert answer.status_code == 303
    assert "2 products match" in desk.get(answer.headers["Location"]).text
    assert titles(client, "/collections/winter-sale") == ["Red mug", "Blue mug"]
    assert titles(client, "/collections/winter-sale?sort=-price") == ["Blue mug", "Red mug"]
    assert "/collections/winter-sale" in client.get("/sitemap.xml").text
    assert "Winter sale" in desk.get(f"{LIST}?q=WINTER").text
    assert "No collections match" in desk.get(f"{LIST}?q=summer").text


def test_htmx_gets_the_count_alone(desk: ShopClient, page: str) -> None:
    put_up("Mug", tags=["new"])
    data = filled(desk, page, **{"c0-value": "new"}) | {"do": "count"}
    answer = post(desk, page, data, htmx=True)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="collection-matches"')
    assert "1 product matches" in answer.text
    nothing = post(desk, page, data | {"c0-value": ""}, htmx=True)
    assert "Fill in the conditions" in nothing.text


def test_a_condition_is_taken_away_and_the_others_stay(desk: ShopClient, in_shop: Shop) -> None:
    rules = [SALE, Condition("price", low=100), Condition("vendor", "Acme")]
    page = f"{LIST}/{create_collection(CollectionValues('Sale', conditions=rules))}"
    answer = submit(desk, page, filled(desk, page) | {"do": "remove-1"})
    assert answer.status_code == 200
    assert submit(desk, page, changed(answer.text, page)).status_code == 303
    kept = db.session.scalars(select(Collection.conditions)).one()
    assert kept == [{"fact": "tag", "value": "sale"}, {"fact": "vendor", "value": "Acme"}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"c0-value": ""}, "Enter a value for this condition."),
        ({"c0-fact": None, "c0-value": None}, "Add at least one condition."),
        ({"c1-fact": "price", "c1-low": "5", "c1-high": "4"}, "The highest price is below the lowest."),
        ({"c1-fact": "price"}, "Enter a lowest price, a highest price, or both."),
        ({"c1-fact": "price", "c1-low": "much"}, "number"),
        ({"c1-fact": "category", "c1-value": str(uuid.uuid4())}, "One of the categories was deleted"),
        ({"c1-fact": "stock", "c1-value": "half"}, "Choose one of the options."),
        ({"rule": "most"}, "Please choose one."),
        ({"title": " "}, "This field is required."),
        ({"slug": "!!!"}, "letters, digits and dashes"),
        ({"slug": "taken"}, "Another collection already uses this address."),
        ({"product_order": "manual"}, "Choose how products are sorted."),
        ({"version": ""}, "reload the page"),
    ],
)
def test_what_makes_no_sense_is_said_and_not_saved(
    desk: ShopClient, page: str, changes: dict[str, Any], said: str
) -> None:
    create_collection(CollectionValues("Taken", conditions=[SALE]))
    is_refused(desk, page, said, **changes)
    assert names() == ["Sale", "Taken"]
    assert db.session.scalars(select(Collection.version)).all() == [1, 1]


def test_two_at_once_the_second_sees_what_the_first_did(
    desk: ShopClient, signed_in: SignedIn, page: str
) -> None:
    mine = filled(desk, page, title="Mine")
    theirs = filled(desk, page, title="Theirs", **{"c0-value": "new"})
    assert submit(signed_in(name="Alice"), page, theirs).status_code == 303
    answer = submit(desk, page, mine)
    assert answer.status_code == 409
    assert compared(answer.text) == [("Title", "Theirs", "Mine"), ("Conditions", "Tag: new", "Tag: sale")]
    assert submit(desk, page, changed(answer.text, page)).status_code == 303
    assert names() == ["Mine"]


def test_a_new_address_is_led_to_from_the_old_one(desk: ShopClient, client: ShopClient, page: str) -> None:
    assert submit(desk, page, filled(desk, page, slug="Wintér")).status_code == 303
    answer = client.get("/collections/sale?sort=price")
    assert answer.status_code == 301
    assert answer.headers["Location"] == "/collections/wint%C3%A9r?sort=price"
    assert client.get("/collections/wint%C3%A9r").status_code == 200


def test_a_hidden_collection_is_shown_to_nobody(desk: ShopClient, client: ShopClient, page: str) -> None:
    put_up("Mug", tags=["sale"])
    assert titles(client, "/collections/sale") == ["Mug"]
    assert submit(desk, page, filled(desk, page, published=None)).status_code == 303
    assert client.get("/collections/sale").status_code == 404
    assert "/collections/" not in client.get("/sitemap.xml").text
    assert "View in shop" not in desk.get(page).text


def test_what_is_deleted_is_shown_first(desk: ShopClient, client: ShopClient, page: str) -> None:
    put_up("Mug", tags=["sale"])
    asked = post(desk, f"{page}/deletion", {"version": "1"})
    assert asked.status_code == 200
    assert "1 product stays in the shop." in asked.text
    assert "/collections/sale no longer works" in asked.text
    assert names() == ["Sale"]
    assert post(desk, f"{page}/deletion", {"version": "7", "step": "confirm"}).status_code == 409
    assert post(desk, f"{page}/deletion", {"version": "1", "step": "confirm"}).status_code == 303
    assert names() == []
    assert client.get("/collections/sale").status_code == 404
    assert client.get("/products/mug").status_code == 200


def test_a_picture_and_texts_stand_on_the_page(desk: ShopClient, client: ShopClient, page: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(file, "PNG")
    form = {"version": "1", "file": (io.BytesIO(file.getvalue()), "a.png")}
    assert post(desk, f"{page}/picture", form).status_code == 303
    assert 'property="og:image"' in client.get("/collections/sale").text
    assert post(desk, f"{page}/picture", {"version": "2"}).status_code == 422
    damaged = {"version": "2", "file": (io.BytesIO(b"GIF89a"), "a.gif")}
    assert post(desk, f"{page}/picture", damaged).status_code == 422
    assert post(desk, f"{page}/picture/removal", {"version": "2"}).status_code == 303
    texts = {"seo_title": "Sale!", "description_html": "<p>Only <b>now</b><script>x</script></p>"}
    assert submit(desk, page, filled(desk, page, **texts)).status_code == 303
    html = client.get("/collections/sale").text
    assert "<title>Sale! · " in html
    assert "Only <b>now</b></p>" in html
    assert re.search(r'name="description" content="Only\s+now"', html)
    assert 'property="og:image"' not in html


# --- chosen by hand -------------------------------------------------------------------------------------


def test_products_are_found_added_put_in_order_and_removed(
    desk: ShopClient, client: ShopClient, gifts: str
) -> None:
    ids = {title: put_up(title, day=day) for day, title in enumerate(("Bowl", "Cup", "Plate"))}
    assert "Bowl" in desk.get(f"{gifts}?q=bow").text
    add = {"product_id": [str(ids["Bowl"]), str(ids["Cup"]), str(ids["Plate"]), "x", str(uuid.uuid4())]}
    assert post(desk, f"{gifts}/products", add).status_code == 303
    assert "No other products match" in desk.get(f"{gifts}?q=bow").text
    assert titles(client, "/collections/gifts") == ["Bowl", "Cup", "Plate"]
    assert post(desk, f"{gifts}/products/{ids['Plate']}/position", {"to": "top"}).status_code == 303
    assert post(desk, f"{gifts}/products/{ids['Cup']}/position", {"to": "up"}).status_code == 303
    assert titles(client, "/collections/gifts") == ["Plate", "Cup", "Bowl"]
    assert post(desk, f"{gifts}/products/{ids['Cup']}/removal", {}).status_code == 303
    assert titles(client, "/collections/gifts") == ["Plate", "Bowl"]
    assert titles(client, "/collections/gifts?sort=newest") == ["Plate", "Bowl"]
    assert post(desk, f"{gifts}/products/{ids['Cup']}/position", {"to": "up"}).status_code == 404


def test_products_cannot_be_added_to_a_collection_by_conditions(desk: ShopClient, page: str) -> None:
    answer = post(desk, f"{page}/products", {"product_id": [str(put_up("Mug"))]})
    assert answer.status_code == 409
    assert "chosen by its conditions" in answer.text


# --- cost ---------------------------------------------------------------------------------------------


def test_a_page_asks_few_statements_however_much_there_is(
    desk: ShopClient, client: ShopClient, page: str
) -> None:
    category = create_category(CategoryValues("Kitchen"))
    for number in range(30):
        put_up(f"Mug {number}", tags=["sale"], shelves=["Kitchen"], day=number)
    rules = [SALE, Condition("category", str(category)), Condition("stock", "in"), Condition("price", low=1)]
    for number in range(5):
        create_collection(CollectionValues(f"All {number}", conditions=rules))
    for address in ("/collections/all-1", "/collections/all-1?sort=price&page=2"):
        with count_statements() as statements:
            assert client.get(address).status_code == 200
        assert len(statements) <= 8, statements
    for address in (LIST, page):
        with count_statements() as statements:
            assert desk.get(address).status_code == 200
        assert len(statements) <= 10, statements


# --- who may ------------------------------------------------------------------------------------------


def test_some_roles_only_look(signed_in: SignedIn, desk: ShopClient, page: str) -> None:
    data = filled(desk, page, title="Other")
    only_looks(signed_in("readonly"), page, f"{LIST}/new", data, {"version": "1"})
    assert "Add condition" not in signed_in("readonly").get(page).text
    assert names() == ["Sale"]


def test_another_shop_finds_nothing(
    app: Flask, signed_in: SignedIn, other_shop: Shop, desk: ShopClient, page: str, gifts: str
) -> None:
    data = filled(desk, page, title="Other")
    product = put_up("Bowl", tags=["sale"])
    add_chosen(uuid.UUID(gifts.rpartition("/")[2]), [product])
    charlie = signed_in(shop=other_shop)
    for each in (page, gifts):
        finds_nothing(charlie, each, data, {"version": "1"})
        for address in (
            "picture",
            "products",
            f"products/{product}/removal",
            f"products/{product}/position",
        ):
            assert post(charlie, f"{each}/{address}", {"product_id": str(product)}).status_code == 404
    assert names() == ["Gifts", "Sale"]
    assert charlie.get("/collections/sale").status_code == 404
