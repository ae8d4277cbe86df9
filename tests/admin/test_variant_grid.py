"""Variants are changed many at once in their grid, or one whole on its own page."""

from typing import Any

import pytest
from sqlalchemy import select

from commerce.catalog.models import Product, Variant
from commerce.db import atomic, db
from commerce.inventory.adjustments import set_initial_stock
from commerce.inventory.models import StockItem
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.staff import post
from tests.security.walk import Reader
from tests.support.client import ShopClient
from tests.support.statements import count_statements

PAGE = "/admin/products/shirt"


@atomic
def make_shirts(colors: int, sizes: int) -> None:
    product = Product(slug="shirt", title="Shirt", option_names=["Color", "Size"])
    for number in range(colors * sizes):
        values = [f"C{number // sizes}", f"S{number % sizes}"]
        row = Variant(sku=f"SHIRT-{number}", price=1000, option_values=values, position=number)
        product.variants.append(row)
    db.session.add(product)
    db.session.flush()
    set_initial_stock({row.id: 5 for row in product.variants}, cause="opening", actor="test", reference="")


@pytest.fixture
def shirts(in_shop: Shop) -> None:
    make_shirts(2, 3)


def filled(client: ShopClient) -> dict[str, Any]:
    return dict(next(f for f in Reader(PAGE, client.get(PAGE).text).forms if f.action.endswith(PAGE)).values)


def bulk(client: ShopClient, *picked: str, **changes: Any) -> Any:
    return post(client, PAGE, {**filled(client), "do": "bulk", "pick": list(picked), **changes})


def rows() -> list[tuple[Any, ...]]:
    db.session.close()
    units = select(StockItem.on_hand).where(StockItem.variant_id == Variant.id).scalar_subquery()
    statement = select(Variant.sku, Variant.price, Variant.compare_at, Variant.active, units)
    return [tuple(row) for row in db.session.execute(statement.order_by(Variant.position))]


def ids() -> list[str]:
    return [str(each) for each in db.session.scalars(select(Variant.id).order_by(Variant.position))]


def test_ticked_variants_get_price_stock_and_sku_together(desk: ShopClient, shirts: None) -> None:
    chosen = ids()[:2]
    changes = {"bulk_price": "12.50", "bulk_on_hand": "8", "bulk_sku": "TEE-{1}-{2}-{n}"}
    assert bulk(desk, *chosen, **changes).status_code == 303
    assert rows()[:3] == [
        ("TEE-C0-S0-1", 1250, None, True, 8),
        ("TEE-C0-S1-2", 1250, None, True, 8),
        ("SHIRT-2", 1000, None, True, 5),
    ]


def test_all_are_ticked_by_one_box_and_other_typed_fields_are_saved_with_them(
    desk: ShopClient, shirts: None
) -> None:
    answer = bulk(desk, "all", bulk_active="no", bulk_compare_at="20", title="Tee")
    assert answer.status_code == 303
    assert {row[2:4] for row in rows()} == {(2000, False)}
    assert db.session.scalars(select(Product.title)).one() == "Tee"


@pytest.mark.parametrize(
    ("picked", "changes", "reason"),
    [
        ([], {"bulk_price": "1"}, "Tick the variants to change."),
        (["all"], {"bulk_price": "cheap"}, "Price:"),
        (["all"], {"bulk_on_hand": "-1"}, "On hand:"),
        (["all"], {"bulk_sku": "SAME"}, "Another variant of this product has the same SKU."),
        (["all"], {"bulk_sku": "a//{n}"}, "SKU"),
    ],
)
def test_what_cannot_be_set_is_refused_and_changes_nothing(
    desk: ShopClient, shirts: None, picked: list[str], changes: dict[str, str], reason: str
) -> None:
    before = rows()
    answer = bulk(desk, *picked, **changes, vendor="Typed")
    assert answer.status_code == 422
    assert reason in answer.text
    assert 'value="Typed"' in answer.text
    assert rows() == before


def test_hundreds_of_variants_are_saved_at_once_with_as_many_statements_as_few(
    desk: ShopClient, in_shop: Shop
) -> None:
    make_shirts(20, 12)
    with count_statements() as shown:
        page = desk.get(PAGE)
    assert "All 240 variants" in page.text
    assert len(shown) < 30
    assert bulk(desk, "all", bulk_price="9", bulk_on_hand="3").status_code == 303
    assert {row[1:] for row in rows()} == {(900, None, True, 3)}


def test_one_variant_is_changed_whole_on_its_page(desk: ShopClient, shirts: None) -> None:
    path = f"{PAGE}/variants/{ids()[1]}"
    forms = Reader(path, desk.get(path).text).forms
    data = dict(next(f for f in forms if f.action.endswith(path)).values)
    typed = {"unit_cost": "3", "barcode": "490", "weight_grams": "210", "on_hand": "6", "sku": "TEE"}
    for name, value in typed.items():
        data[next(each for each in data if each.endswith(f"-{name}"))] = value
    stale = dict(data)
    assert post(desk, path, data).location == PAGE
    assert rows()[1] == ("TEE", 1000, None, True, 6)
    assert rows()[0] == ("SHIRT-0", 1000, None, True, 5)
    variant = db.session.scalars(select(Variant).where(Variant.sku == "TEE")).one()
    assert (variant.unit_cost, variant.barcode, variant.weight_grams) == (300, "490", 210)
    key = next(each for each in stale if each.endswith("-barcode"))
    answer = post(desk, path, {**stale, key: "111"})
    assert answer.status_code == 409
    assert "Barcode" in answer.text
    assert 'value="111"' in answer.text
    key = next(each for each in stale if each.endswith("-price"))
    assert post(desk, path, {**stale, key: "x"}).status_code == 422


def test_a_variant_of_another_product_is_not_found_here(
    desk: ShopClient, signed_in: SignedIn, shirts: None, other_shop: Shop
) -> None:
    variant_id = ids()[0]
    assert desk.get(f"/admin/products/none/variants/{variant_id}").status_code == 404
    charlie = signed_in("owner", shop=other_shop)
    assert charlie.get(f"{PAGE}/variants/{variant_id}").status_code == 404
    support = signed_in("support")
    assert post(support, f"{PAGE}/variants/{variant_id}", {}).status_code == 403
