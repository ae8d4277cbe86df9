"""Forms about stock: an adjustment, a count, a backorder limit, a transfer, a location."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import IntegerField, SelectChoice, SelectField, StringField
from wtforms.validators import AnyOf, InputRequired, Length, NumberRange

from commerce.admin.fields import no_control_characters, version_field
from commerce.admin.forms import AdminForm, set_ids
from commerce.inventory.models import MAX_QUANTITY

CAUSES = {"received": 1, "found": 1, "damaged": -1, "lost": -1}
"""Why stock changes by hand -> whether units are added or removed."""


def _quantity(label: Any, low: int) -> IntegerField:
    message = _("Enter a whole number from %(low)s to %(high)s.", low=low, high=MAX_QUANTITY)
    return IntegerField(label, [InputRequired(message), NumberRange(low, MAX_QUANTITY, message)])


class StockForm(AdminForm):
    """Base of the forms for one stock item. Several are on one page; `key` tells their ids apart."""

    def __init__(self, formdata: Any = None, *, key: str = "", **values: Any) -> None:
        super().__init__(formdata, data=values)
        set_ids(self, after=f"-{key}")


class MovementForm(StockForm):
    """Units that are added or removed. Which of both follows from the cause, so no sign can be mistyped."""

    other_errors = "quantity"

    quantity = _quantity(_("Units"), 1)
    cause = SelectField(
        _("Reason"),
        choices=[
            SelectChoice("received", _("Received (+)")),
            SelectChoice("found", _("Found (+)")),
            SelectChoice("damaged", _("Damaged (−)")),
            SelectChoice("lost", _("Lost (−)")),
        ],
        validators=[AnyOf(list(CAUSES), _("Please choose a reason."))],
        validate_choice=False,
    )
    note = StringField(_("Note"), [Length(max=255), no_control_characters])

    @property
    def delta(self) -> int:
        """The signed number of units."""
        return int(self.quantity.data or 0) * CAUSES[str(self.cause.data)]


class LimitForm(StockForm):
    """How many units may be sold beyond what is on hand."""

    other_errors = "limit"

    limit = _quantity(_("Backorder limit"), 0)
    version = version_field()


class CountForm(StockForm):
    """How many units were counted."""

    other_errors = "counted"

    counted = _quantity(_("Units counted"), 0)
    version = version_field()


class LocationForm(AdminForm):
    """A warehouse: its code is what the API and files call it."""

    code = StringField(_("Code"), [Length(max=40), no_control_characters])
    name = StringField(
        _("Name"), [InputRequired(_("This field is required.")), Length(max=255), no_control_characters]
    )
    position = IntegerField(_("Order"), [NumberRange(0, 9999, _("Enter a whole number from 0 to 9999."))])
