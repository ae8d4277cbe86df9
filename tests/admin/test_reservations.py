"""What is held for orders that wait for their money, and letting go of it."""

import pytest

from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.orders import fresh, order_in, placed_order
from tests.factories.shop import Sold, counters, make_product
from tests.factories.staff import post
from tests.support.client import ShopClient


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
