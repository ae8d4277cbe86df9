"""What an action that moves money would do, shown before it is done, and the words for it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from commerce.errors import IllegalTransition, StaleVersion
from commerce.order_management.actions import OrderAction, RefundOrder
from commerce.orders.models import Order
from commerce.orders.refunds import RefundPlan, plan_cancel, plan_refund
from commerce.orders.services import guards
from commerce.orders.transitions import STAFF, Transition, why_not
from commerce.payments.queries import payments_of

MAILS: Mapping[str, Any] = {
    "order_credited": _("The customer is told which part of the money goes back."),
    "order_refunded": _("The customer is told that the money goes back."),
    "order_cancelled": _("The customer is told that the order is cancelled, and why."),
}
CONFIRM: Mapping[str, Any] = {"cancel": _("Cancel the order"), "refund": _("Refund the order")}
"""Action -> the words of the button below its preview."""


@dataclass(frozen=True, slots=True)
class ActionPreview:
    """A plan with the hidden fields that send exactly this to `address` when it is confirmed."""

    title: str
    button: str
    address: str
    back: str
    plan: RefundPlan
    fields: tuple[tuple[str, str], ...]


def preview_action(row: Transition, order: Order, action: OrderAction) -> ActionPreview:
    """Return what a button would do to an order that still is as the page showed it.

    Raises StaleVersion, IllegalTransition when it is not possible now.
    """
    check_version(order, action.version)
    refusal = why_not(row, order.status, STAFF, **guards(order))
    if refusal:
        raise IllegalTransition(order.status, row.action, refusal.reason, **refusal.facts)
    payments = payments_of(order.id)
    restock = isinstance(action, RefundOrder) and action.restock
    plan = (
        plan_cancel(order, payments)
        if row.action == "cancel"
        else plan_refund(order, payments, restock=restock)
    )
    words = str(CONFIRM[row.action])
    page = f"/admin/orders/{order.code}"
    fields = [("version", str(order.version)), ("reason", action.reason), *shown_version_fields(plan)]
    if restock:
        fields.append(("restock", "y"))
    return ActionPreview(words, words, f"{page}/{row.resource}", page, plan, tuple(fields))


def shown_version_fields(plan: RefundPlan) -> list[tuple[str, str]]:
    """Return the fields that confirm a plan: that this is meant now, and which amount (minor units) was shown."""
    return [("step", "confirm"), ("shown_amount", str(plan.amount))]


def check_version(order: Order, version: int | None) -> None:
    """Go on only if the order still is as the page showed it. Raises StaleVersion."""
    if version is not None and order.version != version:
        raise StaleVersion("order", version, order.version)


def titles_of(order: Order) -> dict[uuid.UUID, str]:
    """Return the title of each order line with its options, by id."""
    return {line.id: f"{line.title} {line.options}".strip() for line in order.lines}
