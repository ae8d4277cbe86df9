"""Webhooks of a test: an app that may call this machine, and a program that listens."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask, current_app

from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.notifications.outgoing import Post
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Another program on this machine."""
    with receiving() as made:
        yield made


@pytest.fixture
def calling(varied: Callable[..., Flask], shop: Shop) -> Iterator[Shop]:
    """Alice's shop, entered, in an installation that may call private addresses."""
    app = varied(webhook_allow_private=True)
    with app.app_context(), shop_scope(shop) as entered:
        yield entered


@pytest.fixture
def post(calling: Shop) -> Post:
    """What that installation sends from now on."""
    return Post(current_app.config["LOCKSTEP"].var / "mail")
