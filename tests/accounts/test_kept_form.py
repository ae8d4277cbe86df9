"""Whose session ends while they type signs in again, and what they typed goes on."""

from typing import Any

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from tests.factories.members import PASSWORD as MEMBER_PASSWORD
from tests.factories.members import make_member, sign_in_member
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.factories.staff import PASSWORD, make_staff
from tests.support.visitor import Page, Visitor

SIGN_IN = {"Email": "owner@shop.test", "Password": PASSWORD}


@pytest.fixture
def bob(app: Flask, in_shop: Shop) -> Visitor:
    make_staff("owner", name="Bob")
    visitor = Visitor(app)
    visitor.get("/admin/sign-in").form("Sign in").fill(SIGN_IN).send()
    return visitor


def typed_note(bob: Visitor) -> Page:
    """Type a note, lose the session, and send it."""
    make_product(sku="TEA-1")
    order = order_in("confirmed")
    form = bob.get(f"/admin/orders/{order.code}").form("Add note").fill({"Note": "Call before delivery"})
    bob.client.delete_cookie("staff", domain="demo.localhost", path="/admin")
    return form.send()


def test_a_note_typed_into_an_ended_session_is_saved_after_signing_in(bob: Visitor) -> None:
    asked = typed_note(bob)
    assert (asked.status, asked.heading) == (401, "Sign in")
    assert "What you entered is kept." in asked.text
    assert "Call before delivery" not in asked.response.text, "nobody reads it before signing in"
    refused = asked.form("Sign in").fill({**SIGN_IN, "Password": "wrong"}).send()
    assert refused.status == 422
    again = refused.form("Sign in").fill(SIGN_IN).send()
    assert again.heading == "You’re signed in again"
    saved = again.form("Continue").send()
    assert "Call before delivery" in saved.text
    assert saved.path.startswith("/admin/orders/")


def test_what_was_typed_goes_on_for_whoever_signed_in_and_only_where_it_was_sent(bob: Visitor) -> None:
    again = typed_note(bob).form("Sign in").fill(SIGN_IN).send()
    kept = again.form("Continue").values["kept_form"]
    assert bob.post("/admin/settings/shop", {"kept_form": kept}).status_code == 422
    changed = {"kept_form": kept[:-4] + "AAAA"}
    assert bob.post(again.form("Continue").action, changed).status_code == 422


def test_a_page_that_was_only_asked_for_is_shown_after_signing_in(bob: Visitor) -> None:
    bob.client.delete_cookie("staff", domain="demo.localhost", path="/admin")
    page = bob.get("/admin/stock").form("Sign in").fill(SIGN_IN).send()
    assert page.path == "/admin/stock"


def test_an_address_of_a_customer_is_kept_too(app: Flask, in_shop: Shop) -> None:
    mary: Any = Visitor(app)
    make_member("mary@example.com", "Mary Member")
    sign_in_member(mary.client, "mary@example.com")
    form = mary.get("/account/addresses/new").form("Save")
    form.fill({"Full name": "Mary Elsewhere"})
    mary.client.delete_cookie("member", domain="demo.localhost")
    asked = form.send()
    assert (asked.status, asked.heading) == (401, "Sign in")
    fields = {"Email": "mary@example.com", "Password": MEMBER_PASSWORD}
    refused = asked.form("Sign in").fill(fields).send().form("Continue").send()
    assert refused.status == 422, "the address has no street yet"
    assert "Mary Elsewhere" in refused.response.text
