"""What every form of a bulk change has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import StringField
from wtforms.validators import Length

from commerce.admin.fields import no_control_characters, version_field
from commerce.admin.forms import AdminForm

MOST_TAGS = 2000


class BulkForm(AdminForm):
    """Base of the forms of bulk changes. A field's `description` is shown as its hint."""

    version = version_field()

    @classmethod
    def shown(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return stored parameters as the fields show them."""
        return dict(parameters)

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change, none unless the form has some; call it only after `validate`."""
        return {}


class TagsForm(BulkForm):
    """Add tags and remove others."""

    add = StringField(
        _("Add tags"),
        [Length(max=MOST_TAGS), no_control_characters],
        description=_("Separate tags by commas."),
    )
    remove = StringField(_("Remove tags"), [Length(max=MOST_TAGS), no_control_characters])

    @classmethod
    def shown(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the tags of both fields, separated by commas."""
        return {name: ", ".join(tags) for name, tags in parameters.items()}

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        return {"add": _split(self.add.data), "remove": _split(self.remove.data)}


def _split(text: str | None) -> list[str]:
    return [word.strip() for word in re.split(r"[,;]", text or "") if word.strip()]
