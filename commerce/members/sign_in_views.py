"""Register, sign in, follow links from mails, sign out.

Whoever asks for a link sees the same page, whether the address has an account or not. A link's GET only shows a
button, since programs that look for bad links open them too.
"""

from __future__ import annotations

from flask import flash, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import members, sign_in
from commerce.accounts.auth import current_member
from commerce.accounts.cookies import device, drop_token, token_of
from commerce.accounts.email_tokens import EmailToken, TokenExpired, find_token
from commerce.accounts.forms import SignInForm
from commerce.accounts.kept_form import kept_by_sign_in, offer_to_continue
from commerce.accounts.sessions import MEMBER
from commerce.error_messages import describe
from commerce.errors import Conflict, InvalidValue
from commerce.form_submissions import counts_always
from commerce.members.auth import HOME, blueprint, member, members_only, start_session
from commerce.members.forms import EmailForm, MemberNewPasswordForm, RegisterForm
from commerce.members.services import confirm_email, sign_in_by_link
from commerce.web import local_path, see_other

REFERRER = "strict-origin"
"""Of pages whose address holds a secret: it leaves the page in no header. Not no-referrer: Flask-WTF wants to know
where a form sent over HTTPS comes from."""
SENT = "/account/mail-sent"


@blueprint.route("/account/register", methods=["GET", "POST"], endpoint="register")
@counts_always
def register() -> BaseResponse:
    """Register: mail the link to a new account."""
    form = RegisterForm()
    if form.validate_on_submit():
        members.register_member(form.address, str(form.name.data))
        return see_other(SENT)
    return _page("members/register.html", form)


@blueprint.route("/account/password-reset", methods=["GET", "POST"], endpoint="forgot")
@counts_always
def forgot() -> BaseResponse:
    """Request a link to reset a forgotten password."""
    form = EmailForm()
    if form.validate_on_submit():
        members.forgot_password(form.address)
        return see_other(SENT)
    return _page("members/forgot.html", form)


@blueprint.get("/account/mail-sent", endpoint="mail_sent")
def mail_sent() -> BaseResponse:
    """Confirm that a mail was sent, in the same words to everybody."""
    return make_response(render_template("members/mail_sent.html"))


@blueprint.route("/account/sign-in", methods=["GET", "POST"], endpoint="sign_in")
def enter() -> BaseResponse:
    """Show the form, or sign in and redirect to the page that was asked for."""
    target = local_path(request.values.get("next"), HOME)
    if request.method == "GET" and current_member() is not None:
        return see_other(target)
    form = SignInForm(next=target)
    if form.validate_on_submit():
        email, password = str(form.email.data), str(form.password.data)
        try:
            opened = sign_in.sign_in(MEMBER, email, password, device(MEMBER), replaces=token_of(MEMBER))
        except sign_in.SignInRefused as refusal:
            form.form_errors.append(describe(refusal))
        else:
            onward = start_session(see_other(target), opened.token, opened.person_id)
            return offer_to_continue(onward, opened.person_id, "members/continue.html")
    return _page("members/sign_in.html", form, kept=kept_by_sign_in())


@blueprint.post("/account/sign-out", endpoint="sign_out")
def leave() -> BaseResponse:
    """End the session on the server; this browser then has an empty cart of its own."""
    token = token_of(MEMBER)
    if token:
        sign_in.sign_out(MEMBER, token)
    flash(_("You’re signed out."), "good")
    return drop_token(see_other("/"), MEMBER)


# --- links from mails ---------------------------------------------------------------------------------


@blueprint.route("/account/confirmation/<token>", methods=["GET", "POST"], endpoint="confirm")
def confirm(token: str) -> BaseResponse:
    """Choose the password of a new account."""
    return _choose_password("confirm_member", token)


@blueprint.route("/account/password-reset/<token>", methods=["GET", "POST"], endpoint="reset")
def reset(token: str) -> BaseResponse:
    """Choose a new password."""
    return _choose_password("reset_member", token)


def _choose_password(purpose: str, token: str) -> BaseResponse:
    form = MemberNewPasswordForm()
    try:
        proof = find_token(purpose, token)
        if not form.validate_on_submit():
            return _link_page(form, proof)
        entered = sign_in_by_link(proof, token, str(form.password.data), device(MEMBER))
    except TokenExpired as over:
        return _over(over)
    except InvalidValue as error:
        form.password.errors = [describe(error)]
        return _link_page(form, proof)
    flash(_("Password saved. You’re signed in."), "good")
    _tell_found(entered.orders)
    return start_session(see_other(HOME), entered.token, entered.member_id)


@blueprint.route("/account/proofs/<token>", methods=["GET", "POST"], endpoint="prove_email")
@members_only
def prove(token: str) -> BaseResponse:
    """Confirm an address as a signed-in member: two proofs, so a leaked link alone gives nothing away."""
    try:
        proof = find_token("change_member", token, of=member().id)
        if request.method == "GET":
            return _secret(make_response(render_template("members/confirm_email.html", proof=proof)))
        found = confirm_email(token)
    except TokenExpired as over:
        return _over(over)
    except Conflict as error:
        flash(describe(error), "warn")
        return see_other("/account/settings")
    if proof.email != member().email:
        flash(_("Your email address is now %(email)s.", email=proof.email), "good")
    elif not found:
        flash(_("We found no other orders with your email address."), "good")
    _tell_found(found)
    return see_other("/account/orders")


def _tell_found(orders: int) -> None:
    if orders:
        words = ngettext(
            "We added %(num)d order that you placed as a guest.",
            "We added %(num)d orders that you placed as a guest.",
            orders,
        )
        flash(words, "good")


def _page(template: str, form: EmailForm | SignInForm, **context: str) -> BaseResponse:
    page = render_template(template, form=form, **context)
    return make_response(page, 422 if request.method == "POST" else 200)


def _link_page(form: MemberNewPasswordForm, proof: EmailToken) -> BaseResponse:
    status = 422 if request.method == "POST" else 200
    return _secret(
        make_response(render_template("members/new_password.html", form=form, proof=proof), status)
    )


def _over(over: TokenExpired) -> BaseResponse:
    return _secret(make_response(render_template("members/link_expired.html", over=over), 404))


def _secret(response: BaseResponse) -> BaseResponse:
    response.headers["Referrer-Policy"] = REFERRER
    return response
