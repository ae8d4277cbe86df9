"""`flask catalog ...` as a person or a script calls it."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from commerce.catalog.models import Product, ProductImage
from commerce.catalog_import.product import DUPLICATE_HINT
from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.catalog_import.sheets import mug, sheet


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.csv"
    path.write_bytes(sheet(mug(), mug(Handle="cup", Variant_SKU="CUP")))
    return path


def call(app: Flask, *arguments: object, source: bytes = b"") -> Result:
    result = app.test_cli_runner().invoke(args=["catalog", *map(str, arguments)], input=source)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def products(app: Flask, shop: Shop) -> int:
    with app.app_context(), shop_scope(shop):
        return db.session.scalar(select(func.count(Product.id))) or 0


def test_an_import_says_what_it_did_in_numbers_that_add_up(app: Flask, shop: Shop, export: Path) -> None:
    result = call(app, "import", export, "--tenant", "demo")

    assert result.exit_code == 0
    assert "2 rows read = 2 imported, 0 updated, 0 unchanged, 0 rejected." in result.stdout
    assert "2 products: 2 imported" in result.stdout
    assert result.stderr == ""
    assert products(app, shop) == 2
    assert "0 imported, 0 updated, 2 unchanged" in call(app, "import", export, "--tenant", "demo").stdout


def test_rejected_rows_are_named_and_make_the_exit_status_1(app: Flask, shop: Shop, export: Path) -> None:
    export.write_bytes(sheet(mug(), mug(Handle="cup", Variant_SKU="CUP", Variant_Price="12.505")))

    result = call(app, "import", export, "--tenant", "demo")

    assert result.exit_code == 1
    assert "Row 3, Variant Price [cup]: '12.505'" in result.stdout
    assert "1 imported, 0 updated, 0 unchanged, 1 rejected." in result.stdout
    assert products(app, shop) == 1


def test_json_is_one_object_with_everything_in_it(app: Flask, shop: Shop, export: Path) -> None:
    export.write_bytes(sheet(mug(Variant_Inventory_Tracker=""), mug(Handle="cup", Variant_SKU="MUG")))

    result = call(app, "import", export, "--tenant", "demo", "--json")

    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["rowsRead"] == sum(report["rows"].values()) == 2
    assert report["products"] == {"imported": 1, "updated": 0, "unchanged": 0, "rejected": 1}
    assert report["errors"] == [
        {
            "row": 3,
            "column": "Variant SKU",
            "value": "MUG",
            "reason": f"the product 'mug' has the same SKU (row 2); {DUPLICATE_HINT}",
            "handle": "cup",
        }
    ]
    assert [(note["code"], note["count"], note["rows"]) for note in report["notes"]] == [
        ("untracked", 1, [2])
    ]
    assert (report["tenant"], report["file"], report["dryRun"]) == ("demo", "export.csv", False)


def test_a_dry_run_says_so(app: Flask, shop: Shop, export: Path) -> None:
    result = call(app, "import", export, "--tenant", "demo", "--dry-run")

    assert result.exit_code == 0
    assert "Dry run, nothing was kept. 2 rows read = 2 imported" in result.stdout
    assert products(app, shop) == 0


def test_stock_of_known_variants_is_set_on_request(app: Flask, shop: Shop, export: Path) -> None:
    call(app, "import", export, "--tenant", "demo")
    export.write_bytes(sheet(mug(Variant_Inventory_Qty="70"), mug(Handle="cup", Variant_SKU="CUP")))

    assert "0 updated, 2 unchanged" in call(app, "import", export, "--tenant", "demo").stdout
    result = call(app, "import", export, "--tenant", "demo", "--set-stock")
    assert "1 updated, 1 unchanged" in result.stdout
    assert "stock set for 1 known variant." in result.stdout


def test_a_file_may_come_through_a_pipe(app: Flask, shop: Shop) -> None:
    result = call(app, "import", "-", "--tenant", "demo", "--json", source=sheet(mug()))

    assert json.loads(result.stdout)["rows"]["imported"] == 1


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("content", "tenant", "reason"),
    [
        (None, "demo", "No such file or directory"),
        ("directory", "demo", "directory"),
        (b"", "demo", "The file is empty"),
        (b"Naam,Prijs\r\nx,1\r\n", "demo", "Rename or add these headings: 'Handle'"),
        (sheet(mug()), "nobody", "no shop with the code “nobody”"),
    ],
)
def test_what_cannot_be_begun_is_one_sentence_and_exit_status_2(
    app: Flask, shop: Shop, tmp_path: Path, content: object, tenant: str, reason: str, as_json: bool
) -> None:
    path = tmp_path / "export.csv"
    if content == "directory":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)

    result = call(app, "import", path, "--tenant", tenant, *(["--json"] if as_json else []))

    assert result.exit_code == 2
    if as_json:
        assert reason in json.loads(result.stdout)["error"]["detail"]
        assert result.stderr == ""
    else:
        assert result.stdout == ""
        assert reason in result.stderr
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.splitlines()) == 1
    assert products(app, shop) == 0


def test_a_file_of_headings_alone_is_no_error(app: Flask, shop: Shop, export: Path) -> None:
    export.write_bytes(sheet(mug()).split(b"\r\n")[0] + b"\r\n")

    result = call(app, "import", export, "--tenant", "demo")

    assert result.exit_code == 0
    assert "headings but no rows" in result.stdout
    assert "0 rows read = 0 imported" in result.stdout


def test_a_quoting_fault_far_down_is_found_before_anything_is_written(
    app: Flask, shop: Shop, export: Path
) -> None:
    rows = [mug(Handle=f"mug-{number}", Variant_SKU=f"M{number}") for number in range(300)]
    export.write_bytes(sheet(*rows) + b'last,"Never closed,1\r\n')

    result = call(app, "import", export, "--tenant", "demo")

    assert result.exit_code == 2
    assert "Row 302: a quotation mark is opened and never closed" in result.stderr
    assert products(app, shop) == 0


def test_pictures_that_cannot_be_fetched_are_listed_and_stay_wanted(
    app: Flask, shop: Shop, export: Path
) -> None:
    export.write_bytes(sheet(mug(Image_Src="http://127.0.0.1/secret.png")))
    call(app, "import", export, "--tenant", "demo")

    plain = call(app, "fetch-images", "--tenant", "demo")
    result = call(app, "fetch-images", "--tenant", "demo", "--json", "--limit", "5")

    assert (plain.exit_code, result.exit_code) == (1, 1)
    assert "mug: http://127.0.0.1/secret.png: the address is not on the public internet" in plain.stdout
    assert json.loads(result.stdout) == {
        "tenant": "demo",
        "fetched": 0,
        "left": 1,
        "failures": [
            {
                "product": "mug",
                "url": "http://127.0.0.1/secret.png",
                "reason": "the address is not on the public internet",
            }
        ],
    }
    with app.app_context(), shop_scope(shop):
        assert list(db.session.scalars(select(ProductImage.file))) == [""]


def test_a_shop_without_wanted_pictures_is_done(app: Flask, shop: Shop) -> None:
    result = call(app, "fetch-images", "--tenant", "demo")
    assert (result.exit_code, result.stdout) == (0, "0 pictures fetched, 0 failed, 0 without a file.\n")
    assert call(app, "fetch-images", "--tenant", "nobody").exit_code == 2


def test_an_export_is_a_file_that_the_import_finds_unchanged(
    app: Flask, shop: Shop, export: Path, tmp_path: Path
) -> None:
    call(app, "import", export, "--tenant", "demo")
    copy = tmp_path / "copy.csv"

    result = call(app, "export", copy, "--tenant", "demo")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "2 products exported.\n")
    assert (
        "2 products: 0 imported, 0 updated, 2 unchanged"
        in call(app, "import", copy, "--tenant", "demo").stdout
    )
    printed = call(app, "export", "-", "--tenant", "demo")
    assert printed.stdout_bytes == copy.read_bytes()


def test_an_export_of_no_shop_leaves_no_file(app: Flask, shop: Shop, tmp_path: Path) -> None:
    result = call(app, "export", tmp_path / "copy.csv", "--tenant", "nobody")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "no shop with the code “nobody”" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_format_may_be_said_and_must_then_be_true(app: Flask, shop: Shop, export: Path) -> None:
    assert call(app, "import", export, "--tenant", "demo", "--format", "shopify", "--dry-run").exit_code == 0
    result = call(app, "import", export, "--tenant", "demo", "--format", "woocommerce")
    assert (result.exit_code, products(app, shop)) == (2, 0)
    assert "of a WooCommerce product export are missing" in result.stderr
