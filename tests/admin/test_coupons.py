"""Codes by hand: one with a word of the shop's own, or many that nobody guesses; found, counted, switched off."""

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from commerce.cart.services import enter_code
from commerce.checkout.services import place_order
from commerce.csv_files import BOM
from commerce.db import db
from commerce.orders.services import cancel_order
from commerce.pricing.models import Coupon
from commerce.pricing.services import create_coupon, create_promotion
from commerce.pricing.validation import PromotionValues
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, filled, submit
from tests.factories.checkout import GUEST, order_as_shown, ready_cart
from tests.factories.shop import make_product
from tests.support.client import ShopClient

LIST = "/admin/pricing/coupons"


def state() -> list[Any]:
    db.session.close()
    rows = db.session.execute(
        select(
            Coupon.id,
            Coupon.code,
            Coupon.promotion_id,
            Coupon.usage_limit,
            Coupon.per_customer_limit,
            Coupon.enabled,
        ).order_by(Coupon.id)
    ).all()
    db.session.close()
    return [tuple(row) for row in rows]


def codes_on(html: str) -> list[str]:
    return re.findall(r'<th scope="row" class="card-title"><a class="code" href="[^"]+">([^<]+)</a>', html)


@pytest.fixture
def promotion(in_shop: Shop) -> uuid.UUID:
    return create_promotion(PromotionValues("Welcome", "percentage", percent_ppm=100_000, needs_code=True))


@pytest.fixture
def page(promotion: uuid.UUID) -> str:
    return f"/admin/pricing/promotions/{promotion}"


def test_one_code_is_made_with_its_limits(desk: ShopClient, page: str, promotion: uuid.UUID) -> None:
    data = filled(desk, page, f"{page}/coupons#codes")
    assert "one-usage_limit" in data
    answer = submit(
        desk,
        f"{page}/coupons",
        {**data, "one-code": " wel\u200bcome10 ", "one-usage_limit": "50", "one-per_customer_limit": "1"},
    )
    assert (answer.status_code, answer.location) == (303, f"{page}#codes")
    assert [row[1:] for row in state()] == [("WELCOME10", promotion, 50, 1, True)]
    assert "WELCOME10" in desk.get(page).text
    html = desk.get(LIST).text
    assert codes_on(html) == ["WELCOME10"]
    assert "0 of 50" in html


def test_many_codes_are_made_at_once_and_shown(desk: ShopClient, page: str, promotion: uuid.UUID) -> None:
    data = filled(desk, page, f"{page}/coupon-batches#codes")
    answer = submit(desk, f"{page}/coupon-batches", {**data, "many-count": "12", "many-prefix": "vip-"})
    assert (answer.status_code, answer.location) == (303, f"{LIST}?promotion={promotion}")
    made = [row[1] for row in state()]
    assert len(set(made)) == 12
    assert all(code.startswith("VIP-") and len(code) > 10 for code in made)
    assert {row[3] for row in state()} == {1}
    assert sorted(codes_on(desk.get(answer.location).text)) == sorted(made)


def test_the_list_is_searched_paged_and_narrowed_to_a_promotion(
    desk: ShopClient, page: str, promotion: uuid.UUID
) -> None:
    submit(desk, f"{page}/coupon-batches", {"many-count": "31", "many-prefix": "VIP"})
    other = create_promotion(PromotionValues("Other", "percentage", percent_ppm=50_000, needs_code=True))
    create_coupon(other, "OTHER5")
    first = desk.get(LIST).text
    assert len(codes_on(first)) == 30
    assert "32 results" in first
    assert len(codes_on(desk.get(f"{LIST}?page=2").text)) == 2
    assert codes_on(desk.get(f"{LIST}?q=other").text) == ["OTHER5"]
    assert codes_on(desk.get(f"{LIST}?q=%25").text) == []
    assert codes_on(desk.get(f"{LIST}?promotion={other}").text) == ["OTHER5"]
    assert codes_on(desk.get(f"{LIST}?promotion=nonsense&q=%00&page=x&q=o").text) != []
    assert desk.get(f"{LIST}?promotion={uuid.uuid4()}").status_code == 404


def test_all_codes_of_a_promotion_come_as_a_file(desk: ShopClient, page: str, promotion: uuid.UUID) -> None:
    for code in ("BETA", "ALPHA"):
        create_coupon(promotion, code, usage_limit=5)
    answer = desk.get(f"{page}/coupons.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.text.splitlines() == [
        f"{BOM}code,uses,usage_limit,per_customer_limit,enabled",
        "ALPHA,0,5,,1",
        "BETA,0,5,,1",
    ]


def test_the_list_counts_the_orders_that_have_a_code(
    desk: ShopClient, promotion: uuid.UUID, in_shop: Shop
) -> None:
    create_coupon(promotion, "ANY")
    with shop_scope(get_shop(in_shop.id)):
        shopper = ready_cart((make_product(stock=5), 1))
        enter_code(shopper, "any")
        placed = place_order(**order_as_shown(shopper))
        uses = re.search(r'data-label="Used" class="num">([^<]+)<', desk.get(LIST).text)
        assert uses is not None
        assert uses[1] == "1"
        cancel_order(placed.id, GUEST, reason="Changed my mind")
    assert 'data-label="Used" class="num">0<' in desk.get(LIST).text


def test_a_code_is_switched_off_and_on_again(desk: ShopClient, page: str, promotion: uuid.UUID) -> None:
    coupon = create_coupon(promotion, "ONCE")
    for enabled, said in (("0", "Turn on"), ("0", "Turn on"), ("1", "Turn off")):
        answer = submit(desk, f"{LIST}/{coupon}/status", {"enabled": enabled, "back": f"{LIST}?q=once"})
        assert (answer.status_code, answer.location) == (303, f"{LIST}?q=once")
        assert said in desk.get(LIST).text
        assert state()[0][-1] is (enabled == "1")
    away = submit(desk, f"{LIST}/{coupon}/status", {"enabled": "0", "back": "https://evil.example/"})
    assert away.location == LIST


def test_the_limits_of_a_code_are_changed_on_its_page(desk: ShopClient, promotion: uuid.UUID) -> None:
    coupon = f"{LIST}/{create_coupon(promotion, 'ONCE', usage_limit=1)}"
    assert f'href="{coupon}"' in desk.get(LIST).text
    data = filled(desk, coupon)
    assert (data["usage_limit"], data["per_customer_limit"]) == (["1"], [""])
    answer = submit(desk, coupon, {**data, "usage_limit": "50", "per_customer_limit": "2"})
    assert (answer.status_code, answer.location) == (303, coupon)
    assert state()[0][3:5] == (50, 2)
    stale = submit(desk, coupon, {**data, "usage_limit": "60"})
    assert stale.status_code == 409
    assert re.search(r'scope="row">Total uses</th><td>50</td><td>60</td>', stale.text)
    assert submit(desk, coupon, changed(stale.text, coupon, per_customer_limit="")).status_code == 303
    assert state()[0][3:5] == (60, None)
    for wrong, said in (("0", "a whole number from 1"), ("many", "valid integer")):
        refused = submit(desk, coupon, filled(desk, coupon, usage_limit=wrong))
        assert refused.status_code == 422
        assert said in refused.text
    assert submit(desk, coupon, {"usage_limit": "9"}).status_code == 422
    assert state()[0][3:5] == (60, None)


@pytest.mark.parametrize(
    ("path", "changes", "said"),
    [
        ("coupons", {"one-code": ""}, "Please enter a code."),
        (
            "coupons",
            {"one-code": "x"},
            "A code can have 2 to 40 letters, numbers, hyphens, and underscores, and starts with a letter or number.",
        ),
        (
            "coupons",
            {"one-code": "has space"},
            "A code can have 2 to 40 letters, numbers, hyphens, and underscores, and starts with a letter or number.",
        ),
        ("coupons", {"one-code": "TAKEN"}, "A coupon with this code already exists."),
        ("coupons", {"one-code": "taken"}, "A coupon with this code already exists."),
        ("coupons", {"one-code": "FINE", "one-usage_limit": "0"}, "a whole number from 1"),
        ("coupons", {"one-code": "FINE", "one-per_customer_limit": "some"}, "valid integer"),
        ("coupon-batches", {"many-count": "0"}, "whole number from 1 to 1000"),
        ("coupon-batches", {"many-count": "1001"}, "whole number from 1 to 1000"),
        (
            "coupon-batches",
            {"many-count": "5", "many-prefix": "a b"},
            "A code can have 2 to 40 letters, numbers, hyphens, and underscores, and starts with a letter or number.",
        ),
        ("coupon-batches", {"many-count": "5", "many-prefix": "x" * 21}, "At most 20 characters."),
    ],
)
def test_what_makes_no_sense_is_said_and_not_saved(
    desk: ShopClient, page: str, promotion: uuid.UUID, path: str, changes: dict[str, str], said: str
) -> None:
    create_coupon(promotion, "TAKEN")
    before = state()
    answer = submit(desk, f"{page}/{path}", changes)
    assert answer.status_code == 422
    assert said in answer.text
    assert state() == before


def test_a_promotion_that_everybody_gets_takes_no_code(desk: ShopClient, in_shop: Shop) -> None:
    page = (
        f"/admin/pricing/promotions/{create_promotion(PromotionValues('All', 'percentage', percent_ppm=10))}"
    )
    assert "Make the code" not in desk.get(page).text
    assert submit(desk, f"{page}/coupons", {"one-code": "NOPE"}).status_code == 422
    assert state() == []


def test_who_may_only_look_makes_no_code(
    signed_in: SignedIn, desk: ShopClient, page: str, promotion: uuid.UUID
) -> None:
    coupon = create_coupon(promotion, "ONCE")
    before = state()
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        assert codes_on(client.get(LIST).text) == ["ONCE"]
        assert "Turn off" not in client.get(LIST).text
        assert "Make the code" not in client.get(page).text
        assert submit(client, f"{page}/coupons", {"one-code": "MINE"}).status_code == 403
        assert submit(client, f"{page}/coupon-batches", {"many-count": "5"}).status_code == 403
        assert submit(client, f"{LIST}/{coupon}/status", {"enabled": "0"}).status_code == 403
        assert "Save" not in client.get(f"{LIST}/{coupon}").text
        assert submit(client, f"{LIST}/{coupon}", {"usage_limit": "9"}).status_code == 403
    assert state() == before


def test_charlie_finds_no_code_of_alices(
    signed_in: SignedIn, in_shop: Shop, other_shop: Shop, page: str, promotion: uuid.UUID
) -> None:
    coupon = create_coupon(promotion, "ONCE")
    before = state()
    charlie = signed_in("owner", shop=other_shop)
    assert codes_on(charlie.get(LIST).text) == []
    assert charlie.get(f"{LIST}?promotion={promotion}").status_code == 404
    assert charlie.get(f"{page}/coupons.csv").status_code == 404
    assert submit(charlie, f"{page}/coupons", {"one-code": "MINE"}).status_code == 404
    assert submit(charlie, f"{page}/coupon-batches", {"many-count": "5"}).status_code == 404
    assert submit(charlie, f"{LIST}/{coupon}/status", {"enabled": "0"}).status_code == 404
    assert charlie.get(f"{LIST}/{coupon}").status_code == 404
    assert submit(charlie, f"{LIST}/{coupon}", {"usage_limit": "9"}).status_code == 404
    with shop_scope(in_shop):
        assert state() == before
