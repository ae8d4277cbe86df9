"""Bulk changes of stock: what they ask for, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from wtforms import IntegerField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

from commerce.admin.bulk.forms import BulkForm
from commerce.admin.bulk.subjects import KindWords, Subject
from commerce.admin.fields import no_control_characters
from commerce.inventory.locations import list_locations
from commerce.inventory.models import MAX_QUANTITY

_NUMBER = _("Enter a whole number from %(low)s to %(high)s.", low=0, high=MAX_QUANTITY)


class AdjustForm(BulkForm):
    """How many units, why and where."""

    other_errors: ClassVar[str] = "quantity"

    how = SelectField(
        _("Change"),
        choices=[
            SelectChoice("add", _("Add units")),
            SelectChoice("subtract", _("Subtract units")),
            SelectChoice("set", _("Set the units on hand (a count)")),
        ],
        default="add",
    )
    quantity = IntegerField(_("Units"), [InputRequired(_NUMBER), NumberRange(0, MAX_QUANTITY, _NUMBER)])
    cause = SelectField(
        _("Reason"),
        choices=[
            SelectChoice("received", _("Received (+)")),
            SelectChoice("found", _("Found (+)")),
            SelectChoice("damaged", _("Damaged (−)")),
            SelectChoice("lost", _("Lost (−)")),
        ],
        default="received",
        description=_("A count needs none."),
    )
    location_id = SelectField(_("Location"), choices=[], coerce=str)
    note = StringField(_("Note"), [Length(max=255), no_control_characters])

    def __init__(self, formdata: Any = None, **values: Any) -> None:
        super().__init__(formdata, **values)
        places = [SelectChoice(str(each.id), each.name) for each in list_locations()]
        self.location_id.choices = [SelectChoice("", gettext("Every chosen location")), *places]

    @classmethod
    def shown(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters; of a count the reason is no choice."""
        return {name: value for name, value in parameters.items() if value not in (None, "count")}

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        names = ("how", "quantity", "cause", "location_id", "note")
        return {name: self[name].data for name in names}


def _scope(scope: Mapping[str, Any]) -> list[str]:
    words = {"low": _("running low"), "held": _("reserved"), "promised": _("backordered")}
    parts = [str(words[scope["show"]])] if scope.get("show") in words else []
    if scope.get("search"):
        parts.append(str(gettext("search “%(search)s”", search=scope["search"])))
    return parts


STOCK = Subject(
    list_address="/admin/stock",
    page_address=lambda code: f"/admin/stock/{quote(code)}",
    one=_("Stock item"),
    counted=lambda number: str(ngettext("%(num)d stock item", "%(num)d stock items", number)),
    start=lambda number: str(ngettext("Change %(num)d stock item", "Change %(num)d stock items", number)),
    scope=_scope,
    kinds={"stock.adjust": KindWords(_("Adjust stock"), AdjustForm)},
    fields={"on_hand": _("On hand")},
    figures={"units_in": _("Units added"), "units_out": _("Units removed")},
)
