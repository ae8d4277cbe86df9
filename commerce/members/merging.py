"""Merge two customers into one: everything of the one becomes the other's, and nothing is lost.

Which address and account stay is chosen by who is kept. An account is never merged into a customer without one. The
account of the other is closed: its sessions end, its address opens nothing any more, and whoever reads that address may
register again. What is ordered with the former address as a guest, then or later, is the kept customer's; orders keep
the address that they were placed with, and their mails go there.

A new table that names a customer belongs into MERGED; a test compares it with the models.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from commerce import clock
from commerce.accounts import sessions
from commerce.accounts.members import NO_PASSWORD
from commerce.accounts.models import EmailProof, Member, MemberAddress
from commerce.accounts.sessions import MEMBER
from commerce.accounts.throttle import clear_throttle
from commerce.cart.merging import take_over_cart
from commerce.cart.models import Cart, CartLine
from commerce.cart.services import member_shopper
from commerce.customers.models import (
    CustomerGroupMember,
    CustomerNote,
    CustomerProfile,
    CustomerTag,
    MergedEmail,
)
from commerce.customers.profiles import ensure_profile, find_profile, merge_profiles
from commerce.db import atomic, check_version, current_tenant_id, db, dialect_name
from commerce.errors import Conflict
from commerce.inventory.models import StockAlert
from commerce.members.customers import Customer, customer_of_member, customer_of_profile
from commerce.orders.models import Order, ReturnRequest
from commerce.pricing.models import Coupon, CouponCustomer, CouponUse
from commerce.pricing.queries import fold_customer
from commerce.tenants.row_hash import row_fingerprint

MERGED: Mapping[str, str] = {
    "carts": "the open cart is united with that of the account that stays; drafts and ordered carts are theirs, too",
    "coupon_customers": "added up, so that limits per customer count over both",
    "coupon_uses": "counted for the address that stays",
    "customer_addresses": "moved",
    "customer_group_members": "united",
    "customer_notes": "moved",
    "customer_profiles": "united; what the kept one has not is taken from the other",
    "customer_tags": "united",
    "email_proofs": "deleted: mailed links of the closed account open nothing any more",
    "member_addresses": "moved, each once",
    "member_sessions": "ended",
    "members": "the account is closed and emptied",
    "merged_emails": "moved; the address and the closed account are added",
    "orders": "moved to the account that stays; without one, found by the address as before",
    "stock_alerts": "stay with the address that asked, which is theirs, too",
}
"""Table that names a customer -> what a merge does with its rows."""
NOT_CUSTOMERS: Mapping[str, str] = {
    "operators": "they run the installation",
    "staff_invitations": "about staff",
    "staff_members": "about staff",
}
"""Table with an address that is not a customer's."""


class NotMergeable(Conflict):
    """These two cannot be merged, or not this way round."""

    code = "not_mergeable"


@dataclass(frozen=True, slots=True)
class MergeSide:
    """What one of two customers has, for the preview of their merge."""

    orders: int
    returns: int
    addresses: int
    cart_lines: int
    drafts: int
    coupon_uses: int
    notes: int
    alerts: int
    tags: Sequence[str]
    groups: int


def check_mergeable(kept: Customer, lost: Customer) -> None:
    """Raise NotMergeable for a customer with themselves, and for an account into a customer without one."""
    if kept.key == lost.key or kept.email == lost.email:
        raise NotMergeable("merge_with_oneself")
    if lost.member_id is not None and kept.member_id is None:
        raise NotMergeable("merge_account_stays")


def merge_version(kept: Customer, lost: Customer) -> int:
    """Return the number by which a form says which two customers it had shown."""
    return row_fingerprint(_state(kept), _state(lost))


def _state(customer: Customer) -> list[Any]:
    """Return what a preview shows of a customer and somebody may change meanwhile."""
    profile = find_profile(customer.key)
    member = (
        db.session.execute(
            select(Member.email, Member.name, Member.phone, Member.active).where(
                Member.id == customer.member_id
            )
        ).one_or_none()
        if customer.member_id
        else None
    )
    return [
        customer.email,
        str(customer.member_id),
        list(customer.merged),
        [str(profile.id), profile.version] if profile else [],
        _newest(Order, customer.orders),
        list(member or ()),
        _newest(MemberAddress, MemberAddress.member_id == customer.member_id),
    ]


def _newest(model: Any, condition: Any) -> list[str]:
    """Return how many rows there are, and the id of the newest."""
    last = select(model.id).where(condition).order_by(model.id.desc()).limit(1)
    return [str(_count(model, condition)), str(db.session.scalar(last))]


def merge_side(customer: Customer) -> MergeSide:
    """Return what a customer has."""
    profile = find_profile(customer.key)
    order_ids = select(Order.id).where(customer.orders)
    in_profile = [profile.id] if profile else []
    return MergeSide(
        orders=_count(Order, customer.orders),
        returns=_count(ReturnRequest, ReturnRequest.order_id.in_(order_ids)),
        addresses=_count(MemberAddress, MemberAddress.member_id == customer.member_id)
        if customer.member_id
        else 0,
        cart_lines=_cart_lines(customer),
        drafts=_count(Cart, customer.carts, Cart.draft_by != "", Cart.status == "open"),
        coupon_uses=_count(CouponUse, CouponUse.order_id.in_(order_ids), CouponUse.given_back_at.is_(None)),
        notes=_count(CustomerNote, CustomerNote.profile_id.in_(in_profile)),
        alerts=_count(StockAlert, func.lower(StockAlert.email).in_(customer.emails)),
        tags=db.session.scalars(
            select(CustomerTag.tag)
            .where(CustomerTag.profile_id.in_(in_profile))
            .order_by(func.lower(CustomerTag.tag))
        ).all(),
        groups=_count(CustomerGroupMember, CustomerGroupMember.profile_id.in_(in_profile)),
    )


def _count(model: Any, *conditions: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def _cart_lines(customer: Customer) -> int:
    if customer.member_id is None:
        return 0
    from_cart = (
        select(func.count())
        .select_from(CartLine)
        .join(Cart, (Cart.tenant_id == CartLine.tenant_id) & (Cart.id == CartLine.cart_id))
    )
    own = from_cart.where(Cart.member_id == customer.member_id, Cart.status == "open", Cart.draft_by == "")
    return db.session.scalar(own) or 0


# --- the merge --------------------------------------------------------------------------------------


@atomic
def merge_customers(kept: Customer, lost: Customer, *, seen_version: int) -> int:
    """Merge a customer into another, and return how many lines of carts found no room in the one that is kept.

    Raises NotMergeable, NotFound, StaleVersion when either was changed since the preview.
    """
    _lock_both(kept, lost)
    kept, lost = _again(kept), _again(lost)
    check_mergeable(kept, lost)
    check_version("customer", seen_version, merge_version(kept, lost))
    left_out = _move_carts(kept, lost)
    _move_orders(kept, lost)
    _move_coupons(kept, lost)
    _move_profile(kept, lost)
    if lost.member_id is not None and kept.member_id is not None:
        _move_addresses(kept.member_id, lost.member_id)
        _close_account(kept.member_id, lost.member_id, lost.email)
    return left_out


def _lock_both(kept: Customer, lost: Customer) -> None:
    """Lock in the order of a placement: carts, orders, then who they belong to."""
    for model, condition in ((Cart, kept.carts | lost.carts), (Order, kept.orders | lost.orders)):
        rows: Any = select(model.id).where(condition).order_by(model.id).with_for_update()
        db.session.execute(rows).all()
    accounts = sorted((*kept.accounts, *lost.accounts))
    db.session.execute(
        select(Member.id).where(Member.id.in_(accounts)).order_by(Member.id).with_for_update()
    ).all()
    profiles = kept.key.profile | lost.key.profile
    db.session.execute(
        select(CustomerProfile.id).where(profiles).order_by(CustomerProfile.id).with_for_update()
    ).all()


def _again(customer: Customer) -> Customer:
    """Return a customer as they are under the locks. Raises NotFound."""
    db.session.expire_all()
    if customer.member_id is not None:
        return customer_of_member(customer.member_id)
    profile = find_profile(customer.key)
    return customer_of_profile(profile.id) if profile else customer


def _move_carts(kept: Customer, lost: Customer) -> int:
    if lost.member_id is None or kept.member_id is None:
        return 0
    united = take_over_cart(member_shopper(lost.member_id), kept.member_id)
    _write(Cart, (Cart.member_id == lost.member_id) & (Cart.status != "open"), member_id=kept.member_id)
    return united.left_out if united else 0


def _move_orders(kept: Customer, lost: Customer) -> None:
    if kept.member_id is not None:
        _write(Order, lost.orders, member_id=kept.member_id)


def _move_coupons(kept: Customer, lost: Customer) -> None:
    """Count the uses of both for one, under the locks of the coupons: whoever uses or changes one waits."""
    mine, theirs = fold_customer(kept.email), {fold_customer(email) for email in lost.emails}
    used = select(CouponUse.coupon_id).where(CouponUse.customer.in_(theirs))
    counted = select(CouponCustomer.coupon_id).where(CouponCustomer.customer.in_(theirs))
    coupons = select(Coupon.id).where(Coupon.id.in_(used) | Coupon.id.in_(counted)).order_by(Coupon.id)
    db.session.execute(coupons.with_for_update()).all()
    _write(CouponUse, CouponUse.customer.in_(theirs), customer=mine)
    rows = db.session.execute(
        select(CouponCustomer.coupon_id, func.sum(CouponCustomer.used))
        .where(CouponCustomer.customer.in_(theirs))
        .group_by(CouponCustomer.coupon_id)
    ).all()
    _delete(CouponCustomer, CouponCustomer.customer.in_(theirs))
    insert: Any = postgresql.insert if dialect_name() == "postgresql" else sqlite.insert
    for coupon_id, uses in rows:
        row = {"tenant_id": current_tenant_id(), "coupon_id": coupon_id, "customer": mine, "used": int(uses)}
        statement = insert(CouponCustomer).values(**row)
        db.session.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "coupon_id", "customer"],
                set_={"used": CouponCustomer.used + int(uses)},
            )
        )


def _move_profile(kept: Customer, lost: Customer) -> None:
    mine, theirs = ensure_profile(kept.key), find_profile(lost.key)
    if theirs is not None:
        merge_profiles(theirs, mine)
    else:
        mine.version += 1
    _delete(MergedEmail, MergedEmail.email == lost.email)
    db.session.add(MergedEmail(email=lost.email, profile_id=mine.id, member_id=lost.member_id))
    db.session.flush()


def _move_addresses(kept_id: uuid.UUID, lost_id: uuid.UUID) -> None:
    own = db.session.scalars(select(MemberAddress).where(MemberAddress.member_id == kept_id)).all()
    known = [(each.name, each.address) for each in own]
    for address in db.session.scalars(select(MemberAddress).where(MemberAddress.member_id == lost_id)).all():
        if (address.name, address.address) in known:
            db.session.delete(address)
            continue
        address.member_id, address.preferred = kept_id, address.preferred and not own
    db.session.flush()


def _close_account(kept_id: uuid.UUID, lost_id: uuid.UUID, email: str) -> None:
    """Empty the account that goes: nobody can sign in with it. What the other does not say is taken from it."""
    kept, lost = (
        db.session.scalars(
            select(Member).where(Member.id == key).execution_options(populate_existing=True)
        ).one()
        for key in (kept_id, lost_id)
    )
    kept.name, kept.phone = kept.name or lost.name, kept.phone or lost.phone
    sessions.end_all(MEMBER, lost_id)
    _delete(EmailProof, (EmailProof.subject_id == lost_id))
    clear_throttle(MEMBER, email)
    lost.email, lost.name, lost.phone = f"{lost_id}@merged.invalid", "", ""
    lost.password_hash, lost.active, lost.erased_at = NO_PASSWORD, False, clock.now()
    db.session.flush()


def _write(model: Any, condition: Any, **values: Any) -> None:
    db.session.execute(
        update(model).where(condition).values(**values).execution_options(synchronize_session=False)
    )


def _delete(model: Any, condition: Any) -> None:
    db.session.execute(delete(model).where(condition).execution_options(synchronize_session=False))
