"""Everybody's own page: name, password, browsers, second factor; and the code after the password."""

import re
from datetime import timedelta

import pyotp
import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from commerce import clock
from commerce.accounts.models import StaffMember, StaffSession
from commerce.db import db
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.staff import PASSWORD, csrf_token, make_enrolled, make_staff, post, sign_in
from tests.support.client import ShopClient

HERE = "/admin/account"
FACTOR = "/admin/account/second-factor"
NEW = "another battery horse"


def send(client: ShopClient, path: str, page: str = HERE, **data: str) -> object:
    return client.post(path, data={"csrf_token": csrf_token(client.get(page).text), **data})


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found
    return found[1]


@pytest.mark.parametrize("role", ["owner", "readonly"])
def test_everybody_has_the_page_and_renames_himself(signed_in: SignedIn, role: str) -> None:
    client = signed_in(role, name="Rita")
    assert send(client, f"{HERE}/name", name=" Rita R. ").status_code == 303
    assert "Rita R." in client.get(HERE).text
    refused = send(client, f"{HERE}/name", name=" ")
    assert refused.status_code == 422
    assert "Enter your name." in refused.text


def test_a_new_password_takes_the_present_one_and_signs_the_others_out(
    app: Flask, client: ShopClient, in_shop: Shop
) -> None:
    make_staff()
    sign_in(client)
    other = app.test_client(host=in_shop.host)
    sign_in(other)
    for present, new, said in (
        ("wrong password", NEW, "is incorrect"),
        (
            PASSWORD,
            "password1234",
            "This password is too easy to guess.",
        ),
        (PASSWORD, "short", "12 to 1024"),
        ("", "", "Choose a password."),
    ):
        refused = send(client, f"{HERE}/password", present_password=present, password=new)
        assert refused.status_code == 422
        assert said in refused.text
        assert 'id="error-summary"' in refused.text
    assert other.get("/admin/orders").status_code == 200
    assert send(client, f"{HERE}/password", present_password=PASSWORD, password=NEW).status_code == 303
    assert client.get("/admin/orders").status_code == 200
    assert other.get("/admin/orders").status_code == 303
    assert sign_in(other, password=PASSWORD).status_code == 422
    assert sign_in(other, password=NEW).status_code == 303


def test_browsers_are_listed_and_signed_out(app: Flask, client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    sign_in(client)
    others = [app.test_client(host=in_shop.host) for _ in range(3)]
    for other in others:
        sign_in(other)
    page = client.get(HERE).text
    assert page.count("This browser") == 1
    ends = re.findall(r'action="(/admin/account/sessions/[0-9a-f-]+/end)"', page)
    assert len(ends) == 3
    assert send(client, ends[0]).status_code == 303
    assert sorted(other.get(HERE).status_code for other in others) == [200, 200, 303]
    assert send(client, ends[0]).status_code == 404
    assert send(client, f"{HERE}/sessions/end-others").status_code == 303
    assert {other.get(HERE).status_code for other in others} == {303}
    assert "Sign out all other browsers" not in client.get(HERE).text


def test_nobody_ends_the_sessions_of_a_colleague(
    signed_in: SignedIn, desk: ShopClient, other_shop: Shop
) -> None:
    victim = signed_in("owner")
    charlie = signed_in("owner", shop=other_shop)
    session = db.session.scalars(
        select(StaffSession.id)
        .join(StaffMember, StaffMember.id == StaffSession.staff_id)
        .where(StaffMember.role == "owner")
    ).one()
    for stranger in (desk, charlie):
        assert post(stranger, f"{HERE}/sessions/{session}/end").status_code == 404
    assert victim.get(HERE).status_code == 200


# --- the second factor ---------------------------------------------------------------------------------


def test_it_is_added_by_a_first_code_and_its_codes_for_paper_are_shown_once(
    client: ShopClient, in_shop: Shop
) -> None:
    make_staff()
    sign_in(client)
    page = client.get(FACTOR).text
    assert 'src="data:image/svg+xml' in page
    shown = re.search(r'enter this key in the app: <span class="code">([A-Z2-7 ]+)</span>', page)
    assert shown
    secret, carried = shown[1].replace(" ", ""), hidden(page, "secret")
    wrong = send(client, FACTOR, FACTOR, secret=carried, otp="12345")
    assert wrong.status_code == 422
    assert hidden(wrong.text, "secret") == carried, "the picture that was read stays"
    done = send(client, FACTOR, FACTOR, secret=carried, otp=pyotp.TOTP(secret).at(clock.now()))
    assert done.status_code == 200
    codes = re.findall(r'class="code">([a-z2-7-]{19})<', done.text)
    assert len(codes) == 10
    assert post(client, "/admin/sign-out").status_code == 303
    assert sign_in(client).location == "/admin/sign-in/code?next=/admin/"
    assert client.get("/admin/orders").status_code == 303
    answer = send(client, "/admin/sign-in/code", "/admin/sign-in/code", otp=codes[3], next="/admin/stock")
    assert (answer.status_code, answer.location) == (303, "/admin/stock")
    later = client.get(FACTOR).text
    assert "Remaining: 9 of 10" in later
    assert not any(code in later for code in codes)


def test_before_the_code_nothing_is_open_and_a_wrong_one_is_refused(
    client: ShopClient, in_shop: Shop
) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        secret = make_enrolled()
        now.shift(timedelta(seconds=60))
        sign_in(client)
        for path in ("/admin/orders", HERE, FACTOR, "/admin/staff", "/admin/audit.csv"):
            assert client.get(path).location.startswith("/admin/sign-in?next=")
        refused = send(client, "/admin/sign-in/code", "/admin/sign-in/code", otp="000000")
        assert refused.status_code == 422
        assert "The code is incorrect." in refused.text
        before = client.get_cookie("staff", domain=in_shop.host, path="/admin")
        code = pyotp.TOTP(secret).at(clock.now())
        assert send(client, "/admin/sign-in/code", "/admin/sign-in/code", otp=code).status_code == 303
        after = client.get_cookie("staff", domain=in_shop.host, path="/admin")
        assert before.value != after.value, "a session that may do more has another token"
        assert client.get("/admin/orders").status_code == 200
        assert client.get("/admin/sign-in/code").location == "/admin/"


def test_the_page_of_the_code_leads_a_visitor_to_the_sign_in(client: ShopClient, in_shop: Shop) -> None:
    assert client.get("/admin/sign-in/code?next=//evil.test").location == "/admin/sign-in?next=/admin/"


def test_it_is_renewed_and_taken_away(client: ShopClient, in_shop: Shop) -> None:
    codes: list[str] = []
    make_enrolled(codes)
    sign_in(client)
    send(client, "/admin/sign-in/code", "/admin/sign-in/code", otp=codes[0])
    renewed = send(client, f"{FACTOR}/recovery-codes", FACTOR)
    assert renewed.status_code == 200
    assert not set(codes) & set(re.findall(r'class="code">([a-z2-7-]{19})<', renewed.text))
    assert send(client, f"{FACTOR}/removal", FACTOR).location == FACTOR
    post(client, "/admin/sign-out")
    assert sign_in(client).location == "/admin/"


@pytest.mark.parametrize(("role", "open_to"), [("owner", False), ("manager", True)])
def test_owners_of_a_real_shop_find_nothing_open_before_they_have_one(
    make_app, in_shop: Shop, role: str, open_to: bool
) -> None:
    make_staff(role)
    client = make_app(production=True).test_client(host=in_shop.host)
    client.base_url = f"https://{in_shop.host}"
    referer = {"Referer": f"https://{in_shop.host}/admin/sign-in"}
    data = {"email": f"{role}@shop.test", "password": PASSWORD}
    page = client.get("/admin/sign-in").text
    client.post("/admin/sign-in", data={"csrf_token": csrf_token(page), **data}, headers=referer)
    for path in ("/admin/orders", "/admin/staff", HERE):
        answer = client.get(path)
        assert (answer.location == FACTOR) != open_to
    page = client.get(FACTOR).text
    shown = re.search(r'enter this key in the app: <span class="code">([A-Z2-7 ]+)</span>', page)
    assert shown
    otp = pyotp.TOTP(shown[1].replace(" ", "")).at(clock.now())
    data = {"csrf_token": csrf_token(page), "secret": hidden(page, "secret"), "otp": otp}
    assert client.post(FACTOR, data=data, headers=referer).status_code == 200
    assert client.get("/admin/orders").status_code == 200
