"""A small Stripe on 127.0.0.1: the endpoints that the shop uses, a payment page, signed messages, and faults on demand.

It honours Idempotency-Key as Stripe does: the same key with the same words gets the same answer, with other words a
refusal, and while the first one is still at it a conflict.
"""

import copy
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.fakes.stripe_account import SECRET_KEY, Account, refuse

PAGE = """<!doctype html><html lang="en"><title>Pay</title><h1>Pay {amount} {currency}</h1>
<form method="post"><button name="do" value="pay">Pay</button><button name="do" value="decline">Use a bad card</button>
<button name="do" value="cancel">Back</button></form>{problem}</html>"""


@dataclass
class FakeStripe(Account):
    """The account as programs and payers reach it over HTTP."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    _keys: dict[str, tuple[str, Any, tuple[int, Any] | None]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

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
            case ["POST", "payment_intents", key, "capture"] if key in self.intents:
                return self.capture_part(self.intents[key], params)
            case ["POST", "payment_intents", key, "cancel"] if key in self.intents:
                return self.cancel(self.intents[key])
            case ["GET", "refunds"]:
                wanted = request.args.get("payment_intent")
                return _list(
                    {key: each for key, each in self.refunds.items() if each["payment_intent"] == wanted}
                )
            case ["POST", "refunds"]:
                return self.refund(params)
        return _missing()

    def capture_part(self, intent: dict[str, Any], params: dict[str, str]) -> tuple[int, Any]:
        """Take a part of what was held and let the rest go; refuse what holds nothing."""
        if intent["status"] != "requires_capture":
            words = "This PaymentIntent could not be captured."
            return 400, {"error": {"type": "invalid_request_error", "message": words}}
        taken = int(params.get("amount_to_capture", intent["amount_capturable"]))
        intent.update(status="succeeded", amount_received=taken, amount_capturable=0)
        self.tell("payment_intent.succeeded", intent)
        return 200, intent

    def _do_session(self, asked: list[str], params: dict[str, str]) -> tuple[int, Any]:
        match asked:
            case ["POST"]:
                return self.create_session(params)
            case ["GET"]:
                return _list(self.sessions)
            case ["GET", key] if key in self.sessions:
                return 200, self._expanded(self.sessions[key])
            case ["POST", key, "expire"] if key in self.sessions:
                if self.sessions[key]["status"] != "open":
                    return refuse("This Session is not open.")
                self.expire(key)
                return 200, self.sessions[key]
        return _missing()

    def _expanded(self, session: dict[str, Any]) -> dict[str, Any]:
        return {**session, "payment_intent": self.intents.get(session["payment_intent"] or "")}

    def _with_charge(self, intent: dict[str, Any]) -> dict[str, Any]:
        return {**intent, "latest_charge": self.charge(intent["id"])}

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


def _missing() -> tuple[int, Any]:
    error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such thing"}
    return 404, {"error": error}


def _list(things: dict[str, dict[str, Any]]) -> tuple[int, Any]:
    newest_first = list(reversed(list(things.values())))
    return 200, {"object": "list", "data": newest_first, "has_more": False, "url": "/v1"}


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
