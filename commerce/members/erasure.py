"""Forget a customer: everything personal goes, and the books stay as they are.

Orders keep what was sold, for how much, to which country and when, since the law wants that kept; who it was goes. The
row of a member stays too, empty, so that the orders still belong to one and the same member. Stock, ledger, sums and
payments are not touched. Invoices and credit notes stay as they are, with name and address: tax law wants them kept for
years (§ 14b UStG: eight). Nothing is taken out while a parcel or money is under way: the shop still needs the address.

A new column that may hold something personal belongs here; the test looks for what was left over every column of the
database.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Text, delete, func, literal, or_, select, update

from commerce import clock
from commerce.accounts import sessions
from commerce.accounts.members import NO_PASSWORD
from commerce.accounts.models import EmailProof, Member, MemberAddress
from commerce.accounts.sessions import MEMBER
from commerce.accounts.throttle import clear_throttle
from commerce.cart.models import Cart
from commerce.checkout.addresses import FIELDS
from commerce.customers.profiles import erase_profile
from commerce.db import atomic, db
from commerce.errors import Conflict
from commerce.events.models import Delivery, Event
from commerce.inventory.models import StockAlert, StockMovement
from commerce.members.customers import Customer
from commerce.orders.models import ERASED_EMAIL, Credit, Order, OrderAdjustment, OrderTag, ReturnRequest
from commerce.orders.return_queries import OPEN as OPEN_REQUESTS
from commerce.orders.search import index_orders
from commerce.orders.services import UNDER_WAY
from commerce.payments.models import GatewayEvent, Payment, Refund
from commerce.pricing.models import CouponCustomer, CouponUse
from commerce.pricing.queries import fold_customer
from commerce.shipping.models import Shipment
from commerce.webhooks.models import WebhookAttempt

OVER = ("delivered", "completed", "cancelled", "refunded")
"""Statuses in which nothing is sent any more."""
NOBODY = "Erased"
FACTS = frozenset(
    {
        "action",
        "code",
        "credit_id",
        "currency",
        "from_status",
        "kind",
        "method",
        "refund_id",
        "return_id",
        "shipment_id",
        "state",
        "to_status",
    }
)
"""Texts in an event that say what happened. Every other text may be somebody's words."""


class StillOpen(Conflict):
    """A customer cannot be forgotten yet; `orders` tells by code which orders are why."""

    code = "still_open"

    def __init__(self, orders: Sequence[str]) -> None:
        self.orders = tuple(orders)
        super().__init__(orders=list(orders))


@atomic
def erase_customer(customer: Customer) -> int:
    """Erase everything personal of a customer and return how many orders they had.

    Raises StillOpen, and then nothing has changed. Repeating it finds nothing any more.
    """
    # Carts come first, as in a placement: one that is under way has finished or finds its cart empty.
    carts = db.session.scalars(select(Cart).where(customer.carts).order_by(Cart.id).with_for_update()).all()
    orders = db.session.scalars(
        select(Order).where(customer.orders).order_by(Order.id).with_for_update()
    ).all()
    _check_over(orders)
    names = _names_of(customer, orders)
    _erase_orders(orders, names)
    _erase_money([order.id for order in orders])
    _erase_coupons([order.id for order in orders], names)
    _erase_history(customer, orders)
    _erase_carts(carts, [order.cart_id for order in orders if order.cart_id])
    _erase_person(customer)
    index_orders([order.id for order in orders])
    return len(orders)


def _check_over(orders: Sequence[Order]) -> None:
    """Raise StillOpen when a parcel, money or a return of any of the orders is under way."""
    keys = [order.id for order in orders]
    waiting = set(
        db.session.scalars(
            select(ReturnRequest.order_id).where(
                ReturnRequest.order_id.in_(keys), ReturnRequest.state.in_(OPEN_REQUESTS)
            )
        )
    )
    waiting |= set(
        db.session.scalars(
            select(Payment.order_id).where(Payment.order_id.in_(keys), Payment.state.in_(UNDER_WAY))
        )
    )
    waiting |= set(
        db.session.scalars(select(Refund.order_id).where(Refund.order_id.in_(keys), Refund.state == "queued"))
    )
    found = [order.code for order in orders if order.id in waiting or _is_open(order)]
    if found:
        raise StillOpen(found)


def _is_open(order: Order) -> bool:
    if order.status not in OVER:
        return True
    owing = order.payment_status in ("unpaid", "authorized") and order.total > 0
    return owing and order.status in ("delivered", "completed")


def _names_of(customer: Customer, orders: Sequence[Order]) -> set[str]:
    """Return everything that the histories of these orders may call the customer, in lower case."""
    called = db.session.scalars(
        select(Event.actor_name)
        .where(
            Event.subject_id.in_([order.id for order in orders]), Event.actor_kind.in_(("guest", "member"))
        )
        .distinct()
    )
    known = {*customer.emails, *(order.email for order in orders), *called}
    return {name.lower() for name in known if name}


def _erase_orders(orders: Sequence[Order], names: Iterable[str]) -> None:
    for order in orders:
        order.email, order.name, order.phone = ERASED_EMAIL, NOBODY, ""
        order.note = order.attention = order.customer_reference = ""
        order.shipping_address = {
            **dict.fromkeys(FIELDS, ""),
            "country_code": order.shipping_address.get("country_code", ""),
        }
        # The link in their mails is their secret; it opens nothing any more.
        order.token = secrets.token_urlsafe(32)
    db.session.flush()
    keys = [order.id for order in orders]
    _write(ReturnRequest, ReturnRequest.order_id.in_(keys), reason="", answer="")
    _write(
        ReturnRequest,
        ReturnRequest.order_id.in_(keys) & func.lower(ReturnRequest.asked_by).in_(names),
        asked_by="guest",
    )
    _write(Credit, Credit.order_id.in_(keys), reason="")
    by_hand = OrderAdjustment.order_id.in_(keys) & (OrderAdjustment.source_id == "manual")
    _write(OrderAdjustment, by_hand, label="Discount")
    _write(Shipment, Shipment.order_id.in_(keys), tracking_code="")
    _delete(OrderTag, OrderTag.order_id.in_(keys))
    _erase_movements([order.code for order in orders], list(names))


def _erase_movements(codes: list[str], names: list[str]) -> None:
    """Take names out of the ledger of stock; units and moments stay."""
    if db.engine.dialect.name == "postgresql":
        # The role of the application may only add to the ledger; a function of the owner's changes this one column.
        texts = ARRAY(Text)
        erase = func.erase_stock_movement_actors(literal(codes, texts), literal(names, texts))
        db.session.execute(select(erase))
        return
    caused = StockMovement.reference.in_(codes)
    _write(StockMovement, caused & func.lower(StockMovement.actor).in_(names), actor="guest")


def _erase_money(keys: Sequence[uuid.UUID]) -> None:
    """Take out what people or gateways wrote beside the amounts; a gateway's own references stay, for the books."""
    payments = select(Payment.id).where(Payment.order_id.in_(keys))
    _write(GatewayEvent, GatewayEvent.payment_id.in_(payments), note="")
    by_hand = Payment.order_id.in_(keys) & (Payment.gateway == "manual")
    _write(Payment, by_hand, reference="")
    _write(Payment, Payment.order_id.in_(keys), failure="", pay_url="")
    _write(Refund, Refund.order_id.in_(keys), reason="", failure="")


def _erase_coupons(keys: Sequence[uuid.UUID], names: Iterable[str]) -> None:
    customers = set(db.session.scalars(select(CouponUse.customer).where(CouponUse.order_id.in_(keys))))
    _write(CouponUse, CouponUse.order_id.in_(keys), customer="")
    customers |= {fold_customer(name) for name in names}
    _delete(CouponCustomer, CouponCustomer.customer.in_(customers))


def _erase_history(customer: Customer, orders: Sequence[Order]) -> None:
    subjects = [*(order.id for order in orders), *customer.accounts]
    for event in db.session.scalars(select(Event).where(Event.subject_id.in_(subjects))):
        event.payload = _facts_only(event.payload)
        if event.actor_kind in ("guest", "member"):
            event.actor_name = ""
    db.session.flush()
    mentions = [func.lower(Delivery.error).contains(email, autoescape=True) for email in customer.emails]
    _write(Delivery, or_(Delivery.subject_id.in_(subjects), *mentions), error="")
    codes = [order.code for order in orders]
    _write(WebhookAttempt, WebhookAttempt.subject.in_(codes), answer="", error="")


def _facts_only(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: "" if isinstance(value, str) and name not in FACTS else value for name, value in payload.items()
    }


def _erase_carts(carts: Sequence[Cart], ordered: Sequence[uuid.UUID]) -> None:
    """Empty what was typed into the carts; an open cart is deleted, unless staff prepare it."""
    gone = [cart.id for cart in carts if cart.status == "open" and not cart.draft_by]
    _delete(Cart, Cart.id.in_(gone))
    left = {*(cart.id for cart in carts), *ordered}.difference(gone)
    _write(Cart, Cart.id.in_(left), details={})


def _erase_person(customer: Customer) -> None:
    erase_profile(customer.key)
    _delete(StockAlert, func.lower(StockAlert.email).in_(customer.emails))
    _delete(EmailProof, EmailProof.email.in_(customer.emails) & (EmailProof.purpose != "reset_staff"))
    for email in customer.emails:
        clear_throttle(MEMBER, email)
    # Somebody may have asked for an account with a guest's address and never opened the link.
    _delete(Member, Member.email.in_(customer.emails) & Member.confirmed_at.is_(None))
    if customer.member_id is None:
        return
    _delete(EmailProof, EmailProof.subject_id == customer.member_id)
    _delete(MemberAddress, MemberAddress.member_id == customer.member_id)
    sessions.end_all(MEMBER, customer.member_id)
    _write(
        Member,
        Member.id == customer.member_id,
        email=f"{customer.member_id}@erased.invalid",
        name="",
        phone="",
        password_hash=NO_PASSWORD,
        active=False,
        erased_at=clock.now(),
    )


def _write(model: Any, condition: Any, **values: Any) -> None:
    db.session.execute(
        update(model).where(condition).values(**values).execution_options(synchronize_session=False)
    )


def _delete(model: Any, condition: Any) -> None:
    db.session.execute(delete(model).where(condition).execution_options(synchronize_session=False))
