"""What cannot be undone is shown before it is done, and who bought is mailed once."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from commerce import clock
from commerce.accounts import api_clients
from commerce.db import db
from commerce.orders.services import cancel_order
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.queries import payments_of, refunds_of
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.refunds import settle_refund
from commerce.tenants.models import Shop
from commerce.webhooks.services import create_endpoint
from tests.factories.checkout import make_order
from tests.factories.members import make_member
from tests.factories.orders import BOB, fresh, order_in
from tests.factories.shop import make_product
from tests.factories.staff import PASSWORD, make_enrolled, make_staff
from tests.support.visitor import Visitor


@pytest.fixture
def bob(app: Flask, in_shop: Shop) -> Visitor:
    make_staff("owner", name="Bob")
    visitor = Visitor(app)
    visitor.get("/admin/sign-in").form("Sign in").fill(
        {"Email": "owner@shop.test", "Password": PASSWORD}
    ).send()
    return visitor


def sent_back(order_id: uuid.UUID) -> list[int]:
    db.session.close()
    return [each.amount for each in refunds_of(order_id)]


def test_a_customer_is_erased_only_after_the_preview(bob: Visitor) -> None:
    key = make_member("mary@example.com", "Mary Member")
    preview = bob.get(f"/admin/customers/{key}").form("Erase").send()
    assert preview.heading == "Erase data of Mary Member"
    assert "Mary Member" in bob.get(f"/admin/customers/{key}").heading
    again = preview.form("Erase customer data").fill({"Type erase to confirm": "yes"}).send()
    assert again.status == 422
    assert "Type erase to confirm." in again.text
    assert "Mary Member" in bob.get(f"/admin/customers/{key}").heading
    last = again.form("Erase customer data").fill({"Type erase to confirm": " Erase "}).send()
    assert "Customer data erased." in last.text


def test_a_key_is_revoked_only_after_the_preview(bob: Visitor) -> None:
    books = api_clients.create_client("Books", by="Bob")
    api_clients.issue_key(books, scopes=["orders:read"], by="Bob")
    page = bob.get(f"/admin/api-clients/{books}")
    preview = page.form("Revoke").send()
    assert "Programs that use this key are refused from now on." in preview.text
    assert bob.get(f"/admin/api-clients/{books}").has_button("Revoke")
    done = preview.form("Revoke key").send()
    assert "API key revoked." in done.text
    assert not done.has_button("Revoke")


def test_an_order_is_cancelled_from_the_reservations_only_after_the_preview(bob: Visitor) -> None:
    make_product(sku="TEA-1")
    order = order_in("pending", hold_expires_at=clock.now() + timedelta(hours=2))
    preview = bob.get("/admin/holds").form("Cancel order").send()
    assert fresh(order.id).status == "pending"
    assert "The customer gets an email about the cancellation and its reason." in preview.text
    preview.form("Cancel order").send()
    assert fresh(order.id).status == "cancelled"


def test_a_payment_is_recorded_only_after_the_preview(bob: Visitor) -> None:
    order = make_order((make_product(price=1000, stock=5), 1))
    total = fresh(order.id).total
    for page in (f"/admin/orders/{order.code}", f"/admin/orders/{order.code}/money"):
        left = f"{total / 100:.2f}"
        form = bob.get(page).form("Continue" if page.endswith(order.code) else "Record payment…")
        form.values["amount"] = "4"
        preview = form.send()
        assert preview.heading == f"Record a payment for {order.code}"
        text = " ".join(preview.text.split())
        assert f"Amount received $4.00 Due before ${left} Due afterwards ${(total - 400) / 100:.2f}" in text
        preview.form("Record payment").send()
        total -= 400
    assert sum(each.captured for each in payments_of(order.id)) == 800


def test_what_was_paid_too_much_goes_back_only_after_the_preview(bob: Visitor) -> None:
    order = make_order((make_product(price=1000, stock=5), 1))
    record_receipt(order.id, BOB, amount=fresh(order.id).total + 250)
    page = bob.get(f"/admin/orders/{order.code}/money")
    preview = page.form("Refund $2.50…").send()
    assert sent_back(order.id) == []
    assert "Refund to customer $2.50" in " ".join(preview.text.split())
    stale = bob.get(f"/admin/orders/{order.code}/money").form("Refund $2.50…").send()
    preview.form("Refund $2.50").send()
    assert sent_back(order.id) == [250]
    assert stale.form("Refund $2.50").send().status == 409, "the order has changed since the preview"
    assert sent_back(order.id) == [250]


def test_a_failed_refund_is_sent_again_only_after_the_preview(bob: Visitor) -> None:
    order = make_order((make_product(price=1000, stock=5), 1))
    record_receipt(order.id, BOB)
    cancel_order(order.id, BOB, reason="Sold out")
    (refund,) = refunds_of(order.id)
    settle_refund(refund.id, PaymentOutcome("failed", failure="No such account."))
    preview = bob.get(f"/admin/orders/{order.code}/money").form("Retry refund…").send()
    assert "No such account." in preview.text
    assert len(sent_back(order.id)) == 1
    preview.form("Retry refund").send()
    assert len(sent_back(order.id)) == 2


def test_a_webhook_is_deleted_only_after_the_preview(bob: Visitor) -> None:
    hook, _secret = create_endpoint(url="https://erp.example/hook", description="", event_types=[])
    preview = bob.get(f"/admin/webhooks/{hook}").form("Delete").send()
    assert "https://erp.example/hook" in preview.text
    assert bob.get(f"/admin/webhooks/{hook}").status == 200
    assert "Webhook deleted." in preview.form("Delete webhook").send().text


def test_two_factor_authentication_of_another_is_turned_off_only_after_the_preview(bob: Visitor) -> None:
    make_enrolled(role="support")
    preview = bob.get("/admin/staff").form("Reset two-factor").send()
    assert "support@shop.test" in preview.text
    assert bob.get("/admin/staff").has_button("Reset two-factor")
    preview.form("Turn off two-factor authentication").send()
    assert not bob.get("/admin/staff").has_button("Reset two-factor")


def test_the_date_of_a_payment_stays_when_part_of_it_is_refunded(bob: Visitor) -> None:
    make_product(sku="TEA-1")
    with time_machine.travel("2026-03-02T10:00:00Z", tick=False):
        order = order_in("confirmed")
    page = bob.get(f"/admin/orders/{order.code}/credits")
    amount = page.form("Preview").fill({"Custom refund amount": "1"})
    amount.values["reason"] = "Late"
    amount.send("Preview").form("Refund").send()
    shown = bob.get(f"/admin/orders/{order.code}").response.text
    assert "2026-03-02T10:00:00+00:00" in shown[shown.index("payments-title") :]


def test_the_tabs_count_what_the_search_finds(bob: Visitor) -> None:
    make_product("Green tea", sku="TEA-1")
    make_product("Cup", sku="CUP-1")
    order_in("pending", name="Ann Buyer")
    order_in("pending", sku="CUP-1", name="Zoe Buyer")
    for path, all_of, found in (
        ("/admin/orders?q=zoe", "All 1", "Unpaid 1"),
        ("/admin/products?q=cup", "All 1", "Active 1"),
        ("/admin/stock?q=cup", "All 1", ""),
    ):
        text = bob.get(path).text
        assert all_of in text, path
        assert found in text, path


def test_new_order_opens_the_empty_draft_that_was_left(bob: Visitor) -> None:
    first = bob.get("/admin/drafts").form("Create order").send()
    again = bob.get("/admin/drafts").form("Create order").send()
    assert again.path == first.path
