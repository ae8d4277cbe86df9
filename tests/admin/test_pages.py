"""Every page of the back office is sound HTML, with one heading, labelled fields and no id twice."""

import re

import html5lib
import pytest

from commerce.orders.transitions import STATUSES
from commerce.tenants.models import Shop
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.support.client import ShopClient

PAGES = [
    "/admin/orders",
    "/admin/orders?status=paid&q=%3Cb%3E%22",
    "/admin/events",
    "/admin/stock",
    "/admin/stock?show=held",
    "/admin/stock/TEA-1",
    "/admin/products",
    "/admin/products/green-tea",
    "/admin/products/green-tea/options",
    "/admin/new-product",
    "/admin/pricing/promotions",
    "/admin/pricing/promotions/new",
    "/admin/pricing/coupons",
    "/admin/pricing/taxes",
    "/admin/pricing/taxes/new",
    "/admin/pricing/shipping",
    "/admin/pricing/shipping/new",
    "/admin/pricing/payment-methods",
    "/admin/pricing/payment-methods/bank_transfer",
    "/admin/pricing/payment-methods/new/stripe",
    "/admin/pricing/preview?q=tea",
    "/admin/pricing/preview?sku=TEA-1&quantity=2&sku=&quantity=",
]


def check(html: str) -> None:
    """Raise for anything that the HTML standard calls a parse error, and for what a screen reader stumbles over."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    assert len(tree.findall(".//h1")) == 1
    ids = [element.get("id") for element in tree.iter() if isinstance(element.tag, str) and element.get("id")]
    assert len(ids) == len(set(ids)), sorted({each for each in ids if ids.count(each) > 1})
    labelled = {label.get("for") for label in tree.iter("label")}
    inside = {id(field) for label in tree.iter("label") for field in label.iter("input")}
    for field in [*tree.iter("input"), *tree.iter("select"), *tree.iter("textarea")]:
        if field.get("type") != "hidden":
            named = field.get("id") in labelled or id(field) in inside or field.get("aria-label")
            assert named, field.attrib
    for name in ("aria-describedby", "aria-labelledby"):
        for element in tree.iter():
            if isinstance(element.tag, str) and element.get(name):
                assert set(element.get(name).split()) <= set(ids), element.attrib
    assert not re.search(r"<[^>]+\sstyle=", html)


@pytest.fixture(autouse=True)
def goods(in_shop: Shop) -> None:
    make_product("Green tea", sku="TEA-1", stock=100, options={"Size": "100 g"})


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_sound(desk: ShopClient, path: str) -> None:
    order_in("pending")
    page = desk.get(path)
    assert page.status_code == 200
    check(page.text)


@pytest.mark.parametrize("status", STATUSES)
def test_an_order_is_sound_in_every_status(desk: ShopClient, status: str) -> None:
    check(desk.get(f"/admin/orders/{order_in(status).code}").text)


def test_sign_in_is_sound_and_so_is_its_refusal(client: ShopClient) -> None:
    check(client.get("/admin/sign-in").text)
    check(post_sign_in(client))


def post_sign_in(client: ShopClient) -> str:
    from tests.factories.staff import sign_in

    return str(sign_in(client, "", "").text)


def test_refusals_are_sound(desk: ShopClient) -> None:
    order = order_in("confirmed")
    stale = {"version": "1", "reason": "x"}
    check(post(desk, f"/admin/orders/{order.code}/cancellation", stale).text)
    check(post(desk, f"/admin/orders/{order.code}/cancellation", {"version": str(order.version)}).text)
    check(post(desk, "/admin/products/green-tea", {"title": "", "version": "1"}).text)
    check(desk.get("/admin/orders/ORD-999999").text)
