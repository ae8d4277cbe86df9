"""Wishes to be told that come in at once, and workers that answer them at once: the limit holds, nobody hears twice."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from commerce.db import atomic, db, insert_rows
from commerce.errors import InvalidValue
from commerce.events.models import Event
from commerce.events.outbox import SYSTEM, publish
from commerce.inventory import back_in_stock
from commerce.inventory.back_in_stock import notify_subscribers, subscribe_back_in_stock
from commerce.inventory.events import BackInStock
from commerce.inventory.models import MOST_ALERTS, StockAlert
from commerce.tenants.models import Shop
from tests.concurrency.race import kinds, race
from tests.factories.shop import Sold, change_stock, make_product

WAITING = 60
WORKERS = 8


def _count(table: Any) -> int:
    db.session.close()
    found = int(db.session.scalar(select(func.count()).select_from(table)) or 0)
    db.session.close()
    return found


def _told() -> int:
    db.session.close()
    counted = select(func.count()).select_from(Event).where(Event.type == "BackInStock")
    found = int(db.session.scalar(counted) or 0)
    db.session.close()
    return found


def _calls(sold: list[Sold], wish: Callable[..., None] = subscribe_back_in_stock) -> list[Callable[[], None]]:
    return [partial(wish, each.variant_id, "eve@example.com") for each in sold]


def test_thirty_alerts_of_one_address_at_once_are_twenty(arena: Flask, shop: Shop) -> None:
    sold = [make_product(f"Tea {number}", stock=0) for number in range(30)]
    results = race(arena, shop, _calls(sold))
    assert kinds(results) == {"NoneType": MOST_ALERTS, "InvalidValue": 30 - MOST_ALERTS}
    assert _count(StockAlert) == MOST_ALERTS


def test_control_counting_first_and_writing_later_passes_the_limit(arena: Flask, shop: Shop) -> None:
    """A limit that is only counted lets through all that look before the first has written."""
    sold = [make_product(f"Tea {number}", stock=0) for number in range(30)]
    all_have_looked = threading.Barrier(len(sold))

    def counted(number: int, each: Sold) -> None:
        enough = _count(StockAlert) >= 5
        all_have_looked.wait(timeout=30)
        if enough:
            raise InvalidValue("email", "enough")

        @atomic
        def write() -> None:
            row = {"variant_id": each.variant_id, "email": f"eve{number}@example.com", "place": 1}
            insert_rows(StockAlert, [row])

        write()

    race(arena, shop, [partial(counted, number, each) for number, each in enumerate(sold)])
    assert _count(StockAlert) > 5


def test_the_same_request_many_times_at_once_is_one(arena: Flask, shop: Shop) -> None:
    tea = make_product("Tea", stock=0)
    assert kinds(race(arena, shop, _calls([tea] * 20))) == {"NoneType": 20}
    assert _count(StockAlert) == 1


def _crowd() -> Sold:
    tea = make_product("Tea", stock=0)
    for number in range(WAITING):
        subscribe_back_in_stock(tea.variant_id, f"eve{number}@example.com")
    change_stock(tea, 1)
    return tea


def test_many_workers_write_one_event_for_each_request(
    arena: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_in_stock, "BATCH", 10)
    tea = _crowd()

    def work() -> int:
        return sum(notify_subscribers(tea.variant_id) for _ in range(WAITING // 10))

    answered = race(arena, shop, [work] * WORKERS)
    assert sum(answered) == WAITING
    assert _told() == WAITING


def test_control_without_the_mark_alerts_are_answered_twice(arena: Flask, shop: Shop) -> None:
    tea = _crowd()
    all_have_looked = threading.Barrier(WORKERS)

    def answer_carelessly() -> None:
        db.session.close()
        found = db.session.scalars(
            select(StockAlert.id).where(StockAlert.variant_id == tea.variant_id, StockAlert.told_at.is_(None))
        ).all()
        db.session.close()
        all_have_looked.wait(timeout=30)

        @atomic
        def write() -> None:
            facts = {"sku": "", "title": "", "options": "", "slug": ""}
            publish(SYSTEM, *(BackInStock(subject_id=key, subject_version=1, **facts) for key in found))

        write()

    race(arena, shop, [answer_carelessly] * WORKERS)
    assert _told() > WAITING
