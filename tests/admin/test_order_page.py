"""The page of one order: everything that is known of it, in one place."""

import pytest

from commerce.db import atomic
from commerce.event_handlers import make_relay
from commerce.orders.services import lock_order
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.support.client import ShopClient
from tests.support.statements import count_statements


def test_lines_money_address_and_stock_are_shown(desk: ShopClient, in_shop: Shop) -> None:
    make_product("Green tea", sku="TEA-1", stock=10, price=1250, options={"Size": "100 g"})
    order = order_in("shipped", note="Ring <twice>", phone="+1 555 0100")
    page = desk.get(f"/admin/orders/{order.code}")
    assert page.status_code == 200
    for words in (
        "Green tea",
        "100 g",
        "TEA-1",
        "$12.50",
        "$25.00",
        "$5.00",
        "$30.00",
        "Ann Buyer",
        "ann@buyer.test",
        "+1 555 0100",
        "Springfield, IL 62701",
        "United States",
        "Ring &lt;twice&gt;",
        "Deducted",
        "2 × TEA-1 left the stock: shipped",
        "Captured",
        "Parcel 1",
    ):
        assert words in page.text, words


def test_the_history_tells_who_why_and_from_where_to_where(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("cancelled")
    history = desk.get(f"/admin/orders/{order.code}").text.split('id="history-title"')[1]
    for words in (
        "Bob canceled the order",
        "pending → cancelled",
        "Changed my mind",
        "Bob (staff)",
        "request-of-bob",
        "(guest)",
    ):
        assert words in history
    assert history.index("canceled the order") < history.index("placed the order"), "newest first"


def test_the_history_tells_what_became_of_the_mails(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    assert make_relay().run_until_idle() > 0
    history = desk.get(f"/admin/orders/{order.code}").text.split('id="history-title"')[1]
    assert 'badge--good">done</span> mail order confirmation' in history


def test_what_needs_a_look_is_said(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("paid")

    @atomic
    def flag() -> None:
        lock_order(order.id).attention = "Money <does> not match"

    flag()
    assert "Money &lt;does&gt; not match" in desk.get(f"/admin/orders/{order.code}").text


def test_a_role_that_may_only_look_sees_no_forms(signed_in: SignedIn, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    page = signed_in("readonly").get(f"/admin/orders/{order.code}").text
    assert f'action="/admin/orders/{order.code}/' not in page
    assert "Only owner, manager, and support can do this." in page


@pytest.mark.parametrize("code", ["ORD-999999", "nonsense", "x" * 500, "%00", "ORD-1%27", "%ff"])
def test_what_is_no_order_is_not_found(desk: ShopClient, in_shop: Shop, code: str) -> None:
    assert desk.get(f"/admin/orders/{code}").status_code == 404


def test_the_page_takes_a_fixed_number_of_statements(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100)
    order = order_in("completed")
    make_relay().run_until_idle()
    # The first page after a change of the shop or its products reads the shop again.
    desk.get(f"/admin/orders/{order.code}")
    with count_statements() as statements:
        assert desk.get(f"/admin/orders/{order.code}").status_code == 200
    assert len(statements) <= 17
