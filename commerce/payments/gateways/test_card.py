"""The built-in test card: charges nothing, and remembers what it was asked like a real gateway."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from commerce.db import atomic, db
from commerce.errors import GatewayNoAnswer, InvalidValue
from commerce.payments.gateways.base import (
    Charge,
    PaymentOutcome,
    WithoutPages,
    refuse_inside_transaction,
)
from commerce.payments.installation import installation
from commerce.payments.models import TestCardCharge

DECLINED_CARD = "4000000000000002"


NO_ANSWER_CARD = "4000000000000119"


OFF = PaymentOutcome("failed", failure="The test card takes no payments in production.")


_DIGITS = range(12, 20)


class TestCardGateway(WithoutPages):
    """A whole card provider inside the shop, with a memory of its own, for trials and tests.

    4242 4242 4242 4242 pays; 4000 0000 0000 0002 is declined; 4000 0000 0000 0119 pays, but the answer gets
    lost on the way. In production it takes no card, and nothing that it remembers counts: whatever it is asked about
    has failed.
    """

    asks_for_card = True

    def check(self, card_number: str) -> None:
        """Raise InvalidValue unless the digits are a card number's and there are trials here."""
        if not installation().test_gateway:
            raise InvalidValue("payment_method", "test_card_in_production")
        number = _digits(card_number)
        if not (number.isascii() and number.isdigit() and len(number) in _DIGITS and _luhn(number)):
            raise InvalidValue("card_number", "card_number_invalid")

    def start(self, charge: Charge, card_number: str) -> PaymentOutcome:
        """Charge the card once per key."""
        refuse_inside_transaction()
        if not installation().test_gateway:
            return OFF
        self.check(card_number)
        number = _digits(card_number)
        outcome = "failed" if number == DECLINED_CARD else "captured"
        known = _charge_once(charge.key, "charge", outcome, charge.amount, charge.currency)
        if number == NO_ANSWER_CARD:
            raise GatewayNoAnswer("test_card_no_answer")
        return known

    def look_up(self, charge: Charge) -> PaymentOutcome:
        """Return what is remembered under the attempt's key."""
        refuse_inside_transaction()
        if not installation().test_gateway:
            return OFF
        return _remembered(charge.key) or PaymentOutcome("failed", failure="The payment was never started.")

    def cancel(self, charge: Charge) -> PaymentOutcome:
        """Remember that this key is never to be charged, unless it was."""
        refuse_inside_transaction()
        if not installation().test_gateway:
            return PaymentOutcome("voided", reference=charge.key)
        return _charge_once(charge.key, "charge", "voided", 0, charge.currency)

    def refund(self, refund_id: uuid.UUID, charge: Charge, amount: int) -> PaymentOutcome:
        """Pay back once per refund."""
        refuse_inside_transaction()
        if not installation().test_gateway:
            return OFF
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
