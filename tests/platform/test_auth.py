"""The platform has a host of its own, and only operators pass its door."""

import time
from collections.abc import Callable

import pyotp
import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from commerce.accounts.models import Operator, OperatorEntry
from commerce.db import atomic, db
from commerce.encryption import seal
from commerce.platform.services import create_operator
from commerce.tenants.models import Shop
from commerce.tenants.queries import list_shops
from tests.factories.staff import PASSWORD, csrf_token, make_staff, sign_in
from tests.platform.conftest import HOST, OLGA, post
from tests.support.client import ShopClient
from tests.support.html import find_all, parse

ALL = {"all_tenants": True}
PAGES = ("/platform/", "/platform/shops/new", "/platform/shops/demo", "/platform/log", "/platform/account")


def entries(app: Flask) -> list[tuple[str, str, str]]:
    with app.app_context():
        rows = db.session.execute(
            select(OperatorEntry.operator, OperatorEntry.action, OperatorEntry.subject).order_by(
                OperatorEntry.id
            ),
            execution_options=ALL,
        ).all()
    return [(row[0], row[1], row[2]) for row in rows]


def test_nobody_sees_anything_without_signing_in(stranger: ShopClient, shop: Shop) -> None:
    assert stranger.get("/").location == "/platform/"
    for page in (*PAGES, "/platform/second-factor"):
        answer = stranger.get(page)
        assert (answer.status_code, answer.location) == (303, "/platform/sign-in"), page
    for path in ("/platform/shops/demo/suspension", "/platform/shops/new", "/platform/shops/demo/limits"):
        answer = post(stranger, path, page="/platform/sign-in", reason="x")
        assert (answer.status_code, answer.location) == (303, "/platform/sign-in"), path
    with stranger.application.app_context():
        assert [row.status for row in list_shops()] == ["active"]


def test_the_platform_is_at_its_host_alone_and_no_shop_is_there(
    olga: ShopClient, app: Flask, shop: Shop
) -> None:
    for path in ("/cart", "/admin/", "/admin/sign-in", "/search", "/theme.css", f"/media/{shop.id}/x.webp"):
        assert olga.get(path).status_code == 404, path
    shopper = app.test_client(host="demo.localhost")
    for page in (*PAGES, "/platform/sign-in"):
        assert shopper.get(page).status_code == 404, page
    assert shopper.get("/").status_code == 200


def test_an_installation_without_such_a_host_has_no_platform(
    make_app: Callable[..., Flask], shop: Shop
) -> None:
    app = make_app(platform_host="")
    for host in (HOST, "demo.localhost"):
        assert app.test_client(host=host).get("/platform/sign-in").status_code == 404


def test_every_try_to_sign_in_is_written_down(stranger: ShopClient, app: Flask) -> None:
    for email, password in [(OLGA, "wrong but long enough"), ("nobody@platform.test", PASSWORD)]:
        answer = post(stranger, "/platform/sign-in", page="/platform/sign-in", email=email, password=password)
        assert answer.status_code == 422
        assert "is incorrect" in answer.text
    answer = post(stranger, "/platform/sign-in", page="/platform/sign-in", email=OLGA, password=PASSWORD)
    assert answer.status_code == 303
    assert stranger.get("/platform/").status_code == 200
    assert post(stranger, "/platform/sign-out").status_code == 303
    assert stranger.get("/platform/").status_code == 303
    assert entries(app) == [
        ("nobody", "sign_in_refused", ""),
        ("nobody", "sign_in_refused", ""),
        (OLGA, "sign_in", ""),
        (OLGA, "sign_out", ""),
    ]


def test_staff_cannot_sign_in_as_operators_nor_operators_as_staff(
    olga: ShopClient, app: Flask, in_shop: Shop
) -> None:
    make_staff("owner")
    owner = app.test_client(host="demo.localhost")
    assert sign_in(owner).status_code == 303
    cookie = owner.get_cookie("staff", domain="demo.localhost", path="/admin")
    assert cookie is not None
    intruder = app.test_client(host=HOST)
    for name in ("staff", "operator"):
        intruder.set_cookie(name, cookie.value, domain=HOST)
    assert intruder.get("/platform/").status_code == 303
    token = olga.get_cookie("operator", domain=HOST)
    assert token is not None
    for name in ("staff", "operator"):
        owner.set_cookie(name, token.value, domain="demo.localhost", path="/admin")
    assert owner.get("/admin/orders").location.startswith("/admin/sign-in")


def test_with_a_second_factor_the_password_alone_opens_nothing(olga: ShopClient, app: Flask) -> None:
    page = olga.get("/platform/second-factor").text
    (field,) = find_all(parse(olga.get("/platform/second-factor")), "input", name="secret")
    secret = field.get("value") or ""
    key = seal().open(secret).partition(":")[2]
    wrong = post(olga, "/platform/second-factor", otp="000000", secret=secret)
    assert wrong.status_code == 422
    assert "t valid. Wait for your app to show a new code, then enter that one" in wrong.text
    assert "svg" in page
    code = pyotp.TOTP(key).now()
    assert post(olga, "/platform/second-factor", otp=code, secret=secret).status_code == 303
    assert olga.get("/platform/").status_code == 200
    again = app.test_client(host=HOST)
    assert isinstance(again, ShopClient)
    answer = post(again, "/platform/sign-in", page="/platform/sign-in", email=OLGA, password=PASSWORD)
    assert answer.location == "/platform/sign-in/code"
    assert again.get("/platform/").location == "/platform/sign-in/code"
    used = post(again, "/platform/sign-in/code", page="/platform/sign-in/code", otp=code)
    assert used.status_code == 422
    fresh = pyotp.TOTP(key).at(time.time() + 30)
    assert post(again, "/platform/sign-in/code", page="/platform/sign-in/code", otp=fresh).status_code == 303
    assert again.get("/platform/").status_code == 200
    result = app.test_cli_runner().invoke(args=["operators", "reset-second-factor", OLGA])
    assert result.exit_code == 0, result.output
    with app.app_context():
        assert db.session.scalars(select(Operator.totp_since), execution_options=ALL).all() == [None]


def test_in_production_an_operator_without_a_second_factor_sees_only_how_to_add_one(
    make_app: Callable[..., Flask], shop: Shop
) -> None:
    app = make_app(production=True)
    with app.app_context():
        create_operator(email=OLGA, name="Olga", password=PASSWORD)
    client = app.test_client(host=HOST)
    assert isinstance(client, ShopClient)
    client.base_url = f"https://{HOST}"
    token = csrf_token(client.get("/platform/sign-in").text)
    answer = client.post(
        "/platform/sign-in",
        data={"csrf_token": token, "email": OLGA, "password": PASSWORD},
        headers={"Referer": f"https://{HOST}/platform/sign-in"},
    )
    assert answer.status_code == 303
    for page in PAGES:
        assert client.get(page).location == "/platform/second-factor"
    assert client.get("/platform/second-factor").status_code == 200


def test_a_new_password_ends_other_sessions(olga: ShopClient, app: Flask) -> None:
    other = app.test_client(host=HOST)
    assert isinstance(other, ShopClient)
    post(other, "/platform/sign-in", page="/platform/sign-in", email=OLGA, password=PASSWORD)
    assert other.get("/platform/").status_code == 200
    new = "an even better horse"
    assert post(olga, "/platform/account", present_password="not the one", password=new).status_code == 422
    assert (
        post(olga, "/platform/account", present_password=PASSWORD, password="password1234").status_code == 422
    )
    assert post(olga, "/platform/account", present_password=PASSWORD, password=new).status_code == 303
    assert other.get("/platform/").status_code == 303
    assert olga.get("/platform/").status_code == 200


def test_nobody_changes_the_log(olga: ShopClient, app: Flask) -> None:
    @atomic
    def tamper(statement: object) -> None:
        db.session.execute(statement, execution_options={**ALL, "synchronize_session": False})  # type: ignore[call-overload]

    before = entries(app)
    assert before
    with app.app_context():
        for statement in (delete(OperatorEntry), update(OperatorEntry).values(operator="Eve")):
            with pytest.raises(DBAPIError, match=r"only added to|permission denied"):
                tamper(statement)
    assert entries(app) == before
