"""Customers in the back office: what they ordered and spent, and a new order for one of them."""

import re

from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.members import make_member
from tests.factories.orders import order_in, placed_order
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.support.client import ShopClient

ADDRESS = {"street_address": "Hauptstr. 5", "city": "Berlin", "postal_code": "10115", "country_code": "DE"}


def test_the_list_shows_what_each_spent(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100, price=1000)
    paid = order_in("delivered", name="Zoe Adams", email="zoe@mail.test")
    order_in("pending", name="Zoe Adams", email="Zoe@mail.test")
    order_in("refunded", name="Gone Girl", email="gone@mail.test")
    make_member("mary@example.com", "Mary Member")
    page = desk.get("/admin/customers").text
    rows = re.findall(r'<tr>\s*<th scope="row".*?</tr>', page, re.DOTALL)
    found = {}
    for row in rows:
        email = re.search(r">([^<]+@[^<]+)</a>", row)
        assert email
        found[email[1]] = re.findall(r'class="num">([^<]+)<', row)
    assert found["zoe@mail.test"] == ["2", f"${paid.total / 100:.2f}"]
    assert found["gone@mail.test"][1] == "$0.00", "what went back was not spent"
    assert found["mary@example.com"] == ["0", "$0.00"]


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
