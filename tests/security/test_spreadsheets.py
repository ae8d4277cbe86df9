"""Whatever anybody has called anything, a spreadsheet that opens our files computes nothing (CWE-1236)."""

import csv
import io
import re
import uuid

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce.accounts.models import StaffMember
from commerce.bulk.services import create_plan
from commerce.catalog.models import Category, Product, ProductCategory, Variant
from commerce.csv_files import BOM
from commerce.db import atomic, db
from commerce.errors import InvalidValue
from commerce.file_imports.models import FileImport
from commerce.inventory.adjustments import change_on_hand
from commerce.inventory.models import StockItem
from commerce.pricing.models import Promotion
from commerce.pricing.services import create_coupon
from commerce.tenants.models import Shop
from tests.factories.pricing import make_promotion
from tests.factories.shop import make_product
from tests.support.visitor import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1")
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")


@atomic
def name_everything(text: str, product_id: uuid.UUID, promotion_id: uuid.UUID) -> uuid.UUID:
    """Call everything `text` that somebody may call anything, and return a stock item with a ledger."""
    stock_id: uuid.UUID = db.session.scalars(select(StockItem.id)).one()
    db.session.add(shelf := Category(slug="shelf", name=text))
    db.session.flush()
    db.session.add(ProductCategory(product_id=product_id, category_id=shelf.id))
    texts = dict.fromkeys(("title", "vendor", "description_html", "seo_title", "seo_description"), text)
    db.session.execute(update(Product).values(**texts, tags=[text], option_names=[text]))
    db.session.execute(update(Variant).values(sku=text, barcode=text, option_values=[text], tax_class=text))
    db.session.execute(update(StaffMember).values(name=text))
    db.session.execute(update(Promotion).where(Promotion.id == promotion_id).values(label=text))
    change_on_hand(stock_id, -1, cause="counted", actor=text, reference=text)
    return stock_id


@atomic
def import_of(report: dict[str, object]) -> uuid.UUID:
    """Keep an import that has this report, and return its id."""
    row = FileImport(
        kind="products", status="checked", file_name="x.csv", size=1, preview=report, created_by="Bob"
    )
    db.session.add(row)
    db.session.flush()
    return row.id


@pytest.mark.parametrize("text", FORMULAS, ids=repr)
def test_no_file_holds_a_cell_that_computes(app: Flask, in_shop: Shop, owner: Visitor, text: str) -> None:
    product = make_product("Tea", options={"Size": "small"})
    promotion_id = make_promotion(needs_code=True)
    create_coupon(promotion_id, "TEA-1")
    stock_id = name_everything(text, product.product_id, promotion_id)
    owner.post("/admin/locations", {"code": text, "name": text})
    report = {"errors": [dict.fromkeys(("handle", "column", "value", "reason"), text) | {"row": 2}],
              "changes": [dict.fromkeys(("handle", "sku", "field", "before", "after"), text)], "notes": []}  # fmt: skip
    import_id = import_of(report)
    plan_id = create_plan(
        "products.status", select(Product.id, Product.version), scope={}, by=text, staff_id=None
    )
    files = {
        "admin.bulk_file": f"/admin/bulk-changes/{plan_id}/rows.csv",
        "admin.export_file": "/admin/exports/file.csv?table=stock-movements",
        "admin.import_report": f"/admin/imports/{import_id}/report.csv",
        "admin.product_file": "/admin/products.csv",
        "admin.report_file": "/admin/reports/days.csv",
        "admin.stock_ledger": f"/admin/ledgers/{stock_id}.csv",
        "admin.coupon_file": f"/admin/pricing/promotions/{promotion_id}/coupons.csv",
        "admin.audit_file": "/admin/audit.csv",
    }
    rules = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.endswith(".csv")}
    assert rules == set(files), "a file that is new is tested, too"
    marked = 0
    for address in files.values():
        answer = owner.client.get(address)
        assert (answer.status_code, answer.mimetype) == (200, "text/csv")
        assert answer.headers["Content-Disposition"].startswith("attachment")
        text_of_file = answer.get_data(as_text=True)
        assert text_of_file.startswith(BOM), f"Excel reads {address} with its accents"
        rows = list(csv.reader(io.StringIO(text_of_file, newline="")))
        assert len(rows) > 1
        for cell in (cell for row in rows[1:] for cell in row):
            assert not re.match(r"[=+\-@\t\r\n＝＋－＠]", cell) or NUMBER.fullmatch(cell), (address, cell)
            marked += cell == f"'{text}"
    assert marked > 8, "the names are in the files"


@pytest.mark.parametrize("code", FORMULAS, ids=repr)
def test_a_code_that_would_compute_is_none(in_shop: Shop, code: str) -> None:
    with pytest.raises(InvalidValue):
        create_coupon(make_promotion(needs_code=True), code)
