"""Olga runs the installation; Alice's and Charlie's shops are in it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from commerce.platform.services import create_operator
from tests.factories.staff import PASSWORD, csrf_token
from tests.support.client import ShopClient

HOST = "platform.localhost"
OLGA = "olga@platform.test"
Post = Callable[..., Any]


def post(client: ShopClient, path: str, *, page: str = "/platform/account", **data: Any) -> Any:
    """Send a form with the token of a page."""
    return client.post(path, data={"csrf_token": csrf_token(client.get(page).text), **data})


@pytest.fixture
def stranger(app: Flask) -> ShopClient:
    """Somebody at the platform's host; Olga has an account there."""
    with app.app_context():
        create_operator(email=OLGA, name="Olga", password=PASSWORD)
    client = app.test_client(host=HOST)
    assert isinstance(client, ShopClient)
    return client


@pytest.fixture
def olga(stranger: ShopClient) -> ShopClient:
    """Olga, signed in."""
    answer = post(stranger, "/platform/sign-in", page="/platform/sign-in", email=OLGA, password=PASSWORD)
    assert answer.status_code == 303
    return stranger
