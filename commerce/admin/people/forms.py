"""Forms about people: an invitation."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import EmailField, SelectChoice, SelectField
from wtforms.validators import InputRequired, Length

from commerce.accounts.permissions import ROLES
from commerce.web import TextForm


class InviteForm(TextForm):
    """Who to invite, and with which role."""

    email = EmailField(_("Email"), [InputRequired(_("Please enter an email address.")), Length(max=255)])
    role = SelectField(_("Role"), choices=[SelectChoice(role, role) for role in ROLES], default="support")
