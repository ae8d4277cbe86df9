"""From rows to products, and everything that a product is refused for."""

import pytest

from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct
from commerce.catalog_import.product import DUPLICATE_HINT
from tests.catalog_import.sheets import more, mug, one, read, reasons, sheet

SHIRT = mug(
    Handle="shirt", Title="Shirt", Option1_Name="Size", Option1_Value="S", Option2_Name="Colour", Option2_Value="Red",
    Option3_Name="Fit", Option3_Value="Slim", Variant_SKU="S-R",
)  # fmt: skip


def test_a_product_without_options_has_one_variant() -> None:
    product = one(sheet(mug()))
    (variant,) = product.variants
    assert (product.title, product.vendor, product.categories, product.status) == (
        "Mug",
        "Kiln",
        ("Cups",),
        "active",
    )
    assert (product.tags, product.option_names, product.rows) == (("tea", "clay"), (), (2,))
    assert (variant.sku, variant.price, variant.quantity, variant.weight_grams) == ("MUG", 1250, 7, 300)
    assert (variant.option_values, variant.tracked, variant.backorder) == ((), True, False)
    assert [(image.url, image.alt) for image in product.images] == [
        ("https://pictures.example/mug.jpg", "A mug")
    ]
    assert product.notes == ()


def test_three_axes_and_blank_cells_in_the_rows_that_follow() -> None:
    product = one(
        sheet(
            SHIRT,
            more("shirt", Option1_Value="S", Option2_Value="Blue", Option3_Value="Slim", Variant_Price="13"),
            more("shirt", Option1_Value="M", Option2_Value="Red", Option3_Value="Wide", Variant_Price="14"),
            more("shirt", Image_Src="https://pictures.example/back.jpg", Image_Position="2"),
        )
    )  # fmt: skip
    assert product.option_names == ("Size", "Colour", "Fit")
    assert [variant.option_values for variant in product.variants] == [
        ("S", "Red", "Slim"), ("S", "Blue", "Slim"), ("M", "Red", "Wide"),
    ]  # fmt: skip
    assert [variant.price for variant in product.variants] == [1250, 1300, 1400]
    assert len(product.images) == 2
    assert product.rows == (2, 3, 4, 5)


def test_rows_that_repeat_everything_are_the_same_product() -> None:
    blank = {"Variant Compare At Price": "N/A", "Option2 Name": "N/A", "Option2 Value": "N/A"}
    size = {"Option1 Name": "Size"}
    product = one(
        sheet(
            mug(**size, Option1_Value="S", Variant_SKU="S", **blank),
            mug(**size, Option1_Value="N/A", Variant_SKU="N/A", Variant_Price="N/A", Variant_Inventory_Qty="N/A",
                Image_Src="https://pictures.example/2.jpg", **blank),
            mug(**size, Option1_Value="M", Variant_SKU="M", Image_Src="https://pictures.example/3.jpg", **blank),
            mug(**size, Option1_Value="M", Variant_SKU="M", Image_Src="https://pictures.example/4.jpg", **blank),
        )
    )  # fmt: skip
    assert [variant.option_values for variant in product.variants] == [("S",), ("M",)]
    assert len(product.images) == 4
    assert [(note.row, note.code) for note in product.notes] == [(5, "repeated_variant")]


def test_rows_of_a_product_may_stand_apart() -> None:
    products = read(
        sheet(
            SHIRT,
            mug(),
            more("shirt", Option1_Value="M", Option2_Value="Red", Option3_Value="Slim", Variant_Price="9"),
        )
    )
    assert [(product.handle, product.rows) for product in products] == [("mug", (3,)), ("shirt", (2, 4))]


def test_n_a_is_a_value_when_the_variant_is_real() -> None:
    product = one(sheet(mug(Option1_Name="Size", Option1_Value="N/A")))
    assert product.variants[0].option_values == ("N/A",)


def test_title_may_be_the_name_of_a_true_option() -> None:
    product = one(
        sheet(mug(Option1_Value="Poster"), more(Option1_Value="Print", Variant_Price="5", Variant_SKU="P"))
    )
    assert product.option_names == ("Title",)
    assert [variant.option_values for variant in product.variants] == [("Poster",), ("Print",)]


def test_an_option_that_no_variant_uses_is_none() -> None:
    assert one(sheet(mug(Option1_Name="Size", Option1_Value="L", Option2_Name="Colour"))).option_names == (
        "Size",
    )


@pytest.mark.parametrize(
    ("cells", "status"),
    [
        ({"Status": "active", "Published": "TRUE"}, "active"),
        ({"Status": "Active", "Published": "true"}, "active"),
        ({"Status": "", "Published": ""}, "active"),
        ({"Status": "active", "Published": "FALSE"}, "draft"),
        ({"Status": "", "Published": "false"}, "draft"),
        ({"Status": "draft", "Published": "TRUE"}, "draft"),
        ({"Status": "archived", "Published": "TRUE"}, "archived"),
        ({"Status": "active", "Published": "TRUE", "Gift Card": "TRUE"}, "draft"),
    ],
)
def test_status_and_published_together_say_who_sees_it(cells: dict[str, str], status: str) -> None:
    assert one(sheet(mug(**cells))).status == status


def test_the_category_is_the_type_or_else_the_end_of_the_path() -> None:
    assert one(sheet(mug(Type="", Product_Category="Home > Kitchen >  Tea\xa0Cups "))).categories == (
        "Tea Cups",
    )
    assert one(sheet(mug(Type="Cups", Product_Category="Home > Kitchen"))).categories == ("Cups",)
    assert one(sheet(mug(Type=""))).categories == ()
    assert one(sheet(mug(Type="", Product_Category="Uncategorized"))).categories == ()


def test_tags_are_distinguished_without_regard_to_case() -> None:
    assert one(sheet(mug(Tags="Tea, tea,, Clay , "))).tags == ("Tea", "Clay")


def test_missing_skus_are_made_from_handle_and_options_and_stay_the_same() -> None:
    rows = (
        mug(Option1_Name="Size", Option1_Value="A/B", Variant_SKU=""),
        more(Option1_Value="A-B", Variant_Price="1"),
        more(Option1_Value="茶 L", Variant_Price="1"),
        more(Option1_Value="❤", Variant_Price="1"),
        more(Option1_Value="X" * 90, Variant_Price="1"),
    )
    made = [variant.sku for variant in one(sheet(*rows)).variants]
    assert len(set(made)) == 5
    assert all(len(sku) <= 80 for sku in made)
    assert made[2] == "mug-茶-l"
    assert made == [variant.sku for variant in one(sheet(*rows)).variants]
    assert one(sheet(mug(Variant_SKU=""))).variants[0].sku == "mug"


def test_an_odd_handle_becomes_a_fit_slug() -> None:
    product = one(sheet(mug(Handle=" Große Tasse/50% ")))
    assert (product.handle, product.slug) == ("Große Tasse/50%", "grosse-tasse-50")
    assert [note.code for note in product.notes] == ["made_slug"]
    assert one(sheet(mug(Handle="抹茶-茶碗"))).slug == "抹茶-茶碗"
    assert one(sheet(mug(Handle="!!!"))).slug.startswith("product-")


def test_untracked_stock_is_the_given_quantity_or_nothing() -> None:
    product = one(
        sheet(
            mug(Option1_Name="Size", Option1_Value="S", Variant_Inventory_Tracker=""),
            more(Option1_Value="M", Variant_Price="1", Variant_SKU="M"),
        )
    )
    assert [variant.quantity for variant in product.variants] == [7, None]
    assert [(note.row, note.code) for note in product.notes] == [(2, "untracked"), (3, "untracked")]


def test_continue_means_that_the_variant_may_be_sold_beyond_its_stock() -> None:
    assert one(sheet(mug(Variant_Inventory_Policy="continue"))).variants[0].backorder is True


def test_what_was_sold_without_tax_is_noted() -> None:
    product = one(sheet(mug(Variant_Taxable="false")))
    assert product.variants[0].tax_class == "exempt"
    assert [note.code for note in product.notes] == ["untaxed"]


def test_pictures_come_in_their_order_once_each_with_those_of_variants_at_the_end() -> None:
    product = one(
        sheet(
            mug(Image_Position="3", Variant_Image="https://pictures.example/v.jpg"),
            more(Image_Src="https://pictures.example/1.jpg ", Image_Position="1.0"),
            more(Image_Src="https://pictures.example/1.jpg", Image_Position="4"),
            more(Image_Src="https://pictures.example/last.jpg", Image_Position="?"),
            more(Image_Src="file:///etc/passwd"),
        )
    )
    assert [image.url.rsplit("/", 1)[1] for image in product.images] == [
        "1.jpg",
        "mug.jpg",
        "last.jpg",
        "v.jpg",
    ]
    assert product.variants[0].image_url == "https://pictures.example/v.jpg"
    assert [(note.code, note.detail) for note in product.notes] == [("bad_image", "file:///etc/passwd")]


def test_a_compare_price_that_is_no_higher_is_left_out_with_a_note() -> None:
    assert one(sheet(mug(Variant_Compare_At_Price="20"))).variants[0].compare_at_price == 2000
    product = one(sheet(mug(Variant_Compare_At_Price="12.50")))
    assert product.variants[0].compare_at_price is None
    assert [note.code for note in product.notes] == ["compare_price"]


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        ({"Title": ""}, (2, "Title", "", "the product has no title")),
        ({"Title": "x" * 501}, (2, "Title", "x" * 77 + "...", "is longer than 500 characters")),
        ({"Variant Price": ""}, (2, "Variant Price", "", "the variant has no price")),
        ({"Variant Price": "-5"}, (2, "Variant Price", "-5", "a price cannot be negative")),
        ({"Variant Price": "abc"}, (2, "Variant Price", "abc", "is not a number")),
        ({"Variant Compare At Price": "x"}, (2, "Variant Compare At Price", "x", "is not a number")),
        (
            {"Variant Inventory Qty": "1.5"},
            (2, "Variant Inventory Qty", "1.5", "a stock quantity must be a whole number"),
        ),
        (
            {"Variant Inventory Policy": "?"},
            (2, "Variant Inventory Policy", "?", "is neither deny nor continue"),
        ),
        ({"Variant Grams": "-1"}, (2, "Variant Grams", "-1", "a weight cannot be negative")),
        ({"Published": "perhaps"}, (2, "Published", "perhaps", "is neither TRUE nor FALSE")),
        ({"Status": "sold"}, (2, "Status", "sold", "is none of active, draft, archived")),
        ({"Option1 Name": ""}, (2, "Option1 Name", "", "the option with the value 'Large' has no name")),
        ({"Option1 Name": "Size", "Option1 Value": "", "Option2 Name": "C", "Option2 Value": "Red"}, None),
    ],
)
def test_a_bad_cell_is_named_by_row_column_value_and_reason(
    cells: dict[str, str], error: tuple[int, str, str, str] | None
) -> None:
    row = mug(**cells)
    if cells == {"Option1 Name": ""}:
        row["Option1 Value"] = "Large"
    if error is None:
        assert one(sheet(row)).option_names == ("C",)
    else:
        assert reasons(sheet(row)) == [error]


@pytest.mark.parametrize("quantity", ["-3", "\u22123", "-3.0"])
def test_a_negative_stock_begins_at_nothing_and_says_how_many_were_oversold(quantity: str) -> None:
    product = one(sheet(mug(Variant_Inventory_Qty=quantity)))
    assert product.variants[0].quantity == 0
    assert [(note.code, note.detail) for note in product.notes] == [("oversold", "by 3")]


def test_decimals_in_a_currency_without_them_are_refused_by_its_name() -> None:
    assert reasons(sheet(mug()), "JPY") == [(2, "Variant Price", "12.50", "JPY has no decimals")]


def test_every_error_of_a_product_is_reported_and_none_of_it_is_taken() -> None:
    rejected = read(
        sheet(
            mug(Option1_Name="Size", Option1_Value="S", Variant_Price="x"),
            more(Option1_Value="M", Variant_Price="5", Variant_Inventory_Qty="many", Variant_SKU="M"),
            mug(Handle="cup", Variant_SKU="CUP"),
        )
    )
    assert [type(product) for product in rejected] == [RejectedProduct, ParsedProduct]
    assert rejected[0].rows == (2, 3)
    assert [(error.row, error.column) for error in rejected[0].errors] == [  # type: ignore[union-attr]
        (2, "Variant Price"), (3, "Variant Inventory Qty"),
    ]  # fmt: skip


def test_a_row_without_a_handle_is_refused_alone() -> None:
    first, second = read(sheet(mug(), mug(Handle="")))
    assert isinstance(first, ParsedProduct)
    assert isinstance(second, RejectedProduct)
    assert (second.rows, second.errors[0].column) == ((3,), "Handle")


def test_a_row_with_more_cells_than_headings_is_refused() -> None:
    content = "Handle,Title,Variant Price\r\nmug,Mug, the big one,12.50\r\n"
    assert ("Handle", "the row has 4 cells, but there are 3 headings") in [
        (column, reason) for _row, column, _value, reason in reasons(content)
    ]


def test_two_products_cannot_share_a_handle() -> None:
    assert reasons(sheet(mug(), mug(Title="Cup", Variant_SKU="C", Option1_Value="Other")))[0] == (
        3, "Title", "Cup", "the handle belongs to 'Mug' already (row 2)",
    )  # fmt: skip


def test_variants_with_the_same_options_are_refused() -> None:
    content = sheet(
        mug(Option1_Name="Size", Option1_Value="S"),
        more(Option1_Value=" s", Variant_Price="5", Variant_SKU="X"),
    )
    assert reasons(content) == [(3, "Option1 Value", "s", "row 2 is the same variant: s")]


def test_a_variant_without_a_value_for_an_option_is_refused() -> None:
    content = sheet(mug(Option1_Name="Size", Option1_Value="S"), more(Variant_Price="5", Variant_SKU="X"))
    assert reasons(content) == [(3, "Option1 Value", "", "the variant has no value for 'Size'")]


def test_an_option_cannot_change_its_name() -> None:
    content = sheet(
        mug(Option1_Name="Size", Option1_Value="S"),
        more(Option1_Name="Colour", Option1_Value="M", Variant_Price="5", Variant_SKU="X"),
    )
    assert reasons(content) == [(3, "Option1 Name", "Colour", "the option is called 'Size' in row 2")]


def test_a_product_of_pictures_alone_is_refused() -> None:
    content = sheet(more(Title="Mug", Image_Src="https://pictures.example/1.jpg", Variant_Price=""))
    assert reasons(content) == [
        (2, "Variant Price", "", "the product has no variant: no row of it has a price")
    ]


def test_a_sku_cannot_stand_twice_in_a_product() -> None:
    content = sheet(
        mug(Option1_Name="Size", Option1_Value="S"),
        more(Option1_Value="M", Variant_Price="5", Variant_SKU="MUG"),
    )
    assert reasons(content) == [
        (3, "Variant SKU", "MUG", f"row 2 of this product has the same SKU; {DUPLICATE_HINT}")
    ]


def test_a_sku_of_an_earlier_product_is_refused_by_naming_it() -> None:
    first, second = read(sheet(mug(), mug(Handle="cup")))
    assert isinstance(first, ParsedProduct)
    assert isinstance(second, RejectedProduct)
    assert (second.errors[0].row, second.errors[0].value) == (3, "MUG")
    assert second.errors[0].reason == f"the product 'mug' has the same SKU (row 2); {DUPLICATE_HINT}"


def test_a_rejected_product_does_not_keep_its_sku_from_others() -> None:
    first, second = read(sheet(mug(Variant_Price="x"), mug(Handle="cup")))
    assert isinstance(first, RejectedProduct)
    assert isinstance(second, ParsedProduct)
