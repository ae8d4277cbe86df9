"""Races need as many connections as there are racers."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope


@pytest.fixture
def arena(varied: Callable[..., Flask], shop: Shop) -> Iterator[Flask]:
    """An app with 50 connections, entered, with Alice's shop open."""
    app = varied(web_threads=50)
    with app.app_context(), shop_scope(shop):
        yield app
