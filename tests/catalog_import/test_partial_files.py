"""A file that lacks a column leaves its field as it is, and the report names what changes."""

from typing import Any

import pytest
from sqlalchemy import select

from commerce.catalog.models import Product, ProductAttribute, Variant
from commerce.catalog_import.export import export_catalogue
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.services import NothingToSet, StockMissing, import_catalogue
from commerce.csv_files import UnreadableFile
from commerce.db import db
from commerce.error_messages import describe
from commerce.inventory.adjustments import CatalogueStock
from commerce.tenants.models import Shop
from tests.catalog_import.sheets import more, mug, sheet, stream
from tests.catalog_import.test_import import SHIRT, counts, everything, product, run, shelves_of, stock
from tests.catalog_import.test_woocommerce import SHIRT as WOO_SHIRT
from tests.catalog_import.test_woocommerce import TEA, variation
from tests.support.client import ShopClient

FULL = mug(
    Variant_Compare_At_Price="20.00",
    Variant_Barcode="4006381333931",
    Variant_Requires_Shipping="FALSE",
    Variant_Taxable="FALSE",
    Variant_Inventory_Policy="continue",
    Variant_Image="https://pictures.example/side.jpg",
    Status="draft",
    SEO_Title="Mugs",
    SEO_Description="All about mugs",
    Cost_per_item="4.20",
    Unit_Price_Total_Measure="300",
    Unit_Price_Total_Measure_Unit="ml",
    **{"Allergens (product.metafields.custom.allergens)": "none"},
)
FIELDS = {
    "Title": "Cup",
    "Body (HTML)": "<p>New</p>",
    "Vendor": "Oven",
    "Tags": "new",
    "Status": "active",
    "SEO Title": "Cups",
    "SEO Description": "New",
    "Variant Price": "13.00",
    "Variant Compare At Price": "21.00",
    "Variant Grams": "301",
    "Variant Barcode": "1",
    "Variant Requires Shipping": "TRUE",
    "Variant Taxable": "TRUE",
    "Variant Inventory Policy": "deny",
    "Cost per item": "5.00",
    "Image Src": "https://pictures.example/new.jpg",
    "Unit Price Total Measure": "301",
    "Allergens (product.metafields.custom.allergens)": "milk",
}
"""Columns of a file that changes one of them, and the new cell."""


def facts(slug: str = "mug") -> dict[str, Any]:
    """Return each field of a product with one variant."""
    found = product(slug)
    (variant,) = found.variants
    names = ("sku", "price", "compare_at", "weight_grams", "barcode", "requires_shipping", "tax_class", "backorder",
             "unit_cost", "active", "option_values")  # fmt: skip
    pictures = {image.id: image.source_url for image in found.images}
    return {
        "title": found.title,
        "body": found.description_html,
        "vendor": found.vendor,
        "product_type": found.product_type,
        "tags": found.tags,
        "status": found.status,
        "seo": (found.seo_title, found.seo_description),
        "attributes": found.attributes,
        "categories": shelves_of(slug),
        "images": [(image.source_url, image.alt) for image in found.images],
        "variant image": pictures[variant.image_id] if variant.image_id else "",
        "variant attributes": variant.attributes,
        **{name: getattr(variant, name) for name in names},
    }


def test_a_file_with_prices_alone_changes_prices_alone(in_shop: Shop) -> None:
    run(FULL)
    before = facts()

    report = run({"Handle": "mug", "Title": "Mug", "Variant SKU": "MUG", "Variant Price": "13.00"})

    assert facts() == before | {"price": 1300}
    assert stock() == {"MUG": 7}
    assert counts(report).products == (0, 1, 0, 0)
    assert [(each.handle, each.sku, each.field, each.before, each.after) for each in report.changes] == [
        ("mug", "MUG", "price", "12.50", "13.00")
    ]
    assert any("price: '12.50' -> '13.00'" in line for line in report.lines())
    assert report.as_json()["changes"][0]["after"] == "13.00"


@pytest.mark.parametrize("column", FIELDS)
def test_each_column_alone_changes_its_field_alone(in_shop: Shop, column: str) -> None:
    run(FULL)
    before = facts()

    foretold = run({"Handle": "mug", column: FIELDS[column], "Variant SKU": "MUG"}, dry_run=True)
    assert facts() == before
    report = run({"Handle": "mug", column: FIELDS[column], "Variant SKU": "MUG"})

    assert foretold.changes == report.changes
    changed = {name for name, value in facts().items() if value != before[name]}
    assert len(changed) == len(report.changes) == 1 or column == "Image Src"
    assert stock() == {"MUG": 7}
    again = everything()
    assert counts(run({"Handle": "mug", column: FIELDS[column], "Variant SKU": "MUG"})).products == (
        0,
        0,
        1,
        0,
    )
    assert everything() == again


def test_a_column_that_is_there_and_blank_empties_its_field(in_shop: Shop) -> None:
    run(FULL)

    run(FULL | {"Vendor": "", "Tags": "", "Variant Barcode": "", "Cost per item": "", "SEO Title": ""})

    found = facts()
    assert (found["vendor"], found["tags"], found["barcode"], found["unit_cost"]) == ("", [], "", None)
    assert found["seo"] == ("", "All about mugs")


def test_variants_are_found_by_sku_in_a_file_without_options(in_shop: Shop) -> None:
    run(*SHIRT)
    rows = [
        {"Handle": "shirt", "Title": "Shirt", "Variant SKU": "M", "Variant Price": "15"},
        {"Handle": "shirt", "Title": "Shirt", "Variant SKU": "S", "Variant Price": "16"},
    ]

    report = run(*rows)

    assert counts(report).products == (0, 1, 0, 0)
    assert {v.sku: (v.price, v.option_values) for v in product("shirt").variants} == {
        "S": (1600, ["S"]), "M": (1500, ["M"]),
    }  # fmt: skip
    assert product("shirt").option_names == ["Size"]


def test_a_variant_that_nobody_knows_is_refused_in_a_file_that_cannot_say_what_it_is(in_shop: Shop) -> None:
    run(*SHIRT)
    before = everything()

    report = run({"Handle": "shirt", "Title": "Shirt", "Variant SKU": "XL", "Variant Price": "15"})

    assert [error.value for error in report.errors] == ["XL"]
    assert "no column 'Option1 Value'" in report.errors[0].reason
    assert everything() == before


def test_some_variants_of_a_product_leave_the_others_where_they_are(in_shop: Shop) -> None:
    run(*SHIRT)
    order = [variant.sku for variant in product("shirt").variants]

    run({"Handle": "shirt", "Title": "Shirt", "Variant SKU": "M", "Variant Price": "15"})

    assert [(v.sku, v.price, v.active) for v in product("shirt").variants] == [
        ("S", 1250, True), ("M", 1500, True),
    ]  # fmt: skip
    assert order == ["S", "M"]


def test_products_are_described_by_a_file_without_variants(in_shop: Shop) -> None:
    run(*SHIRT)
    report = run({"Handle": "shirt", "SEO Title": "Shirts"}, {"Handle": "new", "SEO Title": "New"})

    assert product("shirt").seo_title == "Shirts"
    assert [variant.sku for variant in product("shirt").variants] == ["S", "M"]
    assert counts(report).products == (0, 1, 0, 1)
    assert {error.handle for error in report.errors} == {"new"}


def test_woocommerce_files_leave_alone_what_they_do_not_say(in_shop: Shop) -> None:
    woo(TEA, WOO_SHIRT, variation("R", size="S"))
    before = {slug: facts(slug) for slug in ("tea-co", "shirt")}

    report = woo({"ID": "11", "Type": "simple", "SKU": "TEA", "Name": TEA["Name"], "Regular price": "99"})

    assert counts(report).products == (0, 1, 0, 0)
    assert facts("tea-co") == before["tea-co"] | {"price": 9900}
    assert facts("shirt") == before["shirt"]
    assert [change.field for change in report.changes] == ["price"]


def woo(*rows: dict[str, str], **options: Any) -> ImportReport:
    return import_catalogue(
        stream(sheet(*rows)), file_name="wc.csv", stock=CatalogueStock(), actor="system", **options
    )


# --- stock ------------------------------------------------------------------------------------------

NO_STOCK = {name: cell for name, cell in mug().items() if "Inventory Qty" not in name}


@pytest.mark.parametrize("file", [NO_STOCK, NO_STOCK | {"Variant Inventory Qty": ""}])
@pytest.mark.parametrize("dry_run", [True, False])
def test_an_export_without_quantities_needs_an_answer(
    in_shop: Shop, file: dict[str, str], dry_run: bool
) -> None:
    before = everything()
    with pytest.raises(StockMissing) as refusal:
        run(file, dry_run=dry_run)
    for option in ("zero", "untracked", "wait"):
        assert f"--missing-stock {option}" in describe(refusal.value)
    assert everything() == before


def test_an_answer_is_needed_for_new_products_alone(in_shop: Shop) -> None:
    run(mug())
    assert counts(run(NO_STOCK | {"Title": "Cup"})).products == (0, 1, 0, 0)
    assert stock() == {"MUG": 7}


def test_stock_that_is_not_in_the_file_is_zero_when_asked_for_and_said(in_shop: Shop) -> None:
    report = run(NO_STOCK, missing_stock="zero")
    assert stock() == {"MUG": 0}
    assert {"no_quantity", "no_stock_column"} <= report.notes.keys()


def test_stock_that_is_not_counted_is_sold_without_limit(in_shop: Shop) -> None:
    report = run(NO_STOCK, missing_stock="untracked")
    assert "not_counted" in report.notes
    from commerce.storefront.product_page import product_page

    (variant,) = product_page("mug").variants
    assert not variant.sold_out
    assert stock() == {"MUG": 0}


def test_products_wait_for_the_stock_file_as_drafts(in_shop: Shop) -> None:
    report = run(NO_STOCK, missing_stock="wait")
    assert (product("mug").status, stock()) == ("draft", {})
    assert "waiting_for_stock" in report.notes
    before = everything()
    assert counts(run(NO_STOCK, missing_stock="wait")).products == (0, 0, 1, 0)
    assert everything() == before

    bring_stock()
    report = run(NO_STOCK, missing_stock="wait")

    assert product("mug").status == "active"
    assert [(each.field, each.before, each.after) for each in report.changes] == [
        ("status", "draft", "active")
    ]
    assert counts(run(NO_STOCK, missing_stock="wait")).products == (0, 0, 1, 0)


def bring_stock() -> None:
    import io

    from commerce.inventory.stock_file import apply_stock, plan_stock

    apply_stock(plan_stock(io.BytesIO(b"SKU,On hand\nMUG,3\n")), actor="system", reference="stock.csv")


def test_a_blank_quantity_among_others_is_said_and_never_replaces_a_stock(in_shop: Shop) -> None:
    report = run(SHIRT[0], SHIRT[1] | {"Variant Inventory Qty": ""})
    assert stock() == {"S": 7, "M": 0}
    assert report.notes["no_quantity"].rows == [3]

    run(SHIRT[0] | {"Variant Inventory Qty": ""}, SHIRT[1], replace_stock=True)
    assert stock() == {"S": 7, "M": 3}


@pytest.mark.parametrize("file", [NO_STOCK, NO_STOCK | {"Variant Inventory Qty": ""}])
def test_setting_stock_from_a_file_without_any_is_refused(in_shop: Shop, file: dict[str, str]) -> None:
    run(mug())
    before = everything()
    with pytest.raises(NothingToSet, match="no_stock_to_set"):
        run(file | {"Title": "Cup"}, replace_stock=True, missing_stock="zero")
    assert everything() == before


def test_an_inventory_file_is_distinguished_from_a_product_file(in_shop: Shop) -> None:
    with pytest.raises(UnreadableFile, match="file_is_inventory"):
        run({"Handle": "mug", "Title": "Mug", "SKU": "MUG", "Location": "Berlin", "On hand (new)": "3"})


# --- facts beyond the usual fields ------------------------------------------------------------------


def test_metafields_cost_and_unit_price_are_kept_and_come_back_byte_for_byte(
    in_shop: Shop, other_shop: Shop
) -> None:
    from io import StringIO

    from commerce.tenants.scope import shop_scope

    def exported() -> str:
        out = StringIO(newline="")
        export_catalogue(out, base="https://demo.example", on_hand=lambda _ids: {})
        return out.getvalue()

    other_currency = {"Variant Compare At Price": "", "Collection": "Summer"}
    run(FULL | other_currency)
    assert sorted(shelves_of("mug")) == ["Cups", "Summer"]
    first = exported()
    assert "Allergens (product.metafields.custom.allergens)" in first.splitlines()[0]

    before = everything()
    assert counts(taken_in(first)).products == (0, 0, 1, 0)
    assert everything() == before
    with shop_scope(other_shop):
        if other_shop.currency == in_shop.currency:
            assert counts(taken_in(first)).products == (1, 0, 0, 0)
            assert exported() == first


def taken_in(content: str) -> ImportReport:
    return import_catalogue(
        stream(content),
        file_name="x.csv",
        stock=CatalogueStock(),
        actor="system",
        base="https://demo.example",
    )


def test_every_column_that_is_not_taken_is_named_once_with_its_rows(in_shop: Shop) -> None:
    report = run(
        FULL
        | {"Google Shopping / MPN": "x", "Price / Japan": "900", "Empty": "", "Variant Weight Unit": "g"},
        more(Image_Src="https://pictures.example/2.jpg") | {"Google Shopping / MPN": "y"},
    )
    assert report.not_taken == [
        ("Google Shopping / MPN", 2),
        ("Price / Japan", 1),
        ("Variant Weight Unit", 1),
    ]
    assert sum("'Google Shopping / MPN' (2 rows)" in line for line in report.lines()) == 1
    assert {"column": "Price / Japan", "rows": 1} in report.as_json()["columnsNotTaken"]
    assert db.session.scalar(select(ProductAttribute.name)) == "Allergens"
    assert db.session.scalar(select(Variant.unit_cost)) == 420


def test_pictures_and_frames_of_a_description_are_not_lost_in_silence(in_shop: Shop) -> None:
    body = (
        '<p>See</p><img src="//pictures.example/in.jpg" alt="Inside"><img src="data:image/png;base64,xx">'
        '<iframe src="https://video.example/1"></iframe><img src="https://count.example/p" width="1">'
    )
    report = run(mug() | {"Body (HTML)": body})
    assert [(image.source_url, image.alt) for image in product("mug").images] == [
        ("https://pictures.example/mug.jpg", "A mug"),
        ("https://pictures.example/in.jpg", "Inside"),
    ]
    assert {"description_image", "lost_image", "embedded"} <= report.notes.keys()
    assert report.notes["embedded"].details == ["iframe https://video.example/1"]
    before = everything()
    assert counts(run(mug() | {"Body (HTML)": body})).products == (0, 0, 1, 0)
    assert everything() == before


# --- addresses --------------------------------------------------------------------------------------


def test_addresses_are_clean_and_the_old_ones_lead_to_them(in_shop: Shop, client: ShopClient) -> None:
    run(mug(Handle="❄️-x"), mug(Handle="café-crème", Variant_SKU="C"))
    assert set(db.session.scalars(select(Product.slug))) == {"x", "cafe-creme"}
    db.session.rollback()
    for old, new in (("/products/❄️-x", "/products/x"), ("/products/café-crème", "/products/cafe-creme"),
                     ("/product/cafe-creme/", "/products/cafe-creme"), ("/product/café-crème", "/products/cafe-creme"),
                     ("/products/Café-Crème?variant=C", "/products/cafe-creme?variant=C")):  # fmt: skip
        answer = client.get(old)
        assert (answer.status_code, answer.headers.get("Location")) == (301, new), old
    assert client.get("/products/thé").status_code == 404


def test_handles_that_differ_in_accents_or_emoji_are_different_products(in_shop: Shop) -> None:
    rows = [mug(Handle="cafe", Title="A"), mug(Handle="café", Title="B", Variant_SKU="B"),
            mug(Handle="🎁-cafe", Title="C", Variant_SKU="C")]  # fmt: skip
    assert counts(run(*rows)).products == (3, 0, 0, 0)
    before = everything()
    assert counts(run(*rows)).products == (0, 0, 3, 0)
    assert counts(run(rows[1], rows[2])).products == (0, 0, 2, 0)
    assert everything() == before
    assert sorted(db.session.scalars(select(Product.title))) == ["A", "B", "C"]


# --- dry runs ---------------------------------------------------------------------------------------


def test_a_dry_run_counts_what_the_run_counts(in_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from commerce.catalog_import import services

    monkeypatch.setattr(services, "BATCH_PRODUCTS", 1)
    run(mug(Handle="old", Variant_SKU="A"))
    rows = [
        mug(Handle="old", Variant_SKU="B", Type="Gift ideas"),  # frees A
        mug(Handle="new", Variant_SKU="A", Type="GIFT  Ideas"),
        mug(Handle="more", Variant_SKU="C", Type="gift-ideas"),
    ]
    foretold = run(*rows, dry_run=True)
    happened = run(*rows)
    assert counts(foretold) == counts(happened)
    assert foretold.as_json() | {"dryRun": False} == happened.as_json()
    assert happened.categories_created == ["Gift ideas"]
