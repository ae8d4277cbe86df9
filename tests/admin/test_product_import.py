"""A catalog from a file, in the browser: upload, review, import, report; nothing before somebody has said so."""

import io
import re
from typing import Any

import pytest
from sqlalchemy import select

from commerce.catalog.models import Product
from commerce.csv_files import BOM
from commerce.db import db
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.catalog_import.sheets import MUG, sheet
from tests.factories.staff import csrf_token, post
from tests.file_imports.test_runner import run
from tests.support.client import ShopClient


def upload(client: ShopClient, data: bytes, name: str = "products.csv") -> Any:
    token = csrf_token(client.get("/admin/stock").text)
    fields = {"csrf_token": token, "file": (io.BytesIO(data), name)}
    return client.post("/admin/products/import", data=fields, content_type="multipart/form-data")


def version(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found, page
    return found[1]


def titles() -> list[str]:
    db.session.close()
    return sorted(db.session.scalars(select(Product.title)))


def test_from_an_empty_shop_to_the_first_products(desk: ShopClient) -> None:
    assert 'href="/admin/products/import"' in desk.get("/admin/products").text
    answer = upload(desk, sheet(MUG, {"Handle": "pot", "Title": "", "Variant Price": "x"}))
    assert answer.status_code == 303
    here = answer.location
    page = desk.get(here).text
    assert "Checking" in page
    assert 'data-hx-trigger="every 2s"' in page
    assert f'<a href="{here}">Refresh</a>' in page, "without scripts"
    run()
    page = desk.get(here).text
    assert "Import 1 product" in page
    assert "2 rows read: 1 new, 0 changed, 0 unchanged, 1 refused." in page
    assert "every 2s" not in page
    assert titles() == []
    started = post(desk, f"{here}/start", {"version": version(page)})
    assert (started.status_code, started.location) == (303, here)
    run()
    assert "Imported" in desk.get(here).text
    assert titles() == ["Mug"]
    report = desk.get(f"{here}/report.csv").get_data(as_text=True)
    assert report.startswith(f"{BOM}Kind,Row,Product")
    assert "refused,3,pot" in report
    assert "products.csv" in desk.get("/admin/products/import").text


def test_foreign_columns_are_chosen_on_the_page_with_a_guess(desk: ShopClient) -> None:
    here = upload(desk, b"Artikelname,Preis,Bestand,Slug,Regal\nTasse,12.50,3,tasse,A7\n").location
    run()
    page = desk.get(here).text
    assert "Choose below what each column means" in page
    assert "--map" not in page
    chosen = dict(
        re.findall(r'<select[^>]*name="(column-\d)".*?<option value="([^"]*)" selected', page, re.DOTALL)
    )
    assert chosen["column-0"] == "Title"
    choices = {"column-0": "Title", "column-1": "Variant Price", "column-2": "Variant Inventory Qty",
               "column-3": "Handle", "column-4": ""}  # fmt: skip
    assert post(desk, f"{here}/options", choices | {"version": version(page)}).status_code == 303
    run()
    page = desk.get(here).text
    assert "Import 1 product" in page
    assert "Columns that are not imported:" in page
    assert "Regal" in page


def test_stock_that_the_file_does_not_have_is_asked_for(desk: ShopClient) -> None:
    here = upload(desk, sheet({name: text for name, text in MUG.items() if "Inventory" not in name})).location
    run()
    page = desk.get(here).text
    assert "The file has no quantities" in page
    assert "--missing-stock" not in page
    post(desk, f"{here}/options", {"missing_stock": "zero", "version": version(page)})
    run()
    assert "Import 1 product" in desk.get(here).text


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty"), (b"PK\x03\x04xxxx", "Excel"), (b"\x89PNG\x00\x00", "NUL")]
)
def test_a_file_that_is_none_is_refused_with_the_reason(desk: ShopClient, data: bytes, reason: str) -> None:
    answer = upload(desk, data)
    if answer.status_code == 303:
        run()
        answer = desk.get(answer.location)
        assert "Withdraw this file" in answer.text
    else:
        assert answer.status_code == 422
    assert reason in answer.text


def test_without_a_file_nothing_happens(desk: ShopClient) -> None:
    assert post(desk, "/admin/products/import", {}).status_code == 422


def test_a_preview_that_is_old_is_not_imported(desk: ShopClient) -> None:
    here = upload(desk, sheet(MUG)).location
    run()
    page = desk.get(here).text
    post(desk, f"{here}/options", {"version": version(page), "duplicate_sku": "blank"})
    run()
    answer = post(desk, f"{here}/start", {"version": version(page)})
    assert answer.status_code == 409
    run()
    assert titles() == []


def test_a_withdrawn_file_is_over(desk: ShopClient) -> None:
    here = upload(desk, sheet(MUG)).location
    assert post(desk, f"{here}/withdrawal", {}).status_code == 303
    run()
    page = desk.get(here).text
    assert "Withdrawn" in page
    assert post(desk, f"{here}/start", {"version": "1"}).status_code == 409
    assert titles() == []


def test_only_those_who_change_products_import_them(signed_in: SignedIn, in_shop: Shop) -> None:
    rita = signed_in("support")
    assert rita.get("/admin/products/import").status_code == 403
    assert upload(rita, sheet(MUG)).status_code == 403
    assert "/admin/products/import" not in rita.get("/admin/products").text


def test_hostile_cells_stay_text(desk: ShopClient) -> None:
    here = upload(desk, sheet(MUG | {"Title": "", "Handle": "<script>alert(1)</script>"}), "<b>.csv").location
    run()
    page = desk.get(here).text
    assert "<script>alert" not in page
    assert "<b>.csv" not in page
