"""A typed client generated from the OpenAPI document passes mypy and can place an order."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from mypy import api as mypy

from commerce.api.openapi.document import make_document
from commerce.tenants.models import Shop
from tests.factories.api_clients import make_program
from tests.factories.shop import counters, make_product
from tests.factories.typed_client import write_client
from tests.support.server import LiveServer

PURCHASE = '''
from shop_client import Address, CartDetails, Client, OrderOut, ProblemError

HOME: Address = {
    "street": "20 W 34th St", "city": "New York", "region": "NY", "postalCode": "10001", "country": "US"
}
ALICE: CartDetails = {
    "email": "alice@example.com", "name": "Alice", "shippingAddress": HOME, "paymentMethod": "bank_transfer",
    "shippingMethod": "parcel"
}


def buy(shop: Client, code: str) -> OrderOut:
    """Fill a cart, order it, book its money, send it, and read what became of it."""
    found = shop.list_all_products(limit=1)
    price = found["items"][0]["attributes"]["price"]
    cart_id: str = shop.create_cart({"items": [{"productCode": code, "quantity": 2, "price": price}]})["cartId"]
    cart = shop.save_cart_details(cart_id, ALICE)
    assert cart["quote"] is not None
    total: float = cart["quote"]["total"]
    for _ in range(2):
        order = shop.order_cart(
            cart_id, {"total": total, "version": cart["version"]}, idempotency_key="one-purchase-of-alice"
        )
    shop.change_order_status(order["code"], {"status": "paid", "version": order["version"]})
    shop.change_order_status(order["code"], {"status": "processing"})
    shop.send_shipment(order["code"], {"carrier": "Post", "trackingCode": "4711"}, idempotency_key="its-parcel-0004711")
    seen = shop.get_one_order(order["code"])
    assert seen["attributes"]["total"] == total
    return seen


def refused(shop: Client, code: str) -> str:
    """Order more than there is, and return what the shop says to that."""
    try:
        shop.create_order(
            {"items": [{"productCode": code, "quantity": 9}], "shippingAddress": HOME, "paymentMethod": "cash"},
            idempotency_key="more-than-there-is",
        )
    except ProblemError as problem:
        return problem.problem["code"]
    return "nothing"
'''
MISTAKES = """
from shop_client import Client


def slip(shop: Client) -> int:
    shop.create_order({"email": "ann@example.com"}, idempotency_key="x")
    shop.create_order({"items": [{"quantity": "2"}], "shippingAddress": {"street": "x", "country": "US"}})
    return shop.get_one_order("ORD-1")["versoin"]
"""


@pytest.fixture
def written(app: Flask, tmp_path: Path) -> Path:
    with app.test_request_context("/"):
        (tmp_path / "shop_client.py").write_text(write_client(make_document()))
    (tmp_path / "purchase.py").write_text(PURCHASE)
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    return tmp_path


@pytest.fixture
def module(written: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(written)
    spec = importlib.util.spec_from_file_location("purchase", written / "purchase.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_passes_mypy_and_misspelled_fields_do_not(written: Path) -> None:
    files = [str(written / name) for name in ("shop_client.py", "purchase.py", "mistakes.py")]
    said, complaints, _code = mypy.run(["--strict", "--no-error-summary", "--show-error-codes", *files])
    assert complaints == ""
    slips = [line for line in said.splitlines() if ": error:" in line]
    assert {line.partition(":")[0].rpartition("/")[2] for line in slips} == {"mistakes.py"}, said
    assert len({line.split(":")[1] for line in slips}) == 3, "each of the three lines has a slip"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_order_can_be_placed_with_it(
    app: Flask, in_shop: Shop, module: Any, live_server: Callable[..., LiveServer]
) -> None:
    mouse = make_product("Wireless Mouse", price=2999, sku="PRD-001", stock=10)
    key = make_program(app).key
    shop = module.Client(live_server().address, key)
    order = module.buy(shop, "PRD-001")
    assert order["attributes"]["status"] == "shipped"
    assert order["attributes"]["items"][0]["shipped"] == 2
    assert counters(mouse) == (8, 0)
    assert module.refused(shop, "PRD-001") == "out_of_stock"
