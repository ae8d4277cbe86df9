"""Preview every email: of a sample order or a real one, in any language. Nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass

from flask import make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.error_messages import describe
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
"""An email carries its styles inline, so its page may have them, and nothing else: no script, form or picture."""
MAX_CODE = 40


@dataclass(frozen=True, slots=True)
class MailPreview:
    """An email as it would be, and how it was asked for. `problem` says why it is of the sample order after all."""

    mail: MailType
    composed: ComposedMail
    language: str
    code: str
    problem: str = ""


@blueprint.get("/mails")
@requires_permission("mails.view")
def mail_list() -> BaseResponse:
    """List every email with its trigger and its recipient."""
    return make_response(
        render_template("admin/settings/mails.html", mails=MAILS.values(), operations=operations_address())
    )


@blueprint.get("/mails/<name>")
@requires_permission("mails.view")
def mail_page(name: str) -> BaseResponse:
    """Show one email as text, and as HTML in a frame of its own."""
    preview = _preview(name)
    page = render_template("admin/settings/mail.html", preview=preview, languages=LANGUAGES)
    response = make_response(page, 404 if preview.problem else 200)
    response.headers["Content-Security-Policy"] = FRAMING
    return response


@blueprint.get("/mails/<name>/html")
@requires_permission("mails.view")
def mail_html(name: str) -> BaseResponse:
    """Answer the HTML of an email alone, for the frame: it runs nothing and reaches nothing."""
    response = make_response(_preview(name).composed.html)
    response.headers["Content-Security-Policy"] = FRAMED
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _preview(name: str) -> MailPreview:
    """Compose the email that the query string asks for. Raises NotFound for an unknown one."""
    mail = MAILS.get(name)
    if mail is None:
        raise NotFound("mail_not_found")
    code, problem = request.args.get("order", "").strip()[:MAX_CODE], ""
    try:
        context = sample_context(mail, code if code.isprintable() else "?")
    except NotFound as error:
        context, problem = sample_context(mail), describe(error)
    language = request.args.get("language", "")
    if language not in LANGUAGES:
        language = language_of(context.order.locale)
    # Amounts and dates as the shop writes them, as far as it speaks that language.
    own = current_shop().locale
    locale = own if language_of(own) == language else language
    return MailPreview(mail, compose(name, context.facts, context, locale=locale), language, code, problem)
