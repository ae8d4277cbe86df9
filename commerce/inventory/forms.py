"""What a shopper can say about stock: write to me when it is back."""

from __future__ import annotations

import uuid

from email_validator import EmailNotValidError, validate_email
from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, Field, HiddenField
from wtforms.validators import DataRequired, Length, ValidationError

from commerce.web import TextForm

MAX_LENGTH = 255


class AlertForm(TextForm):
    """An address and the variant that it waits for."""

    variant_id = HiddenField()
    email = EmailField(
        _l("Email"),
        [
            DataRequired(_l("Please enter your email address.")),
            Length(max=MAX_LENGTH, message=_l("Please use at most %(max)d characters.", max=MAX_LENGTH)),
        ],
        filters=[lambda typed: (typed or "").strip()],
    )

    def validate_email(self, field: Field) -> None:
        """Keep the address in its usual spelling. Raises ValidationError for what is none."""
        if field.errors:
            return  # it is too long, and 100 kB would take the library 50 ms
        try:
            # Reserved names such as shop.test are for trials.
            trial = not current_app.config["LOCKSTEP"].production
            field.data = validate_email(
                field.data, allow_smtputf8=False, check_deliverability=False, test_environment=trial
            ).normalized
        except EmailNotValidError as error:
            raise ValidationError(_("Enter an email address such as name@example.com.")) from error

    @property
    def variant_asked_for(self) -> uuid.UUID | None:
        """The variant, or None when what was sent is no id."""
        try:
            return uuid.UUID(self.variant_id.data or "")
        except ValueError:
            return None
