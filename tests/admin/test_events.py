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
    assert "Nothing has failed" in page
    assert "The worker is up to date." in page


def test_events_that_nobody_took_up_are_counted(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order_in("pending")
    assert "1 event waits for the worker" in desk.get("/admin/events").text


@pytest.mark.parametrize("state", ["parked", "waiting"])
def test_what_failed_is_shown_with_its_error_and_order(
    desk: ShopClient, parked: uuid.UUID, state: str
) -> None:
    trouble("mail_order_confirmation", state)
    page = desk.get("/admin/events").text
    for words in (
        "Mail order confirmation",
        state,
        "11 tries",
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
    assert "Nothing has failed" in desk.get("/admin/events").text
    assert post(desk, f"/admin/events/{parked}/replay").status_code == 409


def test_only_who_may_runs_it_again(signed_in: SignedIn, parked: uuid.UUID) -> None:
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        assert "Run again" not in client.get("/admin/events").text
        assert post(client, f"/admin/events/{parked}/replay").status_code == 403
    assert state_of(parked) == ("parked", 11)


def test_charlie_neither_sees_nor_runs_it(
    signed_in: SignedIn, parked: uuid.UUID, in_shop: Shop, other_shop: Shop
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    assert "Nothing has failed" in charlie.get("/admin/events").text
    assert post(charlie, f"/admin/events/{parked}/replay").status_code == 404
    with shop_scope(in_shop):
        assert state_of(parked) == ("parked", 11)


def test_what_does_not_exist_is_not_found(desk: ShopClient, in_shop: Shop) -> None:
    assert post(desk, f"/admin/events/{uuid.uuid4()}/replay").status_code == 404
    assert post(desk, "/admin/events/nonsense/replay").status_code == 404
