"""One line of time for an order: who was told, what failed and can be run again, what somebody wrote."""

import html as entities
import re
import uuid

import pytest
from sqlalchemy import select, update

from commerce.admin.orders.timeline import ACTIONS, SENTENCES, endpoint_hosts, history
from commerce.db import atomic, db
from commerce.event_handlers import EVENT_KINDS, make_relay
from commerce.events.models import Delivery, Event
from commerce.orders.events import OrderEvent, OrderStatusChanged
from commerce.orders.models import Order
from commerce.orders.notes import add_note
from commerce.orders.queries import timeline
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.returns import approve_return, request_return
from commerce.orders.transitions import TRANSITIONS
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.webhooks.services import create_endpoint
from tests.admin.conftest import SignedIn
from tests.factories.orders import BOB, order_in
from tests.factories.shop import Sold, make_product
from tests.factories.staff import post
from tests.support.client import ShopClient


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(sku="TEA-1", stock=10)


def history_of(client: ShopClient, order: Order) -> str:
    page = client.get(f"/admin/orders/{order.code}").text
    return entities.unescape(page.split('id="history-title"')[1])


@atomic
def park(order: Order) -> None:
    """Let a mail have failed for good."""
    db.session.execute(
        update(Delivery)
        .where(Delivery.subject_id == order.id, Delivery.handler == "mail_order_confirmation")
        .values(state="parked", tries=9, error="The mail server said no.")
        .execution_options(synchronize_session=False)
    )


def state_of_mail(order: Order) -> str:
    db.session.close()
    found = db.session.scalars(
        select(Delivery.state).where(
            Delivery.subject_id == order.id, Delivery.handler == "mail_order_confirmation"
        )
    ).one()
    db.session.close()
    return found


def test_what_failed_is_run_again_from_the_order(desk: ShopClient, tea: Sold) -> None:
    order = order_in("confirmed")
    make_relay().run_until_idle()
    assert "Retry" not in history_of(desk, order)
    park(order)
    shown = history_of(desk, order)
    assert "The mail server said no." in shown
    assert shown.count("Retry") == 1
    address = shown.split('action="/admin/events/')[1].split('"')[0]
    answer = post(desk, f"/admin/events/{address}", {"back": f"/admin/orders/{order.code}"})
    assert (answer.status_code, answer.location) == (303, f"/admin/orders/{order.code}")
    assert state_of_mail(order) == "waiting"


def test_who_may_not_run_it_again_sees_no_button(signed_in: SignedIn, tea: Sold) -> None:
    order = order_in("confirmed")
    make_relay().run_until_idle()
    park(order)
    shown = history_of(signed_in("support"), order)
    assert "The mail server said no." in shown
    assert "Retry" not in shown


def test_notes_parcels_requests_and_answers_have_words(desk: ShopClient, tea: Sold) -> None:
    order = order_in("processing")
    key = order.lines[0].id
    ship_order(order.id, BOB, units={key: 1})
    add_note(order.id, BOB, text="Fragile\nvery", for_customer=False)
    add_note(order.id, BOB, text="It comes on Monday", for_customer=True)
    return_id = request_return(order.id, BOB, kind="return", units={key: 1}, reason="Too big")
    approve_return(return_id, BOB, answer="Hall 3")
    shown = history_of(desk, order)
    for words in (
        "Bob sent parcel 1 with 1 × Green tea",
        "Bob added a note",
        "Fragile\nvery",
        "Bob wrote a note for the customer",
        "It comes on Monday",
        "Bob asked to return items",
        "Too big",
        "Bob approved the return",
        "Hall 3",
        "1 × TEA-1 left the stock: shipped",
    ):
        assert words in shown, words


def test_a_refund_says_who_gave_how_much_for_what(desk: ShopClient, tea: Sold) -> None:
    order = order_in("delivered")
    line = order.lines[0]
    credit_order(order.id, RefundRequest(units={line.id: 1}, returned=True), BOB, reason="Broken")
    shown = history_of(desk, order)
    assert "Bob refunded $10.00 for 1 × Green tea" in shown
    assert "Broken" in shown


def test_what_happens_by_itself_names_nobody_and_a_customer_has_no_name(desk: ShopClient, tea: Sold) -> None:
    order = order_in("confirmed")
    shown = history_of(desk, order)
    assert "<strong>The customer placed the order for $" in shown
    assert "<strong>The order is paid</strong>" in shown
    assert "test_card placed" not in shown


def test_machinery_of_the_timeline_is_folded_away(desk: ShopClient, tea: Sold) -> None:
    order = order_in("shipped")
    shown = history_of(desk, order)
    open_part = re.sub(r"<details.*?</details>", "", shown, flags=re.DOTALL)
    for machinery in ("OrderShipped", "processing → shipped", BOB.request_id):
        assert machinery in shown
        assert machinery not in open_part


def test_every_event_of_an_order_has_a_sentence_for_people(tea: Sold) -> None:
    order = order_in("confirmed")
    known = timeline(order.id)[0]
    db.session.close()
    special = {"ReturnRequested", "ReturnAnswered"}
    for kind in EVENT_KINDS:
        if not issubclass(kind, OrderEvent) or issubclass(kind, OrderStatusChanged):
            continue
        assert kind.__name__ in SENTENCES or kind.__name__ in special, kind
        event = Event(
            type=kind.__name__,
            subject_id=order.id,
            subject_version=1,
            payload={"kind": "return", "state": "approved", "number": 1},
            actor_kind="staff",
            occurred_at=known.occurred_at,
        )
        sentence = history([event], [])[0].sentence
        assert sentence not in ("", kind.__name__)
        assert "%" not in sentence
    assert {row.action for row in TRANSITIONS} == set(ACTIONS)


def test_a_webhook_is_named_by_where_it_goes(tea: Sold) -> None:
    endpoint_id, _secret = create_endpoint(
        url="https://erp.example:8443/hook?key=1", description="", event_types=["order.confirmed"]
    )
    gone = uuid.uuid4()
    told = [Delivery(handler=f"webhook:{key}") for key in (endpoint_id, gone)]
    assert endpoint_hosts([*told, Delivery(handler="mail_order_confirmation")]) == {
        f"webhook:{endpoint_id}": "webhook to erp.example",
        f"webhook:{gone}": "a webhook that was deleted",
    }
