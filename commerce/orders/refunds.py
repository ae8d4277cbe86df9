"""Give money back, whole or by line: what it would come to, and doing exactly that.

Staff see the `RefundPlan` before they confirm; the use case makes the same plan again under the order's lock and
refuses if it comes to another amount than the one that was shown.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select

from commerce import clock
from commerce.db import atomic, db, insert_rows, new_id
from commerce.errors import Conflict, IllegalTransition, InvalidValue, NotAllowed
from commerce.events.outbox import Actor, publish
from commerce.inventory.services import release_and_restock
from commerce.orders.balance import Balance, balance_of, payment_status_of
from commerce.orders.events import OrderCredited
from commerce.orders.models import Credit, CreditLine, Order, OrderLine
from commerce.orders.refund_amounts import CreditSum, is_count, shipped_not_returned, sum_up, uncredited
from commerce.orders.services import apply_transition, cancel_step, lock_order, queue_refund
from commerce.payments.models import Payment
from commerce.payments.services import lock_payments
from commerce.pricing.services import release_coupons

CREDITABLE = ("paid", "confirmed", "processing", "shipped", "delivered", "completed", "refund_requested")
"""Statuses in which a part of the money can go back by itself."""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """What is to be given back: units by order line id, shipping and fee, or another amount than these come to.

    `returned` says that the units came back from the customer; `restock` of them (by line id) go back into stock.
    Otherwise units that have not left yet are taken first, and are free again at once.
    """

    units: Mapping[uuid.UUID, int] = field(default_factory=dict)
    shipping: bool = False
    amount: int | None = None
    restock: Mapping[uuid.UUID, int] = field(default_factory=dict)
    returned: bool = False


@dataclass(frozen=True, slots=True)
class RefundStockLine:
    """What happens to units of an order line: `freed` never left, `restocked` came back, `written_off` stay away."""

    line_id: uuid.UUID
    sku: str
    title: str
    freed: int
    restocked: int
    written_off: int


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """The consequences of giving money back, before anything is done. Amounts are minor units of `currency`."""

    sum: CreditSum
    currency: str
    captured: int
    refund: int
    due_before: int
    due_after: int
    stock: tuple[RefundStockLine, ...]
    status_after: str
    payment_status_after: str
    coupon_given_back: bool
    mails: tuple[str, ...]

    @property
    def amount(self) -> int:
        """The money that goes back."""
        return self.refund

    @property
    def credited(self) -> int:
        """What the customer is credited: it lowers what is due first, and the rest of it is money that goes back."""
        return self.sum.amount

    @property
    def left_after(self) -> int:
        """The money that the shop has afterwards."""
        return self.captured - self.refund


def plan_credit(
    order: Order, payments: Sequence[Payment], refund: RefundRequest, *, status: str = ""
) -> RefundPlan:
    """Return what giving back `refund` would do; nothing is changed.

    `status` is the one that the order will have by then, when that is not the present one. Raises InvalidValue for what
    cannot be given back, Conflict when nothing would be left of an order that was not shipped (it is to be
    cancelled instead) or waits for a refund, IllegalTransition in a status without money to give back.
    """
    status = status or order.status
    if status not in CREDITABLE:
        raise IllegalTransition(status, "refund", "refund_not_in_status", status=status)
    balance = balance_of(order, payments)
    due = sum_up(order, refund.units, with_shipping=refund.shipping, amount=refund.amount)
    if not due.lines and due.amount == 0:
        raise InvalidValue("lines", "refund_lines_required")
    if refund.amount is None and 0 < due.amount - balance.creditable <= -order.rounding_amount:
        # The total was rounded down to the smallest coin: nobody paid the last part of the lines.
        due = sum_up(order, refund.units, with_shipping=refund.shipping, amount=balance.creditable)
    if due.amount > balance.creditable:
        raise InvalidValue("amount", "refund_more_than_paid")
    if set(refund.restock) - {line.line_id for line in due.lines}:
        raise InvalidValue("restock", "restock_not_refunded")
    stock = tuple(_stock_line(order, line.line_id, line.quantity, refund) for line in due.lines)
    freed = {each.line_id: each.freed for each in stock}
    waiting = sum(line.to_ship - freed.get(line.id, 0) for line in order.lines)
    sent = any(line.shipped for line in order.lines)
    if any(freed.values()) and not waiting and status == "refund_requested":
        raise Conflict("refund_request_leaves_nothing")
    if any(freed.values()) and not waiting and not sent:
        raise Conflict("refund_leaves_nothing")
    back = balance.refund_for(due.amount)
    after = replace(
        balance, credited=balance.credited + due.amount, refunded=balance.refunded + back, given_up=0
    )
    shipped_now = status == "processing" and not waiting and any(freed.values())
    return RefundPlan(
        sum=replace(due, tax=_tax_of_credit(order, balance, due)),
        currency=order.currency,
        captured=balance.net,
        refund=back,
        due_before=balance.due,
        due_after=after.due,
        stock=stock,
        status_after="shipped" if shipped_now else status,
        payment_status_after=_payment_status(order, after),
        coupon_given_back=False,
        mails=("order_credited",) if back else (),
    )


def _payment_status(order: Order, after: Balance) -> str:
    if after.due:
        return order.payment_status
    if after.refunded and after.net < after.total:
        return "partially_refunded" if after.net else "refunded"
    return "paid"


def _tax_left(order: Order) -> int:
    """Return the order's tax (minor units) that is in no credit yet, so that all credits together name no more."""
    credited_tax = select(func.sum(Credit.tax_amount)).where(Credit.order_id == order.id)
    return max(0, order.tax_amount - (db.session.scalar(credited_tax) or 0))


def _tax_of_credit(order: Order, balance: Balance, due: CreditSum) -> int:
    """Return the tax in a credit. What is left of the order's tax always fits into what is left of the order.

    So the last credit takes all that is left, and all credits together name the order's tax exactly.
    """
    tax_left, left = _tax_left(order), balance.creditable - due.amount
    return min(due.amount, max(min(due.tax, tax_left), tax_left - left))


def _stock_line(order: Order, line_id: uuid.UUID, quantity: int, refund: RefundRequest) -> RefundStockLine:
    line = next(each for each in order.lines if each.id == line_id)
    freed = 0 if refund.returned else min(quantity, line.to_ship)
    gone = quantity - freed
    if gone > shipped_not_returned(line):
        raise InvalidValue(
            "lines",
            "return_more_than_shipped",
            sku=line.sku,
            maximum=shipped_not_returned(line),
        )
    restocked = refund.restock.get(line_id, 0)
    if not is_count(restocked, 0, gone):
        raise InvalidValue("restock", "restock_units_out_of_range", sku=line.sku, maximum=gone)
    return RefundStockLine(line_id, line.sku, line.title, freed, restocked, gone - restocked)


def credit_lines(
    order: Order,
    payments: Sequence[Payment],
    plan: RefundPlan,
    actor: Actor,
    reason: str,
    return_id: uuid.UUID | None,
) -> uuid.UUID:
    """Do what a plan says on a locked order and return the credit's id. A step; stock comes last.

    Raises Conflict when a confirmed order turns out not to hold the units that are to be freed.
    """
    credit_id = new_id()
    number = (
        db.session.scalar(select(func.count()).select_from(Credit).where(Credit.order_id == order.id)) or 0
    )
    row = {
        "id": credit_id,
        "order_id": order.id,
        "number": number + 1,
        "return_id": return_id,
        "amount": plan.credited,
        "shipping_amount": plan.sum.shipping,
        "tax_amount": plan.sum.tax,
        "reason": reason,
        "actor": actor.name or actor.kind,
    }
    insert_rows(Credit, [row])
    stock = {each.line_id: each for each in plan.stock}
    insert_rows(
        CreditLine,
        [
            {
                "credit_id": credit_id,
                "order_line_id": part.line_id,
                "quantity": part.quantity,
                "restocked": stock[part.line_id].restocked,
                "amount": part.amount,
                "tax_amount": part.tax,
            }
            for part in plan.sum.lines
        ],
    )
    _note_on_lines(order, plan)
    if plan.amount and plan.credited:
        queue_refund(
            order, payments, actor, reason, amount=min(plan.amount, plan.credited), credit_id=credit_id
        )
    if plan.amount > plan.credited:
        queue_refund(order, payments, actor, reason, amount=plan.amount - plan.credited)
    order.payment_status = payment_status_of(order, payments)
    for payment in payments:
        if payment.gateway == "manual" and payment.state == "started":
            payment.amount = balance_of(order, payments).due
    order.updated_at = clock.now()  # raises the version: whoever still has the old page open gets a conflict
    db.session.flush()
    if order.status != "refunded":  # then the change of status has announced it already
        publish(actor, _credited(order, credit_id, plan, reason))
    owning = order.status in ("confirmed", "processing")
    if plan.status_after == "shipped" and order.status == "processing":
        apply_transition(order, "ship", actor)
    if plan.coupon_given_back:
        release_coupons(order.id)
    unsent = {key: each.freed for key, each in stock.items() if each.freed}
    held = release_and_restock(
        order.id,
        unsent=unsent,
        returned={key: each.restocked for key, each in stock.items() if each.restocked},
        cause="returned",
        actor=actor.name or actor.kind,
        reference=order.code,
    )
    if owning and held != sum(unsent.values()):
        raise Conflict("stock_inconsistent")
    return credit_id


def _credited(order: Order, credit_id: uuid.UUID, plan: RefundPlan, reason: str) -> OrderCredited:
    return OrderCredited(
        subject_id=order.id,
        subject_version=order.version,
        code=order.code,
        credit_id=str(credit_id),
        amount=plan.amount,
        credited=plan.credited,
        currency=order.currency,
        reason=reason,
    )


def _note_on_lines(order: Order, plan: RefundPlan) -> None:
    freed = {each.line_id: each.freed for each in plan.stock}
    parts = {part.line_id: part for part in plan.sum.lines}
    for line in order.lines:
        part = parts.get(line.id)
        if part is not None:
            line.credited += part.quantity
            line.credited_amount += part.amount
            line.credited_tax += part.tax
            line.cancelled += freed[line.id]
    order.credited_shipping += plan.sum.shipping
    order.credited_amount += plan.credited


# --- everything that is left -----------------------------------------------------------------------


def plan_refund(
    order: Order, payments: Sequence[Payment], *, restock: bool | Mapping[uuid.UUID, int]
) -> RefundPlan:
    """Return what refunding all that is left of a requested refund would do; nothing is changed.

    `restock` says which units that had left go back into stock: all, none, or some by order line id. Raises
    InvalidValue when there are not that many.
    """
    return _plan_all(
        order,
        payments,
        stock=tuple(
            _refunded_stock(line, restock)
            for line in order.lines
            if line.to_ship or shipped_not_returned(line)
        ),
        status_after="refunded",
        coupon_given_back=not any(line.shipped for line in order.lines),
        mails=("order_refunded",),
    )


def _plan_all(
    order: Order,
    payments: Sequence[Payment],
    *,
    stock: tuple[RefundStockLine, ...],
    status_after: str,
    coupon_given_back: bool,
    mails: tuple[str, ...],
) -> RefundPlan:
    """Return the plan that gives back all that was paid and credits all that is left."""
    balance = balance_of(order, payments)
    due = sum_up(order, uncredited(order), with_shipping=True, amount=balance.creditable)
    return RefundPlan(
        sum=replace(due, tax=_tax_of_credit(order, balance, due)),
        currency=order.currency,
        captured=balance.net,
        refund=balance.net,
        due_before=balance.due,
        due_after=0,
        stock=stock,
        status_after=status_after,
        payment_status_after="refunded" if balance.net else order.payment_status,
        coupon_given_back=coupon_given_back,
        mails=mails,
    )


def _refunded_stock(line: OrderLine, restock: bool | Mapping[uuid.UUID, int]) -> RefundStockLine:
    most = shipped_not_returned(line)
    if isinstance(restock, bool):
        back = most if restock else 0
    else:
        back = restock.get(line.id, 0)
        if not is_count(back, 0, most):
            raise InvalidValue("restock", "restock_units_out_of_range", sku=line.sku, maximum=most)
    return RefundStockLine(line.id, line.sku, line.title, line.to_ship, back, most - back)


def refund_remaining(
    order: Order,
    payments: Sequence[Payment],
    actor: Actor,
    reason: str,
    *,
    restock: bool | Mapping[uuid.UUID, int],
    return_id: uuid.UUID | None,
) -> None:
    """Refund what is left on a locked order whose refund was requested; it is `refunded` afterwards. A step."""
    plan = plan_refund(order, payments, restock=restock)
    apply_transition(order, "refund", actor, reason)
    credit_lines(order, payments, plan, actor, reason or "Refund", return_id)


def plan_cancel(order: Order, payments: Sequence[Payment]) -> RefundPlan:
    """Return what cancelling an order would do; nothing is changed."""
    return _plan_all(
        order,
        payments,
        stock=tuple(
            RefundStockLine(line.id, line.sku, line.title, line.to_ship, 0, 0)
            for line in order.lines
            if line.to_ship
        ),
        status_after="cancelled",
        coupon_given_back=True,
        mails=("order_cancelled",),
    )


# --- use cases -------------------------------------------------------------------------------------


@atomic
def credit_order(
    order_id: uuid.UUID,
    refund: RefundRequest,
    actor: Actor,
    *,
    seen_version: int | None = None,
    shown_amount: int | None = None,
    reason: str = "",
) -> uuid.UUID:
    """Give back a part of the money, by line or as an amount, and return the credit's id.

    `shown_amount` (minor units) is what the preview said. Raises NotFound, StaleVersion, IllegalTransition, NotAllowed
    (not staff), InvalidValue, Conflict when it would come to something else now.
    """
    order = lock_order(order_id, seen_version)
    if not actor.works_here:
        raise NotAllowed("staff_only")
    reason = check_reason(reason)
    payments = lock_payments(order.id)
    plan = plan_credit(order, payments, refund)
    check_shown(plan, shown_amount)
    return credit_lines(order, payments, plan, actor, reason, None)


@atomic
def cancel_as_shown(
    order_id: uuid.UUID,
    actor: Actor,
    *,
    shown_amount: int,
    seen_version: int | None = None,
    reason: str = "",
) -> None:
    """Cancel after a preview, which showed that `shown_amount` (minor units) goes back.

    Raises NotFound, StaleVersion, IllegalTransition, NotAllowed, InvalidValue, Conflict when it would come to another
    amount now.
    """
    order = lock_order(order_id, seen_version)
    check_shown(plan_cancel(order, lock_payments(order.id)), shown_amount)
    cancel_step(order, actor, reason)


def check_shown(plan: RefundPlan, shown_amount: int | None) -> None:
    """Raise Conflict when the plan comes to another amount than the one that was shown."""
    if shown_amount is not None and plan.amount != shown_amount:
        raise Conflict("refund_amount_changed")


def check_reason(reason: str) -> str:
    """Return a reason without blanks around it. Raises InvalidValue when it is missing or too long."""
    reason = reason.strip()
    if not reason:
        raise InvalidValue("reason", "reason_required")
    if len(reason) > 500:
        raise InvalidValue("reason", "text_too_long", maximum=500)
    return reason
