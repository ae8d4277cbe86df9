"""One field finds orders, products, customers and pages, from every page of the back office."""

import pytest

from commerce.catalog.search import index_products
from commerce.db import atomic
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.factories.orders import placed_order
from tests.factories.shop import make_product
from tests.support.client import ShopClient
from tests.support.statements import count_statements


def found(desk: ShopClient, search: str) -> str:
    answer = desk.get("/admin/search", query_string={"q": search})
    assert answer.status_code == 200
    return answer.text.partition('<main id="main"')[2]


def test_each_kind_of_thing_is_found(desk: ShopClient, in_shop: Shop) -> None:
    tea = make_product("Bergamot tea", sku="TEA-1", stock=100)
    atomic(index_products)([tea.product_id])
    placed_order(name="Ingrid Bergman", email="ingrid@mail.test")
    page = found(desk, "berg")
    assert '<a href="/admin/orders/ORD-000001">ORD-000001</a>' in page
    assert '<a href="/admin/products/bergamot-tea">Bergamot tea</a>' in page
    assert '<a href="/admin/customers/ORD-000001">Ingrid Bergman</a>' in page
    assert '<a href="/admin/settings/hosts">Domains</a>' in found(desk, "domains")
    assert "Nothing matches “nonsense”." in found(desk, "nonsense")
    assert "Search orders, products" in found(desk, "")


def test_the_code_of_an_order_leads_to_it_and_its_number_shows_it_first(
    desk: ShopClient, in_shop: Shop
) -> None:
    make_product(sku="TEA-1", stock=100)
    for _ in range(14):
        placed_order(quantity=1, shipping_address={"line1": "Street 3", "country_code": "DE"})
    answer = desk.get("/admin/search?q=ord-000012")
    assert (answer.status_code, answer.location) == (303, "/admin/orders/ORD-000012")
    for number in ("12", "000012"):
        assert "ORD-000012" in found(desk, number)
        assert "ORD-000011" not in found(desk, number)
    page = found(desk, "3")
    assert page.index("ORD-000003") < page.index("ORD-000014"), "streets have a 3, too"
    assert "All orders that match" in page


@pytest.mark.parametrize(
    "search", ["%", "\x00", "'; DROP TABLE orders; --", '" OR "', "x" * 5000, "9" * 60, "ORD-"]
)
def test_any_text_may_be_searched_for(desk: ShopClient, in_shop: Shop, search: str) -> None:
    found(desk, search)


def test_nothing_of_another_shop_or_of_closed_pages_is_found(
    signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    with shop_scope(other_shop):
        make_product("Bergamot kite", sku="KITE-1", stock=100)
        placed_order(sku="KITE-1", name="Ingrid Bergman")
    assert "Nothing matches" in found(signed_in("owner"), "berg")
    assert "/admin/staff" in found(signed_in("owner"), "staff")
    assert "/admin/staff" not in found(signed_in("support"), "staff")
    make_product("Cup", sku="TEA-1", stock=100)
    placed_order(name="Zoe Adams", email="zoe@mail.test")
    assert "/admin/customers/" not in found(signed_in("fulfilment"), "zoe")


def test_a_search_takes_few_statements(desk: ShopClient, in_shop: Shop) -> None:
    make_product("Bergamot tea", sku="TEA-1", stock=100)
    for _ in range(9):
        placed_order(quantity=1, name="Ingrid Bergman")
    found(desk, "berg")
    with count_statements() as statements:
        found(desk, "berg")
    # PostgreSQL is told what is looked for before each of three statements.
    assert len(statements) <= 10
