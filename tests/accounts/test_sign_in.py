"""Staff sign in and out; nobody learns who works here, and nobody guesses for free."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from commerce import clock
from commerce.accounts import services
from commerce.accounts import sign_in as signing
from commerce.accounts.models import SignInThrottle, StaffMember, StaffSession
from commerce.accounts.sessions import STAFF, find_signed_in, token_hash
from commerce.accounts.views import COOKIE
from commerce.db import atomic, db
from commerce.errors import InvalidValue, Rejected
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.staff import PASSWORD, csrf_token, make_staff, post, sign_in
from tests.support.client import ShopClient

WRONG = "is incorrect"


def stored_sessions() -> list[StaffSession]:
    db.session.close()
    return list(db.session.scalars(select(StaffSession)))


def member() -> StaffMember:
    db.session.close()
    found = db.session.scalar(select(StaffMember).where(StaffMember.email == "owner@shop.test"))
    assert found is not None
    return found


def test_the_right_password_opens_the_back_office(client: ShopClient, in_shop: Shop) -> None:
    make_staff(name="Olivia")
    answer = sign_in(client)
    assert (answer.status_code, answer.location) == (303, "/admin/")
    page = client.get("/admin/orders")
    assert page.status_code == 200
    assert "Olivia" in page.text
    assert page.headers["Cache-Control"] == "private, no-store"


def test_the_cookie_is_not_what_is_stored(client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    answer = sign_in(client)
    header = next(value for value in answer.headers.getlist("Set-Cookie") if value.startswith("staff="))
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Path=/admin" in header
    assert "Secure" not in header
    token = header.removeprefix("staff=").split(";")[0]
    assert len(token) == 43
    assert [row.token_hash for row in stored_sessions()] == [token_hash(token)]


def test_in_production_the_cookie_travels_only_encrypted(make_app, in_shop: Shop) -> None:
    make_staff()
    client = make_app(production=True).test_client(host=in_shop.host)
    client.base_url = f"https://{in_shop.host}"
    page = client.get("/admin/sign-in")
    answer = client.post(
        "/admin/sign-in",
        data={"csrf_token": csrf_token(page.text), "email": "owner@shop.test", "password": PASSWORD},
        headers={"Referer": f"https://{in_shop.host}/admin/sign-in"},
    )
    assert answer.status_code == 303
    assert "Secure" in next(
        value for value in answer.headers.getlist("Set-Cookie") if value.startswith("__Secure-staff=")
    )


@pytest.mark.parametrize(
    ("email", "password"),
    [("owner@shop.test", "not it at all"), ("nobody@shop.test", PASSWORD), ("", ""), ("owner@shop.test", "")],
)
def test_a_wrong_pair_is_refused(client: ShopClient, in_shop: Shop, email: str, password: str) -> None:
    make_staff()
    answer = sign_in(client, email, password)
    assert answer.status_code == 422
    assert COOKIE not in answer.headers.get("Set-Cookie", "")
    assert client.get("/admin/orders").status_code == 303
    assert stored_sessions() == []


def test_an_unknown_address_gets_the_same_words_and_costs_the_same_work(
    client: ShopClient, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_staff()
    checked: list[str] = []
    real = signing.verify_password
    monkeypatch.setattr(
        signing, "verify_password", lambda stored, given: checked.append(stored) or real(stored, given)
    )
    known = sign_in(client, "owner@shop.test", "wrong password")
    unknown = sign_in(client, "nobody@shop.test", "wrong password")
    assert known.status_code == unknown.status_code == 422
    assert WRONG in known.text
    assert csrf_free(known.text).replace("owner@", "nobody@") == csrf_free(unknown.text)
    settings = [stored.rsplit("$", 2)[0] for stored in checked]
    assert len(settings) == 2
    assert settings[0] == settings[1]


def csrf_free(html: str) -> str:
    return html.replace(csrf_token(html), "")


def test_a_planted_form_token_is_worth_nothing_after_sign_in(client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    before = csrf_token(client.get("/admin/sign-in").text)
    sign_in(client)
    assert client.post("/admin/sign-out", data={"csrf_token": before}).status_code == 400
    assert client.get("/admin/orders").status_code == 200


def test_signing_in_again_ends_the_session_before(client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    sign_in(client)
    first = client.get_cookie(COOKIE, domain=in_shop.host, path="/admin")
    assert first is not None
    client_again = client.application.test_client(host=in_shop.host)
    client_again.set_cookie("unrelated", "1", domain=in_shop.host)
    page = client_again.get("/admin/sign-in")
    client_again.set_cookie(COOKIE, first.value, domain=in_shop.host, path="/admin")
    client_again.post(
        "/admin/sign-in",
        data={"csrf_token": csrf_token(page.text), "email": "owner@shop.test", "password": PASSWORD},
    )
    assert find_signed_in(STAFF, first.value) is None
    assert len(stored_sessions()) == 1


def test_sign_out_ends_the_session_on_the_server(client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    sign_in(client)
    kept = client.get_cookie(COOKIE, domain=in_shop.host, path="/admin")
    assert kept is not None
    answer = post(client, "/admin/sign-out")
    assert (answer.status_code, answer.location) == (303, "/admin/sign-in")
    assert stored_sessions() == []
    client.set_cookie(COOKIE, kept.value, domain=in_shop.host, path="/admin")
    assert client.get("/admin/orders").status_code == 303


def test_signing_out_without_a_form_token_does_nothing(client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    sign_in(client)
    assert client.post("/admin/sign-out").status_code == 400
    assert client.get("/admin/orders").status_code == 200


@pytest.mark.parametrize(("idle", "alive"), [(timedelta(hours=11), True), (timedelta(hours=13), False)])
def test_an_unused_session_is_over_after_half_a_day(
    client: ShopClient, in_shop: Shop, idle: timedelta, alive: bool
) -> None:
    make_staff()
    with time_machine.travel(clock.now(), tick=False) as now:
        sign_in(client)
        now.shift(idle)
        assert client.get("/admin/orders").status_code == (200 if alive else 303)


def test_a_session_that_is_used_is_over_after_a_week(client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    with time_machine.travel(clock.now(), tick=False) as now:
        sign_in(client)
        for _ in range(16):
            now.shift(timedelta(hours=10))
            assert client.get("/admin/orders").status_code == 200
        now.shift(timedelta(hours=10))
        assert client.get("/admin/orders").status_code == 303


def test_a_deactivated_person_is_signed_out_at_once(client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    sign_in(client)
    atomic(db.session.execute)(update(StaffMember).values(active=False))
    assert client.get("/admin/orders").status_code == 303
    assert sign_in(client).status_code == 422


def test_many_guesses_at_once_are_no_cheaper_than_one_after_the_other(app: Flask, in_shop: Shop) -> None:
    make_staff()
    db.session.close()
    start, outcomes = Barrier(8), []

    def guess() -> None:
        with app.app_context(), shop_scope(in_shop):
            start.wait()
            try:
                signing.sign_in(STAFF, "owner@shop.test", "wrong password")
            except signing.SignInRefused:
                outcomes.append("refused")

    threads = [Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["refused"] * 8
    db.session.close()
    failures = [
        count for row in db.session.scalars(select(SignInThrottle)) for count, *_ in row.sources.values()
    ]
    assert failures == [5], "four are free, the fifth begins the delay, the others are not looked at"


def test_the_way_back_is_kept_and_stays_in_this_shop(client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    turned_away = client.get("/admin/orders?status=paid")
    assert turned_away.status_code == 303
    assert turned_away.location == "/admin/sign-in?next=/admin/orders%3Fstatus%3Dpaid"
    page = client.get(turned_away.location)
    answer = client.post(
        turned_away.location,
        data={"csrf_token": csrf_token(page.text), "email": "owner@shop.test", "password": PASSWORD},
    )
    assert answer.location == "/admin/orders?status=paid"


@pytest.mark.parametrize(
    "target",
    ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "/\tevil", "http:/evil"],
)
def test_no_redirect_leads_out_of_the_shop(client: ShopClient, in_shop: Shop, target: str) -> None:
    make_staff()
    page = client.get("/admin/sign-in", query_string={"next": target})
    answer = client.post(
        "/admin/sign-in",
        query_string={"next": target},
        data={
            "csrf_token": csrf_token(page.text),
            "email": "owner@shop.test",
            "password": PASSWORD,
            "next": target,
        },
    )
    assert (answer.status_code, answer.location) == (303, "/admin/")


def test_a_form_without_a_token_is_refused(client: ShopClient, in_shop: Shop) -> None:
    make_staff()
    answer = client.post("/admin/sign-in", data={"email": "owner@shop.test", "password": PASSWORD})
    assert answer.status_code == 400
    assert stored_sessions() == []


def test_htmx_is_reported_where_to_sign_in(client: ShopClient, in_shop: Shop) -> None:
    answer = client.get(
        "/admin/orders?q=x",
        headers={"HX-Request": "true", "HX-Current-URL": f"http://{in_shop.host}/admin/orders/ORD-000001"},
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/admin/sign-in?next=/admin/orders/ORD-000001"
    stranger = client.get(
        "/admin/orders", headers={"HX-Request": "true", "HX-Current-URL": "http://evil.test/x"}
    )
    assert stranger.headers["HX-Redirect"] == "/admin/sign-in?next=/admin/"


def test_staff_of_another_shop_are_nobody_here(
    app: Flask, client: ShopClient, in_shop: Shop, other_shop: Shop
) -> None:
    with shop_scope(other_shop):
        make_staff(email="charlie@kites.test")
    assert sign_in(client, "charlie@kites.test").status_code == 422
    his = app.test_client(host=other_shop.host)
    assert sign_in(his, "charlie@kites.test").status_code == 303
    cookie = his.get_cookie(COOKIE, domain=other_shop.host, path="/admin")
    client.set_cookie(COOKIE, cookie.value, domain=in_shop.host, path="/admin")
    assert client.get("/admin/orders").status_code == 303


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "no address"},
        {"email": "two@@"},
        {"email": "with space@shop.test"},
        {"email": "x" * 300 + "@shop.test"},
        {"password": "short"},
        {"password": "x" * 1025},
        {"role": "emperor"},
    ],
)
def test_invalid_staff_are_refused(in_shop: Shop, changes: dict[str, str]) -> None:
    values = {"email": "new@shop.test", "name": "New", "password": PASSWORD, "role": "owner", **changes}
    with pytest.raises(InvalidValue):
        services.create_staff(**values)
    assert db.session.scalars(select(StaffMember)).all() == []


def test_an_address_is_taken_once_per_shop_whatever_its_case(in_shop: Shop, other_shop: Shop) -> None:
    make_staff(email="Ann@Shop.test")
    with pytest.raises(Rejected):
        make_staff(email="ann@shop.TEST")
    with shop_scope(other_shop):
        make_staff(email="ann@shop.test")


def test_a_hash_with_old_settings_is_renewed_at_sign_in(in_shop: Shop) -> None:
    from argon2 import PasswordHasher

    make_staff()
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    atomic(db.session.execute)(update(StaffMember).values(password_hash=cheap))
    signing.sign_in(STAFF, "owner@shop.test", PASSWORD)
    assert member().password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert signing.sign_in(STAFF, "owner@shop.test", PASSWORD)
