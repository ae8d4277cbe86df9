"""Every mail in every language: complete, alike as text and HTML, in the shop's look, and broken by nothing."""

import re
from html import unescape

import pytest

from commerce.config import ROOT
from commerce.notifications.emails import Letter, write
from commerce.notifications.facts import Told
from commerce.notifications.mails import ALERTS, MAILS, OPERATIONS
from commerce.notifications.samples import told_for_trial
from commerce.tenants.models import Shop
from tests.factories.shop import make_product
from tests.notifications.post import sound

LOCALES = ["en", "de", "fr", "es", "ja", "zh_Hant"]
NAUGHTY = [
    "<script>alert(1)</script>",
    "\r\nBcc: eve@evil.test\r\n\r\n<b>",
    "{{ 7 * 7 }} %(name)s %s",
    "\u2028\u202e\x0b\x85 “quoted” 'and' \"more\"",
    "田中 さん 🍵" * 30,
]
FILES = ROOT / "templates" / "emails"


def letter(name: str, locale: str = "en", told: Told | None = None) -> Letter:
    told = told or told_for_trial(MAILS[name])
    return write(name, told.facts, told, locale=locale)


def squeezed(text: str) -> str:
    """Letters and digits only: what is the same in both forms of a mail."""
    return re.sub(r"[\W_]", "", re.sub(r"(?<=\d) x(?= )", "", text))


def words_of(html: str) -> str:
    """The text that a reader of the HTML sees."""
    body = re.sub(r"<(style|title)>.*?</\1>", "", html, flags=re.DOTALL)
    return squeezed(unescape(re.sub(r"<[^>]+>", " ", body)))


def test_there_are_both_files_of_every_mail_and_no_others() -> None:
    files = {(f.stem, f.suffix) for f in FILES.iterdir() if f.is_file() and not f.name.startswith("_")}
    assert files == {(mail.template, end) for mail in MAILS.values() for end in (".txt", ".html")}
    assert {mail.name for mail in MAILS.values() if mail.to == OPERATIONS} == set(ALERTS)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", MAILS)
def test_every_mail_can_be_written_in_every_language(in_shop: Shop, name: str, locale: str) -> None:
    make_product("Green tea", sku="TEA-1", options={"Size": "100 g"})
    written = letter(name, locale)
    assert written.subject
    assert "%(" not in written.subject + written.text + written.html
    sound(written.html)
    assert f'<html lang="{locale.replace("_", "-")}">' in written.html
    assert "\n\n\n" not in written.text
    seen = words_of(written.html)
    for line in written.text.splitlines():
        if "://" not in line:
            assert squeezed(line) in seen, line
