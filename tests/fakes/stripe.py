"""A small Stripe on 127.0.0.1: the endpoints that the shop uses, a payment page, signed messages, and faults on demand.

It honours Idempotency-Key as Stripe does: the same key with the same words gets the same answer, with other words a
refusal, and while the first one is still at it a conflict. Objects start as Stripe's own examples if those are there.
"""

import copy
import itertools
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import stripe
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

FIXTURES = Path(os.environ.get("LOCKSTEP_TEST_DATA", "../shared/data")) / "stripe" / "fixtures3.json"
SECRET_KEY = "sk_test_fake0123456789"
HOOK_SECRET = "whsec_fake0123456789"
Hook = Callable[[bytes, str], int]

PAGE = """<!doctype html><html lang="en"><title>Pay</title><h1>Pay {amount} {currency}</h1>
<form method="post"><button name="do" value="pay">Pay</button><button name="do" value="decline">Use a bad card</button>
<button name="do" value="cancel">Back</button></form>{problem}</html>"""


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
class FakeStripe:
    """The account and its books. `hook` is where messages go: a function of the body and its signature."""

    address: str = ""
    hook: Hook | None = None
    secrets: list[str] = field(default_factory=lambda: [HOOK_SECRET])
    faults: Faults = field(default_factory=Faults)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    _keys: dict[str, tuple[str, Any, tuple[int, Any] | None]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # --- what a payer, a bank or the staff at Stripe do --------------------------------------------------

    def pay(self, session_id: str, *, late: bool = False) -> dict[str, Any]:
        """Pay a session; `late` even when it is over, as some banks do."""
        session = self.sessions[session_id]
        if session["status"] != "open" and not late:
            raise AssertionError(f"the page is {session['status']}")
        intent = self._intent_of(session)
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
        intent = self._intent_of(session)
        intent.update(status="requires_capture", amount_capturable=session["amount_total"])
        session.update(status="complete", url=None)
        self.tell("payment_intent.amount_capturable_updated", intent)
        return intent

    def capture(self, session_id: str) -> None:
        """Take what was held."""
        intent = self._intent_of(self.sessions[session_id])
        intent.update(status="succeeded", amount_received=intent["amount_capturable"], amount_capturable=0)
        self.sessions[session_id].update(payment_status="paid")
        self.tell("payment_intent.succeeded", intent)

    def decline(self, session_id: str) -> None:
        """Refuse the card; the page stays open for another one."""
        intent = self._intent_of(self.sessions[session_id])
        intent["last_payment_error"] = {"type": "card_error", "message": "Your card was declined."}
        self.tell("payment_intent.payment_failed", intent)

    def process(self, session_id: str) -> None:
        """Begin a payment that takes days."""
        session = self.sessions[session_id]
        intent = self._intent_of(session)
        intent["status"] = "processing"
        session.update(status="complete", payment_status="unpaid", url=None)
        self.tell("checkout.session.completed", session)

    def end_processing(self, session_id: str, *, paid: bool) -> None:
        """Let such a payment succeed or fail."""
        session = self.sessions[session_id]
        intent = self._intent_of(session)
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
        self._refund({"payment_intent": intent_id, "amount": str(amount)})

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

    # --- messages ------------------------------------------------------------------------------------------

    def tell(self, kind: str, thing: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Write down what happened and, unless they are kept back, tell the shop."""
        event = {
            **fixture("event"),
            "id": f"evt_{next(self._numbers)}",
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

    # --- the API -------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        if request.path.startswith("/pay/"):
            return self._page(request, request.path.removeprefix("/pay/"))(environ, start_response)
        status, answer = self._answer(request)
        if self.faults.delay:
            time.sleep(self.faults.delay)
        if self.faults.drop_answers > 0:
            self.faults.drop_answers -= 1
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        response = Response(json.dumps(answer), status, mimetype="application/json")
        return response(environ, start_response)

    def _answer(self, request: Request) -> tuple[int, Any]:
        self.requests.append((request.method, request.path))
        if request.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            return 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}
        if self.faults.server_errors > 0:
            self.faults.server_errors -= 1
            return 500, {"error": {"type": "api_error", "message": "An unknown error occurred"}}
        params = dict(parse_qsl(request.get_data(as_text=True), keep_blank_values=True))
        key = request.headers.get("Idempotency-Key", "")
        if request.method != "POST" or not key:
            with self._lock:
                return self._do(request, params)
        return self._once(key, request, params)

    def _once(self, key: str, request: Request, params: dict[str, str]) -> tuple[int, Any]:
        with self._lock:
            known = self._keys.get(key)
            if known is not None:
                if known[:2] != (request.path, params):
                    words = "Keys for idempotent requests can only be used with the same parameters."
                    return 400, {"error": {"type": "idempotency_error", "message": words}}
                if known[2] is None:
                    error = {
                        "type": "invalid_request_error",
                        "code": "idempotency_key_in_use",
                        "message": "In use",
                    }
                    return 409, {"error": error}
                return known[2]
            self._keys[key] = (request.path, params, None)
        if self.faults.delay:
            time.sleep(self.faults.delay)
        with self._lock:
            answer = copy.deepcopy(self._do(request, params))
            self._keys[key] = (request.path, params, answer)
            return answer

    def _do(self, request: Request, params: dict[str, str]) -> tuple[int, Any]:
        parts = request.path.strip("/").split("/")[1:]
        if parts[:2] == ["checkout", "sessions"]:
            return self._do_session([request.method, *parts[2:]], params)
        match [request.method, *parts]:
            case ["GET", "payment_intents"]:
                return _list({key: self._with_charge(each) for key, each in self.intents.items()})
            case ["GET", "payment_intents", key] if key in self.intents:
                return 200, self.intents[key]
            case ["POST", "payment_intents", key, "cancel"] if key in self.intents:
                return self._cancel(self.intents[key])
            case ["GET", "refunds"]:
                wanted = request.args.get("payment_intent")
                return _list(
                    {key: each for key, each in self.refunds.items() if each["payment_intent"] == wanted}
                )
            case ["POST", "refunds"]:
                return self._refund(params)
        return _missing()

    def _do_session(self, asked: list[str], params: dict[str, str]) -> tuple[int, Any]:
        match asked:
            case ["POST"]:
                return self._create_session(params)
            case ["GET"]:
                return _list(self.sessions)
            case ["GET", key] if key in self.sessions:
                return 200, self._expanded(self.sessions[key])
            case ["POST", key, "expire"] if key in self.sessions:
                if self.sessions[key]["status"] != "open":
                    return _refuse("This Session is not open.")
                self.expire(key)
                return 200, self.sessions[key]
        return _missing()

    def _create_session(self, params: dict[str, str]) -> tuple[int, Any]:
        number = next(self._numbers)
        key = f"cs_test_{number}"
        expires = int(params["expires_at"])
        if not 30 * 60 - 60 <= expires - time.time() <= 24 * 3600:
            return _refuse("The `expires_at` timestamp must be between 30 minutes and 24 hours.")
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
            "metadata": _nested(params, "metadata"),
            "payment_intent": None,
            "success_url": params["success_url"],
            "cancel_url": params["cancel_url"],
            "expires_at": expires,
            "url": f"{self.address}/pay/{key}",
            "_intent": _nested(params, r"payment_intent_data\[metadata\]"),
        }
        return 200, self.sessions[key]

    def _intent_of(self, session: dict[str, Any]) -> dict[str, Any]:
        key = session["payment_intent"] or f"pi_{next(self._numbers)}"
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

    def _expanded(self, session: dict[str, Any]) -> dict[str, Any]:
        return {**session, "payment_intent": self.intents.get(session["payment_intent"] or "")}

    def _with_charge(self, intent: dict[str, Any]) -> dict[str, Any]:
        return {**intent, "latest_charge": self._charge(intent["id"])}

    def _charge(self, intent_id: str) -> dict[str, Any]:
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

    def _cancel(self, intent: dict[str, Any]) -> tuple[int, Any]:
        if intent["status"] in ("succeeded", "canceled", "processing"):
            return _refuse("You cannot cancel this PaymentIntent.")
        intent["status"] = "canceled"
        self.tell("payment_intent.canceled", intent)
        return 200, intent

    def _refund(self, params: dict[str, str]) -> tuple[int, Any]:
        intent = self.intents[params["payment_intent"]]
        amount, left = int(params["amount"]), intent["amount_received"]
        left -= self._charge(intent["id"])["amount_refunded"]
        if amount > left:
            return _refuse("Refund amount is greater than unrefunded amount on charge")
        key = f"re_{next(self._numbers)}"
        self.refunds[key] = {
            **fixture("refund"),
            "id": key,
            "object": "refund",
            "amount": amount,
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "status": self.faults.refund_status,
            "metadata": _nested(params, "metadata"),
        }
        self.tell("refund.created", self.refunds[key])
        self.tell("charge.refunded", self._charge(intent["id"]))
        return 200, self.refunds[key]

    # --- the payment page ------------------------------------------------------------------------------------

    def _page(self, request: Request, key: str) -> Response:
        session = self.sessions[key]
        problem = ""
        if request.method == "POST" and request.form["do"] == "decline":
            self.decline(key)
            problem = "<p role=alert>Your card was declined.</p>"
        elif request.method == "POST":
            if request.form["do"] == "pay" and session["status"] == "open":
                self.pay(key)
            back = session["success_url"] if request.form["do"] == "pay" else session["cancel_url"]
            return Response(status=303, headers={"Location": back})
        html = PAGE.format(
            amount=session["amount_total"], currency=session["currency"].upper(), problem=problem
        )
        return Response(html, mimetype="text/html")


def _refuse(message: str) -> tuple[int, Any]:
    return 400, {"error": {"type": "invalid_request_error", "message": message}}


def _missing() -> tuple[int, Any]:
    error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such thing"}
    return 404, {"error": error}


def _list(things: dict[str, dict[str, Any]]) -> tuple[int, Any]:
    newest_first = list(reversed(list(things.values())))
    return 200, {"object": "list", "data": newest_first, "has_more": False, "url": "/v1"}


def _nested(params: dict[str, str], prefix: str) -> dict[str, str]:
    found = {re.fullmatch(rf"{prefix}\[(\w+)\]", name): value for name, value in params.items()}
    return {match[1]: value for match, value in found.items() if match is not None}


@contextmanager
def running_stripe() -> Iterator[FakeStripe]:
    """Run a Stripe on a free port of 127.0.0.1 until the block ends."""
    fake = FakeStripe()
    server = make_server("127.0.0.1", 0, fake, threaded=True)
    server.daemon_threads = True
    fake.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
