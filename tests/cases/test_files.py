"""Product files as people have them: how they are written, what stands in their cells, and what an import changes."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.catalog.models import Product, Variant
from commerce.catalog_import.formats import open_catalogue
from commerce.catalog_import.parsed import ParsedProduct
from commerce.catalog_import.services import import_catalogue
from commerce.csv_files import UnreadableFile
from commerce.db import db
from commerce.error_messages import describe
from commerce.inventory.adjustments import CatalogueStock
from commerce.inventory.models import StockItem
from commerce.inventory.stock_file import apply_stock, plan_stock
from tests.cases.shops import open_shop
from tests.catalog_import.sheets import stream
from tests.catalog_import.test_partial_files import FULL, facts, run

TODAY = date(2026, 6, 15)
PLAIN = "Handle,Title,Variant Price\r\n"
COUNTED = "Handle,Title,Variant SKU,Variant Price,Variant Inventory Qty\r\n"


@dataclass(frozen=True)
class FileCase:
    """A file, and what its only product is: (title, price in minor units); None where the file is refused."""

    source: str
    content: str
    right: tuple[str, int] | None
    currency: str = "EUR"
    encoding: str = "utf-8"


FILES = (
    FileCase("semicolons after a BOM", "\ufeffHandle;Title;Variant Price\r\na;Ä;4,00\r\n", ("Ä", 400)),
    FileCase("semicolons with a point", "Handle;Title;Variant Price\r\na;A;4.00\r\n", ("A", 400)),
    FileCase("Windows-1252", f"{PLAIN}a,Café € “x”,4.00\r\n", ("Café € “x”", 400), encoding="cp1252"),
    FileCase("Windows-1252 with semicolons", "Handle;Title;Variant Price\r\na;Füße;1.234,50\r\n", ("Füße", 123450),
             encoding="cp1252"),
    FileCase("tabs", "Handle\tTitle\tVariant Price\r\na\tA, B\t4.00\r\n", ("A, B", 400)),
    FileCase("tabs in UTF-16, as Excel saves", "Handle\tTitle\tVariant Price\r\na\tÄ\t4,00\r\n", ("Ä", 400),
             encoding="utf-16"),
    FileCase("UTF-16 with the large end first", "\ufeffHandle\tTitle\tVariant Price\r\na\tÄ\t4.00\r\n", ("Ä", 400),
             encoding="utf-16-be"),
    FileCase("lines that end as on old Macs", "Handle,Title,Variant Price\ra,A,4.00\r", ("A", 400)),
    FileCase("lines that end as on Unix, the last one not", "Handle,Title,Variant Price\na,A,4.00", ("A", 400)),
    FileCase("blanks around headings and cells", "Handle , Title ,Variant Price  \r\n a , A  , 4.00 \r\n", ("A", 400)),
    FileCase("blank columns at the end", "Handle,Title,Variant Price,,\r\na,A,4.00,,\r\n,,,,\r\n", ("A", 400)),
    FileCase("fewer cells than headings", "Handle,Title,Variant Price,Vendor\r\na,A,4.00\r\n", ("A", 400)),
    FileCase("a blank line first", f"\r\n{PLAIN}a,A,4.00\r\n", ("A", 400)),
    FileCase("a line of separators first", f",,\r\n{PLAIN}a,A,4.00\r\n", ("A", 400)),
    FileCase("a separator line", "sep=;\r\nHandle;Title;Variant Price\r\na;A;4,00\r\n", ("A", 400)),
    FileCase("blanks behind a closing quotation mark", f'{PLAIN}a ,"A"  ,4.00\r\n', ("A", 400)),
    FileCase("a wide blank behind a closing quotation mark", f'{PLAIN}a,"A, B"\u3000,4.00\r\n', ("A, B", 400)),
    FileCase("a tab behind a closing quotation mark", f'{PLAIN}a,"A, B"\t,4.00\r\n', ("A, B", 400)),
    FileCase("inches inside quotation marks", f'{PLAIN}a,"12" pipe",4.00\r\n', ('12 pipe"', 400)),
    FileCase("inches without quotation marks", f'{PLAIN}a,12" pipe,4.00\r\n', ('12" pipe', 400)),
    FileCase("doubled quotation marks", f'{PLAIN}a,"A ""B""",4.00\r\n', ('A "B"', 400)),
    FileCase("typographic quotation marks are letters", f"{PLAIN}a,“A”,4.00\r\n", ("“A”", 400)),
    FileCase("a line break in a title", f'{PLAIN}a,"A\r\nB",4.00\r\n', ("A B", 400)),
    FileCase("a blank that does not break behind a price", f"{PLAIN}a,A,4.00\u00a0\r\n", ("A", 400)),
    FileCase("narrow blanks between thousands", "Handle;Title;Variant Price\r\na;A;1\u202f234,50\r\n", ("A", 123450)),
    FileCase("apostrophes between thousands", f"{PLAIN}a,A,1'234.50\r\n", ("A", 123450), "CHF"),
    FileCase("yen with zeros behind the point", f"{PLAIN}a,A,1200.00\r\n", ("A", 1200), "JPY"),
    FileCase("dinars with three decimals", f"{PLAIN}a,A,1.234\r\n", ("A", 1234), "KWD"),
    FileCase("full-width digits", f"{PLAIN}a,A,１２００\r\n", ("A", 1200), "JPY"),
    FileCase("the sign of the currency", f"{PLAIN}a,A,€4.00\r\n", ("A", 400)),
    FileCase("the code of the currency", f"{PLAIN}a,A,4.00 EUR\r\n", ("A", 400)),
    FileCase("the sign as it is written at home", 'Handle;Title;Variant Price\r\na;A;49,90 kr\r\n', ("A", 4990), "SEK"),
    FileCase("the sign of yen in full width", f"{PLAIN}a,A,￥1200\r\n", ("A", 1200), "JPY"),
    FileCase("the sign of another currency", f"{PLAIN}a,A,$4.00\r\n", None),
    FileCase("WooCommerce in English", "ID,Type,SKU,Name,Published,Regular price\r\n1,simple,A,Mug,1,4.00\r\n",
             ("Mug", 400)),
    FileCase("WooCommerce in German", "ID,Typ,Artikelnummer,Name,Veröffentlicht,Regulärer Preis\r\n"
             '1,simple,A,Mug,1,"4,00"\r\n', ("Mug", 400)),
    FileCase("WooCommerce in French", 'ID,Type,UGS,Nom,Publié,Tarif régulier\r\n1,simple,A,Mug,1,"4,00"\r\n',
             ("Mug", 400)),
    FileCase("WooCommerce in Spanish", 'ID,Tipo,SKU,Nombre,Publicado,Precio normal\r\n1,simple,A,Mug,1,"4,00"\r\n',
             ("Mug", 400)),
    FileCase("WooCommerce in Italian", 'ID,Tipo,COD,Nome,Pubblicato,Prezzo di listino\r\n1,simple,A,Mug,1,"4,00"\r\n',
             ("Mug", 400)),
    FileCase("WooCommerce in Japanese", "ID,タイプ,商品コード,名前,公開済み,通常価格\r\n1,simple,A,Mug,1,400\r\n",
             ("Mug", 400), "JPY"),
    FileCase("WooCommerce with semicolons", "\ufeffID;Type;SKU;Name;Published;Regular price\r\n"
             "1;simple;A;Mug;1;4,00\r\n", ("Mug", 400)),
    FileCase("WooCommerce with a rounded code", "ID,Type,SKU,Name,Published,Regular price\r\n"
             "1,simple,4.0E12,Mug,1,4.00\r\n", None),
    FileCase("yen with decimals", f"{PLAIN}a,A,1200.50\r\n", None, "JPY"),
    FileCase("dinars with four decimals", f"{PLAIN}a,A,1.2345\r\n", None, "KWD"),
    FileCase("a negative price", f"{PLAIN}a,A,-4.00\r\n", None),
    FileCase("a price that could be a thousand times another", f"{PLAIN}a,A,1.250\r\n", None),
)  # fmt: skip


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.source)
def test_a_file_is_read_as_it_is_written(case: FileCase) -> None:
    content = case.content.encode(case.encoding)
    (found,) = open_catalogue(stream(content), case.currency, file_format="", today=TODAY)
    assert isinstance(found, ParsedProduct) == (case.right is not None)
    if isinstance(found, ParsedProduct):
        assert (found.title, found.variants[0].price) == case.right


@dataclass(frozen=True)
class StatusCase:
    """What WooCommerce says about a product, and whether it is for sale here."""

    published: str
    visibility: str
    price: str
    status: str
    source: str


STATUSES = (
    StatusCase("1", "visible", "4.00", "active", "published"),
    StatusCase("1", "search", "4.00", "draft", "in no list there"),
    StatusCase("1", "hidden", "4.00", "draft", "hidden"),
    StatusCase("0", "visible", "4.00", "draft", "private"),
    StatusCase("-1", "visible", "4.00", "draft", "a draft"),
    StatusCase("1", "visible", "", "draft", "without a price"),
)


@pytest.mark.parametrize("case", STATUSES, ids=lambda case: case.source)
def test_a_woocommerce_product_is_as_public_as_it_was(case: StatusCase) -> None:
    content = (
        "ID,Type,SKU,Name,Published,Visibility in catalog,Regular price\r\n"
        f"1,simple,A,Mug,{case.published},{case.visibility},{case.price}\r\n"
    )
    (found,) = open_catalogue(stream(content), "EUR", file_format="", today=TODAY)
    assert isinstance(found, ParsedProduct), found
    assert found.status == case.status


@dataclass(frozen=True)
class CellCase:
    """A cell of a column and what it is read as: the units of stock or the code; None where it is refused."""

    column: str
    cell: str
    right: Any
    source: str


CELLS = (
    CellCase("quantity", "-2", 0, "oversold by two"),
    CellCase("quantity", "\u22123", 0, "a minus sign"),
    CellCase("quantity", "-1.0", 0, "with a decimal"),
    CellCase("quantity", "3.0", 3, "a whole number with a decimal"),
    CellCase("quantity", "1,000", 1000, "thousands"),
    CellCase("quantity", " 4 ", 4, "blanks"),
    CellCase("quantity", "４", 4, "full width"),
    CellCase("quantity", "2.5", None, "half a unit"),
    CellCase("quantity", "1.000", None, "one unit, or a thousand"),
    CellCase("quantity", "-1.000", None, "the same below zero"),
    CellCase("quantity", "1e3", None, "scientific notation"),
    CellCase("quantity", "many", None, "a word"),
    CellCase("sku", "4.00638E+12", None, "rounded by Excel"),
    CellCase("sku", "4,00638E+12", None, "rounded by Excel with a decimal comma"),
    CellCase("sku", "4E+12", None, "rounded by Excel to one digit"),
    CellCase("sku", "1.0E+10", None, "rounded by Excel to two digits"),
    CellCase("sku", "4.00638e+12", None, "small letter"),
    CellCase("sku", "4.00638E12", None, "as Java writes a number"),
    CellCase("sku", "-4.0E+12", None, "negative"),
    CellCase("sku", "'4.00638E+12", None, "marked as text after it was rounded"),
    CellCase("sku", "#REF!", None, "the error of a formula"),
    CellCase("sku", "#NAME?", None, "the error of a formula"),
    CellCase("sku", "12E3", "12E3", "a code"),
    CellCase("sku", "1E5", "1E5", "a code"),
    CellCase("sku", "E+12", "E+12", "a code"),
    CellCase("sku", '="00123"', "00123", "kept from a spreadsheet"),
    CellCase("sku", "'00123", "00123", "kept from a spreadsheet by an apostrophe"),
    CellCase("sku", "00123", "00123", "zeros first"),
    CellCase("barcode", '="00456"', "00456", "kept from a spreadsheet"),
    CellCase("barcode", "4006381333931.0", "4006381333931", "a number with a decimal"),
    CellCase("barcode", "4006381333931.00", "4006381333931", "a number with two decimals"),
    CellCase("barcode", "4.00638E+12", "", "rounded: left out and noted"),
)


@pytest.mark.parametrize("case", CELLS, ids=lambda case: f"{case.column} {case.cell} {case.source}")
def test_a_cell_is_read_or_refused(case: CellCase) -> None:
    quoted = '"' + case.cell.replace('"', '""') + '"'
    cells = {"sku": "SKU", "quantity": "1", "barcode": "", case.column: quoted}
    row = f"a,A,{cells['sku']},4.00,{cells['quantity']},{cells['barcode']}\r\n"
    content = COUNTED.replace("\r\n", ",Variant Barcode\r\n") + row
    (found,) = open_catalogue(stream(content), "EUR", file_format="", today=TODAY)
    if case.right is None:
        assert not isinstance(found, ParsedProduct)
        assert [error.value for error in found.errors] == [case.cell.strip()]
    else:
        assert isinstance(found, ParsedProduct), found
        assert getattr(found.variants[0], case.column) == case.right


def test_a_formula_without_doubled_quotation_marks_is_a_code() -> None:
    content = f'{COUNTED}a,A,="00123",4.00,1\r\n'
    (found,) = open_catalogue(stream(content), "EUR", file_format="", today=TODAY)
    assert isinstance(found, ParsedProduct)
    assert found.variants[0].sku == "00123"


# --- files that are not taken ------------------------------------------------------------------------


@dataclass(frozen=True)
class RefusedCase:
    """A file that is not taken, and a part of the reason."""

    source: str
    content: str
    reason: str


REFUSED = (
    RefusedCase("an unclosed quotation mark", f'{PLAIN}a,"A,4.00\r\n', "Row 2"),
    RefusedCase("a WordPress export", '<?xml version="1.0" encoding="UTF-8"?>\n<rss></rss>\n', "XML"),
    RefusedCase("a web page", "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "web page"),
    RefusedCase("prices under another heading", "Handle,Title,price,variantFacets\r\na,A,1,x\r\n", "'price'"),
    RefusedCase("headings in capitals", "HANDLE,TITLE,VARIANT PRICE\r\na,A,1\r\n", "'HANDLE' → 'Handle'"),
    RefusedCase("nothing", "", "empty"),
)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.source)
def test_a_file_that_is_not_taken_is_refused_with_the_reason(case: RefusedCase) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        list(open_catalogue(stream(case.content), "EUR", file_format="", today=TODAY))
    assert case.reason in describe(refusal.value)


# --- what an import leaves alone ---------------------------------------------------------------------

COLUMNS = (
    "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Variant Grams", "Variant Inventory Policy",
    "Variant Price", "Variant Compare At Price", "Variant Barcode", "Variant Requires Shipping", "Variant Taxable",
    "Image Src", "Image Alt Text", "Variant Image", "Status", "SEO Title", "SEO Description", "Cost per item",
    "Unit Price Total Measure", "Variant Inventory Qty", "Allergens (product.metafields.custom.allergens)",
)  # fmt: skip
"""Columns that a file can lack."""


@pytest.mark.parametrize("column", COLUMNS)
def test_a_file_that_lacks_one_column_leaves_its_field_alone(app: Flask, column: str) -> None:
    with open_shop(app, "EUR"):
        run(FULL)
        before = facts()
        assert column in FULL
        stock = db.session.scalar(select(StockItem.on_hand))
        # An old export says whether a product is active by 'Published' alone.
        lacking = {"Status", "Published"} if column == "Status" else {column}
        report = run({name: cell for name, cell in FULL.items() if name not in lacking})
        assert (facts(), db.session.scalar(select(StockItem.on_hand))) == (before, stock)
        assert report.changes == []


@dataclass(frozen=True)
class ImportCase:
    """A file, what is then in the shop, and the codes of notes that have to be among those of the report."""

    source: str
    content: str
    stock: dict[str, int]
    notes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    currency: str = "EUR"


IMPORTS = (
    ImportCase("negative stock", f"{COUNTED}a,A,A,4.00,-2\r\n", {"A": 0}, ("oversold",)),
    ImportCase("negative stock in yen", f"{COUNTED}a,A,A,400,-1\r\nb,B,B,400,3\r\n", {"A": 0, "B": 3}, ("oversold",),
               currency="JPY"),
    ImportCase("the same SKU twice", f"{COUNTED}a,A,A,4.00,1\r\nb,B,A,4.00,2\r\n", {"A": 1, "b": 2}, ("duplicate_sku",),
               {"duplicate_sku": "blank"}),
    ImportCase("no stock column, counted as 0", f"{PLAIN}a,A,4.00\r\n", {"a": 0}, ("no_stock_column",),
               {"missing_stock": "zero"}),
    ImportCase("no stock column, not tracked", f"{PLAIN}a,A,4.00\r\n", {"a": 0}, ("not_counted",),
               {"missing_stock": "untracked"}),
    ImportCase("no stock column, waiting for the stock file", f"{PLAIN}a,A,4.00\r\n", {}, ("waiting_for_stock",),
               {"missing_stock": "wait"}),
    ImportCase("Windows-1252 with semicolons", "Handle;Title;Variant SKU;Variant Price;Variant Inventory Qty\r\n"
               "a;A;A;1,50;7\r\n", {"A": 7}, ("delimiter",)),
)  # fmt: skip


@pytest.mark.parametrize("case", IMPORTS, ids=lambda case: case.source)
def test_an_import_says_what_it_decided(app: Flask, case: ImportCase) -> None:
    with open_shop(app, case.currency):
        report = import_catalogue(
            stream(case.content), file_name="file.csv", stock=CatalogueStock(), actor="system", **case.options
        )
        found = db.session.execute(
            select(Variant.sku, StockItem.on_hand).join(StockItem, StockItem.variant_id == Variant.id)
        ).all()
        assert dict(map(tuple, found)) == case.stock
        assert set(case.notes) <= report.notes.keys()
        assert report.errors == []


@dataclass(frozen=True)
class HandleCase:
    """A handle of a file and the last part of the address that the product gets."""

    handle: str
    slug: str
    source: str


HANDLES = (
    HandleCase("mug", "mug", "plain"),
    HandleCase("❄️-x", "x", "an emoji with an invisible selector"),
    HandleCase("x-👩\u200d👩", "x", "two emoji that are joined"),
    HandleCase("Mug_Größe", "mug_grosse", "capitals and umlauts"),
    HandleCase("煎茶", "煎茶", "Japanese"),
)


@pytest.mark.parametrize("case", HANDLES, ids=lambda case: case.source)
def test_a_handle_becomes_a_clean_address(app: Flask, case: HandleCase) -> None:
    with open_shop(app, "EUR"):
        run(FULL | {"Handle": case.handle})
        slug = db.session.scalars(select(Product.slug)).one()
        assert slug == case.slug
        assert slug.isprintable()


# --- stock files -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StockCase:
    """A stock file for a mug of which 7 are there, and the units afterwards; None where its row is refused."""

    source: str
    content: str
    units: int | None
    encoding: str = "utf-8"


SHOPIFY_STOCK = "Handle,Title,Option1 Name,Option1 Value,SKU,Location,On hand (new),On hand (current)\r\n"
STOCK = (
    StockCase("commas", "SKU,On hand\nMUG,3\n", 3),
    StockCase("semicolons after a BOM", "\ufeffSKU;On hand\r\nMUG;4\r\n", 4),
    StockCase("tabs", "SKU\tOn hand\r\nMUG\t5\r\n", 5),
    StockCase("UTF-16", "SKU\tOn hand\r\nMUG\t6\r\n", 6, "utf-16"),
    StockCase("Windows-1252", "SKU,On hand,Title\r\nMUG,8,Café\r\n", 8, "cp1252"),
    StockCase("blanks around", "SKU , On hand \r\n MUG , 8 \r\n", 8),
    StockCase("blanks behind quotation marks", 'SKU,On hand\r\n"MUG"  ,"9" \r\n', 9),
    StockCase("a blank line first", "\r\nSKU,On hand\r\nMUG,11\r\n", 11),
    StockCase("headings in small letters", "sku,on hand\nMUG,3\n", 3),
    StockCase("a negative count", "SKU,On hand\r\nMUG,-2\r\n", 0),
    StockCase("a negative count with a minus sign", "SKU,On hand\r\nMUG,\u22122\r\n", 0),
    StockCase("thousands", 'SKU,On hand\r\nMUG,"1,000"\r\n', 1000),
    StockCase("a whole number with a decimal", "SKU,On hand\r\nMUG,3.0\r\n", 3),
    StockCase("a code kept from a spreadsheet", 'SKU,On hand\r\n="MUG",2\r\n', 2),
    StockCase("half a unit", "SKU,On hand\r\nMUG,2.5\r\n", None),
    StockCase("a code that a spreadsheet rounded", "SKU,On hand\r\n4.00638E+12,2\r\n", None),
    StockCase("a code that a program rounded", "SKU,On hand\r\n4.00638E12,2\r\n", None),
    StockCase("an unknown code", "SKU,On hand\r\nNONE,2\r\n", None),
    StockCase("nothing new, the present count filled", f"{SHOPIFY_STOCK}mug,Mug,,,MUG,main,,12\r\n", 12),
    StockCase("a new count", f"{SHOPIFY_STOCK}mug,Mug,,,MUG,main,13,12\r\n", 13),
    StockCase("no SKU, matched by handle", f"{SHOPIFY_STOCK}mug,Mug,Title,Default Title,,main,14,12\r\n", 14),
    StockCase("a location that is not here", f"{SHOPIFY_STOCK}mug,Mug,,,MUG,Atlantis,15,12\r\n", None),
)


@pytest.mark.parametrize("case", STOCK, ids=lambda case: case.source)
def test_a_stock_file_sets_what_it_says(app: Flask, case: StockCase) -> None:
    with open_shop(app, "EUR"):
        run(FULL | {"Variant Inventory Qty": "7"})
        plan = plan_stock(stream(case.content.encode(case.encoding)))
        assert any(line.problem for line in plan.lines) == (case.units is None)
        apply_stock(plan, actor="system", reference="stock.csv")
        assert db.session.scalar(select(StockItem.on_hand)) == (7 if case.units is None else case.units)


@pytest.mark.parametrize(
    "content",
    ["", "SKU,On hand\r\n", "SKU,On hand\r\nMUG,\r\n", f"{SHOPIFY_STOCK}mug,Mug,,,MUG,main,,\r\n"],
)
def test_a_stock_file_without_a_count_is_an_error(app: Flask, content: str) -> None:
    with open_shop(app, "EUR"), pytest.raises(UnreadableFile):
        plan_stock(stream(content))
