"""Fields of the back office: amounts, percents, moments in the shop's time zone, countries, versions.

Each shows and takes back plain text; `data` is what the services want, None for an empty field.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form, IntegerField, StringField
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    Regexp,
    ValidationError,
)
from wtforms.widgets import DateTimeLocalInput

from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.money import MAX_AMOUNT, PPM, parse_typed_amount, plain_number, to_decimal, typed_number
from commerce.shipping.queries import REST_OF_WORLD
from commerce.tenants.scope import current_shop

TAX_CLASSES = r"[a-z][a-z0-9_-]{0,19}"
_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")
_YEARS = range(2000, 2200)
_SIGNS = 60
MAX_VERSION = 2**53


def no_control_characters(_form: Form, field: Any) -> None:
    """Refuse what no keyboard writes into one line; PostgreSQL could not even store a NUL."""
    text = field.data or ""
    if any(not character.isprintable() and character not in "\r\n\t" for character in text):
        raise ValidationError(_("Please use letters, digits and punctuation only."))


def amount_text(amount: int | None) -> str:
    """Return an amount (minor units of the shop's currency) as a form shows it and takes it back."""
    if amount is None:
        return ""
    shop = current_shop()
    return typed_number(f"{to_decimal(amount, shop.currency):f}", shop.locale)


def typed_amount(text: str, currency: str) -> int:
    """Return minor units for an amount that was typed in the back office of this shop. Raises InvalidValue."""
    return parse_typed_amount(text, currency, current_shop().locale)


class _Typed(ABC, StringField):  # type: ignore[misc]
    """A field that reads its text into a value; what cannot be read is shown again as it was typed."""

    data: Any
    longest = _SIGNS

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed. Raises ValueError with the sentence to show at the field."""
        if not valuelist:
            return
        text, self.data = str(valuelist[0]).strip(), None
        if len(text) > self.longest:
            raise ValueError(_("This is too long."))
        if text:
            self.data = self.read(text)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.text(self.data)

    @abstractmethod
    def read(self, text: str) -> Any:
        """Return the value of a text. Raises ValueError with the sentence to show."""

    @abstractmethod
    def text(self, value: Any) -> str:
        """Return the text for a value."""


class AmountField(_Typed):
    """Money: a decimal as people here write it, in the shop's currency, minor units in `data`. Never below zero."""

    def read(self, text: str) -> int:
        """Return minor units."""
        try:
            amount = typed_amount(text, current_shop().currency)
        except InvalidValue as error:
            raise ValueError(describe(error)) from error
        if amount < 0:
            raise ValueError(_("This cannot be negative."))
        return amount

    def text(self, value: int) -> str:
        """Return the amount as it is typed."""
        return amount_text(value)


class PercentField(_Typed):
    """A percentage such as 7.7, with up to four decimals; millionths in `data`."""

    def read(self, text: str) -> int:
        """Return millionths, by decimals alone."""
        try:
            number = plain_number(text.strip().removesuffix("%"), current_shop().locale)
        except InvalidValue as error:
            raise ValueError(describe(error)) from error
        if not _PERCENT.fullmatch(number) or Decimal(number) > 100:
            raise ValueError(_("Please enter a percentage from 0 to 100, such as 7.7."))
        return int(Decimal(number) * (PPM // 100))

    def text(self, value: int) -> str:
        """Return the percentage without idle zeros."""
        return percent_text(value)


def percent_text(ppm: int) -> str:
    """Return millionths as a percentage: 77000 is '7.7'."""
    return typed_number(f"{(Decimal(ppm) / (PPM // 100)).normalize():f}", current_shop().locale)


class MomentField(_Typed):
    """A date and time on the clock of the shop; aware and in UTC in `data`."""

    widget = DateTimeLocalInput()

    def read(self, text: str) -> datetime:
        """Return the moment in UTC. Of an hour that the clock shows twice the first is meant."""
        try:
            local = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(_("Please enter a date and a time.")) from error
        if local.tzinfo is not None or local.year not in _YEARS:
            raise ValueError(_("Please enter a date from this century, without a time zone."))
        return local.replace(tzinfo=ZoneInfo(current_shop().timezone)).astimezone(UTC)

    def text(self, value: datetime) -> str:
        """Return the moment as the shop's clock shows it, as browsers write it."""
        local = value.astimezone(ZoneInfo(current_shop().timezone)).replace(tzinfo=None)
        return local.isoformat(timespec="seconds" if local.second else "minutes")


class CountriesField(_Typed):
    """Countries by code or by name, separated by commas; '*' is the rest of the world. A tuple of codes in `data`."""

    longest = 4000

    def read(self, text: str) -> tuple[str, ...]:
        """Return the codes, each once, in the order they were typed."""
        known = _countries(current_shop().locale)
        codes = []
        for word in (word.strip() for word in re.split(r"[,;\n]", text)):
            if word and word.casefold() not in known:
                raise ValueError(_("“%(word)s” is not a known country.", word=word[:_SIGNS]))
            if word:
                codes.append(known[word.casefold()])
        return tuple(dict.fromkeys(codes))

    def text(self, value: tuple[str, ...]) -> str:
        """Return the codes as they are typed."""
        return ", ".join(value)


@lru_cache(maxsize=64)
def _countries(locale: str) -> dict[str, str]:
    """Return what may be typed for a country, folded, with its code: the code itself and its name."""
    territories = Locale.parse(locale.replace("-", "_")).territories
    codes = {code: str(name) for code, name in territories.items() if re.fullmatch("[A-Z]{2}", code)}
    for grouping in ("ZZ", "EU", "EZ", "UN", "XA", "XB"):
        codes.pop(grouping, None)
    known = {name.casefold(): code for code, name in codes.items()} | {
        code.casefold(): code for code in codes
    }
    return known | {REST_OF_WORLD: REST_OF_WORLD}


def country_names(codes: tuple[str, ...]) -> str:
    """Return countries as the shop's people call them, for lists."""
    territories = Locale.parse(current_shop().locale.replace("-", "_")).territories
    names = [str(territories.get(code, code)) for code in codes if code != REST_OF_WORLD]
    if REST_OF_WORLD in codes:
        names.append(_("everywhere else") if names else _("everywhere"))
    return ", ".join(names)


# --- fields that most forms have -----------------------------------------------------------------------


def strip(text: str | None) -> str | None:
    """Take blanks off both ends of what was typed."""
    return text.strip() if text else text


def version_field() -> IntegerField:
    """Return the hidden field that says what the page showed."""
    return IntegerField(
        validators=[InputRequired(_l("Please reload the page.")), NumberRange(1, MAX_VERSION)]
    )


def shown_money_field() -> IntegerField:
    """Return the hidden field for the money, in minor units, that a preview has shown."""
    message = _l("Please review the amount again.")
    return IntegerField(validators=[Optional(), NumberRange(0, MAX_AMOUNT, message)])


def name_field(label: Any, longest: int = 255) -> StringField:
    """Return a required line of text."""
    return StringField(
        label,
        [
            DataRequired(_l("This field is required.")),
            Length(max=longest, message=_l("At most %(max)d characters.")),
            no_control_characters,
        ],
        filters=[strip],
    )


def tax_class_field(label: Any) -> StringField:
    """Return the field for a tax class."""
    message = _l("Use 1 to 20 lowercase letters, digits, '-' and '_', starting with a letter.")
    return StringField(
        label,
        [InputRequired(message), Regexp(rf"^{TAX_CLASSES}\Z", message=message)],
        default="standard",
        filters=[strip],
    )


def number_field(
    label: Any, low: int, high: int, *, required: bool = True, default: int | None = 0
) -> IntegerField:
    """Return a field for a whole number within bounds."""
    message = _l("Enter a whole number from %(low)s to %(high)s.", low=low, high=high)
    return IntegerField(
        label,
        [InputRequired(message) if required else Optional(), NumberRange(low, high, message)],
        default=default,
    )
