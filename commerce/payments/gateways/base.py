"""Ways to be paid behind one interface. Nothing here touches an order; a gateway only says what happened to money.

Gateways are called outside of any transaction. Each call carries a key made from the attempt, so that repeating it
after a lost answer never charges twice; an unknown outcome is asked about, never retried under a new key.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select

from commerce.db import atomic, db, in_transaction
from commerce.errors import GatewayNoAnswer, InvalidValue, NotFound
from commerce.payments.models import TestCardCharge


@dataclass(frozen=True, slots=True)
class Charge:
    """What a gateway is asked to take: integer minor units, for one attempt.

    `method` is the code of the payment method, `reference` what the gateway called the attempt so far, `return_path`
    the page of the shop to which a payer comes back.
    """

    payment_id: uuid.UUID
    amount: int
    currency: str
    order_code: str
    method: str
    created_at: datetime
    reference: str = ""
    return_path: str = ""
    email: str = ""

    @property
    def key(self) -> str:
        """The idempotency key at the gateway: one attempt, one charge."""
        return f"pay:{self.payment_id}"


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """What a gateway says of an attempt.

    `state` is 'captured', 'authorized', 'failed' (the payer may still mend it), 'voided' (over, nothing was taken),
    'waiting' (for the payer, who goes on at `redirect`, or for the banks) or 'unknown'. Amounts are minor units.
    """

    state: str
    amount: int = 0
    currency: str = ""
    reference: str = ""
    failure: str = ""
    redirect: str = ""


UNKNOWN = PaymentOutcome("unknown")


@dataclass(frozen=True, slots=True)
class GatewayMessage:
    """What a gateway told us by itself, its signature proved. One of `outcome`, `refund_*`, `dispute` says what.

    `key` is the same however often it is sent. `payment_id` and `references` name the attempt it is about; `note` says
    why there is nothing to do. `refunded_total` is all that went back of the attempt so far (minor units).
    """

    provider: str
    account: str
    key: str
    type: str
    payment_id: uuid.UUID | None = None
    references: tuple[str, ...] = ()
    outcome: PaymentOutcome | None = None
    refund_id: uuid.UUID | None = None
    refund_outcome: PaymentOutcome | None = None
    refunded_total: int | None = None
    dispute: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class GatewayRecord:
    """A payment as the gateway's own books have it, for reconciliation. Amounts are minor units."""

    payment_id: uuid.UUID | None
    reference: str
    state: str
    amount: int
    currency: str
    refunded: int


class Gateway(Protocol):
    """What every way to be paid can do."""

    asks_for_card: bool
    hosted: bool
    """Whether the payer goes to a page of the gateway's."""

    def check(self, card_number: str) -> None:
        """Raise InvalidValue for a card number that cannot be one, before anything is ordered. Asks nobody."""
        ...

    def start(self, charge: Charge, card_number: str) -> PaymentOutcome:
        """Take the money or begin to.

        Raises GatewayNoAnswer when it did not say, InvalidValue for a bad card number.
        """
        ...

    def look_up(self, charge: Charge) -> PaymentOutcome:
        """Ask what became of an attempt. Raises GatewayNoAnswer."""
        ...

    def refund(self, refund_id: uuid.UUID, charge: Charge, amount: int) -> PaymentOutcome:
        """Give back `amount` (minor units); the same `refund_id` never pays twice. Raises GatewayNoAnswer."""
        ...

    def cancel(self, charge: Charge) -> PaymentOutcome:
        """Let an attempt take nothing any more: 'voided', or what it had come to. Raises GatewayNoAnswer."""
        ...

    def receive(self, body: bytes, headers: Mapping[str, str]) -> GatewayMessage:
        """Read a message that claims to be from the gateway.

        Raises NotFound when the shop expects none, InvalidValue when its signature is not the gateway's.
        """
        ...

    def origins(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the origins to which a form of ours may lead a payer."""
        ...

    def records(self, method: str, since: datetime) -> list[GatewayRecord]:
        """Return the gateway's own list of payments made by a method since then. Raises GatewayNoAnswer."""
        ...


class _WithoutPages:
    """What gateways have in common that neither have pages of their own nor write to us."""

    hosted = False

    def receive(self, body: bytes, headers: Mapping[str, str]) -> GatewayMessage:  # noqa: ARG002 - the interface of all
        """Refuse: nothing of the kind is ever sent."""
        raise NotFound("There is no such address.")

    def origins(self, settings: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        """Return none: the payer stays here."""
        return ()

    def records(self, method: str, since: datetime) -> list[GatewayRecord]:  # noqa: ARG002
        """Return none: there are no books but ours."""
        return []


class ManualGateway(_WithoutPages):
    """Bank transfer and cash on delivery: people move the money and staff record it."""

    asks_for_card = False

    def check(self, card_number: str) -> None:
        """Accept: there is no card."""

    def start(self, charge: Charge, card_number: str) -> PaymentOutcome:  # noqa: ARG002 - the interface of all gateways
        """Wait: the money comes by another way."""
        return PaymentOutcome("waiting")

    def cancel(self, charge: Charge) -> PaymentOutcome:  # noqa: ARG002
        """Wait on: nobody can stop a transfer that is under way."""
        return PaymentOutcome("waiting")

    def look_up(self, charge: Charge) -> PaymentOutcome:  # noqa: ARG002
        """Nobody can be asked; staff will record it."""
        return PaymentOutcome("waiting")

    def refund(self, refund_id: uuid.UUID, charge: Charge, amount: int) -> PaymentOutcome:
        """Record what staff pay back by hand; the refund's row is their instruction and receipt."""
        return PaymentOutcome("captured", amount, charge.currency, f"manual:{refund_id}")


DECLINED_CARD = "4000000000000002"
NO_ANSWER_CARD = "4000000000000119"
_DIGITS = range(12, 20)


class TestCardGateway(_WithoutPages):
    """A whole card provider inside the shop, with a memory of its own, for trials and tests.

    4242 4242 4242 4242 pays; 4000 0000 0000 0002 is declined; 4000 0000 0000 0119 pays, but the answer gets
    lost on the way.
    """

    asks_for_card = True

    def check(self, card_number: str) -> None:
        """Raise InvalidValue unless the digits are a card number's."""
        number = _digits(card_number)
        if not (number.isascii() and number.isdigit() and len(number) in _DIGITS and _luhn(number)):
            raise InvalidValue("card_number", "This is not a card number. Please check the digits.")

    def start(self, charge: Charge, card_number: str) -> PaymentOutcome:
        """Charge the card once per key."""
        refuse_inside_transaction()
        self.check(card_number)
        number = _digits(card_number)
        outcome = "failed" if number == DECLINED_CARD else "captured"
        known = _charge_once(charge.key, "charge", outcome, charge.amount, charge.currency)
        if number == NO_ANSWER_CARD:
            raise GatewayNoAnswer("The test card provider did not answer.")
        return known

    def look_up(self, charge: Charge) -> PaymentOutcome:
        """Return what is remembered under the attempt's key."""
        refuse_inside_transaction()
        return _remembered(charge.key) or PaymentOutcome("failed", failure="The payment was never started.")

    def cancel(self, charge: Charge) -> PaymentOutcome:
        """Remember that this key is never to be charged, unless it was."""
        refuse_inside_transaction()
        return _charge_once(charge.key, "charge", "voided", 0, charge.currency)

    def refund(self, refund_id: uuid.UUID, charge: Charge, amount: int) -> PaymentOutcome:
        """Pay back once per refund."""
        refuse_inside_transaction()
        return _charge_once(f"refund:{refund_id}", "refund", "captured", amount, charge.currency)


def _digits(card_number: str) -> str:
    return card_number.replace(" ", "").replace("-", "")


def _luhn(number: str) -> bool:
    """Check digit of card numbers, ISO/IEC 7812-1 annex B."""
    digits = [int(character) for character in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


@atomic
def _charge_once(key: str, kind: str, outcome: str, amount: int, currency: str) -> PaymentOutcome:
    known = _remembered(key)
    if known is not None:
        return known
    db.session.add(TestCardCharge(key=key, kind=kind, outcome=outcome, amount=amount, currency=currency))
    db.session.flush()
    return _outcome(outcome, amount, currency, key)


def _remembered(key: str) -> PaymentOutcome | None:
    row = db.session.scalar(select(TestCardCharge).where(TestCardCharge.key == key))
    return _outcome(row.outcome, row.amount, row.currency, key) if row else None


def _outcome(outcome: str, amount: int, currency: str, key: str) -> PaymentOutcome:
    if outcome == "failed":
        return PaymentOutcome("failed", failure="The card was declined.", reference=key)
    if outcome == "voided":
        return PaymentOutcome("voided", reference=key)
    return PaymentOutcome(outcome, amount, currency, f"test:{key}")


def refuse_inside_transaction() -> None:
    """Raise RuntimeError in a use case: the network is slow, and a rollback would not take back what it did."""
    if in_transaction():
        raise RuntimeError("a gateway was called inside a transaction")


GATEWAYS: dict[str, Gateway] = {"manual": ManualGateway(), "test_card": TestCardGateway()}
GATEWAY_NAMES = ("manual", "test_card", "stripe")


def gateway(name: str) -> Gateway:
    """Return a gateway by the name that payment methods and attempts carry. Raises InvalidValue for an unknown one."""
    if name == "stripe" and name not in GATEWAYS:
        # Only shops that use it pay for loading it.
        from commerce.payments.gateways.stripe.gateway import StripeGateway

        GATEWAYS[name] = StripeGateway()
    if name not in GATEWAYS:
        raise InvalidValue("payment_method", "This way to pay is not set up.")
    return GATEWAYS[name]
