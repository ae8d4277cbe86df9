"""What is owed for an order: the one account that pages, API, mails, settlement and documents read.

due = total - credited - paid + refunded. A credit lowers what is owed first; money goes back only for what was paid
beyond that. What a cancelled or refunded order still cost is given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from commerce.orders.models import Order
from commerce.payments.models import Payment

GIVEN_UP = ("cancelled", "refunded")
"""Statuses in which nothing is asked for any more."""


@dataclass(frozen=True, slots=True)
class Balance:
    """An order's money in minor units of its currency; money in another currency is no money towards it.

    `refunded` counts refunds from the moment they are queued. `given_up` is what is not asked for because the order was
    cancelled or refunded.
    """

    total: int
    credited: int
    given_up: int
    paid: int
    refunded: int

    @property
    def net(self) -> int:
        """The money that the shop has now."""
        return self.paid - self.refunded

    @property
    def creditable(self) -> int:
        """What can still be credited: all of the order that is not credited yet."""
        return max(0, self.total - self.credited)

    @property
    def cost(self) -> int:
        """What the customer has to pay for the order in the end."""
        return max(0, self.total - self.credited - self.given_up)

    @property
    def due(self) -> int:
        """What is still to be paid."""
        return max(0, self.cost - self.net)

    @property
    def surplus(self) -> int:
        """What was paid beyond the cost and has not gone back."""
        return max(0, self.net - self.cost)

    def refund_for(self, credit: int) -> int:
        """Return the money that goes back when `credit` (minor units) is credited: nothing while something is owed."""
        return min(credit, max(0, self.net - (self.cost - credit)))


def balance_of(order: Order, payments: Sequence[Payment]) -> Balance:
    """Return the balance of an order with all of its payments."""
    own = [each for each in payments if each.currency == order.currency]
    return Balance(
        total=order.total,
        credited=order.credited_amount,
        given_up=max(0, order.total - order.credited_amount) if order.status in GIVEN_UP else 0,
        paid=sum(each.captured for each in own),
        refunded=sum(each.refunded for each in own),
    )


def payment_status_of(order: Order, payments: Sequence[Payment]) -> str:
    """Return the payment status that follows from an order's balance. An order that owes nothing is paid."""
    balance = balance_of(order, payments)
    if balance.due or (balance.given_up and not balance.paid):
        return "authorized" if any(each.state == "authorized" for each in payments) else "unpaid"
    if balance.refunded and balance.net < balance.total:
        return "partially_refunded" if balance.net else "refunded"
    return "paid"
