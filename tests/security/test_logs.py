"""Nobody outside writes a line of the log, or moves the cursor of who reads it."""

import io
import logging
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from commerce import logs
from commerce.db import db
from commerce.logs import INDENT
from commerce.tenants.models import Shop

FORGED = "x\r\nERROR commerce.web: the owner signed in\x1b[2J\x1b]0;title\x07\u2028\u202e"


@pytest.fixture
def log(app: Flask) -> Iterator[io.StringIO]:
    """What a handler with a plain formatter writes."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    yield out
    logging.getLogger().removeHandler(handler)


def lines(log: io.StringIO) -> list[str]:
    return log.getvalue().splitlines()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_message_is_one_line_of_visible_signs(log: io.StringIO) -> None:
    logging.getLogger("commerce.test").warning("message of %s refused", FORGED)
    (line,) = lines(log)
    assert line == (
        r"WARNING commerce.test: message of x\r\nERROR commerce.web: the owner signed in"
        r"\x1b[2J\x1b]0;title\x07\u2028\u202e refused"
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_letters_of_all_languages_stay_readable(log: io.StringIO) -> None:
    logging.getLogger("commerce.test").warning("Größe 綠茶")
    assert "Größe 綠茶" in log.getvalue()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_path_and_an_error_that_hold_line_breaks_begin_no_line(
    make_app: Callable[..., Flask], shop: Shop, log: io.StringIO
) -> None:
    app = make_app(testing=False)

    def fail(name: str) -> str:
        raise RuntimeError(name)

    app.add_url_rule("/fail/<name>", view_func=fail)
    answer = app.test_client().get("/fail/x%0D%0AERROR commerce.web: the owner signed in%1B[2J")
    assert answer.status_code == 500
    assert "the owner signed in" in log.getvalue(), "the error is logged"
    assert not [line for line in lines(log) if line.startswith("ERROR commerce.web")]
    assert "\x1b" not in log.getvalue()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whoever_is_kept_out_is_written_down_and_what_they_typed_is_not(
    app: Flask, make_app: Callable[..., Flask], in_shop: Shop, log: io.StringIO
) -> None:
    client = app.test_client()
    client.post("/cart/lines", data={"quantity": "hush"})
    client.post("/cart/lines", data={"quantity": "hush" * 600_000})
    client.get("/admin/orders?q=hush")
    limited = make_app(limits="all").test_client()
    for _ in range(301):
        limited.get("/search?q=hush")
    refusals = [line for line in lines(log) if line.startswith("WARNING commerce.web: refused (")]
    assert [line.partition(": refused ")[2].partition(" from ")[0] for line in refusals] == [
        "(The CSRF token is missing.): POST /cart/lines",
        "(request entity too large): POST /cart/lines",
        "(too many requests): GET /search",
    ]
    assert all(", request " in line and " from 127.0.0.1" in line for line in refusals)
    assert "hush" not in log.getvalue()


def test_an_error_of_the_database_does_not_tell_what_was_typed(app: Flask, in_shop: Shop) -> None:
    for name in ("hush", "hush " * 200):
        with pytest.raises(DBAPIError) as error:
            db.session.execute(text("SELECT * FROM nothing WHERE a = :typed"), {"typed": name})
        db.session.rollback()
        assert "nothing" in str(error.value)
        assert "hush" not in str(error.value)


# --- requests and faults ------------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_request_is_one_line_with_its_id_shop_route_status_and_time(
    make_app: Callable[..., Flask], in_shop: Shop, log: io.StringIO
) -> None:
    client = make_app(log_requests=True).test_client()
    ids = [client.get(path).headers["X-Request-ID"] for path in ("/", "/orders/very-secret", "/nothing/hush")]
    (home, order, nothing) = [line for line in lines(log) if "commerce.requests" in line]
    assert re.fullmatch(rf"INFO commerce.requests: 200 GET / [\d.]+ ms shop=demo request={ids[0]}", home)
    assert re.fullmatch(
        rf"INFO commerce.requests: 404 GET /orders/<token> [\d.]+ ms shop=demo request={ids[1]}", order
    )
    assert re.fullmatch(rf"INFO commerce.requests: 404 GET - [\d.]+ ms shop=demo request={ids[2]}", nothing)
    assert "very-secret" not in log.getvalue()
    assert "hush" not in log.getvalue()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("given", ["a1b2c3d4", "7f9a:01-02_x.y~"[:-1], "x" * 64])
def test_the_id_that_the_proxy_has_given_is_that_of_the_request(app: Flask, shop: Shop, given: str) -> None:
    assert app.test_client().get("/", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "two words here", "<b>12345678</b>", "-12345678", "ümlaut-ümlaut"]
)
def test_an_id_that_is_no_plain_name_is_not_taken_over(app: Flask, shop: Shop, given: str) -> None:
    own = app.test_client().get("/", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{16}", own)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_trace_of_a_fault_is_written_once_and_then_one_line_each(
    make_app: Callable[..., Flask], shop: Shop, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(testing=False, log_requests=True)

    def away() -> str:
        raise OperationalError("SELECT 1", {}, Exception("the database is away"))

    def bug() -> str:
        return str({}["missing"])

    app.add_url_rule("/away", view_func=away)
    app.add_url_rule("/bug", view_func=bug)
    app.add_url_rule("/secret/<token>", "secret", lambda token: bug() + token)
    client = app.test_client()
    for _ in range(20):
        assert client.get("/away").status_code == 503
        assert client.get("/bug").status_code == 500
    assert log.getvalue().count("Traceback") == 2
    traces = set(re.findall(r"trace ([0-9a-f]{8})", log.getvalue()))
    assert len(traces) == 2
    assert "19 more]" in lines(log)[-2], lines(log)[-4:]
    assert len([line for line in lines(log) if not line.startswith(INDENT)]) == 80
    monkeypatch.setattr(logs, "QUIET", 0)
    client.get("/secret/hush")
    assert log.getvalue().count("Traceback") == 3, "after a minute it is written again"
    assert "a bug at GET /secret/<token>, request" in log.getvalue()
    assert "hush" not in log.getvalue()
