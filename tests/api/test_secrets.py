"""No response of the API, and no webhook, shows a secret of a customer, of staff or of the shop."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from commerce.accounts.scopes import SCOPES
from commerce.api.operation import OPERATIONS
from commerce.catalog.collections import CollectionValues, create_collection
from commerce.db import db
from commerce.events.models import Event
from commerce.orders.models import Order
from commerce.pricing.models import Coupon
from commerce.tenants.models import Shop
from commerce.webhooks.models import WebhookEndpoint
from commerce.webhooks.payloads import body_of, public_name
from commerce.webhooks.services import rotate_secret
from tests.api.example_requests import send_every_example
from tests.factories.api_clients import Program, make_program
from tests.support.client import ShopClient
from tests.support.secret_columns import fill_with_secrets, secrets


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
    create_collection(CollectionValues("All", kind="chosen"))
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
                named = {**values, "code": "all" if each.rule.startswith("/collections/") else code}
                yield "/api" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(named[match[1]]), each.rule)  # noqa: B023


def webhook_bodies(shop: Shop) -> dict[str, str]:
    events = db.session.scalars(select(Event)).all()
    return {
        f"webhook {event.type} {event.id}": json.dumps(body_of(event, shop.code))
        for event in events
        if public_name(event.type)
    }
