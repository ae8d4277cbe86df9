"""A customer is forgotten: nothing of him is left in any column of the database, and the books are as they were."""

import json
import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import String, Text, cast, func, select, update
from sqlalchemy.types import JSON

from commerce import clock
from commerce.accounts.address_book import add_address
from commerce.accounts.members import request_email_change
from commerce.accounts.models import AuditEntry, Member
from commerce.accounts.sessions import MEMBER, Device, find_signed_in
from commerce.accounts.sign_in import sign_in
from commerce.cart.models import Cart
from commerce.cart.services import add_line, member_shopper, save_details
from commerce.checkout.services import place_order
from commerce.db import Base, atomic, db
from commerce.errors import NotFound
from commerce.events.models import Delivery
from commerce.events.outbox import Actor
from commerce.inventory.back_in_stock import subscribe_back_in_stock
from commerce.inventory.models import Reservation, StockItem, StockMovement
from commerce.members.customers import customer_of_member, customer_of_order, find_guests, find_members
from commerce.members.erasure import StillOpen, erase_customer
from commerce.orders.member_orders import orders_of_member
from commerce.orders.models import Credit, Order, OrderAdjustment, OrderLine
from commerce.orders.notes import add_note
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.returns import decline_return, request_return
from commerce.orders.services import cancel_order, change_status
from commerce.orders.stock_check import check_stock
from commerce.payments.models import GatewayEvent, Payment, Refund
from commerce.pricing.models import Coupon
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks.models import WebhookAttempt
from commerce.webhooks.services import create_endpoint
from tests.factories.cart import make_cart
from tests.factories.checkout import ADDRESS, details, make_order, order_as_shown
from tests.factories.members import PASSWORD, make_member, send, sign_in_member
from tests.factories.orders import BOB
from tests.factories.pricing import make_coupon, rules_of_now
from tests.factories.shop import Sold, make_product
from tests.factories.staff import make_staff
from tests.factories.staff import sign_in as sign_in_staff
from tests.notifications.orders import work
from tests.notifications.outgoing import Post
from tests.support.client import ShopClient

CANARY = "xanary"
EMAIL = f"{CANARY}@example.com"
TYPED = {
    "email": EMAIL,
    "name": f"Mr {CANARY}",
    "phone": f"+1 555 0100 {CANARY}",
    "note": f"Ring at {CANARY}",
    "address": {
        **ADDRESS,
        "street_address": f"1 {CANARY} Street",
        "company_name": f"{CANARY} Ltd",
        "city": f"{CANARY}ville",
    },
}
PLACES = 25
"""Columns that his life leaves a mark in, at least."""
BOOKS = {
    Order: "code status payment_status subtotal discount_amount shipping_amount fee_amount tax_amount total currency "
    "placed_at credited_shipping",
    OrderLine: "sku title quantity shipped cancelled credited amount tax_amount",
    OrderAdjustment: "amount source_type shares",
    Payment: "state amount captured refunded currency method",
    Refund: "state amount",
    Credit: "amount tax_amount",
    StockItem: "on_hand reserved",
    StockMovement: "delta cause reference",
    Reservation: "quantity deducted released state",
    Coupon: "used",
}


def books() -> dict[str, list[Any]]:
    """Everything that must be the same after somebody was forgotten."""
    db.session.close()
    found = {}
    for model, names in BOOKS.items():
        columns = [getattr(model, name) for name in names.split()]
        found[model.__name__] = db.session.execute(select(*columns).order_by(model.id)).all()  # type: ignore[attr-defined]
    return found


def left_over(word: str = CANARY) -> set[str]:
    """Return every text column of the database in which a word is still to be found."""
    db.session.close()
    found = set()
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, String | Text | JSON):
                text = func.lower(cast(column, Text))
                rows = (
                    db.session.connection().execute(select(column).where(text.contains(word)).limit(1)).all()
                )
                found |= {f"{table.name}.{column.name}"} if rows else set()
    return found


@atomic
def write(model: Any, condition: Any, **values: Any) -> None:
    db.session.execute(
        update(model).where(condition).values(**values).execution_options(synchronize_session=False)
    )


@atomic
def insert(row: Any) -> None:
    db.session.add(row)
    db.session.flush()


def live_through_everything(member_id: uuid.UUID) -> str:
    """Let a member do all that leaves traces, with his mark in every field; return the code of his order."""
    tea = make_product("Green tea", stock=50)
    empty = make_product("Sold out", stock=0)
    make_coupon("TEN", each=3)
    with rules_of_now():
        return live_on(member_id, tea, empty)


def live_on(member_id: uuid.UUID, tea: Sold, empty: Sold) -> str:
    add_address(member_id, name=TYPED["name"], phone=TYPED["phone"], address=TYPED["address"])
    subscribe_back_in_stock(empty.variant_id, EMAIL)
    email = db.session.scalars(select(Member.email).where(Member.id == member_id)).one()
    opened = sign_in(MEMBER, email, PASSWORD, Device("10.0.0.1", f"Browser of {CANARY}"))
    member = find_signed_in(MEMBER, opened.token)
    assert member is not None
    request_email_change(member, f"other-{CANARY}@example.com")
    own = member_shopper(member_id)
    add_line(own, tea.variant_id, 2, member_id=member_id)
    save_details(own, details(**TYPED))
    write(Cart, Cart.shopper_hash == own, coupon_codes=["TEN"])
    order = place_order(**order_as_shown(own, actor=Actor("member", id=str(member_id))))
    guest = make_order((tea, 1), **TYPED)
    gone = make_order((tea, 1), **TYPED)
    cancel_order(gone.id, Actor("guest", name=EMAIL), reason=f"{CANARY} changed his mind")
    for placed in (order, guest):
        record_receipt(placed.id, BOB, reference=f"Transfer of {CANARY}", reason=f"{CANARY} paid")
        change_status(placed.id, "process", BOB)
        ship_order(placed.id, BOB, carrier="Post", tracking_code=f"TRACK-{CANARY}")
        change_status(placed.id, "deliver", BOB)
        add_note(placed.id, BOB, text=f"{CANARY} is a nice man", for_customer=True)
        asked = request_return(placed.id, Actor("guest", name=EMAIL), reason=f"{CANARY} is sad")
        decline_return(asked, BOB, reason=f"Dear {CANARY}, no")
        line = db.session.scalars(select(OrderLine.id).where(OrderLine.order_id == placed.id)).one()
        credit_order(placed.id, RefundRequest(units={line: 1}), BOB, reason=f"{CANARY} again")
    work()
    add_line(own, tea.variant_id, 1, member_id=member_id)
    save_details(own, details(**TYPED))
    abandoned, _cart = make_cart((tea, 1))
    save_details(abandoned, details(**TYPED))
    scribble(order.id, order.code)
    return order.code


def live_a_little(member_id: uuid.UUID) -> str:
    """Let a member leave the marks that most people leave; return the code of his order, which he took back."""
    tea, empty = make_product("Green tea", stock=50), make_product("Sold out", stock=0)
    add_address(member_id, name=TYPED["name"], phone=TYPED["phone"], address=TYPED["address"])
    subscribe_back_in_stock(empty.variant_id, EMAIL)
    own = member_shopper(member_id)
    for _ in range(2):
        add_line(own, tea.variant_id, 1, member_id=member_id)
        save_details(own, details(**TYPED))
        if not orders_of_member(member_id).rows:
            place_order(**order_as_shown(own, actor=Actor("member", id=str(member_id))))
    order = orders_of_member(member_id).rows[0]
    take_back(order.id)
    return order.code


def take_back(order_id: uuid.UUID) -> None:
    add_note(order_id, BOB, text=f"{CANARY} is a nice man", for_customer=True)
    cancel_order(order_id, Actor("guest", name=EMAIL), reason=f"{CANARY} changed his mind")
    db.session.close()


def scribble(order_id: uuid.UUID, code: str) -> None:
    """Write his name where gateways, other programs and failures write: no step of the product does so here."""
    insert(
        GatewayEvent(
            provider="x", account="x", event_key="x", type="x", note=CANARY, payment_id=_payment(order_id)
        )
    )
    write(Payment, Payment.order_id == order_id, failure=CANARY, pay_url=f"https://pay.example/{CANARY}")
    write(Refund, Refund.order_id == order_id, failure=CANARY, state="succeeded")
    write(Refund, Refund.state == "queued", state="succeeded")
    write(Delivery, Delivery.subject_id == order_id, error=f"550 <{EMAIL}>: no such mailbox")
    write(Order, Order.id == order_id, attention=f"Call {CANARY}", customer_reference=f"crm-{CANARY}")
    write(OrderAdjustment, OrderAdjustment.order_id == order_id, source_id="manual", label=f"For {CANARY}")
    # Two that cancel each other out: nobody but the owner of the tables may change one that is there.
    item_id = db.session.scalars(
        select(StockMovement.stock_item_id).where(StockMovement.reference == code)
    ).first()
    for delta in (1, -1):
        insert(
            StockMovement(stock_item_id=item_id, delta=delta, cause="adjustment", reference=code, actor=EMAIL)
        )
    endpoint_id, _secret = create_endpoint(url="https://example.com/", description="", event_types=[])
    insert(
        WebhookAttempt(
            endpoint_id=endpoint_id,
            message_id="x",
            event_type="x",
            subject=code,
            started_at=clock.now(),
            duration_ms=1,
            status=500,
            answer=f"Who is {CANARY}?",
            error=CANARY,
        )
    )


def _payment(order_id: uuid.UUID) -> uuid.UUID:
    return db.session.scalars(select(Payment.id).where(Payment.order_id == order_id).limit(1)).one()


# --- what is taken out --------------------------------------------------------------------------------


def test_erasure_leaves_nothing_of_a_member_and_the_books_unchanged(in_shop: Shop, post: Post) -> None:
    member_id = make_member(EMAIL, TYPED["name"])
    live_through_everything(member_id)
    marked = left_over()
    before = books()
    assert {
        "orders.email",
        "orders.customer_reference",
        "events.payload",
        "carts.details",
        "members.name",
        "stock_movements.actor",
    } <= marked
    assert len(marked) >= PLACES
    assert erase_customer(customer_of_member(member_id)) == 3
    assert left_over() == set()
    assert books() == before
    assert list(check_stock()) == []
    work()
    assert len({order.shipping_address["country_code"] for order in db.session.scalars(select(Order))}) == 1
    assert [
        order.member_id for order in db.session.scalars(select(Order).where(Order.member_id == member_id))
    ]


def test_a_guest_is_erased_by_address_and_nobody_else_is(in_shop: Shop) -> None:
    make_member("ben@example.com", "Ben")
    tea = make_product(stock=9)
    placed = [make_order((tea, 1), **{**TYPED, "email": email}) for email in (EMAIL, EMAIL.title())]
    for order in placed:
        take_back(order.id)
    kept = make_order((tea, 1), email=f"not-{EMAIL}", name="Carol")
    assert erase_customer(customer_of_order(placed[0].code)) == 2
    carol = db.session.scalars(select(Order).where(Order.id == kept.id)).one()
    assert (carol.email, carol.name, carol.token) == (f"not-{EMAIL}", "Carol", kept.token)
    assert [row.email for row in find_members()] == ["ben@example.com"]
    assert [row.email for row in find_guests()] == [f"not-{EMAIL}"]
    with pytest.raises(NotFound):
        customer_of_order(placed[1].code)


def test_a_customer_with_an_unfinished_order_is_not_erased(in_shop: Shop) -> None:
    member_id = make_member(EMAIL)
    order = make_order((make_product(), 1), **TYPED)
    marked = left_over()
    steps: tuple[Any, ...] = (
        lambda: record_receipt(order.id, BOB),
        lambda: change_status(order.id, "process", BOB),
        lambda: ship_order(order.id, BOB),
    )
    for step in steps:
        with pytest.raises(StillOpen, match=order.code):
            erase_customer(customer_of_member(member_id))
        assert left_over() == marked
        step()
    with pytest.raises(StillOpen):
        erase_customer(customer_of_member(member_id))
    change_status(order.id, "deliver", BOB)
    asked = request_return(order.id, Actor("guest", name=EMAIL), reason="Too green")
    with pytest.raises(StillOpen):
        erase_customer(customer_of_order(order.code))
    decline_return(asked, BOB, reason="It is tea")
    assert erase_customer(customer_of_member(member_id)) == 1


def test_the_address_of_an_erased_member_is_free_for_a_new_one(in_shop: Shop) -> None:
    old = make_member(EMAIL)
    erase_customer(customer_of_member(old))
    with pytest.raises(NotFound):
        customer_of_member(old)
    assert make_member(EMAIL) != old
    assert db.session.scalars(select(Member.erased_at).where(Member.id == old)).one() is not None


# --- by himself, and by staff -----------------------------------------------------------------------------


def test_export_and_deletion_ask_for_the_password(client: ShopClient, in_shop: Shop) -> None:
    member_id = make_member(EMAIL, TYPED["name"])
    code = live_a_little(member_id)
    sign_in_member(client, EMAIL)
    assert client.get("/account/data").status_code == 200
    for path, prefix in (("copy", "copy"), ("erasure", "erase")):
        data = {f"{prefix}-password": "wrong", "erase-sure": "y"}
        assert send(client, f"/account/data/{path}", data).status_code == 422
    answer = send(client, "/account/data/copy", {"copy-password": PASSWORD})
    assert answer.mimetype == "application/json"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    found = json.loads(answer.text)
    assert {order["code"] for order in found["orders"]} >= {code}
    assert found["account"]["name"] == TYPED["name"]
    assert found["addresses"][0]["address"]["city"] == f"{CANARY}ville"
    assert found["waits_for"] == ["SOLD-OUT"]
    assert found["carts"][0]["lines"] == [{"title": "Green tea", "quantity": 1}]
    assert "password_hash" not in answer.text
    assert "is a nice man" in answer.text
    assert send(client, "/account/data/erasure", {"erase-password": PASSWORD}).status_code == 422
    done = send(client, "/account/data/erasure", {"erase-password": PASSWORD, "erase-sure": "y"})
    assert done.location == "/"
    assert client.get("/account/").status_code == 303
    assert sign_in_member(client, EMAIL).status_code == 422
    assert left_over() == set()


def test_a_member_sees_which_order_prevents_the_deletion(client: ShopClient, in_shop: Shop) -> None:
    make_member(EMAIL)
    order = make_order((make_product(), 1), **TYPED)
    sign_in_member(client, EMAIL)
    answer = send(client, "/account/data/erasure", {"erase-password": PASSWORD, "erase-sure": "y"})
    assert answer.status_code == 409
    assert order.code in answer.text
    assert client.get("/account/").status_code == 200


def test_staff_find_and_erase_customers_and_the_log_holds_no_address(
    client: ShopClient, in_shop: Shop
) -> None:
    make_staff("manager")
    member_id = make_member(EMAIL, TYPED["name"])
    live_a_little(member_id)
    make_member("ben@example.com", "Ben")
    guest = make_order((make_product("Cup"), 1), **TYPED)
    take_back(guest.id)
    sign_in_staff(client, "manager@shop.test")
    for search in (CANARY, "XANARY@EX", "mr"):
        page = client.get(f"/admin/customers?q={search}").text
        assert page.count(f">{EMAIL}</a>") == 2
        assert "ben@example.com" not in page
    for key in (guest.code, str(member_id)):
        assert EMAIL in client.get(f"/admin/customers/{key}").text
        assert json.loads(client.get(f"/admin/customers/{key}/data.json").text)["email"] == EMAIL
        assert (
            send(client, f"/admin/customers/{key}/erasure", {"step": "confirm", "typed": "erase"}).location
            == "/admin/customers"
        )
        assert client.get(f"/admin/customers/{key}").status_code == 404
    assert left_over() == set()
    actions = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions.count("customer_erase") == 2
    assert actions.count("customer_data") == 2


@pytest.mark.parametrize("role", ["support", "readonly", "fulfilment"])
def test_erasing_customers_needs_the_permission(client: ShopClient, in_shop: Shop, role: str) -> None:
    make_staff(role)
    key = make_member(EMAIL)
    sign_in_staff(client, f"{role}@shop.test")
    assert client.get(f"/admin/customers/{key}").status_code == (200 if role == "support" else 403)
    for answer in (
        client.get(f"/admin/customers/{key}/data.json"),
        send(client, f"/admin/customers/{key}/erasure", {"step": "confirm", "typed": "erase"}),
    ):
        assert answer.status_code == 403
    assert "members.email" in left_over()


def test_charlie_gets_404_for_alices_customers(app: Flask, in_shop: Shop, other_shop: Shop) -> None:
    key = make_member(EMAIL)
    code = make_order((make_product(), 1), **TYPED).code
    with shop_scope(other_shop):
        make_staff()
    charlie = app.test_client(host="other.localhost")
    assert isinstance(charlie, ShopClient)
    sign_in_staff(charlie)
    assert EMAIL not in charlie.get(f"/admin/customers?q={CANARY}").text
    for name in (str(key), code):
        assert charlie.get(f"/admin/customers/{name}").status_code == 404
        assert send(charlie, f"/admin/customers/{name}/erasure").status_code == 404
    assert {"members.email", "orders.email"} <= left_over()
