"""Forms about other programs: an API client, its keys, a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import DateField, HiddenField, IntegerField, SelectChoice, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from commerce.accounts.api_clients import MAX_NAME, MAX_RATE
from commerce.accounts.scopes import SCOPES
from commerce.admin.fields import name_field, no_control_characters
from commerce.admin.forms import VersionedForm
from commerce.error_messages import describe
from commerce.tenants.scope import current_shop
from commerce.web import TextForm
from commerce.webhooks.http_post import MAX_URL, AddressRefused, DestinationRules, check_url
from commerce.webhooks.models import WebhookEndpoint
from commerce.webhooks.payloads import EVENT_TYPES

LAST_YEAR = 2199


class ClientForm(TextForm):
    """An API client: its name and its rate limit."""

    name = name_field(_("Name"), MAX_NAME)
    requests_per_minute = IntegerField(
        _("Requests per minute"),
        [
            InputRequired(_("This field is required.")),
            NumberRange(1, MAX_RATE, _("Enter a whole number from %(min)s to %(max)s.")),
        ],
        default=6000,
    )

    def values(self) -> dict[str, Any]:
        """Return what was filled in."""
        return {"name": self.name.data, "requests_per_minute": self.requests_per_minute.data}


class KeyForm(TextForm):
    """A new API key. Its last day is one of the shop's calendar; without one it does not expire."""

    error_fields: ClassVar[Mapping[str, str]] = {"expires_at": "last_day"}

    scopes = SelectMultipleField(
        _("Permissions"),
        [InputRequired(_("Please choose at least one permission."))],
        choices=[SelectChoice(scope, meaning) for scope, meaning in SCOPES.items()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    last_day = DateField(_("Expires after"), [Optional()])

    def validate_last_day(self, field: DateField) -> None:
        """Refuse years beyond those that the clocks of Python and the databases reach."""
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


class WebhookForm(VersionedForm):
    """`endpoint` is the one to change, None for a new one; `rules` say which addresses may be called."""

    version = HiddenField()
    url = StringField(
        _("Address"),
        [
            InputRequired(_("Please enter the address of the webhook.")),
            Length(max=MAX_URL, message=_("This address is too long.")),
        ],
    )
    description = StringField(
        _("Description"),
        [Length(max=255, message=_("At most 255 characters.")), no_control_characters],
    )
    event_types = SelectMultipleField(
        _("Events"),
        choices=[SelectChoice(name, name) for name in EVENT_TYPES],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    def __init__(
        self, rules: DestinationRules, formdata: Any = None, endpoint: WebhookEndpoint | None = None
    ) -> None:
        super().__init__(formdata, obj=endpoint)
        self._rules = rules

    def validate_url(self, field: StringField) -> None:
        """Refuse addresses that can never be called; what a name leads to is checked at every call."""
        field.data = (field.data or "").strip()
        try:
            check_url(field.data, self._rules)
        except AddressRefused as error:
            raise ValidationError(describe(error)) from error

    @property
    def seen_version(self) -> int:
        """The version that the form was made from; 0, which no endpoint has, when it is missing."""
        text = str(self.version.data or "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0

    def values(self) -> dict[str, Any]:
        """Return what was filled in."""
        return {
            "url": self.url.data,
            "description": (self.description.data or "").strip(),
            "event_types": self.event_types.data or [],
        }
