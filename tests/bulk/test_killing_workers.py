"""`kill -9` for the worker in the middle of a plan, while people edit: each row is changed once, their edits stay.

`LOCKSTEP_BULK_ROWS=50000 LOCKSTEP_BULK_KILLS=20 LOCKSTEP_BULK_EDITS=50` makes it as large as one likes.
"""

import os
import random
import re
import signal
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from commerce.bulk.models import BulkRow
from commerce.bulk.queries import all_rows, get_plan, row_counts
from commerce.bulk.services import create_plan, move_plan, preview_plan, start_plan
from commerce.bulk.tracking_lines import read_tracking
from commerce.catalog.models import Product, Variant
from commerce.catalog.update_product import VariantUpdate, change_product
from commerce.db import atomic, db
from commerce.events.models import Delivery, Event
from commerce.money import PPM
from commerce.orders.listing import chosen_orders
from commerce.shipping.models import Shipment
from commerce.tenants.models import Shop
from tests.bulk.many import make_many
from tests.factories.orders import order_in
from tests.factories.shop import counters, make_product
from tests.support.invariants import broken_invariants
from tests.support.spawn import Nursery

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and kills processes")
ROWS = int(os.environ.get("LOCKSTEP_BULK_ROWS", "2000"))
KILLS = int(os.environ.get("LOCKSTEP_BULK_KILLS", "5"))
EDITS = int(os.environ.get("LOCKSTEP_BULK_EDITS", "10"))
ORDERS = int(os.environ.get("LOCKSTEP_BULK_ORDERS", "24"))
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = 60 + ROWS // 50
"""Seconds that a plan may take before the test gives it up."""
WORK = ("flask", "--app", "app", "worker")
UP_5 = {"direction": "raise", "percent": 5 * PPM // 100, "amount": None, "compare_at": "keep"}


class Workers:
    """Workers on the test's database, one at a time."""

    def __init__(self, nursery: Nursery, database_url: str, folder: Path) -> None:
        self._nursery, self._log = nursery, folder / "worker.log"
        self._environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url,
            "VAR_DIR": str(folder),
            "SECRET_KEY": "only-for-tests-0123456789abcdef0123456789abcdef",
        }

    def start(self) -> int:
        return self._nursery.start(self._environment, self._log, WORK)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        _until(lambda: self._nursery.poll(pid) is not None, "the worker does not die")


def _until(holds: Callable[[], bool], problem: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, problem
        db.session.close()
        time.sleep(0.02)


def left(plan_id: uuid.UUID, status: str) -> int:
    db.session.close()
    return db.session.execute(
        select(func.count()).select_from(BulkRow).where(BulkRow.plan_id == plan_id, BulkRow.status == status)
    ).scalar_one()


def edit(product_ids: list[uuid.UUID], price: int) -> None:
    """Change prices by hand, as a page does that was just opened."""
    for product_id in product_ids:
        db.session.close()
        row = db.session.execute(
            select(Product.version, Variant.id.label("variant_id"), Variant.version.label("variant_version"))
            .join(Variant, (Variant.tenant_id == Product.tenant_id) & (Variant.product_id == Product.id))
            .where(Product.id == product_id)
        ).one()
        change = VariantUpdate(row.variant_id, row.variant_version, {"price": price})
        change_product(product_id, seen_version=row.version, variants=[change])


def work_and_kill(
    workers: Workers,
    plan_id: uuid.UUID,
    waiting: str,
    kills: int,
    between: Callable[[int], None],
    rows: int = ROWS,
) -> None:
    """Kill workers while the first half of a plan is done, do something `between` two of them, then let one finish."""
    for number in range(kills):
        goal = rows - rows * (number + 1) // (2 * kills)
        pid = workers.start()
        _until(lambda goal=goal: left(plan_id, waiting) <= goal, "the plan does not go on")  # type: ignore[misc]
        time.sleep(random.uniform(0, 0.03))  # somewhere in a transaction
        workers.kill(pid)
        assert left(plan_id, waiting), "it was killed in the middle"
        between(number)
    pid = workers.start()
    _until(lambda: get_plan(plan_id).status in ("done", "undone"), "it never ends")
    workers.kill(pid)


def test_killed_workers_change_each_row_once_and_undo_what_is_theirs(
    in_shop: Shop, database_url: str, nursery: Nursery, tmp_path: Path
) -> None:
    ids = make_many(ROWS)
    workers = Workers(nursery, database_url, tmp_path)
    plan_id = create_plan(
        "products.price", select(Product.id, Product.version), scope={}, by="Bob", staff_id=None
    )
    preview_plan(plan_id, UP_5, seen_version=1)
    start_plan(plan_id, seen_version=2)
    # The last rows have their turn last: those edits come before the plan does.
    early = random.sample(ids[-ROWS // 5 :], EDITS)
    parts = [early[at::KILLS] for at in range(KILLS)]
    began = time.monotonic()
    work_and_kill(workers, plan_id, "pending", KILLS, lambda number: edit(parts[number], 777))
    print(f"{ROWS} rows, {KILLS} kills, {EDITS} edits: {time.monotonic() - began:.1f} s")

    assert row_counts(plan_id) == {"done": ROWS - EDITS, "conflict": EDITS}
    assert {row.subject_id for row in all_rows(plan_id) if row.status == "conflict"} == set(early)
    expected = {product_id: 777 if product_id in set(early) else 1061 for product_id in ids}
    assert prices() == expected, "once each: 5 % twice would be 11.14"

    touched = random.sample(sorted(set(ids) - set(early)), EDITS)
    edit(touched, 888)
    move_plan(plan_id, "undo")
    began = time.monotonic()
    work_and_kill(workers, plan_id, "done", KILLS // 2, lambda _number: None)
    print(f"undone in {time.monotonic() - began:.1f} s")
    assert row_counts(plan_id) == {"undone": ROWS - 2 * EDITS, "kept": EDITS, "conflict": EDITS}
    assert {row.subject_id for row in all_rows(plan_id) if row.status == "kept"} == set(touched)
    expected = dict.fromkeys(ids, 1010) | dict.fromkeys(early, 777) | dict.fromkeys(touched, 888)
    assert prices() == expected


def test_killed_workers_ship_each_order_once_with_one_mail_each(
    in_shop: Shop, database_url: str, nursery: Nursery, tmp_path: Path
) -> None:
    tea = make_product(sku="TEA-1", stock=ORDERS)
    orders = [
        order_in("confirmed", quantity=1, email=f"buyer-{number}@mail.test") for number in range(ORDERS)
    ]
    workers = Workers(nursery, database_url, tmp_path)
    found = read_tracking("\n".join(f"{order.code},DHL,T-{order.number}" for order in orders))
    plan_id = create_plan(
        "orders.tracking",
        chosen_orders(list(found.details)),
        scope={"file": True},
        by="Bob",
        staff_id=None,
        details=found.details,
        given={},
    )
    start_plan(plan_id, seen_version=2)
    work_and_kill(workers, plan_id, "pending", KILLS, lambda _number: None, ORDERS)

    assert row_counts(plan_id) == {"done": ORDERS}
    assert counters(tea) == (0, 0), "a unit for each order, once"
    sent = db.session.execute(select(Shipment.order_id, Shipment.tracking_code)).all()
    assert sorted(sent) == sorted((order.id, f"T-{order.number}") for order in orders)
    assert not broken_invariants()
    give_up_leases()
    pid = workers.start()
    _until(lambda: len(mails_of_parcels(tmp_path)) >= ORDERS, "the mails do not come")
    workers.kill(pid)
    assert sorted(mails_of_parcels(tmp_path)) == sorted(f"T-{order.number}" for order in orders)
    db.session.close()
    shipped = select(Event.subject_id).where(Event.type == "OrderShipped")
    assert sorted(db.session.scalars(shipped)) == sorted(order.id for order in orders)


@atomic
def give_up_leases() -> None:
    """Let nobody wait for the leases of workers that were killed."""
    db.session.execute(
        update(Delivery).where(Delivery.leased_until.is_not(None)).values(leased_until=LONG_AGO)
    )


def mails_of_parcels(folder: Path) -> list[str]:
    """Return the tracking code of each mail that has one."""
    texts = [file.read_text() for file in (folder / "mail").glob("*.eml")]
    return [found.group() for text in texts if (found := re.search(r"\bT-\d+", text))]


def prices() -> dict[uuid.UUID, int]:
    db.session.close()
    return {
        row.product_id: row.price for row in db.session.execute(select(Variant.product_id, Variant.price))
    }
