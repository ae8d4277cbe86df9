"""What the shopper's page of an order says about its money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from commerce.orders.balance import Balance, balance_of
from commerce.orders.models import Order
from commerce.payments.gateways.registry import gateway
from commerce.payments.models import Payment
from commerce.payments.queries import Method, payment_method, payment_methods


@dataclass(frozen=True, slots=True)
class PaymentPanel:
    """What the page says about money.

    `state` is 'paid', 'held' (authorized), 'returned', 'checking' (the gateway is asked, or the banks are at it),
    'waiting' (for the payer, at `pay_url`), 'review' (a wrong amount came), 'failed', 'transfer' (the shopper's turn),
    'later' (on delivery) or 'void'. `left` is what is still to be paid and `paid` what was (minor
    units), `others` the methods to change to, each with whether it takes a card. `method` can be tried again with
    another card (`asks_for_card`) or on a new page of the provider's (`can_repeat`).
    """

    state: str
    method: Method | None
    left: int = 0
    paid: int = 0
    failure: str = ""
    asks_for_card: bool = False
    others: tuple[tuple[Method, bool], ...] = ()
    pay_url: str = ""
    can_repeat: bool = False


def payment_panel(order: Order, payments: Sequence[Payment]) -> PaymentPanel:
    """Return what to say about an order's money, by its last attempt to be paid."""
    attempts = [each for each in payments if not _is_receipt(each)]
    last = attempts[-1] if attempts else None
    code = last.method if last else order.payment_method
    balance = balance_of(order, payments)
    method, state = payment_method(code), _money_state(order, attempts, balance)
    left = balance.due
    if state not in ("failed", "transfer", "waiting"):
        return PaymentPanel(state, method, left, balance.net)
    others = tuple(
        (each, gateway(each.gateway).asks_for_card)
        for each in payment_methods()
        if each.code != code and not each.pay_later
    )
    way = gateway(method.gateway) if method is not None else None
    return PaymentPanel(
        state,
        method,
        left,
        balance.net,
        failure=last.failure if last else "",
        asks_for_card=way is not None and way.asks_for_card,
        others=others,
        pay_url=last.pay_url if last else "",
        can_repeat=way is not None and way.hosted,
    )


def _is_receipt(payment: Payment) -> bool:
    """Tell whether a row is money that staff have recorded: no attempt that the payer knows of."""
    return payment.gateway == "manual" and payment.state == "captured"


def _money_state(order: Order, attempts: Sequence[Payment], balance: Balance) -> str:
    """Return the state of the panel: what the order has come to, then what its last attempt has."""
    last = attempts[-1] if attempts else None
    if order.payment_status == "paid" and balance.total and not balance.paid:
        return "void"
    if balance.due and any(each.state == "unknown" for each in attempts):
        return "checking"
    settled = {
        "paid": "paid",
        "authorized": "held",
        "refunded": "returned",
        "partially_refunded": "returned",
    }
    if order.payment_status in settled:
        return settled[order.payment_status]
    if last is not None and last.gateway != "manual" and last.state in ("started", "unknown"):
        gone = order.status in ("cancelled", "refunded")
        return "waiting" if last.pay_url and not gone else "checking"
    if order.attention and last is not None and last.captured:
        return "review"
    if order.status == "cancelled":
        return "void"
    if order.pay_later:
        return "later"
    # What was given up on purpose did not fail: the amount has changed, or the customer shall choose how to pay.
    failed = last is not None and (last.state == "failed" or (last.state == "voided" and last.failure))
    return "failed" if failed else "transfer"
