"""What an order costs and what is owed for it, in shops of many currencies. Amounts are minor units."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.cart.services import enter_code
from commerce.checkout.direct_orders import DirectOrder, RequestedItem, place_direct_order
from commerce.checkout.services import place_order
from commerce.db import db
from commerce.events.outbox import Actor
from commerce.inventory.models import StockItem
from commerce.order_management.actions import ShipOrder
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.balance import balance_of
from commerce.orders.expired_holds import cancel_if_expired
from commerce.orders.models import Credit, Order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.services import cancel_order
from commerce.payments.queries import payments_of
from commerce.pricing.promotions import ManualDiscount
from commerce.settlement.manual_payments import record_receipt, refund_overpayment
from commerce.settlement.reconciliation import reconcile_payment
from commerce.settlement.services import take_payment
from tests.cases.shops import open_shop
from tests.factories.checkout import order_as_shown, ready_cart
from tests.factories.orders import BOB, fresh, take_step
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now
from tests.factories.shop import Sold, make_product
from tests.order_management.test_drafts import drafted
from tests.order_management.test_drafts import place as place_draft
from tests.support.invariants import broken_invariants

ANN = Actor("guest", name="ann@example.com")
MEMBER = Actor("member", id="0190b3a0-0000-7000-8000-000000000001", name="Ann")
TILL = Actor("api", name="Till")
CARD, NO_ANSWER = "4242424242424242", "4000000000000119"


@dataclass(frozen=True)
class Goods:
    """Units of a product; `price` of one."""

    price: int
    units: int = 1
    tax_class: str = "standard"


@dataclass(frozen=True)
class MoneyCase:
    """An order in a shop, what is done to it, and what is right then.

    Steps are (name, arguments); `right` names facts, see `_facts`. The order is paid first unless `method` says that
    the steps do it. `offers` are (kind, values) of promotions; a coupon has a `code`.
    """

    source: str
    currency: str
    goods: tuple[Goods, ...]
    right: dict[str, Any]
    steps: tuple[tuple[Any, ...], ...] = ()
    offers: tuple[tuple[str, dict[str, Any]], ...] = ()
    method: str = "paid"
    card: str = CARD
    codes: tuple[str, ...] = ()


ONE = (Goods(1000),)
TWO = (Goods(1000, 2),)
FIXED = (("fixed", {"amount": 600}),)

PRICES = (
    MoneyCase("VAT of 20 % in goods and shipping", "GBP", ONE, {"total": 1499, "tax": 250}),
    MoneyCase("shipping of a book at the book's rate", "EUR", (Goods(1070, 1, "reduced"),), {"tax": 70 + 32}),
    MoneyCase(
        "shipping of a book and a cup, split by net value",
        "EUR",
        (Goods(1070, 1, "reduced"), Goods(2380)),
        {"total": 3940, "tax": 70 + 380 + 64},
    ),
    MoneyCase("shipping of zero-rated goods", "GBP", (Goods(1000, 1, "zero"),), {"total": 1499, "tax": 0}),
    MoneyCase(
        "shipping of reduced goods in yen", "JPY", (Goods(1000, 1, "reduced"),), {"total": 1944, "tax": 144}
    ),
    MoneyCase(
        "shipping of reduced goods in francs", "CHF", (Goods(1000, 1, "reduced"),), {"total": 1790, "tax": 45}
    ),
    MoneyCase("yen have no decimals", "JPY", (Goods(999),), {"total": 1979, "tax": 180}),
    MoneyCase("dinars have three decimals", "KWD", (Goods(1235, 3),), {"total": 4415, "tax": 210}),
    MoneyCase("tax on top of dollars", "USD", (Goods(1999),), {"total": 2720, "tax": 221}),
    MoneyCase(
        "seven percent off in francs, paid by bank",
        "CHF",
        (Goods(990),),
        {"total": 1711, "discount": 69, "tax": 69 + 59},
        offers=(("percentage", {"percent_ppm": 70_000}),),
    ),
    MoneyCase(
        "seven percent off in francs, paid in cash",
        "CHF",
        (Goods(990),),
        {"total": 1710, "rounding": -1, "discount": 69, "tax": 69 + 59},
        offers=(("percentage", {"percent_ppm": 70_000}),),
        method="cash_on_delivery",
    ),
    MoneyCase(
        "francs that are rounded up",
        "CHF",
        (Goods(993),),
        {"total": 1785, "rounding": 2},
        method="cash_on_delivery",
    ),
    MoneyCase(
        "whole crowns in Sweden",
        "SEK",
        (Goods(9950),),
        {"total": 14900, "rounding": 50},
        method="cash_on_delivery",
    ),
    MoneyCase(
        "whole crowns in Norway",
        "NOK",
        (Goods(9949),),
        {"total": 14800, "rounding": -49},
        method="cash_on_delivery",
    ),
    MoneyCase(
        "half crowns in Denmark",
        "DKK",
        (Goods(9924),),
        {"total": 14800, "rounding": -24},
        method="cash_on_delivery",
    ),
    MoneyCase(
        "five forints",
        "HUF",
        (Goods(99_300),),
        {"total": 104_000, "rounding": -200},
        method="cash_on_delivery",
    ),
    MoneyCase(
        "whole crowns in the Czech Republic",
        "CZK",
        (Goods(9951),),
        {"total": 14_900, "rounding": 49},
        method="cash_on_delivery",
    ),
    MoneyCase(
        "dollars in cash", "USD", (Goods(1999),), {"total": 2720, "rounding": 0}, method="cash_on_delivery"
    ),
    MoneyCase(
        "less than the smallest coin",
        "CHF",
        (Goods(2),),
        {"total": 0, "rounding": -2, "payment": "paid", "due": 0},
        offers=(("free_shipping", {}),),
        method="cash_on_delivery",
    ),
    MoneyCase(
        "a third off in yen",
        "JPY",
        (Goods(100, 3),),
        {"discount": 100, "total": 200 + 800 + 20 + 80},
        offers=(("percentage", {"percent_ppm": 333_333}),),
    ),
    MoneyCase(
        "more off than the goods cost",
        "KWD",
        ONE,
        {"discount": 1000, "total": 525},
        offers=(("fixed", {"amount": 99_999}),),
    ),
)

CREDITS = (
    MoneyCase(
        "edited to three units, one given back before the rest is paid",
        "GBP",
        ONE,
        {"refunded": 0, "due": 1000, "surplus": 0},
        (("units", 3), ("credit", 1)),
    ),
    MoneyCase(
        "the same in yen, with tax on top",
        "JPY",
        ONE,
        {"refunded": 0, "due": 1100, "surplus": 0},
        (("units", 3), ("credit", 1)),
    ),
    MoneyCase(
        "two given back are all that was added",
        "KWD",
        ONE,
        {"refunded": 0, "due": 0, "payment": "paid"},
        (("units", 3), ("credit", 2)),
    ),
    MoneyCase(
        "more is credited than is owed", "CHF", ONE, {"refunded": 500, "due": 0}, (("units", 2), ("amount", 1500))
    ),
    MoneyCase(
        "credited in parts, then paid", "GBP", ONE, {"refunded": 0, "due": 0, "payment": "paid"},
        (("units", 2), ("amount", 333), ("receive", 667)),
    ),
    MoneyCase("tax of credits 5, 5, 4.99", "GBP", ONE, {"credited": 1499, "credited_tax": 250, "due": 0},
              (("amount", 500), ("amount", 500), ("amount", 499))),
    MoneyCase("tax of odd credits in francs", "CHF", ONE, {"credited": 1790, "credited_tax": 75 + 59},
              (("amount", 1), ("amount", 597), ("amount", 596), ("amount", 595), ("amount", 1))),
    MoneyCase("tax of odd credits in yen", "JPY", (Goods(999),), {"credited": 1979, "credited_tax": 180},
              (("amount", 7), ("amount", 971), ("amount", 1001))),
    MoneyCase("tax of odd credits in dinars", "KWD", (Goods(1235, 3),), {"credited": 4415, "credited_tax": 210},
              (("amount", 1471), ("amount", 1472), ("amount", 1472))),
    MoneyCase("a unit, an amount, and the rest", "USD", (Goods(1999, 3),), {"left": 0, "due": 0, "tax_left": 0},
              (("credit", 1), ("amount", 333), ("rest",))),
    MoneyCase("units and amounts in odd parts, with a discount", "JPY", (Goods(333, 7),),
              {"left": 0, "tax_left": 0, "kept": 0},
              (("credit", 2), ("credit", 2), ("amount", 100), ("credit", 2), ("rest",)),
              (("percentage", {"percent_ppm": 77_000}),)),
    MoneyCase("two rates in odd parts", "EUR", (Goods(1070, 1, "reduced"), Goods(2380)),
              {"credited": 3940, "credited_tax": 514}, (("amount", 1313), ("amount", 1313), ("rest",))),
)  # fmt: skip

ON_DELIVERY = (
    MoneyCase("a parcel of two, one unit refused", "EUR", TWO, {"due": 1490, "refunded": 0, "stock": 9},
              (("process",), ("ship",), ("back", 1)), method="cash_on_delivery"),
    MoneyCase("a parcel that was refused", "EUR", TWO, {"due": 0, "refunded": 0, "payment": "paid", "stock": 10},
              (("process",), ("ship",), ("back", 1), ("back", 1, True)), method="cash_on_delivery"),
    MoneyCase("edited before it was sent, then refused", "CHF", TWO, {"due": 0, "refunded": 0, "stock": 10},
              (("units", 3), ("process",), ("ship",), ("back", 3, True)), method="cash_on_delivery"),
    MoneyCase("a parcel of yen, refused", "JPY", (Goods(333, 3),), {"due": 0, "refunded": 0, "stock": 10},
              (("process",), ("ship",), ("back", 3, True)), method="cash_on_delivery"),
    MoneyCase("rounded down, and every unit refused by itself", "CHF", (Goods(991, 2),),
              {"total": 1980, "due": 0, "left": 0, "tax_left": 0, "payment": "paid", "stock": 10},
              (("process",), ("ship",), ("back", 1), ("back", 1)), (("free_shipping", {}),),
              method="cash_on_delivery"),
    MoneyCase("rounded up, and refused", "CHF", (Goods(993),), {"total": 1785, "due": 0, "left": 0, "tax_left": 0},
              (("process",), ("ship",), ("back", 1, True)), method="cash_on_delivery"),
    MoneyCase("edited and back", "CHF", (Goods(993, 2),), {"total": 2775, "rounding": -1, "change": 0},
              (("units", 1), ("units", 3), ("units", 2)), method="cash_on_delivery"),
    MoneyCase("edited to one", "CHF", (Goods(993, 2),), {"total": 1785, "rounding": 2, "due": 1785},
              (("units", 1),), method="cash_on_delivery"),
    MoneyCase("one refused, the rest paid", "KWD", TWO, {"due": 0, "payment": "paid", "stock": 9},
              (("process",), ("ship",), ("back", 1), ("receive", 1575)), method="cash_on_delivery"),
)  # fmt: skip

EDITS = (
    MoneyCase("6.00 off two, edited to three and back", "GBP", TWO, {"total": 1899, "discount": 600, "due": 0},
              (("units", 3), ("units", 2)), FIXED),
    MoneyCase("to one and back", "GBP", TWO, {"total": 1899, "discount": 600, "due": 0}, (("units", 1), ("units", 2)),
              FIXED),
    MoneyCase("by way of many", "USD", TWO, {"discount": 600, "due": 0, "surplus": 0, "change": 0},
              (("units", 7), ("units", 1), ("units", 3), ("units", 2)), FIXED),
    MoneyCase("a percentage in yen", "JPY", (Goods(333, 2),), {"due": 0, "change": 0},
              (("units", 3), ("units", 1), ("units", 2)), (("percentage", {"percent_ppm": 70_000}),)),
    MoneyCase("buy one get one in dinars", "KWD", (Goods(1235, 2),), {"discount": 1235, "due": 0, "change": 0},
              (("units", 3), ("units", 4), ("units", 1), ("units", 2)),
              (("buy_x_get_y", {"buy_quantity": 1, "get_quantity": 1, "percent_ppm": 1_000_000}),)),
    MoneyCase("free shipping in francs", "CHF", TWO, {"total": 2000, "due": 0, "change": 0},
              (("units", 1), ("units", 2)), (("free_shipping", {}),)),
    MoneyCase("a coupon of a fixed amount", "EUR", TWO, {"discount": 600, "due": 0, "change": 0},
              (("units", 5), ("units", 2)), (("fixed", {"amount": 600, "code": "SIX"}),), codes=("SIX",)),
    MoneyCase("a coupon and an offer", "GBP", (Goods(999, 3),), {"due": 0, "change": 0},
              (("units", 1), ("units", 2), ("units", 3)),
              (("percentage", {"percent_ppm": 125_000}), ("fixed", {"amount": 333, "code": "THREE"})),
              codes=("THREE",)),
    MoneyCase("below the least subtotal and back", "GBP", (Goods(1000, 3),), {"due": 0, "change": 0, "surplus": 0},
              (("units", 1), ("units", 3)), (("fixed", {"amount": 600, "min_subtotal": 2500}),)),
    MoneyCase("above the least subtotal and back", "GBP", TWO, {"due": 0, "change": 0},
              (("units", 3), ("units", 2)), (("fixed", {"amount": 600, "min_subtotal": 2500}),)),
    MoneyCase("free shipping from a subtotal, and back", "EUR", TWO, {"due": 0, "change": 0},
              (("units", 3), ("units", 2)), (("free_shipping", {"min_subtotal": 2500}),)),
    MoneyCase("no free shipping for a while", "EUR", (Goods(1000, 3),), {"due": 0, "change": 0},
              (("units", 1), ("units", 3)), (("free_shipping", {"min_subtotal": 2500}),)),
    MoneyCase("two products at two rates", "JPY", (Goods(333, 3), Goods(777, 2, "reduced")), {"due": 0, "change": 0},
              (("units", 1), ("units", 3)), (("percentage", {"percent_ppm": 155_000}),)),
    MoneyCase("a line taken out and put back", "CHF", (Goods(333, 3), Goods(777, 2, "reduced")),
              {"due": 0, "change": 0}, (("take_out",), ("put_back", 2)), (("fixed", {"amount": 499}),)),
    MoneyCase("a third at half price", "EUR", (Goods(1000, 3),), {"due": 0, "change": 0},
              (("units", 2), ("units", 6), ("units", 3)),
              (("buy_x_get_y", {"buy_quantity": 2, "get_quantity": 1, "percent_ppm": 500_000}),)),
    MoneyCase("by hand beside an offer, taken away in the end", "USD", (Goods(1999, 2),), {"due": 0, "change": 0},
              (("hand", 250), ("units", 3), ("units", 2), ("hand", 0)), FIXED),
    MoneyCase("a discount by hand, set and taken away", "USD", TWO, {"discount": 0, "due": 0, "change": 0},
              (("hand", 777), ("hand", 0))),
    MoneyCase("more by hand than is left for a while", "CHF", TWO, {"discount": 1500, "total": 1290},
              (("hand", 1500), ("units", 1), ("units", 2))),
)  # fmt: skip

TOO_MUCH = (
    MoneyCase("14.99 due, 14.00 and 5.00 received", "GBP", ONE, {"surplus": 401, "due": 0, "flag": "4.01"},
              (("receive", 1400), ("receive", 500)), method="bank_transfer"),
    MoneyCase("yen in three parts", "JPY", ONE, {"surplus": 21, "flag": "21"},
              (("receive", 1000), ("receive", 900), ("receive", 101)), method="bank_transfer"),
    MoneyCase("dinars in two parts", "KWD", ONE, {"surplus": 1, "flag": "0.001"},
              (("receive", 1574), ("receive", 2)), method="bank_transfer"),
    MoneyCase("too much at once, sent back", "CHF", ONE, {"surplus": 0, "refunded": 210, "payment": "paid"},
              (("receive", 2000), ("overpaid",)), method="bank_transfer"),
    MoneyCase("too much, then credited less", "GBP", ONE, {"due": 0, "surplus": 501},
              (("receive", 2000), ("amount", 499)), method="bank_transfer"),
    MoneyCase("too much after an edit", "USD", TWO, {"due": 0, "surplus": 1089},
              (("units", 1),)),
)  # fmt: skip

LATE = (
    *(MoneyCase(
        f"money after {who} canceled, in {currency}",
        currency,
        ONE,
        {"status": "cancelled", "payment": "refunded", "due": 0, "surplus": 0, "kept": 0, "stock": 10},
        (("cancel", actor), ("answer",)),
        method="card",
        card=NO_ANSWER,
    )
    for currency, who, actor in (
        ("EUR", "the customer", ANN),
        ("JPY", "a member", MEMBER),
        ("KWD", "staff", BOB),
        ("CHF", "a program", TILL),
    )),
    MoneyCase("money after the hold expired", "EUR", ONE, {"status": "confirmed", "payment": "paid", "refunded": 0},
              (("expire",), ("receive", 1490)), method="bank_transfer"),
    MoneyCase("part of the money after the hold expired", "GBP", ONE, {"status": "cancelled", "confirmed": False},
              (("expire",), ("receive", 400)), method="bank_transfer"),
    MoneyCase("all of the money in two parts after the hold expired", "GBP", ONE, {"status": "confirmed", "kept": 1499},
              (("expire",), ("receive", 700), ("receive", 799)), method="bank_transfer"),
    MoneyCase("too much after the hold expired", "GBP", ONE, {"status": "confirmed", "surplus": 1},
              (("expire",), ("receive", 1500)), method="bank_transfer"),
    MoneyCase("a transfer in two parts for what the customer canceled", "GBP", ONE, {"status": "cancelled", "kept": 0},
              (("cancel", ANN), ("receive", 700), ("receive", 799)), method="bank_transfer"),
    MoneyCase("a paid order that staff cancel", "KWD", ONE, {"status": "cancelled", "kept": 0, "stock": 10},
              (("cancel", BOB),)),
    MoneyCase("an order paid in part that staff cancel", "CHF", ONE, {"status": "cancelled", "kept": 0},
              (("receive", 400), ("cancel", BOB)), method="bank_transfer"),
    MoneyCase("an order paid in part that the customer cancels", "JPY", ONE, {"status": "cancelled", "kept": 0},
              (("receive", 400), ("cancel", ANN)), method="bank_transfer"),
    MoneyCase("an order paid in part that expires", "GBP", ONE, {"status": "cancelled", "kept": 0},
              (("receive", 400), ("expire",)), method="bank_transfer"),
    MoneyCase("a transfer for what the customer canceled", "GBP", ONE, {"status": "cancelled", "kept": 0},
              (("cancel", ANN), ("receive", 1499)), method="bank_transfer"),
    MoneyCase("a transfer for what staff canceled", "JPY", ONE, {"status": "cancelled", "kept": 0},
              (("cancel", BOB), ("receive", 1980)), method="bank_transfer"),
)  # fmt: skip


class Life:
    """An order of a case: its steps by name."""

    def __init__(self, case: MoneyCase) -> None:
        self.sold = [
            make_product(f"Goods {number}", price=each.price, stock=10, tax_class=each.tax_class)
            for number, each in enumerate(case.goods)
        ]
        for kind, values in case.offers:
            (make_coupon if "code" in values else make_promotion)(kind=kind, **values)
        self.case = case

    @property
    def order(self) -> Order:
        return fresh(self.order_id)

    def place(self) -> None:
        method = "bank_transfer" if self.case.method == "paid" else self.case.method
        lines = [(sold, each.units) for sold, each in zip(self.sold, self.case.goods, strict=True)]
        shopper = ready_cart(*lines, payment_method=method)
        for code in self.case.codes:
            enter_code(shopper, code, shipping=0)
        placed = place_order(**order_as_shown(shopper))
        assert placed.payment_id is not None
        self.order_id, self.payment_id = placed.id, placed.payment_id
        if method != "bank_transfer":
            take_payment(placed.payment_id, self.case.card)
        if self.case.method == "paid":
            record_receipt(placed.id, BOB)
        self.total_at_first = self.order.total

    def units(self, count: int) -> None:
        self._edit(OrderEdit(units={self.order.lines[0].id: count}))

    def take_out(self) -> None:
        self._edit(OrderEdit(units={self.order.lines[1].id: 0}))

    def put_back(self, count: int) -> None:
        self._edit(OrderEdit(added={self.sold[1].variant_id: count}))

    def hand(self, amount: int) -> None:
        self._edit(OrderEdit(set_discount=True, discount=ManualDiscount(amount, "Sorry") if amount else None))

    def _edit(self, change: OrderEdit) -> None:
        order, plan = self.order, preview_edit(self.order_id, change)
        db.session.close()
        edit_order(order.id, BOB, change, seen_version=order.version, shown_total=plan.total)

    def credit(self, units: int) -> None:
        credit_order(self.order_id, RefundRequest(units={self.order.lines[0].id: units}), BOB, reason="Sorry")

    def amount(self, amount: int) -> None:
        credit_order(self.order_id, RefundRequest(amount=amount), BOB, reason="Sorry")

    def rest(self) -> None:
        self.amount(self.order.total - self.order.credited_amount)

    def back(self, units: int, shipping: bool = False) -> None:
        line = self.order.lines[0].id
        request = RefundRequest(units={line: units}, restock={line: units}, returned=True, shipping=shipping)
        credit_order(self.order_id, request, BOB, reason="Refused")

    def receive(self, amount: int) -> None:
        record_receipt(self.order_id, BOB, amount=amount)

    def overpaid(self) -> None:
        refund_overpayment(self.order_id, BOB)

    def process(self) -> None:
        take_step(self.order_id, "process")

    def ship(self) -> None:
        ShipOrder().run(self.order_id, BOB)

    def cancel(self, actor: Actor) -> None:
        cancel_order(self.order_id, actor, reason="Changed my mind")

    def expire(self) -> None:
        until = self.order.hold_expires_at
        assert until is not None
        assert cancel_if_expired(self.order_id, until + timedelta(seconds=1))

    def answer(self) -> None:
        reconcile_payment(self.payment_id)

    def facts(self) -> dict[str, Any]:
        """Return what rows name."""
        order = self.order
        balance = balance_of(order, payments_of(order.id))
        given = db.session.scalars(select(Credit).where(Credit.order_id == order.id)).all()
        ids = [sold.variant_id for sold in self.sold]
        stock = db.session.scalars(select(StockItem.on_hand).where(StockItem.variant_id.in_(ids))).all()
        db.session.close()
        return {
            "total": order.total,
            "tax": order.tax_amount,
            "discount": order.discount_amount,
            "rounding": order.rounding_amount,
            "change": order.total - self.total_at_first,
            "due": balance.due,
            "surplus": balance.surplus if order.status != "cancelled" else 0,
            "refunded": balance.refunded,
            "kept": balance.net,
            "credited": balance.credited,
            "left": balance.creditable,
            "credited_tax": sum(each.tax_amount for each in given),
            "tax_left": order.tax_amount - sum(each.tax_amount for each in given),
            "status": order.status,
            "confirmed": order.status == "confirmed",
            "payment": order.payment_status,
            "flag": order.attention,
            "stock": sum(stock),
        }


@pytest.mark.parametrize(
    "case",
    [*PRICES, *CREDITS, *ON_DELIVERY, *EDITS, *TOO_MUCH, *LATE],
    ids=lambda case: f"{case.currency} {case.source}",
)
def test_the_money_of_an_order_is_right(app: Flask, case: MoneyCase) -> None:
    with open_shop(app, case.currency):
        life = Life(case)
        with rules_of_now():
            life.place()
            for name, *arguments in case.steps:
                getattr(life, name)(*arguments)
            found = life.facts()
            flag = case.right.get("flag")
            assert flag is None or flag in found.pop("flag")
            right = {name: value for name, value in case.right.items() if name != "flag"}
            assert {name: found[name] for name in right} == right
            assert broken_invariants() == []


# --- nothing to pay ----------------------------------------------------------------------------------


def by_cart(sold: Sold, method: str) -> Any:
    return place_order(**order_as_shown(ready_cart((sold, 1), payment_method=method))).id


def by_program(sold: Sold, method: str) -> Any:
    wanted = [RequestedItem(1, variant_id=sold.variant_id)]
    address = {"country_code": "US", "street_address": "1 Main Street"}
    order = DirectOrder(wanted, address, "Ann", payment_method=method)
    return place_direct_order(order, TILL).order.id


def by_staff(sold: Sold, method: str) -> Any:
    return place_draft(drafted((sold, 1), payment_method=method)).id


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
@pytest.mark.parametrize(
    ("way", "method"),
    [
        (by_program, ""),
        *(
            (way, method)
            for way in (by_cart, by_program, by_staff)
            for method in ("card", "bank_transfer", "cash_on_delivery")
        ),
    ],
)
def test_an_order_that_costs_nothing_is_paid_at_once(
    app: Flask, currency: str, method: str, way: Callable[[Sold, str], Any]
) -> None:
    with open_shop(app, currency):
        sold = make_product(price=1005)
        make_promotion(percent_ppm=1_000_000)
        make_promotion("free_shipping")
        with rules_of_now():
            order = fresh(way(sold, method))
            assert (order.total, order.status, order.payment_status) == (0, "confirmed", "paid")
            assert broken_invariants() == []
