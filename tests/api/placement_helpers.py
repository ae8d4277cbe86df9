"""Assertions about rejected orders, which must leave no trace."""

from typing import Any

from sqlalchemy import func, select

from commerce.db import db
from commerce.orders.models import Order
from tests.factories.api_clients import Program
from tests.support.invariants import broken_invariants


def count_orders() -> int:
    db.session.close()
    return int(db.session.scalar(select(func.count()).select_from(Order)) or 0)


def rejected_order(program: Program, body: Any, status: int, code: str, **more: Any) -> dict[str, Any]:
    """Send an order that must be rejected without a trace, and return the problem."""
    before = count_orders()
    answer = program.post("/api/orders", body, **more)
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["type"] == f"urn:lockstep:problem:{code}"
    assert count_orders() == before
    assert broken_invariants() == []
    problem: dict[str, Any] = answer.json
    return problem


def error_fields(problem: dict[str, Any]) -> list[str]:
    return [each["field"] for each in problem["errors"]]
