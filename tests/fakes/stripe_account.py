"""The account at the fake Stripe: its objects, what payers and banks do to them, and the messages about it.

Objects start as Stripe's own examples if those are there.
"""

import copy
import itertools
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stripe

FIXTURES = Path(os.environ.get("LOCKSTEP_TEST_DATA", "../shared/data")) / "stripe" / "fixtures3.json"
SECRET_KEY = "sk_test_fake0123456789"
HOOK_SECRET = "whsec_fake0123456789"
Hook = Callable[[bytes, str], int]


@dataclass
class Faults:
    """What goes wrong next. Numbers count the requests or messages that it still happens to."""

    drop_answers: int = 0
    """The request is done, the connection dies."""
    delay: float = 0
    """Seconds before each answer."""
    server_errors: int = 0
    wrong_amount: int = 0
    """Added to what is captured."""
    wrong_currency: str = ""
    refund_status: str = "succeeded"
    keep_messages: bool = False
    """Write messages down without sending them; `send` sends them in any order, any number of times."""
    twice: bool = False


def fixture(name: str) -> dict[str, Any]:
    """Return one of Stripe's own example objects, or an empty one where they are not at hand."""
    if not FIXTURES.exists():
        return {}
    found: dict[str, Any] = json.loads(FIXTURES.read_text())["resources"][name]
    return found


@dataclass
class Account:
    """The books. `hook` is where messages go: a function of the body and its signature."""

    address: str = ""
    hook: Hook | None = None
    secrets: list[str] = field(default_factory=lambda: [HOOK_SECRET])
    faults: Faults = field(default_factory=Faults)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # --- what a payer, a bank or the staff at Stripe do --------------------------------------------------

    def pay(self, session_id: str, *, late: bool = False) -> dict[str, Any]:
        """Pay a session; `late` even when it is over, as some banks do."""
        session = self.sessions[session_id]
        if session["status"] != "open" and not late:
            raise AssertionError(f"the page is {session['status']}")
        intent = self.intent_of(session)
        amount = session["amount_total"] + self.faults.wrong_amount
        currency = self.faults.wrong_currency or session["currency"]
        intent.update(status="succeeded", amount_received=amount, amount=amount, currency=currency)
        session.update(
            status="complete", payment_status="paid", url=None, amount_total=amount, currency=currency
        )
        self.tell("payment_intent.succeeded", intent)
        self.tell("checkout.session.completed", session)
        return intent

    def authorize(self, session_id: str) -> dict[str, Any]:
        """Hold the money without taking it, as an account with manual capture does."""
        session = self.sessions[session_id]
        intent = self.intent_of(session)
        intent.update(status="requires_capture", amount_capturable=session["amount_total"])
        session.update(status="complete", url=None)
        self.tell("payment_intent.amount_capturable_updated", intent)
        return intent

    def capture(self, session_id: str) -> None:
        """Take what was held."""
        intent = self.intent_of(self.sessions[session_id])
        intent.update(status="succeeded", amount_received=intent["amount_capturable"], amount_capturable=0)
        self.sessions[session_id].update(payment_status="paid")
        self.tell("payment_intent.succeeded", intent)

    def decline(self, session_id: str) -> None:
        """Refuse the card; the page stays open for another one."""
        intent = self.intent_of(self.sessions[session_id])
        intent["last_payment_error"] = {"type": "card_error", "message": "Your card was declined."}
        self.tell("payment_intent.payment_failed", intent)

    def process(self, session_id: str) -> None:
        """Begin a payment that takes days."""
        session = self.sessions[session_id]
        intent = self.intent_of(session)
        intent["status"] = "processing"
        session.update(status="complete", payment_status="unpaid", url=None)
        self.tell("checkout.session.completed", session)

    def end_processing(self, session_id: str, *, paid: bool) -> None:
        """Let such a payment succeed or fail."""
        session = self.sessions[session_id]
        intent = self.intent_of(session)
        if paid:
            intent.update(status="succeeded", amount_received=session["amount_total"])
            session["payment_status"] = "paid"
        self.tell(f"checkout.session.async_payment_{'succeeded' if paid else 'failed'}", session)

    def expire(self, session_id: str) -> None:
        """Let a session run out."""
        self.sessions[session_id].update(status="expired", url=None)
        self.tell("checkout.session.expired", self.sessions[session_id])

    def give_back(self, intent_id: str, amount: int) -> None:
        """Refund at Stripe's own desk, past the shop."""
        self.refund({"payment_intent": intent_id, "amount": str(amount)})

    def end_refund(self, refund_id: str, status: str) -> None:
        """Let a refund come to an end later."""
        self.refunds[refund_id].update(status=status, failure_reason="lost_or_stolen_card")
        self.tell("refund.failed" if status == "failed" else "refund.updated", self.refunds[refund_id])

    def dispute(self, intent_id: str) -> None:
        """Let the payer's bank take the payment back for now."""
        self.tell(
            "charge.dispute.created",
            {**fixture("dispute"), "id": "dp_1", "payment_intent": intent_id, "reason": "fraudulent"},
        )

    # --- objects ------------------------------------------------------------------------------------------

    def create_session(self, params: dict[str, str]) -> tuple[int, Any]:
        """Open a page that asks for money, as these words of a request say."""
        number = next(self.numbers)
        key = f"cs_test_{number}"
        expires = int(params["expires_at"])
        if not 30 * 60 - 60 <= expires - time.time() <= 24 * 3600:
            return refuse("The `expires_at` timestamp must be between 30 minutes and 24 hours.")
        self.sessions[key] = {
            **fixture("checkout.session"),
            "id": key,
            "object": "checkout.session",
            "created": int(time.time()),
            "livemode": False,
            "status": "open",
            "payment_status": "unpaid",
            "amount_total": int(params["line_items[0][price_data][unit_amount]"]),
            "currency": params["line_items[0][price_data][currency]"],
            "client_reference_id": params["client_reference_id"],
            "metadata": nested(params, "metadata"),
            "payment_intent": None,
            "success_url": params["success_url"],
            "cancel_url": params["cancel_url"],
            "expires_at": expires,
            "url": f"{self.address}/pay/{key}",
            "_intent": nested(params, r"payment_intent_data\[metadata\]"),
        }
        return 200, self.sessions[key]

    def intent_of(self, session: dict[str, Any]) -> dict[str, Any]:
        """Return the payment behind a page; it comes to be with the first try."""
        key = session["payment_intent"] or f"pi_{next(self.numbers)}"
        session["payment_intent"] = key
        return self.intents.setdefault(
            key,
            {
                **fixture("payment_intent"),
                "id": key,
                "object": "payment_intent",
                "created": int(time.time()),
                "livemode": False,
                "amount": session["amount_total"],
                "amount_received": 0,
                "amount_capturable": 0,
                "currency": session["currency"],
                "status": "requires_payment_method",
                "metadata": session["_intent"],
                "last_payment_error": None,
            },
        )

    def charge(self, intent_id: str) -> dict[str, Any]:
        """Return what a payment has taken, less what went back."""
        refunded = sum(
            each["amount"]
            for each in self.refunds.values()
            if each["payment_intent"] == intent_id and each["status"] in ("succeeded", "pending")
        )
        intent = self.intents[intent_id]
        return {
            **fixture("charge"),
            "id": f"ch_{intent_id}",
            "object": "charge",
            "amount": intent["amount"],
            "amount_refunded": refunded,
            "currency": intent["currency"],
            "payment_intent": intent_id,
            "metadata": intent["metadata"],
        }

    def cancel(self, intent: dict[str, Any]) -> tuple[int, Any]:
        """Let go of a payment that has not been taken."""
        if intent["status"] in ("succeeded", "canceled", "processing"):
            return refuse("You cannot cancel this PaymentIntent.")
        intent["status"] = "canceled"
        self.tell("payment_intent.canceled", intent)
        return 200, intent

    def refund(self, params: dict[str, str]) -> tuple[int, Any]:
        """Give money back, unless it is more than there is."""
        intent = self.intents[params["payment_intent"]]
        amount, left = int(params["amount"]), intent["amount_received"]
        left -= self.charge(intent["id"])["amount_refunded"]
        if amount > left:
            return refuse("Refund amount is greater than unrefunded amount on charge")
        key = f"re_{next(self.numbers)}"
        self.refunds[key] = {
            **fixture("refund"),
            "id": key,
            "object": "refund",
            "amount": amount,
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "status": self.faults.refund_status,
            "metadata": nested(params, "metadata"),
        }
        self.tell("refund.created", self.refunds[key])
        self.tell("charge.refunded", self.charge(intent["id"]))
        return 200, self.refunds[key]

    # --- messages ------------------------------------------------------------------------------------------

    def tell(self, kind: str, thing: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Write down what happened and, unless they are kept back, tell the shop."""
        event = {
            **fixture("event"),
            "id": f"evt_{next(self.numbers)}",
            "object": "event",
            "type": kind,
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": copy.deepcopy(thing)},
            **changes,
        }
        self.events.append(event)
        if self.hook is not None and not self.faults.keep_messages:
            for _ in range(2 if self.faults.twice else 1):
                self.send(event)
        return event

    def send(self, event: dict[str, Any]) -> int:
        """Send one message, signed with every secret as during a rotation, and return the shop's answer."""
        assert self.hook is not None
        body, signature = self.signed(event)
        return self.hook(body, signature)

    def signed(self, event: dict[str, Any]) -> tuple[bytes, str]:
        """Return a message's body and its signature header."""
        text, moment = json.dumps(event), int(time.time())
        made = [
            stripe.WebhookSignature.generate_signature_header(text, secret, moment) for secret in self.secrets
        ]
        return text.encode(), f"t={moment}," + ",".join(each.split(",")[1] for each in made)


def refuse(message: str) -> tuple[int, Any]:
    """Return status and body of a request that Stripe finds fault with."""
    return 400, {"error": {"type": "invalid_request_error", "message": message}}


def nested(params: dict[str, str], prefix: str) -> dict[str, str]:
    """Return the fields of a form that stand in brackets behind a name."""
    found = {re.fullmatch(rf"{prefix}\[(\w+)\]", name): value for name, value in params.items()}
    return {match[1]: value for match, value in found.items() if match is not None}
