"""What the worker asks the database for each order when many wait: whole batches share what they read and write."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from commerce import event_handlers
from commerce.db import _as_tenant, new_id
from commerce.event_handlers import make_relay
from commerce.events.queries import deliveries_of
from commerce.events.read_ahead import read_already
from commerce.events.relay import DeliveredEvent, Relay
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.events.sample_event import Rang, ring
from tests.factories.orders import placed_order, take_step
from tests.factories.shop import Sold, make_product
from tests.notifications.outgoing import Post, text_of
from tests.support.statements import count_statements

ORDERS = 10
MOST_STATEMENTS = 8
OF_A_BATCH = 10
"""Commits of a batch: fanning out, claims of each lane, the outcomes."""


@contextmanager
def count_commits() -> Iterator[list[str]]:
    """Yield a list that grows with every commit."""
    seen: list[str] = []

    def note(_connection: object) -> None:
        seen.append("commit")

    event.listen(Engine, "commit", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "commit", note)


@pytest.mark.parametrize("paid", [False, True])
def test_a_busy_worker_needs_few_statements_and_one_commit_for_an_order(
    in_shop: Shop, tea: Sold, post: Post, *, paid: bool
) -> None:
    orders = [placed_order(sku=tea.sku, quantity=1) for _ in range(ORDERS)]
    for order_id in orders if paid else ():
        take_step(order_id, "pay")
        take_step(order_id, "confirm")
    with count_statements() as made, count_commits() as commits:
        make_relay().run_until_idle()
    assert len(post.mails) == (2 if paid else 1) * ORDERS
    assert {each.state for order in orders for each in deliveries_of(order)} == {"done"}
    assert len(made) <= MOST_STATEMENTS * ORDERS
    assert len(commits) <= len(post.mails) + OF_A_BATCH, "one before each mail, and those of a batch"


def test_what_was_read_ahead_serves_one_handler_and_no_other_shop(
    in_shop: Shop, other_shop: Shop, tea: Sold, post: Post
) -> None:
    """Each mail is about its own order, whoever was read together with it."""
    for number in range(3):
        placed_order(sku=tea.sku, quantity=1, name=f"Ann {number}", email=f"ann{number}@buyer.test")
    with shop_scope(other_shop):
        oolong = make_product("Oolong", price=900, stock=9)
        placed_order(sku=oolong.sku, quantity=1, name="Otto", email="otto@buyer.test")
        placed_order(sku=oolong.sku, quantity=1, name="Olga", email="olga@buyer.test")
    with _as_tenant(None, every=False):  # the worker is in no shop when it begins
        make_relay().run_until_idle()
    for mail in post.mails:
        name = {"otto": "Otto", "olga": "Olga"}.get(str(mail["To"]).partition("@")[0])
        text = text_of(mail)
        assert ("Oolong" in text) == (name is not None)
        assert name is None or name in text
    assert len(post.mails) == 5


def test_a_batch_that_cannot_be_read_ahead_is_read_one_by_one(
    in_shop: Shop, tea: Sold, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_happenings: object) -> dict[uuid.UUID, bool]:
        raise OSError("the line is dead")

    monkeypatch.setitem(event_handlers.READERS, "watch_stock", fails)  # type: ignore[arg-type]
    orders = [placed_order(sku=tea.sku, quantity=1) for _ in range(2)]
    make_relay().run_until_idle()
    assert {each.state for order in orders for each in deliveries_of(order)} == {"done"}


def test_a_batch_reads_again_what_its_other_handlers_have_changed(in_shop: Shop) -> None:
    """First come those that nothing is read for: they may change what the others are about."""
    order: list[str] = []
    subject, facts = new_id(), {"read": 0}

    def change(_event: DeliveredEvent) -> None:
        facts["read"] += 1
        order.append("change")

    def read(happenings: Sequence[DeliveredEvent]) -> dict[uuid.UUID, int]:
        return {each.event_id: facts["read"] for each in happenings}

    def tell(event: DeliveredEvent) -> None:
        order.append(f"tell {read_already(read, event.event_id)}")
        assert read_already(read, event.event_id) is None, "it serves once"

    ring("a", "b", subject=subject)
    relay = Relay(
        {Rang: [tell, change]}, (Rang,), lambda key: shop_scope(get_shop(key)), readers={"tell": read}
    )
    relay.run_until_idle()
    assert order == ["change", "change", "tell 2", "tell 2"]
