"""How large a request may be: one table, by who sends it. Everything is checked before anything is parsed.

Reading a form costs more than its bytes suggest: each field and each escaped character has a price of its own. The
bounds keep what an anonymous visitor can ask for at a few milliseconds of processor time; staff may send more once
they are signed in. How often somebody may ask is in `limits`, how slowly a request may arrive in `web_worker`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, cast

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KB = 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the body of one request may hold.

    `size` is in bytes. `fields` are those of a form that is not multipart, `parts` those of one that is. `escapes`
    are characters written as %XX. `values` are those of a JSON document: its items, members and lists.
    """

    size: int
    fields: int = 0
    parts: int = 0
    escapes: int = 0
    values: int = 0


ANYBODY = Bounds(size=128 * KB, fields=5_000, parts=200, escapes=15_000)
"""Room to return an order with the 2,000 lines that the API allows, and to fill in a checkout in Japanese."""
STAFF = Bounds(size=2_048 * KB, fields=20_000, parts=1_000, escapes=400_000)
"""Views that take files name a larger size of their own (`web.accepts_bytes`)."""
PROGRAM = Bounds(size=2_048 * KB, values=100_000)
"""Programs with a key, and payment gateways, which sign what they send."""

MAX_BODY = 53 * 1_024 * KB
"""Bytes that the server lets in: those of the largest body that any view takes, a file with products."""
MAX_QUERY = 128 * KB
"""Bytes of a query string. The server takes 4 kB of a request line; this holds behind any other one, too."""
MAX_COOKIES = 16 * KB
"""Bytes of all cookies together."""


class BoundedParser(FormDataParser):
    """Werkzeug's parser, which counts the fields of an urlencoded form before it takes them apart."""

    bounds = ANYBODY

    def _parse_urlencoded(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> Any:
        body = stream.read()
        if body.count(b"&") >= self.bounds.fields or body.count(b"%") > self.bounds.escapes:
            raise RequestEntityTooLarge
        return super()._parse_urlencoded(BytesIO(body), mimetype, content_length, options)


class BoundedRequest(Request):
    """Flask's request with the bounds of its sender: those of anybody, until `web` finds out that it may be more."""

    form_data_parser_class = BoundedParser
    bounds = ANYBODY

    def make_form_data_parser(self) -> FormDataParser:
        """Return the parser with this request's bounds."""
        parser = super().make_form_data_parser()
        parser.max_form_parts = self.bounds.parts
        if isinstance(parser, BoundedParser):
            parser.bounds = self.bounds
        return parser


def ensure_bounded_json(body: bytes) -> None:
    """Count what a JSON document holds before it is read. Raises RequestEntityTooLarge.

    Signs inside of texts count too. How deep it may be is bounded by the reader, which gives up early.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > PROGRAM.values:
        raise RequestEntityTooLarge


class BoundedHead:
    """WSGI middleware that refuses long query strings and piles of cookies before the application reads either.

    It adds `headers` to every answer that does not have them already.
    """

    def __init__(self, app: WSGIApplication, headers: Iterable[tuple[str, str]]) -> None:
        self._app = app
        self._headers = [(name.lower(), (name, value)) for name, value in headers]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer in plain text: nothing is known of shop or language here."""
        if len(environ.get("QUERY_STRING", "")) > MAX_QUERY:
            status = HTTPStatus.REQUEST_URI_TOO_LONG
        elif len(environ.get("HTTP_COOKIE", "")) > MAX_COOKIES:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        else:
            return self._app(environ, self._adding(start_response))
        text = f"{status.phrase}\n".encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(text))),
            ("Cache-Control", "private, no-store"),
        ]
        self._adding(start_response)(f"{status.value} {status.phrase}", headers)
        return [text]

    def _adding(self, start_response: StartResponse) -> StartResponse:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            present = {name.lower() for name, _value in headers}
            own = [pair for name, pair in self._headers if name not in present]
            return start_response(status, [*headers, *own], *error)

        return cast("StartResponse", start)
