"""Writing a WooCommerce file into a shop: the same promises as for Shopify's."""

from commerce.catalog.models import Product
from commerce.catalog_import.product import DUPLICATE_HINT
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.services import import_catalogue
from commerce.inventory.adjustments import CatalogueStock
from commerce.tenants.models import Shop
from tests.catalog_import.sheets import sheet, stream
from tests.catalog_import.test_import import everything, product, shelves_of, stock
from tests.catalog_import.test_woocommerce import SHIRT, TEA, variation

RED = [SHIRT, variation("R", size="")]


def run(*rows: dict[str, str], dry_run: bool = False, replace_stock: bool = False) -> ImportReport:
    return import_catalogue(
        stream(sheet(*rows)),
        file_name="wc.csv",
        stock=CatalogueStock(),
        actor="system",
        dry_run=dry_run,
        replace_stock=replace_stock,
    )


def outcomes(report: ImportReport) -> tuple[int, ...]:
    return tuple(report.rows.values())


def shown(found: Product) -> list[tuple[str, list[str], bool]]:
    return [(variant.sku, variant.option_values, variant.active) for variant in found.variants]


def test_good_products_come_in_whole_and_the_same_file_again_changes_nothing(in_shop: Shop) -> None:
    file = [
        TEA,
        *RED,
        TEA | {"ID": "9", "SKU": "G", "Type": "grouped"},
        TEA | {"ID": "8", "Regular price": "much"},
    ]
    foretold = run(*file, dry_run=True)

    report = run(*file)

    assert outcomes(report) == outcomes(foretold) == (3, 0, 0, 2)
    assert [(error.row, error.column) for error in report.errors] == [(5, "Type"), (6, "Regular price")]
    assert product("tea-co").source == "woocommerce"
    assert sorted(shelves_of("tea-co")) == ["Drinks", "Gifts", "Tea"]
    assert shown(product("shirt")) == [("R-s", ["Red", "S"], True), ("R-m", ["Red", "M"], True)]
    assert stock() == {"TEA": 7, "R-s": 0, "R-m": 0}
    before = everything()
    assert outcomes(run(*file)) == (0, 0, 3, 2)
    assert everything() == before


def test_a_changed_file_keeps_identities_and_stock_unless_asked(in_shop: Shop) -> None:
    run(TEA, *RED)
    ids = [variant.id for variant in product("shirt").variants]
    dearer = [TEA | {"Stock": "9"}, SHIRT, variation("R", size="", Regular_price="30", Published="0")]

    assert outcomes(run(*dearer)) == (0, 2, 1, 0)

    shirt = product("shirt")
    assert [(variant.id, variant.price, variant.active) for variant in shirt.variants] == [
        (ids[0], 3000, False),
        (ids[1], 3000, False),
    ]
    assert stock()["TEA"] == 7
    assert outcomes(run(*dearer, replace_stock=True)) == (0, 1, 2, 0)
    assert stock()["TEA"] == 9


def test_a_sku_of_the_shop_is_refused_under_the_file_s_heading(in_shop: Shop) -> None:
    run(TEA)

    report = run(TEA | {"Name": "Another tea"})

    assert [(error.row, error.column, error.value, error.reason) for error in report.errors] == [
        (2, "SKU", "TEA", f"the shop's product 'tea-co' has the same SKU; {DUPLICATE_HINT}")
    ]
