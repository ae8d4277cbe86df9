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

from commerce.errors import NotFound
from commerce.events.outcomes import before_effect


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
    """A message that a gateway sent by itself, its signature proved. One of `outcome`, `refund_*`, `dispute` says what.

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
        """Ask for the outcome of an attempt. Raises GatewayNoAnswer."""
        ...

    def refund(self, refund_id: uuid.UUID, charge: Charge, amount: int) -> PaymentOutcome:
        """Give back `amount` (minor units); the same `refund_id` never pays twice. Raises GatewayNoAnswer."""
        ...

    def cancel(self, charge: Charge) -> PaymentOutcome:
        """Let an attempt take nothing any more: 'voided', or what it had come to. Raises GatewayNoAnswer."""
        ...

    def capture(self, charge: Charge, amount: int) -> PaymentOutcome:
        """Take `amount` (minor units) of what is held, once, and let the rest go. Raises GatewayNoAnswer."""
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


class WithoutPages:
    """What gateways have in common that neither have pages of their own nor write to us."""

    hosted = False

    def capture(self, charge: Charge, amount: int) -> PaymentOutcome:  # noqa: ARG002
        """Take nothing: these never hold money without taking it."""
        return UNKNOWN

    def receive(self, body: bytes, headers: Mapping[str, str]) -> GatewayMessage:  # noqa: ARG002 - the interface of all
        """Refuse: nothing of the kind is ever sent."""
        raise NotFound("webhook_url_not_found")

    def origins(self, settings: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        """Return none: the payer stays here."""
        return ()

    def records(self, method: str, since: datetime) -> list[GatewayRecord]:  # noqa: ARG002
        """Return none: there are no books but ours."""
        return []


def refuse_inside_transaction() -> None:
    """Raise RuntimeError in a use case: the network is slow, and a rollback would not take back what it did."""
    before_effect("a gateway was called")
