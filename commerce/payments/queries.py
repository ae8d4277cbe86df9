"""Read payment methods, attempts and refunds."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, Uuid, bindparam, select

from commerce.db import TENANT, db, fetch_objects
from commerce.errors import NotFound
from commerce.payments.installation import installation
from commerce.payments.models import Payment, PaymentMethod, Refund
from commerce.tenants.scope import rules_cache

TEST_GATEWAY = "test_card"
"""The gateway that takes no money."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay that the shop offers. Its fee is an amount (minor units) and millionths of the goods' price.

    `cash_rounding` is the step (minor units) to which the total of an order is rounded, 0 for none.
    """

    code: str
    gateway: str
    name: str
    instructions: str
    pay_later: bool
    hold_minutes: int
    fee_amount: int = 0
    fee_ppm: int = 0
    fee_tax_class: str = "standard"
    cash_rounding: int = 0


def payment_methods() -> tuple[Method, ...]:
    """Return the enabled payment methods in the shop's order, in production without the test card."""
    found = _enabled_methods()
    if installation().test_gateway:
        return found
    return tuple(method for method in found if method.gateway != TEST_GATEWAY)


@rules_cache
def _enabled_methods() -> tuple[Method, ...]:
    rows = db.session.execute(
        select(
            PaymentMethod.code,
            PaymentMethod.gateway,
            PaymentMethod.name,
            PaymentMethod.instructions,
            PaymentMethod.pay_later,
            PaymentMethod.hold_minutes,
            PaymentMethod.fee_amount,
            PaymentMethod.fee_ppm,
            PaymentMethod.fee_tax_class,
            PaymentMethod.cash_rounding,
        )
        .where(PaymentMethod.enabled)
        .order_by(PaymentMethod.position, PaymentMethod.id)
    )
    return tuple(Method(**row) for row in rows.mappings())


def payment_method(code: str) -> Method | None:
    """Return an enabled method by its code, or None."""
    return next((method for method in payment_methods() if method.code == code), None)


@rules_cache
def hosted_settings() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return (gateway, public settings) of the enabled methods whose payers may go to a page elsewhere."""
    rows = db.session.execute(
        select(PaymentMethod.gateway, PaymentMethod.settings).where(
            PaymentMethod.enabled, PaymentMethod.gateway.not_in(("manual", TEST_GATEWAY))
        )
    )
    return tuple((row.gateway, row.settings) for row in rows)


def test_methods() -> Sequence[str]:
    """Return the codes of the shop's enabled methods that take no money."""
    return db.session.scalars(
        select(PaymentMethod.code)
        .where(PaymentMethod.enabled, PaymentMethod.gateway == TEST_GATEWAY)
        .order_by(PaymentMethod.code)
    ).all()


def find_payment(payment_id: uuid.UUID | None, references: Sequence[str]) -> Payment | None:
    """Return the attempt of this shop that a message names by its id or by what the gateway calls it, or None."""
    if payment_id is not None:
        return db.session.scalar(select(Payment).where(Payment.id == payment_id))
    if not references:
        return None
    return db.session.scalars(
        select(Payment).where(Payment.reference.in_(references)).order_by(Payment.id).limit(1)
    ).first()


def get_payment(payment_id: uuid.UUID) -> Payment:
    """Return an attempt. Raises NotFound."""
    payment = db.session.scalar(select(Payment).where(Payment.id == payment_id))
    if payment is None:
        raise NotFound("payment_not_found")
    return payment


def payments_of(order_id: uuid.UUID) -> Sequence[Payment]:
    """Return an order's attempts, oldest first."""
    return db.session.scalars(select(Payment).where(Payment.order_id == order_id).order_by(Payment.id)).all()


_payments = cast("Table", Payment.__table__)
_OF_ORDER = (
    select(_payments)
    .where(_payments.c.tenant_id == TENANT, _payments.c.order_id == bindparam("order", type_=Uuid()))
    .order_by(_payments.c.id)
)


def payments_to_show(order_id: uuid.UUID) -> Sequence[Payment]:
    """Return an order's attempts, oldest first, to be read: they belong to no session."""
    return fetch_objects(Payment, _OF_ORDER, order=order_id)


def refunds_of(order_id: uuid.UUID) -> Sequence[Refund]:
    """Return an order's refunds, oldest first."""
    return db.session.scalars(
        select(Refund).where(Refund.order_id == order_id).order_by(Refund.created_at, Refund.id)
    ).all()
