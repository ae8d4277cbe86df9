"""A product is added from the browser: with pictures and variants at once, and nothing typed is lost by a refusal."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import func, select

from commerce.catalog.models import Category, Product, ProductCategory, ProductImage, Variant
from commerce.db import atomic, db
from commerce.inventory.locations import create_location
from commerce.inventory.models import StockItem
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import form_on, submit
from tests.factories.shop import make_product
from tests.support.client import ShopClient
from tests.support.html import find_all, parse

pytestmark = pytest.mark.usefixtures("no_files_left")
NEW = "/admin/new-product"
LEAST = {"title": "Blue mug", "price": "12.50", "status": "active", "tax_class": "standard"}


def photo(kind: str = "JPEG", size: tuple[int, int] = (40, 20), **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", size, "navy").save(file, kind, **options)
    file.seek(0)
    return file


def add(client: ShopClient, **changes: Any) -> Any:
    """Send the form as a browser does: `None` leaves a field out."""
    fields = {"requires_shipping": "y", **LEAST, **changes}
    data = {name: value for name, value in fields.items() if value is not None}
    data["csrf_token"] = client.csrf_token()
    return client.post(NEW, data=data, content_type="multipart/form-data")


def only_product() -> Product:
    db.session.close()
    return db.session.scalars(select(Product)).one()


def variants() -> list[Variant]:
    return list(db.session.scalars(select(Variant).order_by(Variant.position)))


def stock_of(variant: Variant) -> list[int]:
    return list(db.session.scalars(select(StockItem.on_hand).where(StockItem.variant_id == variant.id)))


def test_title_and_price_are_enough_and_the_editor_opens(desk: ShopClient, in_shop: Shop) -> None:
    before = get_shop(in_shop.id).catalogue_version
    page = desk.get("/admin/products").text
    assert page.count(f'href="{NEW}"') == 2, "beside the title, and in the empty list"
    answer = add(desk)
    assert (answer.status_code, answer.location) == (303, "/admin/products/blue-mug")
    assert "Product added." in desk.get(answer.location).text
    product = only_product()
    assert (product.title, product.slug, product.status) == ("Blue mug", "blue-mug", "active")
    (variant,) = variants()
    assert (variant.price, variant.sku, variant.requires_shipping) == (1250, "blue-mug", True)
    assert stock_of(variant) == [0]
    assert get_shop(in_shop.id).catalogue_version > before, "caches look again"
    assert desk.get("/products/blue-mug").status_code == 200


def test_products_may_have_the_same_title(desk: ShopClient, in_shop: Shop) -> None:
    for _ in range(4):
        assert add(desk).status_code == 303
    first = desk.get("/admin/products/blue-mug")
    for _ in range(3):
        copies = "/admin/products/blue-mug/copies"
        assert submit(desk, copies, form_on(first.text, copies)).status_code == 303
    db.session.close()
    assert len(set(db.session.scalars(select(Product.slug)))) == 7
    assert len({each.sku for each in variants()}) == 7


def test_everything_that_is_typed_is_kept(desk: ShopClient, in_shop: Shop) -> None:
    make_category("Cups", "cups")
    create_location("EAST", "East")
    create_location("WEST", "West")
    answer = add(
        desk,
        description="Two lines & more.\n\n<script>alert(1)</script>Second.",
        status="draft",
        compare_at="15,00",
        unit_cost="4.20",
        sku="MUG-1",
        barcode="4006381333931",
        weight_grams="350",
        tax_class="standard",
        requires_shipping=None,
        quantity="7",
        location="WEST",
        vendor="Kiln",
        tags="blue, gift",
        categories="cups",
        seo_title="Mugs to love",
        seo_description="Hand thrown.",
        slug="our-mug",
    )
    assert answer.location == "/admin/products/our-mug"
    product = only_product()
    assert "<script" not in product.description_html
    assert product.description_html.startswith("<p>Two lines &amp; more.</p>")
    assert (product.status, product.vendor, product.tags) == ("draft", "Kiln", ["blue", "gift"])
    assert (product.seo_title, product.seo_description) == ("Mugs to love", "Hand thrown.")
    (variant,) = variants()
    assert (variant.sku, variant.barcode, variant.weight_grams) == ("MUG-1", "4006381333931", 350)
    assert (variant.compare_at, variant.unit_cost, variant.requires_shipping) == (1500, 420, False)
    assert stock_of(variant) == [7]
    assert db.session.scalar(select(func.count()).select_from(ProductCategory)) == 1


@atomic
def make_category(name: str, slug: str) -> None:
    db.session.add(Category(name=name, slug=slug))


def test_options_make_the_grid_and_pictures_come_along(desk: ShopClient, in_shop: Shop) -> None:
    answer = add(
        desk,
        option1_name="Size",
        option1_values="S, M, L",
        option2_name="Color",
        option2_values="Red,Blue",
        quantity="4",
        sku="MUG",
        pictures=[(photo(), "one.jpg"), (photo("PNG", (10, 30)), "two.png")],
    )
    assert answer.status_code == 303, answer.text
    product = only_product()
    assert product.option_names == ["Size", "Color"]
    assert [each.option_values for each in variants()][:3] == [["S", "Red"], ["S", "Blue"], ["M", "Red"]]
    assert [each.sku for each in variants()][:2] == ["MUG-S-RED", "MUG-S-BLUE"]
    assert {tuple(stock_of(each)) for each in variants()} == {(4,)}
    images = db.session.scalars(select(ProductImage).order_by(ProductImage.position)).all()
    assert [(each.width, each.height, each.position) for each in images] == [(40, 20, 0), (10, 30, 1)]
    with desk.get(f"/media/{images[0].file}") as file:
        assert file.mimetype == "image/webp"


def test_a_photo_of_a_phone_stands_upright(desk: ShopClient, in_shop: Shop) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    add(desk, pictures=[(photo(exif=exif.tobytes()), "phone.jpg")])
    image = db.session.scalars(select(ProductImage)).one()
    assert (image.width, image.height) == (20, 40)


def test_a_refused_form_keeps_what_was_typed_and_its_pictures(desk: ShopClient, in_shop: Shop) -> None:
    answer = add(desk, title="", vendor="Kiln & Co", pictures=[(photo(), "one.jpg")])
    assert answer.status_code == 422
    assert "Title: Please enter a title." in answer.text
    assert 'value="Kiln &amp; Co"' in answer.text
    assert db.session.scalar(select(func.count()).select_from(Product)) == 0
    db.session.close()
    carried = {
        each.get("name", ""): each.get("value", "")
        for each in find_all(parse(answer), "input")
        if each.get("name", "").startswith("picture") and each.get("type") != "file"
    }
    again = add(desk, **{**carried, "picture-alt": "A mug", "picture-remove": None})
    assert again.status_code == 303
    image = db.session.scalars(select(ProductImage)).one()
    assert (image.alt, image.width) == ("A mug", 40)


@pytest.mark.parametrize(
    ("file", "name", "reason"),
    [
        (b"GIF89a not a picture", "x.gif", "x.gif: This file is damaged"),
        (
            b"\xff\xd8" + b"0" * 12_582_912,
            "big.jpg",
            "big.jpg: This image file is larger",
        ),
        (
            photo("PNG", (8000, 7000)).getvalue(),
            "huge.png",
            "huge.png: This image has more than 50 megapixels",
        ),
    ],
    ids=["type", "size", "dimensions"],
)
def test_what_is_no_picture_is_refused_with_its_name_and_the_reason(
    desk: ShopClient, in_shop: Shop, file: bytes, name: str, reason: str
) -> None:
    answer = add(desk, pictures=[(io.BytesIO(file), name), (photo(), "good.jpg")])
    assert answer.status_code == 422
    assert reason in answer.text
    assert 'name="picture" value="' in answer.text, "the good one is kept"
    assert db.session.scalar(select(func.count()).select_from(Product)) == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": "twelve"}, "Price:"),
        ({"price": "-1"}, "Price: This cannot be negative."),
        ({"quantity": "1.5"}, "Quantity:"),
        ({"weight_grams": "-3"}, "Weight (g):"),
        ({"status": "sold"}, "Please choose a status."),
        ({"tax_class": "NO!"}, "A tax class code"),
        ({"location": "NOWHERE"}, "location"),
        ({"slug": "Ünser Becher!"}, "such as unser-becher"),
        ({"categories": "no-such"}, "no-such"),
        ({"sku": "a//b"}, "SKU"),
        ({"option1_values": "S, M"}, "needs a name"),
        ({"option1_name": "Size", "option1_values": "S, s"}, "has a value twice"),
        (
            {
                "option1_name": "Size",
                "option1_values": "S",
                "option2_name": "size",
                "option2_values": "M",
            },
            "names must be different",
        ),
        (
            {
                "option1_name": "A",
                "option1_values": ",".join(map(str, range(50))),
                "option2_name": "B",
                "option2_values": ",".join(map(str, range(50))),
            },
            "up to 2048 variants",
        ),
        ({"title": "a" * 501}, "At most 500 characters."),
    ],
)
def test_what_makes_no_product_is_refused_at_its_field(
    desk: ShopClient, in_shop: Shop, changes: dict[str, str], reason: str
) -> None:
    answer = add(desk, **changes)
    assert answer.status_code in (404, 422), answer.status_code
    assert reason in answer.text
    assert db.session.scalar(select(func.count()).select_from(Product)) == 0


def test_a_taken_sku_or_address_is_said_at_its_field(desk: ShopClient, in_shop: Shop) -> None:
    make_product("Green tea", sku="TEA-1")
    for changes, field in (({"sku": "TEA-1"}, "sku"), ({"slug": "green-tea"}, "slug")):
        answer = add(desk, **changes)
        assert answer.status_code == 409
        assert f'id="{field}-error"' in answer.text
    assert add(desk, title="Green tea").location != "/admin/products/green-tea", "one is made that is free"
    assert db.session.scalar(select(func.count()).select_from(Product)) == 2


def test_the_limit_of_the_plan_is_said(desk: ShopClient, in_shop: Shop) -> None:
    atomic(lambda: db.session.get_one(Tenant, in_shop.id).__setattr__("max_products", 0))()
    answer = add(desk)
    assert answer.status_code == 422
    assert "Your plan includes 0 products" in answer.text


def test_only_those_who_may_change_products_add_them(signed_in: SignedIn, in_shop: Shop) -> None:
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        assert NEW not in client.get("/admin/products").text
        assert client.get(NEW).status_code == 403
        assert add(client).status_code == 403
    assert db.session.scalar(select(func.count()).select_from(Product)) == 0


def test_a_script_may_upload_beforehand_and_only_for_this_shop(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    def stage(client: ShopClient, file: io.BytesIO, name: str) -> Any:
        data = {"csrf_token": client.csrf_token(), "pictures": (file, name)}
        return client.post("/admin/product-pictures", data=data, content_type="multipart/form-data")

    assert stage(desk, io.BytesIO(b"no"), "x.jpg").status_code == 422
    assert stage(desk, io.BytesIO(b""), "").status_code == 422
    answer = stage(desk, photo(), "one.jpg")
    token = re.search(r'name="picture" value="([^"]+)"', answer.text)
    assert answer.status_code == 200
    assert token
    with shop_scope(other_shop):
        charlie = signed_in("owner", shop=other_shop)
        carried = {"picture": token[1], "picture-alt": "", "picture-position": "1"}
        assert add(charlie, price="12", **carried).status_code == 303
        assert db.session.scalar(select(func.count()).select_from(ProductImage)) == 0
    forged = {"picture": "gAAAAAB" + "x" * 60, "picture-alt": "", "picture-position": "1"}
    assert add(desk, **forged).status_code == 303
    assert db.session.scalar(select(func.count()).select_from(ProductImage)) == 0


def test_files_are_written_into_the_media_folder_of_the_shop(
    desk: ShopClient, app: Flask, in_shop: Shop
) -> None:
    add(desk, pictures=[(photo(), "../../evil.jpg")])
    file = db.session.scalars(select(ProductImage.file)).one()
    assert file.startswith(f"{in_shop.id}/")
    assert (Path(app.config["LOCKSTEP"].media) / file).is_file()
