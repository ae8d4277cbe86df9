"""The words of mails: all of them translated, into every language that is offered, politely."""

import re
from functools import lru_cache
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import gettext

from commerce.config import ROOT
from commerce.notifications.i18n import CATALOGUES, LANGUAGES, catalogue, language_of, using_locale
from commerce.notifications.mail_types import MAILS
from commerce.notifications.rendering import ComposedMail
from commerce.tenants.models import Shop
from tests.factories.shop import make_product
from tests.notifications.test_rendering import ONE_DATABASE, letter

FOREIGN = [language for language in LANGUAGES if language != "en"]
KEYWORDS = {"_": None, "N_": None, "gettext": None}
FAMILIAR = {
    "de": r"\b(du|dich|dir|dein\w*|euch|euer\w*)\b",
    "fr": r"\b(tu|te|toi|ton|ta|tes)\b",
    "es": r"\b(tú|tu|tus|te|ti|puedes|tienes|vosotros)\b",
}


@lru_cache(maxsize=1)
def words() -> frozenset[str]:
    """Every text that a mail may say, from the templates and the code."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    return frozenset(found[2] for found in extract_from_dir(ROOT, methods, options, keywords=KEYWORDS))


def translations(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "mails.po").open("rb") as file:
        return read_po(file)


def test_the_languages_are_those_that_have_a_catalogue() -> None:
    assert sorted(FOREIGN) == sorted(each.name for each in CATALOGUES.iterdir() if each.is_dir())


@pytest.mark.parametrize("language", FOREIGN)
def test_every_word_is_translated_and_no_other(language: str) -> None:
    told = {message.id: message for message in translations(language) if message.id}
    assert set(told) == set(words())
    for english, message in told.items():
        assert message.string, english
        assert not message.fuzzy, english
        places = r"%\(\w+\)s"
        assert sorted(re.findall(places, message.string)) == sorted(re.findall(places, english))


@pytest.mark.parametrize("language", FOREIGN)
def test_what_is_compiled_is_what_was_translated(language: str) -> None:
    compiled = read_mo(BytesIO((CATALOGUES / language / "LC_MESSAGES" / "mails.mo").read_bytes()))
    assert {m.id: m.string for m in compiled if m.id} == {
        m.id: m.string for m in translations(language) if m.id
    }


@pytest.mark.parametrize("language", FAMILIAR)
def test_customers_are_spoken_to_politely(language: str) -> None:
    for message in translations(language):
        if message.id:
            assert not re.search(FAMILIAR[language], str(message.string).lower()), message.string


@pytest.mark.parametrize("language", FOREIGN)
@ONE_DATABASE
def test_no_english_is_left_in_a_mail_of_another_language(in_shop: Shop, language: str) -> None:
    make_product("Sencha", sku="SENCHA")
    for name in MAILS:
        assert english_of(letter(name, language), language) == [], name


def english_of(written: ComposedMail, language: str) -> list[str]:
    """Return what a mail says in English although the language has words for it."""
    said = f"{written.subject}\n{written.text}\n{written.html}"
    known = catalogue(language)
    left = []
    for english in words():
        if not re.search(r"\w", re.sub(r"%\(\w+\)s", "", english)):
            continue  # signs between other words
        pieces = [re.escape(piece) for piece in re.split(r"%\(\w+\)s", english)]
        sentence = rf"(?<!\w){'[^.]{1,40}'.join(pieces)}(?!\w)"
        if known.ugettext(english) != english and re.search(sentence, said):
            left.append(english)
    return left


@ONE_DATABASE
def test_a_mail_that_is_not_translated_would_be_noticed(in_shop: Shop) -> None:
    left = english_of(letter("order_confirmation", "en"), "de")
    assert {"Hello %(name)s,", "Total", "Your order %(code)s is confirmed"} <= set(left)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("en", "en"),
        ("en_GB", "en"),
        ("de_AT", "de"),
        ("fr-CA", "fr"),
        ("ja_JP", "ja"),
        ("zh_TW", "zh_Hant"),
        ("zh_HK", "zh_Hant"),
        ("zh_Hant", "zh_Hant"),
        ("zh_CN", "en"),
        ("it", "en"),
    ],
)
def test_a_locale_reads_the_nearest_language(locale: str, language: str) -> None:
    assert language_of(locale) == language


def test_the_words_of_mails_do_not_reach_the_pages_of_the_shop(app: Flask, in_shop: Shop) -> None:
    with using_locale("de"):
        assert gettext("Total") == "Gesamt"
    assert gettext("Total") == "Total"
    with pytest.raises(ZeroDivisionError), using_locale("ja"):
        _ = 1 / 0
    assert gettext("Total") == "Total"
