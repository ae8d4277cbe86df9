"""Writing a file into a shop: what is made, changed, left alone and refused."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, text, update

from commerce.catalog.models import Category, Product, ProductCategory, ProductImage, Variant
from commerce.catalog_import.product import DUPLICATE_HINT
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.services import import_catalogue
from commerce.db import Base, atomic, db
from commerce.inventory.adjustments import CatalogueStock
from commerce.inventory.models import StockItem, StockMovement
from commerce.storefront.listings import found_products
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.catalog_import.sheets import more, mug, sheet, stream
from tests.support.statements import count_statements

SHIRT = [
    mug(Handle="shirt", Title="Shirt", Type="Clothes", Option1_Name="Size", Option1_Value="S", Variant_SKU="S",
        Image_Src="https://pictures.example/s.jpg", Variant_Image="https://pictures.example/s.jpg"),
    more("shirt", Option1_Value="M", Variant_SKU="M", Variant_Price="14.00", Variant_Inventory_Qty="3",
         Variant_Inventory_Tracker="shopify"),
]  # fmt: skip


def run(*rows: dict[str, str], **options: Any) -> ImportReport:
    return import_catalogue(
        stream(sheet(*rows)), file_name="export.csv", stock=CatalogueStock(), actor="system", **options
    )


def product(slug: str) -> Product:
    found = db.session.scalars(
        select(Product).where(Product.slug == slug).execution_options(populate_existing=True)
    ).one()
    db.session.refresh(found, ["variants", "images"])
    return found


def stock() -> dict[str, int]:
    rows = db.session.execute(
        select(Variant.sku, StockItem.on_hand).join(StockItem, StockItem.variant_id == Variant.id)
    )
    return {row.sku: row.on_hand for row in rows}


def everything() -> dict[str, list[Any]]:
    """Return every row of every table, and of the search index: what a run that changes nothing must not touch."""
    names = [*(table.name for table in Base.metadata.sorted_tables), "product_search"]
    connection = db.session.connection()
    rows = {name: sorted(map(str, connection.execute(text(f"SELECT * FROM {name}")))) for name in names}  # noqa: S608
    db.session.rollback()
    return rows


@dataclass
class Counts:
    rows: tuple[int, int, int, int]
    products: tuple[int, int, int, int]


def counts(report: ImportReport) -> Counts:
    assert report.rows_read == sum(report.rows.values())
    return Counts(tuple(report.rows.values()), tuple(report.products.values()))  # type: ignore[arg-type]


def test_a_product_comes_in_with_variants_stock_category_pictures_and_search_words(in_shop: Shop) -> None:
    report = run(*SHIRT)

    assert counts(report) == Counts((2, 0, 0, 0), (1, 0, 0, 0))
    assert (report.variants_created, report.categories_created, report.errors) == (2, ["Clothes"], [])
    shirt = product("shirt")
    assert (shirt.title, shirt.vendor, shirt.status, shirt.tags) == (
        "Shirt",
        "Kiln",
        "active",
        ["tea", "clay"],
    )
    assert shirt.product_type == "Clothes"
    assert (shirt.description_html, shirt.option_names) == ("<p>Holds tea.</p>", ["Size"])
    assert [(v.sku, v.price, v.option_values, v.weight_grams, v.backorder) for v in shirt.variants] == [
        ("S", 1250, ["S"], 300, False),
        ("M", 1400, ["M"], 0, False),
    ]
    (picture,) = shirt.images
    assert (picture.source_url, picture.alt, picture.file) == ("https://pictures.example/s.jpg", "A mug", "")
    assert [v.image_id for v in shirt.variants] == [picture.id, None]
    assert stock() == {"S": 7, "M": 3}
    movements = db.session.execute(select(StockMovement.delta, StockMovement.cause, StockMovement.reference))
    assert sorted(tuple(row) for row in movements) == [
        (3, "import", "export.csv"),
        (7, "import", "export.csv"),
    ]
    shelf = db.session.scalars(
        select(Category.name).join(ProductCategory, ProductCategory.category_id == Category.id)
    )
    assert list(shelf) == ["Clothes"]
    assert [card.slug for card in found_products("shirt", 1, "newest").cards] == ["shirt"]


def test_the_same_file_again_changes_nothing(in_shop: Shop) -> None:
    run(*SHIRT, mug(Variant_SKU="", Handle="Odd Händle"))
    before = everything()

    report = run(*SHIRT, mug(Variant_SKU="", Handle="Odd Händle"))

    assert counts(report) == Counts((0, 0, 3, 0), (0, 0, 2, 0))
    assert everything() == before
    again = run(*SHIRT, mug(Variant_SKU="", Handle="Odd Händle"), replace_stock=True)
    assert (counts(again), everything()) == (counts(report), before)


def test_a_changed_file_changes_the_product_and_leaves_its_identity_and_stock(in_shop: Shop) -> None:
    run(*SHIRT, mug())
    before = product("shirt")
    ids, version = [variant.id for variant in before.variants], before.version

    report = run(
        SHIRT[0] | {"Title": "Fine shirt", "Variant Price": "20", "Variant Inventory Qty": "99"},
        SHIRT[1],
        mug(),
    )

    assert counts(report) == Counts((0, 2, 1, 0), (0, 1, 1, 0))
    shirt = product("shirt")
    assert ([variant.id for variant in shirt.variants], shirt.title) == (ids, "Fine shirt")
    assert shirt.version > version
    assert [variant.price for variant in shirt.variants] == [2000, 1400]
    assert stock()["S"] == 7
    assert [card.slug for card in found_products("fine", 1, "newest").cards] == ["shirt"]


def test_stock_of_known_variants_is_set_only_on_request(in_shop: Shop) -> None:
    run(*SHIRT)

    report = run(SHIRT[0] | {"Variant Inventory Qty": "2"}, SHIRT[1], replace_stock=True)

    assert counts(report) == Counts((0, 2, 0, 0), (0, 1, 0, 0))
    assert report.stock_set == 1
    assert stock() == {"S": 2, "M": 3}
    assert sorted(db.session.scalars(select(StockMovement.delta))) == [-5, 3, 7]


def test_stock_that_orders_hold_is_not_counted_away_and_other_products_go_on(in_shop: Shop) -> None:
    run(*SHIRT, mug())
    hold(in_shop, "S", 5)

    report = run(
        SHIRT[0] | {"Title": "New", "Variant Inventory Qty": "4"}, SHIRT[1], mug(Variant_Inventory_Qty="9"),
        replace_stock=True,
    )  # fmt: skip

    assert counts(report) == Counts((0, 1, 0, 2), (0, 1, 0, 1))
    (error,) = report.errors
    assert (error.row, error.handle) == (2, "shirt")
    assert "reserved" in error.reason
    assert product("shirt").title == "Shirt"
    assert stock() == {"S": 7, "M": 3, "MUG": 9}


@atomic
def hold(shop: Shop, sku: str, units: int) -> None:
    variant_id = db.session.scalars(select(Variant.id).where(Variant.sku == sku)).one()
    db.session.execute(update(StockItem).where(StockItem.variant_id == variant_id).values(reserved=units))


def test_bad_products_stay_out_as_a_whole_and_good_ones_come_in(in_shop: Shop) -> None:
    report = run(
        *SHIRT[:1],
        SHIRT[1] | {"Variant Price": "-1"},
        mug(),
        mug(Handle="cup", Variant_SKU="CUP", Variant_Inventory_Qty="many"),
        mug(Handle="", Variant_SKU="X"),
    )

    assert counts(report) == Counts((1, 0, 0, 4), (1, 0, 0, 2))
    assert [(error.row, error.column, error.value) for error in report.errors] == [
        (3, "Variant Price", "-1"), (5, "Variant Inventory Qty", "many"), (6, "Handle", ""),
    ]  # fmt: skip
    assert list(db.session.scalars(select(Product.slug))) == ["mug"]
    assert list(db.session.scalars(select(Variant.sku))) == ["MUG"]


def test_a_dry_run_says_what_would_happen_and_leaves_no_trace(in_shop: Shop) -> None:
    run(mug())
    before = everything()
    file = [*SHIRT, mug(Title="Other mug"), mug(Handle="cup", Variant_SKU="CUP", Variant_Price="x")]

    foretold = run(*file, dry_run=True)

    assert foretold.dry_run
    assert everything() == before
    happened = run(*file)
    assert counts(foretold) == counts(happened) == Counts((2, 1, 0, 1), (1, 1, 0, 1))
    assert foretold.categories_created == happened.categories_created == ["Clothes"]


def test_a_sku_of_another_product_of_the_shop_is_refused_by_naming_it(in_shop: Shop) -> None:
    run(mug())

    report = run(mug(Handle="cup"), mug(Handle="plate", Variant_SKU="PLATE"))

    assert counts(report) == Counts((1, 0, 0, 1), (1, 0, 0, 1))
    (error,) = report.errors
    assert (error.row, error.column, error.value) == (2, "Variant SKU", "MUG")
    assert error.reason == f"the shop's product 'mug' has the same SKU; {DUPLICATE_HINT}"
    assert set(db.session.scalars(select(Product.slug))) == {"mug", "plate"}


def test_another_shop_may_have_the_same_products_and_sees_none_of_these(
    in_shop: Shop, other_shop: Shop
) -> None:
    run(mug())

    with shop_scope(other_shop):
        assert list(db.session.scalars(select(Product.slug))) == []
        report = run(mug(Title="Charlie's mug", Variant_Price="900"))
        assert counts(report) == Counts((1, 0, 0, 0), (1, 0, 0, 0))
        assert product("mug").variants[0].price == 900

    with shop_scope(in_shop):
        assert (product("mug").title, product("mug").variants[0].price) == ("Mug", 1250)


def test_a_new_sku_of_a_known_variant_is_found_by_its_options(in_shop: Shop) -> None:
    run(*SHIRT)
    ids = [variant.id for variant in product("shirt").variants]

    run(SHIRT[0] | {"Variant SKU": "SHIRT-S"}, SHIRT[1])

    assert [(variant.id, variant.sku) for variant in product("shirt").variants] == [
        (ids[0], "SHIRT-S"), (ids[1], "M"),
    ]  # fmt: skip
    assert stock() == {"SHIRT-S": 7, "M": 3}


def test_variants_may_change_places(in_shop: Shop) -> None:
    run(*SHIRT)
    ids = [variant.id for variant in product("shirt").variants]

    run(SHIRT[0] | {"Option1 Value": "M"}, SHIRT[1] | {"Option1 Value": "S"})

    assert [(variant.id, variant.option_values) for variant in product("shirt").variants] == [
        (ids[0], ["M"]), (ids[1], ["S"]),
    ]  # fmt: skip


def test_a_sku_that_staff_gave_in_place_of_a_made_one_stays(in_shop: Shop) -> None:
    run(mug(Variant_SKU=""))
    rename("mug", "MUG-2024")

    run(mug(Variant_SKU="", Title="Better mug"))

    assert [variant.sku for variant in product("mug").variants] == ["MUG-2024"]


@atomic
def rename(sku: str, new: str) -> None:
    db.session.execute(update(Variant).where(Variant.sku == sku).values(sku=new))


def test_variants_that_the_file_does_not_name_are_kept_while_they_fit(in_shop: Shop) -> None:
    run(*SHIRT)

    kept = run(SHIRT[0])
    assert [note for note in kept.notes if note != "unread_column"] == ["kept_variant"]
    assert [(v.sku, v.active) for v in product("shirt").variants] == [("S", True), ("M", True)]

    retired = run(SHIRT[0] | {"Option2 Name": "Colour", "Option2 Value": "Red"})
    assert list(retired.notes) == ["retired_variant"]
    assert [(v.sku, v.active) for v in product("shirt").variants] == [("S", True), ("M", False)]
    assert stock() == {"S": 7, "M": 3}


def test_pictures_keep_their_files_and_those_of_staff_stay(in_shop: Shop) -> None:
    run(mug(), more(Image_Src="https://pictures.example/2.jpg", Image_Position="2"))
    give_pictures()

    run(mug(Image_Position="2"), more(Image_Src="https://pictures.example/3.jpg", Image_Position="1"))

    assert [(image.source_url, image.file, image.position) for image in product("mug").images] == [
        ("https://pictures.example/3.jpg", "", 0),
        ("https://pictures.example/mug.jpg", "fetched.webp", 1),
        ("", "own.webp", 2),
    ]


@atomic
def give_pictures() -> None:
    mug_id = db.session.scalars(select(Product.id)).one()
    db.session.execute(update(ProductImage).where(ProductImage.position == 0).values(file="fetched.webp"))
    db.session.add(ProductImage(product_id=mug_id, position=9, file="own.webp"))


def test_a_category_is_found_by_its_name_and_staff_s_stock_items_stay(in_shop: Shop) -> None:
    shelve_by_hand()
    first = run(mug(Type="gift ideas"))
    assert first.categories_created == []

    second = run(mug(Type="Cups"))
    assert second.categories_created == ["Cups"]
    assert set(shelves_of("mug")) == {"Gift Ideas", "Cups"}
    assert run(mug(Type="Cups", Title="New")).categories_created == []
    assert len(shelves_of("mug")) == 2


@atomic
def shelve_by_hand() -> None:
    db.session.add(Category(slug="gift-ideas", name="Gift Ideas"))


def shelves_of(slug: str) -> list[str]:
    return list(
        db.session.scalars(
            select(Category.name)
            .join(ProductCategory, ProductCategory.category_id == Category.id)
            .join(Product, Product.id == ProductCategory.product_id)
            .where(Product.slug == slug)
        )
    )


def test_a_list_of_the_newest_shows_the_file_s_order(in_shop: Shop) -> None:
    run(*(mug(Handle=f"mug-{number}", Variant_SKU=f"M{number}") for number in range(70)))

    newest = db.session.scalars(select(Product.slug).order_by(Product.published_at.desc(), Product.id.desc()))
    assert list(newest) == [f"mug-{number}" for number in range(70)]


def test_progress_reaches_the_number_of_rows(in_shop: Shop) -> None:
    total: list[int] = []
    done: list[int] = []
    rows = [mug(Handle=f"mug-{number}", Variant_SKU=f"M{number}") for number in range(120)]

    run(*rows, mug(Handle=""), on_start=total.append, on_rows=done.append)

    assert total == [121]
    assert sum(done) == 121
    assert len(done) > 1


def test_a_batch_costs_few_statements_however_many_products_it_has(in_shop: Shop) -> None:
    run(mug())
    rows = [mug(Handle=f"mug-{number}", Variant_SKU=f"M{number}") for number in range(50)]
    with count_statements() as statements:
        run(*rows)
    # Of them two tell PostgreSQL which words of products may be seen (row security of the search), and
    # one looks whether there are collections that they might come into.
    assert len(statements) <= 23


def test_somebody_who_takes_a_sku_meanwhile_costs_one_product(
    in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commerce.catalog_import import batches

    run(mug(Handle="old"))
    # The look at the shop's SKUs sees nothing, as it does when another import commits right after it.
    monkeypatch.setattr(batches, "find_sku_owners", lambda _products: {})

    report = run(mug(Handle="cup", Variant_SKU="CUP"), mug(), mug(Handle="plate", Variant_SKU="PLATE"))

    assert counts(report) == Counts((2, 0, 0, 1), (2, 0, 0, 1))
    assert [(error.row, error.reason) for error in report.errors] == [
        (3, "somebody changed the shop's products at the same moment; import the file again")
    ]
    assert set(db.session.scalars(select(Product.slug))) == {"old", "cup", "plate"}
    assert stock() == {"MUG": 7, "CUP": 7, "PLATE": 7}
