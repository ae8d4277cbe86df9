"""Forms of the sign-in pages: password, code, invitation, new password."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import EmailField, HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from commerce.accounts.passwords import MAX_LENGTH
from commerce.web import TextForm


def _password(label: object) -> PasswordField:
    return PasswordField(label, [InputRequired(_("Enter your password.")), Length(max=MAX_LENGTH)])


def _new_password() -> PasswordField:
    return PasswordField(_("New password"), [InputRequired(_("Choose a password."))])


def _email() -> EmailField:
    return EmailField(_("Email"), [InputRequired(_("Enter your email address.")), Length(max=255)])


def otp_field() -> StringField:
    """Return the field for a code of the app or a recovery code."""
    return StringField(_("Code"), [InputRequired(_("Enter the code.")), Length(max=40)])


class SignInForm(TextForm):
    """Email and password. The shape of the address is not checked: a wrong one belongs to nobody."""

    email = _email()
    password = _password(_("Password"))
    next = HiddenField()


class CodeForm(TextForm):
    """The code of the second factor, after the password."""

    otp = otp_field()
    next = HiddenField()


class InvitationForm(TextForm):
    """Name and password of an invited person."""

    name = StringField(_("Your name"), [InputRequired(_("Enter your name.")), Length(max=255)])
    password = _new_password()


class ForgottenForm(TextForm):
    """The address of somebody who forgot their password."""

    email = _email()


class StaffNewPasswordForm(TextForm):
    """A new password after a reset."""

    password = _new_password()


class StaffChangePasswordForm(TextForm):
    """Change of a password that is known."""

    present_password = _password(_("Current password"))
    password = _new_password()


class StaffNameForm(TextForm):
    """The name that the history of orders shows."""

    name = StringField(_("Name"), [InputRequired(_("Enter your name.")), Length(max=255)])


class EnrolForm(TextForm):
    """The first code of an app; `secret` is sealed."""

    otp = otp_field()
    secret = HiddenField()


class ConfirmIdentityForm(TextForm):
    """The password once more, or a code from those who have a second factor."""

    password = PasswordField(_("Password"), [Length(max=MAX_LENGTH)])
    otp = StringField(_("Code"), [Length(max=40)])
    kept = HiddenField()
