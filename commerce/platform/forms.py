"""Forms of the operator's pages."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, IntegerField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.tenants.settings import MAX_LIMIT
from commerce.web import TextForm

_NEEDED = InputRequired(_("This field is required."))


class PlatformForm(TextForm):
    """A form that shows what a service refuses at the field that it names."""

    def refuse(self, error: InvalidValue) -> None:
        """Show what was wrong."""
        field = self._fields.get(error.field)
        if field is None:
            self.form_errors.append(describe(error))
        else:
            field.errors = [*field.errors, describe(error)]


class NewShopForm(PlatformForm):
    """A shop and its first owner."""

    name = StringField(_("Name"), [_NEEDED, Length(max=255)])
    code = StringField(_("Code"), [_NEEDED, Length(max=40)])
    host = StringField(_("Host name"), [Length(max=253)])
    currency = StringField(_("Currency"), [_NEEDED, Length(max=3)])
    country = StringField(_("Country"), [_NEEDED, Length(max=2)])
    tax_percent = StringField(_("Tax rate (%)"), [Length(max=9)], default="0")
    shipping = StringField(_("Shipping price"), [Length(max=20)], default="0")
    prices_include_tax = BooleanField(_("Prices include tax"), default=True)
    owner_email = StringField(_("Owner’s email"), [_NEEDED, Length(max=254)])
    owner_by = SelectField(
        _("How the owner signs in"),
        choices=[
            SelectChoice("mail", _("Invitation by email")),
            SelectChoice("password", _("Password that is shown to you once")),
        ],
    )


class SuspendForm(PlatformForm):
    """Why a shop is closed."""

    reason = StringField(_("Reason"), [_NEEDED, Length(max=500)])


class PlanLimitsForm(PlatformForm):
    """What the plan of a shop allows; an empty field is no limit."""

    version = IntegerField(validators=[_NEEDED])
    max_products = IntegerField(_("Products"), [Optional(), NumberRange(0, MAX_LIMIT)])
    max_staff = IntegerField(_("Staff members"), [Optional(), NumberRange(1, MAX_LIMIT)])


class HostForm(PlatformForm):
    """One more host name."""

    version = IntegerField(validators=[_NEEDED])
    host = StringField(_("Host name"), [_NEEDED, Length(max=253)])
