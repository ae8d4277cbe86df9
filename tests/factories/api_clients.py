"""Programs with a key of the shop that the test has entered, and what they send."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from commerce.accounts.api_clients import create_client, issue_key
from commerce.accounts.scopes import SCOPES
from tests.factories.api_contract import contract_of
from tests.support.client import ShopClient

ADDRESS = {"street": "123 Main St", "city": "Tokyo", "postalCode": "100-0001", "country": "JP"}
"""The address of the MBC example."""


@dataclass
class Program:
    """A program at a shop's door: its methods send JSON with its key."""

    app: Flask
    key: str
    host: str = "demo.localhost"
    client_id: uuid.UUID | None = None
    _client: ShopClient | None = field(default=None, repr=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request and return the answer; `headers` are written with underscores.

        The document of the API must know both.
        """
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else (body if isinstance(body, (str, bytes)) else json.dumps(body))
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        client = self.app.test_client(use_cookies=False, host=self.host)
        answer = client.open(path, method=method, data=data, headers=sent)
        contract_of(self.app).hold(body, answer)
        return answer

    def get(self, path: str, **headers: str) -> TestResponse:
        """Ask."""
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, *, key: str | None = "", **headers: str) -> TestResponse:
        """Do something once: with a new idempotency key, with the one that is given, or with none (None)."""
        if key is not None:
            headers["Idempotency_Key"] = key or new_key()
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> TestResponse:
        """Change something."""
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        """Delete something."""
        return self.call("DELETE", path, **headers)


def new_key() -> str:
    """Return a fresh idempotency key."""
    return str(uuid.uuid4())


def make_program(
    app: Flask, scopes: Iterable[str] = tuple(SCOPES), *, name: str = "", host: str = "demo.localhost"
) -> Program:
    """Let a program into the shop that the test has entered; it may do everything that `scopes` say."""
    client_id = create_client(name or f"Program {uuid.uuid4().hex[:8]}", by="Alice")
    key = issue_key(client_id, scopes=list(scopes), by="Alice")
    return Program(app, key, host, client_id)


def order_body(*items: tuple[str, int], **more: Any) -> dict[str, Any]:
    """Return what to send for an order of (product code, units), paid by bank transfer."""
    return {
        "customerId": "CUST-001",
        "email": "alice@example.com",
        "items": [{"productCode": code, "quantity": units} for code, units in items],
        "shippingAddress": {"name": "Alice", **ADDRESS},
        "paymentMethod": "bank_transfer",
        **more,
    }
