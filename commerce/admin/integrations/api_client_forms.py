"""The forms about programs: what one is called and how often it may call; what a new key opens, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import DateField, IntegerField, SelectChoice, SelectMultipleField
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from commerce.accounts.api_clients import MAX_NAME, MAX_RATE
from commerce.accounts.scopes import SCOPES
from commerce.admin.fields import name_field
from commerce.error_messages import describe
from commerce.errors import Conflict, InvalidValue
from commerce.tenants.scope import current_shop
from commerce.web import TextForm

LAST_YEAR = 2199


class ClientForm(TextForm):
    """A program."""

    name = name_field(_("Name"), MAX_NAME)
    requests_per_minute = IntegerField(
        _("Requests a minute"),
        [
            InputRequired(_("Please fill this in.")),
            NumberRange(1, MAX_RATE, _("Please enter a whole number from %(min)s to %(max)s.")),
        ],
        default=6000,
    )

    def values(self) -> dict[str, Any]:
        """Return what was filled in."""
        return {"name": self.name.data, "requests_per_minute": self.requests_per_minute.data}

    def blame(self, error: InvalidValue | Conflict) -> ClientForm:
        """Put a refusal at the field that it is about, and return the form."""
        if isinstance(error, InvalidValue):
            self[error.field].errors = [describe(error)]
        else:
            self.name.errors = [describe(error)]
        return self


class KeyForm(TextForm):
    """A new key. Its last day is one of the shop's calendar; without one it is good until it is revoked."""

    scopes = SelectMultipleField(
        _("What it may do"),
        [InputRequired(_("Please choose what the key may do."))],
        choices=[SelectChoice(scope, meaning) for scope, meaning in SCOPES.items()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    last_day = DateField(_("Last day"), [Optional()])

    def validate_last_day(self, field: DateField) -> None:
        """Refuse years that nobody means and that no clock of ours reaches."""
        if field.data is not None and field.data.year > LAST_YEAR:
            raise ValidationError(
                gettext("Please choose a day before the year %(year)d.", year=LAST_YEAR + 1)
            )

    @property
    def expires_at(self) -> datetime | None:
        """The end of the last day where the shop is, in UTC; None without one."""
        if self.last_day.data is None:
            return None
        following = self.last_day.data + timedelta(days=1)
        return datetime.combine(following, time(), ZoneInfo(current_shop().timezone)).astimezone(UTC)

    def blame(self, error: InvalidValue | Conflict) -> KeyForm:
        """Put a refusal at the field that it is about, and return the form."""
        if isinstance(error, Conflict):
            self.form_errors.append(describe(error))
        else:
            self[{"expires_at": "last_day"}.get(error.field, error.field)].errors = [describe(error)]
        return self
