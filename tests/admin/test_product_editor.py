"""The editor of a product: pictures, stock, address and every field; what two people change is shown side by side."""

import io
import uuid
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select

from commerce.catalog.models import Product, ProductImage, ProductRedirect, Variant
from commerce.db import atomic, db
from commerce.inventory.models import StockItem, StockMovement
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.shop import Sold, change_stock, make_product
from tests.security.walk import Reader
from tests.support.client import ShopClient

pytestmark = pytest.mark.usefixtures("no_files_left")


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", price=1250, stock=10)


def photo(color: str = "navy", size: tuple[int, int] = (40, 20)) -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "PNG")
    file.seek(0)
    return file


def filled(client: ShopClient, slug: str = "green-tea") -> dict[str, Any]:
    """Return what the page's form would send."""
    address = f"/admin/products/{slug}"
    forms = Reader(address, client.get(address).text).forms
    return dict(next(each for each in forms if each.action.endswith(address)).values)


def send(client: ShopClient, data: dict[str, Any], slug: str = "green-tea") -> Any:
    data = {**data, "csrf_token": client.csrf_token()}
    return client.post(f"/admin/products/{slug}", data=data, content_type="multipart/form-data")


def named(data: dict[str, Any], ending: str) -> str:
    """Return the name of the only field that ends so."""
    (name,) = (each for each in data if each.endswith(f"-{ending}"))
    return name


def product() -> Product:
    db.session.close()
    return db.session.scalars(select(Product)).one()


def images() -> list[ProductImage]:
    db.session.close()
    return list(db.session.scalars(select(ProductImage).order_by(ProductImage.position)))


def on_hand(sold: Sold) -> int:
    db.session.close()
    return db.session.scalars(select(StockItem.on_hand).where(StockItem.variant_id == sold.variant_id)).one()


def test_saving_what_is_there_changes_nothing_at_all(desk: ShopClient, tea: Sold) -> None:
    send(desk, {**filled(desk), "description": "One & two.\n\nThree."})
    before = product().version
    assert filled(desk)["description"].strip() == "One & two.\n\nThree.", "as it was typed"
    assert "No changes to save." in desk.get(send(desk, filled(desk)).location).text
    assert product().version == before


def test_all_that_is_said_of_a_product_and_its_variant_is_kept(desk: ShopClient, tea: Sold) -> None:
    data = filled(desk)
    data |= {
        "product_type": " Green tea ",
        "vendor": "Uji",
        "tags": "green, loose",
        "seo_title": "Tea",
        "seo_description": "Good tea.",
    }
    data |= {named(data, "unit_cost"): "3.10", named(data, "barcode"): "490", named(data, "sku"): "TEA-2"}
    data |= {named(data, "weight_grams"): "120", named(data, "compare_at"): "15"}
    del data[named(data, "requires_shipping")]
    assert send(desk, data).status_code == 303
    row = product()
    assert (row.product_type, row.vendor, row.tags, row.seo_title) == (
        "Green tea",
        "Uji",
        ["green", "loose"],
        "Tea",
    )
    page = desk.get("/admin/products/green-tea").text
    assert '<datalist id="known-types"><option value="Green tea">' in page
    assert '<datalist id="known-vendors"><option value="Uji">' in page
    variant = db.session.scalars(select(Variant)).one()
    assert (variant.unit_cost, variant.barcode, variant.sku) == (310, "490", "TEA-2")
    assert (variant.weight_grams, variant.compare_at, variant.requires_shipping) == (120, 1500, False)


def test_a_renamed_address_leads_on_with_301_and_can_come_back(desk: ShopClient, tea: Sold) -> None:
    answer = send(desk, {**filled(desk), "slug": "sencha"})
    assert answer.location == "/admin/products/sencha"
    moved = desk.get("/products/green-tea?a=b")
    assert (moved.status_code, moved.location) == (301, "/products/sencha?a=b")
    send(desk, {**filled(desk, "sencha"), "slug": "gyokuro"}, "sencha")
    assert desk.get("/products/green-tea").location == "/products/gyokuro", "without a detour"
    send(desk, {**filled(desk, "gyokuro"), "slug": "green-tea"}, "gyokuro")
    assert desk.get("/products/green-tea").status_code == 200
    assert desk.get("/products/gyokuro").location == "/products/green-tea"
    slugs = set(db.session.scalars(select(ProductRedirect.slug)))
    assert slugs == {"sencha", "gyokuro"}


def test_an_address_or_sku_of_another_product_is_refused_at_its_field(desk: ShopClient, tea: Sold) -> None:
    make_product("Kettle", sku="KET-1")
    data = filled(desk)
    answer = send(desk, {**data, "slug": "kettle"})
    assert (answer.status_code, 'id="slug-error"' in answer.text) == (422, True)
    sku = named(data, "sku")
    answer = send(desk, {**data, sku: "KET-1", "vendor": "Typed"})
    assert (answer.status_code, f'id="{sku}-error"' in answer.text) == (422, True)
    assert 'value="Typed"' in answer.text
    assert db.session.scalar(select(func.count()).select_from(ProductRedirect)) == 0


def test_pictures_are_added_described_ordered_replaced_and_removed(desk: ShopClient, tea: Sold) -> None:
    atomic(_second_variant)(tea.product_id)
    files = [(photo(color), f"{color}.png") for color in ("red", "green", "blue")]
    assert send(desk, {**filled(desk), "pictures": files}).status_code == 303
    red, green, blue = images()
    keys = {each.id: f"p{each.id.hex}" for each in (red, green, blue)}
    data = filled(desk)
    data |= {f"{keys[blue.id]}-position": "1", f"{keys[blue.id]}-alt": "Blue tea"}
    data |= {f"{keys[red.id]}-position": "2", f"{keys[green.id]}-remove": "1"}
    data[f"{keys[red.id]}-file"] = (photo("white", (10, 30)), "white.png")
    data |= {"do": "bulk", "pick": str(tea.variant_id), "bulk_picture": str(red.id)}
    assert send(desk, data).status_code == 303
    first, second = images()
    assert (first.id, first.alt, first.position) == (blue.id, "Blue tea", 0)
    assert (second.id, second.width, second.height) == (red.id, 10, 30)
    assert second.file != red.file
    chosen = select(Variant.image_id).where(Variant.id == tea.variant_id)
    assert db.session.scalars(chosen).one() == red.id, "a replaced picture stays the variant's"
    assert second.file in desk.get("/products/green-tea").text
    data = filled(desk) | {f"{keys[red.id]}-remove": "1"}
    assert send(desk, data).status_code == 303
    db.session.close()
    assert db.session.scalars(chosen).one() is None


def test_a_picture_of_another_product_is_nobodys_here(desk: ShopClient, tea: Sold) -> None:
    kettle = make_product("Kettle", sku="KET-1")
    image_id = atomic(_give_picture)(kettle.product_id)
    atomic(_second_variant)(tea.product_id)
    send(desk, filled(desk) | {"pictures": [(photo(), "x.png")]})
    data = filled(desk) | {"do": "bulk", "pick": str(tea.variant_id), "bulk_picture": str(image_id)}
    assert send(desk, data).status_code == 422
    assert {*db.session.scalars(select(Variant.image_id))} == {None}


def _give_picture(product_id: uuid.UUID) -> uuid.UUID:
    image = ProductImage(product_id=product_id, file="x.webp", width=1, height=1)
    db.session.add(image)
    db.session.flush()
    return image.id


def test_too_many_pictures_are_refused_and_nothing_else_is_saved(desk: ShopClient, tea: Sold) -> None:
    for _ in range(100):
        atomic(_give_picture)(tea.product_id)
    answer = send(desk, {**filled(desk), "title": "Other", "pictures": [(photo(), "x.png")]})
    assert answer.status_code == 422
    assert "up to 100 pictures" in answer.text
    assert product().title == "Green tea"


def test_stock_stands_beside_the_price_and_is_counted_with_its_reason(desk: ShopClient, tea: Sold) -> None:
    data = filled(desk)
    assert data[named(data, "on_hand")] == "10"
    assert send(desk, {**data, named(data, "on_hand"): "25"}).status_code == 303
    assert on_hand(tea) == 25
    last = db.session.scalars(select(StockMovement).order_by(StockMovement.id.desc()).limit(1)).one()
    assert (last.delta, last.cause, last.actor) == (15, "count", "Bob")


def test_units_that_were_sold_meanwhile_are_shown_beside_the_typed_ones(desk: ShopClient, tea: Sold) -> None:
    data = filled(desk)
    change_stock(tea, -3)
    answer = send(desk, {**data, named(data, "on_hand"): "25", "vendor": "Typed"})
    assert answer.status_code == 409
    assert "TEA-1, On hand" in answer.text
    assert 'value="Typed"' in answer.text
    assert on_hand(tea) == 7
    form = next(f for f in Reader("/x", answer.text).forms if f.action.endswith("/admin/products/green-tea"))
    assert send(desk, form.values).status_code == 303, "who saves again has seen it"
    assert on_hand(tea) == 25


def test_stock_that_nobody_touched_is_left_alone(desk: ShopClient, tea: Sold) -> None:
    data = filled(desk)
    change_stock(tea, -3)
    assert send(desk, {**data, "vendor": "Uji"}).status_code == 303
    assert on_hand(tea) == 7


def test_whoever_may_only_look_sees_no_button_and_changes_nothing(signed_in: SignedIn, tea: Sold) -> None:
    support = signed_in("support")
    assert "Your role can view but not change this." in support.get("/admin/products/green-tea").text
    assert send(support, {"title": "Mine", "version": "1"}).status_code == 403
    assert product().title == "Green tea"


def test_a_product_with_several_variants_keeps_what_its_grid_does_not_show(
    desk: ShopClient, tea: Sold
) -> None:
    atomic(_second_variant)(tea.product_id)
    data = filled(desk)
    prices = sorted(name for name in data if name.endswith("-price"))
    assert len(prices) == 2
    assert send(desk, {**data, prices[0]: "9.00", prices[1]: "9.00"}).status_code == 303
    db.session.close()
    rows = db.session.execute(
        select(Variant.price, Variant.barcode, Variant.weight_grams).order_by(Variant.sku)
    )
    assert [tuple(row) for row in rows] == [(900, "", 100), (900, "777", 250)]


def _second_variant(product_id: uuid.UUID) -> None:
    row = db.session.scalars(select(Product).where(Product.id == product_id)).one()
    row.option_names = ["Size"]
    first = db.session.scalars(select(Variant).where(Variant.product_id == product_id)).one()
    first.option_values = ["S"]
    db.session.add(
        Variant(
            product_id=product_id,
            sku="TEA-9",
            price=1,
            barcode="777",
            weight_grams=250,
            option_values=["L"],
            position=1,
        )
    )
