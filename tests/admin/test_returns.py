"""Giving money back at the desk: first a look at what it would do, then exactly that; requests from first to last."""

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from commerce.db import db
from commerce.events.models import Event
from commerce.orders.models import Credit, Order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.return_queries import requests_of
from commerce.orders.returns import approve_return, receive_return, request_return
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, form_on
from tests.factories.orders import BOB as COLLEAGUE
from tests.factories.orders import fresh, order_in, take_step
from tests.factories.shop import Sold, counters, make_product
from tests.factories.staff import post
from tests.support.client import ShopClient


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(sku="TEA-1", stock=10)


def traces(order: Order) -> tuple[Any, ...]:
    now = fresh(order.id)
    counts = [db.session.scalar(select(func.count()).select_from(each)) for each in (Event, Credit)]
    states = [each.state for each in requests_of(order.id)]
    db.session.close()
    return now.status, now.payment_status, now.version, counts, states


def page_of(order: Order) -> str:
    return f"/admin/orders/{order.code}"


def units(order: Order, count: int, **more: Any) -> dict[str, Any]:
    key = order.lines[0].id.hex
    fields = {f"units-{key}": str(count), "version": str(order.version), "reason": "Because I say so"}
    if "restock" in more:
        fields[f"restock-{key}"] = str(more.pop("restock"))
    return {**fields, **more}


def ask(order: Order, count: int = 1, kind: str = "return") -> uuid.UUID:
    chosen = {order.lines[0].id: count}
    return request_return(order.id, COLLEAGUE, kind=kind, units=chosen, reason="It does not <fit>")


# --- cancel and refund, looked at first --------------------------------------------------------------


def test_cancelling_is_shown_first_and_then_done_exactly(desk: ShopClient, tea: Sold) -> None:
    order = order_in("confirmed")
    seen = traces(order)
    data = {"version": order.version, "reason": "Sold <out>", "step": "preview"}
    shown = post(desk, f"{page_of(order)}/cancellation", data)
    assert shown.status_code == 200
    for words in ("Please review the changes", "$25.00", "Cancelled", "Refunded", "2 unshipped units"):
        assert words in shown.text, words
    assert traces(order) == seen
    sent = form_on(shown.text, f"{page_of(order)}/cancellation")
    assert sent["shown_amount"] == [str(order.total)]
    done = post(desk, f"{page_of(order)}/cancellation", dict(sent))
    assert done.status_code == 303
    assert (fresh(order.id).status, fresh(order.id).payment_status) == ("cancelled", "refunded")
    assert counters(tea) == (10, 0)
    assert "Sold &lt;out&gt;" in desk.get(page_of(order)).text


def test_a_refund_is_shown_with_what_goes_back_on_the_stock_item(desk: ShopClient, tea: Sold) -> None:
    order = order_in("delivered")
    ask(order, 2, "refund")
    order = fresh(order.id)
    data = {"version": order.version, "restock": "y", "step": "preview"}
    shown = post(desk, f"{page_of(order)}/refund", data)
    assert shown.status_code == 200
    assert "2 units will be restocked." in shown.text
    post(desk, f"{page_of(order)}/refund", dict(form_on(shown.text, f"{page_of(order)}/refund")))
    assert (fresh(order.id).status, counters(tea)) == ("refunded", (10, 0))


@pytest.mark.parametrize("htmx", [False, True])
def test_a_preview_of_a_stale_page_says_what_happened_meanwhile(
    desk: ShopClient, tea: Sold, htmx: bool
) -> None:
    order = order_in("confirmed")
    take_step(order.id, "process")
    data = {"version": order.version, "reason": "Because", "step": "preview"}
    answer = post(desk, f"{page_of(order)}/cancellation", data, htmx=htmx)
    assert answer.status_code == 409
    assert (
        "Bob started processing the order"
        in answer.text.split("Changes in the meantime")[1].split("</div>")[0]
    )
    assert fresh(order.id).status == "processing"


def test_another_amount_than_the_shown_one_cancels_nothing(desk: ShopClient, tea: Sold) -> None:
    order = order_in("confirmed")
    seen = traces(order)
    data = {"version": order.version, "reason": "Because", "step": "confirm", "shown_amount": "1"}
    answer = post(desk, f"{page_of(order)}/cancellation", data)
    assert answer.status_code == 409
    assert "The refund amount has changed. Review it and try again." in answer.text
    assert traces(order) == seen


def test_what_is_not_possible_has_no_preview(desk: ShopClient, tea: Sold) -> None:
    order = order_in("shipped")
    data = {"version": order.version, "reason": "Because", "step": "preview"}
    assert post(desk, f"{page_of(order)}/cancellation", data).status_code == 409
    assert post(desk, f"{page_of(order)}/refund", data).status_code == 409


# --- giving back by line -----------------------------------------------------------------------------


def test_money_goes_back_by_line_after_a_look(desk: ShopClient, tea: Sold) -> None:
    order = order_in("delivered")
    address = f"{page_of(order)}/credits"
    form = desk.get(address)
    assert form.status_code == 200
    data = changed(form.text, address, **units(order, 1, restock=1, returned="y"))
    seen = traces(order)
    shown = post(desk, address, data)
    assert shown.status_code == 200
    for words in ("$10.00", "Partially refunded", "1 unit will be restocked.", "Paid after the refund"):
        assert words in shown.text, words
    assert traces(order) == seen
    done = post(desk, address, dict(form_on(shown.text, address)))
    assert done.status_code == 303
    assert (fresh(order.id).payment_status, counters(tea)) == ("partially_refunded", (9, 0))
    page = desk.get(page_of(order)).text
    for words in (" refunded ", "Because I say so", "1 restocked"):
        assert words in page, words


def test_a_confirmation_of_something_else_gives_nothing(desk: ShopClient, tea: Sold) -> None:
    order = order_in("delivered")
    address = f"{page_of(order)}/credits"
    seen = traces(order)
    confirm = {"step": "confirm", "returned": "y"}
    other = post(desk, address, units(order, 2, shown_amount="1000", **confirm))
    assert other.status_code == 409
    assert "The refund amount has changed. Review it and try again." in other.text
    assert traces(order) == seen
    take_step(order.id, "complete")
    stale = post(desk, address, units(order, 1, shown_amount="1000", **confirm))
    assert stale.status_code == 409
    assert "completed the order" in stale.text
    assert fresh(order.id).payment_status == "paid"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 0}, "Choose what to refund."),
        ({"count": 3}, "you can refund 1 to 2 units"),
        ({"count": "x"}, "whole numbers"),
        ({"count": "-1"}, "whole numbers"),
        ({"count": 1, "restock": 2, "returned": "y"}, "you can restock 0 to"),
        ({"count": 1, "amount": "1000", "returned": "y"}, "This is more than the amount left to refund."),
        ({"count": 1, "amount": "ten", "returned": "y"}, "t a valid amount"),
        ({"count": 1, "reason": " ", "returned": "y"}, "Enter a reason."),
        ({"count": 1, "reason": "x" * 501, "returned": "y"}, "up to 500"),
        ({"count": 1, "version": "x"}, ""),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_done(
    desk: ShopClient, tea: Sold, changes: dict[str, Any], words: str
) -> None:
    order = order_in("delivered")
    seen = traces(order)
    others = {name: value for name, value in changes.items() if name != "count"}
    answer = post(desk, f"{page_of(order)}/credits", units(order, changes["count"], **others))
    assert answer.status_code == 422
    assert words in answer.text
    assert traces(order) == seen


def test_lines_of_another_order_are_refused(desk: ShopClient, tea: Sold) -> None:
    order, other = order_in("delivered"), order_in("delivered")
    seen = traces(order), traces(other)
    data = {**units(order, 0), f"units-{other.lines[0].id.hex}": "1"}
    answer = post(desk, f"{page_of(order)}/credits", data)
    assert answer.status_code == 422
    assert "t part of the order" in answer.text
    assert post(desk, f"{page_of(order)}/credits", {**data, "units-x": "1"}).status_code == 422
    assert (traces(order), traces(other)) == seen


# --- requests ----------------------------------------------------------------------------------------


def test_a_return_goes_through_all_its_pages(desk: ShopClient, tea: Sold) -> None:
    order = order_in("delivered")
    address = f"{page_of(order)}/returns/{ask(order)}"
    assert "Returns (1)" in desk.get("/admin/orders").text
    assert f'href="{address}"' in desk.get("/admin/returns").text
    assert f'href="{address}"' in desk.get(page_of(order)).text

    page = desk.get(address).text
    assert "It does not &lt;fit&gt;" in page
    approval = changed(page, f"{address}/approval", answer="Send it to us.")
    assert post(desk, f"{address}/approval", approval).status_code == 303

    page = desk.get(address).text
    assert "Send it to us." in page
    receipt = changed(page, f"{address}/receipt")
    assert post(desk, f"{address}/receipt", receipt).status_code == 303
    assert counters(tea) == (8, 0)

    page = desk.get(address).text
    shown = post(desk, f"{address}/refund", changed(page, f"{address}/refund"))
    assert shown.status_code == 200, shown.text
    assert "1 unit will be restocked." in shown.text
    done = post(desk, f"{address}/refund", dict(form_on(shown.text, f"{address}/refund")))
    assert (done.status_code, done.location) == (303, page_of(order))
    assert (fresh(order.id).status, fresh(order.id).payment_status) == ("delivered", "partially_refunded")
    assert counters(tea) == (9, 0)
    assert "Returns (1)" not in desk.get("/admin/orders").text
    assert [form for form in re.findall(r'action="([^"]+)"', desk.get(address).text) if address in form] == []


def test_a_request_is_declined_with_a_reason(desk: ShopClient, tea: Sold) -> None:
    order = order_in("delivered")
    address = f"{page_of(order)}/returns/{ask(order)}"
    seen = traces(order)
    nothing = post(desk, f"{address}/decline", {"version": fresh(order.id).version, "answer": " "})
    assert nothing.status_code == 422
    assert traces(order) == seen
    answer = changed(nothing.text, f"{address}/decline", answer="It was worn.")
    assert post(desk, f"{address}/decline", answer).status_code == 303
    assert "It was worn." in desk.get(address).text
    assert requests_of(order.id)[0].state == "declined"


def test_two_who_answer_the_same_request(desk: ShopClient, tea: Sold) -> None:
    order = order_in("delivered")
    return_id = ask(order)
    address = f"{page_of(order)}/returns/{return_id}"
    late = changed(desk.get(address).text, f"{address}/decline", answer="No")
    approve_return(return_id, COLLEAGUE)
    answer = post(desk, f"{address}/decline", late)
    assert answer.status_code == 409
    assert "Bob approved the return" in answer.text.split("Changes in the meantime")[1]
    assert requests_of(order.id)[0].state == "approved"


@pytest.mark.parametrize(
    ("data", "status"),
    [({"units": 2}, 422), ({"units": 0}, 422), ({"units": "x"}, 422), ({"foreign": 1}, 422)],
)
def test_what_came_back_is_checked(desk: ShopClient, tea: Sold, data: dict[str, Any], status: int) -> None:
    order = order_in("delivered")
    return_id = ask(order)
    approve_return(return_id, COLLEAGUE)
    seen = traces(order)
    key = uuid.uuid4().hex if "foreign" in data else order.lines[0].id.hex
    fields = {"version": fresh(order.id).version, f"units-{key}": data.get("units", 1)}
    assert post(desk, f"{page_of(order)}/returns/{return_id}/receipt", fields).status_code == status
    assert traces(order) == seen


def test_more_than_was_asked_for_does_not_go_back(desk: ShopClient, tea: Sold) -> None:
    order = order_in("delivered")
    return_id = ask(order)
    approve_return(return_id, COLLEAGUE)
    receive_return(return_id, {order.lines[0].id: 1}, COLLEAGUE)
    seen = traces(order)
    for step in ({}, {"step": "confirm", "shown_amount": "2000"}):
        data = units(fresh(order.id), 2, **step)
        answer = post(desk, f"{page_of(order)}/returns/{return_id}/refund", data)
        assert answer.status_code == 422
        assert "The request is for" in answer.text
    assert traces(order) == seen


# --- who may -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["readonly", "support", "fulfilment"])
def test_a_role_that_may_not_gets_403_and_reads_who_may(signed_in: SignedIn, tea: Sold, role: str) -> None:
    order = order_in("delivered")
    return_id = ask(order)
    client = signed_in(role)
    seen = traces(order)
    address = f"{page_of(order)}/returns/{return_id}"
    refused = [f"{page_of(order)}/credits", f"{address}/refund", f"{address}/decline"]
    if role == "readonly":
        refused += [f"{address}/approval", f"{address}/receipt"]
    for path in refused:
        assert post(client, path, units(fresh(order.id), 1)).status_code == 403, path
    assert client.get(f"{page_of(order)}/credits").status_code == 403
    assert traces(order) == seen
    assert "Only owner and manager can do this." in client.get(page_of(order)).text
    assert "Only owner and manager can do this." in client.get(address).text


def test_support_approves_a_return(signed_in: SignedIn, tea: Sold) -> None:
    order = order_in("delivered")
    address = f"{page_of(order)}/returns/{ask(order)}"
    client = signed_in("support")
    answer = changed(client.get(address).text, f"{address}/approval", answer="Send it.")
    assert post(client, f"{address}/approval", answer).status_code == 303


def test_charlie_finds_nothing_and_changes_nothing(
    signed_in: SignedIn, tea: Sold, in_shop: Shop, other_shop: Shop
) -> None:
    order, other = order_in("delivered"), order_in("delivered")
    return_id = ask(order)
    seen = traces(order), traces(other)
    charlie, bob = signed_in("owner", shop=other_shop), signed_in("manager")
    for client, of in ((charlie, order), (bob, other)):
        address = f"{page_of(of)}/returns/{return_id}"
        assert client.get(address).status_code == 404
        for step in ("approval", "decline", "receipt", "refund"):
            assert post(client, f"{address}/{step}", units(order, 1)).status_code == 404
    assert post(charlie, f"{page_of(order)}/credits", units(order, 1)).status_code == 404
    assert order.code not in charlie.get("/admin/returns").text
    assert (traces(order), traces(other)) == seen


# --- the list ----------------------------------------------------------------------------------------


def test_the_list_by_state_and_page(desk: ShopClient, tea: Sold) -> None:
    orders = [order_in("delivered", quantity=1) for _ in range(3)]
    for order in orders:
        request_return(order.id, COLLEAGUE, kind="return", reason="Too big")
    html = desk.get("/admin/returns?state=requested").text
    assert all(order.code in html for order in orders)
    assert "No requests with this status." in desk.get("/admin/returns?state=closed").text
    assert desk.get("/admin/returns?state=nonsense").status_code == 200
    assert desk.get("/admin/returns?before=x").status_code == 422
    region = desk.get("/admin/returns", headers={"HX-Request": "true"}).text
    assert region.lstrip().startswith('<div id="returns"')


def test_the_history_has_money_stock_and_a_second_chance_in_one_line_of_time(
    desk: ShopClient, tea: Sold
) -> None:
    order = order_in("delivered")
    wish = RefundRequest(units={order.lines[0].id: 1}, restock={order.lines[0].id: 1}, returned=True)
    credit_order(order.id, wish, COLLEAGUE, reason="Broken")
    history = desk.get(page_of(order)).text.split('id="history-title"')[1]
    back, given, out = (
        history.index(words)
        for words in ("1 × TEA-1 came back into stock", "refunded $", "2 × TEA-1 left the stock")
    )
    assert back < given < out
