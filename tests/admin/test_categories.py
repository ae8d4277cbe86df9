"""Categories by hand: a tree of three levels in an order of its own, and the products in each."""

import io
import uuid

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from commerce.catalog import categories
from commerce.catalog.categories import CategoryValues, category_tree, create_category
from commerce.catalog.models import Category, Product
from commerce.db import db
from commerce.pricing.services import create_promotion
from commerce.pricing.validation import PromotionValues
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, compared, filled, finds_nothing, is_refused, only_looks, submit
from tests.factories.catalog import put_up
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.html import find_all, parse, text_of
from tests.support.statements import count_statements

LIST = "/admin/categories"


def make(name: str, below: uuid.UUID | None = None, **values: str) -> uuid.UUID:
    return create_category(CategoryValues(name, parent_id=below, **values))


def names() -> list[str]:
    """Return the tree as the shop has it, each name with its level."""
    db.session.close()
    found = [f"{node.level} {node.name}" for node in category_tree()]
    db.session.close()
    return found


def titles(client: ShopClient, address: str) -> list[str]:
    answer = client.get(address)
    assert answer.status_code == 200
    return [text_of(title) for title in find_all(parse(answer), "span", class_="card__title")]


@pytest.fixture
def page(in_shop: Shop) -> str:
    return f"{LIST}/{make('Table', description='Things to eat from.')}"


# --- the tree ---------------------------------------------------------------------------------------


def test_an_owner_makes_a_tree_from_the_browser(desk: ShopClient, in_shop: Shop) -> None:
    assert "No categories yet" in desk.get(LIST).text
    new = filled(desk, f"{LIST}/new", LIST, name="Kitchen & table", description="For Tuesdays.")
    answer = submit(desk, LIST, new)
    assert answer.status_code == 303
    kitchen = uuid.UUID(answer.headers["Location"].rpartition("/")[2])
    below = filled(desk, f"{LIST}/new?below={kitchen}", LIST, name="Bowls")
    assert below["parent_id"] == [str(kitchen)]
    assert submit(desk, LIST, below).status_code == 303
    assert names() == ["1 Kitchen & table", "2 Bowls"]
    assert "Bowls" in desk.get(f"{LIST}?q=BOW").text
    assert "No categories match" in desk.get(f"{LIST}?q=chairs").text


def test_categories_change_places_and_a_new_one_comes_last(desk: ShopClient, in_shop: Shop) -> None:
    ids = {name: make(name) for name in ("A", "B", "C")}
    assert post(desk, f"{LIST}/{ids['C']}/position", {"to": "up"}).status_code == 303
    assert names() == ["1 A", "1 C", "1 B"]
    post(desk, f"{LIST}/{ids['A']}/position", {"to": "up"})
    post(desk, f"{LIST}/{ids['B']}/position", {"to": "down"})
    assert names() == ["1 A", "1 C", "1 B"]
    with shop_scope(get_shop(in_shop.id)):
        make("0 is added later")
        assert names()[-1] == "1 0 is added later"


def test_there_are_three_levels_and_nothing_is_below_itself(desk: ShopClient, in_shop: Shop) -> None:
    top = make("Top")
    middle = make("Middle", top)
    last = make("Last", middle)
    other = make("Other")
    offered = desk.get(f"{LIST}/new").text
    assert f'value="{middle}"' in offered
    assert f'value="{last}"' not in offered
    for moved, to in ((top, top), (top, last), (top, other), (middle, last)):
        is_refused(desk, f"{LIST}/{moved}", "have at most 3 levels", parent_id=str(to))
    is_refused(desk, f"{LIST}/{moved}", "be placed there", parent_id=str(uuid.uuid4()))
    is_refused(desk, f"{LIST}/{moved}", "be placed there", parent_id="nonsense")
    assert names() == ["1 Other", "1 Top", "2 Middle", "3 Last"]
    moved_page = f"{LIST}/{last}"
    assert submit(desk, moved_page, filled(desk, moved_page, parent_id="")).status_code == 303
    assert sorted(names()) == ["1 Last", "1 Other", "1 Top", "2 Middle"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", " ", "This field is required."),
        ("name", "x" * 256, "At most 255 characters."),
        ("slug", "!!!", "letters, digits and dashes"),
        ("slug", "taken", "Another category already uses this address."),
        ("product_order", "random", "Choose how products are sorted."),
        ("seo_description", "x" * 501, "At most 500 characters."),
        ("version", "", "reload the page"),
    ],
)
def test_what_makes_no_sense_is_said_and_not_saved(
    desk: ShopClient, page: str, field: str, value: str, said: str
) -> None:
    make("Taken")
    is_refused(desk, page, said, **{field: value})
    assert sorted(names()) == ["1 Table", "1 Taken"]


def test_two_at_once_the_second_sees_what_the_first_did(
    desk: ShopClient, signed_in: SignedIn, page: str
) -> None:
    mine = filled(desk, page, name="Mine")
    assert submit(signed_in(name="Alice"), page, filled(desk, page, name="Theirs")).status_code == 303
    answer = submit(desk, page, mine)
    assert answer.status_code == 409
    assert compared(answer.text) == [("Name", "Theirs", "Mine")]
    assert submit(desk, page, changed(answer.text, page)).status_code == 303
    assert names() == ["1 Mine"]


def test_a_new_address_is_led_to_from_the_old_ones(desk: ShopClient, client: ShopClient, page: str) -> None:
    for slug in ("Dining", "Essen & Trinken", "食卓"):
        assert submit(desk, page, filled(desk, page, slug=slug)).status_code == 303
    last = "/categories/%E9%A3%9F%E5%8D%93"
    for old in ("table", "dining", "essen-trinken"):
        answer = client.get(f"/categories/{old}?sort=price")
        assert (answer.status_code, answer.headers["Location"]) == (301, f"{last}?sort=price")
    assert client.get(last).status_code == 200
    # Back again: nothing leads away from where something is.
    assert submit(desk, page, filled(desk, page, slug="table")).status_code == 303
    assert client.get("/categories/table").status_code == 200
    assert client.get("/categories/dining").headers["Location"] == "/categories/table"


def test_only_an_empty_branch_without_a_promotion_is_deleted(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    top = make("Top")
    below = make("Below", top)
    put_up("Bowl", shelves=["Below"])
    with shop_scope(get_shop(in_shop.id)):
        create_promotion(
            PromotionValues("Sale", "percentage", 100_000, scope="categories", targets=(str(below),))
        )
    assert "categories below this one" in post(desk, f"{LIST}/{top}/deletion", {"version": "1"}).text
    answer = post(desk, f"{LIST}/{below}/deletion", {"version": "1"})
    assert (answer.status_code, "The promotion “Sale” applies" in answer.text) == (409, True)
    other = make("Other")
    assert post(desk, f"{LIST}/{other}/deletion", {"version": "7"}).status_code == 409
    assert post(desk, f"{LIST}/{other}/deletion", {"version": "1"}).status_code == 303
    assert names() == ["1 Top", "2 Below"]


def test_a_picture_is_shown_on_the_tile(desk: ShopClient, client: ShopClient, page: str) -> None:
    put_up("Bowl", shelves=["Table"], files=["of-the-bowl.webp"])
    assert "of-the-bowl.webp" in client.get("/categories").text
    file = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(file, "PNG")
    form = {"version": "1", "file": (io.BytesIO(file.getvalue()), "a.png")}
    assert post(desk, f"{page}/picture", form).status_code == 303
    shown = client.get("/categories").text
    assert "of-the-bowl.webp" not in shown
    assert 'property="og:image"' in client.get("/categories/table").text
    assert post(desk, f"{page}/picture", {"version": "2"}).status_code == 422
    damaged = {"version": "2", "file": (io.BytesIO(b"GIF89a"), "a.gif")}
    assert post(desk, f"{page}/picture", damaged).status_code == 422
    assert post(desk, f"{page}/picture/removal", {"version": "2"}).status_code == 303
    assert "of-the-bowl.webp" in client.get("/categories").text


# --- the products -----------------------------------------------------------------------------------


def test_products_are_found_added_put_in_order_and_removed(
    desk: ShopClient, client: ShopClient, page: str
) -> None:
    ids = {title: put_up(title, day=day) for day, title in enumerate(("Bowl", "Cup", "Plate"))}
    assert "Bowl" in desk.get(f"{page}?q=bow").text
    add = {"product_id": [str(ids["Bowl"]), str(ids["Cup"]), str(ids["Plate"]), "x", str(uuid.uuid4())]}
    assert post(desk, f"{page}/products", add).status_code == 303
    assert "No other products match" in desk.get(f"{page}?q=bow").text
    assert titles(client, "/categories/table") == ["Plate", "Cup", "Bowl"]
    assert submit(desk, page, filled(desk, page, product_order="manual")).status_code == 303

    def move(title: str, to: str) -> list[str]:
        assert post(desk, f"{page}/products/{ids[title]}/position", {"to": to}).status_code == 303
        return titles(client, "/categories/table")

    assert move("Bowl", "top") == ["Bowl", "Plate", "Cup"]
    assert move("Cup", "up") == ["Bowl", "Cup", "Plate"]
    assert move("Bowl", "down") == ["Cup", "Bowl", "Plate"]
    assert move("Cup", "up") == ["Cup", "Bowl", "Plate"]
    put_up("Newest", day=9, shelves=["Table"])
    assert titles(client, "/categories/table") == ["Cup", "Bowl", "Plate", "Newest"]
    assert titles(client, "/categories/table?sort=newest")[0] == "Newest"
    assert post(desk, f"{page}/products/{ids['Bowl']}/removal", {}).status_code == 303
    assert titles(client, "/categories/table") == ["Cup", "Plate", "Newest"]
    assert post(desk, f"{page}/products/{ids['Bowl']}/position", {"to": "up"}).status_code == 404


def test_a_long_category_has_an_order_for_its_first_products(
    desk: ShopClient, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(categories, "MAX_ARRANGED", 3)
    ids = [put_up(f"P{number}", day=number, shelves=["Table"]) for number in range(6)]
    oldest = f"{page}/products/{ids[0]}/position"
    answer = post(desk, oldest, {"to": "up"})
    assert (answer.status_code, "Only the first 3 products" in answer.text) == (409, True)
    assert post(desk, oldest, {"to": "top"}).status_code == 303
    db.session.close()
    category_id = uuid.UUID(page.rpartition("/")[2])
    rows = db.session.execute(
        categories.arranged_products().where(categories.ProductCategory.category_id == category_id)
    ).all()
    assert [row.title for row in rows] == ["P0", "P5", "P4", "P3", "P2", "P1"]
    assert [row.position for row in rows] == [-4, -3, -2, 0, 0, 0]


# --- what shoppers see -------------------------------------------------------------------------------


def test_the_shop_shows_the_tree(client: ShopClient, in_shop: Shop) -> None:
    kitchen = make("Kitchen")
    bowls = make("Bowls", kitchen)
    make("Empty", kitchen)
    make("Rice bowls", bowls)
    put_up("Rice bowl", shelves=["Rice bowls"])
    put_up("Pan", shelves=["Kitchen"], day=1)
    home = parse(client.get("/"))
    tiles = [link.get("href") for link in find_all(home, "a", class_="category")]
    assert tiles == ["/categories/kitchen"]
    page = client.get("/categories/kitchen")
    assert titles(client, "/categories/kitchen") == ["Pan", "Rice bowl"]
    assert 'href="/categories/bowls"' in page.text
    assert "Empty" not in page.text
    trail = next(find_all(parse(client.get("/categories/rice-bowls")), "nav", class_="breadcrumbs"))
    assert [text_of(link) for link in find_all(trail, "a")] == ["Home", "Categories", "Kitchen", "Bowls"]
    assert titles(client, "/categories/bowls") == ["Rice bowl"]
    product = next(find_all(parse(client.get("/products/rice-bowl")), "nav", class_="breadcrumbs"))
    links = [link.get("href") for link in find_all(product, "a")]
    assert links == ["/", "/categories/kitchen", "/categories/bowls", "/categories/rice-bowls"]
    assert 'href="/categories/bowls"' in client.get("/categories").text
    assert client.get("/sitemap.xml").text.count("/categories/") == 3


def test_a_list_with_a_tree_asks_no_more_statements(client: ShopClient, in_shop: Shop) -> None:
    put_up("Pan", shelves=["Flat"])
    with count_statements() as flat:
        assert client.get("/categories/flat").status_code == 200
    kitchen = make("Kitchen")
    for number in range(5):
        make(f"Below {number}", kitchen)
        put_up(f"Bowl {number}", shelves=[f"Below {number}"])
    for address in ("/categories/kitchen", "/categories/below-1", "/categories", "/"):
        with count_statements() as statements:
            assert client.get(address).status_code == 200
        assert len(statements) <= len(flat), statements


def test_texts_for_search_engines_stand_in_the_head(desk: ShopClient, client: ShopClient, page: str) -> None:
    put_up("Bowl", shelves=["Table"])
    texts = {"seo_title": "Tableware from Mino", "seo_description": "Made <by> hand."}
    assert submit(desk, page, filled(desk, page, **texts)).status_code == 303
    html = client.get("/categories/table").text
    assert "<title>Tableware from Mino · " in html
    assert 'content="Made &lt;by&gt; hand."' in html


def test_a_description_is_html_that_was_cleaned(desk: ShopClient, client: ShopClient, page: str) -> None:
    put_up("Bowl", shelves=["Table"])
    assert "data-rich-text" in desk.get(page).text
    typed = (
        '<h2>Bowls</h2><script>alert(1)</script><p onclick="x()">See <a href="/pages/care">care</a>'
        ' or <a href="javascript:x()">this</a></p>'
    )
    assert submit(desk, page, filled(desk, page, description=typed)).status_code == 303
    shown = client.get("/categories/table").text
    rel = 'rel="nofollow noopener noreferrer"'
    assert f'<h2>Bowls</h2><p>See <a href="/pages/care" {rel}>care</a> or <a {rel}>this</a></p>' in shown
    assert '<meta name="description" content="Bowls See care or this">' in shown
    # Plain text goes on being plain text.
    assert submit(desk, page, filled(desk, page, description="Less < more\n\nBy hand")).status_code == 303
    assert "<p>Less &lt; more</p>\n<p>By hand</p>" in client.get("/categories/table").text
    is_refused(desk, page, "At most 10000 characters.", description="x" * 10_001)


# --- who may -----------------------------------------------------------------------------------------


def test_some_roles_only_look(signed_in: SignedIn, desk: ShopClient, page: str) -> None:
    data = filled(desk, page, name="Other")
    only_looks(signed_in("readonly"), page, f"{LIST}/new", data, {"version": "1"})
    assert names() == ["1 Table"]


def test_another_shop_finds_nothing(
    app: Flask, signed_in: SignedIn, other_shop: Shop, desk: ShopClient, page: str
) -> None:
    data = filled(desk, page, name="Other")
    charlie = signed_in(shop=other_shop)
    finds_nothing(charlie, page, data, {"version": "1"})
    product = put_up("Bowl", shelves=["Table"])
    for address in ("position", "products", f"products/{product}/removal", f"products/{product}/position"):
        assert post(charlie, f"{page}/{address}", {"product_id": str(product)}).status_code == 404
    db.session.close()
    assert db.session.scalar(select(Category.name)) == "Table"
    assert db.session.scalar(select(Product.title)) == "Bowl"
