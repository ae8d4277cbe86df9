"""A connection to the database that dies in the middle of a page is a pause, and the page that says so needs none."""

from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from commerce.cart import views as cart_views
from commerce.cart.services import new_shopper_key
from commerce.db import db
from commerce.settlement import webhooks
from commerce.tenants.models import Shop
from tests.support.client import ShopClient


def away(*_: Any) -> int:
    raise OperationalError("SELECT", {}, Exception("the database is away"))


def test_the_page_that_says_so_asks_the_database_nothing(
    shop: Shop, client: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.set_cookie("cart", new_shopper_key(), domain="demo.localhost")
    monkeypatch.setattr(cart_views, "count_units", away)  # the head of every page shows that count
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "cannot answer right now" in answer.text
    assert 'href="/cart"' in answer.text


def test_a_page_that_is_made_goes_out_when_the_database_leaves_at_the_end(
    shop: Shop, client: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "hosted_settings", away)  # which payment pages a form may lead to
    answer = client.get("/orders/none")
    assert answer.status_code == 404
    assert "form-action 'self';" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_died_is_given_back_without_a_word_and_replaced(in_shop: Shop, app: Flask) -> None:
    mine = db.session.connection().connection.driver_connection
    assert isinstance(mine, psycopg.Connection)
    pid = mine.info.backend_pid
    with db.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with pytest.raises(psycopg.OperationalError):
        mine.execute("SELECT 1")  # as `engine.database_state` does, so SQLAlchemy does not know that it died
    db.session.close()
    assert db.session.scalar(text("SELECT pg_backend_pid()")) != pid
