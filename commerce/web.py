"""All Flask glue: regions for htmx, the error table, headers, request ids. It imports no feature."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg
from babel import Locale
from babel.dates import format_date, format_datetime, get_timezone_name
from babel.numbers import format_decimal
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
)
from flask_babel import get_babel
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse
from wtforms.meta import DefaultMeta

from commerce import form_html
from commerce.browser_session import KeptSessions, form_token
from commerce.config import Config
from commerce.error_messages import describe, title_of
from commerce.errors import CommerceError, Conflict, NotAllowed, NotFound, Rejected, Unavailable
from commerce.markup import cleaned
from commerce.money import format_money
from commerce.paging import MOST_COUNTED, Cursor, CursorLinks, CursorPage, Page, PageLinks
from commerce.request_limits import ANYBODY, PROGRAM, STAFF, BoundedHead, BoundedRequest, Bounds
from commerce.translated_templates import spoken_locale

log = logging.getLogger("commerce.web")


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""What changes nothing (RFC 9110, 9.2.1); Flask-WTF checks the others."""


class SameSiteCsrf(CSRFProtect):  # type: ignore[misc]
    """Flask-WTF's token for every form, and the browser's own word on where a form came from.

    `Sec-Fetch-Site` cannot be set by a page. A sibling host, such as another shop's, is elsewhere too. Clients that do
    not send it (programs, browsers before 2023) are held by the token alone.
    """

    def protect(self, apply_exemptions: bool = False) -> None:
        """Raise CSRFError for a form that another site made a browser send, or whose token is wrong."""
        if request.method in SAFE_METHODS:
            return
        super().protect(apply_exemptions=apply_exemptions)
        if g.get("csrf_valid") and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise CSRFError("the form came from another site")


csrf = SameSiteCsrf()


class PlainFlask(Flask):
    """Flask for views and hooks that are plain functions: at each call it would look whether one is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


STATUS_OF: dict[type[CommerceError], int] = {
    NotFound: 404,
    NotAllowed: 403,
    Rejected: 422,
    Conflict: 409,
    Unavailable: 503,
}
"""Error family -> HTTP status; the only place that knows."""

STATUS_TITLES = {413: "That is too much at once", 429: "Please wait a moment"}
"""What people read instead of the phrases of HTTP."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
    "manifest-src 'self'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: Flask-WTF checks the referrer of forms sent over HTTPS.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "microphone=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Frame-Options": "DENY",
}
TWO_YEARS = 63_072_000
STRICT_TRANSPORT = {
    "host": f"max-age={TWO_YEARS}",
    "subdomains": f"max-age={TWO_YEARS}; includeSubDomains",
    "preload": f"max-age={TWO_YEARS}; includeSubDomains; preload",
}
"""HSTS setting -> header. Subdomains are for the owner to decide: other servers there may not speak HTTPS."""


class TextForm(FlaskForm):  # type: ignore[misc]
    """Base of the forms that visitors send: text, as a browser sends it.

    Flask-WTF would also fill fields with uploaded files or with the values of a JSON object, which no field of ours
    expects; here such a body is an empty form.
    """

    class Meta:  # noqa: D106 - WTForms reads its options here
        def wrap_formdata(self, _form: Any, formdata: Any) -> Any:
            """Return what a form was given, or else the text fields of the request."""
            if formdata is None or hasattr(formdata, "getlist"):
                return formdata
            return request.form if request.method == "POST" else None

        def render_field(self, field: Any, render_kw: dict[str, Any]) -> Any:
            """Return the control of a field."""
            html = form_html.render_field(field, render_kw)
            return DefaultMeta.render_field(self, field, render_kw) if html is None else html


View = TypeVar("View", bound=Callable[..., Any])


def accepts_bytes(size: int, *, parts: int = STAFF.parts) -> Callable[[View], View]:
    """Mark a view whose form may hold `size` bytes in `parts` fields when staff send it, such as a picture.

    See `request_limits`.
    """

    def mark(view: View) -> View:
        view.takes = replace(STAFF, size=size, parts=parts)  # type: ignore[attr-defined]
        return view

    return mark


def _bound_requests(app: Flask, bounds_of_sender: Callable[[], Bounds]) -> None:
    """Refuse what is larger than its sender may send, before it is read."""
    app.request_class = BoundedRequest
    config: Config = app.config["LOCKSTEP"]
    headers = dict(SECURITY_HEADERS)
    if config.public_scheme == "https" and config.hsts in STRICT_TRANSPORT:
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT[config.hsts]
    app.wsgi_app = BoundedHead(app.wsgi_app, headers.items())  # type: ignore[method-assign]

    def bound_body() -> None:
        length = request.content_length
        taken: Bounds | None = getattr(current_app.view_functions.get(request.endpoint or ""), "takes", None)
        small = length is not None and length <= ANYBODY.size and taken is None
        if request.method in ("GET", "HEAD", "OPTIONS") or small:
            return
        # Who sends it is asked only for what not everybody may send.
        bounds = bounds_of_sender()
        if taken is not None and bounds is (PROGRAM if taken.values else STAFF):
            bounds = taken
        request.bounds = bounds  # type: ignore[attr-defined]
        request.max_content_length = bounds.size
        if length is not None and length > bounds.size:
            raise RequestEntityTooLarge

    app.before_request(bound_body)


def status_of(error: CommerceError) -> int:
    """Return the HTTP status of an error's family."""
    return next((status for family, status in STATUS_OF.items() if isinstance(error, family)), 500)


def wants_region() -> bool:
    """Tell whether htmx asked for a part of the page (not for a boosted or restored whole page)."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def wants_json() -> bool:
    """Tell whether the client is a program: it asks for JSON and not for HTML, or speaks to the API."""
    if request.path.startswith("/api/"):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" and not request.accept_mimetypes.accept_html


def render_region(page: str, region: str, status: int = 200, **context: Any) -> Response:
    """Answer htmx with the partial `region`, everybody else with the whole `page`; both get the same context."""
    html = render_template(region if wants_region() else page, **context)
    response = make_response(html, status)
    response.vary.add("HX-Request")
    return response


def see_other(url: str) -> BaseResponse:
    """Answer a form with 303, so that a reload never sends it again."""
    return redirect(url, HTTPStatus.SEE_OTHER)


def leave_for(answer: BaseResponse) -> BaseResponse:
    """Return a redirect in the way that the asker understands: htmx would put the other page where a region is."""
    if wants_region():
        answer.headers["HX-Redirect"] = answer.headers.pop("Location")
        answer.status_code = 200
    return answer


def local_path(target: str | None, default: str) -> str:
    """Return `target` when it is a path of this shop, else `default`: no redirect leads to another site."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return default
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or any(ord(character) < 32 for character in target):
        return default
    return target


def cookie_name(name: str, path: str = "/") -> str:
    """Return what a cookie is called: in production with a prefix, by which browsers take it from this host alone.

    A sibling host, or whoever is between an unencrypted page and the browser, could set it otherwise (RFC 6265bis).
    """
    if not current_app.config["SESSION_COOKIE_SECURE"]:
        return name
    return f"__Host-{name}" if path == "/" else f"__Secure-{name}"


def cookie_rules(path: str = "/") -> dict[str, Any]:
    """Return how each cookie is set and taken away: for no script and no other site, in production only by HTTPS."""
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    return {"path": path, "httponly": True, "samesite": "Lax", "secure": secure}


def private(response: Response) -> Response:
    """Mark a page as belonging to one visitor: nobody keeps a copy."""
    response.headers["Cache-Control"] = "private, no-store"
    return response


def never_store(blueprint: Blueprint) -> Blueprint:
    """Mark every answer of a blueprint as `private`, and return the blueprint."""
    blueprint.after_request(private)
    return blueprint


def public(response: Response, seconds: int = 30) -> Response:
    """Let a shared proxy keep a catalogue page of a visitor without cookies; browsers ask again each time."""
    if not request.cookies and "Set-Cookie" not in response.headers:
        response.headers["Cache-Control"] = f"public, max-age=0, s-maxage={seconds}"
    else:
        response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Cookie", "HX-Request"))
    return response


def problem(status: int, code: str, title: str, detail: str, **facts: Any) -> Response:
    """Build an RFC 9457 problem document."""
    body = {
        "type": f"urn:lockstep:problem:{code}",
        "status": status,
        "code": code,
        "title": title,
        "detail": detail,
    }
    response = jsonify({**body, **facts})
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


_NOT_TYPED = re.compile(
    r"pass|secret|token|key|otp|proof|kept|card|form_id|version|next|^shown|_id$|^id$|^do$|^then$",
    re.IGNORECASE,
)
"""Fields of forms that are secret, or that no person fills in."""


def _answer_problem(status: int, code: str, title: str, detail: str, **facts_of_error: str) -> Response:
    if wants_json():
        return problem(status, code, title, detail, **facts_of_error)
    page = "errors/404.html" if status == 404 else "errors/problem.html"
    if f"{request.path}/".startswith("/admin/"):
        page = "errors/back_office.html"
    facts: dict[str, Any] = {"title": title, "detail": detail, "http_status": status, "code": code}
    facts["typed"] = _typed() if status in (400, 403, 404, 409) else []
    if status >= 500:
        # The head and foot of the shop's pages read the database, which may be what does not answer.
        facts["shop"] = None
    response = render_region(page, "errors/_problem.html", status, **facts)
    if wants_region():
        # The region that was asked for stays as it is; what went wrong is said in a place of its own.
        response.headers["HX-Retarget"] = "#problems"
        response.headers["HX-Reswap"] = "innerHTML"
    return private(response)


def _typed() -> list[tuple[str, str]]:
    """Return what somebody typed into the form that led to an error page, so that it can be copied from there.

    Never of a form that another site may have sent, nothing that a browser filled in by itself, and no secrets.
    """
    if request.method != "POST" or not g.get("csrf_valid"):
        return []
    return [
        (name.replace("_", " ").replace("-", " ").strip(), text)
        for name, text in request.form.items(multi=True)
        if text.strip() and not _NOT_TYPED.search(name)
    ]


def log_refusal(why: str) -> None:
    """Write down that somebody was kept out: when, who, what and why, for whoever looks into an attack."""
    log.warning("refused (%s): %s from %s, request %s", why, route(), request.remote_addr, request_id())


def route() -> str:
    """Return method and route of this request for a log; in an address there may be a secret, such as an order's."""
    return f"{request.method} {request.url_rule.rule if request.url_rule else '-'}"


def answer_error(error: CommerceError) -> Response:
    """Return the page, region or problem document that says what is wrong."""
    status = status_of(error)
    if status == 403:
        log_refusal(error.code)
    response = _answer_problem(status, error.code, title_of(error), describe(error), reason=error.reason)
    if status == 503:
        response.headers["Retry-After"] = "1"
    return response


def _on_http_exception(error: HTTPException) -> BaseResponse:
    if error.code in (403, 413, 429):
        log_refusal(error.name.lower())
    if isinstance(error.response, BaseResponse):
        return error.response
    status = error.code or 500
    title = (
        STATUS_TITLES.get(status) or HTTPStatus(status).phrase
        if status in HTTPStatus._value2member_map_
        else "Error"
    )
    response = _answer_problem(status, f"http_{status}", title, error.description or title)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _on_csrf_error(error: CSRFError) -> Response:
    log_refusal(error.description or "csrf")
    detail = "This form was open too long or came from elsewhere. Please go back, reload the page and send it again."
    return _answer_problem(400, "csrf", "Please send that again", detail)


def _on_pool_timeout(error: PoolTimeout) -> Response:
    log.warning("no database connection in time: %s", error)
    response = _answer_problem(503, "busy", "The shop is very busy", "Please try again in a moment.")
    response.headers["Retry-After"] = "2"
    return response


def _on_database_trouble(error: OperationalError | psycopg.OperationalError) -> Response:
    """Say that the shop cannot answer now: the database is away, full, or took too long."""
    # Who reads this wants to know why, not which page met it: of all pages that do there is one trace.
    log.error("the database failed (%s), request %s", type(error).__name__, request_id(), exc_info=error)
    response = _answer_problem(
        503, "unavailable", "The shop cannot answer right now", "Please try again in a moment."
    )
    response.headers["Retry-After"] = "5"
    return response


def _on_bug(_error: Exception) -> Response:
    """Show nothing of what nobody expected but the id under which Flask has logged it."""
    return _answer_problem(
        500,
        "internal",
        "Something went wrong on our side",
        f"Nothing was lost. Our reference: {request_id()}",
    )


_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,63}")
"""What we take over, and can keep: 64 characters have room in the history."""


def request_id() -> str:
    """Return the id of this request, for logs and for the history of what it changed.

    It is the one that the proxy has given, so that both logs speak of the same; what is no plain short name is not
    taken over.
    """
    if "request_id" not in g:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    return str(g.request_id)


def _add_headers(response: Response) -> Response:
    response.headers["X-Request-ID"] = request_id()
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-cache"
    return response


def _money(amount: int, currency: str) -> str:
    return format_money(amount, currency, _locale_name(spoken_locale()))


@lru_cache(maxsize=1024)
def _locale_name(locale: Locale | None) -> str:
    return str(locale)


def _counted(number: int) -> str:
    """Return a count of paging as people read it: one beyond the bound as "10,000+"."""
    shown = format_decimal(min(number, MOST_COUNTED), locale=spoken_locale())
    return f"{shown}+" if number > MOST_COUNTED else shown


def _zone() -> ZoneInfo:
    """Return the time zone of the entered shop; flask-babel would keep the first one for as long as a worker runs."""
    return ZoneInfo(get_babel().timezone_selector())


def _when(moment: datetime | None, style: str = "medium") -> str:
    """Return a moment in the shop's time zone, for a page or mail of that shop."""
    return format_datetime(moment, style, tzinfo=_zone(), locale=spoken_locale()) if moment else ""


def _deadline(moment: datetime | None, style: str = "short") -> str:
    """Return a moment as `when` does and the name of its time zone: who reads it may live in another."""
    if not moment:
        return ""
    zone = get_timezone_name(moment.astimezone(_zone()), "short", locale=spoken_locale())
    return f"{_when(moment, style)} {zone}"


def page_links(listing: Page[Any] | CursorPage[Any]) -> PageLinks | CursorLinks:
    """Return the ways to the pages around the present one, each with everything else that its address asks for."""
    asked = tuple(
        (name, text) for name, text in request.args.items() if name not in ("page", "before", "after")
    )
    if isinstance(listing, CursorPage):
        older = str(Cursor(*listing.older)) if listing.older else ""
        return CursorLinks(request.path, asked, older, first=not request.args.get("before"))
    return PageLinks(
        request.path,
        asked,
        listing.current,
        listing.last,
        listing.total,
        listing.more,
        listing.after,
        listing.before,
    )


def _day(day: date | None) -> str:
    """Return a day; a moment is on the day that it has in the shop's time zone."""
    if day is None:
        return ""
    local = day.astimezone(_zone()) if isinstance(day, datetime) else day
    return str(format_date(local, "medium", locale=spoken_locale()))


def init_web(app: Flask, bounds_of_sender: Callable[[], Bounds]) -> None:
    """Attach CSRF protection, template filters, the error table and the headers to the app.

    `bounds_of_sender` returns what whoever is behind the request may send.
    """
    # Before the form is read for its token.
    _bound_requests(app, bounds_of_sender)
    csrf.init_app(app)
    app.session_interface = KeptSessions()
    app.jinja_env.globals["csrf_token"] = form_token
    app.context_processor(lambda: {"csrf_token": form_token})
    app.jinja_env.filters.update(
        money=_money,
        counted=_counted,
        when=_when,
        day=_day,
        deadline=_deadline,
        describe=describe,
        title_of=title_of,
    )
    app.jinja_env.filters["cleaned"] = cleaned
    app.jinja_env.globals.update(page_links=page_links, written_field=form_html.write_field)
    app.register_error_handler(CommerceError, answer_error)
    app.register_error_handler(CSRFError, _on_csrf_error)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.register_error_handler(PoolTimeout, _on_pool_timeout)
    app.register_error_handler(OperationalError, _on_database_trouble)
    app.register_error_handler(psycopg.OperationalError, _on_database_trouble)
    app.register_error_handler(500, _on_bug)
    app.after_request(_add_headers)
