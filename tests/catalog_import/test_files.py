"""Encodings, separators, quoting, and files that are none."""

import pytest

from commerce.catalog_import.shopify import ShopifyFile
from commerce.csv_files import UnreadableFile
from commerce.error_messages import describe
from tests.catalog_import.sheets import more, mug, one, read, sheet, stream

SMALL = "Handle,Title,Variant Price\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_files_are_read_with_and_without_a_mark(encoding: str) -> None:
    assert one(sheet(mug(Title="Tasse à thé 茶"), encoding=encoding)).title == "Tasse à thé 茶"


def test_a_windows_file_is_read_and_says_so() -> None:
    file = ShopifyFile(stream(sheet(mug(Title="Café – naïve"), encoding="cp1252")), "USD")
    assert [product.title for product in file] == ["Café – naïve"]  # type: ignore[union-attr]
    assert [note.code for note in file.notes] == ["cp1252"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_spreadsheet_s_separator_is_found(delimiter: str) -> None:
    content = sheet(mug(**{"Variant Price": "12,50", "Tags": "a, b"}), delimiter=delimiter)
    product = one(content)
    assert product.tags == ("a", "b")
    assert product.variants[0].price == 1250
    assert [note.code for note in ShopifyFile(stream(content), "USD").notes] == ["delimiter"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_any_line_end_ends_a_line_and_a_quoted_one_does_not(line_end: str) -> None:
    body = f"<p>one</p>{line_end}<p>two</p>"
    content = sheet(
        mug(**{"Body (HTML)": body}), mug(Handle="cup", **{"Variant SKU": "CUP"}), line_end=line_end
    )
    first, second = read(content)
    assert first.description_html == "<p>one</p>\n<p>two</p>"  # type: ignore[union-attr]
    assert second.rows == (3,)


def test_a_line_separator_inside_a_cell_is_no_line_end() -> None:
    product = one(sheet(mug(Title="Mug\u2028\xa0blue\u200b", **{"Body (HTML)": "<p>a\u2028b</p>"})))
    assert (product.title, product.description_html) == ("Mug blue", "<p>a\nb</p>")


def test_columns_may_stand_in_any_order_among_others() -> None:
    row = dict(reversed(mug().items()))
    product = one(
        sheet({"Color (product.metafields.shopify.color-pattern)": "x", "Price / Japan": "900", **row})
    )
    assert (product.title, product.variants[0].price) == ("Mug", 1250)


def test_the_newer_column_set_is_read() -> None:
    product = one(
        sheet(
            {
                "Title": "Mug", "URL handle": "mug", "Description": "<p>x</p>", "Product category": "Home > Cups",
                "Published on online store": "TRUE", "Status": "Active", "SKU": "M", "Barcode": "123",
                "Option1 name": "Size", "Option1 value": "Large", "Option1 Linked To": "", "Price": "9.50",
                "Compare-at price": "12.00", "Charge tax": "FALSE", "Inventory tracker": "shopify",
                "Inventory quantity": "4", "Continue selling when out of stock": "CONTINUE",
                "Weight value (grams)": "250", "Requires shipping": "TRUE", "Product image URL": "https://a.example/1",
                "Image position": "1", "Image alt text": "alt", "Variant image URL": "https://a.example/2",
                "Gift card": "FALSE", "SEO title": "s", "SEO description": "d",
            }
        )
    )  # fmt: skip
    (variant,) = product.variants
    assert (product.handle, product.categories, product.status, product.seo_title) == (
        "mug",
        ("Cups",),
        "active",
        "s",
    )
    assert (variant.sku, variant.price, variant.compare_at_price, variant.quantity) == ("M", 950, 1200, 4)
    assert (variant.backorder, variant.tax_class, variant.weight_grams) == (True, "exempt", 250)
    assert [image.url for image in product.images] == ["https://a.example/1", "https://a.example/2"]


def test_empty_rows_are_no_rows() -> None:
    file = ShopifyFile(stream(SMALL + ",,\r\n\r\nmug,Mug,1\r\n , ,\r\n"), "USD")
    assert file.row_count == 1
    assert [product.rows for product in file] == [(4,)]


def test_a_file_with_headings_alone_is_empty_and_says_so() -> None:
    file = ShopifyFile(stream(SMALL), "USD")
    assert (file.row_count, list(file), [note.code for note in file.notes]) == (0, [], ["no_rows"])


def test_the_caller_s_stream_stays_open() -> None:
    source = stream(sheet(mug()))
    list(ShopifyFile(source, "USD"))
    assert not source.closed


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file_empty"),
        (b"\n\n \n", "file_empty"),
        (b"PK\x03\x04 and so on", "file_is_workbook"),
        (SMALL.encode() + b"mug,M\0g,1\r\n", "file_has_nul line=2"),
        (",".join(f"c{at}" for at in range(1001)).encode(), "file_too_many_columns maximum=1000"),
        (SMALL.encode("utf-16-le"), "file_has_nul"),
        (SMALL.encode() + b"mug,M\x81\x8dg,1\r\n", "file_encoding_unknown"),
        (
            b'Handle,Title,Variant Price\r\na,A,1\r\nb,"B,2\r\nc,C,3\r\n',
            "file_quote_open row=3",
        ),
        (
            b"<?xml version='1.0'?><rss xmlns:wp='http://wordpress.org/export/1.2/'></rss>",
            "file_is_wordpress",
        ),
        (b"<?xml version='1.0'?><rss version='2.0'></rss>", "file_is_rss"),
        (b"\n<!DOCTYPE html><html></html>", "file_is_html"),
        (b'[{"handle": "mug"}]', "file_is_json"),
    ],
)
def test_what_is_no_csv_file_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        read(content)


def test_missing_headings_are_named_with_the_nearest_ones_found() -> None:
    with pytest.raises(UnreadableFile) as refusal:
        read("handle,Title,Body,Variant price,Qty\r\na,A,x,1,2\r\n")
    sentence = describe(refusal.value)
    for part in ("handle=Handle", "Variant price=Variant Price", "Body=Body (HTML)"):
        assert part in sentence
    assert "=Title" not in sentence


def test_headings_that_are_nothing_like_it_are_shown() -> None:
    with pytest.raises(UnreadableFile, match=r"'Handle'.*found=.*'sku.*naam"):
        read("sku,naam\r\n1,x\r\n")


def test_a_heading_in_another_spelling_is_not_left_out_in_silence() -> None:
    with pytest.raises(UnreadableFile, match="Variant Sku=Variant SKU"):
        read("Handle,Title,Variant Price,Variant Sku\r\na,A,1,X\r\n")


def test_a_heading_that_is_close_is_noted() -> None:
    file = ShopifyFile(stream("Handle,Title,Variant Price,Variant Inventory Quantity\r\na,A,1,5\r\n"), "USD")
    assert [(note.code, note.detail) for note in file.notes] == [
        ("unread_column", "'Variant Inventory Quantity' (is it 'Variant Inventory Qty'?)")
    ]


def test_a_repeated_heading_is_read_once_and_noted() -> None:
    file = ShopifyFile(stream("Handle,Title,Variant Price,Title\r\na,A,1,B\r\n"), "USD")
    assert [product.title for product in file] == ["A"]  # type: ignore[union-attr]
    assert [(note.code, note.detail) for note in file.notes] == [("repeated_column", "Title")]


def test_a_description_of_a_megabyte_is_read() -> None:
    product = one(sheet(mug(**{"Body (HTML)": f"<img src='data:{'x' * 1_000_000}'><p>tea</p>"}), more()))
    assert product.description_html == "<p>tea</p>"
