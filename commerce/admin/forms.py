"""What the forms of the back office share: refusals at their field, differences after a conflict, ids of their own."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import request
from flask_babel import gettext as _
from wtforms import BooleanField, Form, SelectField, SelectMultipleField

from commerce.error_messages import describe
from commerce.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is not what the person typed: `now` stands in the shop, `typed` in the form."""

    what: str
    now: str
    typed: str


class AdminForm(Form):  # type: ignore[misc]
    """Base of the forms for one row or one action."""

    error_fields: ClassVar[Mapping[str, str]] = {}
    """Field that a service names -> field that shows what is wrong with it, where they differ."""
    other_errors: ClassVar[str] = ""
    """Field that shows what is wrong with anything else, '' for the list above the form."""


class VersionedForm(AdminForm):
    """A form for one row. It knows what another person changed since the page was opened."""

    uncompared: tuple[str, ...] = ("version",)

    def differences(self, now: VersionedForm) -> list[Difference]:
        """Compare what was typed with a form of what the row has become."""
        found = []
        for name, field in self._fields.items():
            if name in self.uncompared or name not in now:
                continue
            typed, current = shown_text(field), shown_text(now[name])
            if typed != current:
                found.append(Difference(str(field.label.text), current or "–", typed or "–"))
        return found

    def catch_up(self, now: VersionedForm) -> None:
        """Take over the current version: whoever saves once more has seen what the others did, and means it."""
        set_version(self["version"], now["version"].data)


def set_version(field: Any, version: int | str) -> None:
    """Make a hidden field carry `version` whatever was sent."""
    field.raw_data, field.data = None, version


def shown_text(field: Any) -> str:
    """Return what a field shows, in words."""
    if isinstance(field, BooleanField):
        return str(_("yes") if field.data else _("no"))
    if isinstance(field, SelectMultipleField):
        words = {choice.value: choice.label for choice in field.choices or ()}
        return ", ".join(str(words.get(value, value)) for value in field.data or ())
    if isinstance(field, SelectField):
        words = {choice.value: choice.label for choice in field.choices}
        return str(words.get(field.data, field.data))
    return str(field._value()).strip()


def ticked_ids(texts: Iterable[str]) -> list[uuid.UUID]:
    """Return the ids among the boxes that were ticked; anything else that was sent is ignored."""
    found = []
    for text in texts:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found


def refuse(form: Any, error: InvalidValue) -> None:
    """Show what a service found wrong at the field that it names, where the form says, or above the form.

    A form that consists of a head and rows shows it in its `head`, unless it knows the row (`refuse_row`).
    """
    if hasattr(form, "refuse_row") and form.refuse_row(error):
        return
    form = getattr(form, "head", form)
    name = getattr(form, "error_fields", {}).get(error.field, error.field)
    add_error(form, name if name in form else getattr(form, "other_errors", ""), describe(error))


def add_error(form: Any, name: str, text: str) -> None:
    """Show a sentence at a field, '' for the list above the form."""
    if name:
        form[name].errors = [*form[name].errors, text]
    else:
        form.form_errors.append(text)


def set_ids(form: Form, *, before: str = "", after: str = "") -> None:
    """Give the fields of a form ids of their own, since several like it are on one page."""
    for field in form:
        field.id = field.label.field_id = f"{before}{field.name.replace('_', '-')}{after}"


def problems_of(form: Any) -> list[tuple[str, str]]:
    """Return (field id, sentence) for everything that is wrong in a form, for the summary above it."""
    found = [("", str(text)) for text in form.form_errors]
    return found + [(field.id, f"{field.label.text}: {text}") for field in form for text in field.errors]


def seen_row_version() -> int:
    """Return the version that a form without other fields carries; 0, which no row has, when it is no number."""
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 else 0
