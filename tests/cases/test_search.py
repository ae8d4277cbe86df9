"""What shoppers type into the search, and what they find."""

from dataclasses import dataclass

import pytest
from flask import Flask

from commerce.storefront.listings import found_products
from tests.cases.shops import open_shop
from tests.factories.catalog import put_up

TITLES = (
    "T-Shirt", "Blue T Shirt", "E-Bike", "USB-C cable", "Wi-Fi router", "C++ for gardeners", "C# primer", "Cups",
    "Carafe", "Sun milk SPF 50+", "❄️ Winter sale", "🎁 Gift box", "Café mug", "Straße sign", "Ærø cheese",
    "Łódź poster",
    "煎茶 やぶきた", "Ｔｅａ caddy", "Alice’s pot", "Rock'n'roll", "İstanbul print", "Ağrı honey", "Pokémon card",
    "Multi-Tool", "Vitamin B12", "Hyphen\u00adated book",
)  # fmt: skip


@dataclass(frozen=True)
class SearchCase:
    """Words and the titles that they find."""

    query: str
    found: frozenset[str]
    source: str


def row(query: str, *found: str, source: str) -> SearchCase:
    return SearchCase(query, frozenset(found), source)


SHIRTS = ("T-Shirt", "Blue T Shirt")
SEARCHES = (
    row("tshirt", *SHIRTS, source="a compound in one word"),
    row("t-shirt", *SHIRTS, source="with a hyphen"),
    row("T Shirt", *SHIRTS, source="in two words"),
    row("t\u2011shirt", *SHIRTS, source="with a hyphen that does not break"),
    row("T\u2010SHIRT", *SHIRTS, source="with the Unicode hyphen"),
    row("t\u2212shirt", *SHIRTS, source="with a minus sign"),
    row("t\u00adshirt", *SHIRTS, source="with a soft hyphen"),
    row("ｔｓｈｉｒｔ", *SHIRTS, source="full width"),
    row("t\u00a0shirt", *SHIRTS, source="with a blank that does not break"),
    row("blue tshirt", "Blue T Shirt", source="with another word"),
    row("ebike", "E-Bike", source="a compound"),
    row("e bike", "E-Bike", source="in two words"),
    row("usbc", "USB-C cable", source="a compound that ends in a letter"),
    row("usb c", "USB-C cable", source="in two words"),
    row("wifi", "Wi-Fi router", source="a compound"),
    row("multitool", "Multi-Tool", source="a compound of words"),
    row("c++", "C++ for gardeners", source="a word with signs"),
    row("C#", "C# primer", source="a word with a sign"),
    row("f#", source="a word with a sign that nothing has"),
    row("spf 50+", "Sun milk SPF 50+", source="a number with a sign"),
    row("b12", "Vitamin B12", source="a letter and a number"),
    row("❄️", "❄️ Winter sale", source="an emoji"),
    row("❄", "❄️ Winter sale", source="the emoji without its selector"),
    row("🎁 gift", "🎁 Gift box", source="an emoji and a word"),
    row("cafe", "Café mug", source="without an accent"),
    row("cafe\u0301", "Café mug", source="with a combining accent"),
    row("POKEMON", "Pokémon card", source="capitals without an accent"),
    row("strasse", "Straße sign", source="ss for ß"),
    row("STRASSE", "Straße sign", source="capitals"),
    row("aero", "Ærø cheese", source="letters that are two"),
    row("lodz", "Łódź poster", source="letters with strokes"),
    row("istanbul", "İstanbul print", source="a capital with a dot"),
    row("agri", "Ağrı honey", source="a letter without a dot"),
    row("煎茶", "煎茶 やぶきた", source="a script without blanks"),
    row("ぶき", "煎茶 やぶきた", source="the middle of a word"),
    row("tea", "Ｔｅａ caddy", source="full width in the title"),
    row("alices", "Alice’s pot", source="without an apostrophe"),
    row("alice's", "Alice’s pot", source="a straight apostrophe"),
    row("rocknroll", "Rock'n'roll", source="two apostrophes"),
    row("beech", "Carafe", source="a word of the description"),
    row("\u200bcarafe\ufeff", "Carafe", source="blanks without width"),
    row("gardeners", "C++ for gardeners", source="a word in the middle of a title"),
    row("gar\u00addeners", "C++ for gardeners", source="a soft hyphen inside of a word"),
    row("\u202dcups\u202c", "Cups", source="marks of direction"),
    row("hyphenated", "Hyphen\u00adated book", source="a soft hyphen in the title"),
    row("car\u200bafe", "Carafe", source="a blank without width inside of a word"),
)


@pytest.mark.parametrize("case", SEARCHES, ids=lambda case: f"{case.source} {case.query}")
def test_a_search_finds_what_is_meant(app: Flask, case: SearchCase) -> None:
    with open_shop(app, "EUR"):
        for day, title in enumerate(TITLES, 1):
            put_up(
                title, description_html="<p>Made of <b>beech</b></p>" if title == "Carafe" else "", day=day
            )
        assert {card.title for card in found_products(case.query, 1, "newest").cards} == case.found
