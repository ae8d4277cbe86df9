"""What a shopper can ask of a placed order."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField, SelectChoice, TextAreaField
from wtforms.validators import AnyOf, DataRequired, Length, Optional, Regexp

from commerce.cart.forms import no_unprintable, printable
from commerce.errors import InvalidValue
from commerce.orders.return_queries import KINDS
from commerce.web import TextForm

MAX_REASON = 500
_UNITS = re.compile(r"[0-9]{1,6}")
_ID = re.compile(r"[0-9a-f]{32}")


def read_units(typed: Mapping[str, str], prefix: str, field: str = "lines") -> dict[uuid.UUID, int]:
    """Return the units by order line id of the fields `<prefix>-<id>`; an empty field is left out, as is 0.

    Raises InvalidValue at `field` for what is no whole number or no line.
    """
    units = {}
    for name, text in typed.items():
        if not name.startswith(f"{prefix}-") or text.strip() in ("", "0"):
            continue
        line = name.removeprefix(f"{prefix}-")
        if not _ID.fullmatch(line):
            raise InvalidValue(field, "line_not_in_order")
        if not _UNITS.fullmatch(text.strip()):
            raise InvalidValue(field, "units_not_whole")
        units[uuid.UUID(line)] = int(text)
    return {key: count for key, count in units.items() if count}


class ReasonForm(TextForm):
    """Why an order shall be cancelled or refunded; `version` is what the page had shown."""

    class Meta:  # noqa: D106 - WTForms reads its options here; the app's CSRF protection has checked the token
        csrf = False

    version = HiddenField(validators=[Regexp(r"^[0-9]{1,18}\Z")])
    reason = TextAreaField(
        _l("Reason"),
        [
            DataRequired(_l("Please tell us why.")),
            Length(max=MAX_REASON, message=_l("Please use at most %(max)d characters.", max=MAX_REASON)),
            no_unprintable,
        ],
        filters=[printable],
    )


class RequestForm(ReasonForm):
    """Ask for money back. Of which lines is in fields of their own (`read_units`); without any it is all of them."""

    kind = RadioField(
        _l("What would you like?"),
        [Optional(), AnyOf(KINDS, _l("Please choose what you would like."))],
        choices=[
            SelectChoice("refund", _l("A refund")),
            SelectChoice("return", _l("To send the goods back, and then my money back")),
        ],
        validate_choice=False,
        default="refund",
    )
