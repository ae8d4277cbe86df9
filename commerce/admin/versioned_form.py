"""What the forms for taxes, shipping, payment methods and promotions have in common."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _
from wtforms import BooleanField, Form, SelectField

from commerce.admin.products.forms import Difference
from commerce.error_messages import describe
from commerce.errors import InvalidValue


class VersionedForm(Form):  # type: ignore[misc]
    """A form for one row. It knows how to show what a service refuses, and what another person changed."""

    uncompared: tuple[str, ...] = ("version",)

    def refuse(self, error: InvalidValue) -> None:
        """Show what a service found wrong at the field that it names, or above the form."""
        field = self._fields.get(error.field)
        if field is None:
            self.form_errors.append(describe(error))
        else:
            field.errors = [*field.errors, describe(error)]

    def differences(self, now: VersionedForm) -> list[Difference]:
        """Compare what was typed with a form of what the row has become."""
        found = []
        for name, field in self._fields.items():
            if name in self.uncompared or name not in now:
                continue
            typed, current = shown_versions(field), shown_versions(now._fields[name])
            if typed != current:
                found.append(Difference(str(field.label.text), current or "–", typed or "–"))
        return found

    def catch_up(self, version: int | str) -> None:
        """Speak of the version of now: whoever saves once more has seen what the others did, and means it."""
        field = self._fields["version"]
        field.raw_data, field.data = None, version


def shown_versions(field: Any) -> str:
    """Return what a field shows, in words."""
    if isinstance(field, BooleanField):
        return str(_("yes") if field.data else _("no"))
    if isinstance(field, SelectField):
        words = {choice.value: choice.label for choice in field.choices}
        return str(words.get(field.data, field.data))
    return str(field._value()).strip()


def seen_row_version() -> int:
    """Return the version that a form without other fields carries; 0, which no row has, when it is no number."""
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 else 0
