"""Bank transfer, cash and invoice: people move the money and staff record it."""

from __future__ import annotations

import uuid

from commerce.payments.gateways.base import Charge, PaymentOutcome, WithoutPages


class ManualGateway(WithoutPages):
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
