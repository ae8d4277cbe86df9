"""The files of the demo shops are complete, consistent and readable."""

import re
from datetime import date
from html.parser import HTMLParser
from itertools import product as combinations
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest
from PIL import Image

from commerce.catalog_import.formats import open_catalogue
from commerce.catalog_import.parsed import NOTES, ParsedProduct
from commerce.demo.seed import FOLDER, SHOPS, DemoShop

THEME_KEYS = ("accent", "accent_ink", "paper", "ink", "muted", "line", "surface", "typeface")
TYPEFACES = ("serif", "sans", "rounded")
SHOP_IDS = [demo.catalogue for demo in SHOPS]
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read(demo: DemoShop) -> list[ParsedProduct]:
    """Return the products of a demo shop as the importer reads them; none of them is rejected."""
    with demo.products.open("rb") as stream:
        read = list(
            open_catalogue(stream, demo.settings["currency"], file_format="shopify", today=date(2026, 1, 1))
        )
    products = [each for each in read if isinstance(each, ParsedProduct)]
    assert products == read
    return products


CATALOGUES = {demo.catalogue: read(demo) for demo in SHOPS}
PRODUCTS = [
    pytest.param(demo, product, id=f"{demo.catalogue}-{product.slug}")
    for demo in SHOPS
    for product in CATALOGUES[demo.catalogue]
]


def file_of(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).name


def brightness(code: str) -> float:
    """Relative luminance as in WCAG 2.2."""
    parts = [int(code[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((brightness(one), brightness(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


class Tags(HTMLParser):
    """Collects the tags of a text and whether they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.sound = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.open.append(tag)
        self.sound = self.sound and not attrs

    def handle_endtag(self, tag: str) -> None:
        self.sound = self.sound and bool(self.open) and self.open.pop() == tag


def test_there_are_two_shops_and_the_first_one_fills_two_pages() -> None:
    assert [demo.settings["code"] for demo in SHOPS] == ["demo", "tea"]
    assert [demo.settings["currency"] for demo in SHOPS] == ["EUR", "JPY"]
    assert len(CATALOGUES["lindenrow"]) == 34
    assert len(CATALOGUES["asagiri"]) == 27
    assert all(5 <= len(demo.categories) <= 7 for demo in SHOPS)


@pytest.mark.parametrize("demo", SHOPS, ids=SHOP_IDS)
def test_titles_and_addresses_are_unique_and_the_importer_makes_no_slug_or_sku_itself(demo: DemoShop) -> None:
    products = CATALOGUES[demo.catalogue]
    for names in (
        [product.slug for product in products],
        [product.title for product in products],
        [slug for slug, _name, _description in demo.categories],
    ):
        assert len(names) == len(set(names))
    assert all(SLUG.fullmatch(product.handle) for product in products)
    skus = [variant.sku for product in products for variant in product.variants]
    assert all(re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+)+", sku) for sku in skus)
    remarks = {note.code for product in products for note in product.notes}
    assert remarks <= {"tax_class"} <= NOTES.keys()


@pytest.mark.parametrize("demo", SHOPS, ids=SHOP_IDS)
def test_every_category_has_products_and_every_product_a_category(demo: DemoShop) -> None:
    known = {slug for slug, _name, _description in demo.categories}
    products = CATALOGUES[demo.catalogue]
    used = [slug for product in products for slug in product.categories]
    assert set(used) == known
    assert all(product.categories for product in products)
    assert all(used.count(slug) >= 3 for slug in known)
    assert demo.promoted in known


@pytest.mark.parametrize(("demo", "product"), PRODUCTS)
def test_variants_are_every_combination_of_their_options(demo: DemoShop, product: ParsedProduct) -> None:
    values = [
        tuple(dict.fromkeys(variant.option_values[axis] for variant in product.variants))
        for axis in range(len(product.option_names))
    ]
    assert len(product.option_names) <= 3
    assert [variant.option_values for variant in product.variants] == list(combinations(*values))
    assert all(len(each) >= 2 for each in values)


@pytest.mark.parametrize(("demo", "product"), PRODUCTS)
def test_prices_weights_and_stock_are_plausible(demo: DemoShop, product: ParsedProduct) -> None:
    currency = demo.settings["currency"]
    low, high = (800, 30_000) if currency == "EUR" else (400, 40_000)
    taxed = {rule.tax_class for rule in demo.settings["taxes"]}
    for variant in product.variants:
        assert low <= variant.price <= high
        assert variant.compare_at_price is None or variant.compare_at_price > variant.price
        assert 5 <= variant.weight_grams <= 5_000
        assert 0 <= variant.quantity <= 100
        assert currency != "JPY" or variant.price % 10 == 0
        assert variant.tax_class in taxed


@pytest.mark.parametrize(("demo", "product"), PRODUCTS)
def test_a_variant_shows_a_picture_of_its_product(demo: DemoShop, product: ParsedProduct) -> None:
    pictures = [image.url for image in product.images]
    assert {variant.image_url for variant in product.variants} == set(pictures)
    for image in product.images:
        assert image.url.startswith(f"https://{demo.catalogue}.example/pictures/")
        assert len(image.alt) >= 15


@pytest.mark.parametrize("demo", SHOPS, ids=SHOP_IDS)
def test_every_picture_is_there_once_and_of_the_right_size(demo: DemoShop) -> None:
    named = [file_of(image.url) for product in CATALOGUES[demo.catalogue] for image in product.images]
    files = {path.name: path for path in demo.pictures.iterdir()}
    assert sorted([*named, "hero.webp"]) == sorted(files)
    contents = {path.read_bytes() for path in files.values()}
    assert len(contents) == len(files)
    for name, path in files.items():
        with Image.open(path) as picture:
            assert picture.format == "WEBP"
            assert picture.size == ((1600, 900) if name == "hero.webp" else (800, 800))
        assert 3_000 < path.stat().st_size < (90_000 if name == "hero.webp" else 40_000)


def test_all_pictures_together_stay_small_enough_for_a_clone() -> None:
    assert sum(path.stat().st_size for path in (FOLDER / "pictures").rglob("*.webp")) < 6_000_000


@pytest.mark.parametrize(("demo", "product"), PRODUCTS)
def test_descriptions_are_whole_and_use_few_tags(demo: DemoShop, product: ParsedProduct) -> None:
    tags = Tags()
    tags.feed(product.description_html)
    assert tags.sound
    assert not tags.open
    assert {"p", "ul", "li"} <= tags.seen <= {"p", "ul", "li", "strong", "em"}
    text = re.sub(r"<ul>.*", "", product.description_html)
    assert 2 <= len(re.findall(r"[.!?](?= |<)", text)) <= 5
    assert product.description_html.count("<li>") >= 3


@pytest.mark.parametrize("demo", SHOPS, ids=SHOP_IDS)
def test_some_variants_are_sold_out_some_low_and_some_on_sale(demo: DemoShop) -> None:
    products = CATALOGUES[demo.catalogue]
    variants = [variant for product in products for variant in product.variants]
    assert sum(variant.quantity == 0 for variant in variants) >= 3
    assert sum(1 <= variant.quantity <= 3 for variant in variants) >= 5
    assert sum(variant.compare_at_price is not None for variant in variants) >= 4
    assert {0, 1, 2} <= {len(product.option_names) for product in products}


def test_a_product_has_three_options() -> None:
    assert any(len(product.option_names) == 3 for product in CATALOGUES["lindenrow"])


@pytest.mark.parametrize("demo", SHOPS, ids=SHOP_IDS)
def test_theme_colors_have_enough_contrast(demo: DemoShop) -> None:
    theme = demo.settings["theme"]
    assert tuple(theme) == THEME_KEYS
    assert theme["typeface"] in TYPEFACES
    for ground in (theme["paper"], theme["surface"]):
        assert contrast(theme["ink"], ground) >= 7
        assert contrast(theme["muted"], ground) >= 4.5
        assert contrast(theme["accent"], ground) >= 4.5
    assert contrast(theme["accent_ink"], theme["accent"]) >= 4.5


def test_the_shops_look_different() -> None:
    one, other = (demo.settings["theme"] for demo in SHOPS)
    assert one["typeface"] != other["typeface"]
    assert contrast(one["accent"], one["paper"]) != contrast(other["accent"], other["paper"])
    assert one["accent"] != other["accent"]
