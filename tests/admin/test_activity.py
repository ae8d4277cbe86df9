"""The activity log for people: each action is a sentence with a name, a link and an amount; all else is folded away."""

import ast
import html
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import commerce
from commerce.accounts import audit
from commerce.admin.people import activity
from commerce.api.operation import OPERATIONS
from commerce.db import atomic, db
from commerce.events.outbox import Actor
from commerce.orders.queries import get_order
from commerce.orders.transitions import TRANSITIONS
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.catalog import put_up
from tests.factories.checkout import make_order
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.statements import count_statements

HERE = "/admin/audit"
KIM = Actor("staff", "1", "Kim <Lee>")
WRITERS = {"record", "record_alone", "by_command"}


@atomic
def write(action: str, subject: str = "", actor: Actor = KIM, **changes: Any) -> None:
    audit.record(actor, action, subject, changes)


def sentences(client: ShopClient, query: str = "") -> list[str]:
    page = client.get(f"{HERE}?{query}").text
    found = re.findall(r'<li class="activity__entry">\s*<p[^>]*>(.*?)</p>', page, re.DOTALL)
    return [html.unescape(re.sub(r"<(?!a |/a)[^>]+>", "", each)) for each in found]


# --- every action has a sentence ------------------------------------------------------------------------


def named_in_the_code() -> set[str]:
    """Return the actions that services and views name as a text of their own."""
    found = set()
    for path in Path(commerce.__file__).parent.rglob("*.py"):
        if path.parts[-2] == "platform" or path.name == "audit.py":
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in WRITERS:
                texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
                found |= {text for text in texts[:1] if re.fullmatch(r"[a-z_]+", str(text))}
    return found


def test_every_action_in_the_code_has_a_sentence(app: Flask) -> None:
    actions = named_in_the_code() | {"sign_in", "password_given"}
    assert {"publish_product", "proof_refused", "staff_create", "invitation_accepted"} <= actions
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        changes = {"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set())
        if rule.endpoint.startswith("admin.") and (changes or getattr(view, "logged", False)):
            actions.add(rule.endpoint.removeprefix("admin."))
    actions |= {f"api.{each.view.__name__}" for each in OPERATIONS if each.method != "GET" and each.audited}
    assert len(actions) > 120
    assert sorted(each for each in actions if activity.sentence_of(each) is None) == []


def test_no_sentence_is_of_an_action_that_there_is_not(app: Flask) -> None:
    known = {rule.endpoint.removeprefix("admin.") for rule in app.url_map.iter_rules()}
    known |= {f"api.{each.view.__name__}" for each in OPERATIONS} | named_in_the_code()
    known |= {"sign_in", "password_given"}
    assert sorted({key.split()[0] for key in activity.SENTENCES} - known) == []


def test_each_action_of_an_order_has_a_sentence_of_its_own() -> None:
    general = activity.sentence_of("order_action")
    for row in TRANSITIONS:
        if row.resource:
            assert activity.sentence_of("order_action", f"1 {row.resource}") != general, row.resource


def test_every_sentence_can_be_written(in_shop: Shop) -> None:
    facts = {"who": "Kim", "what": "it", "amount": "$1", "units": ""}
    for action, row in activity.SENTENCES.items():
        for text in (row.text, row.with_amount or row.text):
            assert "%(" not in str(text) % facts, action
        assert row.subject in activity.SUBJECTS
        assert row.thing in activity.PAGES


# --- what they say ---------------------------------------------------------------------------------------


def test_an_entry_says_who_did_what_with_a_link_and_the_amount(desk: ShopClient, in_shop: Shop) -> None:
    order = make_order((make_product(stock=5), 1))
    version = get_order(order.id).version
    put_up("Mug <b>", slug="mug")
    post(desk, f"/admin/orders/{order.code}/payment", {"version": str(version), "amount": "15.00"})
    write("product_change", "mug")
    link = f'<a href="/admin/orders/{order.code}">{order.code}</a>'
    assert sentences(desk) == [
        'Kim <Lee> changed the product <a href="/admin/products/mug">Mug <b></a>',
        f"Bob recorded a payment of $15.00 for order {link}",
    ]
    page = desk.get(HERE).text
    assert "Mug &lt;b&gt;</a>" in page
    assert "<strong>Kim &lt;Lee&gt;</strong>" in page


def test_a_refund_names_the_units(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("delivered")
    line = order.lines[0]
    write("credit_give", order.code, **{f"units-{line.id}": "1", "units-x": "2", "shown_amount": "1200"})
    assert sentences(desk)[0].startswith(f"Kim <Lee> refunded $12.00 for 1 × {line.title} in order <a ")


def test_what_is_gone_and_what_is_new_is_named_as_far_as_it_is_known(desk: ShopClient, in_shop: Shop) -> None:
    write("category_delete", str(uuid.uuid4()))
    write("location_create", name="Hall 3")
    write("webhook_change", "nonsense")
    write("settings_change", "look")
    write("sign_in_refused", actor=Actor("nobody"))
    write("api.create_coupon", actor=Actor("api", "2", "ERP"), code="TEA")
    write("staff_create", actor=Actor("cli", name="root"))
    write("something_old", "x")
    assert sentences(desk)[::-1] == [
        "Kim <Lee> deleted the category (deleted)",
        "Kim <Lee> created the location Hall 3",
        "Kim <Lee> changed the webhook nonsense",
        'Kim <Lee> changed the settings: <a href="/admin/settings/look">Appearance</a>',
        "A sign-in was refused",
        "ERP (API) created the coupon TEA",
        "root (command line) added a member of staff",
        "Kim <Lee>: something old x",
    ]


def test_machinery_is_folded_away(desk: ShopClient, in_shop: Shop) -> None:
    write("tax_create", label="VAT")
    page = desk.get(HERE).text
    outside = re.sub(r"<details.*?</details>", "", page.split('id="main"')[1], flags=re.DOTALL)
    assert "tax_create" in page
    assert "tax_create" not in outside
    assert "Request ID" not in outside


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("about=discounts", ["a coupon"]),
        ("about=stock", []),
        ("about=nonsense", ["a coupon", "a sign-in"]),
        ("about=staff&person=1", ["a sign-in"]),
        ("action=coupon_change", ["a coupon"]),
    ],
)
def test_it_is_narrowed_by_what_it_is_about(
    desk: ShopClient, in_shop: Shop, query: str, found: list[str]
) -> None:
    write("sign_in", "kim@shop.test")
    write("coupon_change", name="X")
    words = {"a coupon": "changed the coupon", "a sign-in": "signed in"}
    shown = sentences(desk, query)
    assert len(shown) == len(found)
    assert all(words[name] in each for name, each in zip(found, shown, strict=True))


def statements_of_the_page(client: ShopClient) -> int:
    with count_statements() as statements:
        assert client.get(HERE).status_code == 200
    return len(statements)


def test_names_of_a_page_take_one_statement(desk: ShopClient, in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    put_up("Mug", slug="mug")
    for _number in range(5):
        write("product_change", "mug")
        write("note_add", order.code)
    db.session.close()
    statements_of_the_page(desk)  # what is kept of the shop is read once
    few = statements_of_the_page(desk)
    for action, thing in (("category_change", uuid.uuid4()), ("coupon_change", uuid.uuid4())):
        write(action, str(thing))
    for _number in range(20):
        write("stock_count", str(uuid.uuid4()))
    assert statements_of_the_page(desk) == few


def test_readers_of_another_role_see_no_log(signed_in: SignedIn) -> None:
    assert signed_in("support").get(f"{HERE}?about=orders").status_code == 403
