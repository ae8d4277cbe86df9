"""The form of a webhook: where to, what for, which events."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import Form, HiddenField, SelectChoice, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from commerce.admin.orders.forms import no_control_characters
from commerce.error_messages import describe
from commerce.webhooks.http_post import MAX_URL, AddressRefused, AddressRules, check_url
from commerce.webhooks.models import WebhookEndpoint
from commerce.webhooks.payloads import EVENT_TYPES


class WebhookForm(Form):  # type: ignore[misc]
    """`endpoint` is the one to change, None for a new one; `rules` say which addresses may be called."""

    version = HiddenField()
    url = StringField(
        _("Address"),
        [
            InputRequired(_("Please give the address that shall be called.")),
            Length(max=MAX_URL, message=_("This address is too long.")),
        ],
    )
    description = StringField(
        _("What it is for"),
        [Length(max=255, message=_("At most 255 characters.")), no_control_characters],
    )
    event_types = SelectMultipleField(
        _("Only these events"),
        choices=[SelectChoice(name, name) for name in EVENT_TYPES],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    def __init__(
        self, rules: AddressRules, formdata: Any = None, endpoint: WebhookEndpoint | None = None
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
