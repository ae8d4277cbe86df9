"""No page of the admin shows a secret to any role: no customer's link, session, token, hash or sealed key."""

import uuid

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.accounts import sessions
from commerce.accounts.permissions import ROLES
from commerce.accounts.scopes import SCOPES
from commerce.accounts.sessions import STAFF, Device
from commerce.accounts.views import COOKIE
from commerce.db import atomic, db
from commerce.events.models import Event
from commerce.notifications.mail_types import MAILS
from commerce.orders.masking import MASK
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from tests.api.example_requests import send_every_example
from tests.factories.api_clients import make_program
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.factories.staff import make_staff
from tests.notifications.orders import work
from tests.notifications.outgoing import Post, text_of
from tests.security.walk import Walk
from tests.support.client import ShopClient
from tests.support.secret_columns import fill_with_secrets, secrets
from tests.support.visitor import Page, Visitor


def signed_in(app: Flask, shop: Shop, role: str) -> Visitor:
    staff_id: uuid.UUID = make_staff(role, email=f"{uuid.uuid4().hex}@shop.test")
    visitor = Visitor(app)
    visitor.client.set_cookie(
        COOKIE, atomic(sessions.begin)(STAFF, staff_id, Device()), domain=shop.host, path="/admin"
    )
    return visitor


def markup(page: Page) -> str:
    return str(page.response.get_data(as_text=True))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_page_of_the_admin_shows_a_secret_to_any_role(
    app: Flask, client: ShopClient, in_shop: Shop
) -> None:
    fill_with_secrets(client)
    send_every_example(make_program(app, SCOPES))
    codes = list(db.session.scalars(select(Order.code)))
    db.session.close()
    asked = [f"/admin/orders/{code}{rest}" for code in codes for rest in ("", "/customer-view")]
    asked += [f"/admin/mails/{name}{html}?order={codes[0]}" for name in MAILS for html in ("", "/html")]
    pages = {}
    for role in ROLES:
        visitor = signed_in(app, in_shop, role)
        walk = Walk(app, visitor.client).start("/admin/")
        answers = {**walk.answers, **{path: visitor.client.get(path) for path in asked}}
        pages |= {f"{role} {path}": f"{answer.headers}{answer.text}" for path, answer in answers.items()}
    assert len(pages) > 200
    found = secrets()
    assert found["orders.token"]
    for column, values in found.items():
        assert [where for where, text in pages.items() if any(value in text for value in values)] == [], (
            column
        )


def test_staff_see_the_page_of_the_customer_and_cannot_act_on_it(app: Flask, in_shop: Shop) -> None:
    tea = make_product("Tea", stock=9)
    for order in (make_order((tea, 1)), make_order((tea, 1), payment_method="card")):
        staff = signed_in(app, in_shop, "readonly")
        assert "View as customer" in staff.get(f"/admin/orders/{order.code}").text
        shown = staff.get(f"/admin/orders/{order.code}/customer-view")
        assert "What you ordered" in shown.text
        assert f"/orders/{MASK}" not in markup(shown)
        assert 'method="post"' not in markup(shown)
        assert f"/orders/{order.token}" not in markup(shown)


def test_the_link_is_mailed_to_the_customer_alone(app: Flask, in_shop: Shop) -> None:
    order = make_order((make_product("Tea"), 1))
    address = f"/admin/orders/{order.code}/customer-link"
    assert signed_in(app, in_shop, "readonly").post(address, {}).status_code == 403
    work()
    post = Post(app.config["LOCKSTEP"].var / "mail")
    support = signed_in(app, in_shop, "support")
    for _ in range(4):
        assert support.post(address, {}).status_code == 303
    wanted = db.session.scalars(select(Event).where(Event.type == "OrderLinkWanted")).all()
    assert len(wanted) == 3
    work()
    assert {str(mail["To"]) for mail in post.mails} == {"ann@example.com"}
    assert all(order.token in text_of(mail) for mail in post.mails)
