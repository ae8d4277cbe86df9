"""What a shopper can say about a cart: a variant and a number of units."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Field, HiddenField, IntegerField, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from commerce.cart.queries import MAX_UNITS_PER_LINE
from commerce.pricing.queries import fold_code
from commerce.web import TextForm

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands for what no page and no parcel label can show; a field that holds one is refused."""
MAX_CODE = 60
_WHOLE = re.compile(r"\d{1,6}")
_QUANTITY = re.compile(r"quantity-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
    + "]"
)


def printable(typed: str | None) -> str:
    """Return what was typed without outer space, in one kind of line end, with UNPRINTABLE for what cannot be shown.

    That is Unicode's control characters, lone surrogates and noncharacters, which HTML may not hold either.
    """
    text = (typed or "").replace("\r\n", "\n").replace("\r", "\n").strip()
    return _INVISIBLE.sub(UNPRINTABLE, text)


def printable_line(typed: str | None) -> str:
    """Return `printable` text for a field of one line, which may have no line end or tab either."""
    return re.sub(r"[\n\t]", UNPRINTABLE, printable(typed))


def no_unprintable(_form: Any, field: Field) -> None:
    """Raise ValidationError for text with a character that nobody can see or print."""
    if UNPRINTABLE in (field.data or ""):
        raise ValidationError(_("This contains a character we can't print. Please retype it."))


class UnitsField(IntegerField):  # type: ignore[misc]
    """A whole number of units from `low` to the most that a line may have, as `read_units` reads it."""

    def __init__(self, label: Any = None, *, low: int, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.low = low

    def _value(self) -> str:
        return printable_line(super()._value())[:20]

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the number. Raises ValueError with words for the shopper."""
        self.data = None
        self.data = read_units(valuelist[0] if valuelist else "", self.low)


def read_units(typed: str, low: int) -> int:
    """Return a whole number of units from `low` to the most that a line may have.

    What Python would also read as a number ('1_000', '-2') is refused; full-width digits are not. Raises ValueError
    with words for the shopper.
    """
    digits = unicodedata.normalize("NFKC", typed).strip()
    if not _WHOLE.fullmatch(digits) or not low <= int(digits) <= MAX_UNITS_PER_LINE:
        message = _("Enter a whole number from %(low)s to %(high)s.", low=low, high=MAX_UNITS_PER_LINE)
        raise ValueError(message)
    return int(digits)


class CartForm(TextForm):
    """Base of the cart's forms; the app's CSRF protection has checked the token before any view runs."""

    class Meta:  # noqa: D106 - WTForms reads its options here
        csrf = False


class AddLineForm(CartForm):
    """Put units of a variant into the cart."""

    variant_id = HiddenField()
    quantity = UnitsField(_l("Quantity"), low=1, default=1)

    def validate_variant_id(self, field: HiddenField) -> None:
        """Keep the id as a UUID. Raises ValidationError for anything else."""
        try:
            field.data = uuid.UUID(field.data or "")
        except ValueError as error:
            raise ValidationError(_("Choose what to add to your cart.")) from error


class CouponForm(CartForm):
    """Enter a coupon code."""

    coupon_code = StringField(
        _l("Coupon code"),
        [
            DataRequired(_l("Please enter a code.")),
            no_unprintable,
            Length(max=MAX_CODE, message=_l("Please use at most %(max)d characters.", max=MAX_CODE)),
        ],
        filters=[fold_code, printable_line],
    )


@dataclass(frozen=True, slots=True)
class TypedQuantities:
    """What the fields of the cart's lines say: those that were `changed`, and per line what was `refused` and why."""

    changed: dict[uuid.UUID, int]
    refused: dict[uuid.UUID, tuple[str, str]]


def typed_quantities(sent: Mapping[str, str]) -> TypedQuantities:
    """Read every quantity of the cart's form; 0 takes a line out.

    A field that still holds what the page showed is no change: another tab may have changed that line meanwhile.
    """
    changed, refused = {}, {}
    for name, typed in sent.items():
        found = _QUANTITY.fullmatch(name)
        if found is None or typed == sent.get(f"shown-{found[1]}"):
            continue
        line_id = uuid.UUID(found[1])
        try:
            changed[line_id] = read_units(typed, 0)
        except ValueError as error:
            refused[line_id] = printable_line(typed)[:20], str(error)
    return TypedQuantities(changed, refused)
