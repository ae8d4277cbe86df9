"""No response of the API, and no webhook, shows a secret of a customer, of staff or of the shop."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Column, String, select, update
from werkzeug.test import TestResponse

import commerce.models  # noqa: F401 - registers every table
from commerce.accounts.email_tokens import request_token
from commerce.accounts.invitations import invite
from commerce.accounts.scopes import SCOPES
from commerce.api.operation import OPERATIONS
from commerce.db import Base, atomic, db
from commerce.encryption import seal
from commerce.events.models import Event
from commerce.events.outbox import SYSTEM
from commerce.orders.models import Order
from commerce.payments.models import PaymentMethod
from commerce.pricing.models import Coupon
from commerce.tenants.models import Shop
from commerce.webhooks.models import WebhookEndpoint
from commerce.webhooks.payloads import body_of, public_name
from commerce.webhooks.services import rotate_secret
from tests.api.example_requests import send_every_example
from tests.factories.api_clients import Program, make_program
from tests.factories.members import make_member, sign_in_member
from tests.factories.orders import BOB
from tests.factories.staff import make_enrolled
from tests.support.client import ShopClient

SECRET_NAME = re.compile("token|secret|hash|sealed|password")
GATEWAY_SECRET = "sk_test_canaryCanaryCanary"


@dataclass
class OneScope(Program):
    """An API client with one key per operation, which has the scope of that operation and no other."""

    keys: dict[str, str] = field(default_factory=dict)
    responses: dict[str, str] = field(default_factory=dict)
    scopes: set[str] = field(default_factory=set)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request with the narrowest key that it needs, and record the response."""
        endpoint, _ = self.app.url_map.bind(self.host).match(path.partition("?")[0], method=method)
        scope = self.app.view_functions[endpoint].scope  # type: ignore[attr-defined]
        if scope in SCOPES:
            self.scopes.add(scope)
            # To mark an order as paid is to record a payment, which is a scope of its own.
            self.key = self.keys["payments:write" if endpoint == "api.change_order_status" else scope]
        answer = super().call(method, path, body, **headers)
        self.responses[f"{method} {path} {len(self.responses)}"] = f"{answer.text} {answer.headers}"
        return answer


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> OneScope:
    keys = {scope: make_program(app, [scope]).key for scope in SCOPES}
    return OneScope(app, "", keys=keys | {"payments:write": make_program(app, PAYING).key})


PAYING = ("payments:write", "orders:write")


def test_no_response_and_no_webhook_shows_a_secret(
    client: ShopClient, in_shop: Shop, program: OneScope
) -> None:
    fill_with_secrets(client)
    send_every_example(program)
    cart = program.post("/api/carts", {"items": [{"productCode": "PRD-001", "quantity": 1}]}).json["cartId"]
    rotate_secret(db.session.scalars(select(WebhookEndpoint.id)).one())
    for path in readable(cart):
        answer = program.get(path)
        assert answer.status_code == 200, (path, answer.text)
    assert program.scopes == set(SCOPES)
    texts = program.responses | webhook_bodies(in_shop)
    found = secrets()
    assert [column for column, values in found.items() if not values] == []
    for column, values in found.items():
        for where, text in texts.items():
            assert [value for value in values if value in text] == [], (column, where)


def fill_with_secrets(client: ShopClient) -> None:
    """Put a row into each table that holds secrets and that no example fills."""
    make_enrolled()
    member_id = make_member()
    assert sign_in_member(client).status_code == 303
    invite("bob@shop.test", "support", BOB)
    ask_for_password(member_id)


@atomic
def ask_for_password(member_id: uuid.UUID) -> None:
    request_token(SYSTEM, "reset_member", "ann@example.com", member_id)
    db.session.execute(update(PaymentMethod).values(sealed_secrets=seal().close(GATEWAY_SECRET)))


def readable(cart: str) -> Iterator[str]:
    """Yield the URL of every GET operation, of those on an order once for each order."""
    endpoint = str(db.session.scalars(select(WebhookEndpoint.id)).one())
    orders = db.session.scalars(select(Order.code)).all()
    assert len(orders) > 4
    coupon = db.session.scalars(select(Coupon.code)).first()
    db.session.close()
    values = {"cart_id": cart, "endpoint_id": endpoint, "product_code": "PRD-001", "sku": "PRD-001"}
    for each in OPERATIONS:
        codes = (
            orders if each.rule.startswith("/orders/") else [coupon if "coupon" in each.rule else "PRD-001"]
        )
        if each.method == "GET":
            for code in codes if "<code>" in each.rule else codes[:1]:
                named = {**values, "code": code}
                yield "/api" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(named[match[1]]), each.rule)  # noqa: B023


def webhook_bodies(shop: Shop) -> dict[str, str]:
    events = db.session.scalars(select(Event)).all()
    return {
        f"webhook {event.type} {event.id}": json.dumps(body_of(event, shop.code))
        for event in events
        if public_name(event.type)
    }


def secrets() -> dict[str, list[str]]:
    """Return table.column -> every value of each column of a shop that holds a secret, or what one is found by."""
    found: dict[str, list[str]] = {}
    for table in Base.metadata.sorted_tables:
        for column in table.columns if "tenant_id" in table.columns else ():
            if is_secret(column):
                values = db.session.scalars(select(column).where(column.is_not(None), column != "")).all()
                found[f"{table.name}.{column.name}"] = [str(value) for value in values]
    db.session.close()
    return {**found, "the gateway": [GATEWAY_SECRET]}


def is_secret(column: Column[Any]) -> bool:
    return bool(SECRET_NAME.search(column.name)) and isinstance(column.type, String)
