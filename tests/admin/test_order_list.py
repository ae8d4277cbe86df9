"""The list of orders: newest first, by status and search, page by page."""

import re
from datetime import timedelta

import pytest

from commerce import clock
from commerce.db import atomic
from commerce.orders.queries import count_by_status
from commerce.orders.services import lock_order
from commerce.orders.transitions import STATUSES
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.factories.orders import order_in, placed_order
from tests.factories.shop import make_product
from tests.support.client import ShopClient
from tests.support.statements import count_statements


def codes(html: str) -> list[str]:
    return re.findall(r'<a href="/admin/orders/(ORD-\d+)">', html)


def tabs(html: str) -> dict[str, int]:
    found = re.findall(r'>([A-Z][a-z ]+) <span class="tabs__count">(\d+)</span>', html)
    return {name: int(count) for name, count in found}


def test_an_empty_shop_says_that_there_are_no_orders(desk: ShopClient) -> None:
    page = desk.get("/admin/orders")
    assert page.status_code == 200
    assert "No orders yet" in page.text


def test_the_home_page_leads_to_the_orders(desk: ShopClient) -> None:
    answer = desk.get("/admin/")
    assert (answer.status_code, answer.location) == (303, "/admin/orders")


def test_every_status_has_a_tab_with_its_count(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100)
    for status in ("pending", "shipped", "shipped", "refunded"):
        order_in(status)
    page = desk.get("/admin/orders").text
    assert tabs(page) == {
        "All": 4,
        **{status.replace("_", " ").capitalize(): count for status, count in count_by_status().items()},
    }
    assert codes(page) == ["ORD-000004", "ORD-000003", "ORD-000002", "ORD-000001"]
    for status in STATUSES:
        listed = codes(desk.get(f"/admin/orders?status={status}").text)
        expected = {
            "pending": ["ORD-000001"],
            "shipped": ["ORD-000003", "ORD-000002"],
            "refunded": ["ORD-000004"],
        }
        assert listed == expected.get(status, [])
    assert codes(desk.get("/admin/orders?status=nonsense").text) == codes(page)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ord-000002", ["ORD-000002"]),
        ("ORD-00000", ["ORD-000003", "ORD-000002", "ORD-000001"]),
        ("zoe@", ["ORD-000001"]),
        ("Berg", ["ORD-000002"]),
        ("100%", ["ORD-000003"]),
        ("_", []),
        ("%", ["ORD-000003"]),
        ("\x00", ["ORD-000003", "ORD-000002", "ORD-000001"]),
        ("'; DROP TABLE orders; --", []),
        ("x" * 5000, []),
    ],
)
def test_search_finds_codes_addresses_and_names(
    desk: ShopClient, in_shop: Shop, search: str, found: list[str]
) -> None:
    make_product(sku="TEA-1", stock=100)
    placed_order(name="Zoe Adams", email="zoe@mail.test")
    placed_order(name="Ingrid Bergman", email="ingrid@mail.test")
    placed_order(name="Mr 100% Cotton", email="cotton@mail.test")
    page = desk.get("/admin/orders", query_string={"q": search})
    assert page.status_code == 200
    assert codes(page.text) == found


def test_pages_go_on_by_position_and_miss_nothing_that_was_placed_in_the_same_moment(
    desk: ShopClient, in_shop: Shop
) -> None:
    make_product(sku="TEA-1", stock=1000)
    moment = clock.now()
    for number in range(60):
        placed_order(quantity=1, placed_at=moment - timedelta(seconds=number // 30))
    seen, address = [], "/admin/orders?q=ann"
    for _ in range(3):
        page = desk.get(address).text
        seen.append(codes(page))
        placed_order(quantity=1)  # a new order pushes nobody from one page to the next
        older = re.search(r'href="([^"]+)" rel="next"', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert [len(each) for each in seen] == [25, 25, 10]
    assert address == ""
    assert len({code for page in seen for code in page}) == 60


@pytest.mark.parametrize(
    "before",
    [
        "x",
        "1",
        "1-",
        "1-zz",
        "9" * 30 + "-" + "0" * 32,
        "-5-" + "0" * 32,
        "1-" + "0" * 33,
        "\x00",
        "1-" + "O" * 32,
    ],
)
def test_a_position_that_is_invalid_is_refused(desk: ShopClient, in_shop: Shop, before: str) -> None:
    assert desk.get("/admin/orders", query_string={"before": before}).status_code == 422


def test_a_position_far_away_is_an_empty_page(desk: ShopClient, in_shop: Shop) -> None:
    assert desk.get(f"/admin/orders?before={'9' * 17}-{'0' * 32}").status_code == 200
    assert desk.get(f"/admin/orders?before=0-{'0' * 32}").status_code == 200


def test_htmx_gets_the_list_alone(desk: ShopClient, in_shop: Shop) -> None:
    answer = desk.get("/admin/orders?status=paid&q=zoe", headers={"HX-Request": "true"})
    assert answer.text.lstrip().startswith('<div id="orders"')
    assert "<html" not in answer.text
    # The search field is outside of the list, so the list tells it which status is chosen.
    assert '<input type="hidden" name="status" value="paid" form="search">' in answer.text


def test_an_order_that_needs_a_look_is_flagged(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100)
    order = order_in("paid")

    @atomic
    def flag() -> None:
        lock_order(order.id).attention = "Money does not match"

    flag()
    assert "Needs attention" in desk.get("/admin/orders").text


def test_the_list_takes_as_many_statements_for_one_order_as_for_many(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100)
    counts = []
    for number in (1, 20):
        for _ in range(number):
            placed_order(quantity=1)
        with count_statements() as statements:
            desk.get("/admin/orders")
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 5


def test_each_shop_sees_its_own(signed_in: SignedIn, in_shop: Shop, other_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100)
    order_in("paid", name="Alice's Customer")
    with shop_scope(other_shop):
        make_product(sku="KITE-1", stock=100)
        order_in("paid", sku="KITE-1", name="Charlie's Customer")
    hers, his = signed_in().get("/admin/orders").text, signed_in(shop=other_shop).get("/admin/orders").text
    assert "Alice&#39;s Customer" in hers
    assert "Charlie&#39;s Customer" not in hers
    assert "Charlie&#39;s Customer" in his
    assert "Alice&#39;s Customer" not in his
    assert tabs(his)["All"] == 1
