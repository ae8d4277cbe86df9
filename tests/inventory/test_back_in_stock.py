"""Somebody waits for a sold-out product: one wish, one mail when it is back, and then nobody knows his address."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce import clock
from commerce.db import _as_tenant, atomic, db
from commerce.errors import InvalidValue, NotFound
from commerce.event_handlers import make_relay
from commerce.events.models import Event
from commerce.events.outbox import Actor
from commerce.inventory.adjustments import book_count
from commerce.inventory.back_in_stock import find_back_in_stock, notify_subscribers, subscribe_back_in_stock
from commerce.inventory.models import MOST_ALERTS, StockAlert, StockItem
from commerce.orders.models import Order
from commerce.orders.services import cancel_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.worker import expire_unpaid_orders, jobs, send_back_in_stock_alerts
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, change_stock, make_product, stop_selling
from tests.notifications.outgoing import Post, html_of, text_of
from tests.support.client import ShopClient
from tests.support.statements import count_statements
from tests.support.visitor import Visitor

BOB = Actor("staff", name="Bob")
ANN = Actor("guest", name="ann@example.com")


@pytest.fixture
def post(app: Flask, in_shop: Shop) -> Post:
    return Post(app.config["LOCKSTEP"].var / "mail")


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    """Sold out."""
    return make_product("Green tea", stock=0)


def work() -> int:
    """Do what the worker does in a few seconds and return how many wishes it answered."""
    with _as_tenant(None, every=False):  # a worker has not entered any shop
        sent = send_back_in_stock_alerts()
        make_relay().run_until_idle()
    return sent


def wishes() -> list[str]:
    db.session.close()
    found = list(db.session.scalars(select(StockAlert.email).order_by(StockAlert.id)))
    db.session.close()
    return found


# --- the form ---------------------------------------------------------------------------------------


def test_a_visitor_without_javascript_asks_and_is_written_to_once(
    app: Flask, in_shop: Shop, tea: Sold, post: Post
) -> None:
    page = Visitor(app).get(tea.path)
    assert "Notify me when it's back in stock" in page.text
    answer = page.form("Notify me").fill({"Email": "Eve@Example.com"}).send()
    assert answer.status == 200
    assert "We'll email Eve@example.com when it's back in stock." in answer.text
    assert wishes() == ["eve@example.com"]
    assert work() == 0
    change_stock(tea, 5)
    assert work() == 1
    assert post.letters == [("eve@example.com", "Green tea is back in stock")]
    (mail,) = post.mails
    link = "http://demo.localhost:5000/products/green-tea?variant=GREEN-TEA"
    assert link in text_of(mail)
    assert f'href="{link}"' in html_of(mail)
    assert wishes() == []
    assert work() == 0
    assert len(post.mails) == 1


def test_a_second_request_gets_the_same_answer_and_is_the_same_request(app: Flask, tea: Sold) -> None:
    answers = []
    for _ in range(2):
        form = Visitor(app).get(tea.path).form("Notify me")
        answers.append(form.fill({"Email": "eve@example.com"}).send().text)
    assert answers[0] == answers[1]
    assert wishes() == ["eve@example.com"]


@pytest.mark.parametrize(
    "typed", ["", "nobody", "a@b\nBcc: c@example.com", "x" * 250 + "@example.com", "é@example.com"]
)
def test_what_is_no_address_is_said_at_its_field(app: Flask, tea: Sold, typed: str) -> None:
    visitor = Visitor(app)
    page = visitor.get(tea.path).form("Notify me").fill({"Email": typed}).send()
    assert page.status == 422
    assert page.error_at("email")
    assert page.form("Notify me").values["email"] == (typed if typed.isprintable() else "")
    assert wishes() == []


def test_htmx_gets_the_form_alone(client: ShopClient, app: Flask, tea: Sold) -> None:
    visitor = Visitor(app)
    htmx = {"HX-Request": "true"}
    path, wish = f"{tea.path}/alerts", {"variant_id": str(tea.variant_id)}
    refused = visitor.post(path, {**wish, "email": "nobody"}, headers=htmx)
    assert refused.status_code == 422
    assert refused.get_data(as_text=True).lstrip().startswith('<section class="alert"')
    kept = visitor.post(path, {**wish, "email": "eve@example.com"}, headers=htmx)
    assert kept.status_code == 200
    assert "eve@example.com when it" in kept.get_data(as_text=True)
    assert "<form" not in kept.get_data(as_text=True)
    assert "no-store" in kept.headers["Cache-Control"]


def test_without_its_token_the_form_is_refused(client: ShopClient, tea: Sold) -> None:
    wish = {"variant_id": str(tea.variant_id), "email": "eve@example.com"}
    assert client.post(f"{tea.path}/alerts", data=wish).status_code == 400
    assert wishes() == []


def test_what_is_there_already_is_not_waited_for(app: Flask, tea: Sold) -> None:
    form = Visitor(app).get(tea.path).form("Notify me")
    change_stock(tea, 1)
    assert "It's back in stock" in form.fill({"Email": "eve@example.com"}).send().text
    assert wishes() == []


@pytest.mark.parametrize("variant_id", ["", "x", str(uuid.UUID(int=1))])
def test_a_variant_of_nobody_is_not_found(app: Flask, tea: Sold, variant_id: str) -> None:
    wish = {"variant_id": variant_id, "email": "eve@example.com"}
    assert Visitor(app).post(f"{tea.path}/alerts", wish).status_code == 404


def test_charlies_variant_is_not_found_in_alices_shop(app: Flask, other_shop: Shop, tea: Sold) -> None:
    with shop_scope(other_shop):
        kite = make_product("Kite", stock=0)
    wish = {"variant_id": str(kite.variant_id), "email": "eve@example.com"}
    assert Visitor(app).post(f"{tea.path}/alerts", wish).status_code == 404
    with pytest.raises(NotFound):
        subscribe_back_in_stock(kite.variant_id, "eve@example.com")
    assert wishes() == []


# --- the limit --------------------------------------------------------------------------------------


def test_an_address_waits_for_twenty_products_and_no_more(app: Flask, in_shop: Shop) -> None:
    sold = [make_product(f"Tea {number}", stock=0) for number in range(MOST_ALERTS + 1)]
    for each in sold[:-1]:
        subscribe_back_in_stock(each.variant_id, "eve@example.com")
    with pytest.raises(InvalidValue):
        subscribe_back_in_stock(sold[-1].variant_id, "EVE@example.com")
    page = Visitor(app).get(sold[-1].path).form("Notify me").fill({"Email": "eve@example.com"}).send()
    assert page.status == 422
    assert "already on the list for 20 products" in page.error_at("email")
    subscribe_back_in_stock(sold[0].variant_id, "eve@example.com")
    subscribe_back_in_stock(sold[-1].variant_id, "bob@example.com")
    assert len(wishes()) == MOST_ALERTS + 1


# --- what brings units back -------------------------------------------------------------------------


def receive(tea: Sold) -> None:
    change_stock(tea, 1)


def count(tea: Sold) -> None:
    shelf = db.session.scalars(select(StockItem).where(StockItem.variant_id == tea.variant_id)).one()
    db.session.close()
    book_count(shelf.id, 3, seen_version=shelf.version, actor="Bob")


@pytest.mark.parametrize("come_in", [receive, count])
def test_units_that_come_in_are_announced(tea: Sold, post: Post, come_in: Callable[[Sold], None]) -> None:
    subscribe_back_in_stock(tea.variant_id, "eve@example.com")
    assert work() == 0
    come_in(tea)
    assert work() == 1
    assert [to for to, _ in post.letters if to.startswith("eve")] == ["eve@example.com"]


def cancel(order_id: uuid.UUID) -> None:
    cancel_order(order_id, ANN, reason="Changed my mind", seen_version=1)


def expire(order_id: uuid.UUID) -> None:
    @atomic
    def age() -> None:
        past = clock.now() - timedelta(minutes=1)
        db.session.execute(update(Order).where(Order.id == order_id).values(hold_expires_at=past))

    age()
    assert expire_unpaid_orders() == 1


@pytest.mark.parametrize("give_back", [cancel, expire])
def test_units_that_an_order_gives_back_are_announced(
    in_shop: Shop, post: Post, give_back: Callable[[uuid.UUID], None]
) -> None:
    tea = make_product("Green tea", stock=1)
    order = make_order((tea, 1))
    subscribe_back_in_stock(tea.variant_id, "eve@example.com")
    assert work() == 0
    give_back(order.id)
    assert work() == 1
    assert ("eve@example.com", "Green tea is back in stock") in post.letters


def test_what_is_not_sold_any_more_is_not_announced(tea: Sold, post: Post) -> None:
    subscribe_back_in_stock(tea.variant_id, "eve@example.com")
    stop_selling(tea)
    change_stock(tea, 1)
    assert work() == 0
    assert wishes() == ["eve@example.com"]


def test_everybody_who_waits_is_reported_and_each_shop_tells_its_own(
    app: Flask, in_shop: Shop, other_shop: Shop, tea: Sold, post: Post
) -> None:
    for name in ("ann", "eve"):
        subscribe_back_in_stock(tea.variant_id, f"{name}@example.com")
    with shop_scope(other_shop):
        kite = make_product("Kite", stock=0)
        subscribe_back_in_stock(kite.variant_id, "ken@example.com")
    change_stock(tea, 1)
    assert len(find_back_in_stock()) == 1
    assert work() == 2
    with shop_scope(other_shop):
        assert wishes() == ["ken@example.com"]
        change_stock(kite, 1)
    assert work() == 1
    assert sorted(to for to, _ in post.letters) == ["ann@example.com", "eve@example.com", "ken@example.com"]
    assert {str(mail["From"]) for mail in post.mails} == {
        "Alice's Tea <shop@localhost>",
        "Charlie's Kites <shop@localhost>",
    }


# --- once, and then forgotten -----------------------------------------------------------------------


def test_the_address_is_in_no_event(tea: Sold, post: Post) -> None:
    subscribe_back_in_stock(tea.variant_id, "eve@example.com")
    change_stock(tea, 1)
    assert notify_subscribers(tea.variant_id) == 1
    assert notify_subscribers(tea.variant_id) == 0
    event = db.session.scalars(select(Event).where(Event.type == "BackInStock")).one()
    assert event.payload == {"sku": tea.sku, "title": "Green tea", "options": "", "slug": "green-tea"}
    assert "eve@" not in repr(event.__dict__)
    db.session.close()
    assert wishes() == ["eve@example.com"], "until the mail is sent its address is needed"
    work()
    assert wishes() == []


def test_a_mail_that_cannot_be_sent_is_tried_again_and_keeps_its_address(
    tea: Sold, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no server")

    subscribe_back_in_stock(tea.variant_id, "eve@example.com")
    change_stock(tea, 1)
    with monkeypatch.context() as broken:
        broken.setattr("commerce.notifications.rendering.send", refuse)
        work()
    assert wishes() == ["eve@example.com"]
    assert post.mails == []


def test_they_can_request_again_after_they_was_notified(tea: Sold, post: Post) -> None:
    for _ in range(2):
        subscribe_back_in_stock(tea.variant_id, "eve@example.com")
        change_stock(tea, 1)
        assert work() == 1
        change_stock(tea, -1)
    assert len(post.letters) == 2


def test_an_idle_look_is_one_statement_and_part_of_the_worker(in_shop: Shop) -> None:
    with count_statements() as seen:
        assert send_back_in_stock_alerts() == 0
    assert len(seen) == 1, seen
    assert send_back_in_stock_alerts in [job.run for job in jobs()]
