"""Notes that staff write on an order: for colleagues, or for the customer. A note is an event and nothing else."""

from __future__ import annotations

import uuid

from commerce.db import atomic
from commerce.errors import NotAllowed
from commerce.events.outbox import Actor, publish
from commerce.orders.events import OrderNoteAdded
from commerce.orders.search import index_orders
from commerce.orders.services import ACTOR_KINDS, lock_order
from commerce.orders.transitions import STAFF
from commerce.typed_text import note_text


@atomic
def add_note(order_id: uuid.UUID, actor: Actor, *, text: str, for_customer: bool = False) -> None:
    """Write a note on an order; one `for_customer` is mailed to them and shown on their page.

    The order itself stays as it is, so a page that shows it is not stale afterwards. Raises NotFound, NotAllowed for
    anybody but staff, InvalidValue when the text is empty, longer than 1000 characters or not plain.
    """
    if ACTOR_KINDS.get(actor.kind, actor.kind) != STAFF:
        raise NotAllowed("staff_only")
    note = note_text(text)
    order = lock_order(order_id)
    publish(
        actor,
        OrderNoteAdded(
            subject_id=order.id,
            subject_version=order.version,
            code=order.code,
            text=note,
            for_customer=for_customer,
        ),
    )
    index_orders([order.id])
