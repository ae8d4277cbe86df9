"""`kill -9` for the worker while it makes invoices: no number is lost, given twice or out of order."""

import itertools
import os
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.events.outbox import Actor
from commerce.invoices.models import InvoiceDocument
from commerce.orders.services import cancel_order
from commerce.settlement.services import take_payment
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.faults.worker_setup import Nursery, left_to_do, post_office, time_passes, wait_until
from tests.invoices.making import making_invoices, numbers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and kills processes")
CARD = "4242 4242 4242 4242"
BOB = Actor("staff", name="Bob")
KILLS = 8 * int(os.environ.get("LOCKSTEP_KILLS", "1"))


def test_whenever_the_worker_is_killed_the_numbers_have_no_gap(
    in_shop: Shop, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(11)
    tea = make_product("Green tea", price=1000, stock=1000)
    kills: Counter[str] = Counter()
    cancelled = 0
    with (
        shop_scope(making_invoices(in_shop)),
        post_office() as (_postman, mail_url),
        Nursery(database_url, tmp_path / "nursery", mail_url) as nursery,
    ):
        traps = itertools.cycle(
            (at, when) for at in ("document_order", "commit") for when in ("before", "after")
        )
        orders = 0
        for at, when in itertools.islice(traps, 3 * KILLS):
            order = make_order((tea, 1), payment_method="card")
            assert order.payment_id is not None
            take_payment(order.payment_id, CARD)
            orders += 1
            if orders % 3 == 0:
                cancel_order(order.id, BOB, reason="Sold out")
                cancelled += 1
            kills[f"{when} {at}"] += nursery.work(at, when, chance.randint(1, 3))
            time_passes()
            if kills.total() >= KILLS:
                break
        nursery.begin()
        wait_until(lambda: left_to_do() == 0, "the worker does not finish")
        assert not nursery.stop()
        assert kills.total() >= KILLS
        assert {name for name, count in kills.items() if count} >= {
            "before document_order",
            "after document_order",
        }
        invoices, credits_ = numbers(), numbers("CN-")
        assert credits_ == list(range(1, len(credits_) + 1))
        assert invoices == list(range(1, len(invoices) + 1))
        # One that was cancelled before its payment was looked at needs no document at all.
        assert len(invoices) - len(credits_) == orders - cancelled
        db.session.close()
        rows = db.session.execute(select(InvoiceDocument.order_id, InvoiceDocument.kind)).all()
        assert len(set(map(tuple, rows))) == len(rows), "no order has a document twice"
