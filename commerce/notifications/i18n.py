"""The language of mails: a catalogue of their own, so that a shop's mails can speak more languages than its pages."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.support import NullTranslations, Translations
from flask_babel import Domain, force_locale, get_domain, get_locale

from commerce.config import ROOT

CATALOGUES = ROOT / "translations"
DOMAIN = "mails"
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "ja": "日本語",
    "zh_Hant": "繁體中文",
}
"""What mails are written in: English in the templates, the rest in `translations/`."""


def language_of(locale: str) -> str:
    """Return the catalogue that suits a locale such as `de_AT` or `zh_TW`; English when there is none."""
    known = Locale.parse(locale.replace("-", "_"))
    for name in (str(known), f"{known.language}_{known.script}", known.language):
        if name in LANGUAGES:
            return name
    return "en"


@lru_cache(maxsize=16)
def catalogue(language: str) -> NullTranslations:
    """Return the translations of mails into a language; English needs none."""
    return Translations.load(CATALOGUES, [language], DOMAIN)


class _MailTranslations(Domain):  # type: ignore[misc]
    """Where flask-babel finds the words of mails."""

    def get_translations(self) -> NullTranslations:
        return catalogue(language_of(str(get_locale())))


_WORDS = _MailTranslations(domain=DOMAIN)


def N_(text: str) -> Any:  # noqa: N802 - the name that gettext tools know
    """Mark a text for the catalogue of mails and return it lazily: it is translated when a mail is written."""
    return _WORDS.lazy_gettext(text)


OUR_REASONS: dict[str, Any] = {
    "Not paid in time": N_("Not paid in time"),
    "Payment arrived after the order was cancelled": N_("Payment arrived after the order was cancelled"),
    "The card was declined.": N_("The card was declined."),
    "The payment was never started.": N_("The payment was never started."),
}
"""Reasons that the system itself writes into events, in the reader's words; people's own stay as they were typed."""


@contextmanager
def using_locale(locale: str) -> Generator[None]:
    """Translate with the words of mails, and write amounts and dates as people in `locale` do."""
    before = get_domain()
    with force_locale(locale.replace("-", "_")):
        _WORDS.as_default()
        try:
            yield
        finally:
            before.as_default()
