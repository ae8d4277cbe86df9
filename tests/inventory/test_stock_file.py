"""Stock by CSV: a file says what it would do, does exactly that, and loses nobody's count."""

import io

import pytest
from sqlalchemy import select

from commerce.catalog.models import Variant
from commerce.csv_files import UnreadableFile
from commerce.db import db
from commerce.inventory.adjustments import book_movement
from commerce.inventory.locations import create_location
from commerce.inventory.models import Location, StockItem, StockMovement
from commerce.inventory.stock_file import StockPlan, apply_stock, create_locations, plan_stock
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.catalog import Made, put_up
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, counters, make_product
from tests.inventory.test_services import by_warehouse, ledger, stock_of
from tests.support.invariants import broken_invariants

WHO = {"actor": "Bob", "reference": "count.csv"}


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", stock=10)


@pytest.fixture
def cup(in_shop: Shop) -> Sold:
    return make_product("Cup", stock=4)


def plan(text: str) -> StockPlan:
    found = plan_stock(io.BytesIO(text.encode()))
    db.session.close()
    return found


def problems(text: str) -> list[tuple[int, str]]:
    return [(line.row, line.problem) for line in plan(text).problems]


def test_a_plan_says_what_would_change_and_writes_nothing(tea: Sold, cup: Sold) -> None:
    found = plan(f"SKU,On hand\n{tea.sku},12\n{cup.sku},4\nNOPE,1\n")
    assert [(line.sku, line.before, line.after) for line in found.changes] == [(tea.sku, 10, 12)]
    assert found.unchanged == 1
    assert [line.problem for line in found.problems] == ["There is no such SKU."]
    assert counters(tea) == (10, 0)
    assert ledger(tea) == [(10, "opening")]


def test_a_plan_is_followed_once_and_the_same_file_then_changes_nothing(tea: Sold, cup: Sold) -> None:
    text = f"sku;on hand\n{tea.sku};12\n{cup.sku};1\n"
    assert [line.problem for line in apply_stock(plan(text), **WHO)] == ["", ""]
    assert (counters(tea), counters(cup)) == ((12, 0), (1, 0))
    assert ledger(tea)[-1] == (2, "count")
    assert ledger(cup)[-1] == (-3, "count")
    assert plan(text).changes == ()
    assert broken_invariants() == []


def test_what_came_or_went_is_booked_with_its_cause(tea: Sold, cup: Sold) -> None:
    text = f"sku,change,cause,note\n{tea.sku},+5,received,PO-7\n{cup.sku},-2,,\n"
    apply_stock(plan(text), **WHO)
    assert ledger(tea)[-1] == (5, "received")
    assert ledger(cup)[-1] == (-2, "damaged")
    assert broken_invariants() == []


def test_a_stock_item_that_moved_meanwhile_is_left_alone(tea: Sold, cup: Sold) -> None:
    seen = plan(f"sku,on hand\n{tea.sku},3\n{cup.sku},9\n")
    book_movement(stock_of(tea).id, 7, cause="received", actor="Ann")
    results = apply_stock(seen, **WHO)
    assert [bool(line.problem) for line in results] == [True, False]
    assert (counters(tea), counters(cup)) == ((17, 0), (9, 0))
    assert broken_invariants() == []


def test_another_look_at_other_stock_items_is_another_plan(tea: Sold) -> None:
    text = f"sku,on hand\n{tea.sku},3\n"
    first = plan(text).seen
    assert plan(text).seen == first
    book_movement(stock_of(tea).id, 1, cause="received", actor="Ann")
    assert plan(text).seen != first


def test_reserved_units_cannot_be_counted_away(tea: Sold) -> None:
    make_order((tea, 6))
    [(row, problem)] = problems(f"sku,on hand\n{tea.sku},5\n")
    assert row == 2
    assert "6 units are reserved" in problem
    assert plan(f"sku,on hand\n{tea.sku},6\n").changes[0].delta == -4


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("1.5", "whole number"),
        ("many", "many"),
        ("99999999", "is above the maximum"),
    ],
)
def test_a_number_that_is_invalid_is_refused_with_its_row(tea: Sold, cells: str, reason: str) -> None:
    [(row, problem)] = problems(f"sku,on hand\n{tea.sku},{cells}\n")
    assert row == 2
    assert reason in problem


def test_two_rows_about_one_stock_item_are_refused(tea: Sold) -> None:
    assert problems(f"sku,location,on hand\n{tea.sku},main,3\n{tea.sku},,4\n") == [
        (3, "An earlier row is about the same SKU and location.")
    ]


def test_a_row_that_says_nothing_is_passed_over(tea: Sold) -> None:
    found = plan(f"SKU,Location,On hand\n{tea.sku},main,\n{tea.sku},main,not stocked\n{tea.sku},main,3\n")
    assert [line.row for line in found.lines] == [4]


def test_a_file_whose_rows_say_nothing_about_stock_is_refused(tea: Sold) -> None:
    with pytest.raises(UnreadableFile, match="stock_file_without_units"):
        plan(f"SKU,Location,On hand\n{tea.sku},main,\n{tea.sku},main,not stocked\n")


@pytest.mark.parametrize("cell", ["-3", "\u22123"])
def test_a_count_below_nothing_is_nothing_and_said(tea: Sold, cell: str) -> None:
    (line,) = plan(f"sku,on hand\n{tea.sku},{cell}\n").changes
    assert (line.after, line.remark) == (0, f"{cell} was read as 0: 3 more had been sold than there were.")


SHOPIFY = (
    "Handle,Title,Option1 Name,Option1 Value,SKU,Location,Committed (not editable),"
    "On hand (current),On hand (new)\n"
)


def test_shopify_s_inventory_file_is_read_by_its_new_or_else_its_current_count(tea: Sold, cup: Sold) -> None:
    found = plan(f"{SHOPIFY}green-tea,x,,,{tea.sku},main,0,8,\ncup,x,,,{cup.sku},main,0,8,5\n")
    assert [(line.sku, line.after) for line in found.changes] == [(tea.sku, 8), (cup.sku, 5)]


def test_rows_without_a_sku_are_about_the_variant_with_their_handle_and_options(in_shop: Shop) -> None:
    put_up("Café Shirt", Made(("S",), sku="S-1", stock=1), Made(("M",), sku="M-1", stock=1), options=["Size"])
    put_up("Mug", Made(sku="MUG", stock=1))
    text = (
        f"{SHOPIFY}café-shirt,x,Size,m,,,0,7,\nmug,x,Title,Default Title,,,0,6,\ncafé-shirt,x,Size,s,GONE,,0,5,\n"
        "café-shirt,x,Size,XL,,,0,4,\nnobody,x,,,,,0,3,\n"
    )
    found = plan(text)
    assert [(line.row, line.after) for line in found.changes] == [(2, 7), (3, 6), (4, 5)]
    assert [line.row for line in found.problems] == [5, 6]
    assert {line.problem for line in apply_stock(found, **WHO)} == {""}
    assert sorted(stock_by_sku().items()) == [("M-1", 7), ("MUG", 6), ("S-1", 5)]
    assert broken_invariants() == []


def stock_by_sku() -> dict[str, int]:
    rows = db.session.execute(
        select(Variant.sku, StockItem.on_hand).join(StockItem, StockItem.variant_id == Variant.id)
    )
    return {row.sku: row.on_hand for row in rows}


def test_locations_that_there_are_not_are_counted_and_can_be_made(tea: Sold) -> None:
    text = f"{SHOPIFY}x,x,,,{tea.sku},Lager Köln,0,8,\nx,x,,,{tea.sku},倉庫,0,2,\nx,x,,,NO,Lager Köln,0,2,\n"
    found = plan(text)
    assert found.unknown_locations == {"Lager Köln": 2, "倉庫": 1}
    assert (len(found.problems), found.changes) == (3, ())
    foretold = plan_stock(io.BytesIO(text.encode()), new_locations=True)
    assert [(line.location, line.before, line.after) for line in foretold.changes] == [
        ("Lager Köln", 0, 8), ("倉庫", 0, 2),
    ]  # fmt: skip
    db.session.close()

    create_locations(found.unknown_locations)

    made = {row.name: row.code for row in db.session.execute(select(Location.name, Location.code))}
    assert made["Lager Köln"] == "lager-koln"
    assert made["倉庫"].startswith("location-")
    apply_stock(plan(text), **WHO)
    assert plan(text).changes == ()
    assert len(plan(text).problems) == 1


def test_codes_that_a_spreadsheet_has_changed(tea: Sold, in_shop: Shop) -> None:
    put_up("Numbered", Made(sku="00123", stock=1))
    found = plan('SKU,On hand\n4.00638E+12,1\n"=""00123""",5\n')
    assert [(line.sku, line.after) for line in found.changes] == [("00123", 5)]
    (problem,) = found.problems
    assert "rounded" in problem.problem


def test_the_stock_column_of_woocommerce_is_read_in_other_languages(tea: Sold) -> None:
    assert plan(f"Typ,Artikelnummer,Name,Bestand\nsimple,{tea.sku},x,4\n").changes[0].after == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("title,on hand\nTea,1\n", "stock_file_sku_missing"),
        ("sku,title\nA,Tea\n", "stock_file_units_missing"),
        ("", "empty"),
    ],
)
def test_a_file_of_another_kind_is_refused_as_a_whole(in_shop: Shop, text: str, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        plan(text)


def test_another_location_gets_its_first_stock_item(tea: Sold) -> None:
    create_location("north", "North")
    apply_stock(plan(f"productCode,warehouseCode,quantity\n{tea.sku},north,8\n"), **WHO)
    assert by_warehouse(tea) == [(10, 0), (8, 0)]
    assert problems(f"sku,location,on hand\n{tea.sku},south,8\n") == [(2, "There is no location 'south'.")]
    assert broken_invariants() == []


def test_the_columns_of_woocommerce_and_shopify_are_understood(tea: Sold) -> None:
    woo = f"ID,Type,SKU,Name,Stock\n7,simple,{tea.sku},Tea,21\n8,simple,{tea.sku},Tea,\n"
    assert [line.after for line in plan(woo).changes] == [21]
    shopify = f"Handle,Variant SKU,Variant Inventory Qty\ntea,{tea.sku},22\n"
    assert [line.after for line in plan(shopify).changes] == [22]


def test_another_shop_has_no_such_sku(tea: Sold, other_shop: Shop) -> None:
    with shop_scope(other_shop):
        assert problems(f"sku,on hand\n{tea.sku},3\n") == [(2, "There is no such SKU.")]
        assert db.session.scalars(select(StockMovement)).all() == []


def limit_of(sold: Sold) -> int:
    found = db.session.scalars(
        select(StockItem.backorder_limit).where(StockItem.variant_id == sold.variant_id)
    ).one()
    db.session.close()
    return found


def test_a_file_says_how_many_may_be_promised_beyond_the_stock(tea: Sold, cup: Sold) -> None:
    text = f"sku,on hand,backorder_limit\n{tea.sku},2,5\n{cup.sku},,7\n"
    apply_stock(plan(text), **WHO)
    assert (counters(tea), limit_of(tea)) == ((2, 0), 5)
    assert (counters(cup), limit_of(cup)) == ((4, 0), 7)
    assert plan(text).changes == ()
    make_order((tea, 6))
    assert problems(f"sku,backorder_limit\n{tea.sku},3\n")[0][1].startswith("6 units are reserved")
    assert problems(f"sku,backorder_limit\n{tea.sku},lots\n")[0][0] == 2
    # What falls and what rises in one row: the stock comes before the promise goes, and the other way round.
    apply_stock(plan(f"sku,on hand,backorder_limit\n{tea.sku},6,0\n"), **WHO)
    assert (counters(tea), limit_of(tea)) == ((6, 6), 0)
    apply_stock(plan(f"sku,on hand,backorder_limit\n{tea.sku},0,6\n"), **WHO)
    assert (counters(tea), limit_of(tea), broken_invariants()) == ((0, 6), 6, [])


def test_a_file_without_that_column_leaves_the_limit_alone(tea: Sold) -> None:
    apply_stock(plan(f"sku,backorder limit\n{tea.sku},5\n"), **WHO)
    apply_stock(plan(f"sku,on hand\n{tea.sku},3\n"), **WHO)
    assert (counters(tea), limit_of(tea)) == ((3, 0), 5)
