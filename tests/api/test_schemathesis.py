"""Generated requests, valid and invalid: every response must match the OpenAPI document.

Schemathesis makes the requests: examples, bounds, random values, and chains of calls by the links of the document. In
the suite they are the same each time; LOCKSTEP_SCHEMATHESIS=20 tries twenty times as many, others each time.
"""

import contextvars
import os
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, PhaseFinished, ScenarioFinished
from schemathesis.transport.wsgi import WSGITransport

from commerce.tenants.models import Shop
from tests.factories.api_clients import make_program, new_key, order_body
from tests.factories.shop import make_product
from tests.support.invariants import broken_invariants

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TIMES = int(os.environ.get("LOCKSTEP_SCHEMATHESIS", "1"))
EXAMPLES = 4
SECONDS = 40
ANSWERS_TO_VALID = ["2xx", "3xx", "400", "403", "404", "409", "422"]
"""A request that fits its schema may still be refused: the product does not exist, a postcode is none of that country,
an amount has more decimals than the currency. Schemas do not know the shop."""


def test_every_response_matches_the_document(app: Flask, in_shop: Shop) -> None:
    program = make_program(app)
    make_product("Wireless Mouse", price=2999, sku="PRD-001", stock=100_000)
    for _ in range(2):
        assert program.post("/api/orders", order_body(("PRD-001", 1))).status_code == 201
    schema = schemathesis.openapi.from_wsgi(
        "/api/openapi.json", _on_its_own(app), config=_config(program.key), base_url="http://demo.localhost"
    )
    events = list(from_schema(schema).execute())
    assert not (found := list(dict.fromkeys(_failures(events)))), "\n\n".join(found)
    tested = {event.phase.name.name for event in events if isinstance(event, PhaseFinished)}
    assert {"EXAMPLES", "COVERAGE", "FUZZING", "STATEFUL_TESTING"} <= tested
    assert broken_invariants() == []


def _config(key: str) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            **({"seed": 1} if TIMES == 1 else {}),
            "max-time": SECONDS * TIMES,
            "headers": {
                "Authorization": f"Bearer {key}",
                "Host": "demo.localhost",
                "Accept-Encoding": "identity",
            },
            "generation": {"max-examples": EXAMPLES * TIMES, "deterministic": TIMES == 1, "no-shrink": True},
            "checks": {"positive_data_acceptance": {"expected-statuses": ANSWERS_TO_VALID}},
        }
    )


def _on_its_own(app: Flask) -> Any:
    """Return the app for requests that share nothing with the test, which has entered a shop."""

    def call(environ: Any, start_response: Any) -> Iterable[bytes]:
        found: Iterable[bytes] = contextvars.Context().run(app, environ, start_response)
        return found

    return call


@pytest.fixture(autouse=True)
def without_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send each request with a key of its own, and without what is about sockets.

    Schemathesis 4.32 hands that on to the client of an app in its own process, too, which does not know it.
    """
    send = WSGITransport.send

    def send_in_process(self: WSGITransport, case: Any, **kwargs: Any) -> Any:
        for name in ("max_redirects", "verify", "cert", "proxies"):
            kwargs.pop(name, None)
        if len((case.headers or {}).get("Idempotency-Key", "")) >= 16:
            # A key that was used before may answer of something that was removed since.
            case.headers["Idempotency-Key"] = new_key()
        return send(self, case, **kwargs)

    monkeypatch.setattr(WSGITransport, "send", send_in_process)


def _failures(events: Iterable[Any]) -> Iterator[str]:
    for event in events:
        if isinstance(event, FatalError):
            raise event.exception
        if isinstance(event, NonFatalError):
            yield f"{event.label}: {event.value!r}"
        if isinstance(event, ScenarioFinished):
            for checks in event.recorder.checks.values():
                for check in checks:
                    if check.failure_info is not None:
                        told = check.failure_info
                        what = f"{event.phase.name} {event.label} {check.name}"
                        yield f"{what}: {told.failure.message}\n{told.code_sample}"
