"""The cookie of whoever is signed in, and where a request comes from: the part of signing in that knows HTTP."""

from __future__ import annotations

import uuid

from flask import request, session
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.sessions import MEMBER, OPERATOR, STAFF, Device, Kind, P, S
from commerce.accounts.throttle import MARK_LIFETIME, make_mark
from commerce.web import cookie_name, cookie_rules

PATHS = {STAFF.name: "/admin", MEMBER.name: "/", OPERATOR.name: "/"}
"""Kind -> where its cookie is sent to. The shop greets its members everywhere; staff are known in the back office."""


MARK_PATHS = {STAFF.name: "/admin", MEMBER.name: "/account", OPERATOR.name: "/platform"}
"""Kind -> where the mark of a known browser is sent to: the sign-in pages, so that the shop's stay cacheable."""


def device(kind: Kind[P, S]) -> Device:
    """Return where the request comes from, with the browser's mark of an earlier sign-in."""
    mark = request.cookies.get(_mark_name(kind), "")
    return Device(request.remote_addr or "", request.user_agent.string, mark)


def token_of(kind: Kind[P, S]) -> str:
    """Return the token of the request's session, '' when there is none."""
    return request.cookies.get(cookie_name(kind.name, PATHS[kind.name]), "")


def keep_token(response: BaseResponse, kind: Kind[P, S], token: str) -> BaseResponse:
    """Put the token of a session that was just opened into its cookie."""
    # A form token that somebody may have planted before is worth nothing from here on.
    session.pop("csrf_token", None)
    return exchange_token(response, kind, token)


def remember_browser(
    response: BaseResponse, kind: Kind[P, S], person_id: uuid.UUID, *, gave_code: bool = False
) -> BaseResponse:
    """Mark the browser as one that this person has signed in with: then others' wrong passwords never delay them.

    `gave_code`: with a second factor; without it the mark is none for codes.
    """
    mark = make_mark(kind, person_id, device(kind).mark, gave_code=gave_code)
    path, seconds = MARK_PATHS[kind.name], int(MARK_LIFETIME.total_seconds())
    response.set_cookie(_mark_name(kind), mark, max_age=seconds, **cookie_rules(path))
    return response


def _mark_name(kind: Kind[P, S]) -> str:
    return cookie_name(f"{kind.name}_browser", MARK_PATHS[kind.name])


def exchange_token(response: BaseResponse, kind: Kind[P, S], token: str) -> BaseResponse:
    """Put the new token of a session that goes on into its cookie; the forms of its pages stay good."""
    path, seconds = PATHS[kind.name], int(kind.lifetime.total_seconds())
    response.set_cookie(cookie_name(kind.name, path), token, max_age=seconds, **cookie_rules(path))
    return response


def drop_token(response: BaseResponse, kind: Kind[P, S]) -> BaseResponse:
    """Take the cookie away when its session has ended."""
    session.pop("csrf_token", None)
    path = PATHS[kind.name]
    response.delete_cookie(cookie_name(kind.name, path), **cookie_rules(path))
    return response
