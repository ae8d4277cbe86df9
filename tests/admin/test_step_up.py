"""What is dangerous asks who is there when the last proof is old, and goes on with what was asked."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from commerce import clock
from commerce.accounts.models import StaffSession
from commerce.db import db
from commerce.orders.queries import get_order
from commerce.tenants.models import Shop
from commerce.webhooks import queries as webhooks
from tests.admin.conftest import SignedIn
from tests.factories.checkout import make_order
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.factories.staff import PASSWORD, csrf_token, make_enrolled, post, sign_in
from tests.support.client import ShopClient

WEBHOOK = {"url": "https://example.com/hook", "description": "Secret & <plan>", "event_types": "order.placed"}


@pytest.fixture
def later() -> Iterator[time_machine.Traveller]:
    """A clock that stands still until the test moves it."""
    with time_machine.travel(clock.now(), tick=False) as now:
        yield now


def kept(page: str) -> str:
    found = re.search(r'name="kept" value="([^"]+)"', page)
    assert found, "the page asks for no proof"
    return html.unescape(found[1])


def prove(client: ShopClient, path: str, page: str, **typed: str) -> object:
    """Send the page that asked, with the password unless told otherwise."""
    data = {"csrf_token": csrf_token(page), "kept": kept(page), **(typed or {"password": PASSWORD})}
    return client.post(path, data=data)


def test_a_fresh_sign_in_is_proof_enough(signed_in: SignedIn, later: time_machine.Traveller) -> None:
    owner = signed_in("owner")
    later.shift(timedelta(minutes=29))
    assert post(owner, "/admin/webhooks", WEBHOOK).status_code == 303


def test_an_old_one_is_renewed_and_nothing_that_was_typed_is_lost(
    signed_in: SignedIn, later: time_machine.Traveller
) -> None:
    owner = signed_in("owner")
    later.shift(timedelta(minutes=31))
    asked = post(owner, "/admin/webhooks", WEBHOOK)
    assert asked.status_code == 403
    assert "Confirm it’s you" in asked.text
    assert "example.com" not in asked.text, "what was sent is sealed: a secret in it cannot be read"
    assert webhooks.list_endpoints() == []
    wrong = prove(owner, "/admin/webhooks", asked.text, password="wrong password")
    assert wrong.status_code == 422
    assert "The password is incorrect." in wrong.text
    assert webhooks.list_endpoints() == []
    done = prove(owner, "/admin/webhooks", wrong.text)
    assert done.status_code == 303
    db.session.close()
    (made,) = webhooks.list_endpoints()
    assert (made.url, made.description, made.event_types) == (
        WEBHOOK["url"],
        WEBHOOK["description"],
        ["order.placed"],
    )
    assert post(owner, f"/admin/webhooks/{made.id}/secret").status_code == 303, "that counts for half an hour"


def test_money_is_dangerous_and_packing_is_not(signed_in: SignedIn, later: time_machine.Traveller) -> None:
    order = make_order((make_product(stock=5), 1))
    boss = signed_in("manager")
    later.shift(timedelta(minutes=31))
    fields = {"version": str(get_order(order.id).version), "amount": "15.00", "reference": "cash"}
    address = f"/admin/orders/{order.code}"
    asked = post(boss, f"{address}/payment", fields)
    assert asked.status_code == 403
    assert get_order(order.id).status == "pending"
    assert post(boss, f"{address}/notes", {"text": "Ring twice"}).status_code == 303
    for path in ("receipts", "credits", "surplus-refund", "refund"):
        assert "Confirm it’s you" in post(boss, f"{address}/{path}", fields).text
    done = prove(boss, f"{address}/payment", asked.text)
    assert done.status_code == 303
    db.session.close()
    assert get_order(order.id).status != "pending"


@pytest.mark.parametrize("status", ["pending", "confirmed"])
def test_cancelling_asks_when_money_goes_back(
    signed_in: SignedIn, later: time_machine.Traveller, status: str
) -> None:
    make_product("Tea", stock=5)
    order = order_in(status, sku="TEA")
    boss = signed_in("manager")
    later.shift(timedelta(minutes=31))
    fields = {"version": str(order.version), "reason": "Sold out", "step": "preview"}
    asked = post(boss, f"/admin/orders/{order.code}/cancellation", fields)
    paid = order.payment_status == "paid"
    assert paid == (status == "confirmed")
    assert (asked.status_code, "Confirm it’s you" in asked.text) == ((403, True) if paid else (200, False))


def test_with_a_second_factor_its_code_is_asked_for(
    client: ShopClient, in_shop: Shop, later: time_machine.Traveller
) -> None:
    codes: list[str] = []
    secret = make_enrolled(codes)
    sign_in(client)
    page = client.get("/admin/sign-in/code").text
    client.post("/admin/sign-in/code", data={"csrf_token": csrf_token(page), "otp": codes[0]})
    later.shift(timedelta(minutes=31))
    asked = post(client, "/admin/webhooks", WEBHOOK)
    assert prove(client, "/admin/webhooks", asked.text).status_code == 422, "the password is not enough"
    otp = pyotp.TOTP(secret).at(clock.now())
    assert prove(client, "/admin/webhooks", asked.text, otp=otp).status_code == 303


def test_a_file_to_take_away_asks_too_and_then_comes(
    signed_in: SignedIn, later: time_machine.Traveller
) -> None:
    owner = signed_in("owner")
    later.shift(timedelta(minutes=31))
    asked = owner.get("/admin/audit.csv?action=sign_in")
    assert asked.status_code == 403
    done = prove(owner, "/admin/proof", asked.text)
    assert (done.status_code, done.location) == (303, "/admin/audit.csv?action=sign_in")
    assert owner.get(done.location).mimetype == "text/csv"


def test_what_was_kept_is_good_only_here_for_this_session_and_for_a_while(
    app: Flask, signed_in: SignedIn, later: time_machine.Traveller
) -> None:
    owner, other = signed_in("owner"), signed_in("owner")
    later.shift(timedelta(minutes=31))
    asked = post(owner, "/admin/webhooks", WEBHOOK).text
    foreign = post(other, "/admin/webhooks", {**WEBHOOK, "url": "https://evil.example/"}).text
    token = csrf_token(asked)
    for path, carried in (
        ("/admin/webhooks", kept(foreign)),
        ("/admin/webhooks", "nonsense"),
        ("/admin/staff/invitations", kept(asked)),
    ):
        data = {"csrf_token": token, "kept": carried, "password": PASSWORD}
        assert owner.post(path, data=data).status_code == 422
    later.shift(timedelta(minutes=31))
    assert prove(owner, "/admin/webhooks", asked).status_code == 422
    assert webhooks.list_endpoints() == []


def test_a_proof_without_a_form_token_changes_nothing(
    signed_in: SignedIn, later: time_machine.Traveller
) -> None:
    owner = signed_in("owner")
    later.shift(timedelta(minutes=31))
    asked = post(owner, "/admin/webhooks", WEBHOOK).text
    data = {"kept": kept(asked), "password": PASSWORD}
    assert owner.post("/admin/webhooks", data=data).status_code == 400
    assert webhooks.list_endpoints() == []
    proven = db.session.scalars(select(StaffSession.proven_at)).one()
    assert clock.now() - proven > timedelta(minutes=30)


def test_who_may_not_do_it_is_not_asked_for_a_proof(
    signed_in: SignedIn, later: time_machine.Traveller
) -> None:
    rita = signed_in("readonly")
    later.shift(timedelta(minutes=31))
    refused = post(rita, "/admin/webhooks", WEBHOOK)
    assert refused.status_code == 403
    assert "Only owner and manager can do this." in refused.text


def test_htmx_gets_the_question_in_the_place_of_the_page(
    signed_in: SignedIn, later: time_machine.Traveller
) -> None:
    order = make_order((make_product(stock=5), 1))
    boss = signed_in("manager")
    later.shift(timedelta(minutes=31))
    asked = post(boss, f"/admin/orders/{order.code}/credits", {"version": "1"}, htmx=True)
    assert asked.headers["HX-Retarget"] == "#main"
    assert "<html" not in asked.text
    assert kept(asked.text)
