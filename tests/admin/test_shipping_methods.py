"""Ways to ship by hand: prices by country, weight and total; what is saved is what customers are offered."""

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.shipping.methods import MethodTerms, shipping_methods
from commerce.shipping.queries import shipping_offers
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, compared, filled, finds_nothing, is_refused, only_looks, submit
from tests.factories.checkout import make_order
from tests.factories.pricing import rules_of_now
from tests.factories.shop import make_product
from tests.support.client import ShopClient

LIST = "/admin/pricing/shipping"


def on_file() -> tuple[uuid.UUID, MethodTerms]:
    db.session.close()
    method = shipping_methods()[0]
    db.session.close()
    return method.id, method.terms


def state() -> Any:
    db.session.close()
    found = [(method.id, method.terms) for method in shipping_methods()]
    db.session.close()
    return found


def rules_version(shop: Shop) -> int:
    db.session.close()
    return int(db.session.execute(select(Tenant.rules_version).where(Tenant.id == shop.id)).scalar_one())


@pytest.fixture
def page(in_shop: Shop) -> str:
    return f"{LIST}/{on_file()[0]}"


def test_the_list_shows_methods_with_their_prices(desk: ShopClient, in_shop: Shop) -> None:
    html = desk.get(LIST).text
    assert "Parcel" in html
    assert "$5.00" in html
    assert "everywhere" in html


def test_a_price_for_a_zone_is_what_its_customers_are_offered(
    desk: ShopClient, in_shop: Shop, page: str
) -> None:
    before = rules_version(in_shop)
    answer = submit(
        desk,
        page,
        filled(
            desk,
            page,
            name="Parcel post",
            rate1__countries="CA, mexico",
            rate1__max_weight_grams="2000",
            rate1__min_subtotal="50",
            rate1__price="7.25",
        ),
    )
    assert (answer.status_code, answer.location) == (303, page)
    assert rules_version(in_shop) == before + 1
    with shop_scope(get_shop(in_shop.id)):
        offers = {
            (country, subtotal, weight): [
                (offer.name, offer.price)
                for offer in shipping_offers(country=country, subtotal=subtotal, weight_grams=weight)
            ]
            for country, subtotal, weight in [
                ("US", 9000, 100),
                ("MX", 5000, 2000),
                ("MX", 4999, 100),
                ("CA", 9000, 2001),
            ]
        }
    assert list(offers.values()) == [[("Parcel post", 500)], [("Parcel post", 725)], [], []]
    assert "Canada, Mexico" in desk.get(LIST).text


def test_a_new_method_is_made_and_its_code_is_its_own(desk: ShopClient, in_shop: Shop) -> None:
    new = filled(
        desk, f"{LIST}/new", LIST, name="Express", code="express", rate0__countries="*", rate0__price="19.90"
    )
    answer = submit(desk, LIST, new)
    assert answer.status_code == 303
    assert "Express" in desk.get(answer.location).text
    refused = submit(desk, LIST, new)
    assert refused.status_code == 422
    assert "Another shipping method already uses this code." in refused.text
    assert [terms.code for _id, terms in state()] == ["parcel", "express"]


def test_a_removed_price_is_gone_and_a_method_can_be_switched_off(
    desk: ShopClient, in_shop: Shop, page: str
) -> None:
    refused = submit(desk, page, filled(desk, page, rate0__remove="y"))
    assert refused.status_code == 422
    assert "t choose a shipping method without a rate. Add a rate, or turn the method off" in refused.text
    assert submit(desk, page, filled(desk, page, rate0__remove="y", enabled=None)).status_code == 303
    terms = on_file()[1]
    assert (terms.rates, terms.enabled) == ((), False)
    assert "Customers cannot choose it" in desk.get(LIST).text


def test_saving_what_is_there_already_changes_nothing(desk: ShopClient, in_shop: Shop, page: str) -> None:
    before, version = state(), rules_version(in_shop)
    assert submit(desk, page, filled(desk, page)).status_code == 303
    assert (state(), rules_version(in_shop)) == (before, version)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "This field is required."),
        ("name", "x" * 256, "At most 255 characters."),
        ("name", "with \x00 in it", "punctuation only"),
        ("tax_class", "Ünusual", "lowercase letters"),
        ("position", "-1", "whole number from 0"),
        ("position", "many", "whole number from 0"),
        ("version", "", "reload the page"),
        ("rate0__price", "", "enter a price"),
        ("rate0__price", "5,0,0", "t a valid amount"),
        ("rate0__price", "-5", "cannot be negative"),
        ("rate0__price", "5.005", "too many decimal places"),
        ("rate0__price", "9" * 70, "too long"),
        ("rate0__countries", "", "enter the countries"),
        ("rate0__countries", "US, Atlantis", "“Atlantis” is not a known country"),
        ("rate0__countries", "EU", "is not a known country"),
        ("rate0__max_weight_grams", "0", "a whole number from 1"),
        ("rate0__min_subtotal", "free", "t a valid amount"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field_and_not_saved(
    desk: ShopClient, in_shop: Shop, page: str, field: str, value: str, said: str
) -> None:
    before = state()
    is_refused(desk, page, said, **{field: value})
    assert state() == before


def test_two_at_once_the_second_sees_what_the_first_did(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, page: str
) -> None:
    mine = filled(desk, page, name="Bob's parcel", rate0__price="6.00")
    assert submit(signed_in(name="Alice"), page, filled(desk, page, rate0__price="7.00")).status_code == 303
    after_alice = state()
    answer = submit(desk, page, mine)
    assert answer.status_code == 409
    assert state() == after_alice
    assert compared(answer.text) == [
        ("Name", "Parcel", "Bob&#39;s parcel"),
        ("Rate 1", "* · – · 0.00 · 7.00", "* · – · 0.00 · 6.00"),
    ]
    assert submit(desk, page, changed(answer.text, page)).status_code == 303
    assert on_file()[1].rates[0].price == 600


def test_prices_without_decimals_stay_whole(signed_in: SignedIn, in_shop: Shop, other_shop: Shop) -> None:
    charlie = signed_in("owner", shop=other_shop)
    with shop_scope(other_shop):
        page = f"{LIST}/{on_file()[0]}"
    assert filled(charlie, page)["rate0-price"] == ["800"]
    assert submit(charlie, page, filled(charlie, page, rate0__price="900.5")).status_code == 422
    assert submit(charlie, page, filled(charlie, page, rate0__price="900")).status_code == 303
    with shop_scope(other_shop):
        assert on_file()[1].rates[0].price == 900


def test_a_method_without_orders_can_be_deleted(desk: ShopClient, in_shop: Shop, page: str) -> None:
    html = desk.get(page).text
    assert "Delete…" in html
    stale = submit(desk, f"{page}/deletion", {"version": "17"})
    assert stale.status_code == 409
    assert len(state()) == 1
    assert submit(desk, f"{page}/deletion", changed(html, f"{page}/deletion")).status_code == 303
    assert state() == []


def test_a_method_that_an_order_has_stays(desk: ShopClient, in_shop: Shop, page: str) -> None:
    make_order((make_product(stock=5), 1))
    answer = submit(desk, f"{page}/deletion", filled(desk, page, f"{page}/deletion"))
    assert answer.status_code == 409
    assert "t delete this shipping method because orders have used it. Turn it off instead" in answer.text
    assert len(state()) == 1


def test_who_may_only_look_saves_nothing(signed_in: SignedIn, desk: ShopClient, page: str) -> None:
    before, data = state(), filled(desk, page, name="Taken over")
    removal = filled(desk, page, f"{page}/deletion")
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        assert "Parcel" in client.get(page).text
        only_looks(client, page, f"{LIST}/new", data, removal)
    assert state() == before


def test_charlie_finds_no_method_of_alices(
    signed_in: SignedIn, desk: ShopClient, in_shop: Shop, other_shop: Shop, page: str
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    before, data = state(), filled(desk, page, name="Taken over")
    removal = filled(desk, page, f"{page}/deletion")
    finds_nothing(charlie, page, data, removal)
    assert str(on_file()[0]) not in charlie.get(LIST).text
    with shop_scope(in_shop):
        assert state() == before


def test_a_threshold_counts_the_total_before_or_after_discounts(
    desk: ShopClient, in_shop: Shop, page: str
) -> None:
    free = {"rate1__countries": "*", "rate1__min_subtotal": "75", "rate1__price": "0"}
    assert submit(desk, page, filled(desk, page, **free)).status_code == 303
    at = {"country": "US", "subtotal": 7600, "weight_grams": 100, "discounted": 600}
    assert [offer.price for offer in shipping_offers(**at)] == [0]
    before = rules_version(in_shop)
    assert submit(desk, page, filled(desk, page, after_discounts="y")).status_code == 303
    assert rules_version(in_shop) == before + 1
    assert on_file()[1].after_discounts
    assert "from $75.00 after discounts" in desk.get(LIST).text
    with rules_of_now():
        assert [offer.price for offer in shipping_offers(**at)] == [500]
    mine = filled(desk, page, name="Mine")
    assert submit(desk, page, filled(desk, page, after_discounts=None)).status_code == 303
    answer = submit(desk, page, mine)
    assert answer.status_code == 409
    assert "Free shipping threshold counts the total after discounts" in str(compared(answer.text))


def test_the_owner_is_warned_of_countries_without_a_tax_rate(
    desk: ShopClient, in_shop: Shop, page: str
) -> None:
    pages = (LIST, "/admin/pricing/taxes")
    for address in pages:
        assert "no tax rate is set" not in desk.get(address).text
    rates = "/admin/pricing/taxes"
    rate = re.findall(rf'href="({rates}/[0-9a-f-]{{36}})"', desk.get(rates).text)[0]
    assert submit(desk, rate, filled(desk, rate, country="US")).status_code == 303
    for address in pages:
        assert "no rate is set for everywhere else" in desk.get(address).text
    for named, said in (
        ("ES", "You ship to Spain, but no tax rate is set for it."),
        ("US, ES, FR", "You ship to Spain, France, but no tax rates are set for them."),
    ):
        assert submit(desk, page, filled(desk, page, rate0__countries=named)).status_code == 303
        for address in pages:
            assert said in desk.get(address).text
            assert "everywhere else. Orders" not in desk.get(address).text
