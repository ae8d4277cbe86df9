"""Many orders in the browser: ticked or all that match, shipped from a list of tracking numbers, printed."""

import io
import re
from typing import Any

import pytest

from commerce.events.outbox import Actor
from commerce.orders.listing import tags_of
from commerce.orders.queries import timeline
from commerce.orders.tags import set_tags
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.bulk.test_plans import run
from tests.factories.orders import fresh, order_in, placed_order, take_step
from tests.factories.shop import Sold, make_product
from tests.factories.staff import csrf_token, post
from tests.support.client import ShopClient

TRACKING = "/admin/orders/tracking-numbers"


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(sku="TEA-1", stock=1000)


def choose(client: ShopClient, kind: str, **fields: Any) -> Any:
    token = csrf_token(client.get("/admin/orders").text)
    return client.post("/admin/orders/bulk-changes", data={"csrf_token": token, "kind": kind, **fields})


def version(page: str) -> str:
    return re.findall(r'name="version" value="(\d+)"', page)[-1]


def start(client: ShopClient, here: str) -> Any:
    return post(client, f"{here}/start", {"version": version(client.get(here).text)})


def test_ticked_orders_begin_to_be_processed_under_the_name_of_who_started_it(
    desk: ShopClient, tea: Sold
) -> None:
    orders = [order_in("confirmed") for _ in range(3)]
    page = desk.get("/admin/orders").text
    assert "All 3 that match" in page
    assert page.count('form="bulk"') == 3
    here = choose(desk, "orders.process", id=[str(order.id) for order in orders[:2]]).location
    page = desk.get(here).text
    assert "2 orders, chosen in the list" in page
    assert "This cannot be undone" in page
    assert "Change 2 orders" in page, "nothing to fill in: it is previewed at once"
    assert start(desk, here).status_code == 303
    run()
    page = desk.get(here).text
    assert "Changed: <strong>2</strong>" in page
    assert f"{here}/undo" not in page
    assert post(desk, f"{here}/undo", {}).status_code == 409
    assert [fresh(order.id).status for order in orders] == ["processing", "processing", "confirmed"]
    assert timeline(orders[0].id)[-1].actor_name == "Bob"


def test_all_that_match_are_those_of_every_filter_of_the_list(desk: ShopClient, tea: Sold) -> None:
    orders = [order_in("confirmed", quantity=number) for number in (1, 2, 3)]
    set_tags(orders[1].id, ["gift"])
    set_tags(orders[2].id, ["gift"])
    page = desk.get("/admin/orders?tag=gift&least=30&status=confirmed").text
    assert "All 1 that match" in page
    fields = dict(re.findall(r'type="hidden" name="(tag|least|status|q)" value="([^"]*)"', page))
    here = choose(desk, "orders.tags", everything="1", **fields).location
    page = desk.get(here).text
    assert "1 order, all that match: Status: Confirmed, Tag: gift, Total from: 30" in page
    post(desk, here, {"add": "big", "remove": "gift", "version": version(page)})
    assert start(desk, here).status_code == 303
    run()
    assert tags_of([order.id for order in orders]) == {orders[1].id: ["gift"], orders[2].id: ["big"]}
    assert post(desk, f"{here}/undo", {}).status_code == 303
    run()
    assert tags_of([orders[2].id]) == {orders[2].id: ["gift"]}


def test_tracking_numbers_ship_confirmed_orders(desk: ShopClient, tea: Sold) -> None:
    first, second = order_in("confirmed"), order_in("processing")
    lines = f"{first.code}, DHL, T-1\n{second.code}, UPS, T-2"
    here = post(desk, TRACKING, {"lines": lines}).location
    page = desk.get(here).text
    assert "2 orders, given by tracking numbers" in page
    assert "DHL T-1" in page
    assert "Shipping cannot be undone" in page
    assert fresh(first.id).status == "confirmed"
    assert start(desk, here).status_code == 303
    run()
    assert [fresh(each.id).status for each in (first, second)] == ["shipped", "shipped"]
    assert f"{here}/undo" not in desk.get(here).text


def test_a_list_with_a_wrong_line_ships_nothing_and_is_kept(desk: ShopClient, tea: Sold) -> None:
    order = order_in("confirmed")
    answer = post(desk, TRACKING, {"lines": f"{order.code},DHL,T-1\nNO-99,DHL,T-2"})
    assert answer.status_code == 422
    assert "1 line cannot be shipped" in answer.text
    assert "NO-99,DHL,T-2</textarea>" in answer.text
    assert 'data-label="Line" class="num">2<' in answer.text
    assert "/admin/bulk-changes/" not in desk.get("/admin/bulk-changes").text
    assert post(desk, TRACKING, {"lines": ""}).status_code == 422


def test_a_file_is_read_in_place_of_the_lines_and_shown_with_what_is_wrong(
    desk: ShopClient, tea: Sold
) -> None:
    order = order_in("confirmed")
    token = csrf_token(desk.get(TRACKING).text)

    def upload(data: bytes) -> Any:
        file = (io.BytesIO(data), "tracking.csv")
        return desk.post(TRACKING, data={"csrf_token": token, "lines": "", "file": file})

    good = f"Order;Carrier;Tracking\r\n{order.code};Österreichische Post;T-1\r\n".encode("utf-8-sig")
    assert "Österreichische Post T-1" in desk.get(upload(good).location).text
    wrong = upload(b"Order,Carrier,Tracking\nNO-1,DHL,T-1\n")
    assert wrong.status_code == 422
    assert "NO-1,DHL,T-1" in wrong.text
    for refused in (b"\x00\xff" * 9, b"x" * 400_001):
        assert upload(refused).status_code == 422


def test_slips_of_many_orders_are_one_page_that_changes_nothing(desk: ShopClient, tea: Sold) -> None:
    first, second, sent = order_in("confirmed"), order_in("processing", quantity=3), order_in("shipped")
    answer = choose(desk, "orders.slips", id=[str(each.id) for each in (second, first, sent)])
    page = desk.get(answer.location).text
    headings = re.findall(r"Packing slip ([\w-]+)<", page)
    assert headings == [first.code, second.code, sent.code]
    assert "$" not in page[page.index("<article") :]
    answer = choose(desk, "orders.slips", everything="1", status="processing")
    assert answer.location == "/admin/orders/packing-slips?status=processing"
    assert re.findall(r"Packing slip ([\w-]+)<", desk.get(answer.location).text) == [second.code]
    assert [fresh(each.id).version for each in (first, second)] == [first.version, second.version]
    assert choose(desk, "orders.slips").location == "/admin/orders"


def test_more_slips_than_a_page_holds_are_said(desk: ShopClient, tea: Sold) -> None:
    for _ in range(201):
        placed_order(quantity=1)
    page = desk.get("/admin/orders/packing-slips").text
    assert page.count("<article") == 200
    assert "Only 200 slips fit on one page" in page


def test_who_may_not_do_it_can_neither_plan_nor_start_it(
    signed_in: SignedIn, desk: ShopClient, tea: Sold
) -> None:
    order = order_in("confirmed")
    rita, sue = signed_in("readonly"), signed_in("support")
    here = choose(desk, "orders.process", everything="1").location
    for client in (rita, sue):
        assert choose(client, "orders.process", everything="1").status_code == 403
        assert choose(client, "orders.ship", everything="1").status_code == 403
        assert client.get(here).status_code == 200, "everybody may see it"
        assert f"{here}/start" not in client.get(here).text
        for step in ("", "/start", "/pause", "/removal"):
            assert post(client, f"{here}{step}", {"version": "2"}).status_code == 403
        assert client.get(TRACKING).status_code == 403
        assert post(client, TRACKING, {"lines": f"{order.code},DHL,T-1"}).status_code == 403
    assert choose(sue, "orders.tags", everything="1").status_code == 303
    assert choose(rita, "orders.tags", everything="1").status_code == 403
    kinds = re.findall(r'<option value="(orders\.\w+)"', sue.get("/admin/orders").text)
    assert kinds == ["orders.tags", "orders.assign", "orders.slips"]
    assert fresh(order.id).status == "confirmed"


def test_a_list_starts_only_changes_of_its_own_rows(desk: ShopClient, tea: Sold) -> None:
    order_in("confirmed")
    for kind in ("products.price", "orders.tracking", "orders.cancel", "burn", ""):
        assert choose(desk, kind, everything="1").status_code == 404


def test_orders_of_another_shop_are_neither_ticked_nor_found(
    desk: ShopClient, signed_in: SignedIn, tea: Sold, other_shop: Shop
) -> None:
    order = order_in("confirmed")
    bob = signed_in("owner", shop=other_shop)
    assert choose(bob, "orders.process", id=str(order.id)).location == "/admin/orders"
    assert post(bob, TRACKING, {"lines": f"{order.code},DHL,T-1"}).status_code == 422
    page = bob.get(f"/admin/orders/packing-slips?id={order.id.hex}").text
    assert order.code not in page
    here = choose(desk, "orders.process", everything="1").location
    assert bob.get(here).status_code == 404
    assert post(bob, f"{here}/start", {"version": "2"}).status_code == 404


def test_what_changed_meanwhile_is_listed_with_its_page(desk: ShopClient, tea: Sold) -> None:
    order = order_in("confirmed")
    here = choose(desk, "orders.ship", everything="1").location
    post(desk, here, {"carrier": "DHL", "version": version(desk.get(here).text)})
    take_step(order.id, "process")
    start(desk, here)
    run()
    page = desk.get(here).text
    assert "Changed by someone else" in page
    assert f'<a href="/admin/orders/{order.code}">' in page
    assert fresh(order.id).status == "processing"


def test_the_plan_runs_as_the_person_who_started_it(desk: ShopClient, signed_in: SignedIn, tea: Sold) -> None:
    order = order_in("confirmed")
    here = choose(desk, "orders.process", everything="1").location
    ann = signed_in("fulfilment", name="Ann")
    assert start(ann, here).status_code == 303
    run()
    last = timeline(order.id)[-1]
    assert Actor(last.actor_kind, name=last.actor_name) == Actor("staff", name="Ann")
