"""The catalogue as a file, and back: nothing changes in the same shop, another shop gets the same products."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from commerce.catalog.models import Category, Product, ProductCategory, Variant
from commerce.catalog_import.export import export_catalogue
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.services import import_catalogue
from commerce.csv_files import BOM
from commerce.db import _as_tenant, atomic, db
from commerce.inventory.adjustments import CatalogueStock
from commerce.inventory.initial_stock import first_location_stock
from commerce.inventory.models import StockItem
from commerce.tenant_setup import set_up_shop
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.catalog_import.sheets import more, mug, sheet
from tests.catalog_import.test_import import everything
from tests.factories.catalog import Made, put_up
from tests.support.statements import count_statements

BASE = "https://shop.example"
DATA = Path(os.environ.get("LOCKSTEP_TEST_DATA", "../shared/data"))


@pytest.fixture
def branch(in_shop: Shop) -> Shop:
    """Return another shop with the same currency."""
    with _as_tenant(None, every=False):  # a new shop is set up from outside of any other
        return set_up_shop(
            code="branch",
            name="Branch",
            currency=in_shop.currency,
            country="US",
            taxes=(),
            shipping=(),
            test_card=False,
        )


def exported() -> str:
    out = io.StringIO(newline="")
    export_catalogue(out, base=BASE, on_hand=first_location_stock)
    return out.getvalue()


def taken_in(content: str | bytes, **options: Any) -> ImportReport:
    data = content.encode() if isinstance(content, str) else content
    return import_catalogue(
        io.BytesIO(data), file_name="x.csv", stock=CatalogueStock(), actor="system", base=BASE, **options
    )


def rows(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.removeprefix(BOM), newline="")))


def catalogue() -> list[Any]:
    """Return all that a shopper or a colleague would find different about the shop's products."""
    shelves: dict[Any, list[str]] = {}
    joined = select(ProductCategory.product_id, Category.name).join(
        Category, Category.id == ProductCategory.category_id
    )
    for product_id, name in db.session.execute(joined.order_by(Category.name)):
        shelves.setdefault(product_id, []).append(name)
    stock = {row[0]: row[1] for row in db.session.execute(select(StockItem.variant_id, StockItem.on_hand))}
    newest_first = select(Product).order_by(Product.published_at.desc(), Product.id.desc())
    found = []
    for each in db.session.scalars(newest_first.execution_options(populate_existing=True)):
        pictures = {image.id: image.source_url or f"{BASE}/media/{image.file}" for image in each.images}
        found.append([
            each.slug, each.title, each.description_html, each.vendor, each.product_type, each.status, each.tags,
            each.option_names, each.seo_title, each.seo_description, shelves.get(each.id, []),
            [(pictures[image.id], image.alt) for image in each.images],
            [(v.sku, v.option_values, v.price, v.compare_at, v.weight_grams, v.tax_class, v.requires_shipping,
              v.barcode, v.backorder, v.active, v.image_id and pictures[v.image_id], stock[v.id])
             for v in each.variants],
        ])  # fmt: skip
    return found


def furnish() -> None:
    """Put up products with everything that a product can have."""
    put_up("Plain", day=1)
    put_up(
        "Tea, “green”",
        Made(("S", "Red"), price=1234, compare_at=2000, picture=1, sku="T-1"),
        Made(("M", "Red"), active=False, backorder=True, stock=0, sku="T-2"),
        options=("Size", "Colour"),
        shelves=("Tea, loose", "Gifts"),
        files=("a/1.webp", "a/2.webp"),
        tags=["hot", "=cmd"],
        status="draft",
        description_html='<p>Say "hi"</p>',
        day=2,
    )
    put_up("Long", Made(tuple("abcde")), options=("A", "B", "C", "D", "E"), day=3)
    change_variants()


@atomic
def change_variants() -> None:
    for variant in db.session.scalars(select(Variant).where(Variant.sku == "T-1")):
        variant.tax_class, variant.weight_grams, variant.barcode = "reduced", 250, "0123"
    for variant in db.session.scalars(select(Variant).where(Variant.sku == "PLAIN")):
        variant.tax_class, variant.requires_shipping = "exempt", False


def test_what_was_exported_changes_nothing_in_the_same_shop(in_shop: Shop) -> None:
    furnish()
    before = everything()

    report = taken_in(exported())

    assert list(report.products.values()) == [0, 0, 3, 0]
    assert everything() == before
    assert list(taken_in(exported(), replace_stock=True).products.values()) == [0, 0, 3, 0]


def test_another_shop_gets_the_same_products_in_the_same_order(in_shop: Shop, branch: Shop) -> None:
    furnish()
    file, ours = exported(), catalogue()
    db.session.rollback()

    with shop_scope(branch):
        report = taken_in(file)
        assert list(report.products.values()) == [3, 0, 0, 0]
        assert catalogue() == ours
        assert exported() == file
        db.session.rollback()


def test_a_changed_line_of_an_export_changes_its_product_and_keeps_its_pictures(in_shop: Shop) -> None:
    furnish()

    report = taken_in(exported().replace("12.34", "11.00"))

    assert list(report.products.values()) == [0, 1, 2, 0]
    tea = next(each for each in catalogue() if each[0] == "tea-green")
    assert tea[12][0][2] == 1100
    assert [url for url, _alt in tea[11]] == [f"{BASE}/media/a/1.webp", f"{BASE}/media/a/2.webp"]
    images = db.session.scalars(select(Product).where(Product.slug == "tea-green")).one().images
    assert [(image.file, image.source_url) for image in images] == [("a/1.webp", ""), ("a/2.webp", "")]


def test_an_import_can_be_exported_and_imported_again(in_shop: Shop) -> None:
    taken_in(
        sheet(
            mug(Type="Cups"),
            more(Image_Src="https://pictures.example/2.jpg"),
            mug(Handle="b", Variant_SKU=""),
        )
    )
    report = taken_in(exported())
    assert list(report.products.values()) == [0, 0, 2, 0]


def test_a_type_is_no_category_in_an_export(in_shop: Shop, branch: Shop) -> None:
    put_up("Untidy", slug="untidy", product_type="Cups")
    put_up("Tidy", slug="tidy", shelves=["Table"], product_type="Cups")
    put_up("Plain", slug="plain", shelves=["Table, set"])
    file, ours = exported(), catalogue()
    assert {row["Handle"]: (row["Type"], row["Categories"]) for row in rows(file)} == {
        "untidy": ("Cups", ","),
        "tidy": ("Cups", "Table"),
        "plain": ("", '"Table, set"'),
    }
    assert taken_in(file).products["unchanged"] == 3
    with shop_scope(branch):
        taken_in(file)
        assert catalogue() == ours
        db.session.rollback()


def test_no_cell_is_a_formula_and_no_text_is_lost(in_shop: Shop, branch: Shop) -> None:
    titles = [
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
        '="00123"',
        "=1+1",
        "+1",
        "-1",
        "@x",
        "'=1",
        "''-",
        "N/A",
        "NaN",
        "it's",
        "'quoted'",
        '"',
        "a,b;c",
    ]
    for number, title in enumerate(titles):
        put_up(title, slug=f"p{number}", vendor=title, tags=[title.replace(",", " ")], day=number)
    file, ours = exported(), catalogue()
    db.session.rollback()

    assert [
        cell for row in rows(file) for cell in row.values() if cell[:1] in tuple("=+-@\t\r＝＋－＠") and cell
    ] == []
    with shop_scope(branch):
        taken_in(file)
        assert catalogue() == ours
        db.session.rollback()


def test_naughty_strings_come_back_as_they_went(in_shop: Shop, branch: Shop) -> None:
    path = DATA / "strings" / "blns.json"
    if not path.exists():
        pytest.skip(f"no sample data at {path.parent}: set LOCKSTEP_TEST_DATA")
    naughty = [text for text in json.loads(path.read_text()) if text.strip() and "\0" not in text]
    naughty = [text for text in naughty if text.isprintable() or "\n" in text][:400]
    raw = [
        mug(Handle=f"n{number}", Title=f"T {text}", Vendor=text, Tags=text, Variant_SKU=f"N{number}", Type=text,
            Option1_Name=f"O {text}", Option1_Value=f"V {text}", Image_Alt_Text=text, SEO_Title=text)
        | {"Body (HTML)": text}
        for number, text in enumerate(naughty)
    ]  # fmt: skip
    first = taken_in(sheet(*raw))
    assert first.products["imported"] > 300
    file, ours = exported(), catalogue()
    db.session.rollback()

    assert taken_in(file).products["unchanged"] == first.products["imported"]
    with shop_scope(branch):
        assert taken_in(file).products["imported"] == first.products["imported"]
        assert catalogue() == ours
        db.session.rollback()


def test_a_shop_without_products_gives_headings_alone(in_shop: Shop) -> None:
    (line,) = exported().splitlines()
    assert line.startswith(f"{BOM}Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Status,Option1 Name")
    assert list(taken_in(exported()).notes) == ["no_rows"]


def test_products_come_in_batches_and_each_once(in_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from commerce.catalog_import import export

    monkeypatch.setattr(export, "BATCH", 2)
    for number in range(5):
        put_up(f"Product {number}", day=number // 2)  # two share a day

    handles = [row["Handle"] for row in rows(exported())]

    assert sorted(handles) == [f"product-{number}" for number in range(5)]
    assert handles[0] == "product-4"
    assert db.session.scalar(select(func.count(Product.id))) == 5


def test_statements_grow_by_batches_and_memory_does_not(
    in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commerce.catalog_import import export

    monkeypatch.setattr(export, "BATCH", 3)

    def statements() -> int:
        with count_statements() as made:
            exported()
        return len(made)

    for number in range(3):
        put_up(f"First {number}", day=number)
    one_batch = statements()
    for number in range(6):
        put_up(f"Second {number}", day=number)
    three_batches = statements()
    for number in range(6):
        put_up(f"Third {number}", Made((str(number),)), options=["Size"], day=number)
    five_batches = statements()

    assert three_batches - one_batch == five_batches - three_batches
    assert (three_batches - one_batch) / 2 <= 6
    assert len(db.session.identity_map) == 0


def test_the_next_batch_is_found_in_the_index(in_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from commerce.catalog_import import export

    monkeypatch.setattr(export, "BATCH", 2)
    for number in range(5):
        put_up(f"Product {number}", day=number)
    with count_statements() as made:
        exported()
    later = next(statement for statement in made if "published_at, products.id) <" in statement)
    assert "ORDER BY products.published_at DESC, products.id DESC" in later
