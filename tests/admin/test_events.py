"""What could not be delivered is shown with its reason and can be run again."""

import uuid

import pytest
from sqlalchemy import select, update

from commerce.db import atomic, db
from commerce.event_handlers import make_relay
from commerce.events.models import Delivery
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.test_pages import check
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.support.client import ShopClient


@pytest.fixture
def parked(in_shop: Shop) -> uuid.UUID:
    """A mail that could not be sent and was given up."""
    make_product(sku="TEA-1", stock=10)
    order_in("confirmed")
    make_relay().run_until_idle()
    return trouble("mail_order_confirmation", "parked")


@atomic
def trouble(handler: str, state: str) -> uuid.UUID:
    delivery_id = db.session.scalars(select(Delivery.id).where(Delivery.handler == handler)).one()
    db.session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id)
        .values(state=state, tries=11, error="SMTPServerDisconnected: <gone>", done_at=None)
    )
    return delivery_id


def state_of(delivery_id: uuid.UUID) -> tuple[str, int]:
    db.session.close()
    delivery = db.session.scalars(select(Delivery).where(Delivery.id == delivery_id)).one()
    db.session.close()
    return delivery.state, delivery.tries


def test_when_nothing_failed_the_page_says_so(desk: ShopClient, in_shop: Shop) -> None:
    page = desk.get("/admin/events").text
    assert "No failed deliveries" in page
    assert "Everything is processed." in page


def test_events_that_nobody_took_up_are_counted(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order_in("pending")
    assert "1 event is waiting for the worker" in desk.get("/admin/events").text


@pytest.mark.parametrize("state", ["parked", "waiting"])
def test_what_failed_is_shown_with_its_error_and_order(
    desk: ShopClient, parked: uuid.UUID, state: str
) -> None:
    trouble("mail_order_confirmation", state)
    page = desk.get("/admin/events").text
    for words in (
        "Mail order confirmation",
        state,
        "11 attempts",
        "SMTPServerDisconnected: &lt;gone&gt;",
        "ORD-000001",
    ):
        assert words in page


def test_run_again_runs_it_again(desk: ShopClient, parked: uuid.UUID) -> None:
    answer = post(desk, f"/admin/events/{parked}/replay")
    assert (answer.status_code, answer.location) == (303, "/admin/events")
    assert state_of(parked) == ("waiting", 0)
    make_relay().run_until_idle()
    assert state_of(parked) == ("done", 1)
    assert "No failed deliveries" in desk.get("/admin/events").text
    assert post(desk, f"/admin/events/{parked}/replay").status_code == 409


def test_only_who_may_runs_it_again(signed_in: SignedIn, parked: uuid.UUID) -> None:
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        assert ">Retry<" not in client.get("/admin/events").text
        assert post(client, f"/admin/events/{parked}/replay").status_code == 403
    assert state_of(parked) == ("parked", 11)


def test_charlie_neither_sees_nor_runs_it(
    signed_in: SignedIn, parked: uuid.UUID, in_shop: Shop, other_shop: Shop
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    assert "No failed deliveries" in charlie.get("/admin/events").text
    assert post(charlie, f"/admin/events/{parked}/replay").status_code == 404
    with shop_scope(in_shop):
        assert state_of(parked) == ("parked", 11)


def test_what_does_not_exist_is_not_found(desk: ShopClient, in_shop: Shop) -> None:
    assert post(desk, f"/admin/events/{uuid.uuid4()}/replay").status_code == 404
    assert post(desk, "/admin/events/nonsense/replay").status_code == 404


def test_each_state_has_its_list(desk: ShopClient, parked: uuid.UUID) -> None:
    for state, there in (("parked", True), ("waiting", False), ("done", False), ("nonsense", True)):
        page = desk.get(f"/admin/events?state={state}&handler=mail_order_confirmation").text
        check(page)
        assert ("SMTPServerDisconnected" in page) is there
    assert "SMTPServerDisconnected" not in desk.get("/admin/events?handler=another").text
    done = desk.get("/admin/events?state=done").text
    assert "OrderPlaced" in done
    assert ">Retry<" not in done


def test_the_facts_of_an_event_are_shown(desk: ShopClient, parked: uuid.UUID) -> None:
    page = desk.get("/admin/events").text
    assert "<dt>to status</dt><dd>confirmed</dd>" in page


def test_all_that_was_given_up_for_one_kind_runs_again_at_once(
    desk: ShopClient, parked: uuid.UUID, in_shop: Shop
) -> None:
    order_in("confirmed")
    order_in("shipped")
    make_relay().run_until_idle()
    give_up("mail_order_confirmation", "mail_shipping_notification")
    page = desk.get("/admin/events").text
    assert "Retry all 3" in page
    assert "every 3s" not in page
    answer = post(desk, "/admin/events/replays", {"handler": "mail_order_confirmation"})
    assert answer.location == "/admin/events?state=waiting&handler=mail_order_confirmation"
    page = desk.get(answer.location).text
    check(page)
    assert "3 deliveries will be retried." in page
    assert "Processing…" in page
    assert "every 3s" in page  # progress shows by itself
    make_relay().run_until_idle()
    assert state_of(parked) == ("done", 1)
    left = desk.get("/admin/events").text
    assert "Mail shipping notification" in left
    assert "Mail order confirmation" not in left
    again = post(desk, "/admin/events/replays", {"handler": "mail_order_confirmation"})
    assert "0 deliveries will be retried." in desk.get(again.location).text
    for bad in ("", "<b>", "x" * 81):
        assert post(desk, "/admin/events/replays", {"handler": bad}).status_code == 404


@atomic
def give_up(*handlers: str) -> None:
    db.session.execute(
        update(Delivery).where(Delivery.handler.in_(handlers)).values(state="parked", tries=11, error="away")
    )


def test_only_who_may_runs_all_again_and_only_those_of_the_shop(
    signed_in: SignedIn, parked: uuid.UUID, in_shop: Shop, other_shop: Shop
) -> None:
    data = {"handler": "mail_order_confirmation"}
    assert post(signed_in("support"), "/admin/events/replays", data).status_code == 403
    charlie = signed_in("owner", shop=other_shop)
    assert post(charlie, "/admin/events/replays", data).status_code == 303
    with shop_scope(in_shop):
        assert state_of(parked) == ("parked", 11)


def test_long_lists_have_pages(desk: ShopClient, parked: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commerce.events.queries.PAGE", 1)
    order_in("confirmed")
    make_relay().run_until_idle()
    give_up("mail_order_confirmation")
    first = desk.get("/admin/events").text
    assert "ORD-000002" in first
    assert "page=2" in first
    second = desk.get("/admin/events?state=troubled&page=2").text
    assert "ORD-000001" in second
    assert 'rel="prev"' in second
