"""The pages on which staff prepare an order for a customer."""

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from commerce.cart.models import Cart
from commerce.db import db
from commerce.order_management.drafts import get_draft, list_drafts
from commerce.orders.models import Order
from commerce.orders.queries import get_order_by_code
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, form_on
from tests.factories.checkout import ADDRESS
from tests.factories.shop import Sold, counters, make_product, set_price
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.invariants import broken_invariants

ANN = {
    "email": "ann@example.com",
    "name": "Ann Buyer",
    "shipping_method": "parcel",
    "payment_method": "bank_transfer",
    **{name: text for name, text in ADDRESS.items() if text},
}


def begin(client: ShopClient) -> str:
    """Press "New order" and return the address of the draft."""
    answer = post(client, "/admin/drafts")
    assert answer.status_code == 303
    return str(answer.location)


def press(client: ShopClient, path: str, *, htmx: bool = False, **changes: Any) -> Any:
    """Send the form of a draft as its page shows it, with changes."""
    answer = client.get(path)
    assert answer.status_code == 200
    return post(client, path, changed(answer.text, path, **changes), htmx=htmx)


def filled(client: ShopClient, *lines: tuple[Sold, int]) -> str:
    """Prepare an order that could be placed."""
    path = begin(client)
    for sold, count in lines:
        assert press(client, path, add=str(sold.variant_id)).status_code == 303
        [(name, _text)] = [
            (key, text)
            for key, text in form_on(client.get(path).text, path).items()
            if key.startswith("units-")
        ][-1:]
        assert press(client, path, **{name: str(count)}).status_code == 303
    assert press(client, path, **ANN, do="save").status_code == 303
    return path


def orders() -> int:
    return int(db.session.scalar(select(func.count()).select_from(Order)) or 0)


def test_an_order_is_prepared_and_placed(desk: ShopClient, in_shop: Shop) -> None:
    tea = make_product("Green tea", price=1000, stock=9)
    path = begin(desk)
    found = press(desk, path, q="green", do="search")
    assert found.location == f"{path}?q=green"
    page = desk.get(found.location).text
    assert "9 available" in page
    assert press(desk, path, add=str(tea.variant_id)).status_code == 303
    assert press(desk, path, **ANN, do="save").status_code == 303
    listed = desk.get("/admin/drafts").text
    assert "Ann Buyer" in listed
    assert path in listed
    page = desk.get(path).text
    assert "$15.00" in page
    assert counters(tea) == (9, 0)
    placed = press(desk, path, do="place")
    assert placed.status_code == 303
    order = get_order_by_code(placed.location.rsplit("/", 1)[1])
    assert (order.email, order.total, order.status) == ("ann@example.com", 1500, "pending")
    assert counters(tea) == (9, 1)
    assert order.code in desk.get(placed.location).text
    assert desk.get(path).location == placed.location
    assert "Ann Buyer" not in desk.get("/admin/drafts").text
    assert broken_invariants() == []


def test_a_second_click_lands_on_the_same_order(desk: ShopClient, in_shop: Shop) -> None:
    tea = make_product(stock=9)
    path = filled(desk, (tea, 2))
    sent = changed(desk.get(path).text, path, do="place")
    first, second = post(desk, path, sent), post(desk, path, sent)
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert (orders(), counters(tea)) == (1, (9, 2))
    htmx = post(desk, path, sent, htmx=True)
    assert (htmx.status_code, htmx.headers["HX-Redirect"]) == (200, first.location)


def test_what_is_missing_is_said_at_its_field_and_nothing_is_lost(desk: ShopClient, in_shop: Shop) -> None:
    tea = make_product(stock=9)
    path = begin(desk)
    press(desk, path, add=str(tea.variant_id))
    answer = press(desk, path, do="place", name="Ann Buyer", email="nonsense", note="Rings twice")
    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert 'href="#street_address"' in answer.text
    assert 'value="Ann Buyer"' in answer.text
    cart = get_draft(uuid.UUID(path.rsplit("/", 1)[1])).cart
    assert cart is not None
    assert cart.details.note == "Rings twice", "it is kept although it cannot be placed"
    assert orders() == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"discount_amount": "-1"}, "discount_amount"),
        ({"discount_amount": "x"}, "discount_amount"),
        ({"discount_percent": "101"}, "discount_percent"),
        ({"discount_amount": "1", "discount_percent": "1"}, "discount_percent"),
        ({"version": "x"}, "version"),
    ],
)
def test_what_makes_no_sense_is_refused(
    desk: ShopClient, in_shop: Shop, changes: dict[str, str], field: str
) -> None:
    path = begin(desk)
    answer = press(desk, path, **changes)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text


@pytest.mark.parametrize("sign", ["\x00", "\x1b\ud800\uffff'<b>٣"])
def test_odd_signs_are_no_trouble_anywhere(desk: ShopClient, in_shop: Shop, sign: str) -> None:
    path = filled(desk, (make_product(stock=9), 1))
    [units] = [key for key in form_on(desk.get(path).text, path) if key.startswith("units-")]
    fields = (
        "name",
        "email",
        "note",
        "city",
        "country_code",
        "shipping_method",
        "payment_method",
        "q",
        "add",
    )
    odd = f"x{sign}".encode("utf-8", "surrogatepass")
    for name in (
        *fields,
        "remove",
        "do",
        "discount_amount",
        "discount_label",
        "version",
        "shown_total",
        units,
    ):
        answer = press(desk, path, **{name: odd})
        assert answer.status_code in (303, 422), (name, answer.status_code)
        assert desk.get(path, query_string={"q": odd}).status_code == 200


def test_units_and_discount_change_the_total_that_is_shown(desk: ShopClient, in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=3)
    path = filled(desk, (tea, 2))
    [name] = [key for key in form_on(desk.get(path).text, path) if key.startswith("units-")]
    typed = {name: "5", "discount_percent": "10", "discount_label": "Old friend"}
    shown = press(desk, path, htmx=True, do="look", **typed)
    assert shown.status_code == 200
    assert "<html" not in shown.text
    assert "not enough stock" in shown.text
    assert re.search(r"<dt>Old friend</dt>\s*<dd>\s*<span class=\"price\">−\$5\.00", shown.text)
    assert "$50.00" in shown.text
    assert 'value="2"' in desk.get(path).text, "looking keeps nothing"
    sent = changed(desk.get(path).text, path, do="place", shown_total="5000", **typed)
    short = post(desk, path, sent)
    assert short.status_code == 422
    assert "5 requested, 3 available" in short.text
    assert press(desk, path, **{name: "x"}).status_code == 422
    assert press(desk, path, remove=name.removeprefix("units-")).status_code == 303
    assert "No products yet." in desk.get(path).text
    assert press(desk, path, do="place").status_code == 422
    assert orders() == 0


def test_a_price_that_changed_meanwhile_is_shown_before_it_is_ordered(
    desk: ShopClient, in_shop: Shop
) -> None:
    tea = make_product(price=1000, stock=9)
    path = filled(desk, (tea, 1))
    sent = changed(desk.get(path).text, path, do="place")
    set_price(tea, 2000)
    answer = post(desk, path, sent)
    assert answer.status_code == 409
    assert "$25.00" in answer.text
    assert orders() == 0
    assert post(desk, path, changed(answer.text, path, do="place")).status_code == 303


def test_of_two_who_prepare_the_same_order_the_second_is_reported(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop
) -> None:
    path = begin(desk)
    sent = changed(desk.get(path).text, path, name="Ann of Bob")
    assert press(signed_in("support"), path, name="Ann of Sue").status_code == 303
    answer = post(desk, path, sent)
    assert answer.status_code == 409
    assert 'value="Ann of Bob"' in answer.text, "what was typed is not lost"
    assert post(desk, path, changed(answer.text, path)).status_code == 303


def test_a_draft_is_deleted(desk: ShopClient, in_shop: Shop) -> None:
    path = filled(desk, (make_product(stock=9), 1))
    assert post(desk, f"{path}/deletion").location == "/admin/drafts"
    assert desk.get(path).status_code == 404
    assert db.session.scalar(select(func.count()).select_from(Cart)) == 0


@pytest.mark.parametrize("role", ["fulfilment", "readonly"])
def test_who_may_not_prepare_orders_changes_nothing(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, role: str
) -> None:
    path = begin(desk)
    client = signed_in(role)
    assert client.get("/admin/drafts").status_code == client.get(path).status_code == 403
    assert "/admin/drafts" not in client.get("/admin/orders").text
    for address in ("/admin/drafts", path, f"{path}/deletion"):
        assert post(client, address, {"version": "1"}).status_code == 403
    assert len(list_drafts()) == 1


def test_charlie_finds_no_draft_of_alices_shop(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    path = begin(desk)
    charlie = signed_in("owner", name="Charlie", shop=other_shop)
    assert path not in charlie.get("/admin/drafts").text
    assert charlie.get(path).status_code == 404
    for address in (path, f"{path}/deletion"):
        assert post(charlie, address, {"version": "1"}).status_code == 404
    with shop_scope(in_shop):
        assert len(list_drafts()) == 1
