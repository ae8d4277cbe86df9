"""Fields of the back office: amounts, percents, moments in the shop's time zone, countries, versions.

Each shows and takes back plain text; `data` is what the services want, None for an empty field.
"""

from __future__ import annotations

import re
import zoneinfo
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, localedata
from babel.numbers import get_territory_currencies
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import escape
from wtforms import Form, IntegerField, SelectChoice, SelectField, SelectMultipleField, StringField
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    Regexp,
    ValidationError,
)
from wtforms.widgets import CheckboxInput, DateTimeLocalInput, ListWidget, html_params

from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.markup import Markup, rendered
from commerce.money import MAX_AMOUNT, PPM, parse_typed_amount, plain_number, to_decimal, typed_number
from commerce.shipping.queries import REST_OF_WORLD
from commerce.tenants.scope import current_shop
from commerce.tenants.settings import countries

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


UNITS = {str(24 * 60): _l("days"), "60": _l("hours"), "1": _l("minutes")}
"""Minutes of a unit of time -> its name, the largest first."""


class DurationInput:
    """Renders a `DurationField`."""

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        """Return a field for the number and a list for the unit."""
        number, chosen = field.shown
        options = "".join(
            f'<option value="{unit}"{" selected" if unit == chosen else ""}>{escape(name)}</option>'
            for unit, name in UNITS.items()
        )
        given = html_params(id=field.id, name=field.name, value=number, inputmode="numeric", **attributes)
        unit_label = escape(_("Unit of time"))
        return rendered(  # every part of it is escaped above
            f'<span class="duration"><input {given}>'
            f'<select name="{escape(field.name)}" aria-label="{unit_label}">{options}</select></span>'
        )


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


class CountryField(SelectField):  # type: ignore[misc]
    """One country, chosen by its name in the language of the shop; its code in `data`."""

    def __init__(self, label: Any, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, choices=country_choices, **options)


class CountryChoicesField(SelectMultipleField):  # type: ignore[misc]
    """Any number of countries as tick boxes; codes in `data`."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, choices=country_choices, **options)


def _by_name(named: Iterable[tuple[str, str]]) -> tuple[SelectChoice, ...]:
    ordered = sorted(named, key=lambda pair: pair[1].casefold())
    return tuple(SelectChoice(value, name) for value, name in ordered)


def country_choices() -> list[SelectChoice]:
    """Return every country, by its name in the language of the shop."""
    return list(_country_choices(current_shop().locale))


@lru_cache(maxsize=64)
def _country_choices(locale: str) -> tuple[SelectChoice, ...]:
    territories = Locale.parse(locale.replace("-", "_")).territories
    return _by_name((code, str(territories.get(code, code))) for code in countries())


def currency_choices() -> list[SelectChoice]:
    """Return every currency that a country pays in, by its name in the language of the shop."""
    return list(_currency_choices(current_shop().locale))


@lru_cache(maxsize=64)
def _currency_choices(locale: str) -> tuple[SelectChoice, ...]:
    names = Locale.parse(locale.replace("-", "_")).currencies
    used = {code for country in countries() for code in get_territory_currencies(country)}
    return _by_name((code, f"{names.get(code, code)} ({code})") for code in used)


@lru_cache(maxsize=1)
def locale_choices() -> tuple[SelectChoice, ...]:
    """Return every language as it is written in a country, such as 'German (Austria)', by name."""
    found = {}
    for name in localedata.locale_identifiers():
        locale = Locale.parse(name)
        if not locale.variant and (locale.script is None or locale.territory is None):
            found[name] = str(locale.get_display_name("en") or name)
    return _by_name(found.items())


@lru_cache(maxsize=1)
def timezone_choices() -> tuple[SelectChoice, ...]:
    """Return the time zones by the region of the world that their names begin with."""
    names = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone)
    found = [SelectChoice("UTC", "UTC", optgroup="UTC")]
    for name in names:
        region, _slash, place = name.partition("/")
        found.append(SelectChoice(name, place.replace("_", " ").replace("/", ", "), optgroup=region))
    return tuple(found)


def keep_choice(field: Any, value: str) -> None:
    """Let a list offer a value that is set already, whatever it is: saving something else must not change it."""
    if value and value not in {choice.value for choice in field.choices}:
        field.choices = [*field.choices, SelectChoice(value)]


class DurationField(IntegerField):  # type: ignore[misc]
    """A time as a number and its unit, two controls of one name; minutes in `data`. A number alone is minutes."""

    widget = DurationInput()

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read the number and the unit. Raises ValueError with the sentence to show."""
        if not valuelist:
            return
        self.data = None
        unit = str(valuelist[1]) if len(valuelist) > 1 else "1"
        number = str(valuelist[0]).strip()
        if not number:
            return
        if not (number.isascii() and number.isdigit() and len(number) < 10) or unit not in UNITS:
            raise ValueError(_("Please enter a whole number."))
        self.data = int(number) * int(unit)

    @property
    def shown(self) -> tuple[str, str]:
        """The number and the unit to show: what was typed, else the largest unit that divides the time."""
        if self.raw_data:
            return str(self.raw_data[0]), str(self.raw_data[1]) if len(self.raw_data) > 1 else "1"
        if self.data is None:
            return "", "1"
        unit = next(unit for unit in UNITS if self.data % int(unit) == 0)
        return str(self.data // int(unit)), unit


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
