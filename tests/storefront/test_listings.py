"""Home, categories and search: what they list, how much they ask the database, what they leave with a visitor."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import create_engine, update

from commerce.catalog.models import Variant
from commerce.db import atomic, db
from commerce.engine import writing
from commerce.inventory.models import StockItem
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.catalog import Made, put_up, put_up_many
from tests.support.client import ShopClient
from tests.support.html import find_all, parse, text_of
from tests.support.statements import count_statements

LISTS = [
    "/",
    "/categories",
    "/categories/table",
    "/search",
    "/search?q=product",
    "/search?sort=price",
    "/search?page=2",
]


def titles(client: ShopClient, address: str) -> list[str]:
    answer = client.get(address)
    assert answer.status_code == 200
    return [text_of(title) for title in find_all(parse(answer), "span", class_="card__title")]


def card(client: ShopClient, address: str = "/search") -> str:
    """Return the words of the only card on a page."""
    (only,) = find_all(parse(client.get(address)), "li", class_="card")
    return text_of(only)


# --- what is listed ---------------------------------------------------------------------------------


def test_an_empty_shop_has_pages_that_say_so(in_shop: Shop, client: ShopClient) -> None:
    for address in ("/", "/categories", "/search", "/search?q=tea"):
        answer = client.get(address)
        assert answer.status_code == 200
        parse(answer)


def test_home_shows_the_newest_twelve(in_shop: Shop, client: ShopClient) -> None:
    put_up_many(13)
    assert titles(client, "/") == [f"Product {number:03}" for number in range(12, 0, -1)]


def test_a_category_shows_its_own_products(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl", shelves=["Table"])
    put_up("Lamp", shelves=["Light"])
    assert titles(client, "/categories/table") == ["Bowl"]
    assert titles(client, "/categories/light") == ["Lamp"]


def test_only_categories_with_something_to_show_are_in_the_navigation(
    in_shop: Shop, client: ShopClient
) -> None:
    put_up("Bowl", shelves=["Table", "Kitchen"])
    put_up("Lamp", shelves=["Light"], status="draft")
    links = [link.get("href") for link in find_all(parse(client.get("/")), "a", class_="category")]
    assert links == ["/categories/kitchen", "/categories/table"]
    assert "/categories/light" not in client.get("/").text


def test_a_category_with_letters_of_any_script_has_an_address(in_shop: Shop, client: ShopClient) -> None:
    put_up("急須", shelves=["茶器"])
    (tile,) = find_all(parse(client.get("/")), "a", class_="category")
    assert titles(client, tile.get("href") or "") == ["急須"]


def test_drafts_archived_products_and_products_without_an_active_variant_are_not_listed(
    in_shop: Shop, client: ShopClient
) -> None:
    put_up("Draft", status="draft", shelves=["Table"])
    put_up("Archived", status="archived", shelves=["Table"])
    put_up("Switched off", Made(active=False), shelves=["Table"])
    put_up("Sold", shelves=["Table"])
    for address in ("/", "/categories/table", "/search"):
        assert titles(client, address) == ["Sold"]


def test_lists_are_sorted_by_age_or_by_the_lowest_price(in_shop: Shop, client: ShopClient) -> None:
    put_up(
        "Middle", Made(("a",), price=500), Made(("b",), price=200), options=["Size"], shelves=["Table"], day=1
    )
    put_up("Dear", Made(price=900), shelves=["Table"], day=2)
    put_up("Cheap", Made(price=100), Made(("off",), price=1, active=False), shelves=["Table"], day=3)
    for address in ("/search", "/categories/table"):
        assert titles(client, address) == ["Cheap", "Dear", "Middle"]
        assert titles(client, f"{address}?sort=price") == ["Cheap", "Middle", "Dear"]
        assert titles(client, f"{address}?sort=-price") == ["Dear", "Middle", "Cheap"]
        assert titles(client, f"{address}?sort=nonsense") == ["Cheap", "Dear", "Middle"]


# --- cards ------------------------------------------------------------------------------------------


def test_a_card_shows_one_price(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl", Made(price=1250))
    assert card(client) == "Bowl $12.50"


def test_a_card_shows_where_prices_begin(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl", Made(("S",), price=1250), Made(("L",), price=1900), options=["Size"])
    assert card(client) == "Bowl from $12.50"


def test_a_former_price_is_struck_through_and_said(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl", Made(price=1250, compare_at=1500))
    assert card(client) == "Bowl Now $12.50 Before $15.00"
    (struck,) = find_all(parse(client.get("/search")), "s")
    assert text_of(struck) == "$15.00"


def test_a_former_price_that_was_lower_is_not_shown(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl", Made(price=1250, compare_at=1000))
    assert card(client) == "Bowl $12.50"


@pytest.mark.parametrize(("stock", "words"), [(0, "Sold out"), (1, "Only 1 left"), (3, "Only 3 left")])
def test_a_card_says_that_little_or_nothing_is_left(
    in_shop: Shop, client: ShopClient, stock: int, words: str
) -> None:
    put_up("Bowl", Made(price=1250, stock=stock))
    assert card(client) == f"Bowl $12.50 {words}"


def test_a_card_counts_all_variants_and_leaves_out_what_is_reserved(
    in_shop: Shop, client: ShopClient
) -> None:
    put_up("Bowl", Made(("S",), stock=4), Made(("L",), stock=0), options=["Size"])

    @atomic
    def reserve_two() -> None:
        stock_item = db.session.query(StockItem).filter(StockItem.on_hand == 4).one()
        stock_item.reserved = 2

    assert card(client) == "Bowl $10.00"
    reserve_two()
    assert card(client) == "Bowl $10.00 Only 2 left"


def test_an_imported_request_to_oversell_is_not_followed(in_shop: Shop, client: ShopClient) -> None:
    """The import remembers the flag; the shop sells what it has."""
    put_up("Bowl", Made(stock=0, backorder=True))
    assert card(client) == "Bowl $10.00 Sold out"


def test_a_picture_that_was_only_recorded_is_never_a_broken_one(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl", files=["", f"{in_shop.id}/b.webp"])
    put_up("Tray", files=[""])
    pictures = [picture.get("src") for picture in find_all(parse(client.get("/search")), "img")]
    assert pictures == [f"/media/{in_shop.id}/b.webp"]


def test_a_changed_price_is_on_the_next_page(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl", Made(price=1000))
    assert card(client) == "Bowl $10.00"

    @atomic
    def raise_price() -> None:
        db.session.query(Variant).one().price = 1100

    raise_price()
    assert card(client) == "Bowl $11.00"


@contextmanager
def writer() -> Iterator[None]:
    """Begin transactions as a use case does: those of a reader cannot write."""
    token = writing.set(True)
    yield
    writing.reset(token)


@pytest.mark.parametrize("address", ["/", "/search", "/categories/table", "/search?q=bowl"])
def test_a_change_by_another_process_is_on_the_next_page(
    database_url: str, in_shop: Shop, client: ShopClient, address: str
) -> None:
    put_up("Bowl", Made(price=1000), shelves=["Table"])
    other_process = create_engine(database_url)
    assert card(client, address) == "Bowl $10.00"
    assert card(client, address) == "Bowl $10.00"
    for price in (1100, 1200):
        with writer(), other_process.begin() as connection:
            connection.execute(update(Variant).values(price=price))
        assert card(client, address) == f"Bowl ${price // 100}.00"
    with writer(), other_process.begin() as connection:
        connection.execute(update(Variant).values(price=900))
        assert card(client, address) == "Bowl $12.00"
    assert card(client, address) == "Bowl $9.00"
    other_process.dispose()


def test_a_page_is_made_once_while_nothing_changes(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl", shelves=["Table"])
    fewest = 100
    # On PostgreSQL a commit in any database of the server counts as a change, and other tests are running beside us.
    for _ in range(100):
        first = client.get("/categories/table")
        with count_statements() as statements:
            second = client.get("/categories/table")
        assert second.text == first.text
        fewest = min(fewest, len(statements))
        if fewest <= 1:
            return
    pytest.fail(f"never fewer than {fewest} statements")


def test_a_kept_page_is_not_given_under_another_address_or_name(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl", shelves=["Table"])
    assert "http://demo.localhost/" in client.get("/").text
    assert "http://127.0.0.1/" in client.get("/", base_url="http://127.0.0.1").text
    assert card(client, "/search?q=bowl") == card(client, "/search")
    assert "“bowl”" in client.get("/search?q=bowl").text
    assert "“bowl”" not in client.get("/search").text


# --- pages of a list --------------------------------------------------------------------------------


def test_a_list_has_twenty_four_products_a_page(in_shop: Shop, client: ShopClient) -> None:
    put_up_many(50, shelves=["Table"])
    for address in ("/search?", "/categories/table?", "/search?q=product&"):
        assert [len(titles(client, f"{address}page={page}")) for page in (1, 2, 3)] == [24, 24, 2]
    first = client.get("/search").text
    assert "50 products" in first
    assert 'href="/search?page=3"' in first
    assert 'href="/search?sort=price&amp;page=2"' in client.get("/search?sort=price").text
    assert 'href="/search?q=product&amp;page=2"' in client.get("/search?q=product").text


def test_twenty_four_products_are_one_page(in_shop: Shop, client: ShopClient) -> None:
    put_up_many(24)
    assert "pagination" not in client.get("/search").text
    assert client.get("/search?page=2").status_code == 404


@pytest.mark.parametrize(
    "page", ["0", "-1", "2", "3", "1e3", "１", "99999999999999999999", "x", "", "999999999"]
)
def test_a_page_that_is_not_there_is_not_found(in_shop: Shop, client: ShopClient, page: str) -> None:
    put_up_many(3, shelves=["Table"])
    assert client.get("/search", query_string={"page": page}).status_code == 404
    assert client.get("/categories/table", query_string={"page": page}).status_code == 404


def test_a_long_list_is_counted_and_its_last_page_is_there(in_shop: Shop, client: ShopClient) -> None:
    put_up_many(250)
    assert "250 products" in client.get("/search").text
    assert len(titles(client, "/search?page=11")) == 10
    assert client.get("/search?page=12").status_code == 404


# --- the budget and the visitor ---------------------------------------------------------------------


@pytest.fixture
def stocked(in_shop: Shop) -> Shop:
    for number in range(30):
        put_up(
            f"Product {number}",
            Made(("S",), price=number),
            Made(("L",), stock=number),
            options=["Size"],
            shelves=["Table", "Shelf " + str(number % 3)],
            files=[f"{in_shop.id}/{number}.webp"],
            day=number,
        )
    return in_shop


@pytest.mark.parametrize("address", LISTS)
def test_a_list_page_asks_at_most_five_statements(stocked: Shop, client: ShopClient, address: str) -> None:
    with count_statements() as statements:
        assert client.get(address).status_code == 200
    assert len(statements) <= 5, statements


def test_a_list_page_asks_as_much_for_many_products_as_for_one(in_shop: Shop, client: ShopClient) -> None:
    put_up("Product", shelves=["Table"])
    with count_statements() as few:
        client.get("/categories/table")
    assert len(few) > 2, few
    put_up_many(30, shelves=["Table"])
    with count_statements() as many:
        client.get("/categories/table")
    assert len(many) == len(few), many


@pytest.mark.parametrize("address", LISTS)
def test_a_list_page_leaves_no_cookie_and_may_be_kept_by_a_proxy(
    stocked: Shop, client: ShopClient, address: str
) -> None:
    answer = client.get(address)
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "public, max-age=0, s-maxage=30"
    assert {"Cookie", "HX-Request"} <= set(answer.vary)
    parse(answer)


def test_a_visitor_with_a_cart_gets_a_page_that_nobody_else_gets(stocked: Shop, client: ShopClient) -> None:
    client.set_cookie("cart", "a" * 43, domain="demo.localhost")
    answer = client.get("/search")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    parse(answer)


def test_every_word_of_a_shop_owner_is_escaped(in_shop: Shop, client: ShopClient) -> None:
    nasty = '<img src=x onerror="alert(1)">&"\''
    put_up(nasty, slug="nasty", shelves=["Table & <b>"], vendor=nasty, files=["x.webp"])
    for address in ("/", "/search", "/products/nasty", "/categories"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "<img src=x" not in answer.text
        parse(answer)


# --- whose shop -------------------------------------------------------------------------------------


def test_another_shop_lists_nothing_of_ours(app: Flask, stocked: Shop, other_shop: Shop) -> None:
    charlie = app.test_client(host="other.localhost")
    assert titles(charlie, "/search") == []
    assert charlie.get("/categories/table").status_code == 404
    with shop_scope(other_shop):
        put_up("Kite", Made(price=1000), shelves=["Table"])
    assert titles(charlie, "/categories/table") == ["Kite"]
    assert card(charlie) == "Kite ¥1,000"


def test_an_unknown_category_is_not_found(in_shop: Shop, client: ShopClient) -> None:
    assert client.get("/categories/nothing").status_code == 404
