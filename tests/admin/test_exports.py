"""Every list as a file: for spreadsheets or plain, with any separator, whatever its length."""

import csv
import io
from typing import Any

import pytest
from flask import Flask

from commerce.admin.exports import queries
from commerce.admin.exports.queries import EXPORTS
from commerce.csv_files import BOM
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.checkout import make_order
from tests.factories.members import make_member
from tests.factories.shop import make_product
from tests.support.client import ShopClient


def rows(client: ShopClient, table: str, **asked: str) -> list[dict[str, Any]]:
    answer = client.get("/admin/exports/file.csv", query_string={"table": table, **asked})
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    text = answer.get_data(as_text=True)
    assert text.startswith(BOM) == (asked.get("format") != "plain")
    delimiter = {"semicolon": ";", "tab": "\t"}.get(asked.get("separator", ""), ",")
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM), newline=""), delimiter=delimiter))


@pytest.fixture
def order(in_shop: Shop) -> Any:
    make_member("mary@example.com", "Mary Member")
    return make_order((make_product("=Tea", sku="TEA-1", price=1000, stock=9), 2), payment_method="card")


def test_an_order_is_exported_whole_by_line_and_by_tax(desk: ShopClient, order: Any) -> None:
    (head,) = rows(desk, "orders")
    assert (head["Subtotal"], head["Shipping price"], head["Total"]) == ("20.00", "5.00", "25.00")
    (line,) = rows(desk, "order-lines", separator="semicolon")
    assert (line["SKU"], line["Title"], line["Quantity"], line["Tax rate %"]) == ("TEA-1", "'=Tea", "2", "10")
    taxes = rows(desk, "order-taxes", separator="tab", format="plain")
    assert sum(float(each["Amount"]) for each in taxes) == float(head["Tax"])
    assert {each["Included in prices"] for each in taxes} == {"yes"}
    assert [each["Order"] for each in rows(desk, "payments")] == [head["Order"]]
    assert [each["Email"] for each in rows(desk, "customers")] == ["mary@example.com"]
    (stock,) = rows(desk, "stock")
    assert (stock["On hand"], stock["Reserved"]) == ("9", "2")
    assert [each["Change"] for each in rows(desk, "stock-movements")] == ["9"]
    assert rows(desk, "refunds") == rows(desk, "coupons") == []


def test_a_long_list_is_read_in_batches(
    desk: ShopClient, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "BATCH", 2)
    for number in range(5):
        make_product(f"Tea {number}")
    assert len({each["SKU"] for each in rows(desk, "stock")}) == 5


def test_the_page_offers_what_a_role_may_have_and_nothing_else(signed_in: SignedIn, order: Any) -> None:
    rita = signed_in("readonly")
    page = rita.get("/admin/exports").text
    for name, export in EXPORTS.items():
        answer = rita.get("/admin/exports/file.csv", query_string={"table": name})
        assert (answer.status_code == 200) == (f'value="{name}"' in page)
        assert (answer.status_code == 403) == (export.permission == "customers.view")
    assert rita.get("/admin/exports/file.csv?table=staff").status_code == 404


def test_no_file_holds_a_row_of_another_shop(
    app: Flask, signed_in: SignedIn, order: Any, other_shop: Shop
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    assert all(rows(charlie, name) == [] for name in EXPORTS)
