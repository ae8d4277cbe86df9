"""Random lives of an order: whatever is done to it, and in whatever order, its account is right after every step.

Hypothesis plays customer, staff, bank and clock in shops of three currencies, with tax inside the prices and on top.
What must always hold: due = total - credited - paid + refunded and never below zero, no money leaves while something
is owed, an order that owes nothing waits for no money, an edit and its reverse cancel out, and once everything is given
back all is 0, tax included.
"""

import contextlib
import os
import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from commerce.cart.services import enter_code
from commerce.checkout.services import place_order
from commerce.db import atomic, db
from commerce.errors import CommerceError, Conflict, InvalidValue
from commerce.events.outbox import Actor
from commerce.order_management.actions import RefundOrder, ShipOrder
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.balance import Balance, balance_of
from commerce.orders.expired_holds import cancel_if_expired
from commerce.orders.models import Credit, Order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.returns import request_return
from commerce.orders.services import cancel_order, change_status
from commerce.payments.models import Payment, Refund
from commerce.payments.queries import payments_of
from commerce.pricing.promotions import ManualDiscount
from commerce.settlement.manual_payments import record_receipt, refund_overpayment
from commerce.settlement.reconciliation import reconcile_payment
from commerce.settlement.refunds import send_refund
from commerce.settlement.services import start_another_payment, take_payment
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import order_as_shown, ready_cart
from tests.factories.orders import BOB, fresh
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now, set_cash_rounding
from tests.factories.shop import Sold, make_product
from tests.support.invariants import broken_invariants

ANN = Actor("guest", name="ann@example.com")
CARD, NO_ANSWER, DECLINED = "4242424242424242", "4000000000000119", "4000000000000002"
PICK = st.integers(0, 30)
ENDED = ("cancelled", "refunded")
REFUSALS = (Conflict, InvalidValue, CommerceError)


class LifeOfAnOrder(RuleBasedStateMachine):
    """One order of two products, one of them at a reduced tax rate."""

    tea: Sold
    book: Sold

    @initialize(
        units=st.tuples(st.integers(1, 3), st.integers(0, 2)),
        method=st.sampled_from(["card", "card", "bank_transfer", "cash_on_delivery"]),
        card=st.sampled_from([CARD, NO_ANSWER, DECLINED]),
        coupon=st.sampled_from(["", "HALF", "SHIP", "GIFT"]),
    )
    def place(self, units: tuple[int, int], method: str, card: str, coupon: str) -> None:
        self.cancelled_by, self.sent_back = "", 0
        wanted = [(sold, count) for sold, count in zip((self.tea, self.book), units, strict=True) if count]
        shopper = ready_cart(*wanted, payment_method=method)
        if coupon:
            enter_code(shopper, coupon, shipping=499)
        placed = place_order(**order_as_shown(shopper))
        self.order_id = placed.id
        if placed.payment_id is not None:
            take_payment(placed.payment_id, card)

    # --- looking -----------------------------------------------------------------------------------------

    @property
    def order(self) -> Order:
        return fresh(self.order_id)

    @property
    def balance(self) -> Balance:
        balance = balance_of(self.order, payments_of(self.order_id))
        db.session.close()
        return balance

    # --- the customer ------------------------------------------------------------------------------------

    @rule(
        method=st.sampled_from(["card", "bank_transfer"]), card=st.sampled_from([CARD, NO_ANSWER, DECLINED])
    )
    def pay_again(self, method: str, card: str) -> None:
        with contextlib.suppress(*REFUSALS):
            take_payment(start_another_payment(self.order_id, method), card)

    @rule()
    def cancel_as_customer(self) -> None:
        with contextlib.suppress(*REFUSALS):
            cancel_order(self.order_id, ANN, reason="Changed my mind")
            self.cancelled_by = "guest"

    @rule(kind=st.sampled_from(["refund", "return"]))
    def ask_for_everything(self, kind: str) -> None:
        with contextlib.suppress(*REFUSALS):
            request_return(self.order_id, ANN, kind=kind, reason="Too late")

    # --- staff -------------------------------------------------------------------------------------------

    @rule(part=st.integers(1, 4), over=st.integers(0, 2))
    def receive_money(self, part: int, over: int) -> None:
        due = self.balance.due or self.order.total
        with contextlib.suppress(*REFUSALS):
            record_receipt(self.order_id, BOB, amount=max(1, due // part) + (over * 100 if part == 1 else 0))

    @rule()
    def refund_what_is_too_much(self) -> None:
        before = self.balance
        with contextlib.suppress(*REFUSALS):
            assert refund_overpayment(self.order_id, BOB) == before.surplus > 0

    @rule(counts=st.tuples(st.integers(0, 4), st.integers(0, 3)), refund=st.booleans(), back=st.booleans())
    def edit(self, counts: tuple[int, int], refund: bool, back: bool) -> None:
        """Set the units of both products; with `back`, set them to what they were right afterwards."""
        before = self.order
        if not self._edit(counts, refund=refund and not back) or not back:
            return
        now = self.order
        if self._edit(self._counts(before), refund=refund):
            after = self.order
            kept = (
                "total",
                "rounding_amount",
                "discount_amount",
                "shipping_amount",
                "fee_amount",
                "tax_amount",
            )
            assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
        else:
            assert self.order.version == now.version

    def _counts(self, order: Order) -> tuple[int, int]:
        count = {line.variant_id: line.quantity for line in order.lines}
        return count.get(self.tea.variant_id, 0), count.get(self.book.variant_id, 0)

    def _edit(self, counts: tuple[int, int], *, refund: bool) -> bool:
        order = self.order
        rows = {line.variant_id: line.id for line in order.lines}
        units: dict[uuid.UUID, int] = {}
        added: dict[uuid.UUID, int] = {}
        for sold, count in zip((self.tea, self.book), counts, strict=True):
            if sold.variant_id in rows:
                units[rows[sold.variant_id]] = count
            elif count:
                added[sold.variant_id] = count
        return self._do_edit(order, OrderEdit(units=units, added=added), refund=refund)

    def _do_edit(self, order: Order, change: OrderEdit, *, refund: bool = False) -> bool:
        try:
            total = preview_edit(order.id, change).total
            db.session.close()
            edit_order(order.id, BOB, change, seen_version=order.version, shown_total=total, refund=refund)
        except REFUSALS:
            return False
        return True

    @rule(amount=st.integers(0, 4000))
    def discount_by_hand(self, amount: int) -> None:
        off = ManualDiscount(amount, "Sorry") if amount else None
        self._do_edit(self.order, OrderEdit(set_discount=True, discount=off))

    @rule(code=st.sampled_from(["HALF", "SHIP", "GIFT"]), units=st.integers(1, 4))
    def apply_a_code(self, code: str, units: int) -> None:
        """Apply a coupon to the placed order, and change its first line in the same edit."""
        order = self.order
        self._do_edit(order, OrderEdit(coupon_code=code, units={order.lines[0].id: units}))

    @rule(pick=PICK, units=st.integers(1, 3), shipping=st.booleans(), came_back=st.booleans())
    def credit_units(self, pick: int, units: int, shipping: bool, came_back: bool) -> None:
        lines = self.order.lines
        line = lines[pick % len(lines)]
        back = {line.id: units} if came_back else {}
        self._credit(RefundRequest({line.id: units}, shipping=shipping, restock=back, returned=came_back))

    @rule(part=st.integers(1, 5))
    def credit_an_amount(self, part: int) -> None:
        self._credit(RefundRequest(amount=max(1, self.balance.creditable // part)))

    def _credit(self, refund: RefundRequest) -> None:
        before = self.balance
        with contextlib.suppress(*REFUSALS):
            credit_order(self.order_id, refund, BOB, reason="Sorry")
            after = self.balance
            credit, back = after.credited - before.credited, after.refunded - before.refunded
            assert credit >= back >= 0
            assert after.due == max(0, before.due - credit)
            assert not back or not after.due

    @rule()
    def cancel_as_staff(self) -> None:
        with contextlib.suppress(*REFUSALS):
            cancel_order(self.order_id, BOB, reason="Lost")
            self.cancelled_by = "staff"

    @rule(action=st.sampled_from(["process", "deliver", "complete"]))
    def move_on(self, action: str) -> None:
        with contextlib.suppress(*REFUSALS):
            change_status(self.order_id, action, BOB)

    @rule(pick=PICK, units=st.integers(0, 2))
    def ship(self, pick: int, units: int) -> None:
        lines = self.order.lines
        part = {lines[pick % len(lines)].id: units} if units else None
        with contextlib.suppress(*REFUSALS):
            ShipOrder(units=part).run(self.order_id, BOB)

    @rule(restock=st.booleans())
    def refund_everything(self, restock: bool) -> None:
        with contextlib.suppress(*REFUSALS):
            RefundOrder(restock=restock).run(self.order_id, BOB)

    # --- bank, gateway and clock -------------------------------------------------------------------------

    @rule()
    def hear_from_the_gateway(self) -> None:
        keys = db.session.scalars(
            select(Payment.id).where(Payment.order_id == self.order_id, Payment.gateway != "manual")
        ).all()
        db.session.close()
        for key in keys:
            reconcile_payment(key)

    @rule()
    def send_refunds(self) -> None:
        keys = db.session.scalars(select(Refund.id).where(Refund.order_id == self.order_id)).all()
        db.session.close()
        for key in keys:
            send_refund(key)

    @precondition(lambda self: self.order.status == "pending")
    @rule()
    def expire(self) -> None:
        until = self.order.hold_expires_at
        if until is not None and cancel_if_expired(self.order_id, until + timedelta(seconds=1)):
            self.cancelled_by = "system"

    # --- what always holds -------------------------------------------------------------------------------

    @invariant()
    def the_account_adds_up(self) -> None:
        order, balance = self.order, self.balance
        assert balance.credited <= balance.total
        assert order.total == order.subtotal + sum(
            each.amount for each in order.adjustments if not each.included
        )
        assert not order.cash_rounding or order.total % order.cash_rounding == 0
        assert balance.due - balance.surplus == balance.cost - balance.paid + balance.refunded
        assert min(balance.due, balance.surplus) == 0
        if order.status not in ENDED:
            assert balance.cost == order.total - order.credited_amount
        if balance.refunded > self.sent_back:
            assert not balance.due, "money left while something was owed"
        self.sent_back = balance.refunded

    @invariant()
    def an_order_that_owes_nothing_waits_for_no_money(self) -> None:
        order, balance = self.order, self.balance
        waits = any(each.state in ("unknown", "authorized") for each in payments_of(order.id))
        db.session.close()
        if order.status in ENDED:
            assert not balance.due
        elif balance.due:
            assert order.payment_status in ("unpaid", "authorized")
        elif not waits:
            assert order.payment_status not in ("unpaid", "authorized")
            assert order.status != "pending"

    @invariant()
    def what_a_person_cancelled_stays_cancelled(self) -> None:
        order, balance = self.order, self.balance
        if self.cancelled_by in ("guest", "staff"):
            assert (order.status, balance.net) == ("cancelled", 0)
        elif order.status != "cancelled":
            self.cancelled_by = ""

    @invariant()
    def credits_name_the_tax_exactly(self) -> None:
        order = self.order
        given = db.session.scalars(select(Credit).where(Credit.order_id == self.order_id)).all()
        tax = sum(each.tax_amount for each in given)
        db.session.close()
        assert 0 <= order.tax_amount - tax <= order.total - order.credited_amount
        if order.credited_amount == order.total:
            assert tax == order.tax_amount

    @invariant()
    def stock_and_books_agree(self) -> None:
        assert broken_invariants() == []
        db.session.close()


def trade(currency: str, *, included: bool) -> Shop:
    """Set up a shop with two tax rates and a price of shipping."""
    return set_up_shop(
        code=f"{currency.lower()}-{'in' if included else 'ex'}",
        name="Books and tea",
        currency=currency,
        country="US",
        prices_include_tax=included,
        tax_rounding="rate" if currency == "JPY" else "line",
        taxes=(TaxRule("*", "standard", 190_000, "Tax"), TaxRule("*", "reduced", 70_000, "Reduced tax")),
        shipping=(ShippingRule("parcel", "Parcel", "3 days", ((("*",), 0, 499),)),),
        test_card=True,
        bank_details="Transfer the total to account 1234567.",
    )


@pytest.mark.parametrize("included", [True, False], ids=["tax_included", "tax_excluded"])
@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD"])
def test_the_account_of_an_order_is_right_whatever_happens(
    app: Flask, database_url: str, currency: str, included: bool
) -> None:
    # Each step asks the database dozens of times, which takes longer when it is another process.
    examples = 4 if database_url.startswith("sqlite") else 2
    with app.app_context(), shop_scope(trade(currency, included=included)):
        LifeOfAnOrder.tea = make_product("Tea", price=999, stock=10_000)
        LifeOfAnOrder.book = make_product("Book", price=1433, stock=10_000, tax_class="reduced")
        make_promotion("buy_x_get_y", buy_quantity=1, get_quantity=1, percent_ppm=333_333)
        make_coupon("HALF", percent_ppm=500_000)
        make_coupon("SHIP", kind="free_shipping")
        make_coupon("GIFT", kind="fixed", amount=50_000)
        if currency == "EUR":
            set_cash_rounding("cash_on_delivery", 5)
        with rules_of_now():
            run_state_machine_as_test(
                LifeOfAnOrder,
                settings=settings(
                    max_examples=examples * int(os.environ.get("LOCKSTEP_PERMUTATIONS", "1")),
                    stateful_step_count=15,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )


def test_the_machine_notices_a_wrong_account(in_shop: Shop) -> None:
    """A control: the checks fail when more was credited or refunded than the books say."""
    LifeOfAnOrder.tea = make_product("Tea", price=999, stock=9)
    LifeOfAnOrder.book = make_product("Book", price=1433, stock=9)
    machine = LifeOfAnOrder()
    machine.place((1, 1), "card", CARD, "")
    machine.the_account_adds_up()
    _change(Order, Order.id == machine.order_id, credited_amount=500, payment_status="unpaid")
    with pytest.raises(AssertionError):
        machine.an_order_that_owes_nothing_waits_for_no_money()
    with pytest.raises(AssertionError):
        machine.stock_and_books_agree()
    _change(Order, Order.id == machine.order_id, credited_amount=0)
    _change(Payment, Payment.order_id == machine.order_id, refunded=1)
    with pytest.raises(AssertionError):
        machine.the_account_adds_up()


@atomic
def _change(model: type[Any], where: Any, **values: Any) -> None:
    db.session.execute(update(model).where(where).values(**values))
