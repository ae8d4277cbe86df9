"""Random lives of an order: whatever is done to it, its invoices less its credit notes are what it costs, to the cent.

The life is that of `tests/settlement/test_balance_machine.py`; after each step the documents follow. The order's own
account and the tax of its credits say what must come out; neither is used to make the documents.
"""

import os
from collections import defaultdict
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from commerce.db import db
from commerce.invoices.models import InvoiceDocument
from commerce.orders.models import Credit
from commerce.tenants.scope import shop_scope
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now, set_cash_rounding
from tests.factories.shop import make_product
from tests.invoices.making import documents, follow, making_invoices, numbers
from tests.settlement.test_balance_machine import PICK, LifeOfAnOrder, trade


class DocumentedLife(LifeOfAnOrder):
    """An order whose documents follow each step."""

    # What is checked there is not checked once more.
    stock_and_books_agree: Any = None
    the_account_adds_up: Any = None
    an_order_that_owes_nothing_waits_for_no_money: Any = None
    what_a_person_cancelled_stays_cancelled: Any = None
    credits_name_the_tax_exactly: Any = None

    @rule(pick=PICK, units=st.integers(0, 2))
    def pay_and_send(self, pick: int, units: int) -> None:
        """Lead the order to where parcels leave: chance alone seldom does."""
        self.receive_money(1, 0)
        self.move_on("process")
        self.ship(pick, units)

    @invariant()
    def documents_are_what_the_order_costs(self) -> None:
        before = documents(self.order_id)
        follow(self.order_id)
        assert follow(self.order_id) == [], "a second look makes nothing more"
        found = documents(self.order_id)
        assert found[: len(before)] == before or [each.id for each in found[: len(before)]] == [
            each.id for each in before
        ]
        for each in found:
            check_document(each)
        self.check_sums(found)

    def check_sums(self, found: list[InvoiceDocument]) -> None:
        order = self.order
        gross = sum(each.sign * each.total for each in found)
        tax = sum(each.sign * each.tax_amount for each in found)
        cost = self.balance.cost
        if not found:
            return
        waiting = order.status not in ("cancelled", "refunded") and any(line.to_ship for line in order.lines)
        if found[0].basis == "shipment" and waiting:
            assert gross >= 0
            return
        assert gross == cost
        if not cost:
            assert rates_of(found) == {}, "nothing is left at any rate"
            return
        credited = db.session.scalar(
            select(func.coalesce(func.sum(Credit.tax_amount), 0)).where(Credit.order_id == order.id)
        )
        db.session.close()
        assert tax == order.tax_amount - int(credited or 0)
        if not order.credited_amount:
            charged = {each.label: each.amount for each in order.adjustments if each.source_type == "tax"}
            assert {LABELS[rate]: value for rate, value in rates_of(found).items()} == {
                label: value for label, value in charged.items() if value
            }


LABELS = {190_000: "Tax", 70_000: "Reduced tax"}


def rates_of(found: list[InvoiceDocument]) -> dict[int, int]:
    """Return the tax of documents together by rate, without rates of nothing."""
    taxes: dict[int, int] = defaultdict(int)
    for each in found:
        for row in each.content["taxes"]:
            taxes[row["rate_ppm"]] += each.sign * row["tax"]
    return {rate: value for rate, value in taxes.items() if value}


def check_document(document: InvoiceDocument) -> None:
    """A document adds up in itself."""
    content = document.content
    assert document.total == content["total"] == sum(line["gross"] for line in content["lines"]) >= 0
    assert document.tax_amount == content["tax"] == sum(row["tax"] for row in content["taxes"])
    assert content["net"] + content["tax"] + content["rounding"] == content["total"]
    assert (document.kind == "credit_note") == bool(content["corrects"])
    for line in content["lines"]:
        if line["unit_price"] is not None:
            assert line["unit_price"] * line["quantity"] - line["discount"] == line["amount"]


@pytest.mark.parametrize("when", ["payment", "shipment"])
@pytest.mark.parametrize(
    ("currency", "included"), [("JPY", True), ("EUR", True), ("EUR", False), ("KWD", False)]
)
def test_the_documents_of_an_order_are_what_it_costs_whatever_happens(
    app: Flask, database_url: str, currency: str, included: bool, when: str
) -> None:
    # Each step asks the database dozens of times, which takes longer when it is another process.
    examples = 3 if database_url.startswith("sqlite") else 1
    with app.app_context():
        shop = making_invoices(trade(currency, included=included), when)
        with shop_scope(shop):
            DocumentedLife.tea = make_product("Tea", price=999, stock=10_000)
            DocumentedLife.book = make_product("Book", price=1433, stock=10_000, tax_class="reduced")
            make_promotion("buy_x_get_y", buy_quantity=1, get_quantity=1, percent_ppm=333_333)
            make_coupon("HALF", percent_ppm=500_000)
            make_coupon("SHIP", kind="free_shipping")
            make_coupon("GIFT", kind="fixed", amount=50_000)
            if currency == "EUR":
                set_cash_rounding("cash_on_delivery", 5)
            with rules_of_now():
                run_state_machine_as_test(
                    DocumentedLife,
                    settings=settings(
                        max_examples=examples * int(os.environ.get("LOCKSTEP_PERMUTATIONS", "1")),
                        stateful_step_count=12,
                        deadline=None,
                        suppress_health_check=list(HealthCheck),
                    ),
                )
            for series in ("INV-", "CN-"):
                found = numbers(series)
                assert found == list(range(1, len(found) + 1))
