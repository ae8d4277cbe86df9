"""What is held for orders that wait for their money, and letting go of it."""

import html
import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from commerce import clock, paging
from commerce.admin import queries
from commerce.db import atomic, db
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.orders import fresh, order_in, placed_order
from tests.factories.shop import Sold, counters, make_product
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.statements import count_statements


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", stock=10)


def test_holds_are_listed_until_they_are_paid_or_gone(desk: ShopClient, tea: Sold) -> None:
    assert "No reservations" in desk.get("/admin/holds").text
    first = placed_order(sku="TEA-1", quantity=3)
    paid = order_in("confirmed", sku="TEA-1", quantity=2)
    page = desk.get("/admin/holds").text
    assert fresh(first).code in page
    assert paid.code not in page
    assert fresh(first).code in desk.get("/admin/holds?q=tea-1").text
    assert "No reservations match" in desk.get("/admin/holds?q=CUP").text


@pytest.mark.parametrize("expiring", [0, 4, 7])
def test_a_very_long_list_goes_on_by_position(
    desk: ShopClient, tea: Sold, monkeypatch: pytest.MonkeyPatch, expiring: int
) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    monkeypatch.setattr(paging, "MOST_COUNTED", 2)
    codes = [fresh(placed_order(sku="TEA-1", quantity=1)).code for _ in range(7)]
    for number, code in enumerate(codes[:expiring]):
        expire_at(code, clock.now() + timedelta(days=number))
    desk.get("/admin/holds")
    address, seen, made = "/admin/holds", [], set()
    while address and len(seen) < 20:
        with count_statements() as statements:
            page = desk.get(address).text
        made.add(len(statements))
        seen += [code for code in codes if code in page]
        address = linked(page, "next")
    assert seen == codes, "the soonest to expire first, and each once"
    assert max(made) <= 8
    earlier = []
    while last := linked(page, "prev"):
        if "before=" not in last:
            break
        page = desk.get(last).text
        earlier += [code for code in codes if code in page]
    assert earlier == [*codes[4:6], *codes[2:4]]
    for odd in ("x", f"{'0' * 32}-yesterday", f"{'0' * 32}-2026-01-01T00:00:00"):
        assert desk.get(f"/admin/holds?page=4&after={odd}").status_code == 422


@atomic
def expire_at(code: str, moment: datetime) -> None:
    db.session.execute(update(Order).where(Order.code == code).values(hold_expires_at=moment))


def linked(page: str, way: str) -> str:
    """Return the address of the page before or after this one, '' for none."""
    found = re.search(rf'<a href="([^"]+)" rel="{way}"', page)
    return html.unescape(found[1]) if found else ""


def test_cancelling_the_order_lets_go(desk: ShopClient, tea: Sold) -> None:
    order = fresh(placed_order(sku="TEA-1", quantity=3))
    assert counters(tea) == (10, 3)
    fields = {"version": str(order.version), "reason": "The shop released the reservation"}
    assert post(desk, f"/admin/orders/{order.code}/cancellation", fields).status_code == 303
    assert counters(tea) == (10, 0)
    assert order.code not in desk.get("/admin/holds").text


def test_who_may_not_cancel_sees_no_button(signed_in: SignedIn, tea: Sold) -> None:
    placed_order(sku="TEA-1", quantity=3)
    assert "Cancel order" not in signed_in("readonly").get("/admin/holds").text


def test_charlie_sees_none_of_it(signed_in: SignedIn, tea: Sold, other_shop: Shop) -> None:
    placed_order(sku="TEA-1", quantity=3)
    assert "ORD-" not in signed_in("owner", shop=other_shop).get("/admin/holds").text
