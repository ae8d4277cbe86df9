"""A shopper who speaks HTTP to a live server and is told exactly what became of each request.

Nothing is sent twice behind the caller's back: who counts what happened must know when an answer was lost.
"""

from dataclasses import dataclass

import urllib3

from bench.support.forms import encode, read_form
from bench.support.load import Answer
from tests.support.server import LiveServer

NoAnswer = urllib3.exceptions.HTTPError
"""The connection was refused, cut or silent: whether the server did what was asked is not known."""


@dataclass
class Reply(Answer):
    """An answer with its headers."""

    headers: urllib3.HTTPHeaderDict

    @property
    def location(self) -> str:
        """Where a redirect leads; empty when the answer is none."""
        return self.headers.get("Location", "")

    @property
    def text(self) -> str:
        """The page."""
        return self.body.decode()


class Buyer:
    """One browser at a shop: a connection that is kept open, and a cookie jar. Not shared between threads."""

    def __init__(self, server: LiveServer, *, cart_key: str = "", seconds: float = 15.0) -> None:
        """Come with an empty jar, or with the cookie of a cart that was filled before."""
        self._http = urllib3.HTTPConnectionPool(
            "127.0.0.1", server.port, timeout=seconds, retries=False, maxsize=1
        )
        self._host = server.host()
        self.cookies = {"cart": cart_key} if cart_key else {}

    def get(self, path: str) -> Reply:
        """Ask for a page. Raises NoAnswer."""
        return self._send("GET", path, None)

    def post(self, path: str, form: dict[str, str], **typed: str) -> Reply:
        """Send a form with what was typed into it. Raises NoAnswer."""
        return self._send("POST", path, encode(form, **typed))

    def form(self, page: Reply, action: str) -> dict[str, str]:
        """Return what the page's form for `action` would send. Raises LoadFailed without it."""
        return read_form(page, action)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _send(self, method: str, path: str, body: bytes | None) -> Reply:
        headers = {"Host": self._host, "Accept": "text/html"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self._http.request(method, path, body=body, headers=headers, redirect=False)
        for cookie in answer.headers.getlist("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return Reply(answer.status, b"", answer.data, answer.headers)
