"""What staff can do with a delivery that failed."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from commerce.db import atomic, database_now, db
from commerce.errors import IllegalTransition, NotFound
from commerce.events.models import Delivery


@atomic
def replay(delivery_id: uuid.UUID) -> None:
    """Run a failed or parked delivery again soon, with a fresh schedule.

    Raises NotFound, IllegalTransition when it is done.
    """
    delivery = db.session.scalar(
        select(Delivery)
        .where(Delivery.id == delivery_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if delivery is None:
        raise NotFound("There is no such delivery.")
    if delivery.state == "done":
        raise IllegalTransition("done", "replay", "This was delivered already.")
    delivery.state, delivery.tries, delivery.lease, delivery.leased_until = "waiting", 0, None, None
    delivery.due_at = db.session.execute(
        select(database_now()), execution_options={"all_tenants": True}
    ).scalar_one()
    db.session.flush()
