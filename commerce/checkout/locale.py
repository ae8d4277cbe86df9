"""In which of a shop's languages a customer wants to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from babel import Locale, UnknownLocaleError

MOST_ASKED = 20
"""Languages of a browser that are looked at; a header may name thousands."""


def best_language(asked: Iterable[str], offered: Sequence[str]) -> str:
    """Return the offered locale that suits best, '' for none. `asked`, such as `de-AT`, is sorted by preference."""
    for preference in islice(asked, MOST_ASKED):
        for name in _from_narrow_to_wide(preference):
            if name in offered:
                return name
    return ""


def _from_narrow_to_wide(preference: str) -> Iterator[str]:
    """Yield `zh_Hant_TW`, `zh_Hant`, `zh` for zh-TW; nothing for what is no language."""
    try:
        locale = Locale.parse(preference, sep="-")
    except (UnknownLocaleError, ValueError):
        return
    yield preference.replace("-", "_")
    yield str(locale)
    yield f"{locale.language}_{locale.script}"
    yield f"{locale.language}_{locale.territory}"
    yield locale.language
