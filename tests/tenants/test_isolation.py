"""Two shops in one database: what Alice's shop asks for never reaches a row of Charlie's, by whatever statement."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased, selectinload

from commerce.accounts.models import StaffMember
from commerce.catalog.models import Product, Variant
from commerce.db import Base, TenantOwned, atomic, db, insert_rows, new_id
from commerce.errors import NotFound
from commerce.inventory.adjustments import book_movement
from commerce.inventory.models import StockItem
from commerce.inventory.services import AllocationRequest, StockChangedMeanwhile, reserve_stock
from commerce.orders.models import OrderLine
from commerce.orders.queries import get_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop, shop_scope
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, counters, make_product
from tests.factories.staff import make_staff
from tests.support.all_databases import everywhere


@pytest.fixture
def kite(app: Flask, other_shop: Shop) -> Sold:
    """What Charlie sells."""
    with app.app_context(), shop_scope(other_shop):
        return make_product("Kite", price=3000, stock=7)


@pytest.fixture
def tea(kite: Sold, in_shop: Shop) -> Iterator[Sold]:
    """What Alice sells; her shop is entered."""
    return make_product("Tea", stock=5)


def titles_everywhere() -> list[str]:
    return sorted(row.title for row in everywhere(select(Product.title)))


def test_a_select_finds_the_own_rows_alone(tea: Sold) -> None:
    assert db.session.scalars(select(Product.title)).all() == ["Tea"]
    assert [each.title for each in db.session.scalars(select(Product))] == ["Tea"]
    assert titles_everywhere() == ["Kite", "Tea"]


def test_a_row_of_another_shop_is_not_there_by_its_id(tea: Sold, kite: Sold, other_shop: Shop) -> None:
    assert db.session.get(Product, (other_shop.id, kite.product_id)) is None
    assert db.session.get(Product, (current_shop().id, kite.product_id)) is None
    assert db.session.scalar(select(Product).where(Product.id == kite.product_id)) is None
    assert db.session.get(Product, (current_shop().id, tea.product_id)) is not None


@pytest.mark.parametrize(
    "count",
    [
        select(func.count()).select_from(Product),
        select(func.count(Product.id)),
        select(func.count()).select_from(select(Product.id).subquery()),
        select(func.count()).select_from(select(Product).where(Product.title != "").subquery()),
        select(func.count()).select_from(aliased(Product)),
        select(func.count()).select_from(Product).join(Variant, Variant.product_id == Product.id),
    ],
    ids=["rows", "column", "subquery", "filtered subquery", "alias", "join"],
)
def test_a_count_counts_the_own_rows_alone(tea: Sold, count: Any) -> None:
    assert db.session.scalar(count) == 1
    assert [row[0] for row in everywhere(count)] == [1, 1]


def test_a_join_or_a_subquery_does_not_lead_out_of_the_shop(tea: Sold) -> None:
    pairs = db.session.execute(select(Product.title, Variant.sku).join(Variant, Variant.price > 0)).all()
    assert [tuple(pair) for pair in pairs] == [("Tea", "TEA")]
    dearest = select(func.max(Variant.price)).scalar_subquery()
    assert db.session.scalars(select(Variant.price).where(Variant.price == dearest)).all() == [1000]
    other = aliased(Product)
    assert db.session.execute(select(Product.title, other.title).join(other, other.title != "")).all() == [
        ("Tea", "Tea")
    ]
    both = select(Product.title).where(Product.title == "Kite").union_all(select(Product.title))
    assert db.session.scalars(both).all() == ["Tea"]


def test_related_rows_are_loaded_within_the_shop(tea: Sold) -> None:
    (product,) = db.session.scalars(select(Product).options(selectinload(Product.variants)))
    assert [variant.sku for variant in product.variants] == ["TEA"]


def test_a_bulk_update_changes_the_own_rows_alone(tea: Sold) -> None:
    @atomic
    def rename_all() -> int:
        return db.session.execute(update(Product).values(title="Renamed")).rowcount  # type: ignore[attr-defined, no-any-return]

    assert rename_all() == 1
    assert titles_everywhere() == ["Kite", "Renamed"]


def test_a_bulk_delete_takes_the_own_rows_alone(tea: Sold, kite: Sold) -> None:
    @atomic
    def retire() -> list[int]:
        return [
            db.session.execute(delete(Variant).where(Variant.id == variant_id)).rowcount  # type: ignore[attr-defined]
            for variant_id in (kite.variant_id, new_id())
        ]

    assert retire() == [0, 0]
    assert titles_everywhere() == ["Kite", "Tea"]


def test_the_filter_follows_the_shop_that_is_entered(tea: Sold, other_shop: Shop) -> None:
    same_statement = select(Product.title)
    assert db.session.scalars(same_statement).all() == ["Tea"]
    with shop_scope(other_shop):
        assert db.session.scalars(same_statement).all() == ["Kite"]
    assert db.session.scalars(same_statement).all() == ["Tea"]


def test_no_loaded_row_is_carried_from_one_shop_into_the_other(tea: Sold, other_shop: Shop) -> None:
    product = db.session.scalars(select(Product)).one()
    assert product in db.session
    with shop_scope(other_shop):
        assert product not in db.session
        kite = db.session.scalars(select(Product)).one()
    assert kite not in db.session


def test_services_treat_another_shops_id_as_one_that_does_not_exist(
    tea: Sold, kite: Sold, other_shop: Shop
) -> None:
    with shop_scope(other_shop):
        order = make_order((kite, 2))
        stock_id = db.session.scalars(select(StockItem.id)).one()
    missing = new_id()
    words = []
    for order_id in (order.id, missing):
        with pytest.raises(NotFound) as refusal:
            get_order(order_id)
        words.append(str(refusal.value))
    assert words[0] == words[1]
    for stock in (stock_id, missing):
        with pytest.raises(NotFound):
            book_movement(stock, 5, cause="received", actor="alice")
    with shop_scope(other_shop):
        assert counters(kite) == (7, 2)


def test_stock_of_another_shop_cannot_be_reserved(tea: Sold, kite: Sold, other_shop: Shop) -> None:
    order = make_order((tea, 1))
    line_id = db.session.scalars(select(OrderLine.id).where(OrderLine.order_id == order.id)).one()
    with pytest.raises(StockChangedMeanwhile):
        atomic(reserve_stock)(order.id, [AllocationRequest(line_id, kite.variant_id, 1)])
    with shop_scope(other_shop):
        assert counters(kite) == (7, 0)


def test_the_database_itself_refuses_a_row_that_points_into_another_shop(tea: Sold, kite: Sold) -> None:
    @atomic
    def steal() -> None:
        insert_rows(
            Variant, [{"product_id": kite.product_id, "sku": "STOLEN", "price": 1, "option_values": []}]
        )

    with pytest.raises(IntegrityError):
        steal()
    assert db.session.scalars(select(Variant.sku)).all() == ["TEA"]


def test_codes_are_the_shops_own(tea: Sold, other_shop: Shop) -> None:
    with shop_scope(other_shop):
        twin = make_product("Tea", sku="TEA")
        assert twin.sku == tea.sku
        assert make_order((twin, 1)).code == "ORD-000001"
    assert make_order((tea, 1)).code == "ORD-000001"


def test_staff_of_one_shop_are_nobody_in_the_other(tea: Sold, other_shop: Shop) -> None:
    make_staff(email="alice@shop.test")
    with shop_scope(other_shop):
        assert db.session.scalars(select(StaffMember)).all() == []
        make_staff(email="alice@shop.test", name="Another Alice")
    assert db.session.scalar(select(func.count()).select_from(StaffMember)) == 1
    assert [row[0] for row in everywhere(select(func.count()).select_from(StaffMember))] == [1, 1]


def test_every_table_of_a_shop_has_the_shop_first_in_its_keys() -> None:
    owned = [mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantOwned)]
    assert len(owned) > 15
    for model in owned:
        table: Any = model.__table__
        assert next(column.name for column in table.primary_key) == "tenant_id", table.name
        for key in table.foreign_key_constraints:
            assert key.column_keys[0] == "tenant_id", (table.name, key.column_keys)
        for constraint in table.constraints:
            if type(constraint).__name__ == "UniqueConstraint":
                assert next(column.name for column in constraint.columns) == "tenant_id", table.name


def test_a_page_of_another_shop_is_not_found(app: Flask, tea: Sold, kite: Sold) -> None:
    alice, charlie = app.test_client(host="demo.localhost"), app.test_client(host="other.localhost")
    assert charlie.get(kite.path).status_code == 200
    assert alice.get(kite.path).status_code == 404
    assert kite.path in charlie.get("/").text
    assert kite.path not in alice.get("/").text


def test_keys_of_a_shops_tables_begin_with_the_shop() -> None:
    for table in Base.metadata.sorted_tables:
        if table.name == "tenant_hosts" or "tenant_id" not in table.c:
            continue
        assert next(iter(table.primary_key.columns)).name == "tenant_id", table.name
        for index in table.indexes:
            if index.unique:
                assert next(iter(index.columns)).name == "tenant_id", index.name
        for constraint in table.foreign_key_constraints:
            assert constraint.column_keys[0] == "tenant_id", constraint.name
