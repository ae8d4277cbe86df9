"""Authentication of API clients: keys, scopes and rate limits."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from commerce import clock
from commerce.accounts import api_clients, sessions
from commerce.accounts.scopes import SCOPES
from commerce.accounts.sessions import STAFF, Device
from commerce.accounts.views import COOKIE
from commerce.admin.integrations.views import TO_TRY
from commerce.api.auth import MAX_INVALID_KEYS, PUBLIC
from commerce.db import _sqlite_turn, atomic, db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.api_clients import Program, make_program
from tests.factories.staff import make_staff

ORDERS = "/api/orders"
NO_KEY = f"{api_clients.PREFIX}{'x' * 43}"


def addresses(app: Flask) -> list[tuple[str, str, str]]:
    """Return method, path and scope of each address of the API."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            scope = getattr(app.view_functions[rule.endpoint], "scope", "")
            found += [
                (method, path_of(rule), scope) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            ]
    return sorted(found)


def path_of(rule: Rule) -> str:
    """Return an address of a rule that names nothing that exists."""
    path = re.sub(r"<uuid:\w+>", "0197f1f0-c3a5-7cc2-8fd1-5a2a3ff0a5b1", rule.rule)
    return re.sub(r"<(\w+:)?\w+>", "none", re.sub(r"<int:\w+>", "1", path))


def came_in(answer: TestResponse) -> bool:
    return answer.status_code not in (401, 403, 429)


def test_every_operation_requires_a_key_with_its_scope(app: Flask, in_shop: Shop) -> None:
    found = [each for each in addresses(app) if each[2] != PUBLIC]
    assert len(found) >= 5
    assert {scope for _method, _path, scope in found} <= SCOPES.keys()
    assert not [path for _method, path, _scope in found if "<" in path]
    without = {scope: make_program(app, [each for each in SCOPES if each != scope]) for scope in SCOPES}
    for method, path, scope in found:
        for key in ("", NO_KEY):
            answer = Program(app, key).call(method, path)
            assert (answer.status_code, answer.json["code"]) == (401, "unauthorized"), path
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.mimetype == "application/problem+json"
        answer = without[scope].call(method, path)
        assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope"), path
        assert answer.json["scope"] == scope


def test_the_first_request_suggested_for_a_new_key_works(app: Flask, in_shop: Shop) -> None:
    for scope, path in TO_TRY.items():
        answer = make_program(app, [scope]).get(path)
        assert answer.status_code == 200, path


def test_cookies_do_not_authenticate(app: Flask, in_shop: Shop) -> None:
    client = app.test_client(host=in_shop.host)
    client.set_cookie(
        COOKIE, atomic(sessions.begin)(STAFF, make_staff("owner"), Device()), domain=in_shop.host
    )
    assert client.get(ORDERS).status_code == 401
    assert client.get("/admin/orders").status_code == 200, "the same browser is signed in"


@pytest.mark.parametrize(
    "header",
    ["{key}", "Basic {key}", "Bearer", "Bearer  ", "Bearer {key} {key}", "Bearer {key}x", "Token {key}"],
)
def test_a_key_is_accepted_only_as_a_bearer_token(app: Flask, in_shop: Shop, header: str) -> None:
    program = make_program(app)
    assert came_in(program.get(ORDERS))
    assert program.get(ORDERS, Authorization=header.format(key=program.key)).status_code == 401
    assert Program(app, "").get(f"{ORDERS}?key={program.key}").status_code == 401


def test_a_key_of_another_shop_is_rejected(app: Flask, in_shop: Shop, other_shop: Shop) -> None:
    program = make_program(app)
    assert came_in(program.get(ORDERS))
    answer = Program(app, program.key, host=other_shop.host).get(ORDERS)
    assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")


def test_a_revoked_expired_or_disabled_key_is_rejected_at_once(app: Flask, in_shop: Shop) -> None:
    revoked, expiring, kept_out = (make_program(app) for _ in range(3))
    assert revoked.client_id
    assert expiring.client_id
    assert kept_out.client_id
    until = clock.now() + timedelta(hours=1)
    expiring.key = api_clients.issue_key(expiring.client_id, scopes=["orders:read"], by="", expires_at=until)
    assert all(came_in(each.get(ORDERS)) for each in (revoked, expiring, kept_out))
    db.session.close()
    (key,) = api_clients.keys_of([revoked.client_id])[revoked.client_id]
    api_clients.revoke_key(revoked.client_id, key.id)
    api_clients.set_client_active(kept_out.client_id, active=False)
    assert [each.get(ORDERS).status_code for each in (revoked, expiring, kept_out)] == [401, 200, 401]
    with time_machine.travel(until, tick=False):
        assert expiring.get(ORDERS).status_code == 401


def test_the_last_use_of_a_key_is_recorded_once_a_minute(app: Flask, in_shop: Shop) -> None:
    program = make_program(app)
    assert program.client_id
    used = []
    with time_machine.travel("2026-03-01 12:00", tick=False) as now:
        for _ in range(3):
            assert came_in(program.get(ORDERS))
            db.session.close()
            used += [key.used_at for key in api_clients.keys_of([program.client_id])[program.client_id]]
            now.shift(timedelta(seconds=40))
    assert used[0] is not None
    assert used[0] == used[1], "a row that changed at every request would be a lock for all of them"
    assert used[2] == used[0] + timedelta(seconds=80)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_request_succeeds_if_the_use_of_its_key_cannot_be_recorded(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make_program(app)
    assert program.client_id
    monkeypatch.setattr("commerce.db.SQLITE_WAIT", 0.01)
    with _sqlite_turn:
        assert program.get(ORDERS).status_code == 200
    db.session.close()
    assert [key.used_at for key in api_clients.keys_of([program.client_id])[program.client_id]] == [None]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_rate_limit_headers_count_down_and_then_requests_are_rejected(
    make_app: Callable[..., Flask], shop: Shop
) -> None:
    app = make_app(limits="all")
    with app.app_context(), shop_scope(shop):
        slow, other = make_program(app), make_program(app)
        assert slow.client_id
        api_clients.change_client(slow.client_id, name="Slow", requests_per_minute=2)
        twin = Program(app, api_clients.issue_key(slow.client_id, scopes=["orders:read"], by=""))
    with time_machine.travel("2026-03-01 12:00", tick=False) as now:
        answers = [each.get(ORDERS) for each in (slow, twin, slow)]
        assert [answer.status_code for answer in answers] == [200, 200, 429], "all its keys count together"
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
        assert answers[2].json["code"] == "too_many_requests"
        assert answers[2].headers["Retry-After"] == "60"
        assert other.get(ORDERS).status_code == 200
        now.shift(61)
        assert slow.get(ORDERS).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_many_invalid_keys_from_one_address_are_rate_limited(
    make_app: Callable[..., Flask], shop: Shop
) -> None:
    app = make_app(limits="guesses")
    with app.app_context(), shop_scope(shop):
        program = make_program(app)
    with time_machine.travel("2026-03-01 12:00", tick=False) as now:
        tried = [Program(app, NO_KEY).get(ORDERS).status_code for _ in range(MAX_INVALID_KEYS + 1)]
        assert tried == [401] * MAX_INVALID_KEYS + [429]
        assert program.get(ORDERS).status_code == 200, "a neighbour's wrong keys shut out no good one"
        assert Program(app, "").get(ORDERS).status_code == 401, "and who sends none is told what is needed"
        now.shift(61)
        assert Program(app, NO_KEY).get(ORDERS).status_code == 401
