"""Staff act on orders: the buttons of the table, what they do, and what happens when two press at once."""

import re
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from commerce.db import db
from commerce.events.models import Event
from commerce.orders.models import Order
from commerce.orders.transitions import STAFF, STATUSES, TRANSITIONS
from commerce.payments.models import Refund
from commerce.shipping.models import Shipment
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.factories.orders import BOB as COLLEAGUE
from tests.factories.orders import fresh, move_alone, order_in, take_step
from tests.factories.shop import counters, make_product
from tests.factories.staff import csrf_token, post
from tests.support.client import ShopClient

FORMS = {row.action: row.resource for row in TRANSITIONS if STAFF in row.actors}
LEADS_TO = {
    ("pending", "pay"): "confirmed",
    ("pending", "cancel"): "cancelled",
    ("paid", "confirm"): "confirmed",
    ("paid", "cancel"): "cancelled",
    ("paid", "request_refund"): "refund_requested",
    ("confirmed", "process"): "processing",
    ("confirmed", "ship"): "shipped",
    ("confirmed", "cancel"): "cancelled",
    ("confirmed", "request_refund"): "refund_requested",
    ("processing", "ship"): "shipped",
    ("processing", "cancel"): "cancelled",
    ("processing", "request_refund"): "refund_requested",
    ("shipped", "deliver"): "delivered",
    ("shipped", "request_refund"): "refund_requested",
    ("delivered", "complete"): "completed",
    ("delivered", "request_refund"): "refund_requested",
    ("completed", "request_refund"): "refund_requested",
    ("refund_requested", "decline_refund"): "confirmed",
    ("refund_requested", "refund"): "refunded",
}
"""(status, action) -> the status after staff pressed the button, for an order that is paid in advance."""


def press(client: ShopClient, order: Order, action: str, *, htmx: bool = False, **fields: Any) -> Any:
    """Press a button of the page that showed `order`."""
    data = {"version": str(order.version), "reason": "Because I say so", **fields}
    return post(client, f"/admin/orders/{order.code}/{FORMS[action]}", data, htmx=htmx)


def traces(order: Order) -> tuple[Any, ...]:
    """Return everything that an action could have changed."""
    now = fresh(order.id)
    events = db.session.scalar(select(func.count(Event.id)).where(Event.subject_id == order.id))
    refunds = db.session.scalar(select(func.count(Refund.id)))
    shipments = db.session.scalar(select(func.count(Shipment.id)))
    return now.status, now.payment_status, now.version, now.attention, events, refunds, shipments


@pytest.mark.parametrize("status", STATUSES)
def test_a_possible_button_does_what_it_says(desk: ShopClient, in_shop: Shop, status: str) -> None:
    make_product(sku="TEA-1", stock=100)
    for action in FORMS:
        if (status, action) in LEADS_TO:
            order = order_in(status)
            answer = press(desk, order, action)
            assert answer.status_code == 303, (action, answer.text)
            assert answer.location == f"/admin/orders/{order.code}"
            assert fresh(order.id).status == LEADS_TO[status, action]


@pytest.mark.parametrize("status", STATUSES)
def test_an_impossible_button_is_refused_and_changes_nothing(
    desk: ShopClient, in_shop: Shop, status: str
) -> None:
    sold = make_product(sku="TEA-1", stock=100)
    order = order_in(status)
    seen, stock = traces(order), counters(sold)
    for action in FORMS:
        if (status, action) not in LEADS_TO:
            answer = press(desk, order, action)
            assert answer.status_code == 409, (action, answer.status_code)
            assert "Your action was not applied" in answer.text
    assert traces(order) == seen
    assert counters(sold) == stock


@pytest.mark.parametrize("status", STATUSES)
def test_the_page_offers_what_is_possible_and_says_why_the_rest_is_not(
    desk: ShopClient, in_shop: Shop, status: str
) -> None:
    make_product(sku="TEA-1", stock=100)
    order = order_in(status)
    html = desk.get(f"/admin/orders/{order.code}").text
    offered = set(re.findall(rf'action="/admin/orders/{order.code}/([a-z-]+)"', html)) - {
        "notes",
        "customer-link",
        "tags",
        "assignee",
    }
    if f'href="/admin/orders/{order.code}/shipments/new"' in html:
        offered.add(FORMS["ship"])
    assert offered == {FORMS[action] for action in FORMS if (status, action) in LEADS_TO}
    said = dict(re.findall(r'id="why-([a-z-]+)">([^<]+)<', html))
    assert set(said) == set(FORMS.values()) - offered
    assert all(reason.endswith(".") for reason in said.values())


def test_every_step_of_an_order_by_its_buttons(desk: ShopClient, in_shop: Shop) -> None:
    sold = make_product(sku="TEA-1", stock=10)
    order = order_in("pending")
    assert counters(sold) == (10, 2)
    press(desk, order, "pay", reason="Transfer of Monday")
    press(desk, fresh(order.id), "process")
    assert counters(sold) == (10, 2)
    press(desk, fresh(order.id), "ship", carrier="Royal Snail", tracking_code="RS-77")
    assert counters(sold) == (8, 0)
    press(desk, fresh(order.id), "deliver")
    press(desk, fresh(order.id), "complete")
    html = desk.get(f"/admin/orders/{order.code}").text
    for words in ("Transfer of Monday", "Royal Snail", "RS-77", "Completed", "delivered → completed", "Bob"):
        assert words in html
    actors = db.session.execute(
        select(Event.payload, Event.actor_kind, Event.actor_name, Event.request_id).where(
            Event.subject_id == order.id, Event.type == "OrderShipped"
        )
    ).one()
    assert (actors.actor_kind, actors.actor_name) == ("staff", "Bob")
    assert len(actors.request_id) == 16


def test_cancelling_frees_the_stock_and_returns_the_money(desk: ShopClient, in_shop: Shop) -> None:
    sold = make_product(sku="TEA-1", stock=10)
    order = order_in("processing")
    press(desk, order, "cancel", reason="Broken in the warehouse")
    assert counters(sold) == (10, 0)
    now = fresh(order.id)
    assert (now.status, now.payment_status) == ("cancelled", "refunded")
    assert db.session.scalars(select(Refund.amount)).all() == [order.total]
    assert "Broken in the warehouse" in desk.get(f"/admin/orders/{order.code}").text


@pytest.mark.parametrize(("restock", "left"), [({}, 8), ({"restock": "y"}, 10)])
def test_a_refund_restocks_only_when_it_is_ticked(
    desk: ShopClient, in_shop: Shop, restock: dict[str, str], left: int
) -> None:
    sold = make_product(sku="TEA-1", stock=10)
    order = order_in("shipped")
    move_alone(order.id, "request_refund", COLLEAGUE)
    press(desk, fresh(order.id), "refund", **restock)
    assert fresh(order.id).status == "refunded"
    assert counters(sold) == (left, 0)


def test_cash_on_delivery_is_recorded_after_the_goods_left(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("pending", pay_later=True)
    press(desk, order, "confirm")
    for action in ("process", "ship"):
        take_step(order.id, action)
    html = desk.get(f"/admin/orders/{order.code}").text
    assert f'action="/admin/orders/{order.code}/payment"' in html
    assert press(desk, fresh(order.id), "pay").status_code == 303
    now = fresh(order.id)
    assert (now.status, now.payment_status) == ("shipped", "paid")
    assert press(desk, now, "pay").status_code == 409


def test_an_order_that_cannot_be_confirmed_says_so(desk: ShopClient, in_shop: Shop) -> None:
    from commerce.db import atomic
    from commerce.inventory.services import release_stock

    make_product(sku="TEA-1", stock=10)
    order = order_in("paid")
    atomic(release_stock)(order.id)
    answer = press(desk, order, "confirm", htmx=True)
    assert answer.status_code == 200
    assert "could not be confirmed" in answer.text
    assert "Needs attention" in answer.text
    assert fresh(order.id).status == "paid"
    assert "Needs attention" in desk.get("/admin/orders").text


# --- two at once -------------------------------------------------------------------------------------


def test_a_stale_page_gets_409_and_sees_what_the_other_did(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop
) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    alice = signed_in("owner", name="Alice")
    assert press(alice, order, "process").status_code == 303
    seen = traces(order)
    answer = press(desk, order, "cancel")
    assert answer.status_code == 409
    assert "This was changed while you were viewing it" in answer.text
    meanwhile = answer.text.split("Changes in the meantime")[1].split("</div>")[0]
    assert "Alice started processing the order" in meanwhile
    assert "Refund" not in meanwhile
    assert "Because I say so" in answer.text, "what was typed is not lost"
    assert traces(order) == seen
    version = re.search(r'name="version" value="(\d+)"', answer.text)
    assert version is not None
    assert int(version[1]) == fresh(order.id).version, "the page that says 409 can be used to go on"


def test_two_who_press_in_the_same_moment_one_wins(app: Flask, signed_in: SignedIn, in_shop: Shop) -> None:
    sold = make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    clients = {"process": signed_in(name="Alice"), "cancel": signed_in(name="Bob")}
    tokens = {action: csrf_token(client.get("/admin/events").text) for action, client in clients.items()}
    start, answers = Barrier(2), {}

    def send(action: str) -> None:
        data = {"csrf_token": tokens[action], "version": str(order.version), "reason": "now"}
        start.wait()
        answers[action] = (
            clients[action].post(f"/admin/orders/{order.code}/{FORMS[action]}", data=data).status_code
        )

    threads = [Thread(target=send, args=(action,)) for action in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers.values()) == [303, 409]
    won = next(action for action, code in answers.items() if code == 303)
    now = fresh(order.id)
    assert now.status == LEADS_TO["confirmed", won]
    assert counters(sold) == ((10, 2) if won == "process" else (10, 0))
    changes = db.session.scalars(
        select(Event.payload).where(Event.subject_id == order.id, Event.subject_version > order.version)
    )
    assert [facts["action"] for facts in changes if "action" in facts] == [won]


# --- htmx and forms ----------------------------------------------------------------------------------


def test_htmx_gets_the_region_and_the_others_a_page(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    answer = press(desk, order, "process", htmx=True)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="order"')
    assert "<html" not in answer.text
    assert "Processing started." in answer.text
    assert "HX-Request" in answer.headers["Vary"]
    stale = press(desk, order, "cancel", htmx=True)
    assert stale.status_code == 409
    assert stale.text.lstrip().startswith('<div id="order"')


def test_a_missing_reason_is_said_at_its_field_and_changes_nothing(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    seen = traces(order)
    for reason in ("", " \n ", "x" * 501, "with a \x00 in it"):
        answer = press(desk, order, "cancel", reason=reason)
        assert answer.status_code == 422
        assert 'id="cancellation-reason-error"' in answer.text
        assert 'aria-invalid="true"' in answer.text
    assert traces(order) == seen


@pytest.mark.parametrize("version", ["", "x", "-1", "1.5", "9" * 40])
def test_a_form_without_a_sensible_version_is_refused(desk: ShopClient, in_shop: Shop, version: str) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    seen = traces(order)
    assert press(desk, order, "process", version=version).status_code == 422
    assert traces(order) == seen


def test_without_a_form_token_nothing_happens(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    seen = traces(order)
    answer = desk.post(f"/admin/orders/{order.code}/processing", data={"version": order.version})
    assert answer.status_code == 400
    assert traces(order) == seen


@pytest.mark.parametrize("resource", ["reopening", "nonsense", "pay", "process"])
def test_what_is_no_action_of_staff_is_not_found(desk: ShopClient, in_shop: Shop, resource: str) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("cancelled")
    seen = traces(order)
    assert post(desk, f"/admin/orders/{order.code}/{resource}", {"version": order.version}).status_code == 404
    assert traces(order) == seen


# --- who may -----------------------------------------------------------------------------------------

MAY = {
    "readonly": set(),
    "support": {"cancel", "request_refund"},
    "fulfilment": {"process", "ship", "deliver"},
}


@pytest.mark.parametrize("role", MAY)
def test_a_role_that_may_not_gets_403_and_changes_nothing(
    signed_in: SignedIn, in_shop: Shop, role: str
) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    client = signed_in(role)
    assert client.get(f"/admin/orders/{order.code}").status_code == 200
    seen = traces(order)
    for action in FORMS:
        if action not in MAY[role]:
            answer = press(client, order, action)
            assert answer.status_code == 403, action
    assert traces(order) == seen


def test_a_role_may_do_its_own_work(signed_in: SignedIn, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    warehouse, support = signed_in("fulfilment"), signed_in("support")
    for action in ("process", "ship", "deliver"):
        assert press(warehouse, fresh(order.id), action).status_code == 303
    assert press(support, fresh(order.id), "request_refund").status_code == 303
    assert fresh(order.id).status == "refund_requested"


# --- Charlie -----------------------------------------------------------------------------------------


def test_charlie_finds_nothing_of_alices_shop_and_changes_nothing(
    app: Flask, signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    seen = traces(order)
    charlie = signed_in("owner", name="Charlie", shop=other_shop)
    assert order.code not in charlie.get("/admin/orders").text
    assert charlie.get(f"/admin/orders/{order.code}").status_code == 404
    for action in FORMS:
        assert press(charlie, order, action).status_code == 404
    # His cookie opens nothing at her address: he is sent to the sign-in there, for codes that exist and for others.
    at_hers = app.test_client(host=in_shop.host)
    cookie = charlie.get_cookie("staff", domain=other_shop.host)
    at_hers.set_cookie("staff", cookie.value, domain=in_shop.host)
    token = csrf_token(at_hers.get("/admin/sign-in").text)
    for code in (order.code, "ORD-999999"):
        assert at_hers.get(f"/admin/orders/{code}").status_code == 303
        for resource in FORMS.values():
            answer = at_hers.post(
                f"/admin/orders/{code}/{resource}",
                data={"csrf_token": token, "version": order.version, "reason": "x"},
            )
            assert answer.status_code == 401
            assert "<h1>Sign in</h1>" in answer.text
    with shop_scope(in_shop):
        assert traces(order) == seen
