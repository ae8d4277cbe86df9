"""Exports of real shops, kept outside of the repository: every one is read to its last row."""

import os
from datetime import date
from pathlib import Path

import pytest

from commerce.catalog_import.formats import open_catalogue
from commerce.catalog_import.parsed import ParsedProduct
from commerce.catalog_import.shopify import ShopifyFile
from commerce.csv_files import UnreadableFile
from commerce.error_messages import describe

DATA = Path(os.environ.get("LOCKSTEP_TEST_DATA", "../shared/data"))
PRODUCTS = {
    "official_template_2021.csv": (17, 3, 16),
    "official_template_forwardfilled.csv": (17, 3, 16),
    "official_template_old.csv": (3, 1, 3),
    "packt_product-data.csv": (21, 20, 21),
    "shopifypartners_apparel.csv": (22, 20, 22),
    "shopifypartners_home-and-garden.csv": (21, 20, 21),
    "shopifypartners_jewelery.csv": (41, 20, 23),
}


WOOCOMMERCE = {
    "sample_products.csv": (24, 14, 27),
    "importer_unit_sample.csv": (7, 4, 5),
}


def file(name: str, folder: str = "shopify") -> Path:
    path = DATA / folder / name
    if not path.exists():
        pytest.skip(f"no sample data at {path.parent}: set LOCKSTEP_TEST_DATA")
    return path


@pytest.mark.parametrize(("name", "counts"), PRODUCTS.items())
def test_every_row_of_a_real_export_is_read(name: str, counts: tuple[int, int, int]) -> None:
    with file(name).open("rb") as source:
        table = ShopifyFile(source, "USD")
        products = list(table)
    assert [product for product in products if not isinstance(product, ParsedProduct)] == []
    fit = [product for product in products if isinstance(product, ParsedProduct)]
    assert (table.row_count, len(fit), sum(len(product.variants) for product in fit)) == counts
    assert sum(len(product.rows) for product in products) == table.row_count


def test_forward_filled_and_blank_rows_of_one_catalogue_mean_the_same() -> None:
    def facts(name: str) -> list[object]:
        with file(name).open("rb") as source:
            return [
                (p.slug, p.title, p.description_html, p.status, p.categories, p.tags, p.images,
                 [(v.sku, v.price, v.compare_at_price, v.quantity, v.weight_grams, v.image_url, v.option_values)
                  for v in p.variants])
                for p in ShopifyFile(source, "USD") if isinstance(p, ParsedProduct)
            ]  # fmt: skip

    assert facts("official_template_2021.csv") == facts("official_template_forwardfilled.csv")


def test_foreign_headings_are_refused_with_the_nearest_ones() -> None:
    with (
        file("gatsby_demo_300rows_nonstandard.csv").open("rb") as source,
        pytest.raises(UnreadableFile) as refusal,
    ):
        ShopifyFile(source, "USD")
    said = describe(refusal.value)
    assert "Variant price=Variant Price" in said
    assert "Variant inventory quantity=Variant Inventory Qty" in said
    assert "Body=Body (HTML)" in said


def test_prices_with_decimals_do_not_enter_a_shop_without_them() -> None:
    with file("shopifypartners_home-and-garden.csv").open("rb") as source:
        products = list(ShopifyFile(source, "JPY"))
    rejected = [product for product in products if not isinstance(product, ParsedProduct)]
    assert {error.reason for product in rejected for error in product.errors} == {"JPY has no decimals"}
    assert len(rejected) < len(products)


@pytest.mark.parametrize(("name", "counts"), WOOCOMMERCE.items())
def test_every_row_of_woocommerce_s_own_samples_is_read(name: str, counts: tuple[int, int, int]) -> None:
    with file(name, "woocommerce").open("rb") as source:
        table = open_catalogue(source, "USD", file_format="", today=date(2026, 6, 15))
        products = list(table)
    fit = [product for product in products if isinstance(product, ParsedProduct)]
    rejected = [product for product in products if not isinstance(product, ParsedProduct)]
    assert (table.row_count, len(fit), sum(len(product.variants) for product in fit)) == counts
    assert sum(len(product.rows) for product in products) == table.row_count
    # The groups alone stay out: they sell nothing themselves.
    assert [(error.column, error.value) for each in rejected for error in each.errors] == [
        ("Type", "grouped")
    ]
