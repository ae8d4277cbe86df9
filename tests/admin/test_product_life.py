"""A product is duplicated, archived, scheduled and deleted; its options change without losing what was sold."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select, update

from commerce import clock
from commerce.accounts.models import AuditEntry
from commerce.catalog.models import Product, ProductImage, Variant
from commerce.catalog.publishing import publish_scheduled_products
from commerce.db import atomic, db
from commerce.inventory.models import StockItem, StockMovement
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from tests.admin.conftest import SignedIn
from tests.factories.orders import order_in
from tests.factories.shop import Sold, make_product
from tests.factories.staff import post
from tests.security.walk import Reader
from tests.support.client import ShopClient

PAGE = "/admin/products/green-tea"
OPTIONS = f"{PAGE}/options"


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", price=1250, stock=10)


def fields(client: ShopClient, path: str, action: str) -> dict[str, Any]:
    """Return what the form of a page would send."""
    forms = Reader(path, client.get(path).text).forms
    return dict(next(each for each in forms if each.action.endswith(action)).values)


def everything() -> dict[str, int]:
    db.session.close()
    models = (Product, Variant, ProductImage, StockItem, StockMovement)
    return {each.__name__: db.session.scalar(select(func.count()).select_from(each)) or 0 for each in models}


def variants() -> list[tuple[Any, ...]]:
    """Return options, price, SKU and whether it is sold, for each variant in its order."""
    db.session.close()
    rows = db.session.execute(
        select(Variant.option_values, Variant.price, Variant.sku, Variant.active).order_by(Variant.position)
    )
    return [tuple(row) for row in rows]


# --- duplicate, archive, delete ---------------------------------------------------------------------


def test_a_copy_is_a_draft_with_skus_of_its_own_and_no_stock(desk: ShopClient, tea: Sold) -> None:
    atomic(give_picture)(tea)
    answer = post(desk, f"{PAGE}/copies", {"version": "1"})
    assert answer.location == "/admin/products/copy-of-green-tea"
    assert "This is the copy." in desk.get(answer.location).text
    copy = db.session.scalars(select(Product).where(Product.slug == "copy-of-green-tea")).one()
    assert (copy.title, copy.status) == ("Copy of Green tea", "draft")
    row = db.session.scalars(select(Variant).where(Variant.product_id == copy.id)).one()
    assert (row.price, row.weight_grams) == (1250, 100)
    assert row.sku != "TEA-1"
    images = db.session.scalars(select(ProductImage).where(ProductImage.product_id == copy.id)).all()
    assert [(each.file, each.alt) for each in images] == [("x/y.webp", "Tea")]
    assert row.image_id == images[0].id
    units = select(StockItem.on_hand).where(StockItem.variant_id == row.id)
    assert db.session.scalars(units).one() == 0
    assert desk.get("/products/copy-of-green-tea").status_code == 404


def give_picture(sold: Sold) -> None:
    image = ProductImage(product_id=sold.product_id, file="x/y.webp", alt="Tea", width=1, height=1)
    db.session.add(image)
    db.session.flush()
    db.session.scalars(select(Variant)).one().image_id = image.id


def test_an_archived_product_leaves_the_shop_and_comes_back(desk: ShopClient, tea: Sold) -> None:
    form = fields(desk, PAGE, "/archive")
    assert post(desk, f"{PAGE}/archive", form).location == PAGE
    assert desk.get("/products/green-tea").status_code == 404
    assert f"{PAGE}/archive" not in desk.get(PAGE).text
    stale = post(desk, f"{PAGE}/archive", {"version": form["version"]})
    assert stale.status_code == 409


def test_what_was_never_sold_is_deleted_after_a_question_with_all_that_it_had(
    desk: ShopClient, tea: Sold, in_shop: Shop
) -> None:
    atomic(give_picture)(tea)
    make_product("Kettle", sku="KET-1", stock=3)
    before, version = everything(), get_shop(in_shop.id).catalogue_version
    form = fields(desk, PAGE, "/removal")
    asked = post(desk, f"{PAGE}/removal", form)
    assert "This cannot be undone." in asked.text
    assert everything() == before
    done = post(desk, f"{PAGE}/removal", {**form, "step": "confirm"})
    assert (done.status_code, done.location) == (303, "/admin/products")
    assert everything() == {
        "Product": 1,
        "Variant": 1,
        "ProductImage": 0,
        "StockItem": 1,
        "StockMovement": 1,
    }
    assert get_shop(in_shop.id).catalogue_version > version
    assert desk.get("/search?q=green").text.count("/products/green-tea") == 0
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.action, entry.subject) == ("product_delete", "green-tea")


def test_what_an_order_has_is_never_deleted(desk: ShopClient, tea: Sold) -> None:
    order_in("cancelled")
    before = everything()
    form = fields(desk, PAGE, "/removal")
    answer = post(desk, f"{PAGE}/removal", {**form, "step": "confirm"})
    assert answer.status_code == 422
    assert "Archive it instead." in answer.text
    assert everything() == before


def test_a_product_that_was_changed_meanwhile_is_not_deleted(desk: ShopClient, tea: Sold) -> None:
    form = fields(desk, PAGE, "/removal")
    post(desk, f"{PAGE}/archive", fields(desk, PAGE, "/archive"))
    assert post(desk, f"{PAGE}/removal", {**form, "step": "confirm"}).status_code == 409
    assert everything()["Product"] == 1


def test_only_those_who_may_change_products_do_any_of_it(signed_in: SignedIn, tea: Sold) -> None:
    before = everything()
    for role in ("support", "fulfilment", "readonly"):
        client = signed_in(role)
        for action in ("copies", "archive", "removal", "options"):
            assert post(client, f"{PAGE}/{action}", {"version": "1", "step": "confirm"}).status_code == 403
        assert "Duplicate" not in client.get(PAGE).text
    assert everything() == before


# --- publishing at a time ---------------------------------------------------------------------------


def test_a_product_is_hidden_until_its_time_and_then_shown(desk: ShopClient, tea: Sold) -> None:
    soon = (clock.now() + timedelta(hours=2)).astimezone(UTC)
    form = {**fields(desk, PAGE, PAGE), "publish_at": soon.strftime("%Y-%m-%dT%H:%M")}
    assert post(desk, PAGE, form).status_code == 303
    assert desk.get("/products/green-tea").status_code == 404
    assert "Hidden until" in desk.get(PAGE).text
    db.session.close()
    assert publish_scheduled_products() == 0
    with time_machine.travel(soon + timedelta(minutes=1), tick=False):
        assert publish_scheduled_products() == 1
        assert publish_scheduled_products() == 0
    assert desk.get("/products/green-tea").status_code == 200
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.action, entry.subject) == ("publish_product", "green-tea")


def test_a_time_that_is_over_publishes_now_and_archiving_forgets_the_time(
    desk: ShopClient, tea: Sold
) -> None:
    form = {**fields(desk, PAGE, PAGE), "status": "draft", "publish_at": "2020-01-01T10:00"}
    assert post(desk, PAGE, form).status_code == 303
    assert desk.get("/products/green-tea").status_code == 200
    late = datetime(2090, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M")
    post(desk, PAGE, {**fields(desk, PAGE, PAGE), "publish_at": late})
    post(desk, f"{PAGE}/archive", fields(desk, PAGE, "/archive"))
    db.session.close()
    assert db.session.scalars(select(Product.publish_at)).one() is None
    wrong = {**fields(desk, PAGE, PAGE), "publish_at": "tomorrow"}
    assert post(desk, PAGE, wrong).status_code == 422


# --- options ----------------------------------------------------------------------------------------


def change(client: ShopClient, *, confirmed: bool = False, **changes: Any) -> Any:
    data = {**fields(client, OPTIONS, OPTIONS), **changes}
    if confirmed:
        data["step"] = "confirm"
    return post(client, OPTIONS, data)


@pytest.fixture
def sizes(desk: ShopClient, tea: Sold) -> None:
    """Green tea in S and M; S is what there was."""
    answer = change(desk, **{"new-name": ["Size", ""], "new-values": ["S, M", ""]})
    assert answer.location == PAGE


def test_a_first_option_keeps_the_variant_that_was_there(desk: ShopClient, sizes: None, tea: Sold) -> None:
    assert "1 variant added." in desk.get(PAGE).text
    assert variants() == [(["S"], 1250, "TEA-1", True), (["M"], 1250, "green-tea-m", True)]
    db.session.close()
    assert db.session.scalars(select(Variant.id).where(Variant.sku == "TEA-1")).one() == tea.variant_id
    assert sorted(db.session.scalars(select(StockItem.on_hand))) == [0, 10]


def test_names_and_values_are_renamed_in_place(desk: ShopClient, sizes: None, tea: Sold) -> None:
    was = {"option0-was": ["S", "M"], "option0-value": ["Small", "M"], "option0-more": "L"}
    assert change(desk, **{"option0-name": "Weight", **was}).status_code == 303
    assert [row[0] for row in variants()] == [["Small"], ["M"], ["L"]]
    assert db.session.scalars(select(Product.option_names)).one() == ["Weight"]
    assert db.session.scalars(select(Variant.id).where(Variant.sku == "TEA-1")).one() == tea.variant_id


def test_a_second_option_multiplies_and_prices_come_from_the_neighbor(desk: ShopClient, sizes: None) -> None:
    dearer = update(Variant).where(Variant.sku == "green-tea-m").values(price=2000)
    atomic(lambda: db.session.execute(dearer))()
    same = {"option0-was": ["S", "M"], "option0-value": ["S", "M"]}
    change(desk, **same, **{"new-name": ["Color", ""], "new-values": ["Red, Blue", ""]})
    assert [row[:2] for row in variants()] == [
        (["S", "Red"], 1250),
        (["S", "Blue"], 1250),
        (["M", "Red"], 2000),
        (["M", "Blue"], 2000),
    ]


def test_a_removed_value_asks_first_then_unsold_variants_go_and_sold_ones_stay_off_sale(
    desk: ShopClient, sizes: None, tea: Sold
) -> None:
    order_in("confirmed")
    without_s = {"option0-was": ["S", "M"], "option0-value": ["", "M"]}
    asked = change(desk, **without_s)
    assert "Removed: S" in asked.text
    assert len(variants()) == 2
    assert change(desk, confirmed=True, **without_s).status_code == 303
    assert "1 variant was ordered before and is no longer sold." in desk.get(PAGE).text
    assert {(tuple(row[0]), row[3]) for row in variants()} == {(("S",), False), (("M",), True)}
    back = {"option0-was": ["M"], "option0-value": ["M"], "option0-more": "L"}
    change(desk, **back)
    without_l = {"option0-was": ["M", "L"], "option0-value": ["M", ""]}
    change(desk, confirmed=True, **without_l)
    assert {(tuple(row[0]), row[3]) for row in variants()} == {(("S",), False), (("M",), True)}
    assert db.session.scalars(select(func.count()).select_from(StockItem)).one() == 2


def test_the_last_option_can_go(desk: ShopClient, sizes: None, tea: Sold) -> None:
    same = {"option0-was": ["S", "M"], "option0-value": ["S", "M"]}
    assert change(desk, confirmed=True, **same, **{"option0-remove": "1"}).status_code == 303
    assert variants() == [([], 1250, "TEA-1", True)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"option0-was": ["S", "M"], "option0-value": ["M", "M"]}, "has a value twice"),
        ({"option0-name": "", "option0-was": ["S", "M"], "option0-value": ["S", "M"]}, "needs a name"),
        (
            {
                "option0-was": ["S", "M"],
                "option0-value": ["S", "M"],
                "new-name": ["size", ""],
                "new-values": ["x", ""],
            },
            "names must be different",
        ),
        (
            {
                "option0-was": ["S", "M"],
                "option0-value": ["S", "M"],
                "option0-more": ",".join(map(str, range(2100))),
            },
            "up to 2048 variants",
        ),
    ],
)
def test_options_that_make_no_grid_are_refused_and_what_was_typed_stays(
    desk: ShopClient, sizes: None, changes: dict[str, Any], reason: str
) -> None:
    before = variants()
    answer = change(desk, **changes)
    assert answer.status_code == 422
    assert reason in answer.text
    assert variants() == before


def test_options_that_somebody_else_changed_are_shown_beside_the_typed_ones(
    desk: ShopClient, sizes: None
) -> None:
    stale = fields(desk, OPTIONS, OPTIONS)
    same = {"option0-was": ["S", "M"], "option0-value": ["S", "M"]}
    change(desk, **same, **{"option0-more": "XL"})
    answer = post(desk, OPTIONS, {**stale, **same, "option0-more": "XXL"})
    assert answer.status_code == 409
    assert "Size: S, M, XL" in answer.text
    assert 'value="XXL"' in answer.text
    assert len(variants()) == 3
