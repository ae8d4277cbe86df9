"""Orders in each state, and assertions about them, for the tests of the operations on an order."""

from typing import Any

from sqlalchemy import func, select
from werkzeug.test import TestResponse

from commerce.db import db
from commerce.events.models import Event
from commerce.orders.models import Credit, Order, ReturnRequest
from commerce.payments.models import Payment, Refund
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.models import Shipment
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, fresh, take_step
from tests.factories.shop import Sold, make_product
from tests.support.invariants import broken_invariants

ACTIONS_TO_COMPLETED = ("process", "ship", "deliver", "complete")


def make_tea(**values: Any) -> Sold:
    """Create a product with 100 units in stock at 10.00."""
    return make_product(**{"title": "Green tea", "sku": "TEA-1", "price": 1000, "stock": 100, **values})


def paid_order(sold: Sold, quantity: int, *actions: str) -> Order:
    """Return a new order that is paid by bank transfer and confirmed, after these further actions."""
    placed = make_order((sold, quantity))
    record_receipt(placed.id, BOB)
    for action in actions:
        take_step(placed.id, action)
    return fresh(placed.id)


def order_url(order: Order, part: str = "") -> str:
    """Return the URL of an order, or of a resource of it."""
    return f"/api/orders/{order.code}" + (f"/{part}" if part else "")


def assert_rejected(answer: TestResponse, status: int, code: str, *fields: str) -> dict[str, Any]:
    """Assert that a response is this problem with these invalid fields, and return it."""
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert [each["field"] for each in problem.get("errors") or []] == list(fields), answer.text
    return dict(problem)


def snapshot(order: Order) -> tuple[Any, ...]:
    """Return everything that an operation on an order can change, and check the invariants of money and stock."""
    now = fresh(order.id)
    counts = [
        db.session.scalar(select(func.count()).select_from(each))
        for each in (Event, Credit, Refund, Shipment, ReturnRequest, Payment)
    ]
    captured, refunded = captured_and_refunded(order)
    assert broken_invariants() == []
    return now.status, now.payment_status, now.version, captured, refunded, *counts


def captured_and_refunded(order: Order) -> tuple[int, int]:
    """Return (captured, refunded), minor units."""
    db.session.close()
    row = db.session.execute(
        select(func.sum(Payment.captured), func.sum(Payment.refunded)).where(Payment.order_id == order.id)
    ).one()
    db.session.close()
    return int(row[0] or 0), int(row[1] or 0)
