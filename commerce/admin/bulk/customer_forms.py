"""Bulk changes of customers: what each asks for, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from wtforms import SelectChoice, SelectMultipleField

from commerce.admin.bulk.forms import BulkForm, TagsForm
from commerce.admin.bulk.subjects import KindWords, Subject
from commerce.customers.groups import group_choices


class GroupsForm(BulkForm):
    """Put into groups and take out of others."""

    add = SelectMultipleField(_("Add to"), choices=[], validate_choice=False)
    remove = SelectMultipleField(_("Remove from"), choices=[], validate_choice=False)

    def __init__(self, formdata: Any = None, **values: Any) -> None:
        super().__init__(formdata, **values)
        groups = group_choices()
        self.add.choices = [SelectChoice(*each) for each in groups]
        self.remove.choices = [SelectChoice(*each) for each in groups]

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        return {"add": self.add.data or [], "remove": self.remove.data or []}


def _scope(scope: Mapping[str, Any]) -> list[str]:
    parts = []
    if scope.get("tag"):
        parts.append(str(gettext("tag %(tag)s", tag=scope["tag"])))
    if scope.get("group"):
        names = dict(group_choices())
        parts.append(str(gettext("group %(group)s", group=names.get(scope["group"], "–"))))
    if scope.get("searched"):
        # What was searched for may be somebody's name, and the plan outlives an erasure.
        parts.append(str(gettext("a search")))
    return parts


CUSTOMERS = Subject(
    list_address="/admin/customers",
    page_address=lambda code: f"/admin/customers/{code}",
    one=_("Customer"),
    counted=lambda number: str(ngettext("%(num)d customer", "%(num)d customers", number)),
    start=lambda number: str(ngettext("Change %(num)d customer", "Change %(num)d customers", number)),
    scope=_scope,
    kinds={
        "customers.tags": KindWords(_("Change tags"), TagsForm),
        "customers.groups": KindWords(_("Change groups"), GroupsForm),
    },
    fields={"groups": _("Groups")},
)
