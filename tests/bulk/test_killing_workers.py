"""`kill -9` for the worker in the middle of a plan, while people edit: each row is changed once, their edits stay.

`LOCKSTEP_BULK_ROWS=50000 LOCKSTEP_BULK_KILLS=20 LOCKSTEP_BULK_EDITS=50` makes it as large as one likes.
"""

import os
import random
import signal
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from commerce.bulk.models import BulkRow
from commerce.bulk.queries import all_rows, get_plan, row_counts
from commerce.bulk.services import create_plan, move_plan, preview_plan, start_plan
from commerce.catalog.models import Product, Variant
from commerce.catalog.update_product import VariantUpdate, change_product
from commerce.db import db
from commerce.money import PPM
from commerce.tenants.models import Shop
from tests.bulk.many import make_many
from tests.support.spawn import Nursery

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and kills processes")
ROWS = int(os.environ.get("LOCKSTEP_BULK_ROWS", "2000"))
KILLS = int(os.environ.get("LOCKSTEP_BULK_KILLS", "5"))
EDITS = int(os.environ.get("LOCKSTEP_BULK_EDITS", "10"))
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
    workers: Workers, plan_id: uuid.UUID, waiting: str, kills: int, between: Callable[[int], None]
) -> None:
    """Kill workers while the first half of a plan is done, do something `between` two of them, then let one finish."""
    for number in range(kills):
        goal = ROWS - ROWS * (number + 1) // (2 * kills)
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


def prices() -> dict[uuid.UUID, int]:
    db.session.close()
    return {
        row.product_id: row.price for row in db.session.execute(select(Variant.product_id, Variant.price))
    }
