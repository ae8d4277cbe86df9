"""The owner's settings: what is saved is what the shop does, and what makes no sense is refused at its field."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from commerce.db import db
from commerce.orders.models import Order
from commerce.shipping.queries import shipping_countries, shipping_offers
from commerce.tenants import hosts, settings
from commerce.tenants.models import Shop
from commerce.tenants.queries import find_shop_by_host, get_shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, filled, submit
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.factories.staff import csrf_token
from tests.support.client import ShopClient
from tests.support.html import find_all, parse

HOME = "/admin/settings"
SHOP, BUSINESS, SELLING, LOOK, HOSTS = (
    f"{HOME}/{name}" for name in ("shop", "business", "selling", "look", "hosts")
)


@pytest.fixture
def now(in_shop: Shop) -> Callable[[], Shop]:
    """Read the shop again."""

    def read() -> Shop:
        db.session.close()
        return get_shop(in_shop.id)

    return read


def save(client: ShopClient, page: str, **values: Any) -> Any:
    return submit(client, page, filled(client, page, **values))


def test_every_page_is_a_sound_form(desk: ShopClient, in_shop: Shop) -> None:
    for page in (HOME, SHOP, BUSINESS, SELLING, LOOK, HOSTS):
        root = parse(desk.get(page))
        current = [link.attrib["href"] for link in find_all(root, "a", aria_current="page")]
        assert current == [page]
    assert desk.get(f"{HOME}/nothing").status_code == 404


def test_saving_what_is_there_changes_nothing(desk: ShopClient, now: Callable[[], Shop]) -> None:
    before = now()
    for page in (SHOP, BUSINESS, SELLING, LOOK):
        assert save(desk, page).status_code == 303
    assert now() == before


def test_the_shop_is_called_as_its_owner_wants(desk: ShopClient, now: Callable[[], Shop]) -> None:
    answer = save(
        desk,
        SHOP,
        name="Alice <& Daughters>",
        tagline="Leaves, not bags",
        locale="de_AT",
        languages="fr, ja,fr",
        timezone="Europe/Vienna",
        mail_from="tea@alice.example",
        operations_email="",
    )
    assert answer.status_code == 303
    shop = now()
    assert (shop.name, shop.tagline, shop.locale) == ("Alice <& Daughters>", "Leaves, not bags", "de_AT")
    assert (shop.languages, shop.timezone, shop.mail_from) == (
        ["fr", "ja"],
        "Europe/Vienna",
        "tea@alice.example",
    )
    home = desk.get("/")
    assert "Alice &lt;&amp; Daughters&gt;" in home.text
    assert '<html lang="en">' in home.text, "the words are English"


NONSENSE = [
    (SHOP, "name", " ", "This field is required."),
    (SHOP, "name", "x" * 256, "At most 255"),
    (SHOP, "tagline", "bell\x07", "punctuation only"),
    (SHOP, "locale", "elvish", "Not a valid choice"),
    (SHOP, "languages", "de, klingon", "t a language code, such as en, de_AT or zh_Hant"),
    (SHOP, "timezone", "Mars/Olympus", "Not a valid choice"),
    (SHOP, "mail_from", "nobody", "t a valid email address"),
    (SHOP, "operations_email", "a@b@c.example", "t a valid email address"),
    (SHOP, "version", "", "reload the page"),
    (SELLING, "currency", "XXZ", "Not a valid choice"),
    (SELLING, "currency", "", "Not a valid choice"),
    (SELLING, "country", "Atlantis", "Not a valid choice"),
    (SELLING, "country", "", "Not a valid choice"),
    (SELLING, "countries", ["DE", "*"], "a valid choice"),
    (SELLING, "tax_rounding", "up", "Not a valid choice"),
    (SELLING, "shipping_tax", "never", "Not a valid choice"),
    (SELLING, "deduct_on", "never", "Not a valid choice"),
    (SELLING, "return_days", "366", "from 0 to 365"),
    (SELLING, "cart_days", "0", "from 1 to 365"),
    (SELLING, "low_stock_at", "-1", "from 0 to 100000"),
    (SELLING, "order_code_format", "ORD-###", "4 to 12"),
    (
        SELLING,
        "order_code_format",
        "ORD-2025####",
        "A digit can",
    ),
    (SELLING, "order_code_format", "ORD-####-1", "4 to 12"),
    (SELLING, "order_code_format", "A/####", "capital letters"),
    (BUSINESS, "vat_id", "T-12", "4 to 15"),
    (BUSINESS, "tax_number", "1/2", "4 to 30"),
    (BUSINESS, "email", "nobody", "t a valid email address"),
    (BUSINESS, "invoice_when", "sometimes", "Not a valid choice"),
    (BUSINESS, "invoice_series", "RE/27-", "the number comes right behind it"),
    (BUSINESS, "credit_series", "", "This field is required."),
    (LOOK, "accent", "red", "Enter a color such as #2f4a3c."),
    (LOOK, "ink", "#cccccc", "It must be at least 4.5"),
    (LOOK, "typeface", "comic", "Not a valid choice"),
]


def test_what_makes_no_sense_is_said_and_not_saved(desk: ShopClient, now: Callable[[], Shop]) -> None:
    before = now()
    for page, field, value, said in NONSENSE:
        answer = save(desk, page, **{field: value})
        assert answer.status_code == 422, (field, value)
        assert said in answer.text, (field, value)
        assert 'id="error-summary"' in answer.text
    assert now() == before


def test_the_owner_chooses_how_shipping_is_taxed(desk: ShopClient, now: Callable[[], Shop]) -> None:
    for choice, said in (
        ("main", "at the rate of most"),
        ("own", "by their own tax class"),
        ("goods", "as the"),
    ):
        before = now()
        assert save(desk, SELLING, shipping_tax=choice).status_code == 303
        assert (now().shipping_tax, now().rules_version) == (choice, before.rules_version + 1)
        assert f"Shipping and fees are taxed {said}" in desk.get("/admin/pricing/taxes").text


def test_two_at_once_the_second_sees_what_the_first_did(
    desk: ShopClient, signed_in: SignedIn, now: Callable[[], Shop]
) -> None:
    mine = filled(desk, SHOP, tagline="Mine")
    assert save(signed_in(name="Alice"), SHOP, tagline="Hers").status_code == 303
    answer = submit(desk, SHOP, mine)
    assert answer.status_code == 409
    assert now().tagline == "Hers"
    rows = re.findall(r'<th scope="row">([^<]+)</th><td>([^<]*)</td><td>([^<]*)</td>', answer.text)
    assert rows == [("Tagline", "Hers", "Mine")]
    assert submit(desk, SHOP, changed(answer.text, SHOP)).status_code == 303
    assert now().tagline == "Mine"


def test_the_currency_is_free_until_something_is_priced_in_it(
    desk: ShopClient, in_shop: Shop, now: Callable[[], Shop]
) -> None:
    assert save(desk, SELLING, currency="EUR").status_code == 422
    shipping = "/admin/pricing/shipping"
    method = re.search(rf"{shipping}/[0-9a-f-]+", desk.get(shipping).text)
    assert method
    assert submit(desk, method[0], filled(desk, method[0], rate0__price="0")).status_code == 303
    assert save(desk, SELLING, currency="EUR").status_code == 303
    assert now().currency == "EUR"
    make_product("Tea")
    page = desk.get(SELLING).text
    assert "prices of products" in page
    assert save(desk, SELLING, currency="USD").status_code == 422
    assert now().currency == "EUR"


def test_the_checkout_offers_only_where_the_shop_sells(
    desk: ShopClient, in_shop: Shop, now: Callable[[], Shop]
) -> None:
    rules = now().rules_version
    assert save(desk, SELLING, countries=["AT", "DE"]).status_code == 303
    shop = now()
    assert shop.countries == ["AT", "DE"]
    assert shop.rules_version == rules + 1
    with shop_scope(shop):
        assert shipping_countries() == {"DE", "AT"}
        assert shipping_offers(country="US", subtotal=100, weight_grams=1) == []
        assert len(shipping_offers(country="AT", subtotal=100, weight_grams=1)) == 1


def test_new_orders_are_numbered_in_the_new_way_and_old_ones_keep_theirs(
    desk: ShopClient, in_shop: Shop, now: Callable[[], Shop]
) -> None:
    tea = make_product("Tea", stock=9)
    make_order((tea, 1))
    assert save(desk, SELLING, order_code_format="tea-2025-####-X").status_code == 303
    with shop_scope(now()):
        make_order((tea, 1))
        codes = db.session.scalars(select(Order.code).order_by(Order.number)).all()
    assert codes == ["ORD-000001", "TEA-2025-0002-X"]
    assert desk.get("/admin/orders/TEA-2025-0002-X").status_code == 200


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20)) -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", size, "#8f3524").save(out, kind)
    out.seek(0)
    return out


def upload(client: ShopClient, name: str, file: Any, version: int) -> Any:
    token = csrf_token(client.get(LOOK).text)
    data = {"csrf_token": token, "version": str(version), "file": (file, "x.png")}
    return client.post(f"{LOOK}/{name}", data=data, content_type="multipart/form-data")


@pytest.mark.parametrize("name", ["logo", "hero"])
def test_a_picture_is_taken_in_shown_and_taken_away(
    desk: ShopClient, now: Callable[[], Shop], name: str
) -> None:
    def shown() -> str:
        shop = now()
        return str(shop.hero if name == "hero" else shop.theme.get("logo", {}).get("file", ""))

    assert upload(desk, name, io.BytesIO(b"<svg/>"), now().version).status_code == 422
    assert upload(desk, name, picture(), now().version + 1).status_code == 409
    assert shown() == ""
    assert upload(desk, name, picture(), now().version).status_code == 303
    assert f"/media/{shown()}" in desk.get("/").text
    with desk.get(f"/media/{shown()}") as answer:
        assert answer.mimetype == "image/webp"
    assert save(desk, LOOK, accent="#8f3524").status_code == 303
    assert shown()
    removal = f"{LOOK}/{name}/removal"
    assert submit(desk, removal, filled(desk, LOOK, removal)).status_code == 303
    assert shown() == ""
    assert "<img" not in desk.get("/").text


def test_the_theme_reaches_the_shop(desk: ShopClient, now: Callable[[], Shop]) -> None:
    assert save(desk, LOOK, accent="#8F3524", typeface="rounded").status_code == 303
    assert now().theme == {"accent": "#8f3524", "typeface": "rounded"}
    assert "--accent: #8f3524" in desk.get("/theme.css").text


@pytest.fixture
def owner(signed_in: SignedIn) -> ShopClient:
    """Olivia, who may change host names; managers may not."""
    return signed_in("owner", name="Olivia")


def test_host_names_come_and_go_and_one_stays(
    app: Flask, owner: ShopClient, in_shop: Shop, now: Callable[[], Shop]
) -> None:
    assert submit(owner, HOSTS, filled(owner, HOSTS, host=" Tea.Example.COM ")).status_code == 303
    found = find_shop_by_host("tea.example.com")
    assert found is not None
    assert found.id == in_shop.id
    assert now().host == "demo.localhost"
    removal = f"{HOSTS}/demo.localhost/removal"
    answer = submit(owner, removal, {"version": str(now().version)})
    assert answer.status_code == 422
    assert "t remove the primary host name. Make another host name primary first" in answer.text
    primary = f"{HOSTS}/tea.example.com/primary"
    assert submit(owner, primary, {"version": str(now().version)}).status_code == 422
    assert now().host == "demo.localhost"
    hosts.mark_proven(in_shop.id, "tea.example.com")
    assert submit(owner, primary, filled(owner, HOSTS, primary)).status_code == 303
    assert now().host == "tea.example.com"
    assert submit(owner, removal, filled(owner, HOSTS, removal)).status_code == 303
    db.session.close()
    assert find_shop_by_host("demo.localhost") is None


IMPOSSIBLE = [
    "",
    "shop.example.com:8080",
    "https://shop.example.com",
    "-a.example",
    "a..example",
    "127.0.0.1",
    "[::1]",
    "2130706433",
    "tea.localhost/x",
    "a b.example",
    "a.example.",
    "x" * 64 + ".example",
    "other.localhost",
]


def test_a_name_that_cannot_be_or_is_taken_is_refused(
    owner: ShopClient, now: Callable[[], Shop], other_shop: Shop
) -> None:
    before = now()
    for host in IMPOSSIBLE:
        answer = submit(owner, HOSTS, filled(owner, HOSTS, host=host))
        assert answer.status_code == 422, host
        assert "Charlie" not in answer.text
    assert now() == before


def test_a_name_in_other_letters_is_kept_as_dns_spells_it(owner: ShopClient, in_shop: Shop) -> None:
    assert submit(owner, HOSTS, filled(owner, HOSTS, host="bücher.example")).status_code == 303
    assert find_shop_by_host("xn--bcher-kva.example") is not None


def test_who_may_not_sees_nothing_and_changes_nothing(
    signed_in: SignedIn, desk: ShopClient, now: Callable[[], Shop]
) -> None:
    before, data = now(), filled(desk, SHOP, name="Mine now")
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        index = client.get(HOME).text
        for page in (SHOP, SELLING, LOOK, HOSTS):
            assert client.get(page).status_code == 403
            assert page not in index
        assert submit(client, SHOP, data).status_code == 403
        assert submit(client, HOSTS, {"version": "1", "host": "mine.example"}).status_code == 403
        assert f"{HOME}/" not in client.get("/admin/orders").text
    assert now() == before


def test_charlie_changes_their_own_shop_alone(
    signed_in: SignedIn, desk: ShopClient, in_shop: Shop, other_shop: Shop
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    assert submit(charlie, SHOP, filled(charlie, SHOP, name="Kites & more")).status_code == 303
    for deed in ("primary", "removal"):
        path = f"{HOSTS}/demo.localhost/{deed}"
        with shop_scope(other_shop):
            version = get_shop(other_shop.id).version
        assert submit(charlie, path, {"version": str(version)}).status_code == 404
    names = []
    for shop in (in_shop, other_shop):
        with shop_scope(shop):
            names.append(get_shop(shop.id).name)
    assert names == ["Alice's Tea", "Kites & more"]


def test_the_forms_offer_names_and_keep_what_is_set(
    desk: ShopClient, in_shop: Shop, now: Callable[[], Shop]
) -> None:
    general, checkout = desk.get(SHOP).text, desk.get(SELLING).text
    assert '<option value="de_AT">German (Austria)</option>' in general
    assert '<optgroup label="Europe">' in general
    assert '<option value="JPY">Japanese Yen (JPY)</option>' in checkout
    assert '<option value="DE">Germany</option>' in checkout
    settings.change_settings(
        in_shop.id, {"locale": "de_AT", "timezone": "EST5EDT"}, seen_version=now().version
    )
    before = now()
    assert save(desk, SHOP).status_code == 303
    assert now() == before, "a rare zone is not lost"


def test_the_owner_says_who_runs_the_shop_and_its_papers_name_them(
    desk: ShopClient, now: Callable[[], Shop]
) -> None:
    code = make_order((make_product(), 1)).code
    assert "Alice&#39;s Tea" in desk.get(f"/admin/orders/{code}/label").text
    answer = save(
        desk,
        BUSINESS,
        legal_name="Alice <Tea> GmbH",
        street="Lindenstr. 1",
        postcode="10969",
        city="Berlin",
        seller_country="DE",
        vat_id="de 123.456-789",
        tax_number="12/345/67890",
        register="Amtsgericht Berlin HRB 1",
        invoice_when="payment",
        invoice_series="re-2027-",
    )
    assert answer.status_code == 303
    shop = now()
    assert shop.seller["vat_id"] == "DE123456789"
    assert (shop.invoice_when, shop.invoice_series, shop.credit_series) == ("payment", "RE-2027-", "CN-")
    assert shop.invoices_since is not None
    for paper in ("label", "picking-list"):
        page = desk.get(f"/admin/orders/{code}/{paper}").text
        assert "Alice &lt;Tea&gt; GmbH · Lindenstr. 1 · 10969 Berlin · Germany" in page
    assert 'value="Lindenstr. 1"' in desk.get(BUSINESS).text


def test_invoices_are_not_turned_on_without_the_seller_that_they_must_name(
    desk: ShopClient, now: Callable[[], Shop]
) -> None:
    before = now()
    answer = save(desk, BUSINESS, legal_name="Alice", street="Lindenstr. 1", invoice_when="shipment")
    assert answer.status_code == 422
    assert "Invoices need it" in answer.text
    assert 'value="Lindenstr. 1"' in answer.text, "nothing typed is lost"
    assert now() == before


@pytest.mark.parametrize("number", ["123456789", "DE1", "XX123456789", "GR123456789", "DE12345678901234"])
def test_a_vat_number_of_the_european_union_begins_with_its_country(
    desk: ShopClient, now: Callable[[], Shop], number: str
) -> None:
    answer = save(desk, BUSINESS, seller_country="DE", vat_id=number)
    assert answer.status_code == 422
    assert "begins with the letters of its country" in answer.text
    assert save(desk, BUSINESS, seller_country="GR", vat_id="EL 123-456.789").status_code == 303
    assert now().seller["vat_id"] == "EL123456789"


def test_turning_invoices_on_once_more_begins_with_that_moment(
    desk: ShopClient, now: Callable[[], Shop]
) -> None:
    seller = {"legal_name": "Alice", "street": "Lindenstr. 1", "city": "Berlin"}
    save(desk, BUSINESS, **seller, invoice_when="payment")
    first = now().invoices_since
    save(desk, BUSINESS, invoice_when="shipment")
    assert now().invoices_since == first, "another moment of the order leaves no order out"
    save(desk, BUSINESS, invoice_when="off")
    save(desk, BUSINESS, invoice_when="payment")
    later = now().invoices_since
    assert first is not None
    assert later is not None
    assert later > first


def test_somebody_who_may_not_change_settings_does_not_see_the_business(signed_in: SignedIn) -> None:
    assert signed_in("support").get(BUSINESS).status_code == 403
