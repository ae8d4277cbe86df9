"""Mails to members."""

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from tests.notifications.outgoing import Post


@pytest.fixture
def post(app: Flask, in_shop: Shop) -> Post:
    """What Alice's shop sends from now on."""
    return Post(app.config["LOCKSTEP"].var / "mail")
