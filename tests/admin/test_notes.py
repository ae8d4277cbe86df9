"""Staff write notes on an order, for colleagues or for the customer."""

import pytest
from playwright.sync_api import expect

from commerce.errors import InvalidValue, NotAllowed, NotFound
from commerce.events.models import Event
from commerce.events.outbox import Actor
from commerce.orders.notes import add_note
from commerce.orders.queries import timeline
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.test_in_browser import Start, sign_in
from tests.admin.test_pages import check
from tests.factories.orders import BOB, fresh, order_in
from tests.factories.shop import make_product
from tests.factories.staff import make_staff, post
from tests.support.browser import NewPage
from tests.support.client import ShopClient


@pytest.fixture(autouse=True)
def goods(in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=100)


def notes(order_id: object) -> list[Event]:
    return [event for event in timeline(order_id) if event.type == "OrderNoteAdded"]  # type: ignore[arg-type]


def test_a_note_is_an_event_and_changes_nothing_else(desk: ShopClient) -> None:
    order = order_in("confirmed")
    answer = post(desk, f"/admin/orders/{order.code}/notes", {"text": " Call first.\r\nHe works at night. "})
    assert (answer.status_code, answer.location) == (303, f"/admin/orders/{order.code}")
    (note,) = notes(order.id)
    assert note.payload == {
        "code": order.code,
        "text": "Call first.\nHe works at night.",
        "for_customer": False,
    }
    assert (note.actor_kind, note.actor_name) == ("staff", "Bob")
    assert fresh(order.id).version == order.version
    assert "Call first." in desk.get(f"/admin/orders/{order.code}").text


@pytest.mark.parametrize("for_customer", [True, False])
def test_the_customer_sees_what_is_for_them_and_nothing_else(
    desk: ShopClient, client: ShopClient, for_customer: bool
) -> None:
    order = order_in("confirmed")
    data = {"text": "Wrapped <in> blue"} | ({"for_customer": "y"} if for_customer else {})
    assert post(desk, f"/admin/orders/{order.code}/notes", data).status_code == 303
    page = client.get(f"/orders/{order.token}").text
    assert ("Wrapped &lt;in&gt; blue" in page) is for_customer
    assert "Wrapped <in>" not in page


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Please enter a note."),
        (" \n\t ", "Enter a note."),
        ("x" * 1001, "Notes can have up to 1000 characters."),
        ("bell \x07", "Please use letters, digits and punctuation only."),
    ],
)
def test_a_bad_note_is_said_at_its_field_and_not_lost(desk: ShopClient, text: str, problem: str) -> None:
    order = order_in("confirmed")
    answer = post(desk, f"/admin/orders/{order.code}/notes", {"text": text, "for_customer": "y"})
    assert answer.status_code == 422
    assert problem in answer.text
    check(answer.text.replace("\x07", ""))
    assert "checked" in answer.text
    assert notes(order.id) == []


def test_a_thousand_characters_with_line_ends_are_not_too_many(desk: ShopClient) -> None:
    order = order_in("confirmed")
    text = "\r\n".join(["x" * 99] * 10)
    assert len(text) > 1000
    assert post(desk, f"/admin/orders/{order.code}/notes", {"text": text}).status_code == 303


@pytest.mark.parametrize("role", ["owner", "manager", "support", "fulfilment", "readonly"])
def test_who_may_write_sees_the_form(signed_in: SignedIn, role: str) -> None:
    order = order_in("confirmed")
    client, may = signed_in(role), role != "readonly"
    page = client.get(f"/admin/orders/{order.code}").text
    assert (f'action="/admin/orders/{order.code}/notes"' in page) is may
    check(page)
    answer = post(client, f"/admin/orders/{order.code}/notes", {"text": "Hello"})
    assert answer.status_code == (303 if may else 403)
    assert len(notes(order.id)) == (1 if may else 0)


def test_charlie_writes_nothing_on_alices_order(signed_in: SignedIn, in_shop: Shop, other_shop: Shop) -> None:
    order = order_in("confirmed")
    charlie = signed_in("owner", shop=other_shop)
    assert post(charlie, f"/admin/orders/{order.code}/notes", {"text": "Hello"}).status_code == 404
    with shop_scope(in_shop):
        assert notes(order.id) == []


def test_only_staff_write_notes_and_only_on_orders(in_shop: Shop) -> None:
    order = order_in("confirmed")
    with pytest.raises(NotAllowed):
        add_note(order.id, Actor("guest", name="ann@buyer.test"), text="Hello")
    for text in ("", "x" * 1001, "a\x00b", "\ud83d"):
        with pytest.raises(InvalidValue):
            add_note(order.id, BOB, text=text)
    with pytest.raises(NotFound):
        add_note(in_shop.id, BOB, text="Hello")
    assert notes(order.id) == []


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False])
def test_a_note_goes_from_the_order_to_the_customers_page(
    live_server: Start, new_page: NewPage, javascript: bool
) -> None:
    order = order_in("confirmed")
    make_staff("owner", name="Bob")
    server, page = live_server(), new_page(javascript=javascript)
    sign_in(page, server, f"/admin/orders/{order.code}")
    page.get_by_label("Note", exact=False).last.fill("It comes in a blue box.")
    page.get_by_label("Send to customer").check()
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_text("Note added. The customer gets it by email.")).to_be_visible()
    page.goto(server.url(f"/orders/{order.token}"))
    expect(page.get_by_text("It comes in a blue box.")).to_be_visible()
