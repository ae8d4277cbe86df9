"""Flask's session cookie and the token of forms, with what was once verified or signed kept by the process.

A visitor's cookie is the same from page to page, so its signature is checked once in each process and not at each
request; how old it is, is looked at each time. What is kept is found by all of the cookie, signature included, so
nobody gets at it who does not send that cookie.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from flask import Flask, Request, current_app, g, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadSignature, URLSafeTimedSerializer

MOST_KEPT = 4096
"""Cookies of about 200 bytes; beyond that, all are forgotten and verified again."""


class KeptSessions(SecureCookieSessionInterface):
    """Sessions in signed cookies, as Flask has them."""

    def __init__(self) -> None:
        self._serializers: dict[tuple[Any, ...], URLSafeTimedSerializer | None] = {}
        self._verified: dict[tuple[int, str], tuple[dict[str, str], int]] = {}

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs with the app's keys, made once for them."""
        keys = (app.secret_key, *(app.config["SECRET_KEY_FALLBACKS"] or ()))
        if keys not in self._serializers:
            self._serializers[keys] = super().get_signing_serializer(app)
        return self._serializers[keys]

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session that the cookie holds, an empty one when it is not ours or too old."""
        serializer = self.get_signing_serializer(app)
        cookie = request.cookies.get(self.get_cookie_name(app))
        if serializer is None or not cookie:
            return super().open_session(app, request)
        lifetime = int(app.permanent_session_lifetime.total_seconds())
        kept = self._verified.get((id(serializer), cookie))
        if kept is not None:
            facts, signed_at = kept
            return self.session_class(facts if 0 <= int(time.time()) - signed_at <= lifetime else None)
        try:
            facts, moment = serializer.loads(cookie, max_age=lifetime, return_timestamp=True)
        except BadSignature:
            return self.session_class()
        if all(isinstance(fact, str) for fact in facts.values()):
            # Anything else, such as the list of messages, could be changed by who got it.
            if len(self._verified) >= MOST_KEPT:
                self._verified.clear()
            self._verified[id(serializer), cookie] = facts, int(moment.timestamp())
        return self.session_class(facts)


def form_token() -> str:
    """Return the token of this visitor's forms, as Flask-WTF makes it; the same is signed once."""
    own = session.get("csrf_token")
    if "csrf_token" not in g and isinstance(own, str):
        secret = current_app.config["WTF_CSRF_SECRET_KEY"]
        g.csrf_token = _signed(own, tuple(secret) if isinstance(secret, list) else (secret,))
    token: str = generate_csrf()
    return token


@lru_cache(maxsize=MOST_KEPT)
def _signed(own: str, keys: tuple[str, ...]) -> str:
    """Sign as `flask_wtf.csrf.generate_csrf` does. Tokens have no time limit, so it may be some minutes old."""
    token: str = URLSafeTimedSerializer(list(keys), salt="wtf-csrf-token").dumps(own)
    return token
