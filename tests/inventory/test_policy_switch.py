"""A shop changes when it takes stock off the shelf (at confirmation or at shipment) while orders are open.

What can be sold is the same under both: what there was, less what orders want or have got. So that number is reckoned
here from the orders alone, and compared with the counters after every step.
"""

import random
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from commerce.db import atomic, db
from commerce.inventory.models import Reservation, StockItem, StockMovement
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.models import Order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.returns import refund_order, request_return
from commerce.orders.services import cancel_order
from commerce.orders.transitions import FINAL, STATUSES
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, PATHS, fresh, order_in, take_step
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

STOCK = 100
POLICIES = ("shipment", "confirmation")
WAY = ("confirm", "process", "ship", "deliver", "complete")


def other(policy: str) -> str:
    return POLICIES[1 - POLICIES.index(policy)]


def tea_and_order(in_shop: Shop, policy: str, status: str) -> tuple[Sold, Order]:
    """Return a product and an order of 4 of it that was led to `status` under a policy."""
    tea = make_product("Tea", sku="TEA-1", stock=STOCK)
    with shop_scope(replace(in_shop, deduct_on=policy)):
        return tea, order_in(status, quantity=4)


def owed(order: Order) -> int:
    """Return the units that an order wants or has got, whatever the policy."""
    dead = order.status in ("cancelled", "refunded")
    return sum(line.shipped + (0 if dead else line.to_ship) for line in order.lines)


def check(tea: Sold, orders: list[uuid.UUID], came_back: int = 0) -> None:
    """What can be sold follows from the orders alone, and the books agree with themselves."""
    on_hand, reserved = counters(tea)
    assert on_hand - reserved == STOCK - sum(owed(fresh(each)) for each in orders) + came_back
    assert broken_invariants() == []
    db.session.close()


def finish(order_id: uuid.UUID) -> None:
    """Lead an order to its end by the straight way, if there is one from here."""
    order = fresh(order_id)
    if order.status == "refund_requested":
        take_step(order_id, "decline_refund")
        order = fresh(order_id)
    way = WAY if order.status in ("pending", "paid") else WAY[WAY.index(_next_step(order.status)) :]
    if order.status == "pending":
        record_receipt(order_id, BOB)
        way = WAY[1:]
    for action in way:
        take_step(order_id, action)


def _next_step(status: str) -> str:
    return {"confirmed": "process", "processing": "ship", "shipped": "deliver", "delivered": "complete"}[
        status
    ]


@pytest.mark.parametrize("status", [each for each in STATUSES if each not in FINAL])
@pytest.mark.parametrize("before", POLICIES)
def test_an_order_goes_its_way_to_the_end_and_leaves_the_stock_item_once(
    in_shop: Shop, before: str, status: str
) -> None:
    tea, order = tea_and_order(in_shop, before, status)
    check(tea, [order.id])
    with shop_scope(replace(in_shop, deduct_on=other(before))):
        check(tea, [order.id])
        finish(order.id)
        check(tea, [order.id])
    assert fresh(order.id).status == "completed"
    assert counters(tea) == (STOCK - 4, 0)
    assert left_the_shelf(tea) == 4


@pytest.mark.parametrize("status", ["pending", "paid", "confirmed", "processing"])
@pytest.mark.parametrize("before", POLICIES)
def test_a_cancelled_order_gives_everything_back_once(in_shop: Shop, before: str, status: str) -> None:
    tea, order = tea_and_order(in_shop, before, status)
    with shop_scope(replace(in_shop, deduct_on=other(before))):
        cancel_order(order.id, BOB, reason="Changed my mind")
        check(tea, [order.id])
    assert counters(tea) == (STOCK, 0)


@pytest.mark.parametrize("restock", [True, False])
@pytest.mark.parametrize("status", ["confirmed", "processing", "shipped", "delivered", "completed"])
@pytest.mark.parametrize("before", POLICIES)
def test_a_refund_frees_what_stayed_and_restocks_what_came_back(
    in_shop: Shop, before: str, status: str, *, restock: bool
) -> None:
    tea, order = tea_and_order(in_shop, before, status)
    sent = 4 if "ship" in PATHS[status] else 0
    with shop_scope(replace(in_shop, deduct_on=other(before))):
        request_return(order.id, BOB, reason="It does not fit")
        refund_order(order.id, BOB, reason="", restore_inventory=restock)
        check(tea, [order.id], came_back=sent if restock else 0)
    assert counters(tea) == (STOCK - (0 if restock else sent), 0)


@pytest.mark.parametrize("before", POLICIES)
def test_parcels_before_and_after_the_switch_take_each_unit_once(in_shop: Shop, before: str) -> None:
    tea, order = tea_and_order(in_shop, before, "processing")
    (line,) = order.lines
    with shop_scope(replace(in_shop, deduct_on=before)):
        ship_order(order.id, BOB, units={line.id: 1})
    with shop_scope(replace(in_shop, deduct_on=other(before))):
        check(tea, [order.id])
        ship_order(order.id, BOB, units={line.id: 1})
        check(tea, [order.id])
        credit_order(order.id, RefundRequest(units={line.id: 1}), BOB, reason="Sold out")
        check(tea, [order.id])
        ship_order(order.id, BOB)
        check(tea, [order.id])
    assert counters(tea) == (STOCK - 3, 0)


def left_the_shelf(tea: Sold) -> int:
    """Return the units that the ledger says went out, less those that came back."""
    rows = db.session.execute(
        select(StockMovement.delta)
        .join(
            StockItem,
            (StockItem.tenant_id == StockMovement.tenant_id) & (StockItem.id == StockMovement.stock_item_id),
        )
        .where(StockItem.variant_id == tea.variant_id, StockMovement.cause != "opening")
    )
    total = -sum(row.delta for row in rows)
    db.session.close()
    return total


@pytest.mark.parametrize("before", POLICIES)
def test_control_an_order_that_forgot_what_it_took_is_noticed(in_shop: Shop, before: str) -> None:
    """What makes the switch safe is that each reservation remembers; without its memory the books break."""
    _tea, order = tea_and_order(in_shop, before, "confirmed")

    @atomic
    def forget() -> None:
        kept = (
            {"state": "deducted", "deducted": 4}
            if before == "shipment"
            else {"state": "committed", "deducted": 0}
        )
        db.session.execute(update(Reservation).where(Reservation.order_id == order.id).values(**kept))

    forget()
    assert broken_invariants()


# --- anything, in any order ---------------------------------------------------------------------------


class Walk:
    """Orders that live side by side while the policy changes under them."""

    def __init__(self, tea: Sold, dice: random.Random) -> None:
        self.tea = tea
        self.dice = dice
        self.orders: list[uuid.UUID] = []
        self.came_back = 0

    def step(self) -> None:
        """Do one thing that is possible now."""
        alive = [order for order in map(fresh, self.orders) if order.status not in FINAL]
        if len(alive) < 2 or (len(alive) < 4 and self.dice.random() < 0.3):
            self.orders.append(make_order((self.tea, self.dice.randint(2, 5))).id)
            return
        order = self.dice.choice(alive)
        self.dice.choice(self.possible(order))(order)

    def possible(self, order: Order) -> list[Callable[[Order], None]]:
        """Return what can be done in an order's status."""
        sent = any(line.shipped for line in order.lines)
        after: dict[str, list[Callable[[Order], None]]] = {
            "pending": [self.pay, self.pay, self.pay, self.edit, self.cancel],
            "confirmed": [*[self.lead("process")] * 3, self.edit, self.credit, self.cancel, self.refund],
            "processing": [self.parcel, self.parcel, self.edit, self.credit, self.lead("ship")],
            "shipped": [self.lead("deliver"), self.refund],
            "delivered": [self.lead("complete"), self.refund],
        }
        if order.status == "processing" and not sent:
            after["processing"].append(self.cancel)
        return after[order.status]

    def lead(self, action: str) -> Callable[[Order], None]:
        """Return the step that does one action of the table."""
        return lambda order: take_step(order.id, action)

    def pay(self, order: Order) -> None:
        """Pay what is open, which confirms the order."""
        record_receipt(order.id, BOB)

    def cancel(self, order: Order) -> None:
        """Cancel all of it."""
        cancel_order(order.id, BOB, reason="Trial")

    def parcel(self, order: Order) -> None:
        """Send one unit."""
        (line,) = order.lines
        ship_order(order.id, BOB, units={line.id: 1})

    def credit(self, order: Order) -> None:
        """Give one unit back that has not left, as long as another one is to leave."""
        (line,) = order.lines
        if line.to_ship > 1:
            credit_order(order.id, RefundRequest(units={line.id: 1}), BOB, reason="Sold out")

    def edit(self, order: Order) -> None:
        """Let the line have one unit more, or one less."""
        (line,) = order.lines
        if line.cancelled or line.credited or order.payment_status not in ("unpaid", "paid"):
            return
        wanted = line.quantity + (1 if self.dice.random() < 0.6 or line.to_ship < 2 else -1)
        change = OrderEdit(units={line.id: wanted})
        total = preview_edit(order.id, change).total
        edit_order(order.id, BOB, change, seen_version=order.version, shown_total=total)

    def refund(self, order: Order) -> None:
        """Give all the money back; what had left comes back on the shelf or not."""
        if order.payment_status == "unpaid":
            # An edit made it dearer.
            record_receipt(order.id, BOB)
        restock = self.dice.random() < 0.5
        back = sum(line.shipped for line in order.lines) if restock else 0
        request_return(order.id, BOB, reason="Trial")
        refund_order(order.id, BOB, reason="", restore_inventory=restock)
        self.came_back += back


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_to_open_orders_while_the_policy_changes_the_books_agree(
    in_shop: Shop, seed: int
) -> None:
    dice = random.Random(seed)
    walk = Walk(make_product("Tea", sku="TEA-1", stock=STOCK), dice)
    statuses = set()
    for _ in range(36):
        with shop_scope(replace(in_shop, deduct_on=dice.choice(POLICIES))):
            walk.step()
            check(walk.tea, walk.orders, walk.came_back)
        statuses |= {fresh(each).status for each in walk.orders}
    assert len(statuses) >= 4, "the walk went nowhere"
