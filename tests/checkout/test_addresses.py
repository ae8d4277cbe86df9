"""Addresses are asked for and checked as their own country wants them."""

import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from commerce.checkout.addresses import (
    FIELDS,
    address_for_form,
    check_address,
    clean_postcode,
    country_choices,
    known_countries,
    rules_for,
)
from commerce.errors import Refusal
from commerce.orders.addresses import address_lines, label_lines


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
        ("DE", "", "1096"),
        ("DE", "", "١٠٩٦٩x"),
        ("GB", "", "GIR 0AAxyz"),
        ("GB", "", "123"),
        ("JP", "東京都", "1000"),
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
    assert problems["postal_code"].reason in ("postcode_invalid_example", "postcode_not_in_area")


@pytest.mark.parametrize(
    ("place", "postcode", "area"), [(GOOD[0], "10001", "California"), (GOOD[8], "H3Z 2Y7", "Ontario")]
)
def test_a_postcode_of_another_state_names_the_state(place: dict[str, str], postcode: str, area: str) -> None:
    _clean, problems = check_address({**place, "postal_code": postcode})
    assert problems == {"postal_code": Refusal("postcode_not_in_area", {"area": area})}


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


# --- addresses of API clients ----------------------------------------------------------------------------


def sent(country: str, **values: str) -> dict[str, str]:
    """Return an address of a client that knows no rules, as it is saved."""
    clean, problems = check_address(
        {"country_code": country, "street_address": "1 Main St", **values}, as_sent=True
    )
    assert problems == {}
    return clean


@pytest.mark.parametrize(
    ("country", "named", "key"),
    [
        ("IE", "Limerick", "Co. Limerick"),
        ("IE", "County Limerick", "Co. Limerick"),
        ("IE", "Co Limerick", "Co. Limerick"),
        ("IE", "DUBLIN", "Co. Dublin"),
        ("JP", "Tokyo", "東京都"),
        ("JP", "東京", "東京都"),
        ("JP", "京都府", "京都府"),
        ("AE", "Dubai", "إمارة دبيّ"),
        ("AR", "Cordoba", "Córdoba"),
        ("EG", "Cairo", "القاهرة"),
        ("IR", "Tehran", "استان تهران"),
        ("UA", "Lviv", "Львівська область"),
        ("UA", "L'viv oblast", "Львівська область"),
        ("ES", "La Rioja", "LO"),
        ("US", "california", "CA"),
    ],
)
def test_an_area_is_known_by_each_of_its_names_with_and_without_the_word_for_its_kind(
    country: str, named: str, key: str
) -> None:
    assert sent(country, country_area=named)["country_area"] == key


def test_a_name_that_two_areas_share_without_the_word_for_their_kind_means_neither() -> None:
    spellings = rules_for("TW").spellings["country_area"]
    assert ("新竹市" in spellings, "新竹縣" in spellings, "新竹" in spellings) == (True, True, False)


def test_every_area_of_every_country_is_known_by_the_name_that_its_form_offers() -> None:
    for country in known_countries():
        choices = rules_for(country).choices.get("country_area", ())
        for text in {text for pair in choices for text in pair}:
            found = check_address({"country_code": country, "country_area": text})[0]["country_area"]
            assert found in {key for key, label in choices if text in (key, label)}, country


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("105\u22120011", "105-0011"),
        ("〒105-0011", "105-0011"),
        ("〒 １０５ー００１１", "105-0011"),
        ("105\u20130011", "105-0011"),
        ("105\uff0d0011", "105-0011"),
        ("\u200b105-0011\u200f", "105-0011"),
        ("٣٥-١", "35-1"),
        (" sw1a 2aa ", "SW1A 2AA"),
    ],
)
def test_a_postcode_loses_signs_that_keyboards_put_into_it(typed: str, clean: str) -> None:
    assert clean_postcode(typed) == clean


@pytest.mark.parametrize(
    ("country", "values", "lines"),
    [
        (
            "JP",
            {"city": "Tokyo", "postal_code": "105-0011"},
            ["Ann", "1 Main St, Tokyo", "105-0011", "Japan"],
        ),
        (
            "GB",
            {"city": "Reading", "country_area": "Berkshire", "postal_code": "RG1 1AA"},
            ["Ann", "1 Main St", "Reading", "Berkshire", "RG1 1AA", "United Kingdom"],
        ),
        (
            "FR",
            {"city": "Paris", "sorting_code": "CEDEX 08", "postal_code": "75008"},
            ["Ann", "1 Main St", "75008 Paris CEDEX 08", "France"],
        ),
        (
            "DE",
            {"city": "Berlin", "city_area": "Mitte", "postal_code": "10115"},
            ["Ann", "1 Main St", "Mitte", "10115 Berlin", "Germany"],
        ),
        (
            "HK",
            {"country_area": "Kowloon", "postal_code": "000000"},
            ["Ann", "1 Main St", "Kowloon", "000000", "Hong Kong SAR China"],
        ),
    ],
)
def test_what_a_country_has_no_place_for_is_kept_as_it_was_sent_and_shown(
    country: str, values: dict[str, str], lines: list[str]
) -> None:
    address = sent(country, **values)
    assert {name: address[name] for name in FIELDS if address[name]} == {
        "street_address": "1 Main St",
        **values,
    }
    assert address_lines(address, "Ann", "en") == lines


def test_no_part_of_an_address_is_lost_in_any_country() -> None:
    for country in known_countries():
        values = {name: f"{name.upper()} 1" for name in FIELDS}
        shown = "\n".join(address_lines({"country_code": country, **values}, "Ann", "en"))
        assert [text for text in values.values() if text not in shown] == [], country


def test_a_town_that_repeats_the_area_or_the_country_is_shown_once() -> None:
    assert address_lines(sent("JP", city="Tokyo", country_area="Tokyo"), "Ann", "en") == [
        "Ann",
        "1 Main St, Tokyo",
        "Japan",
    ]
    assert "SINGAPORE 018956" in address_lines(
        sent("SG", city="Singapore", postal_code="018956"), "Ann", "en"
    )
    assert "Singapore" not in address_lines(sent("SG", city="Singapore"), "Ann", "en")[:-1]


def test_a_postcode_is_compared_with_the_area_that_a_town_names() -> None:
    tokyo = {"country_code": "JP", "street_address": "1", "city": "Tokyo", "postal_code": "060-0001"}
    assert check_address(tokyo, as_sent=True)[1] == {
        "postal_code": Refusal("postcode_not_in_area", {"area": "Tokyo"})
    }


def test_an_unknown_area_is_refused_where_the_country_has_a_list() -> None:
    _clean, problems = check_address(
        {"country_code": "IE", "street_address": "1", "country_area": "Munster"}, as_sent=True
    )
    assert list(problems) == ["country_area"]


@pytest.mark.parametrize(
    ("country", "area", "english", "local"),
    [
        ("AE", "Dubai", "Dubai", "دبي"),
        ("AM", "Yerevan", "Yerevan", "Երևան"),
        ("EG", "Cairo", "Cairo Governorate", "القاهرة"),
        ("IR", "Tehran", "Tehran Province", "استان تهران"),
        ("RU", "Sankt-Peterburg", "Sankt-Peterburg", "Санкт-Петербург"),
        ("UA", "Kyiv", "Kyiv city", "Київ"),
        ("ES", "La Rioja", "La Rioja", "La Rioja"),
        ("JP", "Tokyo", "Tokyo", "東京都"),
    ],
)
def test_an_area_is_named_in_the_language_of_the_page_and_on_a_label_in_the_script_of_the_street(
    country: str, area: str, english: str, local: str
) -> None:
    latin = sent(country, country_area=area, city="Town")
    language = {
        "AE": "ar",
        "AM": "hy",
        "EG": "ar",
        "IR": "fa",
        "RU": "ru",
        "UA": "uk",
        "ES": "es",
        "JP": "ja",
    }
    assert english in "\n".join(address_lines(latin, "Ann", "en"))
    assert local in "\n".join(address_lines(latin, "Ann", language[country]))
    assert english in "\n".join(label_lines(latin, "Ann", language[country]))
    other = {**latin, "street_address": "Ω"}
    assert local in "\n".join(label_lines(other, "Ann", "en"))


def test_the_page_names_the_area_that_was_chosen_in_the_form() -> None:
    for country, area in (("AE", "إمارة دبيّ"), ("ES", "LO"), ("RU", "Москва")):
        label = dict(rules_for(country, language="en").choices["country_area"])[area]
        assert label in "\n".join(address_lines({"country_code": country, "country_area": area}, "Ann", "en"))


def test_a_form_shows_every_part_of_an_address_that_an_api_client_sent() -> None:
    assert address_for_form(sent("JP", city="Tokyo"))["country_area"] == "東京都"
    assert address_for_form(sent("JP", city="Tokyo"))["street_address"] == "1 Main St"
    assert address_for_form(sent("JP", city="Minato", country_area="Tokyo"))["street_address"] == (
        "1 Main St\nMinato"
    )
    assert address_for_form(sent("FR", city="Paris", sorting_code="CEDEX 08"))["city"] == "Paris CEDEX 08"
    for country in known_countries():
        values = {name: f"{name} 1" for name in FIELDS}
        shown = address_for_form({"country_code": country, **values})
        assert {name for name in FIELDS if shown[name]} <= set(rules_for(country).order)
        assert [text for text in values.values() if text not in "\n".join(shown.values())] == []
