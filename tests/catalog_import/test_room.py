"""A shop whose plan has room for so many products takes in no more, however many come at once."""

import io
import threading

from flask import Flask
from sqlalchemy import func, select

from commerce.catalog.models import Product
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.services import import_catalogue
from commerce.db import db
from commerce.inventory.adjustments import CatalogueStock
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.tenants.settings import change_settings
from tests.catalog_import.sheets import mug, sheet


def bring(*names: str) -> ImportReport:
    data = sheet(*(mug(Handle=name, Variant_SKU=name.upper()) for name in names))
    return import_catalogue(io.BytesIO(data), file_name="x.csv", stock=CatalogueStock(), actor="test")


def count() -> int:
    db.session.close()
    return db.session.scalar(select(func.count()).select_from(Product)) or 0


def allow(shop: Shop, limit: int | None) -> None:
    change_settings(shop.id, {"max_products": limit}, seen_version=get_shop(shop.id).version)


def test_what_fits_is_taken_in_and_the_rest_is_reported_why(in_shop: Shop) -> None:
    allow(in_shop, 2)
    report = bring("a", "b", "c", "d")
    assert (report.products["imported"], report.products["rejected"], count()) == (2, 2, 2)
    assert {error.reason for error in report.errors} == {
        "Your plan includes 2 products. Upgrade your plan to add more."
    }
    assert bring("a", "b").products["unchanged"] == 2
    allow(in_shop, None)
    assert bring("c", "d").products["imported"] == 2


def test_a_smaller_plan_takes_nothing_away(in_shop: Shop) -> None:
    bring("a", "b", "c")
    allow(in_shop, 1)
    changed = sheet(mug(Handle="a", Variant_SKU="A", Title="Another mug"))
    report = import_catalogue(io.BytesIO(changed), file_name="x.csv", stock=CatalogueStock(), actor="test")
    assert (report.products["updated"], count()) == (1, 3)


def test_two_who_bring_products_at_once_stay_within_the_plan(app: Flask, in_shop: Shop) -> None:
    allow(in_shop, 3)
    start = threading.Barrier(4)

    def work(name: str) -> None:
        with app.app_context(), shop_scope(in_shop):
            start.wait()
            bring(*(f"{name}{number}" for number in range(3)))

    threads = [threading.Thread(target=work, args=(name,)) for name in "wxyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count() == 3
