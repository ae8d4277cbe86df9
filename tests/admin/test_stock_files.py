"""Import stock: look first, then do exactly that; and the ledger as a file."""

import csv
import io
import re
from typing import Any

import pytest

from commerce.csv_files import BOM
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.admin.test_stock import item
from tests.factories.shop import Sold, change_stock, counters, make_product
from tests.factories.staff import csrf_token, post
from tests.support.client import ShopClient


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", stock=10)


def upload(client: ShopClient, text: str | bytes, name: str = "count.csv") -> Any:
    data = text.encode() if isinstance(text, str) else text
    fields = {"csrf_token": csrf_token(client.get("/admin/stock").text), "file": (io.BytesIO(data), name)}
    return client.post("/admin/stock-import", data=fields, content_type="multipart/form-data")


def confirm(client: ShopClient, page: str, **changes: str) -> Any:
    from html import unescape

    hidden = {
        name: unescape(value)
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    }
    return post(client, "/admin/stock-import/changes", {**hidden, **changes})


def test_a_file_is_looked_at_before_anything_is_written(desk: ShopClient, tea: Sold) -> None:
    answer = upload(desk, "SKU,On hand\nTEA-1,14\nNOPE,3\n")
    assert answer.status_code == 200
    assert "There is no such SKU." in answer.text
    assert "Update 1 stock levels" in answer.text
    assert counters(tea) == (10, 0)
    done = confirm(desk, answer.text)
    assert done.status_code == 303
    assert counters(tea) == (14, 0)
    assert "count.csv" in desk.get("/admin/stock/TEA-1").text


def test_stock_that_moved_meanwhile_is_shown_again_and_nothing_is_written(
    desk: ShopClient, tea: Sold
) -> None:
    page = upload(desk, "SKU,On hand\nTEA-1,14\n").text
    change_stock(tea, -3)
    answer = confirm(desk, page)
    assert answer.status_code == 409
    assert "Stock changed since you opened the page" in answer.text
    assert counters(tea) == (7, 0)
    assert confirm(desk, answer.text).status_code == 303
    assert counters(tea) == (14, 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"PK\x03\x04xxxx", "Excel"),
        ("Gr\u00fcner Tee;1\n", "no “SKU” column"),
        (b"SKU,On hand\nTEA-1," + b"1" * 500_000, "too large"),
    ],
)
def test_a_file_of_another_kind_is_refused(desk: ShopClient, tea: Sold, data: Any, reason: str) -> None:
    answer = upload(desk, data)
    assert answer.status_code == 422
    assert reason in answer.text


def test_without_a_file_nothing_happens(desk: ShopClient) -> None:
    assert post(desk, "/admin/stock-import", {}).status_code == 422


def test_hostile_names_and_cells_stay_text(desk: ShopClient, tea: Sold) -> None:
    page = upload(desk, 'SKU,On hand\n"<script>alert(1)</script>",1\n', "<script>.csv").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_only_those_who_change_stock_may_send_files(signed_in: SignedIn, tea: Sold) -> None:
    rita = signed_in("readonly")
    assert rita.get("/admin/stock-import").status_code == 403
    assert upload(rita, "SKU,On hand\nTEA-1,14\n").status_code == 403
    assert "stock-import" not in rita.get("/admin/stock").text


def test_the_ledger_is_a_file_that_no_spreadsheet_runs(desk: ShopClient, tea: Sold) -> None:
    post(
        desk,
        f"/admin/stock/{item(tea).id}/movements",
        {"quantity": "2", "cause": "damaged", "note": "=HYPERLINK(1)"},
    )
    answer = desk.get(f"/admin/ledgers/{item(tea).id}.csv")
    assert answer.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix(BOM))))
    assert [row[1:4] for row in rows[1:]] == [["10", "10", "opening"], ["-2", "8", "damaged"]]
    assert rows[-1][-1] == "'=HYPERLINK(1)"


def test_the_page_of_a_sku_draws_its_level(desk: ShopClient, tea: Sold) -> None:
    assert "level__line" not in desk.get("/admin/stock/TEA-1").text
    change_stock(tea, -3)
    page = desk.get("/admin/stock/TEA-1").text
    assert "now 7" in page
    assert 'class="level__line" d="M6' in page


def test_charlie_finds_neither_the_ledger_nor_the_sku(
    signed_in: SignedIn, tea: Sold, other_shop: Shop
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    assert charlie.get(f"/admin/ledgers/{item(tea).id}.csv").status_code == 404
    assert "There is no such SKU." in upload(charlie, "SKU,On hand\nTEA-1,14\n").text
    assert counters(tea) == (10, 0)
