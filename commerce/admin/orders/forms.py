"""Forms about orders: an action, a refund, a receipt, a note, the answer to a return."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, DateField, HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from commerce.admin.fields import (
    amount_text,
    no_control_characters,
    shown_money_field,
    typed_amount,
    version_field,
)
from commerce.admin.forms import AdminForm, set_ids
from commerce.clock import now
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.money import to_decimal, typed_number
from commerce.order_management.actions import ACTIONS, OrderAction, ShipOrder
from commerce.orders.forms import read_units
from commerce.orders.models import Order, OrderLine, ReturnRequest
from commerce.orders.refund_amounts import shipped_not_returned
from commerce.orders.refunds import RefundRequest
from commerce.orders.transitions import Transition
from commerce.tenants.scope import current_shop
from commerce.typed_text import MAX_NOTE


def _reason(label: Any, **options: Any) -> TextAreaField:
    too_long = _("Use up to 500 characters.")
    return TextAreaField(label, [Length(max=500, message=too_long), no_control_characters], **options)


def _typed(formdata: Any) -> dict[str, str]:
    """Return everything that was sent, for the fields that each line of an order has."""
    return dict(formdata.items()) if formdata else {}


class VersionForm(AdminForm):
    """Which version of the order the page had shown."""

    other_errors = "version"

    version = version_field()


# --- actions ----------------------------------------------------------------------------------------


class ActionForm(AdminForm):
    """What stands beside a button of an order. Several are on one page, so each has ids of its own."""

    other_errors = "reason"

    version = version_field()
    reason = _reason(_("Reason"))
    restock = BooleanField(_("Restock items"))
    carrier = StringField(_("Carrier"), [Length(max=255), no_control_characters])
    tracking_code = StringField(_("Tracking code"), [Length(max=255), no_control_characters])
    lines = HiddenField()
    shown_amount = shown_money_field()
    amount = StringField(_("Amount received"), [Length(max=20)])
    reference = StringField(_("Reference"), [Length(max=120), no_control_characters])

    def __init__(self, row: Transition, formdata: Any = None, *, left: int = 0) -> None:
        """`left` is the money that is open (minor units)."""
        shown = amount_text(left) if left > 0 else ""
        super().__init__(formdata, data={"amount": shown})
        self.typed = _typed(formdata)
        set_ids(self, before=f"{row.resource}-")
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
            raise ValidationError(gettext("Please enter the amount received."))

    @property
    def minor(self) -> int | None:
        """The amount in minor units, None when none was entered. Raises InvalidValue."""
        text = (self.amount.data or "").strip()
        return typed_amount(text, current_shop().currency) if text else None

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
            "start": True,  # in the browser nobody has to say first that they begin
        }
        if kind is ShipOrder and any(name.startswith("units-") for name in self.typed):
            filled["units"] = read_units(self.typed, "units")
        known = {each.name for each in fields(kind)}
        return kind(**{name: value for name, value in filled.items() if name in known})


class NoteForm(AdminForm):
    """A note and whom it is for."""

    other_errors = "text"

    text = TextAreaField(
        _("Note"),
        [
            InputRequired(_("Please enter a note.")),
            Length(max=MAX_NOTE, message=_("Notes can have up to 1000 characters.")),
            no_control_characters,
        ],
        id="note-text",
        # A browser counts a line end as one sign and sends two.
        filters=[lambda text: (text or "").replace("\r\n", "\n")],
    )
    for_customer = BooleanField(_("Send to customer"), id="note-for-customer")


# --- money ------------------------------------------------------------------------------------------


class ReceiptForm(VersionForm):
    """Money that arrived by hand. The amount is a plain decimal in the order's currency."""

    amount = StringField(
        _("Amount received"),
        [InputRequired(_("Please enter the amount received."))],
    )
    reference = StringField(
        _("Reference"),
        [Length(max=120), no_control_characters],
    )
    received_on = DateField(_("Date received"), [Optional()])
    reason = TextAreaField(_("Note"), [Length(max=500), no_control_characters])

    def __init__(self, order: Order, left: int, formdata: Any = None) -> None:
        self._currency = order.currency
        plain = f"{to_decimal(left, order.currency):f}"
        shown = typed_number(plain, current_shop().locale) if left > 0 else ""
        super().__init__(formdata, data={"version": order.version, "amount": shown})

    def validate_amount(self, _field: StringField) -> None:
        """Refuse what is no amount, or none above zero."""
        try:
            if self.minor <= 0:
                raise ValidationError(gettext("Please enter the amount received."))
        except InvalidValue as error:
            raise ValidationError(describe(error)) from error

    def validate_received_on(self, field: DateField) -> None:
        """Refuse a day that has not come: it is a slip of the finger."""
        if field.data is not None and not date(2000, 1, 1) <= field.data <= now().date():
            raise ValidationError(gettext("Please enter a date that is not in the future."))

    @property
    def minor(self) -> int:
        """The amount in minor units. Raises InvalidValue."""
        return typed_amount(self.amount.data or "", self._currency)


class CaptureForm(VersionForm):
    """How much of an authorized payment to capture; empty is the full amount due."""

    amount = StringField(_("Amount to capture"), [Length(max=20)])

    def minor(self, currency: str) -> int | None:
        """The amount in minor units. Raises InvalidValue."""
        text = (self.amount.data or "").strip()
        return typed_amount(text, currency) if text else None


@dataclass(frozen=True, slots=True)
class RefundLineChoice:
    """A line of the form: how many units can be refunded and restocked at most, and what the fields say now."""

    line: OrderLine
    most: int
    most_restocked: int
    units: str
    restock: str

    @property
    def key(self) -> str:
        """The line's id as the names of the fields end in it."""
        return self.line.id.hex


class RefundForm(AdminForm):
    """What to refund. Units and what is restocked are fields of their own, `units-<line>` and `restock-<line>`."""

    other_errors = "lines"

    version = version_field()
    shown_amount = shown_money_field()
    step = HiddenField()
    lines = HiddenField()
    shipping = BooleanField(_("Refund shipping and fees"), id="credit-shipping")
    returned = BooleanField(_("These units were already shipped"), id="credit-returned")
    amount = StringField(_("Custom refund amount"), [Length(max=20)], id="credit-amount")
    reason = _reason(_("Reason (shown to the customer)"), id="credit-reason")

    def __init__(self, formdata: Any = None, **values: Any) -> None:
        super().__init__(formdata, **values)
        self.typed = _typed(formdata)

    @property
    def confirmed(self) -> bool:
        """Tell whether this was sent by the button below the preview."""
        return self.step.data == "confirm" and self.shown_amount.data is not None

    def to_request(self, order: Order) -> RefundRequest:
        """Return what was filled in. Raises InvalidValue for what is no number."""
        typed = (self.amount.data or "").strip()
        return RefundRequest(
            units=read_units(self.typed, "units"),
            shipping=bool(self.shipping.data),
            amount=typed_amount(typed, order.currency) if typed else None,
            restock=read_units(self.typed, "restock", "restock"),
            returned=bool(self.returned.data),
        )

    def fields(self) -> list[tuple[str, str]]:
        """Return what was filled in as hidden fields, to be sent once more."""
        names = ("version", "shipping", "returned", "amount", "reason")
        return [
            (name, text)
            for name, text in self.typed.items()
            if text and (name in names or name.startswith(("units-", "restock-")))
        ]

    def choices(self, order: Order, request: ReturnRequest | None = None) -> list[RefundLineChoice]:
        """Return the lines that something can be refunded of: all of the order's, or those of a request."""
        asked = {line.order_line_id: line for line in request.lines} if request else None
        found = []
        for line in order.lines:
            part = asked.get(line.id) if asked is not None else None
            most = line.quantity - line.credited
            most_restocked = shipped_not_returned(line)
            suggested = "0"
            if asked is not None:
                if part is None:
                    continue
                most = min(most, part.quantity)
                came_back = request is not None and request.kind == "return"
                most_restocked = min(most_restocked, part.received if came_back else part.quantity)
                suggested = str(min(most, part.received if came_back else part.quantity))
            if most:
                key = line.id.hex
                restock = str(most_restocked) if part and part.received else "0"
                found.append(
                    RefundLineChoice(
                        line,
                        most,
                        most_restocked,
                        self.typed.get(f"units-{key}", suggested),
                        self.typed.get(f"restock-{key}", restock),
                    )
                )
        return found


class AnswerForm(AdminForm):
    """Words for the customer; on a receipt, units are fields of their own (`units-<line>`)."""

    other_errors = "answer"

    version = version_field()
    lines = HiddenField()
    answer = TextAreaField(
        _("Message to the customer"),
        [Length(max=500, message=_("Use up to 500 characters.")), no_control_characters],
    )

    def __init__(self, name: str, formdata: Any = None) -> None:
        super().__init__(formdata)
        self.typed = _typed(formdata)
        set_ids(self, before=f"{name}-")
