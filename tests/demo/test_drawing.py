"""Every picture of the demo shops can be drawn, in its size, the same each time."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat

from commerce.demo import drawing
from commerce.demo.drawing import HERO_SIZE, SIZE, draw, draw_hero
from commerce.demo.shops import SHOPS
from commerce.demo.spec import DemoPicture, DemoProduct, DemoShop

PRODUCTS = [
    pytest.param(product, id=f"{shop.code}-{product.slug}") for shop in SHOPS for product in shop.products
]


def opened(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    assert picture.format == "WEBP"
    return picture.convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures per channel, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_picture_of_a_product_draws_and_looks_different(product: DemoProduct) -> None:
    drawn = []
    for picture in product.pictures:
        data = draw(picture)
        assert 3_000 < len(data) < 40_000
        drawn.append(opened(data))
    for number, picture in enumerate(drawn):
        assert picture.size == SIZE
        middle = picture.crop((200, 200, 600, 600))
        assert max(ImageStat.Stat(middle).stddev) > 5, "nothing stands in the middle"
        assert all(difference(picture, other) > 2 for other in drawn[:number])


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.code)
def test_the_wide_picture_fits_the_home_page(shop: DemoShop) -> None:
    data = draw_hero(shop)
    assert len(data) < 90_000
    assert opened(data).size == HERO_SIZE


def test_a_picture_has_the_same_bytes_each_time() -> None:
    picture = SHOPS[1].products[0].pictures[0]
    first = draw(picture)
    drawing._scene.cache_clear()
    drawing.backdrop.cache_clear()
    assert draw(picture) == first


def test_the_variant_colour_is_seen_in_the_picture() -> None:
    picture = DemoPicture("mug", "A mug", "mug", "oat", (("body", "#bb2020"),))
    red = opened(draw(picture)).getpixel((330, 420))
    blue = opened(draw(replace(picture, colours=(("body", "#2020bb"),)))).getpixel((330, 420))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > red[2] + 60
    assert blue[2] > blue[0] + 60


def test_an_unknown_slot_is_refused() -> None:
    with pytest.raises(KeyError, match="mug has no slot spout"):
        draw(DemoPicture("mug", "A mug", "mug", "oat", (("spout", "#ffffff"),)))
