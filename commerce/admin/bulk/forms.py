"""What a bulk change asks for, by kind; and the words that each kind has on its pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import RadioField, SelectChoice, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length

from commerce.admin.fields import AmountField, PercentField, no_control_characters, version_field
from commerce.admin.forms import AdminForm
from commerce.admin.products.fields import STATUS_WORDS
from commerce.catalog.validation import STATUSES

MOST_TAGS = 2000


class BulkForm(AdminForm):
    """Base of the forms of bulk changes."""

    version = version_field()

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change, none unless the form has some; call it only after `validate`."""
        return {}


class PriceForm(BulkForm):
    """Raise or lower prices."""

    other_errors: ClassVar[str] = "percent"

    direction = RadioField(
        _("Change"),
        [InputRequired(_("Please choose one."))],
        choices=[SelectChoice("raise", _("Raise prices")), SelectChoice("lower", _("Lower prices"))],
        default="raise",
    )
    percent = PercentField(_("By percent"))
    amount = AmountField(_("Or by amount"))
    compare_at = SelectField(
        _("Compare-at price"),
        choices=[
            SelectChoice("keep", _("Keep as it is")),
            SelectChoice("old_price", _("Set to the old price (for a sale)")),
            SelectChoice("clear", _("Remove")),
        ],
        default="keep",
    )

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        return {
            "direction": self.direction.data,
            "percent": self.percent.data,
            "amount": self.amount.data,
            "compare_at": self.compare_at.data,
        }


class StatusForm(BulkForm):
    """Publish, hide or archive."""

    status = SelectField(
        _("Status"), choices=[SelectChoice(name, STATUS_WORDS[name]) for name in STATUSES], default="active"
    )

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        return {"status": self.status.data}


class TagsForm(BulkForm):
    """Add tags and remove others."""

    add = StringField(_("Add tags"), [Length(max=MOST_TAGS), no_control_characters])
    remove = StringField(_("Remove tags"), [Length(max=MOST_TAGS), no_control_characters])

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        return {"add": _split(self.add.data), "remove": _split(self.remove.data)}


def _split(text: str | None) -> list[str]:
    return [word.strip() for word in re.split(r"[,;]", text or "") if word.strip()]


class CategoriesForm(BulkForm):
    """Put into categories and take out of others."""

    add = SelectMultipleField(_("Add to"), choices=[])
    remove = SelectMultipleField(_("Remove from"), choices=[])

    def offer(self, categories: list[tuple[str, str]]) -> None:
        """Offer the categories of the shop, as pairs of id and name."""
        self.add.choices = [SelectChoice(*each) for each in categories]
        self.remove.choices = [SelectChoice(*each) for each in categories]

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        return {"add": self.add.data or [], "remove": self.remove.data or []}


@dataclass(frozen=True, slots=True)
class KindWords:
    """How a kind of change is offered, and its form."""

    label: Any
    form: type[BulkForm]


WORDS: Mapping[str, KindWords] = {
    "products.price": KindWords(_("Change prices"), PriceForm),
    "products.status": KindWords(_("Change status"), StatusForm),
    "products.tags": KindWords(_("Change tags"), TagsForm),
    "products.categories": KindWords(_("Change categories"), CategoriesForm),
}
"""Kind -> its words and form."""
OFFERED = {
    subject: [(kind, words.label) for kind, words in WORDS.items() if kind.startswith(f"{subject}.")]
    for subject in ("products",)
}
"""What can be chosen in the list of a subject."""
STATE_WORDS = {
    "draft": _("Draft"),
    "running": _("Running"),
    "paused": _("Paused"),
    "done": _("Done"),
    "undoing": _("Undoing"),
    "undo_paused": _("Undo paused"),
    "undone": _("Undone"),
}
ROW_WORDS = {
    "pending": _("Waiting"),
    "done": _("Changed"),
    "unchanged": _("Already so"),
    "conflict": _("Changed by someone else"),
    "failed": _("Refused"),
    "undone": _("Undone"),
    "kept": _("Kept: changed since"),
}
FIELD_WORDS = {"status": _("Status"), "tags": _("Tags"), "categories": _("Categories")}


def scope_text(scope: Mapping[str, Any]) -> str:
    """Return how the rows of a plan were chosen."""
    if not scope.get("everything"):
        return str(gettext("chosen in the list"))
    parts = []
    if scope.get("status"):
        parts.append(str(gettext("status %(status)s", status=scope["status"])))
    if scope.get("product_type"):
        parts.append(str(gettext("type %(product_type)s", product_type=scope["product_type"])))
    if scope.get("vendor"):
        parts.append(str(gettext("vendor %(vendor)s", vendor=scope["vendor"])))
    if scope.get("search"):
        parts.append(str(gettext("search “%(search)s”", search=scope["search"])))
    return f"{gettext('all that match:')} {', '.join(parts)}" if parts else str(gettext("all of them"))
