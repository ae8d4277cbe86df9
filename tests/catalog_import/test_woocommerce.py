"""From the rows of a WooCommerce export to products: every type, every attribute, and what is refused."""

from datetime import date

import pytest

from commerce.catalog_import.formats import open_catalogue
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct
from commerce.catalog_import.product import DUPLICATE_HINT
from commerce.catalog_import.shopify import ShopifyFile
from commerce.catalog_import.woocommerce import WooFile
from commerce.csv_files import UnreadableFile
from tests.catalog_import.sheets import mug, sheet, stream

TODAY = date(2026, 6, 15)
TEA = {
    "ID": "12",
    "Type": "simple",
    "SKU": "TEA",
    "Name": "Tea &amp; Co",
    "Published": "1",
    "Visibility in catalog": "visible",
    "Short description": "",
    "Description": "<p>Green.</p>",
    "Tax status": "taxable",
    "In stock?": "1",
    "Stock": "7",
    "Backorders allowed?": "0",
    "Weight (kg)": "0.25",
    "Sale price": "",
    "Regular price": "12.50",
    "Categories": "Drinks > Tea, Gifts",
    "Tags": r"hot, rock\, roll",
    "Images": "https://old.example/1.jpg, https://old.example/2.jpg",
    "Position": "0",
}
SHIRT = {
    "ID": "20",
    "Type": "variable",
    "SKU": "SHIRT",
    "Name": "Shirt",
    "Published": "1",
    "Regular price": "",
    "Stock": "",
    "Attribute 1 name": "Brand",
    "Attribute 1 value(s)": "Kiln",
    "Attribute 2 name": "Colour",
    "Attribute 2 value(s)": "Red, Blue",
    "Attribute 3 name": "Size",
    "Attribute 3 value(s)": "S, M",
}

HIDDEN_COST = {"Attribute 1 name": "Cost", "Attribute 1 value(s)": "3", "Attribute 1 visible": "0"}


def variation(sku: str, colour: str = "Red", size: str = "S", **cells: str) -> dict[str, str]:
    return {
        "Type": "variation",
        "SKU": sku,
        "Name": f"Shirt - {colour}",
        "Published": "1",
        "Parent": "id:20",
        "Regular price": "20",
        "Stock": "3",
        "Attribute 1 name": "Colour",
        "Attribute 1 value(s)": colour,
        "Attribute 2 name": "Size",
        "Attribute 2 value(s)": size,
    } | {name.replace("_", " "): value for name, value in cells.items()}


def read(
    *rows: dict[str, str], currency: str = "EUR", **options: str
) -> list[ParsedProduct | RejectedProduct]:
    file = WooFile(stream(sheet(*rows, **options)), currency, TODAY)
    products = list(file)
    assert sum(len(product.rows) for product in products) == file.row_count
    return products


def one(*rows: dict[str, str], **options: str) -> ParsedProduct:
    (product,) = read(*rows, **options)
    assert isinstance(product, ParsedProduct), product
    return product


def codes(product: ParsedProduct) -> list[str]:
    return sorted({note.code for note in product.notes})


def reasons(*rows: dict[str, str]) -> list[tuple[int, str, str]]:
    return [
        (error.row, error.column, error.reason)
        for product in read(*rows)
        if isinstance(product, RejectedProduct)
        for error in product.errors
    ]


def test_a_simple_product_has_one_variant_and_all_its_stock_items_tags_and_pictures() -> None:
    product = one(TEA)
    assert (product.slug, product.title, product.source) == ("tea-co", "Tea & Co", "woocommerce")
    assert (product.categories, product.tags) == (("Drinks", "Tea", "Gifts"), ("hot", "rock roll"))
    assert [image.url for image in product.images] == [
        "https://old.example/1.jpg",
        "https://old.example/2.jpg",
    ]
    assert (product.status, product.option_names, product.notes) == ("active", (), ())
    (variant,) = product.variants
    assert (variant.sku, variant.price, variant.compare_at_price) == ("TEA", 1250, None)
    assert (variant.quantity, variant.tracked, variant.weight_grams) == (7, True, 250)
    assert (variant.tax_class, variant.requires_shipping, variant.backorder) == ("standard", True, False)


@pytest.mark.parametrize("parent", ["id:20", "SHIRT"])
def test_variations_find_their_parent_by_id_or_sku_also_before_it_in_the_file(parent: str) -> None:
    small = variation("S", Parent=parent, Position="2", Images="https://old.example/s.jpg")
    medium = variation("M", size="M", Parent=parent, Position="1", Sale_price="15")

    product = read(small, SHIRT, TEA, medium)[1]

    assert isinstance(product, ParsedProduct)
    assert (product.title, product.option_names, product.rows) == ("Shirt", ("Colour", "Size"), (2, 3, 5))
    assert [(v.sku, v.option_values, v.price, v.compare_at_price, v.image_url) for v in product.variants] == [
        ("M", ("Red", "M"), 1500, 2000, ""),
        ("S", ("Red", "S"), 2000, None, "https://old.example/s.jpg"),
    ]
    assert product.description_html == "<dl><dt>Brand</dt><dd>Kiln</dd></dl>"


def test_a_variation_for_any_value_becomes_a_variant_for_each_that_has_no_row_of_its_own() -> None:
    product = one(SHIRT, variation("RED", size=""), variation("RED-S", size="s", Regular_price="25"))
    assert [(v.sku, v.option_values, v.price, v.quantity) for v in product.variants] == [
        ("RED", ("Red", "M"), 2000, 3),
        ("RED-S", ("Red", "s"), 2500, 3),
    ]
    both = one(SHIRT, variation("RED", size=""))
    assert [(v.sku, v.option_values, v.quantity) for v in both.variants] == [
        ("RED-s", ("Red", "S"), None),
        ("RED-m", ("Red", "M"), None),
    ]
    assert both.rows == (2, 3)
    assert "any_value" in codes(both)


def test_any_number_of_attributes_may_be_options() -> None:
    more = {f"Attribute {n} name": f"Axis {n}" for n in range(3, 7)}
    values = {f"Attribute {n} value(s)": f"Value {n}" for n in range(3, 7)}
    product = one(SHIRT, variation("S") | more | values)
    assert product.option_names == ("Colour", "Size", "Axis 3", "Axis 4", "Axis 5", "Axis 6")
    assert product.variants[0].option_values[2:] == ("Value 3", "Value 4", "Value 5", "Value 6")


@pytest.mark.parametrize(
    ("cells", "status", "code"),
    [
        ({"Published": "0"}, "draft", None),
        ({"Published": "-1"}, "draft", None),
        ({"Published": "'-1"}, "draft", None),
        ({"Visibility in catalog": "hidden"}, "draft", "hidden"),
        ({"Type": "external"}, "draft", "external"),
        ({"Type": "simple, downloadable, virtual"}, "draft", "download"),
        ({"Type": "simple, virtual"}, "active", None),
        ({"Visibility in catalog": "search"}, "draft", "search_only"),
        ({"Backorders allowed?": "notify"}, "active", "backorder"),
        ({"Backorders allowed?": "1"}, "active", "backorder"),
        ({"Tax status": "none"}, "active", "untaxed"),
        ({"Tax class": "Reduced rate"}, "active", "tax_class"),
        ({"Stock": ""}, "active", "untracked"),
        (HIDDEN_COST, "active", "unseen_attribute"),
    ],
)  # fmt: skip
def test_what_has_no_equal_here_is_decided_and_said(
    cells: dict[str, str], status: str, code: str | None
) -> None:
    product = one(TEA | cells)
    assert product.status == status
    assert codes(product) == ([code] if code else [])
    assert product.variants[0].requires_shipping is ("virtual" not in cells.get("Type", ""))


def test_tax_classes_and_backorders_are_kept() -> None:
    kept = one(SHIRT | {"Tax class": "reduced-rate"}, variation("S", Tax_class="parent"))
    assert kept.variants[0].tax_class == "reduced-rate"
    assert one(TEA | {"Tax status": "shipping"}).variants[0].tax_class == "exempt"
    assert one(TEA | {"Backorders allowed?": "1"}).variants[0].backorder is True


def test_a_variation_that_was_switched_off_comes_in_switched_off() -> None:
    product = one(SHIRT, variation("S", Published="0"), variation("M", size="M", Published="-1"))
    assert [(v.sku, v.active) for v in product.variants] == [("S", False), ("M", True)]


def test_stock_that_variations_shared_is_not_multiplied() -> None:
    product = one(SHIRT | {"Stock": "9"}, variation("S", Stock="parent"), variation("M", size="M"))
    assert [v.quantity for v in product.variants] == [None, 3]
    assert codes(product) == ["shared_stock"]


@pytest.mark.parametrize(
    ("begin", "end", "price", "compare_at"),
    [
        ("", "", 1000, 1250),
        ("2026-06-15", "2026-06-15 23:59:59", 1000, 1250),
        ("2026-06-16", "", 1250, None),
        ("", "2026-06-14", 1250, None),
    ],
)
def test_a_sale_price_counts_on_its_days(begin: str, end: str, price: int, compare_at: int | None) -> None:
    sale = {"Sale price": "10", "Date sale price starts": begin, "Date sale price ends": end}
    product = one(TEA | sale)
    assert (product.variants[0].price, product.variants[0].compare_at_price) == (price, compare_at)
    assert codes(product) == (["sale_dates"] if begin or end else [])


def test_marks_line_breaks_and_markup_of_texts() -> None:
    product = one(
        TEA
        | {
            "Name": "'=2+3",
            "Short description": r"'-20 % today",
            "Description": "One\\nTwo\n\n<p>Three <b>bold</b></p>\\n\\nFour<script>x</script>\r\nfive",
        }
    )
    assert product.title == "=2+3"
    assert product.description_html == (
        "<p>-20 % today</p>\n<p>One<br>\nTwo</p>\n<p>Three <b>bold</b></p>\n<p>Four<br>\nfive</p>"
    )


@pytest.mark.parametrize(("unit", "grams"), [("kg", 2500), ("g", 3), ("lbs", 1134), ("oz", 71)])
def test_weights_have_the_unit_of_their_heading(unit: str, grams: int) -> None:
    row = {name: cell for name, cell in TEA.items() if name != "Weight (kg)"}
    assert one(row | {f"Weight ({unit})": "2,5"}).variants[0].weight_grams == grams


def test_a_semicolon_and_a_byte_order_mark_and_headings_in_capitals_are_read() -> None:
    shouted = {name.upper(): cell for name, cell in TEA.items()} | {"REGULAR PRICE": "12,50"}
    product = one(shouted, delimiter=";", encoding="utf-8-sig")
    assert product.variants[0].price == 1250


def test_a_name_that_comes_again_gets_its_sku_into_the_address() -> None:
    products = read(TEA, TEA | {"ID": "13", "SKU": "TEA-2"}, TEA | {"ID": "14", "SKU": ""})
    assert [product.slug for product in products if isinstance(product, ParsedProduct)] == [
        "tea-co",
        "tea-co-tea-2",
        "tea-co-14",
    ]


def test_every_reason_names_row_and_column() -> None:
    assert reasons(TEA | {"Type": "grouped", "Regular price": ""}) == [
        (2, "Type", "a grouped product sells nothing itself; the products in it are taken in on their own")
    ]
    assert reasons(TEA | {"Type": "subscription"})[0][:2] == (2, "Type")
    several = TEA | {"Regular price": "-1", "Weight (kg)": "heavy", "Published": "2", "Stock": "'-x"}
    assert sorted(reasons(several)) == [
        (2, "Published", "is neither TRUE nor FALSE"),
        (2, "Regular price", "a price cannot be negative"),
        (2, "Stock", "is not a number"),
        (2, "Weight (kg)", "is not a number"),
    ]
    assert reasons(TEA | {"Sale price": "1.0051"}) == [
        (2, "Sale price", "has more decimals than EUR allows (2)")
    ]
    assert reasons(TEA | {"Sale price": "1", "Date sale price ends": "tomorrow"}) == [
        (2, "Date sale price ends", "is no date like 2026-12-31")
    ]
    assert reasons(TEA, variation("X", Parent="nobody"), variation("Y", Parent="")) == [
        (3, "Parent", "the file has no product with this ID or SKU"),
        (4, "Parent", "the row is a variation and names no parent"),
    ]
    assert reasons(TEA, variation("X", Parent="TEA")) == [
        (3, "Parent", "the product in row 2 is not of the type variable")
    ]
    assert reasons(TEA, TEA) == [(3, "ID", "row 2 has the same ID or SKU")]
    assert reasons(TEA, TEA | {"ID": "13"}) == [
        (3, "SKU", f"the product 'tea-co' has the same SKU (row 2); {DUPLICATE_HINT}")
    ]
    assert reasons(SHIRT, variation("A", size="L"), variation("B", size="l"))[0][:2] == (
        4,
        "Attribute 1 value(s)",
    )
    assert reasons(SHIRT, variation("A"), variation("B", size="M", Regular_price="x")) == [
        (4, "Regular price", "is not a number")
    ]


def test_a_file_tells_by_its_headings_who_wrote_it() -> None:
    def kind(content: bytes, file_format: str = "") -> type:
        return type(open_catalogue(stream(content), "EUR", file_format=file_format, today=TODAY))

    assert kind(sheet(TEA)) is WooFile
    assert kind(sheet(mug())) is ShopifyFile
    assert kind(sheet(TEA), "woocommerce") is WooFile
    with pytest.raises(UnreadableFile, match="woocommerce_headings_missing"):
        kind(sheet(mug()), "woocommerce")
    with pytest.raises(UnreadableFile, match="shopify_headings_missing"):
        kind("Typ,Artikelnummer,Regulärer Preis\n1,2,3\n".encode())
