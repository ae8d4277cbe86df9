"""Changes of many orders: tags and assignment come back, processing and shipping do not; each order is done once."""

import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from commerce.bulk.queries import all_rows, get_plan, row_counts
from commerce.bulk.services import PlanMoved, create_plan, move_plan, preview_plan, start_plan
from commerce.bulk.tracking_lines import MAX_LINES, read_tracking
from commerce.db import db
from commerce.errors import InvalidValue
from commerce.events.outbox import Actor
from commerce.inventory.adjustments import book_movement, set_backorder_limit
from commerce.inventory.models import StockItem
from commerce.orders.listing import OrderFilter, chosen_orders, matching_orders, tags_of
from commerce.orders.models import Order, OrderAssignment
from commerce.orders.queries import timeline
from commerce.orders.tags import assign_order, set_tags
from commerce.shipping.models import Shipment
from commerce.shipping.queries import shipped_parcels
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.bulk.test_plans import run
from tests.factories.orders import fresh, order_in, take_step
from tests.factories.shop import Sold, counters, make_product
from tests.factories.staff import make_staff
from tests.support.invariants import broken_invariants

ALICE = Actor("staff", id=str(uuid.UUID(int=7)), name="Alice")


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(sku="TEA-1", stock=100)


def plan_of(kind: str, given: dict[str, Any], wanted: OrderFilter | None = None) -> uuid.UUID:
    """Plan a change of all orders and preview it."""
    chosen = matching_orders(wanted or OrderFilter())
    return create_plan(kind, chosen, scope={}, by="Bob", staff_id=None, given=given)


def plan_parcels(text: str) -> uuid.UUID:
    """Plan to ship what these lines say."""
    found = read_tracking(text)
    assert not found.problems
    chosen = chosen_orders(list(found.details))
    return create_plan(
        "orders.tracking",
        chosen,
        scope={"file": True},
        by="Bob",
        staff_id=None,
        details=found.details,
        given={},
    )


def do(plan_id: uuid.UUID) -> dict[str, int]:
    """Start a plan as Alice, let the worker do it, and return what came of its rows."""
    start_plan(plan_id, seen_version=get_plan(plan_id).version, actor=ALICE)
    run()
    db.session.close()
    return row_counts(plan_id)


def reasons(plan_id: uuid.UUID) -> dict[str, str]:
    return {row.title: row.reason["reason"] for row in all_rows(plan_id) if row.reason}


def status_of(order: Order) -> str:
    return fresh(order.id).status


# --- what moves an order on ----------------------------------------------------------------------------


def test_processing_begins_for_confirmed_orders_in_the_name_of_who_started_the_plan(tea: Sold) -> None:
    first, second, begun = order_in("confirmed"), order_in("confirmed"), order_in("processing")
    unpaid = order_in("pending")
    plan_id = plan_of("orders.process", {})
    figures = get_plan(plan_id).totals["figures"]
    assert figures == {"changed": 2, "same": 1, "refused": 1}
    assert status_of(first) == "confirmed", "a preview changes nothing"
    assert do(plan_id) == {"done": 2, "unchanged": 1, "failed": 1}
    assert [status_of(each) for each in (first, second, begun, unpaid)] == [
        "processing", "processing", "processing", "pending",
    ]  # fmt: skip
    assert reasons(plan_id) == {unpaid.code: "not_in_status"}
    last = timeline(first.id)[-1]
    assert (last.actor_kind, last.actor_name) == ("staff", "Alice")


def test_an_order_that_moved_since_the_preview_is_listed_and_left_alone(tea: Sold) -> None:
    first, second = order_in("confirmed"), order_in("confirmed")
    plan_id = plan_of("orders.process", {})
    take_step(second.id, "cancel")
    assert do(plan_id) == {"done": 1, "conflict": 1}
    assert [status_of(first), status_of(second)] == ["processing", "cancelled"]
    assert reasons(plan_id) == {second.code: "stale_version"}


@pytest.mark.parametrize("kind", ["orders.process", "orders.ship"])
def test_what_cannot_be_undone_is_not(tea: Sold, kind: str) -> None:
    order = order_in("confirmed")
    plan_id = plan_of(kind, {})
    do(plan_id)
    after = status_of(order)
    with pytest.raises(PlanMoved):
        move_plan(plan_id, "undo")
    assert status_of(order) == after


def test_confirmed_orders_are_shipped_without_a_step_between(tea: Sold) -> None:
    first, second = order_in("confirmed", quantity=3), order_in("processing", quantity=2)
    plan_id = plan_of("orders.ship", {"carrier": " DHL "})
    assert get_plan(plan_id).totals["figures"]["units"] == 5
    assert do(plan_id) == {"done": 2}
    assert [status_of(first), status_of(second)] == ["shipped", "shipped"]
    assert [each.carrier for each in shipped_parcels(first.id)] == ["DHL"]
    assert [event.payload.get("action") for event in timeline(first.id)][-2:] == ["process", "ship"]
    assert counters(tea) == (95, 0)
    assert not broken_invariants()


def test_an_order_whose_units_are_not_there_is_refused_alone(tea: Sold) -> None:
    sold = order_in("confirmed", quantity=1)
    scarce = make_product(title="Kite", sku="KITE-1", stock=2)
    order_in("confirmed", sku="KITE-1", quantity=1)
    waiting = order_in("confirmed", sku="KITE-1", quantity=1)
    lose_one(scarce)
    plan_id = plan_of("orders.ship", {"carrier": ""})
    assert get_plan(plan_id).totals["figures"]["refused"] == 1
    assert do(plan_id) == {"done": 2, "failed": 1}
    assert status_of(waiting) == "confirmed", "nothing of a refused row stays"
    assert [each.payload.get("action") for each in timeline(waiting.id)][-1] == "confirm"
    assert status_of(sold) == "shipped"
    assert counters(scarce) == (0, 1)


def lose_one(scarce: Sold) -> None:
    """Lose a unit that an order counts on; as many may be promised."""
    (item,) = db.session.execute(
        select(StockItem.id, StockItem.version).where(StockItem.variant_id == scarce.variant_id)
    )
    set_backorder_limit(item.id, 5, seen_version=item.version)
    book_movement(item.id, -1, cause="lost", actor="Bob")


# --- tracking numbers ----------------------------------------------------------------------------------


def test_a_list_of_tracking_numbers_ships_each_order_once(tea: Sold) -> None:
    first, second = order_in("confirmed", quantity=2), order_in("confirmed", quantity=3)
    text = f"Order;Carrier;Tracking number\n{first.code};DHL;T-1\n#{second.number};UPS;T-2\n"
    plan_id = plan_parcels(text)
    assert do(plan_id) == {"done": 2}
    (parcel,) = shipped_parcels(second.id)
    assert (parcel.carrier, parcel.tracking_code, sum(parcel.units.values())) == ("UPS", "T-2", 3)
    assert do(plan_parcels(text)) == {"unchanged": 2}, "the same list again ships nothing again"
    assert db.session.scalar(select(func.count()).select_from(Shipment)) == 2


def test_parts_of_an_order_go_in_parcels_of_their_own(tea: Sold) -> None:
    order = order_in("processing", quantity=5)
    assert do(plan_parcels(f"{order.code},DHL,T-1,TEA-1,2\n{order.code},DHL,T-2,TEA-1,1")) == {"done": 1}
    assert [sum(each.units.values()) for each in shipped_parcels(order.id)] == [2, 1]
    assert status_of(order) == "processing"
    assert do(plan_parcels(f"{order.code}\tDHL\tT-3")) == {"done": 1}
    assert status_of(order) == "shipped"


def test_more_than_is_left_is_refused_in_the_preview(tea: Sold) -> None:
    order = order_in("processing", quantity=2)
    plan_id = plan_parcels(f"{order.code},DHL,T-1,tea-1,2\n{order.code},DHL,T-2,TEA-1,1")
    assert get_plan(plan_id).totals["figures"]["refused"] == 1
    assert do(plan_id) == {"failed": 1}
    assert reasons(plan_id) == {order.code: "ship_units_out_of_range"}
    assert shipped_parcels(order.id) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("NO-99,DHL,T-1", "order_not_found"),
        (",DHL,T-1", "order_not_found"),
        ("{code},DHL", "tracking_number_required"),
        ("{code},DHL," + "x" * 256, "text_too_long"),
        ("{code},DHL,T-1,CUP-1,1", "sku_not_in_order"),
        ("{code},DHL,T-1,TEA-1,0", "tracking_quantity_invalid"),
        ("{code},DHL,T-1,TEA-1,two", "tracking_quantity_invalid"),
        ("{code},DHL,T-1,,2", "tracking_quantity_without_sku"),
        ("{code},DHL,T-1\n{code},DHL,T-2", "tracking_items_required"),
        ("{code},DHL,T-1,TEA-1,1\n{code},DHL,T-1,TEA-1,1", "tracking_line_repeated"),
    ],
)
def test_a_line_that_makes_no_sense_is_named_with_its_number(tea: Sold, line: str, reason: str) -> None:
    order = order_in("processing")
    found = read_tracking("\n" + line.format(code=order.code))
    assert found.problems[-1].refusal.reason == reason
    assert found.problems[-1].number == 1 + len(line.splitlines())


def test_no_lines_and_too_many_are_refused(tea: Sold) -> None:
    for text in ("", " \n\n", "order,carrier,tracking\n", "X,DHL,1\n" * (MAX_LINES + 1)):
        with pytest.raises(InvalidValue):
            read_tracking(text)


def test_an_order_of_another_shop_is_not_found_by_its_code(tea: Sold, other_shop: Shop) -> None:
    order = order_in("processing")
    with shop_scope(other_shop):
        (problem,) = read_tracking(f"{order.code},DHL,T-1").problems
    assert problem.refusal.reason == "order_not_found"


# --- tags and who takes care of it -----------------------------------------------------------------------


def test_tags_are_added_and_removed_and_come_back(tea: Sold) -> None:
    first, second, third = (order_in("confirmed") for _ in range(3))
    set_tags(first.id, ["Gift", "late"])
    plan_id = plan_of("orders.tags", {"add": ["vip", "GIFT"], "remove": ["Late"]})
    assert do(plan_id) == {"done": 3}
    found = tags_of([first.id, second.id, third.id])
    assert found == {first.id: ["Gift", "vip"], second.id: ["GIFT", "vip"], third.id: ["GIFT", "vip"]}
    set_tags(second.id, ["GIFT", "vip", "own"])
    take_step(third.id, "process")
    move_plan(plan_id, "undo", ALICE)
    run()
    assert row_counts(plan_id) == {"undone": 2, "kept": 1}
    assert tags_of([first.id, second.id, third.id]) == {
        first.id: ["Gift", "late"],
        second.id: ["GIFT", "own", "vip"],
    }


def test_an_order_that_somebody_tagged_since_the_preview_is_left_alone(tea: Sold) -> None:
    first, second = order_in("confirmed"), order_in("confirmed")
    plan_id = plan_of("orders.tags", {"add": ["vip"], "remove": []})
    set_tags(second.id, ["own"])
    assert do(plan_id) == {"done": 1, "conflict": 1}
    assert tags_of([first.id, second.id]) == {first.id: ["vip"], second.id: ["own"]}


def test_orders_are_assigned_and_go_back_to_who_had_them(tea: Sold) -> None:
    ann, bea = make_staff("support", name="Ann"), make_staff("fulfilment", name="Bea")
    first, second, third = (order_in("confirmed") for _ in range(3))
    assign_order(first.id, ann)
    plan_id = plan_of("orders.assign", {"staff_id": str(bea)})
    assign_order(third.id, ann)
    assert do(plan_id) == {"done": 2, "conflict": 1}
    assert assignments() == {first.id: bea, second.id: bea, third.id: ann}
    assign_order(second.id, None)
    move_plan(plan_id, "undo", ALICE)
    run()
    assert row_counts(plan_id) == {"undone": 1, "kept": 1, "conflict": 1}
    assert assignments() == {first.id: ann, third.id: ann}


def assignments() -> dict[uuid.UUID, uuid.UUID]:
    db.session.close()
    rows = db.session.execute(select(OrderAssignment.order_id, OrderAssignment.staff_id))
    return {row.order_id: row.staff_id for row in rows}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("orders.tags", {"add": [], "remove": [" "]}),
        ("orders.tags", {"add": ["x" * 41], "remove": []}),
        ("orders.assign", {"staff_id": str(uuid.UUID(int=1))}),
        ("orders.ship", {"carrier": "x" * 256}),
    ],
)
def test_parameters_that_make_no_sense_are_refused(tea: Sold, kind: str, given: dict[str, Any]) -> None:
    order_in("confirmed")
    plan_id = create_plan(kind, matching_orders(OrderFilter()), scope={}, by="Bob", staff_id=None)
    with pytest.raises(InvalidValue):
        preview_plan(plan_id, given, seen_version=1)
