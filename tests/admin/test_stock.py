"""Stock by hand: look, receive, lose, count; the ledger adds up, and nobody takes what is reserved."""

import html
import re
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from commerce import paging
from commerce.db import db
from commerce.inventory.models import MAX_QUANTITY, StockItem, StockMovement
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.factories.orders import placed_order
from tests.factories.shop import Sold, change_stock, counters, make_product
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.statements import count_statements


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    """Ten units, three of them reserved."""
    sold = make_product("Green tea", sku="TEA-1", stock=10)
    placed_order(sku="TEA-1", quantity=3)
    return sold


def item(sold: Sold) -> StockItem:
    db.session.close()
    found = db.session.scalars(select(StockItem).where(StockItem.variant_id == sold.variant_id)).one()
    db.session.close()
    return found


def ledger_sum() -> tuple[int, int]:
    """Return the sum and the number of all movements."""
    row = db.session.execute(select(func.sum(StockMovement.delta), func.count(StockMovement.id))).one()
    db.session.close()
    return int(row[0]), row[1]


def book(
    client: ShopClient, sold: Sold, quantity: Any, cause: str, *, htmx: bool = False, **fields: Any
) -> Any:
    data = {"quantity": str(quantity), "cause": cause, **fields}
    return post(client, f"/admin/stock/{item(sold).id}/movements", data, htmx=htmx)


def count(client: ShopClient, sold: Sold, counted: Any, version: Any) -> Any:
    return post(
        client, f"/admin/stock/{item(sold).id}/count", {"counted": str(counted), "version": str(version)}
    )


def skus(html: str) -> list[str]:
    return re.findall(r'<a class="code" href="/admin/stock/([^"]+)">', html)


# --- looking -----------------------------------------------------------------------------------------


def test_the_list_shows_units_on_hand_reserved_and_available(desk: ShopClient, tea: Sold) -> None:
    page = desk.get("/admin/stock").text
    figures = re.findall(r'data-label="(On hand|Reserved|Available)" class="num">(\d+)', page)
    assert figures == [("On hand", "10"), ("Reserved", "3"), ("Available", "7")]


def test_search_and_filters(desk: ShopClient, tea: Sold) -> None:
    make_product("Cast iron kettle", sku="KET-9", stock=3)
    make_product("Cup", sku="CUP/7 b", stock=0)
    assert skus(desk.get("/admin/stock").text) == ["CUP/7%20b", "KET-9", "TEA-1"]
    assert skus(desk.get("/admin/stock?q=ket").text) == ["KET-9"]
    assert skus(desk.get("/admin/stock?q=IRON").text) == ["KET-9"]
    assert skus(desk.get("/admin/stock?show=low").text) == ["CUP/7%20b", "KET-9"]
    assert skus(desk.get("/admin/stock?show=held").text) == ["TEA-1"]
    assert skus(desk.get("/admin/stock?show=nonsense").text) == ["CUP/7%20b", "KET-9", "TEA-1"]
    for odd in ("%", "\x00", "'", "x" * 3000):
        assert desk.get("/admin/stock", query_string={"q": odd}).status_code == 200
    assert "No stock matches" in desk.get("/admin/stock?q=nothing").text
    assert desk.get("/admin/stock/CUP/7%20b").status_code == 200


def test_a_long_list_has_pages_and_a_fixed_number_of_statements(desk: ShopClient, in_shop: Shop) -> None:
    for number in range(35):
        make_product(f"Cup {number}", sku=f"CUP-{number:02}")
    desk.get("/admin/stock")
    with count_statements() as statements:
        first = desk.get("/admin/stock").text
    assert len(statements) <= 6
    second = desk.get("/admin/stock?page=2").text
    assert skus(first) + skus(second) == [f"CUP-{number:02}" for number in range(35)]
    assert skus(desk.get("/admin/stock?page=99").text) == skus(second), "past the end is the last page"
    assert skus(desk.get("/admin/stock?page=-1").text) == skus(first)


def test_a_very_long_list_goes_on_by_position(
    desk: ShopClient, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 30)
    for number in range(95):
        make_product(f"Cup {number}", sku=f"CUP-{number:02}")
    desk.get("/admin/stock")
    address, seen, made = "/admin/stock", [], 0
    while address:
        with count_statements() as statements:
            page = desk.get(address).text
        made = max(made, len(statements))
        seen.append(skus(page))
        last, address = address, linked(page, "next")
    assert [sku for page in seen for sku in page] == [f"CUP-{number:02}" for number in range(95)]
    assert made <= 6, "and each page takes as many statements as the first"
    assert "page=4&after=" in last
    assert skus(desk.get(linked(desk.get(last).text, "prev")).text) == seen[2]
    assert skus(desk.get("/admin/stock?page=10000").text) == seen[0], "nothing far down is found by number"
    for odd in ("x", "0" * 32, f"{'0' * 32}-%00", f"{'g' * 32}-CUP-10"):
        assert desk.get(f"/admin/stock?page=4&after={odd}").status_code in (200, 422)


def linked(page: str, way: str) -> str:
    """Return the address of the page before or after this one, '' for none."""
    found = re.search(rf'<a href="([^"]+)" rel="{way}"', page)
    return html.unescape(found[1]) if found else ""


def test_the_ledger_is_a_running_account(desk: ShopClient, tea: Sold) -> None:
    change_stock(tea, 5)
    change_stock(tea, -2)
    page = desk.get("/admin/stock/TEA-1").text
    lines = re.findall(
        r'data-label="Change" class="num">([^<]+)</td>\s*<td data-label="On hand" class="num">(\d+)', page
    )
    assert lines == [("−2", "13"), ("+5", "15"), ("+10", "10")]


@pytest.mark.parametrize("sku", ["nothing", "x" * 400, "%00", "a/b"])
def test_what_is_not_stocked_is_not_found(desk: ShopClient, in_shop: Shop, sku: str) -> None:
    assert desk.get(f"/admin/stock/{sku}").status_code == 404


# --- booking -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cause", "left"), [("received", 14), ("found", 14), ("damaged", 6), ("lost", 6)])
def test_units_come_or_go_by_their_cause(desk: ShopClient, tea: Sold, cause: str, left: int) -> None:
    answer = book(desk, tea, 4, cause, note="From Uji", back="/admin/stock?show=low")
    assert (answer.status_code, answer.location) == (303, "/admin/stock?show=low")
    assert counters(tea) == (left, 3)
    assert ledger_sum() == (left, 2)
    last = db.session.scalars(select(StockMovement).order_by(StockMovement.id.desc())).first()
    assert last is not None
    assert (last.cause, last.actor, last.reference) == (cause, "Bob", "From Uji")


def test_htmx_gets_the_row_with_its_new_figures(desk: ShopClient, tea: Sold) -> None:
    answer = book(desk, tea, 4, "received", htmx=True)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith(f'<tr id="stock-{item(tea).id.hex}"')
    assert "TEA-1: +4, now 14 on hand." in answer.text


def test_nobody_takes_what_is_reserved(desk: ShopClient, tea: Sold) -> None:
    for htmx in (False, True):
        answer = book(desk, tea, 8, "lost", htmx=htmx)
        assert answer.status_code == 409
        assert "reserved for orders" in answer.text
    assert counters(tea) == (10, 3)
    assert ledger_sum() == (10, 1)
    assert book(desk, tea, 7, "lost").status_code == 303


@pytest.mark.parametrize("quantity", ["", "0", "-3", "1.5", "x", str(MAX_QUANTITY + 1), "9" * 50, "1e3"])
def test_only_whole_numbers_of_units_are_booked(desk: ShopClient, tea: Sold, quantity: str) -> None:
    for htmx in (False, True):
        answer = book(desk, tea, quantity, "received", htmx=htmx)
        assert answer.status_code == 422
        assert "whole number" in answer.text
    assert counters(tea) == (10, 3)


def test_an_unknown_cause_is_refused(desk: ShopClient, tea: Sold) -> None:
    assert book(desk, tea, 1, "stolen by gnomes").status_code == 422
    assert counters(tea) == (10, 3)


def test_the_way_back_stays_in_the_shop(desk: ShopClient, tea: Sold) -> None:
    assert book(desk, tea, 1, "received", back="https://evil.test/").location == "/admin/stock/TEA-1"


# --- counting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counted", "said"), [(12, "adjusted by +2."), (9, "adjusted by -1."), (10, "Nothing was changed")]
)
def test_a_count_books_the_difference(desk: ShopClient, tea: Sold, counted: int, said: str) -> None:
    answer = count(desk, tea, counted, item(tea).version)
    assert (answer.status_code, answer.location) == (303, "/admin/stock/TEA-1")
    assert said in desk.get("/admin/stock/TEA-1").text
    assert counters(tea) == (counted, 3)
    assert ledger_sum()[0] == counted


def test_a_count_from_a_stale_page_is_compared_and_not_booked(desk: ShopClient, tea: Sold) -> None:
    seen = item(tea).version
    change_stock(tea, 5)
    answer = count(desk, tea, 9, seen)
    assert answer.status_code == 409
    assert counters(tea) == (15, 3)
    compared = answer.text.split("You counted")
    assert "15 (3 reserved)" in compared[0]
    assert compared[1].startswith("</dt><dd>9</dd>")
    version = re.search(r'name="version" value="(\d+)"', answer.text)
    assert version is not None
    assert count(desk, tea, 9, version[1]).status_code == 303
    assert counters(tea) == (9, 3)


def test_fewer_than_reserved_cannot_be_on_hand(desk: ShopClient, tea: Sold) -> None:
    answer = count(desk, tea, 2, item(tea).version)
    assert answer.status_code == 409
    assert "3 units are reserved" in answer.text
    assert counters(tea) == (10, 3)


@pytest.mark.parametrize(("counted", "version"), [("", "1"), ("-1", "1"), ("x", "1"), ("5", ""), ("5", "x")])
def test_a_count_that_is_invalid_is_refused(desk: ShopClient, tea: Sold, counted: str, version: str) -> None:
    assert count(desk, tea, counted, version).status_code == 422
    assert counters(tea) == (10, 3)


# --- who may -----------------------------------------------------------------------------------------


def test_who_may_only_look_books_nothing(signed_in: SignedIn, tea: Sold) -> None:
    for role in ("readonly", "support"):
        client = signed_in(role)
        assert "/movements" not in client.get("/admin/stock").text
        assert book(client, tea, 1, "received").status_code == 403
        assert count(client, tea, 1, item(tea).version).status_code == 403
    assert counters(tea) == (10, 3)
    assert book(signed_in("fulfilment"), tea, 1, "received").status_code == 303


def test_charlie_finds_no_stock_of_alices(
    signed_in: SignedIn, tea: Sold, in_shop: Shop, other_shop: Shop
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    stock_id, version = item(tea).id, item(tea).version
    assert skus(charlie.get("/admin/stock").text) == []
    assert charlie.get("/admin/stock/TEA-1").status_code == 404
    for key in (stock_id, uuid.uuid4()):
        booked = post(charlie, f"/admin/stock/{key}/movements", {"quantity": "1", "cause": "lost"})
        assert booked.status_code == 404
        counted = post(charlie, f"/admin/stock/{key}/count", {"counted": "0", "version": str(version)})
        assert counted.status_code == 404
    with shop_scope(in_shop):
        assert counters(tea) == (10, 3)
