"""Promotions by hand: what is saved is what carts get; trying one and looking for products save nothing."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from commerce.catalog.models import Category, ProductCategory
from commerce.db import atomic, db, new_id
from commerce.pricing.models import Promotion
from commerce.pricing.queries import coupons_of
from commerce.pricing.services import create_promotion
from commerce.pricing.validation import PromotionValues
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import (
    changed,
    compared,
    filled,
    finds_nothing,
    form_on,
    is_refused,
    only_looks,
    submit,
)
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, make_product
from tests.support.client import ShopClient

LIST = "/admin/pricing/promotions"
NEW = f"{LIST}/new"


def state() -> list[Any]:
    db.session.close()
    table = Promotion.__table__
    rows = db.session.execute(
        select(*[getattr(Promotion, c.name) for c in table.columns]).order_by(Promotion.id)
    )
    found = [tuple(row) for row in rows]
    db.session.close()
    return found


def only() -> Promotion:
    db.session.close()
    found = db.session.scalars(select(Promotion)).one()
    db.session.expunge_all()
    db.session.close()
    return found


@atomic
def shelve(sold: Sold, name: str) -> str:
    category = Category(id=new_id(), slug=name.lower(), name=name)
    db.session.add(category)
    db.session.flush()
    db.session.add(ProductCategory(category_id=category.id, product_id=sold.product_id))
    return str(category.id)


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", price=1000, stock=50)


@pytest.fixture
def page(in_shop: Shop, tea: Sold) -> str:
    """Ten percent off everything; its address."""
    return f"{LIST}/{create_promotion(PromotionValues('Ten off', 'percentage', percent_ppm=100_000))}"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"kind": "percentage", "percent_ppm": "7.5"}, ("percentage", 75_000, 0, 0, 0)),
        ({"kind": "fixed", "amount": "5", "percent_ppm": "7.5"}, ("fixed", 0, 500, 0, 0)),
        ({"kind": "free_shipping"}, ("free_shipping", 0, 0, 0, 0)),
        (
            {"kind": "buy_x_get_y", "buy_quantity": "2", "get_quantity": "1", "percent_ppm": "100"},
            ("buy_x_get_y", 1_000_000, 0, 2, 1),
        ),
    ],
)
def test_a_promotion_of_each_kind_is_made(
    desk: ShopClient, tea: Sold, in_shop: Shop, typed: dict[str, str], kept: tuple[Any, ...]
) -> None:
    rules = select(Tenant.rules_version).where(Tenant.id == in_shop.id)
    before = db.session.scalars(rules).one()
    answer = submit(desk, LIST, filled(desk, NEW, LIST, label="Spring", **typed))
    assert answer.status_code == 303
    row = only()
    assert answer.location == f"{LIST}/{row.id}"
    assert (row.kind, row.percent_ppm, row.amount, row.buy_quantity, row.get_quantity) == kept
    assert (row.combines, row.enabled, row.needs_code, row.scope) == (True, True, False, "all")
    assert db.session.scalars(rules).one() == before + 1
    assert "Spring" in desk.get(LIST).text


def test_a_promotion_and_its_first_code_are_made_in_one_go(desk: ShopClient, tea: Sold) -> None:
    asked = form_on(desk.get(f"{NEW}?coupon=1").text, LIST)
    assert asked["needs_code"] == ["y"]
    typed = filled(desk, NEW, LIST, label="Spring", percent_ppm="10", code=" spring10 ", needs_code=None)
    answer = submit(desk, LIST, typed)
    assert answer.status_code == 303
    row = only()
    assert row.needs_code is True
    assert [code.code for code in coupons_of(row.id, limit=5)] == ["SPRING10"]
    again = submit(desk, LIST, {**typed, "label": "Another"})
    assert again.status_code == 422
    assert (only().label, 'id="code-error"' in again.text, 'value="Another"' in again.text) == (
        "Spring",
        True,
        True,
    )


def test_dates_are_on_the_clock_of_the_shop(desk: ShopClient, page: str, in_shop: Shop) -> None:
    @atomic
    def move_to_zurich() -> None:
        db.session.get_one(Tenant, in_shop.id).timezone = "Europe/Zurich"

    move_to_zurich()
    typed = {"starts_at": "2027-01-15T08:00", "ends_at": "2027-07-15T08:00"}
    assert submit(desk, page, filled(desk, page, **typed)).status_code == 303
    row = only()
    assert row.starts_at == datetime(2027, 1, 15, 7, tzinfo=UTC)
    assert row.ends_at == datetime(2027, 7, 15, 6, tzinfo=UTC)
    again = filled(desk, page)
    assert [again["starts_at"], again["ends_at"]] == [["2027-01-15T08:00"], ["2027-07-15T08:00"]]
    assert "Scheduled" in desk.get(LIST).text


def test_products_are_found_and_ticked_without_scripts(desk: ShopClient, tea: Sold) -> None:
    make_product("Kettle", sku="KET-9")
    data = filled(desk, NEW, LIST, label="Tea week", percent_ppm="10", scope="products", find="tea", look="1")
    found = submit(desk, LIST, data)
    assert found.status_code == 200
    assert state() == []
    assert f'value="{tea.product_id}"' in found.text
    assert "Kettle" not in found.text
    ticked = changed(found.text, LIST, products=str(tea.product_id))
    assert ticked["label"] == ["Tea week"]
    assert submit(desk, LIST, ticked).status_code == 303
    assert (only().scope, only().targets) == ("products", [str(tea.product_id)])
    assert f'value="{tea.product_id}" checked' in desk.get(f"{LIST}/{only().id}").text


def test_categories_are_ticked(desk: ShopClient, tea: Sold) -> None:
    shelf = shelve(tea, "Leaves")
    data = filled(desk, NEW, LIST, label="Leaves", percent_ppm="10", scope="categories", categories=shelf)
    assert submit(desk, LIST, data).status_code == 303
    assert only().targets == [shelf]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": ""}, "This field is required."),
        ({"label": "x" * 256}, "At most 255 characters."),
        ({"kind": "magic"}, "Please choose one."),
        ({"percent_ppm": ""}, "Enter a discount of more than 0"),
        ({"percent_ppm": "0"}, "Enter a discount of more than 0"),
        ({"percent_ppm": "ten"}, "from 0 to 100"),
        ({"kind": "fixed", "amount": ""}, "an amount above zero"),
        ({"kind": "fixed", "amount": "-5"}, "cannot be negative"),
        ({"kind": "buy_x_get_y", "buy_quantity": "0", "get_quantity": "1"}, "a whole number from 1"),
        ({"scope": "products"}, "Choose 1 to"),
        ({"scope": "categories", "categories": "nonsense"}, "Choose 1 to"),
        (
            {"scope": "products", "products": str(uuid.uuid4())},
            "Some of the items you chose no longer exist. Choose again.",
        ),
        ({"min_subtotal": "1.999"}, "too many decimal places"),
        ({"starts_at": "tomorrow"}, "a date and a time"),
        ({"starts_at": "0001-01-01T00:00"}, "a date from this century"),
        (
            {"starts_at": "2027-02-01T00:00", "ends_at": "2027-01-01T00:00"},
            "The end must be after the start.",
        ),
        ({"position": "-1"}, "whole number from 0"),
        ({"version": ""}, "reload the page"),
    ],
)
def test_what_makes_no_sense_is_said_and_not_saved(
    desk: ShopClient, page: str, changes: dict[str, str], said: str
) -> None:
    before = state()
    is_refused(desk, page, said, **changes)
    assert state() == before


def test_two_at_once_the_second_sees_what_the_first_did(
    desk: ShopClient, signed_in: SignedIn, page: str, tea: Sold
) -> None:
    mine = filled(desk, page, percent_ppm="20", label="Bob's week")
    theirs = filled(desk, page, percent_ppm="30", scope="products", products=str(tea.product_id))
    assert submit(signed_in(name="Alice"), page, theirs).status_code == 303
    after_alice = state()
    answer = submit(desk, page, mine)
    assert answer.status_code == 409
    assert state() == after_alice
    assert compared(answer.text) == [
        ("Label", "Ten off", "Bob&#39;s week"),
        ("Percent off", "30", "20"),
        ("Applies to", "Specific products", "Entire order"),
        ("Products or categories", "Green tea", "–"),
    ]
    assert changed(answer.text, f"{page}/deletion") == {"version": ["2"]}
    assert submit(desk, page, changed(answer.text, page)).status_code == 303
    assert (only().label, only().percent_ppm) == ("Bob's week", 200_000)


def test_trying_shows_what_a_cart_would_cost_and_saves_nothing(desk: ShopClient, page: str) -> None:
    before = state()
    data = filled(desk, page, percent_ppm="25", **{"try__sku": "TEA-1", "try__quantity": "3", "try": "1"})
    answer = submit(desk, page, data)
    assert answer.status_code == 200
    assert state() == before
    assert "-$7.50" in answer.text.replace("−", "-")
    assert "$27.50" in answer.text
    assert "Applied" in answer.text


def test_a_promotion_that_is_not_saved_yet_can_be_tried_on_what_it_is_for(
    desk: ShopClient, tea: Sold
) -> None:
    make_product("Anvil", sku="ANVIL", price=9900)
    data = filled(
        desk,
        NEW,
        LIST,
        label="Tea week",
        kind="fixed",
        amount="4",
        scope="products",
        products=str(tea.product_id),
        needs_code="y",
        **{"try": "1"},
    )
    answer = submit(desk, LIST, data)
    assert answer.status_code == 200
    assert state() == []
    assert "TEA-1" in answer.text
    assert "ANVIL" not in answer.text
    assert "$11.00" in answer.text


def test_the_enter_key_saves_but_in_a_search_it_looks_and_in_the_sample_cart_it_tries(
    desk: ShopClient, page: str
) -> None:
    before = state()
    looked = submit(desk, page, filled(desk, page, enter="1", label="New", find="green"))
    assert looked.status_code == 200
    assert "Green tea" in looked.text
    tried = submit(desk, page, changed(looked.text, page, enter="1", try__sku="TEA-1", try__quantity="2"))
    assert tried.status_code == 200
    assert "Applied" in tried.text
    assert state() == before
    assert submit(desk, page, changed(tried.text, page, enter="1")).status_code == 303
    assert only().label == "New"


def test_what_is_tried_must_make_sense(desk: ShopClient, page: str) -> None:
    for changes in (
        {"try__sku": "NOPE", "try__quantity": "1"},
        {"try__sku": "TEA-1", "try__quantity": "0"},
        {"percent_ppm": "0"},
        {"try__moment": "soon"},
    ):
        answer = submit(desk, page, filled(desk, page, **changes, **{"try": "1"}))
        assert answer.status_code == 422, changes


def test_a_promotion_without_orders_is_deleted_after_a_question(desk: ShopClient, page: str) -> None:
    html = desk.get(page).text
    assert submit(desk, f"{page}/deletion", {"version": "99"}).status_code == 409
    assert submit(desk, f"{page}/deletion", {"version": "x"}).status_code == 409
    assert submit(desk, f"{page}/deletion", changed(html, f"{page}/deletion")).status_code == 303
    assert state() == []


def test_a_promotion_that_an_order_had_stays(desk: ShopClient, page: str, tea: Sold, in_shop: Shop) -> None:
    removal = filled(desk, page, f"{page}/deletion")
    with shop_scope(get_shop(in_shop.id)):
        make_order((tea, 1))
    answer = submit(desk, f"{page}/deletion", removal)
    assert answer.status_code == 409
    assert "t delete this promotion because orders have used it. Turn it off instead" in answer.text
    assert len(state()) == 1


def test_who_may_only_look_saves_nothing(signed_in: SignedIn, desk: ShopClient, page: str) -> None:
    before, data = state(), filled(desk, page, percent_ppm="100")
    removal = filled(desk, page, f"{page}/deletion")
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        assert "Ten off" in client.get(page).text
        only_looks(client, page, NEW, data, removal)
    assert state() == before


def test_charlie_finds_no_promotion_of_alices_and_cannot_aim_at_her_products(
    signed_in: SignedIn, desk: ShopClient, in_shop: Shop, other_shop: Shop, page: str, tea: Sold
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    before, data = state(), filled(desk, page, percent_ppm="100")
    removal = filled(desk, page, f"{page}/deletion")
    finds_nothing(charlie, page, data, removal)
    assert "Ten off" not in charlie.get(LIST).text
    aimed = filled(
        charlie, NEW, LIST, label="Steal", percent_ppm="100", scope="products", products=str(tea.product_id)
    )
    refused = submit(charlie, LIST, aimed)
    assert refused.status_code == 422
    assert "Green tea" not in refused.text
    searched = submit(charlie, LIST, {**aimed, "find": "tea", "look": "1"})
    assert "Green tea" not in searched.text
    tried = submit(
        charlie,
        LIST,
        filled(charlie, NEW, LIST, label="Try", percent_ppm="9", **{"try__sku": "TEA-1", "try": "1"}),
    )
    assert tried.status_code == 422
    assert "Green tea" not in tried.text
    with shop_scope(other_shop):
        assert state() == []
    with shop_scope(in_shop):
        assert state() == before


def test_a_promotion_can_leave_reduced_products_alone(desk: ShopClient, page: str, in_shop: Shop) -> None:
    assert not only().skip_reduced
    assert submit(desk, page, filled(desk, page, skip_reduced="y")).status_code == 303
    assert only().skip_reduced
    assert 'name="skip_reduced"' in desk.get(page).text
    mine = filled(desk, page, label="Mine")
    assert submit(desk, page, filled(desk, page, skip_reduced=None)).status_code == 303
    assert not only().skip_reduced
    answer = submit(desk, page, mine)
    assert answer.status_code == 409
    assert "already reduced" in str(compared(answer.text))
