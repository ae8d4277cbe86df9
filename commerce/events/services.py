"""What staff can do with deliveries that failed."""

from __future__ import annotations

import uuid
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select, update

from commerce.db import atomic, database_now, db, lock
from commerce.errors import IllegalTransition
from commerce.events.models import Delivery


@atomic
def replay(delivery_id: uuid.UUID, *, even_done: bool = False) -> None:
    """Run a failed or parked delivery again soon, with a fresh schedule.

    `even_done` is for handlers whose other side may have lost what it was told, and knows repetitions by their id.
    Raises NotFound, IllegalTransition when it is done.
    """
    delivery = lock(Delivery, delivery_id, entity="delivery")
    if delivery.state == "done" and not even_done:
        raise IllegalTransition("done", "replay", "This was delivered already.")
    delivery.state, delivery.tries, delivery.lease, delivery.leased_until = "waiting", 0, None, None
    delivery.done_at = None
    delivery.due_at = db.session.execute(
        select(database_now()), execution_options={"all_tenants": True}
    ).scalar_one()
    db.session.flush()


@atomic
def replay_parked(handler: str) -> int:
    """Run everything again that was given up for one handler, and return how many deliveries that are."""
    return _change(
        update(Delivery)
        .where(Delivery.state == "parked", Delivery.handler == handler)
        .values(state="waiting", tries=0, lease=None, leased_until=None, due_at=database_now())
    )


def forget_handler(handler: str) -> int:
    """Delete what was not told yet to a handler that is gone for good, and return how much that was. A step."""
    return _change(delete(Delivery).where(Delivery.state != "done", Delivery.handler == handler))


def _change(statement: Any) -> int:
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
