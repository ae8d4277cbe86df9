"""Access to the operator's pages: one blueprint, and none of its pages is open without a session."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from flask import Blueprint, current_app, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.auth import client_address, load_current, require_current, template_person
from commerce.accounts.sessions import OPERATOR, SignedIn
from commerce.events.outbox import Actor
from commerce.platform.operator_log import recorded
from commerce.web import never_store, request_id, see_other

HOME = "/platform/"
SIGN_IN = "/platform/sign-in"
CODE = "/platform/sign-in/code"
ENROLMENT = "/platform/second-factor"
blueprint = never_store(Blueprint("platform", __name__, url_prefix="/platform"))
blueprint.context_processor(template_person(OPERATOR, "operator"))
OPEN = {"platform.sign_in", "platform.sign_in_code", "platform.sign_out"}


def current_operator() -> SignedIn:
    """Return the operator behind a request that the guard has let through."""
    return require_current(OPERATOR)


def operator_actor() -> Actor:
    """Return the operator as events name people."""
    return current_operator().actor(request_id())


def audit_operator(action: str, subject: str = "", **changes: Any) -> AbstractContextManager[None]:
    """Record the operator's action in the transaction that is committed inside the block."""
    return recorded(current_operator().email, action, subject, client_address(), **changes)


@blueprint.before_request
def _guard() -> BaseResponse | None:
    if request.endpoint in OPEN:
        return None
    person = load_current(OPERATOR)
    if person is None:
        return see_other(SIGN_IN)
    if person.waits_for_code:
        return see_other(CODE)
    # One password must not open all shops of a real installation.
    must_enrol = current_app.config["LOCKSTEP"].production and not person.has_second_factor
    if must_enrol and request.path != ENROLMENT:
        return see_other(ENROLMENT)
    return None
