"""Look at every mail before anybody gets it: of a made-up order or a real one, in any language. Nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass

from flask import make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.errors import NotFound
from commerce.notifications.i18n import LANGUAGES, language_of
from commerce.notifications.mail_types import MAILS, MailType
from commerce.notifications.rendering import ComposedMail, compose, operations_address
from commerce.notifications.samples import sample_context
from commerce.tenants.scope import current_shop
from commerce.web import CONTENT_SECURITY_POLICY

FRAMING = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
"""A mail carries its styles inline, so its page may have them, and nothing else: no script, no form, no picture."""
MAX_CODE = 40


@dataclass(frozen=True, slots=True)
class Trial:
    """A mail as it would be, and how it was asked for. `problem` says why it is of the made-up order after all."""

    mail: MailType
    letter: ComposedMail
    language: str
    code: str
    problem: str = ""


@blueprint.get("/mails")
@requires_permission("mails.view")
def mail_list() -> BaseResponse:
    """List every mail with what it follows from and who gets it."""
    return make_response(
        render_template("admin/settings/mails.html", mails=MAILS.values(), operations=operations_address())
    )


@blueprint.get("/mails/<name>")
@requires_permission("mails.view")
def mail_page(name: str) -> BaseResponse:
    """Show one mail as text, and as HTML in a frame of its own."""
    trial = _trial(name)
    page = render_template("admin/settings/mail.html", trial=trial, languages=LANGUAGES)
    response = make_response(page, 404 if trial.problem else 200)
    response.headers["Content-Security-Policy"] = FRAMING
    return response


@blueprint.get("/mails/<name>/html")
@requires_permission("mails.view")
def mail_html(name: str) -> BaseResponse:
    """Answer the HTML of a mail alone, for the frame: it runs nothing and reaches nothing."""
    response = make_response(_trial(name).letter.html)
    response.headers["Content-Security-Policy"] = FRAMED
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _trial(name: str) -> Trial:
    """Write the mail that the query string asks for. Raises NotFound for an unknown mail."""
    mail = MAILS.get(name)
    if mail is None:
        raise NotFound("There is no such mail.")
    code, problem = request.args.get("order", "").strip()[:MAX_CODE], ""
    try:
        told = sample_context(mail, code if code.isprintable() else "?")
    except NotFound as error:
        told, problem = sample_context(mail), error.detail
    language = request.args.get("language", "")
    if language not in LANGUAGES:
        language = language_of(told.order.locale)
    # Amounts and dates as the shop writes them, as far as it speaks that language.
    own = current_shop().locale
    locale = own if language_of(own) == language else language
    return Trial(mail, compose(name, told.facts, told, locale=locale), language, code, problem)
