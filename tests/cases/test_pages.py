"""What people type into forms, and what pages answer."""

from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import delete, update

from commerce.cart.services import enter_code
from commerce.db import atomic, db
from commerce.errors import CouponRefused, InvalidValue
from commerce.money import parse_typed_amount
from commerce.pricing.models import TaxRate
from commerce.shipping.queries import countries_without_tax
from commerce.tenants.models import Shop
from tests.factories.cart import load, make_cart
from tests.factories.pricing import make_coupon
from tests.factories.shop import make_product
from tests.support.visitor import Visitor


@dataclass(frozen=True)
class AmountCase:
    """An amount as it is typed in a form, and its minor units; None where it is refused."""

    typed: str
    currency: str
    locale: str
    minor: int | None
    source: str


AMOUNTS = (
    AmountCase("4,20", "EUR", "de", 420, "a German price"),
    AmountCase("4.20", "EUR", "de", 420, "an English price in a German shop"),
    AmountCase("4,20", "EUR", "en", 420, "a German price in an English shop"),
    AmountCase("1.234,50", "EUR", "de", 123450, "thousands"),
    AmountCase("1,234.50", "EUR", "de", 123450, "English thousands"),
    AmountCase("1\u202f234,50", "EUR", "fr", 123450, "French thousands"),
    AmountCase("1\u00a0234,50", "EUR", "fr", 123450, "thousands with a blank that does not break"),
    AmountCase("1'234.50", "CHF", "de_CH", 123450, "Swiss thousands"),
    AmountCase("1’234.50", "CHF", "de_CH", 123450, "Swiss thousands, typographic"),
    AmountCase("5.-", "CHF", "de_CH", 500, "no cents, the Swiss way"),
    AmountCase("5.–", "CHF", "de_CH", 500, "no cents, with a dash"),
    AmountCase("5,-", "EUR", "nl", 500, "no cents, the Dutch way"),
    AmountCase("CHF 4.20", "CHF", "de_CH", 420, "with the code before it"),
    AmountCase("4,20 eur", "EUR", "de", 420, "with the code behind it in small letters"),
    AmountCase("4,20 €", "EUR", "de", 420, "with the sign"),
    AmountCase("49,90 kr", "SEK", "sv", 4990, "with a sign of letters"),
    AmountCase("49,90 zł", "PLN", "pl", 4990, "with a sign of letters"),
    AmountCase("KWD 1.250", "KWD", "en", 1250, "dinars with the code"),
    AmountCase("1.250", "KWD", "en", 1250, "dinars have three decimals"),
    AmountCase("٤٫٢٠", "EUR", "ar", 420, "Arabic digits and their decimal mark"),
    AmountCase("١٬٢٣٤٫٥٠", "EUR", "ar", 123450, "Arabic thousands"),
    AmountCase("٤٢٠", "JPY", "en", 420, "Arabic digits"),
    AmountCase("４２０", "JPY", "ja", 420, "full width"),
    AmountCase("￥１，２００", "JPY", "ja", 1200, "full width with a sign and thousands"),
    AmountCase("1,200", "JPY", "ja", 1200, "thousands of yen"),
    AmountCase("1.200", "JPY", "de", 1200, "thousands of yen in a German shop"),
    AmountCase("1200,00", "JPY", "de", 1200, "yen with zeros"),
    AmountCase("4\u200b,20", "EUR", "de", 420, "a blank without width"),
    AmountCase("1.250", "EUR", "de", None, "could be a thousand times the other"),
    AmountCase("1,250", "EUR", "en", None, "could be a thousand times the other"),
    AmountCase("0,005", "EUR", "de", None, "more decimals than cents"),
    AmountCase("1,5", "JPY", "ja", None, "a part of a yen"),
    AmountCase("1.2345", "KWD", "en", None, "more decimals than fils"),
    AmountCase("USD 4.20", "EUR", "en", None, "another currency"),
    AmountCase("4..20", "EUR", "en", None, "two marks"),
    AmountCase("EUR", "EUR", "en", None, "a code alone"),
    AmountCase("", "EUR", "en", None, "nothing"),
)


@pytest.mark.parametrize("case", AMOUNTS, ids=lambda case: f"{case.typed} {case.currency} {case.locale}")
def test_an_amount_is_read_as_it_is_written_there(case: AmountCase) -> None:
    if case.minor is None:
        with pytest.raises(InvalidValue):
            parse_typed_amount(case.typed, case.currency, case.locale)
    else:
        assert parse_typed_amount(case.typed, case.currency, case.locale) == case.minor


@dataclass(frozen=True)
class CodeCase:
    """A way to write the code WELCOME-10 that is the same code, or is not."""

    typed: str
    same: bool
    source: str


CODES = (
    CodeCase("welcome-10", same=True, source="small letters"),
    CodeCase(" WELCOME-10\t", same=True, source="blanks around"),
    CodeCase("\u00a0WELCOME-10\u3000", same=True, source="blanks that are not ASCII"),
    CodeCase("WEL\u200bCOME-10", same=True, source="a blank without width inside"),
    CodeCase("\ufeffWELCOME-10\u2060", same=True, source="byte order mark and word joiner"),
    CodeCase("WEL\u00adCOME-10", same=True, source="a soft hyphen inside"),
    CodeCase("\u202aWELCOME-10\u202c", same=True, source="marks of direction"),
    CodeCase("WELCOME\u201110", same=True, source="a hyphen that does not break"),
    CodeCase("WELCOME\u201010", same=True, source="the Unicode hyphen"),
    CodeCase("WELCOME\u201310", same=True, source="an en dash"),
    CodeCase("WELCOME\u201410", same=True, source="an em dash"),
    CodeCase("WELCOME\u221210", same=True, source="a minus sign"),
    CodeCase("WELCOME\ufe6310", same=True, source="a small hyphen"),
    CodeCase("ｗｅｌｃｏｍｅ－１０", same=True, source="full width"),
    CodeCase("WELCOME10", same=False, source="no hyphen"),
    CodeCase("WELCOME--10", same=False, source="two hyphens"),
    CodeCase("WELCOME-1O", same=False, source="a letter for a digit"),
)


@pytest.mark.parametrize("case", CODES, ids=lambda case: case.source)
def test_a_pasted_code_is_the_same_code(in_shop: Shop, case: CodeCase) -> None:
    make_coupon("WELCOME-10")
    shopper, _cart = make_cart((make_product(), 1))
    if case.same:
        enter_code(shopper, case.typed, shipping=0)
    else:
        with pytest.raises(CouponRefused):
            enter_code(shopper, case.typed, shipping=0)
    assert load(shopper).coupon_codes == (("WELCOME-10",) if case.same else ())


@dataclass(frozen=True)
class PageCase:
    """An address and what it answers to a visitor."""

    path: str
    status: int
    holds: str
    source: str


PAGES = (
    PageCase("/", 200, '<html lang="en">', "the language of the words"),
    PageCase("/search?q=t-shirt", 200, '<html lang="en">', "a search without a hit"),
    PageCase("/search?q=c%2B%2B", 200, '<html lang="en">', "a search with signs"),
    PageCase("/nowhere", 404, "This page does not exist", "no such page"),
    PageCase("/products/none", 404, "This page does not exist", "no such product"),
    PageCase("/orders/not-a-token", 404, "This page does not exist", "no such order"),
    PageCase("/products/green-tea", 200, "$10.00", "a product with its price"),
    PageCase("/cart", 200, "Your cart", "an empty cart"),
)


@pytest.mark.parametrize("case", PAGES, ids=lambda case: case.source)
def test_a_page_answers(app: Flask, in_shop: Shop, case: PageCase) -> None:
    make_product()
    page = Visitor(app).get(case.path)
    assert page.status == case.status
    assert case.holds in page.response.text


# --- countries without a rate ------------------------------------------------------------------------


@dataclass(frozen=True)
class TaxCase:
    """The countries that have a tax rate, in a shop that ships anywhere, and those that the owner is warned of."""

    rates: tuple[str, ...]
    missing: frozenset[str]
    source: str


TAXES = (
    TaxCase(("US",), frozenset("*"), "the rest of the world"),
    TaxCase(("*",), frozenset(), "a rate for everywhere"),
    TaxCase((), frozenset(), "a shop that charges no tax"),
)


@pytest.mark.parametrize("case", TAXES, ids=lambda case: case.source)
def test_the_owner_is_warned_of_countries_without_a_rate(in_shop: Shop, case: TaxCase) -> None:
    @atomic
    def set_rates() -> None:
        if case.rates:
            db.session.execute(update(TaxRate).values(country=case.rates[0]))
        else:
            db.session.execute(delete(TaxRate))

    set_rates()
    assert {str(each) for each in countries_without_tax()} == case.missing
