"""The shopper's page: choose what to give back, see what came of it, follow parcels; nothing but his own."""

import pytest
from flask import Flask

from commerce.db import db
from commerce.events.outbox import Actor
from commerce.orders.models import Order
from commerce.orders.queries import get_order_by_code
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.return_queries import requests_of
from commerce.orders.returns import approve_return, decline_return, request_return
from commerce.orders.services import change_status
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from tests.checkout.pages import buy
from tests.factories.shop import Sold, make_product
from tests.support.statements import count_statements
from tests.support.visitor import Page, Visitor

BOB = Actor("staff", name="Bob")


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", price=1000, stock=20)


def order_of(code: str = "ORD-000001") -> Order:
    db.session.close()
    order = get_order_by_code(code)
    db.session.close()
    return order


def states() -> list[tuple[str, str, list[int]]]:
    db.session.close()
    found = [
        (each.kind, each.state, [line.quantity for line in each.lines]) for each in requests_of(order_of().id)
    ]
    db.session.close()
    return found


def delivered(app: Flask, tea: Sold, quantity: int = 2) -> Page:
    page = buy(Visitor(app), (tea, quantity))
    order_id = order_of().id
    change_status(order_id, "process", BOB)
    ship_order(order_id, BOB, carrier="Royal Mail", tracking_code="RM 1")
    change_status(order_id, "deliver", BOB)
    return page.visitor.get(page.path)


def ask(page: Page, units: str = "1", reason: str = "Too much", kind: str = "") -> Page:
    form = page.form("Send request").fill({"Green tea": units, "Reason": reason})
    if kind:
        form.choose(kind)
    return form.send()


def test_one_of_two_units_is_asked_back(app: Flask, tea: Sold) -> None:
    asked = ask(delivered(app, tea), kind="Return items for a refund")
    assert asked.status == 200
    for words in ("We received your request", "1 × Green tea", "Under review", "“Too much”"):
        assert words in asked.text, words
    assert states() == [("return", "requested", [1])]
    assert order_of().status == "delivered"
    assert asked.has_button("Send request"), "another unit is left to ask for"


def test_a_plain_reason_asks_for_everything(app: Flask, tea: Sold) -> None:
    page = delivered(app, tea)
    fields = {"reason": "All of it", "version": str(order_of().version)}
    assert page.visitor.post(f"{page.path}/refund-request", fields).status_code == 303
    assert (order_of().status, states()) == ("refund_requested", [("refund", "requested", [2])])


@pytest.mark.parametrize(
    ("units", "reason", "words"),
    [
        ("0", "Because", "Choose at least one item."),
        ("", "Because", "Choose at least one item."),
        ("3", "Because", "you can request a refund for 1 to 2 units"),
        ("-1", "Because", "whole numbers"),
        ("1.5", "Because", "whole numbers"),
        ("1", "  ", "Please tell us why."),
        ("1", "x" * 501, "at most 500"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_typed_is_lost(
    app: Flask, tea: Sold, units: str, reason: str, words: str
) -> None:
    refused = ask(delivered(app, tea), units, reason)
    assert refused.status == 422
    assert words in refused.text
    form = refused.form("Send request")
    assert form.values[form.name_of("Green tea")] == units
    assert (states(), order_of().status) == ([], "delivered")


def test_a_kind_that_was_not_offered_is_refused(app: Flask, tea: Sold) -> None:
    page = delivered(app, tea)
    fields = {"reason": "x", "version": str(order_of().version), "kind": "exchange"}
    assert page.visitor.post(f"{page.path}/refund-request", fields).status_code == 422
    assert states() == []


def test_before_anything_left_there_is_nothing_to_send_back(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 2))
    assert "Return items" not in page.text
    assert page.has_button("Send request")


def test_htmx_gets_the_order_with_the_answer(app: Flask, tea: Sold) -> None:
    page = delivered(app, tea)
    form = page.form("Send request").fill({"Green tea": "1", "Reason": "Too much"})
    answer = page.visitor.client.post(form.action, data=form.values, headers={"HX-Request": "true"})
    html = answer.get_data(as_text=True)
    assert (answer.status_code, html.lstrip().startswith('<div id="order"')) == (200, True)
    assert "We received your request" in html
    assert "We received your request" not in page.visitor.get(page.path).text, "it is said once"


def test_the_answer_of_the_shop_is_read_on_the_page(app: Flask, tea: Sold) -> None:
    page = ask(delivered(app, tea), kind="Return items for a refund")
    first = requests_of(order_of().id)[0].id
    approve_return(first, BOB, answer="Send it to <Hall 3>.")
    assert "Our answer: Send it to <Hall 3>." in page.visitor.get(page.path).text
    decline_return(first, BOB, reason="It never came.")
    text = page.visitor.get(page.path).text
    assert "It never came." in text
    assert "Declined" in text
    assert not page.visitor.get(page.path).has_button("Withdraw request")


def test_a_request_is_withdrawn(app: Flask, tea: Sold) -> None:
    page = ask(delivered(app, tea))
    withdrawn = page.form("Withdraw request").send()
    assert "Your request was withdrawn." in withdrawn.text
    assert states() == [("refund", "withdrawn", [1])]
    again = page.form("Withdraw request").send()
    assert again.status == 200, "a second click lands where the first one did"
    form = page.form("Withdraw request")
    del form.values["form_id"]
    assert form.send().status == 409
    assert states() == [("refund", "withdrawn", [1])]


def test_only_ones_own_request_can_be_withdrawn(app: Flask, tea: Sold, other_shop: Shop) -> None:
    page = ask(delivered(app, tea))
    return_id = requests_of(order_of().id)[0].id
    db.session.close()
    other = buy(Visitor(app), (tea, 1))
    charlie = Visitor(app, "other.localhost")
    assert other.visitor.post(f"{other.path}/returns/{return_id}/withdrawal").status_code == 404
    assert charlie.post(f"{page.path}/returns/{return_id}/withdrawal").status_code == 404
    assert states() == [("refund", "requested", [1])]


def test_lines_of_another_order_are_refused(app: Flask, tea: Sold) -> None:
    page = delivered(app, tea)
    buy(Visitor(app), (tea, 1))
    foreign = order_of("ORD-000002").lines[0].id.hex
    fields = {"reason": "x", "version": str(order_of().version), f"units-{foreign}": "1"}
    assert page.visitor.post(f"{page.path}/refund-request", fields).status_code == 422
    assert states() == []


def test_parcels_and_what_went_back_are_shown(app: Flask, tea: Sold) -> None:
    page = delivered(app, tea)
    key = order_of().lines[0].id
    credit_order(
        order_of().id, RefundRequest(units={key: 1}, shipping=True, returned=True), BOB, reason="Broken"
    )
    seen = page.visitor.get(page.path)
    for words in ("Royal Mail Track RM 1", "Refunds $15.00", "1 × Green tea, shipping and fee"):
        assert words in seen.text, words
    assert "1 refunded" in seen.text
    links = [each.get("href", "") for each in seen.root.iter("a")]
    assert "https://www.royalmail.com/track-your-item#/tracking-results/RM1" in links


def test_what_will_not_be_sent_is_said_at_its_line(app: Flask, tea: Sold) -> None:
    page = buy(Visitor(app), (tea, 3))
    credit_order(order_of().id, RefundRequest(units={order_of().lines[0].id: 1}), BOB, reason="Sold out")
    assert "1 will not be shipped" in page.visitor.get(page.path).text


def statements_of(page: Page) -> int:
    with count_statements() as sent:
        page.visitor.get(page.path)
    return len(sent)


def test_the_page_costs_the_same_however_much_was_asked_back(app: Flask, tea: Sold) -> None:
    page = delivered(app, tea, 5)
    key = order_of().lines[0].id
    counts = []
    for _ in range(3):
        request_return(order_of().id, BOB, units={key: 1}, reason="One")
        credit_order(order_of().id, RefundRequest(units={key: 1}, returned=True), BOB, reason="One")
        # Twice: what the frame of every page keeps for a while may just have run out.
        counts.append(min(statements_of(page), statements_of(page)))
        decline_return(requests_of(order_of().id)[0].id, BOB, reason="No")
        db.session.close()
    assert counts[0] == counts[1] == counts[2]
