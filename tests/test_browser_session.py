"""Cookies that were verified once are the same session again, for who sends them, as long as they are good."""

import time

import pytest
from flask import Flask, flash, g, get_flashed_messages, request, session
from flask.testing import FlaskClient
from flask_wtf.csrf import CSRFProtect
from itsdangerous import URLSafeTimedSerializer

from commerce import browser_session
from commerce.browser_session import KeptSessions, form_token


@pytest.fixture
def app() -> Flask:
    app = Flask("cookies")
    app.config.update(SECRET_KEY="first", SECRET_KEY_FALLBACKS=[], WTF_CSRF_SECRET_KEY=["first"])
    app.config.update(WTF_CSRF_TIME_LIMIT=None)
    CSRFProtect(app)
    app.session_interface = KeptSessions()
    app.add_url_rule("/token", view_func=form_token)
    app.add_url_rule("/sent", view_func=lambda: "taken", methods=["POST"], endpoint="sent")

    @app.get("/set/<word>")
    def put(word: str) -> str:
        session["word"] = word
        return word

    @app.get("/word")
    def word() -> str:
        return str(session.get("word", "none"))

    @app.get("/say")
    def say() -> str:
        flash("hello")
        return ""

    @app.get("/said")
    def said() -> str:
        return ",".join(get_flashed_messages())

    return app


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return app.test_client()


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("session")
    assert found is not None
    return found.value


def test_two_visitors_keep_their_own_sessions(app: Flask, ann: FlaskClient) -> None:
    bob = app.test_client()
    ann.get("/set/tea")
    bob.get("/set/coffee")
    for _ in range(3):
        assert ann.get("/word").text == "tea"
        assert bob.get("/word").text == "coffee"
        assert app.test_client().get("/word").text == "none"
    ann.get("/set/milk")
    assert (ann.get("/word").text, bob.get("/word").text) == ("milk", "coffee")


def test_what_a_request_changes_in_its_session_is_not_in_the_kept_one(app: Flask, ann: FlaskClient) -> None:
    ann.get("/set/tea")
    first = cookie(ann)
    assert ann.get("/word").text == "tea"
    ann.get("/set/milk")
    again = app.test_client()
    again.set_cookie("session", first)
    assert again.get("/word").text == "tea"


def test_a_message_is_shown_once(ann: FlaskClient) -> None:
    for _ in range(2):
        ann.get("/say")
        assert ann.get("/said").text == "hello"
        assert ann.get("/said").text == ""


def test_a_cookie_that_was_changed_is_nobodys(app: Flask, ann: FlaskClient) -> None:
    ann.get("/set/tea")
    ann.get("/word")
    good = cookie(ann)
    for bad in (good[:-1] + ("A" if good[-1] != "A" else "B"), f"x{good}", good.partition(".")[0], "", "."):
        other = app.test_client()
        other.set_cookie("session", bad)
        assert other.get("/word").text == "none"


def test_a_kept_cookie_grows_old_like_any_other(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.get("/set/tea")
    assert ann.get("/word").text == "tea"
    now, lifetime = time.time(), app.permanent_session_lifetime.total_seconds()
    for later, word in ((lifetime - 60, "tea"), (lifetime + 60, "none"), (-3600, "none"), (0, "tea")):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        assert ann.get("/word").text == word


def test_a_new_key_takes_old_cookies_only_beside_the_old_one(app: Flask, ann: FlaskClient) -> None:
    ann.get("/set/tea")
    assert ann.get("/word").text == "tea"
    app.config.update(SECRET_KEY="second", SECRET_KEY_FALLBACKS=["first"])
    assert ann.get("/word").text == "tea"
    app.config.update(SECRET_KEY_FALLBACKS=[])
    assert ann.get("/word").text == "none"


def test_what_is_kept_has_a_bound(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_session, "MOST_KEPT", 3)
    for number in range(10):
        client = app.test_client()
        client.get(f"/set/{number}")
        assert [client.get("/word").text for _ in range(2)] == [str(number)] * 2
        interface = app.session_interface
        assert isinstance(interface, KeptSessions)
        assert len(interface._verified) <= 3


def test_a_form_token_is_good_for_its_own_visitor_alone(app: Flask, ann: FlaskClient) -> None:
    bob = app.test_client()
    tokens = [ann.get("/token").text for _ in range(3)]
    assert tokens[1] == tokens[2]
    theirs = bob.get("/token").text
    assert theirs not in tokens
    for token in tokens:
        assert ann.post("/sent", data={"csrf_token": token}).text == "taken"
        assert bob.post("/sent", data={"csrf_token": token}).status_code == 400
    assert ann.post("/sent", data={"csrf_token": theirs}).status_code == 400


def test_a_form_token_is_signed_with_the_present_key(app: Flask, ann: FlaskClient) -> None:
    ann.get("/token")
    app.config["WTF_CSRF_SECRET_KEY"] = ["first", "second"]
    token = ann.get("/token").text
    assert URLSafeTimedSerializer("second", salt="wtf-csrf-token").loads(token)
    assert ann.post("/sent", data={"csrf_token": token}).text == "taken"
    with app.test_request_context():
        assert form_token() == g.csrf_token
        assert request.method == "GET"
