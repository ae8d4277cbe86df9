"""Whatever is typed into any field, the shop answers with a page that is true HTML and no error of its own."""

import json
import os
from pathlib import Path

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from tests.checkout.pages import ANN, CARD, DECLINED, buy, put_in, to_details
from tests.factories.shop import make_product
from tests.support.visitor import Visitor

DATA = Path(os.environ.get("LOCKSTEP_TEST_DATA", "../shared/data"))
OWN = [
    "\0",
    "\ud83d",
    "\ufffe\uffff\U0001ffff",
    "\u2028\u2029",
    "a\u202eb",
    "'; DROP TABLE orders; --",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "%s%n%d",
    "x" * 20_000,
    "\r\nSet-Cookie: a=b",
    "１２３",
    "9" * 5000,
]


def naughty() -> list[str]:
    path = DATA / "strings" / "blns.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [text.encode("utf-8", "replace").decode() for text in [*OWN, *known]]


def batches(size: int = 40) -> list[list[str]]:
    """Return the strings in groups: one test for each would spend its time on making databases."""
    strings = naughty()
    return [strings[start : start + size] for start in range(0, len(strings), size)]


@pytest.mark.parametrize("strings", batches(), ids=lambda batch: f"{len(batch)}-from-{batch[0][:10]!r}")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_field_of_the_checkout_can_break_a_page(app: Flask, in_shop: Shop, strings: list[str]) -> None:
    page = to_details(Visitor(app), (make_product(), 1))
    for text in strings:
        form = page.form("Continue")
        for name in form.values:
            if name != "csrf_token":
                form.values[name] = text
        assert form.send("Continue").status in (200, 413, 422), repr(text)
        form = page.form("Continue").fill({**ANN, "Full name": text, "Street": text, "Note": text})
        after = form.choose("California").send("Continue")
        assert after.status in (200, 413, 422), repr(text)
        if after.status == 200 and text.strip():
            assert after.heading == "Review and order"


@pytest.mark.parametrize("strings", batches(), ids=lambda batch: f"{len(batch)}-from-{batch[0][:10]!r}")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_field_of_cart_and_order_can_break_a_page(app: Flask, in_shop: Shop, strings: list[str]) -> None:
    tea = make_product(stock=50)
    ann = Visitor(app)
    order = buy(ann, (tea, 1), card=DECLINED)
    cart = put_in(ann, tea, 1)
    line, token = cart.form("Update cart").name_of("Quantity"), ann.token()
    for text in strings:
        # Where a text comes back in the page, the page is parsed; elsewhere its status says enough.
        for path, fields in (
            (
                "/cart",
                {line: text, "remove_line": text, "remove_code": text, "coupon_code": text, "then": text},
            ),
            (f"{order.path}/cancellation", {"reason": text, "version": text}),
        ):
            page = ann.request("post", path, {"csrf_token": token, **fields})
            assert page.status in (200, 404, 409, 422), (path, text)
        for path, fields in (
            ("/cart/lines", {"variant_id": text, "quantity": "1"}),
            ("/cart/lines", {"variant_id": str(tea.variant_id), "quantity": text}),
            (
                "/checkout",
                {"checkout_token": text, "cart_version": text, "shown_total": text, "card_number": CARD},
            ),
            (f"{order.path}/payments", {"payment_method": text, "card_number": text}),
            (f"{order.path}/payments", {"payment_method": "card", "card_number": text}),
            (f"{order.path}/refund-request", {"reason": text, "version": "1"}),
        ):
            answer = ann.client.post(path, data={"csrf_token": token, **fields})
            assert answer.status_code in (303, 404, 409, 422), (path, text)
