"""Every mail in every language: complete, alike as text and HTML, in the shop's look, and broken by nothing."""

import re
from dataclasses import replace
from html import unescape

import pytest

from commerce.config import ROOT
from commerce.notifications.context import MailContext
from commerce.notifications.email_theme import PLAIN, email_theme_of
from commerce.notifications.mail_types import ALERTS, MAILS, OPERATIONS
from commerce.notifications.rendering import ComposedMail, compose
from commerce.notifications.samples import sample_context
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.shop import make_product
from tests.notifications.outgoing import sound

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What a mail looks like does not depend on where its order was kept."""
LOCALES = ["en", "de", "fr", "es", "ja", "zh_Hant"]
NAUGHTY = [
    "<script>alert(1)</script>",
    "\r\nBcc: eve@evil.test\r\n\r\n<b>",
    "{{ 7 * 7 }} %(name)s %s",
    "\u2028\u202e “quoted” 'and' \"more\"",
    "田中 さん 🍵" * 30,
]
FILES = ROOT / "templates" / "emails"


def letter(name: str, locale: str = "en", told: MailContext | None = None) -> ComposedMail:
    told = told or sample_context(MAILS[name])
    return compose(name, told.facts, told, locale=locale)


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
@ONE_DATABASE
def test_every_mail_can_be_written_in_every_language(in_shop: Shop, locale: str) -> None:
    make_product("Green tea", sku="TEA-1", options={"Size": "100 g"})
    for name in MAILS:
        check_both_forms(name, locale)


def check_both_forms(name: str, locale: str) -> None:
    """Fail unless the text of a mail says nothing that its HTML does not say, too."""
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


CASES: dict[str, dict[str, object]] = {
    "paid": {"received": 2500, "owed": 0},
    "unpaid": {"received": 0, "owed": 2500, "instructions": ""},
    "to transfer": {"received": 0, "owed": 2500, "instructions": "IBAN 1\nBank <2>"},
    "nothing goes back": {"going_back": 0, "received": 2500},
    "without a parcel": {"parcel": None},
    "the rest follows": {"rest": True},
    "nothing in particular asked": {"asked": ()},
}


@pytest.mark.parametrize("case", CASES)
@ONE_DATABASE
def test_every_mail_fits_every_kind_of_order(in_shop: Shop, case: str) -> None:
    make_product("Green tea", sku="TEA-1")
    for name in MAILS:
        check_every_status(name, case)


def check_every_status(name: str, case: str) -> None:
    """Fail unless a mail can be written of an order in any state of its life."""
    told = replace(sample_context(MAILS[name]), **CASES[case])  # type: ignore[arg-type]
    for pay_later, status in ((False, "pending"), (True, "confirmed"), (False, "paid"), (False, "cancelled")):
        told.order.pay_later, told.order.status = pay_later, status
        told.order.hold_expires_at = None if status == "confirmed" else told.order.placed_at
        for locale in ("en", "ja"):
            written = letter(name, locale, told)
            sound(written.html)
            assert "None" not in written.text


@pytest.mark.parametrize(
    ("currency", "locale", "shown"),
    [
        ("JPY", "ja", "￥1,200"),
        ("KWD", "en", "KWD1.200"),
        ("TWD", "zh_TW", "$12"),
        ("EUR", "de", "12,00\xa0€"),
    ],
)
@ONE_DATABASE
def test_amounts_are_written_as_people_there_do(
    in_shop: Shop, currency: str, locale: str, shown: str
) -> None:
    told = sample_context(MAILS["order_credited"])
    told.order.currency = currency
    assert shown in letter("order_credited", locale, replace(told, facts={"amount": 1200, "reason": ""})).text


@ONE_DATABASE
def test_every_adjustment_is_named_and_what_was_cancelled_is_said(in_shop: Shop) -> None:
    make_product("Green tea", sku="TEA-1", price=1000)
    told = sample_context(MAILS["order_confirmation"])
    told.order.adjustments[1].included = True
    told.order.adjustments[1].amount = 200
    told.order.lines[0].cancelled = 1
    text = letter("order_confirmation", told=told).text
    assert "2 x Green tea (1 of them cancelled): $20.00\nWELCOME: -$2.00\nTotal: $23.00\n" in text
    assert "  including Parcel: $2.00\n" in text


@pytest.mark.parametrize("typed", NAUGHTY, ids=range(len(NAUGHTY)))
@ONE_DATABASE
def test_nothing_that_people_type_breaks_a_mail(in_shop: Shop, typed: str) -> None:
    for mail in MAILS.values():
        told = sample_context(mail)
        kept = ("currency", "kind", "state")
        facts = {k: typed if isinstance(v, str) and k not in kept else v for k, v in told.facts.items()}
        order = told.order
        order.name = order.shipping_label = order.payment_label = typed
        order.shipping_address = {**order.shipping_address, "street_address": typed, "city": typed}
        for line in order.lines:
            line.title = line.options = typed
        for adjustment in order.adjustments:
            adjustment.label = typed
        with shop_scope(replace(in_shop, name=typed, tagline=typed)):
            written = letter(mail.name, told=replace(told, facts=facts, instructions=typed))
        html = sound(written.html)
        assert "<script" not in html
        assert html.count("<h1 ") == 1
        assert html.count("<b>") == 0
        assert not re.search(r"[\r\n]", written.subject)
        if "{{" in typed:
            assert typed in unescape(html)


@ONE_DATABASE
def test_the_shops_colours_and_typeface_are_worn(in_shop: Shop) -> None:
    theme = {"accent": "#123abc", "accent_ink": "#fefefe", "typeface": "serif", "paper": "#f0e0d0"}
    with shop_scope(replace(in_shop, theme=theme)):
        html = letter("order_confirmation").html
    assert "border-top:4px solid #123abc" in html
    assert "background-color:#123abc" in html
    assert "color:#fefefe" in html
    assert 'bgcolor="#f0e0d0"' in html
    assert "Georgia" in html


@pytest.mark.parametrize("colour", ["red", "#12345", "#123456;}", '"><script>', 7, None])
@ONE_DATABASE
def test_a_theme_carries_no_styles_of_its_own(in_shop: Shop, colour: object) -> None:
    look = email_theme_of(replace(in_shop, theme={"accent": colour, "typeface": colour}))
    assert f"solid {PLAIN['accent']}" in look.sheet


@ONE_DATABASE
def test_mail_programs_get_tables_and_inline_styles_and_fetch_nothing(in_shop: Shop) -> None:
    for name in MAILS:
        html = letter(name).html
        assert not re.search(r"<(script|link|img|form|svg|iframe)|url\(|@import", html)
        assert 'role="presentation"' in html
        assert len(html.encode()) < 102_400  # beyond that, Gmail cuts a mail off
