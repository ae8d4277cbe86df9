"""Bulk changes of orders: what each asks for, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from wtforms import SelectChoice, SelectField, StringField
from wtforms.validators import Length

from commerce.admin.bulk.forms import BulkForm, TagsForm
from commerce.admin.bulk.subjects import KindWords, Subject
from commerce.admin.fields import no_control_characters
from commerce.admin.orders.filters import filter_parts
from commerce.orders.tags import colleagues_for


class ShipForm(BulkForm):
    """Who carries the parcels."""

    carrier = StringField(
        _("Carrier"),
        [Length(max=255), no_control_characters],
        description=_(
            "Leave it empty if the customers need not know. Tracking numbers are shipped from a list."
        ),
    )

    def given(self) -> dict[str, Any]:
        """Return the carrier."""
        return {"carrier": self.carrier.data or ""}


class AssignForm(BulkForm):
    """Who takes care of the orders."""

    staff_id = SelectField(_("Assigned to"), choices=[], coerce=str)

    def __init__(self, formdata: Any = None, **values: Any) -> None:
        super().__init__(formdata, **values)
        people = [SelectChoice(str(each.id), each.name) for each in colleagues_for(None)]
        self.staff_id.choices = [SelectChoice("", gettext("Nobody")), *people]

    @classmethod
    def shown(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the id of who was chosen."""
        return {"staff_id": parameters["staff_id"] or ""} if parameters else {}

    def given(self) -> dict[str, Any]:
        """Return the id of who was chosen, empty for nobody."""
        return {"staff_id": self.staff_id.data or ""}


_NO_WAY_BACK = _(
    "Shipping cannot be undone: stock is deducted and every customer gets an email, as from the ship form."
)


def _ship(number: int) -> str:
    return str(ngettext("Ship %(num)d order", "Ship %(num)d orders", number))


ORDERS = Subject(
    list_address="/admin/orders",
    page_address=lambda code: f"/admin/orders/{code}",
    one=_("Order"),
    counted=lambda number: str(ngettext("%(num)d order", "%(num)d orders", number)),
    start=lambda number: str(ngettext("Change %(num)d order", "Change %(num)d orders", number)),
    scope=filter_parts,
    kinds={
        "orders.process": KindWords(
            _("Start processing"),
            None,
            _("This cannot be undone: processing is recorded in each order's timeline."),
        ),
        "orders.ship": KindWords(_("Ship"), ShipForm, _NO_WAY_BACK, start=_ship),
        "orders.tracking": KindWords(
            _("Ship with tracking numbers"), None, _NO_WAY_BACK, ticked=False, start=_ship
        ),
        "orders.tags": KindWords(_("Change tags"), TagsForm),
        "orders.assign": KindWords(_("Assign"), AssignForm),
    },
    fields={"assignee": _("Assigned to"), "parcel": _("Parcel")},
    figures={"parcels": _("Parcels"), "units": _("Units")},
)
