"""A program polls while orders are committed on all sides: it gets each event once, and an order's in their order."""

import threading
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from commerce.checkout.direct_orders import DirectOrder, RequestedItem, place_direct_order
from commerce.db import db
from commerce.events.feed import read_feed
from commerce.events.outbox import Actor
from commerce.orders.services import cancel_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks.payloads import types_of
from tests.concurrency.race import race
from tests.events.sample_event import events
from tests.factories.checkout import ADDRESS
from tests.factories.shop import make_product

BUYERS, EACH = 8, 25
PAGE = 7
"""Odd and small, so that pages end everywhere between the events of an order."""
PROGRAM = Actor("api", name="ERP")
ORDER = DirectOrder([RequestedItem(1, "PRD-001")], ADDRESS, name="Ann Buyer", payment_method="bank_transfer")
Heard = list[tuple[uuid.UUID, uuid.UUID, int]]


def buy() -> None:
    """Order again and again, and cancel every third order."""
    for number in range(EACH):
        placed = place_direct_order(ORDER, PROGRAM).order
        if number % 3 == 0:
            cancel_order(placed.id, PROGRAM, reason="Changed his mind")


def follow(app: Flask, shop: Shop, over: threading.Event) -> Heard:
    """Poll until nothing comes after everybody is done; return (event, order, version) as they came."""
    heard: Heard = []
    position, last = 0, False
    with app.app_context(), shop_scope(shop):
        while True:
            ending = over.is_set()
            page = read_feed(position, types_of(), PAGE)
            heard += [(event.id, event.subject_id, event.subject_version) for event in page.events]
            position = page.position
            db.session.close()
            if len(page.events) < PAGE:
                if last:
                    return heard
                last = ending


def test_two_who_poll_while_eight_buyers_commit_200_orders_get_every_event_once_in_one_order(
    arena: Flask, shop: Shop
) -> None:
    make_product("Green tea", stock=BUYERS * EACH, sku="PRD-001")
    over = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(follow, arena, shop, over) for _ in range(2)]
        try:
            results = race(arena, shop, [buy] * BUYERS)
        finally:
            over.set()
        one, other = (reader.result() for reader in readers)
    assert results == [None] * BUYERS
    told = [event for event in events() if event.type in types_of()]
    assert len(told) == BUYERS * (EACH + 9)
    assert sorted(event_id for event_id, *_ in one) == [event.id for event in told]
    assert one == other
    by_order = defaultdict(list)
    for _event, order, version in one:
        by_order[order].append(version)
    assert len(by_order) == BUYERS * EACH
    assert all(versions == sorted(versions) for versions in by_order.values())
