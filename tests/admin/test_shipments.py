"""Parcels at the desk: a part of an order, then the rest; paper without prices."""

from typing import Any

import pytest

from commerce.orders.queries import timeline
from commerce.shipping.queries import shipped_parcels
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.orders import fresh, order_in
from tests.factories.shop import Sold, counters, make_product
from tests.factories.staff import post
from tests.support.client import ShopClient


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", stock=10, price=1250)


def send(client: ShopClient, order: Any, units: object, **more: Any) -> Any:
    data = {"version": order.version, f"units-{order.lines[0].id.hex}": units, **more}
    return post(client, f"/admin/orders/{order.code}/shipment", data)


def test_a_parcel_with_a_part_and_one_with_the_rest(desk: ShopClient, tea: Sold) -> None:
    order = order_in("processing", quantity=3)
    assert send(desk, order, 1, carrier="dhl", tracking_code="JD 01").status_code == 303
    html = desk.get(f"/admin/orders/{order.code}").text
    assert "The rest of the order still has to be shipped" in html
    assert 'href="https://www.dhl.com/global-en/home/tracking.html?tracking-id=JD01"' in html
    assert "Bob sent parcel 1 with" in html
    form = desk.get(f"/admin/orders/{order.code}/shipments/new").text
    assert 'max="2" value="2"' in form, "the form offers what is left"
    assert counters(tea) == (9, 2)
    assert send(desk, fresh(order.id), 2).status_code == 303
    assert (fresh(order.id).status, counters(tea)) == ("shipped", (7, 0))
    assert [sum(parcel.units.values()) for parcel in shipped_parcels(order.id)] == [1, 2]


@pytest.mark.parametrize("units", ["4", "0", "", "x", "-1", "1.5", "9999999"])
def test_what_cannot_be_in_a_parcel_is_said_at_its_field(desk: ShopClient, tea: Sold, units: str) -> None:
    order = order_in("processing", quantity=3)
    answer = send(desk, order, units)
    assert answer.status_code == 422
    assert 'id="parcel-error"' in answer.text
    assert (fresh(order.id).version, counters(tea)) == (order.version, (10, 3))


def test_a_program_that_names_no_lines_sends_everything(desk: ShopClient, tea: Sold) -> None:
    order = order_in("processing", quantity=3)
    answer = post(desk, f"/admin/orders/{order.code}/shipment", {"version": order.version})
    assert answer.status_code == 303
    assert fresh(order.id).status == "shipped"


def test_lines_of_another_order_are_refused(desk: ShopClient, tea: Sold) -> None:
    order, other = order_in("processing"), order_in("processing")
    data = {"version": order.version, f"units-{other.lines[0].id.hex}": 1}
    assert post(desk, f"/admin/orders/{order.code}/shipment", data).status_code == 422
    assert [fresh(each.id).lines[0].shipped for each in (order, other)] == [0, 0]


def test_paper_names_what_to_pick_and_no_price(desk: ShopClient, tea: Sold) -> None:
    order = order_in("processing", quantity=3, note="Ring <twice>")
    listed = desk.get(f"/admin/orders/{order.code}/picking-list").text
    for words in ("TEA-1", "Green tea", "Ann Buyer", "1 Main Street", "Ring &lt;twice&gt;", ">3<"):
        assert words in listed, words
    assert "$" not in listed
    send(desk, order, 1, carrier="GLS", tracking_code="G-7")
    slip = desk.get(f"/admin/orders/{order.code}/shipments/1/slip").text
    for words in ("GLS", "G-7", "TEA-1", ">1<"):
        assert words in slip, words
    assert "$" not in slip
    assert ">2<" in desk.get(f"/admin/orders/{order.code}/picking-list").text
    assert desk.get(f"/admin/orders/{order.code}/shipments/2/slip").status_code == 404


def test_the_picking_list_names_areas_for_staff_and_the_slip_in_the_script_of_the_street(
    desk: ShopClient, tea: Sold
) -> None:
    address = {"country_code": "AE", "street_address": "شارع الشيخ زايد", "country_area": "إمارة دبيّ"}
    order = order_in("processing", quantity=3, shipping_address=address)
    listed = desk.get(f"/admin/orders/{order.code}/picking-list").text
    assert "Dubai" in listed
    assert "دبي" not in listed
    send(desk, order, 1)
    slip = desk.get(f"/admin/orders/{order.code}/shipments/1/slip").text
    assert "دبي" in slip
    assert "Dubai" not in slip


def test_a_confirmed_order_is_shipped_at_once(desk: ShopClient, tea: Sold) -> None:
    order = order_in("confirmed", quantity=3)
    assert f'href="/admin/orders/{order.code}/shipments/new"' in desk.get(f"/admin/orders/{order.code}").text
    assert send(desk, order, 3, tracking_code="JD 01").status_code == 303
    now = fresh(order.id)
    assert (now.status, counters(tea)) == ("shipped", (7, 0))
    moves = [event.payload["to_status"] for event in timeline(order.id) if "to_status" in event.payload]
    assert moves[-2:] == ["processing", "shipped"], "each by its own row of the table"


def test_nothing_begins_when_the_parcel_is_refused(desk: ShopClient, tea: Sold) -> None:
    order = order_in("confirmed", quantity=3)
    answer = send(desk, order, 4, tracking_code="JD 01")
    assert answer.status_code == 422
    assert 'value="JD 01"' in answer.text, "what was scanned is kept"
    assert (fresh(order.id).status, fresh(order.id).version) == ("confirmed", order.version)
    late = send(desk, order, 3, version=str(order.version + 1), tracking_code="JD 02")
    assert late.status_code == 409
    assert 'value="JD 02"' in late.text


@pytest.mark.parametrize("status", ["pending", "paid", "shipped", "cancelled", "refund_requested"])
def test_the_page_says_why_nothing_can_be_shipped(desk: ShopClient, tea: Sold, status: str) -> None:
    order = order_in(status)
    page = desk.get(f"/admin/orders/{order.code}/shipments/new")
    assert page.status_code == 200
    assert 'name="tracking_code"' not in page.text
    assert "do this while the order is" in page.text


def test_the_label_is_the_address_alone(desk: ShopClient, tea: Sold) -> None:
    order = order_in("confirmed")
    label = desk.get(f"/admin/orders/{order.code}/label").text
    assert "1 Main Street" in label
    assert "TEA-1" not in label


def test_only_who_ships_sees_the_form(signed_in: SignedIn, tea: Sold) -> None:
    order = order_in("confirmed")
    for role, status in (("fulfilment", 200), ("support", 403), ("readonly", 403)):
        page = f"/admin/orders/{order.code}/shipments/new"
        assert signed_in(role).get(page).status_code == status


def test_charlie_reads_no_paper(signed_in: SignedIn, tea: Sold, other_shop: Shop) -> None:
    order = order_in("shipped")
    charlie = signed_in("owner", shop=other_shop)
    for page in ("picking-list", "shipments/1/slip", "shipments/new", "label"):
        assert charlie.get(f"/admin/orders/{order.code}/{page}").status_code == 404
