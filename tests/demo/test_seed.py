"""The demo shops are what their files say, and the shop's own importer has made them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from commerce.catalog.images import pending_images
from commerce.catalog.models import Category, Product, ProductCategory, ProductImage, Variant
from commerce.db import Base, db
from commerce.demo.seed import LINDENROW, SHOPS, import_pictures, import_products, seed_demo
from commerce.inventory.models import StockItem
from commerce.orders.stock_check import check_stock
from commerce.tenant_setup import set_up_shop
from commerce.tenants.queries import get_shop_by_code, list_shops
from commerce.tenants.scope import shop_scope
from tests.factories.staff import sign_in


def everything() -> dict[str, list[str]]:
    """Return every row of every table, and of the search index."""
    names = [*(table.name for table in Base.metadata.sorted_tables), "product_search"]
    connection = db.session.connection()
    rows = {name: sorted(map(str, connection.execute(text(f"SELECT * FROM {name}")))) for name in names}  # noqa: S608
    db.session.rollback()
    return rows


def count(model: type[Base]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_both_shops_have_their_products_pictures_stock_and_owner(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        sign_ins = seed_demo(tmp_path)
        shops = [get_shop_by_code("demo"), get_shop_by_code("tea")]
        assert [shop.host for shop in shops] == ["localhost", "tea.localhost"]
        assert {shop.code for shop in list_shops()} == {"demo", "tea"}
        for demo, shop, sizes in zip(SHOPS, shops, ((34, 120, 83, 42), (27, 70, 46, 34)), strict=True):
            with shop_scope(shop):
                kinds = (Product, Variant, ProductImage, ProductCategory)
                assert tuple(count(model) for model in kinds) == sizes
                assert pending_images() == []
                kept = {path.read_bytes() for path in (tmp_path / str(shop.id)).iterdir()}
                assert kept == {path.read_bytes() for path in demo.pictures.iterdir()}
                rows = db.session.execute(select(ProductImage.file, ProductImage.width, ProductImage.height))
                assert all((tmp_path / row.file).exists() and row[1:] == (800, 800) for row in rows)
                assert (tmp_path / shop.hero).read_bytes() == (demo.pictures / "hero.webp").read_bytes()
                names = db.session.execute(
                    select(Category.slug, Category.name, Category.description).order_by(Category.position)
                )
                assert tuple(map(tuple, names)) == tuple(
                    (slug, name, f"<p>{text}</p>") for slug, name, text in demo.categories
                )
                assert count(StockItem) == count(Variant)
                assert list(check_stock()) == []
    for demo, given in zip(SHOPS, sign_ins, strict=True):
        answer = sign_in(app.test_client(host=demo.settings["hosts"][0]), given.email, given.password)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_importing_the_files_and_pictures_again_changes_nothing(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        seed_demo(tmp_path)
        before = everything()
        for demo in SHOPS:
            with shop_scope(get_shop_by_code(demo.settings["code"])):
                report = import_products(demo)
                import_pictures(demo, tmp_path)
            assert report.errors == []
            assert report.rows["unchanged"] == report.rows_read > 0
        assert everything() == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_pages_show_products_in_the_order_of_the_file_with_their_pictures(
    app: Flask, tmp_path: Path
) -> None:
    with app.app_context():
        seed_demo(tmp_path)
        with shop_scope(get_shop_by_code("demo")):
            first = db.session.scalars(
                select(ProductImage.file)
                .join(Product, Product.id == ProductImage.product_id)
                .where(Product.slug == "ridge-mug", ProductImage.position == 0)
            ).one()
    page = app.test_client(host="localhost").get("/").text
    slugs = list(dict.fromkeys(re.findall(r'href="/products/([a-z-]+)"', page)))
    assert slugs[:3] == ["ridge-mug", "field-plates", "orchard-bowl"]
    assert f"/media/{first}" in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_picture_that_is_missing_from_the_folder_is_an_error_and_no_gap(app: Flask, tmp_path: Path) -> None:
    elsewhere = replace(LINDENROW, catalogue="asagiri")
    with app.app_context(), shop_scope(set_up_shop(**LINDENROW.settings, test_card=True)):
        import_products(LINDENROW)
        with pytest.raises(FileNotFoundError, match=r"asagiri/ridge-mug-chalk\.webp"):
            import_pictures(elsewhere, tmp_path / "media")
