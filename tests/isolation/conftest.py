"""Two shops, one of them full of canaries, and the application that is asked about them."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from commerce import db as database
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.isolation.canaries import fill_shop
from tests.isolation.charlie import Charlie


@pytest.fixture
def probed(make_app: Callable[..., Flask]) -> Flask:
    """The application, with the forms' tokens not asked for: what is behind them shall be reached."""
    app = make_app(worker_thread=False)
    app.config.update(WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=False)
    return app


@pytest.fixture
def charlie(app: Flask, other_shop: Shop) -> Charlie:
    """Charlie's shop, a canary in every text."""
    with app.app_context(), shop_scope(other_shop):
        return Charlie(other_shop, fill_shop())


@pytest.fixture
def without_the_filter() -> Iterator[None]:
    """The session asks for no shop: what is left is row security."""
    event.remove(Session, "do_orm_execute", database._only_this_tenant)
    yield
    event.listen(Session, "do_orm_execute", database._only_this_tenant)
