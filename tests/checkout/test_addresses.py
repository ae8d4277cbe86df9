"""Addresses are asked for and checked as their own country wants them."""

import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from commerce.checkout.addresses import check_address, country_choices, known_countries, rules_for
from commerce.errors import Refusal
from commerce.orders.addresses import address_lines


@pytest.fixture(autouse=True)
def words() -> object:
    """A place where sentences can be translated; these tests need no database."""
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context(), force_locale("en"):
        yield


def place(country: str, street: str, city: str = "", area: str = "", postcode: str = "") -> dict[str, str]:
    named = {"city": city, "country_area": area, "postal_code": postcode}
    given = {field: text for field, text in named.items() if text}
    return {"country_code": country, "street_address": street, **given}


GOOD = [
    place("US", "1 Infinite Loop", city="Cupertino", area="CA", postcode="95014"),
    place("DE", "Lindenstr. 5", city="Berlin", postcode="10969"),
    place("GB", "10 Downing St", city="London", postcode="SW1A 2AA"),
    place("FR", "1 rue de Rivoli", city="Paris", postcode="75001"),
    place("JP", "1-1 Chiyoda", area="東京都", postcode="100-0001"),
    place("TW", "1 Rd", city="中正區", area="台北市", postcode="100"),
    place("BR", "Rua A 1", city="Brasília", area="DF", postcode="70002-900"),
    place("IN", "1 MG Road", city="Bengaluru", area="Karnataka", postcode="560001"),
    place("CA", "1 Main", city="Ottawa", area="ON", postcode="K1A 0B1"),
    place("IE", "1 O'Connell St", city="Dublin"),
    place("HK", "1 Nathan Rd", area="Kowloon"),
    place("AE", "1 Sheikh Zayed Rd", area="إمارة دبيّ"),
    place("AU", "1 George St", city="Sydney", area="NSW", postcode="2000"),
    place("LV", "Brīvības 1", city="Rīga", postcode="LV-1010"),
]


@pytest.mark.parametrize("address", GOOD, ids=lambda address: address["country_code"])
def test_good_addresses_of_many_countries_pass(address: dict[str, str]) -> None:
    clean, problems = check_address(address)
    assert problems == {}
    assert {name: clean[name] for name in address} == address


@pytest.mark.parametrize("address", GOOD, ids=lambda address: address["country_code"])
def test_what_a_country_requires_may_not_be_missing(address: dict[str, str]) -> None:
    required = rules_for(address["country_code"]).required
    assert "street_address" in required
    for name in required:
        _clean, problems = check_address({**address, name: "  "})
        assert name in problems


@pytest.mark.parametrize(
    ("country", "area", "postcode"),
    [
        ("US", "CA", "1234"),
        ("US", "CA", "10001"),
        ("DE", "", "1096"),
        ("DE", "", "١٠٩٦٩x"),
        ("GB", "", "GIR 0AAxyz"),
        ("GB", "", "123"),
        ("JP", "東京都", "1000"),
        ("CA", "ON", "H3Z 2Y7"),
        ("FR", "", "7500!"),
    ],
)
def test_a_wrong_postcode_is_refused_with_an_example(country: str, area: str, postcode: str) -> None:
    _clean, problems = check_address(
        {
            "country_code": country,
            "street_address": "1",
            "city": "X",
            "country_area": area,
            "postal_code": postcode,
        }
    )
    assert list(problems) == ["postal_code"]
    assert problems["postal_code"].reason == "postcode_invalid_example"


def test_a_postcode_of_another_state_names_the_state() -> None:
    _clean, problems = check_address({**GOOD[0], "postal_code": "10001"})
    assert problems == {"postal_code": Refusal("postcode_not_in_area", {"area": "California"})}


@pytest.mark.parametrize(
    ("typed", "kept"), [("１００-０００１", "100-0001"), (" 1000001 ", "1000001"), ("100-0001", "100-0001")]
)
def test_postcodes_lose_full_width_digits_and_outer_spaces(typed: str, kept: str) -> None:
    clean, problems = check_address({**GOOD[4], "postal_code": typed})
    assert (clean["postal_code"], problems) == (kept, {})


@pytest.mark.parametrize("typed", ["california", "CALIFORNIA", "ca", " CA "])
def test_an_area_may_be_named_in_any_of_its_ways(typed: str) -> None:
    assert check_address({**GOOD[0], "country_area": typed})[0]["country_area"] == "CA"


def test_an_area_that_does_not_exist_is_refused() -> None:
    assert check_address({**GOOD[0], "country_area": "Bavaria"})[1] == {
        "country_area": Refusal("area_unknown")
    }


def test_a_town_that_no_list_knows_is_kept() -> None:
    clean, problems = check_address({**GOOD[5], "city": "新的區"})
    assert (clean["city"], problems) == ("新的區", {})


def test_fields_that_a_country_does_not_know_come_back_empty() -> None:
    clean, problems = check_address({**GOOD[1], "country_area": "Berlin", "sorting_code": "9"})
    assert problems == {}
    assert (clean["country_area"], clean["sorting_code"]) == ("", "")


def test_every_country_of_the_world_has_usable_rules() -> None:
    assert len(known_countries()) > 240
    for country in known_countries():
        rules = rules_for(country)
        assert rules.required <= set(rules.order)
        assert all(str(rules.label(name)) for name in rules.order)


def test_countries_are_named_and_sorted_for_the_reader() -> None:
    german = country_choices(frozenset({"AT", "DE", "AX", "JP"}), "de")
    assert german == (("AX", "Ålandinseln"), ("DE", "Deutschland"), ("JP", "Japan"), ("AT", "Österreich"))
    assert len(country_choices(frozenset({"*"}), "en")) == len(known_countries())


def test_no_code_but_that_of_a_country_has_rules() -> None:
    for code in ("XX", "", "ZZ", "../US", "USA"):
        with pytest.raises(ValueError, match="not a valid country"):
            rules_for(code)


def test_areas_are_named_in_the_readers_language_or_in_latin_letters() -> None:
    assert ("東京都", "Tokyo") in rules_for("JP", language="en").choices["country_area"]
    assert ("東京都", "東京都") in rules_for("JP", language="ja").choices["country_area"]
    assert ("BC", "Colombie-Britannique") in rules_for("CA", language="fr").choices["country_area"]
    assert "city" in rules_for("TW", "Taipei City").choices
    assert "city" not in rules_for("TW").choices


@pytest.mark.parametrize(
    ("address", "locale", "lines"),
    [
        (GOOD[0], "en", ["Ann", "1 Infinite Loop", "Cupertino, CA 95014", "United States"]),
        (GOOD[1], "de", ["Ann", "Lindenstr. 5", "10969 Berlin", "Deutschland"]),
        (GOOD[4], "ja", ["〒100-0001", "東京都", "1-1 Chiyoda", "Ann", "日本"]),
        (GOOD[10], "en", ["Ann", "1 Nathan Rd", "Kowloon", "Hong Kong SAR China"]),
        (GOOD[4], "en", ["Ann", "1-1 Chiyoda, Tokyo", "100-0001", "Japan"]),
    ],
)
def test_an_address_is_written_as_its_country_writes_it(
    address: dict[str, str], locale: str, lines: list[str]
) -> None:
    assert address_lines(check_address(address)[0], "Ann", locale) == lines
