"""Addresses as people and programs write them: names of areas, postcodes, and lines to read."""

from dataclasses import dataclass

import pytest
from flask import Flask

from commerce.checkout.addresses import check_address
from commerce.orders.addresses import address_lines, label_lines
from commerce.tenants.models import Shop
from tests.factories.api_clients import make_program, order_body
from tests.factories.shop import make_product


@dataclass(frozen=True)
class AreaCase:
    """A name of an area as it is typed, and its key; `key` is empty where the country knows no such area."""

    country: str
    typed: str
    key: str
    source: str


AREAS = (
    AreaCase("IE", "Limerick", "Co. Limerick", "an Irish county without the word for it"),
    AreaCase("IE", "County Limerick", "Co. Limerick", "an Irish county, written out"),
    AreaCase("IE", "co limerick", "Co. Limerick", "an Irish county, in small letters and without a period"),
    AreaCase("IE", "Dublin", "Co. Dublin", "a county that is a city too"),
    AreaCase("IE", "COUNTY CORK", "Co. Cork", "capitals"),
    AreaCase("IE", "Tipperary", "Co. Tipperary", "another county"),
    AreaCase("IE", "IE-LK", "Co. Limerick", "ISO 3166-2"),
    AreaCase("IE", "Luimneach", "Co. Limerick", "an Irish county by its Irish name"),
    AreaCase("IE", "Contae Chorcaí", "Co. Cork", "in Irish with the word for it"),
    AreaCase("IE", "Co. na Gaillimhe", "Co. Galway", "in Irish, abbreviated"),
    AreaCase("IE", "Baile Atha Cliath", "Co. Dublin", "in Irish without accents"),
    AreaCase("IE", "CONTAE NA MÍ", "Co. Meath", "in Irish, in capitals"),
    AreaCase("IE", "Munster", "", "a province is no county"),
    AreaCase("JP", "Tokyo", "東京都", "a prefecture in Latin letters"),
    AreaCase("JP", "Tōkyō", "東京都", "with the marks of Hepburn"),
    AreaCase("JP", "東京", "東京都", "local script without the word for it"),
    AreaCase("JP", "Tokyo-to", "東京都", "with the Japanese word for it"),
    AreaCase("JP", "Osaka-fu", "大阪府", "with the Japanese word for it"),
    AreaCase("JP", "大阪", "大阪府", "local script without the word for it"),
    AreaCase("JP", "Hyōgo Prefecture", "兵庫県", "with the English word for it"),
    AreaCase("JP", "北海道", "北海道", "the area whose word for it belongs to its name"),
    AreaCase("JP", "京都", "京都府", "the name ends like the word for another"),
    AreaCase("JP", "JP-13", "東京都", "ISO 3166-2"),
    AreaCase("BR", "São Paulo", "SP", "a state by name"),
    AreaCase("BR", "SAO PAULO", "SP", "capitals without accents"),
    AreaCase("BR", "Estado de São Paulo", "SP", "with the Portuguese word for it"),
    AreaCase("BR", "Estado do Rio de Janeiro", "RJ", "with the Portuguese word and article"),
    AreaCase("BR", "ceara", "CE", "small letters without accents"),
    AreaCase("BR", "BR-SP", "SP", "ISO 3166-2"),
    AreaCase("CA", "Québec", "QC", "a province by its French name"),
    AreaCase("CA", "Colombie-Britannique", "BC", "a province by its French name"),
    AreaCase("CA", "Nouvelle-Ecosse", "NS", "French without an accent"),
    AreaCase("CA", "Île du Prince Édouard", "PE", "French with blanks for hyphens"),
    AreaCase("CA", "Terre\u2011Neuve\u2011et\u2011Labrador", "NL", "French with hyphens that do not break"),
    AreaCase("CA", "B.C.", "BC", "a code with periods"),
    AreaCase("CA", "CA-ON", "ON", "ISO 3166-2"),
    AreaCase("US", "california", "CA", "a state in small letters"),
    AreaCase("US", "D.C.", "DC", "a code with periods"),
    AreaCase("US", "N. Y.", "NY", "a code with periods and a blank"),
    AreaCase("US", "ＣＡ", "CA", "full-width letters"),
    AreaCase("AU", "New South Wales", "NSW", "a state by name"),
    AreaCase("MX", "Ciudad de México", "CDMX", "the capital"),
    AreaCase("MX", "Estado de México", "Méx.", "a state whose name begins with the word for it"),
    AreaCase("MX", "Nuevo Leon", "N.L.", "without an accent"),
    AreaCase("ES", "La Rioja", "LO", "a province whose code was shown"),
    AreaCase("ES", "Guipúzcoa", "SS", "Spanish for the Basque name"),
    AreaCase("ES", "La Coruña", "C", "Spanish for the Galician name"),
    AreaCase("AE", "Dubai", "إمارة دبيّ", "an emirate in Latin letters"),
    AreaCase("AE", "دبي", "إمارة دبيّ", "an emirate in Arabic"),
    AreaCase("EG", "Cairo", "القاهرة", "a governorate without the word for it"),
    AreaCase("IR", "تهران", "استان تهران", "a province in Persian without the word for it"),
    AreaCase("IN", "MH", "Maharashtra", "ISO 3166-2 without the country"),
    AreaCase("KR", "서울", "서울특별시", "short local name"),
    AreaCase("CN", "广东", "广东省", "short local name"),
    AreaCase("TW", "Taipei", "台北市", "without the word for it"),
    AreaCase("TR", "Istanbul", "İstanbul", "without the dot"),
    AreaCase("TR", "Agri", "Ağrı", "the letter without a dot typed with one"),
    AreaCase("TR", "DIYARBAKIR", "Diyarbakır", "capitals of the letter without a dot"),
    AreaCase("IT", "Forli Cesena", "FC", "without accent and hyphen"),
    AreaCase("IT", "Milan", "MI", "an Italian province by its English name"),
    AreaCase("IT", "Milano", "MI", "and by its Italian name"),
    AreaCase("IT", "rome", "RM", "in small letters"),
    AreaCase("IT", "South Tyrol", "BZ", "a province by its English name"),
    AreaCase("RU", "Moscow", "Москва", "a Russian city by its English name"),
    AreaCase("RU", "Moskva", "Москва", "in Latin letters"),
    AreaCase("RU", "Moscow Oblast", "Московская область", "the region around it"),
    AreaCase("RU", "Tatarstan", "Республика Татарстан", "a republic without the word for it"),
    AreaCase("UA", "Kyiv", "місто Київ", "a Ukrainian city"),
    AreaCase("UA", "Kyiv Oblast", "Київська область", "the region around it"),
    AreaCase("UA", "Lviv", "Львівська область", "a region by its city"),
    AreaCase("KR", "North Jeolla", "전라북도", "a Korean province by its English name"),
    AreaCase("MY", "Penang", "Pulau Pinang", "a Malaysian state by its English name"),
    AreaCase("CU", "Havana", "La Habana", "a Cuban province by its English name"),
    AreaCase("US", "Ontario", "", "an area of another country"),
    AreaCase("US", "CA-ON", "", "an ISO code of another country"),
)


@pytest.mark.parametrize("case", AREAS, ids=lambda case: f"{case.country} {case.typed}")
@pytest.mark.parametrize("as_sent", [False, True], ids=["form", "api"])
def test_an_area_is_known_by_its_names(case: AreaCase, as_sent: bool) -> None:
    typed = {"country_code": case.country, "street_address": "1 Main St", "country_area": case.typed}
    clean, problems = check_address(typed, as_sent=as_sent)
    assert (clean["country_area"] if case.key else "", "country_area" in problems) == (case.key, not case.key)


@dataclass(frozen=True)
class PostcodeCase:
    """A postcode as it is typed and as it is kept; None where it is refused."""

    country: str
    typed: str
    kept: str | None
    source: str


POSTCODES = (
    PostcodeCase("JP", "105\u22120011", "105-0011", "a minus sign"),
    PostcodeCase("JP", "〒105-0011", "105-0011", "the sign of the post"),
    PostcodeCase("JP", "〒 １０５－００１１", "105-0011", "full width with the sign and a blank"),
    PostcodeCase("JP", "105ー0011", "105-0011", "the prolonged sound mark"),
    PostcodeCase("JP", "105ｰ0011", "105-0011", "the prolonged sound mark in half width"),
    PostcodeCase("JP", "105\u20110011", "105-0011", "a hyphen that does not break"),
    PostcodeCase("JP", "105\u20130011", "105-0011", "an en dash"),
    PostcodeCase("JP", "105\u20150011", "105-0011", "a horizontal bar"),
    PostcodeCase("JP", "105\ufe630011", "105-0011", "a small hyphen"),
    PostcodeCase("JP", "\u200b105-0011\ufeff", "105-0011", "blanks without width"),
    PostcodeCase("JP", "105 0011", "105-0011", "a blank for the hyphen"),
    PostcodeCase("JP", "１０５００１１", "1050011", "full width without a hyphen"),
    PostcodeCase("JP", "105-001", None, "a digit too few"),
    PostcodeCase("GB", "ｓｗ１ａ　１ａａ", "SW1A 1AA", "full width with a blank in full width"),
    PostcodeCase("GB", "sw1a\u00a01aa", "SW1A 1AA", "a blank that does not break"),
    PostcodeCase("GB", "SW1A  1AA", "SW1A 1AA", "two blanks"),
    PostcodeCase("GB", "SW1A1AA", "SW1A1AA", "no blank"),
    PostcodeCase("US", "９４０４３", "94043", "full width"),
    PostcodeCase("US", "94043\u20131234", "94043-1234", "an en dash"),
    PostcodeCase("PL", "00\u2011950", "00-950", "a hyphen that does not break"),
    PostcodeCase("PL", "00 950", "00-950", "a blank for the hyphen"),
    PostcodeCase("BR", "01310\u2212100", "01310-100", "a minus sign"),
    PostcodeCase("PT", "1000\u2010205", "1000-205", "the Unicode hyphen"),
    PostcodeCase("CA", "k1a\u202f0b1", "K1A 0B1", "a narrow blank"),
    PostcodeCase("CA", "K1A-0B1", "K1A 0B1", "a hyphen for the blank"),
    PostcodeCase("NL", "1012\u2009ab", "1012 AB", "a thin blank"),
    PostcodeCase("IN", "110 001", "110001", "a blank that does not belong there"),
    PostcodeCase("KR", "０３０５１", "03051", "full width"),
    PostcodeCase("TW", "１００", "100", "full width"),
    PostcodeCase("SA", "١٢٣٤٥", "12345", "Arabic digits"),
    PostcodeCase("IR", "۱۱۹۳۶۱۲۳۴۵", "1193612345", "Persian digits"),
    PostcodeCase("DE", "1011", None, "a digit too few"),
)


@pytest.mark.parametrize("case", POSTCODES, ids=lambda case: f"{case.country} {case.source}")
@pytest.mark.parametrize("as_sent", [False, True], ids=["form", "api"])
def test_a_postcode_is_read_as_people_write_it(case: PostcodeCase, as_sent: bool) -> None:
    typed = {"country_code": case.country, "street_address": "1 Main St", "postal_code": case.typed}
    clean, problems = check_address(typed, as_sent=as_sent)
    assert ("postal_code" in problems) == (case.kept is None)
    assert case.kept is None or clean["postal_code"] == case.kept


@dataclass(frozen=True)
class LinesCase:
    """An address, a reader's language, and a line on the page and on the parcel."""

    country: str
    area: str
    locale: str
    page: str
    label: str
    source: str
    street: str = "1 Main St"


LINES = (
    LinesCase("AE", "إمارة دبيّ", "en", "Dubai", "Dubai", "an English shop's customer in Dubai"),
    LinesCase("AE", "إمارة دبيّ", "ar", "دبي", "Dubai", "an Arabic page, a street in Latin letters"),
    LinesCase(
        "AE", "إمارة دبيّ", "en", "Dubai", "دبي", "an English page, a street in Arabic", street="شارع ١"
    ),
    LinesCase("AM", "Երևան", "en", "Yerevan", "Yerevan", "Armenia"),
    LinesCase("EG", "القاهرة", "de", "Cairo Governorate", "Cairo Governorate", "Egypt in German"),
    LinesCase("IR", "استان تهران", "en", "Tehran Province", "Tehran Province", "Iran"),
    LinesCase("RU", "Москва", "en", "Moskva", "Москва", "a street in Cyrillic letters", street="ул. 1"),
    LinesCase("UA", "місто Київ", "en", "Kyiv city", "Kyiv city", "Ukraine"),
    LinesCase("KR", "서울특별시", "en", "Seoul", "Seoul", "Korea"),
    LinesCase("TH", "กรุงเทพมหานคร", "en", "Bangkok", "Bangkok", "Thailand"),
    LinesCase("CN", "广东省", "en", "Guangdong Sheng", "Guangdong Sheng", "China"),
)


@pytest.mark.parametrize("case", LINES, ids=lambda case: f"{case.country} {case.locale} {case.source}")
def test_an_area_is_named_for_its_reader(case: LinesCase) -> None:
    address = {"country_code": case.country, "country_area": case.area, "street_address": case.street}
    assert case.page in address_lines(address, "Ann", case.locale)
    assert case.label in label_lines(address, "Ann", case.locale)


def test_a_province_is_named_and_not_shown_by_its_code() -> None:
    address = {"country_code": "ES", "country_area": "LO", "city": "Logroño", "street_address": "Calle 1"}
    assert "Logroño La Rioja" in address_lines(address, "Ann", "en")


# --- over the API ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SentCase:
    """An address as a program sends it, and the parts of it that come back in another way; None where it is refused."""

    source: str
    sent: dict[str, str]
    changed: dict[str, str] | None


SENT = (
    SentCase("Tokyo as a city", {"city": "Tokyo", "postalCode": "100-0001", "country": "JP"}, {}),
    SentCase("full width", {"city": "Tokyo", "region": "東京", "postalCode": "〒１０５　００１１", "country": "JP"},
             {"region": "東京都", "postalCode": "105-0011"}),
    SentCase("a county", {"city": "Cork", "region": "County Cork", "country": "IE"}, {"region": "Co. Cork"}),
    SentCase("an ISO code", {"city": "Toronto", "region": "CA-ON", "postalCode": "M5V 3L9", "country": "CA"},
             {"region": "ON"}),
    SentCase("a French province", {"city": "Halifax", "region": "Nouvelle-Écosse", "postalCode": "b3h\u00a04r2",
             "country": "CA"}, {"region": "NS", "postalCode": "B3H 4R2"}),
    SentCase("a Brazilian state", {"city": "São Paulo", "region": "Estado de São Paulo", "postalCode": "01310\u2212100",
             "country": "BR"}, {"region": "SP", "postalCode": "01310-100"}),
    SentCase("a region that the country's addresses lack", {"city": "London", "region": "Greater London",
             "postalCode": "SW1A 1AA", "country": "GB"}, {}),
    SentCase("a sorting code", {"city": "Paris", "sortingCode": "CEDEX 08", "postalCode": "75008", "country": "FR"},
             {}),
    SentCase("a canton", {"city": "Zürich", "region": "ZH", "postalCode": "CH-8001", "country": "CH"},
             {"postalCode": "8001"}),
    SentCase("a postcode of another area", {"city": "Tokyo", "region": "Osaka", "postalCode": "105-0011",
             "country": "JP"}, None),
    SentCase("an area of nowhere", {"city": "Cork", "region": "Munster", "country": "IE"}, None),
)  # fmt: skip


@pytest.mark.parametrize("case", SENT, ids=lambda case: case.source)
def test_a_program_gets_back_what_it_sent(app: Flask, in_shop: Shop, case: SentCase) -> None:
    make_product(sku="TEA")
    address = {"name": "Alice", "street": "1 Main St", **case.sent}
    answer = make_program(app).post("/api/orders", order_body(("TEA", 1), shippingAddress=address))
    assert answer.status_code == (422 if case.changed is None else 201), answer.text
    if case.changed is not None:
        shown = answer.json["attributes"]["shippingAddress"]
        assert {name: shown[name] for name in case.sent} == case.sent | case.changed
