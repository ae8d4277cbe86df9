"""When documents are made, what they say, who sees them, and that nobody changes them."""

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from commerce.db import atomic, db
from commerce.errors import InvalidValue
from commerce.invoices.content import check_content
from commerce.invoices.models import InvoiceDocument
from commerce.members.customers import customer_of_order
from commerce.members.erasure import erase_customer
from commerce.members.export import export_as_json
from commerce.notifications.context import MailContext
from commerce.notifications.rendering import compose
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.models import Order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.services import cancel_order
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.services import take_payment
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.tenants.settings import change_settings
from tests.admin.conftest import SignedIn, signed_in  # noqa: F401 - a fixture
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, fresh, order_in, take_step
from tests.factories.shop import make_product
from tests.factories.staff import csrf_token
from tests.invoices.making import documents, follow, making_invoices, numbers
from tests.support.client import ShopClient

CARD = "4242424242424242"


@contextmanager
def invoicing(shop: Shop, when: str = "payment", **changes: object) -> Iterator[Shop]:
    """Enter a shop that makes invoices."""
    made = making_invoices(shop, when, **changes)
    with shop_scope(made):
        yield made


def bought(units: int = 3, title: str = "Green tea", **changes: object) -> uuid.UUID:
    """Order something at 11.00 and pay it by card."""
    sold = make_product(title, price=1100, stock=50)
    placed = make_order((sold, units), payment_method="card", **changes)
    assert placed.payment_id is not None
    take_payment(placed.payment_id, CARD)
    return placed.id


def said(order_id: uuid.UUID) -> list[tuple[str, str, int]]:
    """Return kind, number and total of an order's documents."""
    return [(each.kind, each.code, each.total) for each in documents(order_id)]


# --- when ----------------------------------------------------------------------------------------------


def test_a_paid_order_has_one_invoice_however_often_its_events_are_handled(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order_id = bought()
        assert follow(order_id) == ["INV-0001"]
        assert follow(order_id) == []
        assert said(order_id) == [("invoice", "INV-0001", 3800)]


def test_without_the_setting_no_invoice_is_made_and_none_for_what_was_paid_before(in_shop: Shop) -> None:
    before = bought()
    assert follow(before) == []
    with invoicing(in_shop):
        assert follow(before) == []
        take_step(before, "process")
        ship_order(before, BOB)
        assert follow(before) == [], "paid before invoices were turned on"


def test_an_order_that_waits_for_its_money_has_none_until_it_is_paid(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order_id = make_order((make_product(price=1100), 1), payment_method="bank_transfer").id
        assert follow(order_id) == []
        record_receipt(order_id, BOB, amount=600)
        assert follow(order_id) == []
        record_receipt(order_id, BOB)
        assert follow(order_id) == ["INV-0001"]


def test_goods_that_are_paid_for_on_delivery_leave_with_an_invoice(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order = order_in("pending", **_tea(), pay_later=True)
        take_step(order.id, "confirm")
        take_step(order.id, "process")
        assert follow(order.id) == []
        ship_order(order.id, BOB)
        assert follow(order.id) == ["INV-0001"]
        content = documents(order.id)[0].content
        assert (content["paid_at"], content["shipped_at"] != "") == ("", True)


def _tea() -> dict[str, object]:
    make_product("Green tea", sku="TEA-1", price=1000, stock=10)
    return {}


def test_each_parcel_has_its_invoice_and_the_first_one_the_shipping(in_shop: Shop) -> None:
    with invoicing(in_shop, "shipment"):
        order_id = bought(3)
        assert follow(order_id) == []
        line = fresh(order_id).lines[0].id
        take_step(order_id, "process")
        ship_order(order_id, BOB, units={line: 1})
        assert follow(order_id) == ["INV-0001"]
        ship_order(order_id, BOB)
        assert follow(order_id) == ["INV-0002"]
        assert said(order_id) == [("invoice", "INV-0001", 1600), ("invoice", "INV-0002", 2200)]
        credit_order(
            order_id, RefundRequest({line: 3}, returned=True, shipping=True), BOB, reason="All came back"
        )
        follow(order_id)
        credit = documents(order_id)[2]
        assert (credit.kind, credit.total) == ("credit_note", 3800)
        assert credit.content["corrects"] == ["INV-0001", "INV-0002"]


def test_a_partial_refund_makes_a_credit_note_that_names_its_invoice(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order_id = bought(3)
        follow(order_id)
        line = fresh(order_id).lines[0].id
        credit_order(order_id, RefundRequest({line: 1}), BOB, reason="Broken")
        assert follow(order_id) == ["CN-0001"]
        invoice, credit = documents(order_id)
        assert (credit.total, credit.tax_amount) == (1100, 100)
        assert credit.corrects_id == invoice.id
        assert credit.content["corrects"] == ["INV-0001"]
        assert [(row["title"], row["quantity"]) for row in credit.content["lines"]] == [("Green tea", 1)]
        credit_order(order_id, RefundRequest(amount=250), BOB, reason="Sorry")
        assert follow(order_id) == ["CN-0002"]
        assert sum(each.sign * each.total for each in documents(order_id)) == 3800 - 1100 - 250


def test_a_cancelled_order_is_given_back_whole(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order_id = bought(2)
        follow(order_id)
        cancel_order(order_id, BOB, reason="Sold out")
        follow(order_id)
        assert said(order_id) == [("invoice", "INV-0001", 2700), ("credit_note", "CN-0001", 2700)]


def test_an_edit_makes_the_document_of_the_difference(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order_id = bought(2)
        follow(order_id)
        _edit(order_id, 3)
        assert follow(order_id) == ["INV-0002"]
        _edit(order_id, 1)
        assert follow(order_id) == ["CN-0001"]
        assert said(order_id)[1:] == [("invoice", "INV-0002", 1100), ("credit_note", "CN-0001", 2200)]
        _swap(order_id, make_product("Black tea", price=1100, stock=10).variant_id)
        assert follow(order_id) == ["CN-0002", "INV-0003"], "other goods for the same money"
        assert sum(each.sign * each.total for each in documents(order_id)) == fresh(order_id).total


def _edit(order_id: uuid.UUID, units: int) -> None:
    order = fresh(order_id)
    _save(order, OrderEdit(units={order.lines[0].id: units}))


def _swap(order_id: uuid.UUID, variant_id: uuid.UUID) -> None:
    order = fresh(order_id)
    _save(order, OrderEdit(units={order.lines[0].id: 0}, added={variant_id: order.lines[0].quantity}))


def _save(order: Order, change: OrderEdit) -> None:
    total = preview_edit(order.id, change).total
    db.session.close()
    edit_order(order.id, BOB, change, seen_version=order.version, shown_total=total)


def test_corrections_are_made_after_invoices_were_turned_off_and_when_the_moment_changed(
    in_shop: Shop,
) -> None:
    with invoicing(in_shop):
        order_id = bought(2)
        follow(order_id)
    with shop_scope(_set(in_shop, invoice_when="shipment")):
        assert follow(order_id) == [], "what is invoiced stays as it is"
    with shop_scope(_set(in_shop, invoice_when="off")):
        cancel_order(order_id, BOB, reason="Sold out")
        assert follow(order_id) == ["CN-0001"]


def _set(shop: Shop, **values: object) -> Shop:
    change_settings(shop.id, values, seen_version=get_shop(shop.id).version)
    db.session.close()
    return get_shop(shop.id)


def test_an_order_that_costs_nothing_has_no_invoice(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order = order_in("paid", **_tea())
        _force(order.id, total=0, subtotal=0, shipping_amount=0)
        assert follow(order.id) == []


@atomic
def _force(order_id: uuid.UUID, **values: object) -> None:
    db.session.execute(update(Order).where(Order.id == order_id).values(**values))


# --- numbers -------------------------------------------------------------------------------------------


def test_a_new_prefix_begins_at_one_and_one_prefix_for_both_counts_both(in_shop: Shop) -> None:
    with invoicing(in_shop):
        follow(bought(1))
    with invoicing(in_shop, invoice_series="2027-", credit_series="2027-"):
        order_id = bought(1, "Mug")
        follow(order_id)
        cancel_order(order_id, BOB, reason="Sold out")
        follow(order_id)
        assert [code for _kind, code, _total in said(order_id)] == ["2027-0001", "2027-0002"]


def test_nobody_changes_or_deletes_a_document(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order_id = bought(1)
        follow(order_id)
        for statement in (
            update(InvoiceDocument).values(total=1),
            delete(InvoiceDocument),
        ):
            with pytest.raises(DBAPIError, match=r"only added to|permission denied"):
                atomic(db.session.execute)(statement.execution_options(synchronize_session=False))
        assert said(order_id) == [("invoice", "INV-0001", 1600)]


def test_a_transaction_that_fails_leaves_no_gap(in_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with invoicing(in_shop):
        first, second = bought(1), bought(1, "Mug")
        follow(first)
        with pytest.raises(RuntimeError, match="power cut"):
            _follow_and_fail(second)
        assert numbers() == [1]
        follow(second)
        assert numbers() == [1, 2]


def _follow_and_fail(order_id: uuid.UUID) -> None:
    from commerce.invoices import services

    @atomic
    def fail() -> None:
        services.follow_documents.__wrapped__(order_id, uuid.uuid4(), "PaymentSucceeded")  # type: ignore[attr-defined]
        raise RuntimeError("power cut")

    fail()


# --- what it says --------------------------------------------------------------------------------------


def test_the_customer_reads_it_in_the_language_of_the_order(in_shop: Shop, client: ShopClient) -> None:
    with invoicing(in_shop, invoice_note="Thank you <3"):
        order_id = bought(2)
        _force(order_id, locale="de_DE", name="Ann <b>Buyer</b>")
        follow(order_id)
        order = fresh(order_id)
    page = client.get(f"/orders/{order.token}/invoices/INV-0001")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "private, no-store"
    assert '<html lang="de">' in page.text
    for words in (
        *("Rechnung INV-0001", "Alice &amp; Daughters GmbH", "Lindenstr. 1", "10969 Berlin", "Deutschland"),
        *("USt-IdNr.: DE123456789", "Steuernummer: 12/345/67890", "Amtsgericht Charlottenburg HRB 1"),
        *("Ann &lt;b&gt;Buyer&lt;/b&gt;", "Green tea", "Bezahlt am", order.code, "Thank you &lt;3"),
        *("27,00", "24,55", "2,45", "10\u00a0%"),
    ):
        assert words in page.text, words
    listed = client.get(f"/orders/{order.token}/invoices").text
    assert "/invoices/INV-0001" in listed
    assert "/invoices/INV-0001" in client.get(f"/orders/{order.token}").text


def test_a_document_opens_by_the_link_of_its_own_order_only(
    in_shop: Shop, other_shop: Shop, client: ShopClient, app: Flask
) -> None:
    with invoicing(in_shop):
        first, second = bought(1), make_order((make_product("Mug", price=500), 1))
        follow(first)
        token = fresh(first).token
    assert client.get(f"/orders/{token}/invoices/INV-0001").status_code == 200
    assert client.get(f"/orders/{second.token}/invoices/INV-0001").status_code == 404
    assert client.get(f"/orders/{token}/invoices/INV-0002").status_code == 404
    elsewhere = app.test_client(host=other_shop.host)
    assert elsewhere.get(f"/orders/{token}/invoices/INV-0001").status_code == 404
    assert "no invoice for this order yet" in client.get(f"/orders/{second.token}/invoices").text


def test_what_a_document_says_stays_when_shop_and_customer_change(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order_id = bought(1)
        follow(order_id)
        before = documents(order_id)[0].content
        _set(in_shop, seller={**in_shop.seller, "legal_name": "Bob", "street": "Elsewhere 1", "city": "Bonn"})
        _force(order_id, name="Somebody else")
        assert documents(order_id)[0].content == before
        assert before["seller"]["legal_name"] == "Alice & Daughters GmbH"


# --- staff ---------------------------------------------------------------------------------------------


def test_staff_find_documents_by_number_order_and_customer(in_shop: Shop, signed_in: SignedIn) -> None:  # noqa: F811
    with invoicing(in_shop):
        first, second = bought(1), bought(1, "Mug", name="Zoe Zander")
        follow(first)
        follow(second)
        cancel_order(first, BOB, reason="Sold out")
        follow(first)
    desk = signed_in("readonly")
    with shop_scope(in_shop):
        code = fresh(second).code

    def found(query: str) -> set[str]:
        return set(re.findall(r'href="/admin/invoices/([^"?]+)"', desk.get(f"/admin/invoices?{query}").text))

    assert found("") == {"INV-0001", "INV-0002", "CN-0001"}
    assert found("kind=credit_note") == {"CN-0001"}
    assert found("q=inv-0002") == {"INV-0002"}
    assert found("q=Zander") == {"INV-0002"}
    assert found(f"q={code}") == {"INV-0002"}
    assert found("q=nothing-like-it") == set()
    assert "Credit note CN-0001" in desk.get("/admin/invoices/CN-0001").text
    assert desk.get("/admin/invoices/INV-9999").status_code == 404
    assert "/admin/invoices/INV-0002" in desk.get(f"/admin/orders/{code}").text


def test_nothing_of_it_is_part_of_placing_an_order(in_shop: Shop) -> None:
    with invoicing(in_shop):
        make_order((make_product(), 1))
        assert db.session.scalar(select(func.count()).select_from(InvoiceDocument)) == 0


# --- people --------------------------------------------------------------------------------------------


def test_documents_outlive_the_erasure_of_their_customer_and_the_preview_says_so(
    in_shop: Shop,
    signed_in: SignedIn,  # noqa: F811
) -> None:
    with invoicing(in_shop):
        order_id = bought(1, name="Ann Xanary")
        follow(order_id)
        for action in ("process", "ship", "deliver", "complete"):
            take_step(order_id, action)
        code = fresh(order_id).code
        desk = signed_in("owner")
        preview = desk.post(
            f"/admin/customers/{code}/erasure",
            data={"csrf_token": csrf_token(desk.get(f"/admin/customers/{code}").text)},
        )
        assert "INV-0001" in preview.text
        assert "since tax law requires it" in preview.text
        before = documents(order_id)[0].content
        erase_customer(customer_of_order(code))
        assert fresh(order_id).name == "Erased"
        assert documents(order_id)[0].content == before
        assert before["buyer"]["name"] == "Ann Xanary"
        credit_order(order_id, RefundRequest(amount=100), BOB, reason="Sorry")
        follow(order_id)
        assert documents(order_id)[1].content["buyer"] == before["buyer"], "as on its invoice"


def test_a_customer_gets_their_documents_with_their_data(in_shop: Shop) -> None:
    with invoicing(in_shop):
        order_id = bought(1)
        follow(order_id)
        exported = json.loads(export_as_json(customer_of_order(fresh(order_id).code)))
        assert [each["code"] for each in exported["orders"][0]["invoices"]] == ["INV-0001"]


@pytest.mark.parametrize(
    "change",
    [
        {"locale": "elvish!"},
        {"timezone": "Mars/Olympus"},
        {"total": "12"},
        {"paid_at": "yesterday"},
        {"lines": [{"part": "shipping"}]},
        {"buyer": None},
        {"seller": {"legal_name": 1}},
    ],
)
def test_what_no_document_says_is_no_content(in_shop: Shop, change: dict[str, object]) -> None:
    with invoicing(in_shop):
        order_id = bought(1)
        follow(order_id)
        content = documents(order_id)[0].content
    check_content(content)
    with pytest.raises(InvalidValue):
        check_content({**content, **change})


# --- mails ---------------------------------------------------------------------------------------------


def test_the_mail_about_a_payment_leads_to_the_invoice_and_without_invoices_to_none(in_shop: Shop) -> None:
    def mailed(order_id: uuid.UUID, name: str) -> str:
        order = fresh(order_id)
        details = MailContext(order=order, facts={})
        link = f"/orders/{order.token}/invoices"
        letter = compose(name, {"amount": 1600, "currency": "USD", "reason": ""}, details)
        assert (link in letter.text) == (link in letter.html)
        return "leads" if link in letter.text else ""

    without = bought(1)
    assert mailed(without, "order_confirmation") == ""
    with invoicing(in_shop):
        order_id = bought(1, "Mug")
        assert mailed(order_id, "order_confirmation") == "leads"
        assert mailed(order_id, "payment_received") == "leads"
        assert mailed(order_id, "order_shipped") == "", "it was there before"
        assert mailed(order_id, "order_credited") == "leads"
    with shop_scope(_set(in_shop, invoice_when="shipment")):
        assert mailed(order_id, "order_confirmation") == ""
        assert mailed(order_id, "order_shipped") == "leads"
