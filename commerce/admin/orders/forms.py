"""Forms of the back office. Flask-WTF checks the form token of every POST before a view runs, so none is in here."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    Form,
    HiddenField,
    IntegerField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import AnyOf, InputRequired, Length, NumberRange, Optional, ValidationError

from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.inventory.models import MAX_QUANTITY
from commerce.money import MAX_AMOUNT, parse_amount, to_decimal
from commerce.order_management.actions import ACTIONS, OrderAction, ShipOrder
from commerce.orders.forms import read_units
from commerce.orders.transitions import Transition
from commerce.tenants.scope import current_shop

CAUSES = {"received": 1, "found": 1, "damaged": -1, "lost": -1}
"""Why stock changes by hand -> whether units come or go."""
MAX_VERSION = 2**53


def no_control_characters(_form: Form, field: Any) -> None:
    """Refuse what no keyboard writes into one line; PostgreSQL could not even store a NUL."""
    text = field.data or ""
    if any(not character.isprintable() and character not in "\r\n\t" for character in text):
        raise ValidationError(gettext("Please use letters, digits and signs only."))


def version_shown() -> IntegerField:
    """Return the field for the version of what the page showed."""
    return IntegerField(validators=[InputRequired(_("Please reload the page.")), NumberRange(1, MAX_VERSION)])


def money_shown() -> IntegerField:
    """Return the field for the money, in minor units, that a preview has shown."""
    message = _("Please look at it again.")
    return IntegerField(validators=[Optional(), NumberRange(0, MAX_AMOUNT, message)])


class ActionForm(Form):  # type: ignore[misc]
    """What stands beside a button of an order. Several are on one page, so each has ids of its own."""

    version = version_shown()
    reason = TextAreaField(
        _("Reason"),
        [Length(max=500, message=_("A reason has at most 500 characters.")), no_control_characters],
    )
    restock = BooleanField(_("Put the goods back on the shelf"))
    carrier = StringField(_("Carrier"), [Length(max=255), no_control_characters])
    tracking_code = StringField(_("Tracking code"), [Length(max=255), no_control_characters])
    lines = HiddenField()
    shown_amount = money_shown()
    amount = StringField(_("Amount that arrived"), [Length(max=20)])
    reference = StringField(
        _("Reference of the transfer, or who took the cash"), [Length(max=120), no_control_characters]
    )

    def __init__(self, row: Transition, formdata: Any = None, *, left: int = 0) -> None:
        """`left` is the money that is open (minor units)."""
        shown = f"{to_decimal(left, current_shop().currency):f}" if left > 0 else ""
        super().__init__(formdata, data={"amount": shown})
        self.typed: dict[str, str] = dict(formdata.items()) if formdata else {}
        for field in self:
            field.id = f"{row.resource}-{field.name.replace('_', '-')}"
            field.label.field_id = field.id
        self._action = row.action
        self._reason_required = row.reason_required
        if row.reason_required:
            self.reason.flags.required = True
        if row.action == "pay":
            self.reason.label.text = _("Note")

    def validate_reason(self, field: TextAreaField) -> None:
        """Ask for a reason where the table of transitions does."""
        if self._reason_required and not (field.data or "").strip():
            raise ValidationError(gettext("Please give a reason."))

    def validate_amount(self, _field: StringField) -> None:
        """Refuse what is no amount, or none above zero."""
        try:
            amount = self.minor
        except InvalidValue as error:
            raise ValidationError(describe(error)) from error
        if amount is not None and amount <= 0:
            raise ValidationError(gettext("Please enter the amount that arrived."))

    @property
    def minor(self) -> int | None:
        """The amount in minor units, None when none was entered. Raises InvalidValue."""
        text = (self.amount.data or "").strip()
        return parse_amount(text, current_shop().currency) if text else None

    def refuse(self, error: InvalidValue) -> None:
        """Show what a service found wrong at the field that it names."""
        field = self._fields.get(error.field, self.reason)
        field.errors = [*field.errors, describe(error)]

    def to_action(self) -> OrderAction:
        """Return the action with what was filled in for it. Raises InvalidValue for units that are no numbers."""
        kind = ACTIONS[self._action]
        filled = {
            "version": int(self.version.data or 0),
            "reason": (self.reason.data or "").strip(),
            "amount": self.minor,
            "reference": (self.reference.data or "").strip(),
            "carrier": (self.carrier.data or "").strip(),
            "tracking_code": (self.tracking_code.data or "").strip(),
            "restock": bool(self.restock.data),
            "shown_amount": self.shown_amount.data,
        }
        if kind is ShipOrder and any(name.startswith("units-") for name in self.typed):
            filled["units"] = read_units(self.typed, "units")
        known = {each.name for each in fields(kind)}
        return kind(**{name: value for name, value in filled.items() if name in known})


def _quantity(label: Any, low: int) -> IntegerField:
    message = _("Please enter a whole number from %(low)s to %(high)s.", low=low, high=MAX_QUANTITY)
    return IntegerField(label, [InputRequired(message), NumberRange(low, MAX_QUANTITY, message)])


class MovementForm(Form):  # type: ignore[misc]
    """Units that came or went. Whether they come or go follows from the cause, so no sign can be mistyped."""

    quantity = _quantity(_("Units"), 1)
    cause = SelectField(
        _("What happened"),
        choices=[
            SelectChoice("received", _("Received (+)")),
            SelectChoice("found", _("Found (+)")),
            SelectChoice("damaged", _("Damaged (−)")),
            SelectChoice("lost", _("Lost (−)")),
        ],
        validators=[AnyOf(list(CAUSES), _("Please choose what happened."))],
        validate_choice=False,
    )
    note = StringField(_("Note"), [Length(max=255), no_control_characters])

    def __init__(self, formdata: Any = None, *, key: str = "") -> None:
        super().__init__(formdata)
        for field in self:
            field.id = f"{field.name}-{key}"
            field.label.field_id = field.id

    @property
    def delta(self) -> int:
        """The signed number of units."""
        return int(self.quantity.data or 0) * CAUSES[str(self.cause.data)]


class LimitForm(Form):  # type: ignore[misc]
    """How many units may be promised beyond what is on the shelf."""

    limit = _quantity(_("May be promised beyond stock"), 0)
    version = version_shown()

    def __init__(self, formdata: Any = None, *, key: str = "", limit: int = 0) -> None:
        super().__init__(formdata, data={"limit": limit})
        for field in self:
            field.id = f"{field.name}-{key}"
            field.label.field_id = field.id


class CountForm(Form):  # type: ignore[misc]
    """What somebody counted on the shelf."""

    counted = _quantity(_("Units counted"), 0)
    version = version_shown()

    def __init__(self, formdata: Any = None, *, key: str = "") -> None:
        super().__init__(formdata)
        for field in self:
            field.id = f"{field.name}-{key}"
            field.label.field_id = field.id
