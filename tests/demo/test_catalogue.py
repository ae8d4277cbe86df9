"""The demo shops are complete, consistent and readable."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import product as combinations

import pytest

from commerce.demo import writing
from commerce.demo.drawing import BACKDROPS, FORMS
from commerce.demo.shops import SHOPS
from commerce.demo.spec import THEME_KEYS, TYPEFACES, DemoProduct, DemoShop

PRODUCTS = [
    pytest.param(shop, product, id=f"{shop.code}-{product.slug}")
    for shop in SHOPS
    for product in shop.products
]
SHOP_IDS = [shop.code for shop in SHOPS]
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


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
    assert [shop.code for shop in SHOPS] == ["demo", "tea"]
    assert [shop.currency for shop in SHOPS] == ["EUR", "JPY"]
    assert len(SHOPS[0].products) >= 28
    assert len(SHOPS[1].products) >= 20
    assert all(5 <= len(shop.categories) <= 7 for shop in SHOPS)


@pytest.mark.parametrize("shop", SHOPS, ids=SHOP_IDS)
def test_slugs_skus_and_picture_names_are_unique_in_a_shop(shop: DemoShop) -> None:
    slugs = [product.slug for product in shop.products]
    skus = [variant.sku for product in shop.products for variant in product.variants]
    for names in (
        slugs,
        skus,
        [category.slug for category in shop.categories],
        [p.title for p in shop.products],
    ):
        assert len(names) == len(set(names))
    assert all(SLUG.fullmatch(slug) for slug in slugs)
    assert all(re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+)+", sku) for sku in skus)
    for product in shop.products:
        assert len({picture.name for picture in product.pictures}) == len(product.pictures)


@pytest.mark.parametrize("shop", SHOPS, ids=SHOP_IDS)
def test_every_category_has_products_and_every_product_a_category(shop: DemoShop) -> None:
    known = {category.slug for category in shop.categories}
    used = [slug for product in shop.products for slug in product.categories]
    assert set(used) == known
    assert all(product.categories for product in shop.products)
    assert all(used.count(slug) >= 3 for slug in known)


@pytest.mark.parametrize(("shop", "product"), PRODUCTS)
def test_variants_match_the_option_axes(shop: DemoShop, product: DemoProduct) -> None:
    assert len(product.options) <= 3
    expected = list(combinations(*(values for _, values in product.options)))
    assert [variant.option_values for variant in product.variants] == expected
    for _, values in product.options:
        assert len(values) == len(set(values)) >= 2


@pytest.mark.parametrize(("shop", "product"), PRODUCTS)
def test_prices_weights_and_stock_are_plausible(shop: DemoShop, product: DemoProduct) -> None:
    low, high = (800, 30_000) if shop.currency == "EUR" else (400, 40_000)
    for variant in product.variants:
        assert low <= variant.price <= high
        assert variant.compare_at is None or variant.compare_at > variant.price
        assert 5 <= variant.weight_grams <= 5_000
        assert 0 <= variant.stock <= 100
        assert shop.currency != "JPY" or variant.price % 10 == 0


@pytest.mark.parametrize(("shop", "product"), PRODUCTS)
def test_a_variant_shows_a_picture_of_its_product(shop: DemoShop, product: DemoProduct) -> None:
    shown = {variant.picture for variant in product.variants}
    assert shown == set(range(len(product.pictures)))
    for picture in product.pictures:
        form = FORMS[picture.form]
        assert picture.backdrop in BACKDROPS
        assert {slot for slot, _ in picture.colours} <= set(form.colours)
        assert all(re.fullmatch(r"#[0-9a-f]{6}", code) for _, code in picture.colours)
        assert len(picture.alt) >= 15
        assert "{" not in picture.alt


@pytest.mark.parametrize(("shop", "product"), PRODUCTS)
def test_descriptions_are_whole_and_use_few_tags(shop: DemoShop, product: DemoProduct) -> None:
    tags = Tags()
    tags.feed(product.description_html)
    assert tags.sound
    assert not tags.open
    assert {"p", "ul", "li"} <= tags.seen <= {"p", "ul", "li", "strong", "em"}
    text = re.sub(r"<ul>.*", "", product.description_html)
    assert 2 <= len(re.findall(r"[.!?](?= |<)", text)) <= 5
    assert product.description_html.count("<li>") >= 3


def test_some_variants_are_sold_out_some_low_and_some_on_sale() -> None:
    for shop in SHOPS:
        variants = [variant for product in shop.products for variant in product.variants]
        assert sum(variant.stock == 0 for variant in variants) >= 3
        assert sum(1 <= variant.stock <= 3 for variant in variants) >= 5
        assert sum(variant.compare_at is not None for variant in variants) >= 4
        axes = {len(product.options) for product in shop.products}
        assert {0, 1, 2} <= axes
    assert any(len(product.options) == 3 for product in SHOPS[0].products)


@pytest.mark.parametrize("shop", SHOPS, ids=SHOP_IDS)
def test_theme_colours_have_enough_contrast(shop: DemoShop) -> None:
    theme = shop.theme
    assert tuple(theme) == THEME_KEYS
    assert theme["typeface"] in TYPEFACES
    for ground in (theme["paper"], theme["surface"]):
        assert contrast(theme["ink"], ground) >= 7
        assert contrast(theme["muted"], ground) >= 4.5
        assert contrast(theme["accent"], ground) >= 4.5
    assert contrast(theme["accent_ink"], theme["accent"]) >= 4.5


def test_the_shops_look_different() -> None:
    one, other = (shop.theme for shop in SHOPS)
    assert one["typeface"] != other["typeface"]
    assert contrast(one["accent"], one["paper"]) != contrast(other["accent"], other["paper"])
    assert one["accent"] != other["accent"]


def test_a_product_with_too_little_stock_information_is_refused() -> None:
    pictures = writing.shots("mug", "A mug in {}", ("Red", "oat", {}))
    sizes = writing.axis("Size", S="Small", L="Large")
    text = ("A mug.", "Big")
    with pytest.raises(ValueError, match="2 variants, stock for 1"):
        writing.product(
            "mug",
            "Mug",
            "table",
            "Kiln",
            *text,
            sku="M",
            price=9,
            grams=9,
            stock=[1],
            pictures=pictures,
            axes=[sizes],
        )
