"""One address tries only so often; a household, an office and a proxy are not in anybody's way."""

import re
from collections.abc import Callable, Iterator

import pytest
import time_machine
from flask import Flask

from commerce import limits
from commerce.limits import BUCKETS, Counter, bucket_of, household, is_costly
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.staff import PASSWORD, make_staff
from tests.fakes.valkey import FakeValkey
from tests.support.visitor import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
STRANGER = "203.0.113.7"
SIGN_IN = next(each for each in BUCKETS if each.name == "sign-in")


def try_password(visitor: Visitor, password: str = "wrong", address: str = STRANGER, **headers: str) -> int:
    answer = visitor.post(
        "/admin/sign-in",
        {"email": "nobody@shop.test", "password": password},
        environ_overrides={"REMOTE_ADDR": address},
        headers=headers,
    )
    return answer.status_code


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a password takes is not what is tested here."""
    monkeypatch.setattr("commerce.accounts.sign_in.verify_password", lambda _stored, given: given == PASSWORD)


@pytest.mark.usefixtures("cheap_passwords")
def test_passwords_are_not_guessed_from_one_address_and_others_go_on(
    make_app: Callable[..., Flask], shop: Shop, other_shop: Shop
) -> None:
    app = make_app(limits="guesses")
    with time_machine.travel("2026-01-01", tick=False) as clock:
        stranger = Visitor(app)
        assert {try_password(stranger) for _ in range(SIGN_IN.per_minute)} == {422}
        answer = stranger.post("/admin/sign-in", environ_overrides={"REMOTE_ADDR": STRANGER})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
        assert "wait a minute" in answer.text
        assert "Tea" in answer.text, "in the look of the shop"
        assert try_password(stranger, address="203.0.113.8") == 422
        assert try_password(Visitor(app, other_shop.host)) == 422
        clock.shift(61)
        assert try_password(stranger) == 422


@pytest.mark.usefixtures("cheap_passwords")
def test_who_signs_in_rightly_is_never_counted(make_app: Callable[..., Flask], shop: Shop) -> None:
    app = make_app(limits="all")
    with app.app_context(), shop_scope(shop):
        make_staff()
    for _ in range(SIGN_IN.per_minute + 5):
        answer = Visitor(app).post("/admin/sign-in", {"email": "owner@shop.test", "password": PASSWORD})
        assert answer.status_code == 303


def test_a_program_reads_of_it_as_a_problem(make_app: Callable[..., Flask], shop: Shop) -> None:
    app = make_app(limits="all")
    client = app.test_client()
    for _ in range(300):
        client.get("/search?q=tea")
    answer = client.get("/search?q=tea", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.mimetype) == (429, "application/problem+json")
    assert answer.json is not None
    assert (answer.json["code"], answer.json["title"]) == ("http_429", "Please wait a moment")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_in_development_only_guessing_is_limited(make_app: Callable[..., Flask], shop: Shop) -> None:
    client = make_app(limits="guesses").test_client()
    assert {client.get("/search?q=tea").status_code for _ in range(310)} == {200}
    assert {each.name for each in BUCKETS if each.guesses} == {"sign-in", "proof"}


def test_every_form_has_a_bucket_and_reading_has_none_but_search(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):  # programs are counted by client: tests/api/test_auth.py
            assert not any(bucket_of(method, rule.rule) for method in rule.methods or ())
            continue
        for method in rule.methods or ():
            limited = bucket_of(method, rule.rule) is not None
            searches = rule.rule == "/search" and method != "OPTIONS"
            assert limited == (searches or method in ("POST", "PUT", "PATCH", "DELETE")), (method, rule)


def test_whatever_takes_a_password_or_a_code_is_limited_everywhere(app: Flask) -> None:
    guessed = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and (found := bucket_of("POST", rule.rule)) and found.guesses
    }
    assert {f"{door}/sign-in" for door in ("/admin", "/account", "/platform")} <= guessed
    assert {"/admin/sign-in/code", "/admin/proof", "/admin/account/password", "/account/password"} <= guessed
    assert {"/account/data/erasure", "/platform/account", "/platform/sign-in/code"} <= guessed
    assert not [rule for rule in guessed if rule.startswith(("/cart", "/checkout", "/orders"))]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_a_household_is_an_address_or_a_prefix(app: Flask, address: str, counted: str) -> None:
    assert household(address) == counted


def test_a_proxy_that_nobody_announced_is_not_taken_for_one_busy_visitor(app: Flask) -> None:
    assert household("10.0.0.2", behind_nobody=True) == ""
    assert household("127.0.0.1", behind_nobody=True) == ""
    assert household("8.8.8.8", behind_nobody=True) == "8.8.8.8"


@pytest.mark.usefixtures("cheap_passwords")
def test_behind_a_trusted_proxy_the_visitor_counts_and_not_what_they_says(
    make_app: Callable[..., Flask], shop: Shop
) -> None:
    visitor = Visitor(make_app(limits="guesses", trusted_proxies=1))
    for number in range(SIGN_IN.per_minute):
        # The proxy adds the last one; whatever stands before it was sent by the visitor.
        assert try_password(visitor, **{"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9"}) == 422
    assert try_password(visitor, **{"X-Forwarded-For": "198.51.100.200, 203.0.113.9"}) == 429
    assert try_password(visitor, **{"X-Forwarded-For": "203.0.113.9, 203.0.113.10"}) == 422


# --- where it is counted ------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[FakeValkey]:
    running = FakeValkey()
    yield running
    running.close()


def test_several_processes_count_together_at_a_server(app: Flask, server: FakeValkey) -> None:
    one, two = Counter(server.url), Counter(server.url)
    assert [one.count("a"), two.count("a"), one.count("b")] == [1, 2, 1]
    assert two.seen("a") == 2
    assert 1 <= one.wait("a") <= 60


def test_a_server_that_is_away_closes_nobody_out_and_is_named_once(
    app: Flask, server: FakeValkey, caplog: pytest.LogCaptureFixture
) -> None:
    counter = Counter(server.url)
    assert counter.count("a") == 1
    server.close()
    assert [counter.count("a"), counter.count("a"), counter.seen("a")] == [1, 2, 2]
    assert len([each for each in caplog.records if "LIMIT_URL does not answer" in each.getMessage()]) == 1


def test_many_addresses_do_not_fill_the_memory(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEPT", 50)
    counter = Counter("")
    for number in range(200):
        counter.count(f"{number}")
    assert len(counter._here.storage) <= 51


def test_what_checks_a_password_or_mails_somebody_is_known_to_the_server_by_its_path(app: Flask) -> None:
    costly = {"sign-in", "proof", "mail"}
    seen = set()
    for rule in app.url_map.iter_rules():
        for method in rule.methods or ():
            bucket = bucket_of(method, rule.rule)
            path = re.sub(r"<[^>]*>", "0b5a", rule.rule)
            assert is_costly(method, path) == (bucket is not None and bucket.name in costly), (method, path)
            seen.add(bucket.name if bucket else "")
    assert costly <= seen
