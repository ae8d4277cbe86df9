"""Forms of people who come in: sign-in, code, invitation, a new password."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import EmailField, HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from commerce.accounts.passwords import MAX_LENGTH
from commerce.web import TextForm


def _password(label: object) -> PasswordField:
    return PasswordField(label, [InputRequired(_("Please enter your password.")), Length(max=MAX_LENGTH)])


def _new_password() -> PasswordField:
    return PasswordField(_("New password"), [InputRequired(_("Please choose a password."))])


def _email() -> EmailField:
    return EmailField(_("E-mail"), [InputRequired(_("Please enter your e-mail address.")), Length(max=255)])


def otp_field() -> StringField:
    """Return the field of a code of the app or from paper."""
    return StringField(_("Code"), [InputRequired(_("Please enter the code.")), Length(max=40)])


class SignInForm(TextForm):
    """Who are you? The shape of the address is not judged here: a wrong one belongs to nobody."""

    email = _email()
    password = _password(_("Password"))
    next = HiddenField()


class CodeForm(TextForm):
    """The code of the second factor, after the password."""

    otp = otp_field()
    next = HiddenField()


class InvitationForm(TextForm):
    """What an invited person brings along."""

    name = StringField(_("Your name"), [InputRequired(_("Please enter your name.")), Length(max=255)])
    password = _new_password()


class ForgottenForm(TextForm):
    """Whose password was forgotten."""

    email = _email()


class StaffNewPasswordForm(TextForm):
    """A new password in place of a forgotten one."""

    password = _new_password()


class StaffChangePasswordForm(TextForm):
    """A new password in place of the present one."""

    present_password = _password(_("Present password"))
    password = _new_password()


class StaffNameForm(TextForm):
    """How somebody is called in the history of orders."""

    name = StringField(_("Name"), [InputRequired(_("Please enter your name.")), Length(max=255)])


class EnrolForm(TextForm):
    """The first code of an app; `secret` is sealed."""

    otp = otp_field()
    secret = HiddenField()


class ConfirmIdentityForm(TextForm):
    """The password once more, or a code from those who have a second factor."""

    password = PasswordField(_("Password"), [Length(max=MAX_LENGTH)])
    otp = StringField(_("Code"), [Length(max=40)])
    kept = HiddenField()
