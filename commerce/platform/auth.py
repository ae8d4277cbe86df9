"""Who runs the installation and is behind a request; nobody passes this blueprint's door without a session."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, g, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import sessions
from commerce.accounts import sign_in as signing
from commerce.accounts.cookies import token_of
from commerce.accounts.sessions import OPERATOR
from commerce.events.outbox import Actor
from commerce.platform.operator_log import recorded
from commerce.web import private, request_id, see_other

HOME = "/platform/"
SIGN_IN = "/platform/sign-in"
CODE = "/platform/sign-in/code"
ENROLMENT = "/platform/second-factor"
blueprint = Blueprint("platform", __name__, url_prefix="/platform")
OPEN = {"platform.sign_in", "platform.sign_in_code", "platform.sign_out"}


@dataclass(frozen=True, slots=True)
class SignedInOperator:
    """An operator behind a request. `waits_for_code`: the password was given and the code is still missing."""

    id: uuid.UUID
    name: str
    email: str
    session_id: uuid.UUID
    has_second_factor: bool
    waits_for_code: bool


def load_current_operator() -> SignedInOperator | None:
    """Return whose session the request has, whole or not. Asked once per request."""
    if "operator" not in g:
        g.operator = _find(token_of(OPERATOR))
    found: SignedInOperator | None = g.operator
    return found


def _find(token: str) -> SignedInOperator | None:
    found = sessions.find(OPERATOR, token) if token else None
    if found is None:
        return None
    person, session = found
    signing.keep_alive(OPERATOR, session.id, session.seen_at)
    has = person.totp_since is not None
    return SignedInOperator(
        person.id, person.name, person.email, session.id, has, has and not session.second_factor
    )


def current_operator() -> SignedInOperator:
    """Return the operator behind a request that has passed the door."""
    found = load_current_operator()
    if found is None:
        raise AssertionError("the door lets nobody in who is not signed in")
    return found


def operator_actor() -> Actor:
    """Return the operator as events name people."""
    return Actor(
        "operator", id=str(current_operator().id), name=current_operator().name, request_id=request_id()
    )


def audit_operator(action: str, subject: str = "", **changes: Any) -> AbstractContextManager[None]:
    """Write down what the operator does meanwhile."""
    return recorded(current_operator().email, action, subject, request.remote_addr or "", **changes)


@blueprint.before_request
def _guard() -> BaseResponse | None:
    if request.endpoint in OPEN:
        return None
    person = load_current_operator()
    if person is None:
        return see_other(SIGN_IN)
    if person.waits_for_code:
        return see_other(CODE)
    # One password must not open all shops of a real installation.
    must_enrol = current_app.config["LOCKSTEP"].production and not person.has_second_factor
    if must_enrol and request.path != ENROLMENT:
        return see_other(ENROLMENT)
    return None


@blueprint.after_request
def _set_no_store(response: Any) -> Any:
    return private(response)


@blueprint.context_processor
def _template_globals() -> dict[str, Any]:
    return {"operator": load_current_operator()}
