"""Nobody outside writes a line of the log, or moves the cursor of who reads it."""

import io
import logging
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from commerce.db import db
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
def test_whoever_is_kept_out_is_written_down_and_what_he_typed_is_not(
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
