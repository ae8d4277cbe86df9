"""Stored responses are kept for a day, then the worker deletes them in every shop."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from commerce import clock, worker
from commerce.api import idempotency
from commerce.api.models import IdempotencyKey
from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.worker import jobs, purge_idempotency_answers
from tests.factories.api_clients import make_program, new_key, order_body
from tests.factories.shop import make_product


def kept() -> int:
    db.session.close()
    return db.session.scalar(select(func.count()).select_from(IdempotencyKey)) or 0


def test_stored_responses_are_purged_after_a_day_in_batches(
    app: Flask, shop: Shop, other_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert purge_idempotency_answers in [job.run for job in jobs()]
    for module in (worker, idempotency):
        monkeypatch.setattr(module, "PURGE_BATCH", 2)
    key = new_key()
    with app.app_context():
        for each in (shop, other_shop):
            with shop_scope(each):
                make_product("Mouse", price=2999, sku="PRD-001", stock=20)
                program = make_program(app, host=f"{each.code}.localhost")
                for number in range(5):
                    sent = {"key": key} if number == 0 else {}
                    assert program.post("/api/orders", order_body(("PRD-001", 1)), **sent).status_code == 201
        assert purge_idempotency_answers() == 0
        with time_machine.travel(clock.now() + timedelta(hours=23), tick=False):
            assert purge_idempotency_answers() == 0
        with time_machine.travel(clock.now() + timedelta(hours=25), tick=False):
            assert purge_idempotency_answers() == 10
        with shop_scope(other_shop):
            assert kept() == 0
            fresh = program.post("/api/orders", order_body(("PRD-001", 1)), key=key)
            assert (fresh.status_code, fresh.headers.get("Idempotency-Replayed")) == (201, None)
