"""The sign-in form."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import EmailField, HiddenField, PasswordField
from wtforms.validators import InputRequired, Length

from commerce.accounts.passwords import MAX_LENGTH
from commerce.web import TextForm


class SignInForm(TextForm):
    """Who are you? The shape of the address is not judged here: a wrong one belongs to nobody."""

    email = EmailField(_("E-mail"), [InputRequired(_("Please enter your e-mail address.")), Length(max=255)])
    password = PasswordField(
        _("Password"), [InputRequired(_("Please enter your password.")), Length(max=MAX_LENGTH)]
    )
    next = HiddenField()
