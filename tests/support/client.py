"""Flask's test client, at home in a shop: every address without a host means a page of that shop."""

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from click.testing import Result
from flask.sessions import SessionMixin
from flask.testing import FlaskClient, FlaskCliRunner
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse


class Terminal(FlaskCliRunner):
    """Flask's runner of commands. Each runs in an empty context, as a process of its own does; see ShopClient."""

    def invoke(self, *args: Any, **kwargs: Any) -> Result:
        """Run a command; see FlaskCliRunner."""
        return contextvars.Context().run(super().invoke, *args, **kwargs)


class ShopClient(FlaskClient):
    """A visitor of one shop with a cookie jar: `app.test_client(host="demo.localhost")`.

    Each request runs in an empty context, as it does in a server: a test that has entered a shop itself (`in_shop`)
    shares neither `g` nor its database session with the request.
    """

    def __init__(self, *args: Any, host: str = "demo.localhost", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.base_url = f"http://{host}"

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make a request; see FlaskClient. Under `with client:` the context must stay, so it is not emptied."""
        if args and isinstance(args[0], str):
            kwargs.setdefault("base_url", self.base_url)
        if self.preserve_context:
            return super().open(*args, **kwargs)
        return contextvars.Context().run(super().open, *args, **kwargs)

    @contextmanager
    def session_transaction(self, *args: Any, **kwargs: Any) -> Iterator[SessionMixin]:
        """Open the visitor's session cookie for reading and writing."""
        kwargs.setdefault("base_url", self.base_url)
        with super().session_transaction(*args, **kwargs) as session:
            yield session

    def csrf_token(self) -> str:
        """Return a token for the visitor's session, as a form of the shop would hold, without asking for a page."""
        with self.session_transaction() as session:
            secret = session.setdefault("csrf_token", "0" * 40)
        return str(
            URLSafeTimedSerializer(str(self.application.secret_key), salt="wtf-csrf-token").dumps(secret)
        )
