"""Customers in the back office: what they ordered and spent, and a new order for one of them."""

import re

from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.members import make_member
from tests.factories.orders import order_in, placed_order
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.statements import count_statements

ADDRESS = {"street_address": "Hauptstr. 5", "city": "Berlin", "postal_code": "10115", "country_code": "DE"}


def test_the_list_shows_what_each_spent(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100, price=1000)
    paid = order_in("delivered", name="Zoe Adams", email="zoe@mail.test")
    order_in("pending", name="Zoe Adams", email="Zoe@mail.test")
    order_in("refunded", name="Gone Girl", email="gone@mail.test")
    make_member("mary@example.com", "Mary Member")
    page = desk.get("/admin/customers").text
    rows = re.findall(r'<tr>\s*<td class="tick-cell">.*?</tr>', page, re.DOTALL)
    found = {}
    for row in rows:
        email = re.search(r">([^<]+@[^<]+)</a>", row)
        assert email
        found[email[1]] = re.findall(r'class="num">([^<]+)<', row)
    assert found["zoe@mail.test"] == ["2", f"${paid.total / 100:.2f}"]
    assert found["gone@mail.test"][1] == "$0.00", "what went back was not spent"
    assert found["mary@example.com"] == ["0", "$0.00"]


def emails(page: str) -> list[str]:
    return re.findall(r'<th scope="row"[^>]*><a [^>]*>([^<]+@[^<]+)</a>', page)


def test_each_guest_is_listed_once_at_their_newest_order(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100, price=1000)
    order_in("delivered", name="Zoe Adams", email="zoe@mail.test")
    order_in("delivered", name="Ben Brown", email="ben@mail.test")
    order_in("delivered", name="Nobody", email="")
    newest = order_in("pending", name="Zoe Brown", email="ZOE@mail.test")
    page = desk.get("/admin/customers").text
    assert emails(page) == ["zoe@mail.test", "ben@mail.test"]
    assert f"/admin/customers/{newest.code}" in page
    assert "Zoe Brown" in page, "they are called as in their newest order"


def test_guests_are_found_by_their_address_and_by_a_part_of_their_name(
    desk: ShopClient, in_shop: Shop
) -> None:
    make_product(sku="TEA-1", stock=100, price=1000)
    order_in("delivered", name="Zoe Bergman", email="zoe@mail.test", shipping_address=ADDRESS)
    order_in("delivered", name="Ben Brown", email="ben@mail.test")
    for search in ("zoe@mail", "ERGM", "Zoe B", "zoe"):
        assert emails(desk.get("/admin/customers", query_string={"q": search}).text) == ["zoe@mail.test"], (
            search
        )
    for search in ("Hauptstr", "tea-1", "mail.test", "%", "'", "_"):
        assert emails(desk.get("/admin/customers", query_string={"q": search}).text) == [], search


def test_a_list_of_customers_takes_the_same_statements_however_many_orders_there_are(
    desk: ShopClient, in_shop: Shop
) -> None:
    make_product(sku="TEA-1", stock=100, price=1000)
    desk.get("/admin/customers")
    counts = []
    for number in range(3):
        placed_order(name="Zoe Adams", email=f"zoe{number}@mail.test")
        placed_order(name="Zoe Adams", email="zoe@mail.test")
        with count_statements() as statements:
            assert len(emails(desk.get("/admin/customers?q=zoe").text)) == number + 2
        counts.append(len(statements))
    assert len(set(counts)) == 1
    assert counts[0] <= 11, "with what the filters offer, and the tags of who is listed"


def test_guests_of_another_shop_are_not_listed(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    make_product(sku="TEA-1", stock=100, price=1000)
    placed_order(name="Zoe Adams", email="zoe@mail.test")
    charlie = signed_in("owner", shop=other_shop)
    for address in ("/admin/customers", "/admin/customers?q=zoe"):
        assert emails(desk.get(address).text) == ["zoe@mail.test"]
        assert emails(charlie.get(address).text) == []


def test_a_customer_has_figures_and_the_addresses_of_their_orders(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100, price=1000)
    order = order_in("delivered", name="Zoe Adams", email="zoe@mail.test", shipping_address=ADDRESS)
    page = desk.get(f"/admin/customers/{order.code}").text
    assert f"<dt>Spent</dt><dd>${order.total / 100:.2f}</dd>" in page
    assert "Hauptstr. 5" in page


def test_a_new_order_begins_with_what_is_known_of_the_customer(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100)
    order = order_in("delivered", name="Zoe Adams", email="zoe@mail.test", shipping_address=ADDRESS)
    made = [post(desk, f"/admin/customers/{order.code}/draft", {}).location for _ in range(2)]
    assert made[0] != made[1], "a draft for one customer is not taken for another one"
    page = desk.get(made[0]).text
    for known in ("zoe@mail.test", "Zoe Adams", "Hauptstr. 5", "10115"):
        assert known in page, known


def test_who_may_not_begins_nothing(signed_in: SignedIn, in_shop: Shop, other_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100)
    placed_order(name="Zoe Adams", email="zoe@mail.test")
    for role in ("fulfilment", "readonly"):
        assert post(signed_in(role), "/admin/customers/ORD-000001/draft", {}).status_code == 403
    charlie = signed_in("owner", shop=other_shop)
    assert post(charlie, "/admin/customers/ORD-000001/draft", {}).status_code == 404
