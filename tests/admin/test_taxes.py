"""The tax table by hand: rates typed as percents; what is saved is what the next order is taxed with."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.pricing.models import TaxRate
from commerce.pricing.queries import tax_table
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, compared, filled, finds_nothing, is_refused, only_looks, submit
from tests.support.client import ShopClient

LIST = "/admin/pricing/taxes"


def state() -> list[Any]:
    db.session.close()
    rows = db.session.execute(
        select(TaxRate.id, TaxRate.country, TaxRate.tax_class, TaxRate.rate_ppm, TaxRate.label).order_by(
            TaxRate.id
        )
    ).all()
    db.session.close()
    return [tuple(row) for row in rows]


def first() -> uuid.UUID:
    return uuid.UUID(str(state()[0][0]))


def rules_version(shop: Shop) -> int:
    db.session.close()
    return int(db.session.execute(select(Tenant.rules_version).where(Tenant.id == shop.id)).scalar_one())


@pytest.fixture
def page(in_shop: Shop) -> str:
    return f"{LIST}/{first()}"


def test_the_list_shows_rates_as_percents(desk: ShopClient, in_shop: Shop) -> None:
    html = desk.get(LIST).text
    assert "Everywhere else" in html
    assert "10 %" in html
    assert "Prices include tax." in html


def test_a_new_rate_taxes_its_country_and_class(desk: ShopClient, in_shop: Shop) -> None:
    before = rules_version(in_shop)
    new = filled(
        desk, f"{LIST}/new", LIST, country="switzerland", tax_class="food", rate_ppm="2.6", label="MWST"
    )
    assert submit(desk, LIST, new).status_code == 303
    assert rules_version(in_shop) == before + 1
    with shop_scope(get_shop(in_shop.id)):
        table = tax_table()
        assert [table.rate_for(*key).ppm for key in (("CH", "food"), ("CH", "standard"), ("DE", "food"))] == [
            26_000,
            100_000,
            100_000,
        ]
    again = submit(desk, LIST, new)
    assert again.status_code == 422
    assert "A rate for this country and tax class already exists." in again.text


def test_a_rate_is_changed(desk: ShopClient, in_shop: Shop, page: str) -> None:
    assert submit(desk, page, filled(desk, page, rate_ppm="7.7 %", label="VAT 7.7 %")).status_code == 303
    assert state()[0][1:] == ("*", "standard", 77_000, "VAT 7.7 %")
    assert filled(desk, page)["rate_ppm"] == ["7.7"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("country", "", "enter a country"),
        ("country", "US, CA", "Enter one country"),
        ("country", "Atlantis", "is not a known country"),
        ("tax_class", "", "lowercase letters"),
        ("tax_class", "x" * 21, "lowercase letters"),
        ("rate_ppm", "", "enter a percentage"),
        ("rate_ppm", "100.1", "from 0 to 100"),
        ("rate_ppm", "-1", "from 0 to 100"),
        ("rate_ppm", "7,7,7", "t a valid amount"),
        ("rate_ppm", "107,7", "from 0 to 100"),
        ("rate_ppm", "7.77777", "from 0 to 100"),
        ("rate_ppm", "1e1", "from 0 to 100"),
        ("label", " ", "This field is required."),
        ("label", "two\nlines\x07", "punctuation only"),
        ("version", "", "reload the page"),
    ],
)
def test_what_makes_no_sense_is_said_and_not_saved(
    desk: ShopClient, in_shop: Shop, page: str, field: str, value: str, said: str
) -> None:
    before = state()
    is_refused(desk, page, said, **{field: value})
    assert state() == before


def test_two_at_once_the_second_sees_what_the_first_did(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, page: str
) -> None:
    mine = filled(desk, page, rate_ppm="8")
    assert submit(signed_in(name="Alice"), page, filled(desk, page, rate_ppm="9")).status_code == 303
    answer = submit(desk, page, mine)
    assert answer.status_code == 409
    assert state()[0][3] == 90_000
    assert compared(answer.text) == [("Rate (percent)", "9", "8")]
    assert submit(desk, page, changed(answer.text, page)).status_code == 303
    assert state()[0][3] == 80_000


def test_a_rate_is_deleted_after_a_question(desk: ShopClient, in_shop: Shop, page: str) -> None:
    html = desk.get(page).text
    assert submit(desk, f"{page}/deletion", {"version": "1"}).status_code == 409
    assert submit(desk, f"{page}/deletion", {}).status_code == 409
    assert len(state()) == 1
    assert submit(desk, f"{page}/deletion", changed(html, f"{page}/deletion")).status_code == 303
    assert state() == []
    assert "No tax is charged" in desk.get(LIST).text


def test_who_may_only_look_saves_nothing(signed_in: SignedIn, desk: ShopClient, page: str) -> None:
    before, data = state(), filled(desk, page, rate_ppm="0")
    removal = filled(desk, page, f"{page}/deletion")
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        only_looks(client, page, f"{LIST}/new", data, removal)
    assert state() == before


def test_charlie_finds_no_rate_of_alices(
    signed_in: SignedIn, desk: ShopClient, in_shop: Shop, other_shop: Shop, page: str
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    before, data = state(), filled(desk, page, rate_ppm="0")
    removal = filled(desk, page, f"{page}/deletion")
    finds_nothing(charlie, page, data, removal)
    with shop_scope(in_shop):
        assert state() == before
