"""Much stock, many coupons and promotions in the browser: ticked or all that match."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.inventory.models import StockItem
from commerce.pricing.models import Coupon, Promotion
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.bulk.test_plans import run
from tests.bulk.test_pricing_changes import make_promotions
from tests.factories.shop import counters, make_product
from tests.factories.staff import csrf_token, post
from tests.support.client import ShopClient

ADD = {"how": "add", "quantity": "5", "cause": "received", "location_id": "", "note": "Delivery"}


def choose(client: ShopClient, page: str, kind: str, **fields: Any) -> Any:
    token = csrf_token(client.get(page).text)
    return client.post(f"{page}/bulk-changes", data={"csrf_token": token, "kind": kind, **fields})


def version(page: str) -> str:
    return re.findall(r'name="version" value="(\d+)"', page)[-1]


def carry_out(client: ShopClient, here: str, fields: dict[str, str]) -> str:
    """Preview a change with these fields, start it, let the worker do it, and return its page before and after."""
    answer = post(client, here, fields | {"version": version(client.get(here).text)})
    assert answer.status_code == 303, answer.text
    preview = client.get(here).text
    assert post(client, f"{here}/start", {"version": version(preview)}).status_code == 303
    run()
    return str(preview + client.get(here).text)


def test_stock_that_a_filter_finds_is_adjusted(desk: ShopClient, in_shop: Shop) -> None:
    tea, kite = make_product(sku="TEA-1", stock=1), make_product("Kite", sku="KITE-1", stock=500)
    page = desk.get("/admin/stock?show=low").text
    assert "All 1 that match" in page
    here = choose(desk, "/admin/stock", "stock.adjust", everything="1", show="low").location
    page = desk.get(here).text
    assert "1 stock item, all that match: running low" in page
    assert '<a class="side__place" href="/admin/stock" aria-current="page">' in page, "it stands at its list"
    shown = carry_out(desk, here, ADD)
    assert "Units added" in shown
    assert "Changed: <strong>1</strong>" in shown
    assert [counters(tea), counters(kite)] == [(6, 0), (500, 0)]
    here = choose(desk, "/admin/stock", "stock.adjust", everything="1", q="kite").location
    assert "1 stock item, all that match: search “kite”" in desk.get(here).text


def test_what_is_typed_wrong_is_said_at_its_field(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=1)
    item = db.session.execute(select(StockItem.id)).scalar_one()
    here = choose(desk, "/admin/stock", "stock.adjust", id=str(item)).location
    for fields, words in (
        (ADD | {"quantity": "many"}, "Enter a whole number"),
        (ADD | {"cause": "lost"}, "Choose a reason that fits"),
    ):
        answer = post(desk, here, fields | {"version": version(desk.get(here).text)})
        assert answer.status_code == 422
        assert words in answer.text


def test_codes_of_a_search_are_turned_off_and_on(desk: ShopClient, in_shop: Shop) -> None:
    make_promotions([None, None])
    here = choose(desk, "/admin/pricing/coupons", "coupons.status", everything="1", q="sale1").location
    assert "1 coupon, all that match: search “sale1”" in desk.get(here).text
    carry_out(desk, here, {"enabled": "0"})
    enabled = select(Coupon.enabled).order_by(Coupon.code)
    assert list(db.session.scalars(enabled)) == [True, False]
    assert post(desk, f"{here}/undo", {}).status_code == 303
    run()
    db.session.close()
    assert list(db.session.scalars(enabled)) == [True, True]


def test_codes_of_one_promotion_are_all_that_match_there(desk: ShopClient, in_shop: Shop) -> None:
    first, _second = make_promotions([None, None])
    here = choose(
        desk, "/admin/pricing/coupons", "coupons.status", everything="1", promotion=str(first)
    ).location
    assert "1 coupon, all that match: promotion Sale 0" in desk.get(here).text


def test_promotions_get_an_end(desk: ShopClient, in_shop: Shop) -> None:
    ids = make_promotions([None, None])
    here = choose(desk, "/admin/pricing/promotions", "promotions.end", id=str(ids[0])).location
    carry_out(desk, here, {"ends_at": "2040-05-01T12:00"})
    ends = list(db.session.scalars(select(Promotion.ends_at).order_by(Promotion.id)))
    assert [each.year if each else None for each in ends] == [2040, None]
    here = choose(desk, "/admin/pricing/promotions", "promotions.status", everything="1").location
    carry_out(desk, here, {"enabled": "0"})
    assert set(db.session.scalars(select(Promotion.enabled))) == {False}


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("/admin/stock", "stock.adjust"),
        ("/admin/pricing/coupons", "coupons.status"),
        ("/admin/pricing/promotions", "promotions.end"),
    ],
)
def test_who_may_not_change_them_cannot_plan_and_other_shops_see_nothing(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, other_shop: Shop, page: str, kind: str
) -> None:
    make_product(sku="TEA-1", stock=1)
    make_promotions([None])
    here = choose(desk, page, kind, everything="1").location
    sue = signed_in("support")
    assert 'form="bulk"' not in sue.get(page).text
    assert choose(sue, page, kind, everything="1").status_code == 403
    for step in ("", "/start", "/undo", "/removal"):
        assert post(sue, f"{here}{step}", {"version": "1"}).status_code == 403
    bob = signed_in("owner", shop=other_shop)
    assert bob.get(here).status_code == 404
    assert choose(desk, page, "products.price", everything="1").status_code == 404
    assert choose(desk, page, kind).location == page
