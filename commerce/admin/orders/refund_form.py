"""The form that says what is to be given back: units of lines, what of them goes back on the shelf, how much money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, Form, HiddenField, StringField, TextAreaField
from wtforms.validators import Length

from commerce.admin.orders.forms import money_shown, no_control_characters, version_shown
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.money import parse_amount
from commerce.orders.forms import read_units
from commerce.orders.models import Order, OrderLine, ReturnRequest
from commerce.orders.refund_amounts import shipped_not_returned
from commerce.orders.refunds import RefundRequest


@dataclass(frozen=True, slots=True)
class RefundLineChoice:
    """A line of the form: how many units can be given back and restocked at most, and what the fields say now."""

    line: OrderLine
    most: int
    most_restocked: int
    units: str
    restock: str

    @property
    def key(self) -> str:
        """The line's id as the names of the fields end in it."""
        return self.line.id.hex


class RefundForm(Form):  # type: ignore[misc]
    """What to give back. Units and what is restocked are fields of their own, `units-<line>` and `restock-<line>`."""

    version = version_shown()
    shown_amount = money_shown()
    step = HiddenField()
    lines = HiddenField()
    shipping = BooleanField(_("Shipping and fee too"), id="credit-shipping")
    returned = BooleanField(_("These units have left the house"), id="credit-returned")
    amount = StringField(_("Another amount than this comes to"), [Length(max=20)], id="credit-amount")
    reason = TextAreaField(
        _("Reason, which the customer is told"),
        [Length(max=500, message=_("A reason has at most 500 characters.")), no_control_characters],
        id="credit-reason",
    )

    def __init__(self, formdata: Any = None, **values: Any) -> None:
        super().__init__(formdata, **values)
        self.typed: dict[str, str] = dict(formdata.items()) if formdata else {}

    @property
    def confirmed(self) -> bool:
        """Tell whether this was sent by the button below the preview."""
        return self.step.data == "confirm" and self.shown_amount.data is not None

    def wish(self, order: Order) -> RefundRequest:
        """Return what was filled in. Raises InvalidValue for what is no number."""
        typed = (self.amount.data or "").strip()
        return RefundRequest(
            units=read_units(self.typed, "units"),
            shipping=bool(self.shipping.data),
            amount=parse_amount(typed, order.currency) if typed else None,
            restock=read_units(self.typed, "restock", "restock"),
            returned=bool(self.returned.data),
        )

    def refuse(self, error: InvalidValue) -> None:
        """Show what a service found wrong at the field that it names; about lines it is said above them."""
        field = self._fields.get(error.field, self.lines)
        field.errors = [*field.errors, describe(error)]

    def fields(self) -> list[tuple[str, str]]:
        """Return what was filled in as hidden fields, to be sent once more."""
        names = ("version", "shipping", "returned", "amount", "reason")
        return [
            (name, text)
            for name, text in self.typed.items()
            if text and (name in names or name.startswith(("units-", "restock-")))
        ]

    def choices(self, order: Order, request: ReturnRequest | None = None) -> list[RefundLineChoice]:
        """Return the lines that something can be given back of: all of the order's, or those of a request."""
        asked = {line.order_line_id: line for line in request.lines} if request else None
        found = []
        for line in order.lines:
            part = asked.get(line.id) if asked is not None else None
            most = line.quantity - line.credited
            shelf = shipped_not_returned(line)
            suggested = "0"
            if asked is not None:
                if part is None:
                    continue
                most = min(most, part.quantity)
                came_back = request is not None and request.kind == "return"
                shelf = min(shelf, part.received if came_back else part.quantity)
                suggested = str(min(most, part.received if came_back else part.quantity))
            if most:
                key = line.id.hex
                found.append(
                    RefundLineChoice(
                        line,
                        most,
                        shelf,
                        self.typed.get(f"units-{key}", suggested),
                        self.typed.get(f"restock-{key}", str(shelf) if part and part.received else "0"),
                    )
                )
        return found
