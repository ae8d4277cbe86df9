"""The form of a category."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import AnyOf, Length

from commerce.admin.fields import name_field, no_control_characters, strip, version_field
from commerce.admin.forms import VersionedForm
from commerce.catalog.categories import (
    LIMITS,
    MAX_SEO_DESCRIPTION,
    MAX_SEO_TITLE,
    CategoryNode,
    CategoryValues,
)
from commerce.catalog.models import Category

ORDER_WORDS = {
    "newest": _("Newest first"),
    "price": _("Price, low to high"),
    "-price": _("Price, high to low"),
    "manual": _("In the order set below"),
}
_TOO_LONG = _("At most %(max)d characters.")


class CategoryForm(VersionedForm):
    """Fields of a category. A new one has no version yet."""

    other_errors = "name"

    version = version_field()
    name = name_field(_("Name"))
    slug = StringField(
        _("Address"), [Length(max=LIMITS.slug, message=_TOO_LONG), no_control_characters], filters=[strip]
    )
    parent_id = SelectField(_("Below"), validate_choice=False)
    description = TextAreaField(
        _("Description"), [Length(max=LIMITS.text, message=_TOO_LONG), no_control_characters]
    )
    product_order = SelectField(
        _("Order of products"),
        choices=[SelectChoice(name, label) for name, label in ORDER_WORDS.items()],
        validators=[AnyOf(tuple(ORDER_WORDS), _("Choose how products are sorted."))],
        validate_choice=False,
    )
    seo_title = StringField(
        _("Page title"),
        [Length(max=MAX_SEO_TITLE, message=_TOO_LONG), no_control_characters],
        filters=[strip],
    )
    seo_description = TextAreaField(
        _("Meta description"),
        [Length(max=MAX_SEO_DESCRIPTION, message=_TOO_LONG), no_control_characters],
        filters=[strip],
    )

    def __init__(
        self,
        known: Category | None,
        parents: Sequence[CategoryNode],
        formdata: Any = None,
        *,
        parent: uuid.UUID | None = None,
    ) -> None:
        shown: dict[str, Any] = {"parent_id": str(parent or "")}
        if known is not None:
            shown = {name: getattr(known, name) for name in self._columns()}
            shown |= {"version": known.version, "parent_id": str(known.parent_id or "")}
        super().__init__(formdata, data=shown)
        if known is None:
            del self.version
        self.parent_id.choices = [
            SelectChoice("", _("Nothing (first level)")),
            *(SelectChoice(str(node.id), " › ".join(node.trail)) for node in parents),
        ]

    @staticmethod
    def _columns() -> tuple[str, ...]:
        return ("name", "slug", "description", "product_order", "seo_title", "seo_description")

    def values(self) -> CategoryValues:
        """Return what was typed; call it only after `validate`."""
        texts = {name: self[name].data or "" for name in self._columns()}
        return CategoryValues(**texts, parent_id=_id(self.parent_id.data))


def _id(text: str) -> uuid.UUID | None:
    """Return the chosen category; text that cannot be an id becomes one that no category has."""
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)
