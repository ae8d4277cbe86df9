"""Every email: its preview, of a sample order or a real one in any language, and the shop's own words in it."""

from __future__ import annotations

from dataclasses import dataclass
from smtplib import SMTPException
from typing import Any

from flask import make_response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, requires_permission
from commerce.admin.forms import Difference
from commerce.admin.save import done, save, saved_text
from commerce.admin.settings.forms import MailTextForm
from commerce.error_messages import describe
from commerce.errors import CommerceError, NotFound, Rejected
from commerce.notifications.i18n import LANGUAGES, language_of
from commerce.notifications.mail_types import MAILS, MailType
from commerce.notifications.rendering import ComposedMail, compose, operations_address, send_test
from commerce.notifications.samples import sample_context
from commerce.notifications.texts import is_editable, own_text, variables_of, write_text
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
    """Show one email as text, and as HTML in a frame of its own, with the shop's own words to be edited."""
    preview = _preview(name)
    return _show(preview, _form(preview), 404 if preview.problem else 200)


@blueprint.post("/mails/<name>/texts")
@requires_permission("mails.change")
def mail_texts_change(name: str) -> BaseResponse:
    """Save the shop's own words for an email in one language; without any, ours come back."""
    preview = _preview(name)
    form = _form(preview, request.form)
    return save(
        form,
        lambda: write_text(name, preview.language, **form.values(), seen_version=int(form.version.data)),
        show=lambda status, **context: _show(preview, form, status, **context),
        then=lambda changed: done(saved_text(changed), _here(preview)),
        current=lambda: _form(_preview(name)),
    )


@blueprint.post("/mails/<name>/tests")
@requires_permission("mails.change")
def mail_test(name: str) -> BaseResponse:
    """Send an email, as it would be, to the one who asks."""
    preview, staff = _preview(name), current_staff()
    try:
        send_test(preview.composed, staff.email)
    except (OSError, SMTPException) as error:
        problem = Rejected("mail_not_sent", error=str(error)[:200])
        return _show(preview, _form(preview), 422, problem=problem)
    return done(_("We sent the email to %(email)s.", email=staff.email), _here(preview))


def _show(
    preview: MailPreview,
    form: MailTextForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: list[Difference] | None = None,
) -> BaseResponse:
    page = render_template(
        "admin/settings/mail.html",
        preview=preview,
        languages=LANGUAGES,
        form=form,
        editable=is_editable(preview.mail),
        written=bool(own_text(preview.mail.name, preview.language)),
        variables=variables_of(preview.mail),
        here=_here(preview),
        problem=problem,
        compared=compared,
    )
    response = make_response(page, status)
    response.headers["Content-Security-Policy"] = FRAMING
    return response


def _form(preview: MailPreview, formdata: Any = None) -> MailTextForm:
    return MailTextForm(formdata, obj=own_text(preview.mail.name, preview.language))


def _here(preview: MailPreview) -> str:
    return url_for(
        "admin.mail_page", name=preview.mail.name, language=preview.language, order=preview.code or None
    )


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
