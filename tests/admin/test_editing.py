"""The pages on which staff change a placed order: fields, preview, change."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from commerce.checkout.addresses import FIELDS
from commerce.db import db
from commerce.orders.models import Order
from commerce.orders.services import change_status
from commerce.payments.models import Refund
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed
from tests.factories.checkout import ADDRESS, make_order
from tests.factories.orders import BOB, fresh, order_in
from tests.factories.pricing import make_coupon, rules_of_now, used
from tests.factories.shop import Sold, change_stock, counters, make_product
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.invariants import broken_invariants


def bought(*lines: tuple[Sold, int]) -> Order:
    """Return a confirmed order."""
    placed = make_order(*lines)
    record_receipt(placed.id, BOB)
    return fresh(placed.id)


def page_of(order: Order) -> str:
    return f"/admin/orders/{order.code}/edit"


def preview(client: ShopClient, order: Order, **changes: Any) -> Any:
    """Fill in the page and ask what it would come to."""
    path = page_of(order)
    answer = client.get(path)
    assert answer.status_code == 200
    return post(client, path, changed(answer.text, path, do="preview", **changes))


def confirm(client: ShopClient, order: Order, shown: Any, **changes: Any) -> Any:
    """Press the button of a preview."""
    path = page_of(order)
    return post(client, path, changed(shown.text, path, do="confirm", **changes))


def units(order: Order, *quantities: int) -> dict[str, str]:
    return {f"units-{line.id.hex}": str(count) for line, count in zip(order.lines, quantities, strict=True)}


def test_a_change_is_shown_before_it_is_made(desk: ShopClient, in_shop: Shop) -> None:
    tea, pot = make_product("Tea", price=1000, stock=9), make_product("Pot", price=4000, stock=9)
    order = bought((tea, 2))
    assert page_of(order) in desk.get(f"/admin/orders/{order.code}").text
    path = page_of(order)
    added = post(desk, path, changed(desk.get(path).text, path, add=str(pot.variant_id), **units(order, 1)))
    assert added.status_code == 200
    shown = post(desk, path, changed(added.text, path, do="preview"))
    assert shown.status_code == 200
    for words in (
        "1 available again",
        "1 more reserved, 9 available",
        "$55.00",
        "$30.00",
        "The customer owes",
    ):
        assert words in shown.text
    assert fresh(order.id).total == 2500, "nothing is done yet"
    back = post(desk, path, changed(shown.text, path, do="form"))
    assert 'value="1"' in back.text
    assert "Pot" in back.text
    done = confirm(desk, order, shown)
    assert (done.status_code, done.location) == (303, f"/admin/orders/{order.code}")
    now = fresh(order.id)
    assert [(line.title, line.quantity) for line in now.lines] == [("Tea", 1), ("Pot", 1)]
    assert (now.total, now.payment_status) == (5500, "unpaid")
    assert (counters(tea), counters(pot)) == ((9, 1), (9, 1))
    page = desk.get(done.location).text
    assert "Amount due: $30.00" in page
    assert "Tea (TEA): 2 → 1" in page
    assert "Payment due: $30.00" in desk.get(f"/orders/{order.token}").text
    assert broken_invariants() == []


@pytest.mark.parametrize(("tick", "refunds"), [("y", [1000]), (None, [])])
def test_what_is_left_over_goes_back_when_it_is_ticked(
    desk: ShopClient, in_shop: Shop, tick: str | None, refunds: list[int]
) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    shown = preview(desk, order, **units(order, 1))
    assert "more than the new total has been paid" in shown.text
    confirm(desk, order, shown, refund=tick)
    assert db.session.scalars(select(Refund.amount)).all() == refunds
    assert bool(fresh(order.id).attention) == (not refunds)


def test_support_may_change_orders_but_not_give_money_back(signed_in: SignedIn, in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    support = signed_in("support")
    shown = preview(support, order, **units(order, 1))
    assert 'name="refund"' not in shown.text
    assert confirm(support, order, shown, refund="y").status_code == 303
    assert db.session.scalars(select(Refund)).all() == []
    assert "more was paid" in fresh(order.id).attention


SENT = {
    "JP": {"city": "Tokyo", "postal_code": "100-0001"},
    "GB": {"city": "Reading", "country_area": "Berkshire", "postal_code": "RG1 1AA"},
    "FR": {"city": "Paris", "sorting_code": "CEDEX 08", "postal_code": "75008"},
}
"""Country -> the address of an order that an API client has placed there."""


@pytest.mark.parametrize("country", SENT)
def test_an_address_with_parts_that_no_form_shows_survives_an_edit_of_something_else(
    desk: ShopClient, in_shop: Shop, country: str
) -> None:
    tea = make_product(price=1000, stock=9)
    address = {**ADDRESS, **dict.fromkeys(FIELDS, ""), "street_address": "1 Main St", **SENT[country]}
    placed = make_order((tea, 2), address={**address, "country_code": country})
    order = fresh(placed.id)
    shown = preview(desk, order, **units(order, 1))
    assert shown.status_code == 200, shown.text
    assert confirm(desk, order, shown).status_code == 303
    assert fresh(order.id).shipping_address == {**address, "country_code": country}


def test_an_edited_address_keeps_the_parts_that_its_country_has_no_field_for(
    desk: ShopClient, in_shop: Shop
) -> None:
    tea = make_product(price=1000, stock=9)
    address = {**ADDRESS, **dict.fromkeys(FIELDS, ""), "street_address": "1 Main St", **SENT["GB"]}
    placed = make_order((tea, 2), address={**address, "country_code": "GB"})
    order = fresh(placed.id)
    assert "1 Main St\nBerkshire" in desk.get(page_of(order)).text.replace("\r\n", "\n")
    shown = preview(desk, order, postal_code="RG1 2BB")
    assert confirm(desk, order, shown).status_code == 303
    now = fresh(order.id).shipping_address
    assert (now["street_address"].split(), now["postal_code"]) == (
        ["1", "Main", "St", "Berkshire"],
        "RG1 2BB",
    )


def test_contact_address_and_discount(desk: ShopClient, in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    wish = {
        "name": "Ann Wed",
        "email": "ann@wed.test",
        "street_address": "2 Other Street",
        "discount_percent": "25",
        "discount_label": "Sorry",
    }
    shown = preview(desk, order, **wish)
    assert shown.status_code == 200
    assert confirm(desk, order, shown).status_code == 303
    now = fresh(order.id)
    assert (now.name, now.email, now.shipping_address["street_address"], now.discount_amount) == (
        "Ann Wed",
        "ann@wed.test",
        "2 Other Street",
        500,
    )
    page = desk.get(page_of(order)).text
    assert 'value="5.00"' in page
    assert 'value="Sorry"' in page


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "nonsense"}, "email"),
        ({"name": ""}, "name"),
        ({"postal_code": "1"}, "postal_code"),
        ({"discount_amount": "x"}, "discount_amount"),
        ({"shipping_method": "balloon"}, "shipping_method"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    desk: ShopClient, in_shop: Shop, changes: dict[str, str], field: str
) -> None:
    order = bought((make_product(stock=9), 2))
    answer = preview(desk, order, **changes)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert fresh(order.id).version == order.version


@pytest.mark.parametrize("text", ["x", "-1", "1000", "1.5", ""])
def test_units_that_are_invalid_are_refused(desk: ShopClient, in_shop: Shop, text: str) -> None:
    order = bought((make_product(stock=9), 2))
    [name] = units(order, 1)
    answer = preview(desk, order, **{name: text})
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
    assert "0 to 999" in answer.text


@pytest.mark.parametrize("sign", ["\x00", "\x1b\ud800\uffff'<b>٣"])
def test_odd_signs_are_no_trouble_anywhere(desk: ShopClient, in_shop: Shop, sign: str) -> None:
    order = bought((make_product(stock=9), 2))
    path = page_of(order)
    odd = f"x{sign}".encode("utf-8", "surrogatepass")
    fields = (
        "email",
        "phone",
        "city",
        "country_code",
        "shipping_method",
        "discount_label",
        "version",
        "q",
        "add",
    )
    for name in (*fields, *units(order, 1)):
        for step in ("search", "preview"):
            answer = post(desk, path, changed(desk.get(path).text, path, **{"do": step, name: odd}))
            assert answer.status_code in (200, 422), (name, answer.status_code)
    assert fresh(order.id).version == order.version


def test_nothing_is_left_and_nothing_changed_are_said(desk: ShopClient, in_shop: Shop) -> None:
    order = bought((make_product(stock=9), 2))
    assert (
        "This would remove every item. Cancel the order instead."
        in preview(desk, order, **units(order, 0)).text
    )
    same = preview(desk, order)
    assert "No changes" in same.text
    assert 'value="confirm"' not in same.text


def test_what_is_short_is_shown_in_the_preview_and_refused(desk: ShopClient, in_shop: Shop) -> None:
    tea = make_product("Tea", stock=5)
    order = bought((tea, 2))
    shown = preview(desk, order, **units(order, 9))
    assert "Tea: 7 more requested, 3 available" in shown.text
    assert 'value="confirm"' not in shown.text
    good = preview(desk, order, **units(order, 5))
    change_stock(tea, -1)
    answer = confirm(desk, order, good)
    assert answer.status_code == 422
    assert "Tea: 3 more requested, 2 available" in answer.text
    assert counters(tea) == (4, 2)


def test_a_preview_of_what_has_changed_since_changes_nothing(desk: ShopClient, in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    shown = preview(desk, order, **units(order, 4))
    change_status(order.id, "process", BOB)
    answer = confirm(desk, order, shown)
    assert answer.status_code == 409
    assert "Nothing was changed" in answer.text
    assert counters(tea) == (9, 2)
    again = preview(desk, order, **units(order, 4))
    ship_order(order.id, BOB)
    late = confirm(desk, order, again)
    assert late.status_code == 409
    assert desk.get(page_of(order)).location == f"/admin/orders/{order.code}"
    assert page_of(order) not in desk.get(f"/admin/orders/{order.code}").text


def test_a_total_that_was_not_shown_is_not_confirmed(desk: ShopClient, in_shop: Shop) -> None:
    order = bought((make_product(price=1000, stock=9), 2))
    shown = preview(desk, order, **units(order, 4))
    assert confirm(desk, order, shown, shown_total="1").status_code == 409
    assert fresh(order.id).version == order.version


def test_htmx_gets_the_region(desk: ShopClient, in_shop: Shop) -> None:
    order = bought((make_product(price=1000, stock=9), 2))
    path = page_of(order)
    sent = changed(desk.get(path).text, path, country_code="DE")
    answer = post(desk, path, sent, htmx=True)
    assert answer.text.lstrip().startswith('<div id="edit"')
    assert not re.search(r'name="country_area"', answer.text), "Germany knows no states in addresses"
    shown = post(desk, path, changed(desk.get(path).text, path, do="preview", **units(order, 3)), htmx=True)
    done = post(desk, path, changed(shown.text, path, do="confirm"), htmx=True)
    assert done.headers["HX-Redirect"] == f"/admin/orders/{order.code}"


@pytest.mark.parametrize("role", ["fulfilment", "readonly"])
def test_who_may_not_change_orders_changes_nothing(signed_in: SignedIn, in_shop: Shop, role: str) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    client = signed_in(role)
    assert client.get(page_of(order)).status_code == 403
    assert page_of(order) not in client.get(f"/admin/orders/{order.code}").text
    assert post(client, page_of(order), {"do": "confirm", "version": order.version}).status_code == 403
    assert fresh(order.id).version == order.version


def test_charlie_finds_no_order_of_alices_shop(signed_in: SignedIn, in_shop: Shop, other_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    charlie = signed_in("owner", name="Charlie", shop=other_shop)
    assert charlie.get(page_of(order)).status_code == 404
    assert post(charlie, page_of(order), {"do": "confirm", "version": order.version}).status_code == 404


def test_staff_apply_a_code_to_a_placed_order(desk: ShopClient, in_shop: Shop) -> None:
    coupon_id = make_coupon(limit=3)
    with rules_of_now():
        order = bought((make_product("Tea", price=1000, stock=9), 2))
    shown = preview(desk, order, coupon_code="wel\u200bcome10", refund="y")
    assert shown.status_code == 200
    assert "code WELCOME10: $2.00" in shown.text
    assert used(coupon_id) == 0
    assert confirm(desk, order, shown).status_code == 303
    assert (fresh(order.id).total, used(coupon_id)) == (2300, 1)
    refused = preview(desk, order, coupon_code="NOPE")
    assert refused.status_code == 422
    assert "We don&#39;t recognize this code." in refused.text
    assert 'value="NOPE"' in refused.text
    again = preview(desk, order, coupon_code="WELCOME10")
    assert "This order already has the promotion of this code." in again.text
    small = preview(desk, order, coupon_code="W" * 41)
    assert small.status_code == 422
