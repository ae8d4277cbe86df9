"""Options of a product ("Size") and the grid of variants that their values make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product as combinations
from math import prod

from commerce.catalog.validation import LIMITS, checked_line
from commerce.errors import InvalidValue

MAX_OPTIONS = 3


@dataclass(frozen=True, slots=True)
class Option:
    """An option and its values in their order."""

    name: str
    values: Sequence[str]


def checked_options(options: Sequence[Option]) -> list[Option]:
    """Return options as they are stored. Raises InvalidValue, at most MAX_OPTIONS with LIMITS.variants combinations."""
    if len(options) > MAX_OPTIONS:
        raise InvalidValue("options", "too_many_options", maximum=MAX_OPTIONS)
    clean = []
    for each in options:
        name = checked_line("options", each.name)
        values = [value for text in each.values if (value := checked_line("options", text))]
        if not name or not values:
            raise InvalidValue("options", "option_incomplete", option=name or ", ".join(values))
        if len({value.casefold() for value in values}) < len(values):
            raise InvalidValue("options", "option_values_not_unique", option=name)
        clean.append(Option(name, values))
    if len({each.name.casefold() for each in clean}) < len(clean):
        raise InvalidValue("options", "option_names_not_unique")
    if prod(len(each.values) for each in clean) > LIMITS.variants:
        raise InvalidValue("options", "too_many_variants", maximum=LIMITS.variants)
    return clean


def combined(options: Sequence[Option]) -> list[dict[str, str]]:
    """Return every combination of values, by option, in the order of a table; one without options for none."""
    names = [each.name for each in options]
    return [
        dict(zip(names, values, strict=True)) for values in combinations(*(each.values for each in options))
    ]
