"""Two customers become one: everything of the one is the other's, limits count over both, nothing is lost."""

import uuid

import pytest
from sqlalchemy import func, select

from commerce.accounts.address_book import add_address, addresses_of
from commerce.accounts.models import Member
from commerce.accounts.sessions import MEMBER, Device, find_signed_in
from commerce.accounts.sign_in import SignInRefused, sign_in
from commerce.cart.models import Cart
from commerce.cart.queries import lines_of
from commerce.cart.services import add_line, member_shopper
from commerce.customers import groups
from commerce.customers.profiles import add_customer_note, adopt_profile, change_profile, profile_facts
from commerce.db import Base, atomic, db
from commerce.errors import NotFound, StaleVersion
from commerce.members.customers import (
    Customer,
    customer_of_member,
    customer_of_order,
    find_guests,
    find_members,
)
from commerce.members.erasure import erase_customer
from commerce.members.merging import (
    MERGED,
    NOT_CUSTOMERS,
    NotMergeable,
    merge_customers,
    merge_side,
    merge_version,
)
from commerce.orders.models import Order
from commerce.pricing.models import Coupon, CouponCustomer, CouponUse
from commerce.pricing.queries import counted_customer, coupons_by_code, uses_by_customer
from commerce.pricing.services import CouponConflict, use_coupons
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import ADDRESS, make_order
from tests.factories.members import PASSWORD, make_member
from tests.factories.pricing import make_coupon
from tests.factories.shop import make_product

NAMES_SOMEBODY = ("member_id", "profile_id", "customer_id", "customer", "email")


def merge(kept: Customer, lost: Customer) -> int:
    return merge_customers(kept, lost, seen_version=merge_version(kept, lost))


def fresh(member_id: uuid.UUID) -> Customer:
    db.session.close()
    return customer_of_member(member_id)


def test_every_table_that_names_a_customer_says_what_a_merge_does_with_it() -> None:
    found = set()
    for table in Base.metadata.sorted_tables:
        points = {element.column.table.name for key in table.foreign_keys for element in [key]}
        named = any(name in table.c for name in NAMES_SOMEBODY)
        if named or points & {"members", "customer_profiles"}:
            found.add(table.name)
    found |= {"members", "customer_profiles"}
    assert found - NOT_CUSTOMERS.keys() == set(MERGED)


def test_everything_of_one_account_becomes_the_others(in_shop: Shop) -> None:
    tea = make_product(stock=50)
    ann, bea = make_member("ann@example.com", "Ann"), make_member("bea@example.com", "Bea")
    gold, trade = groups.add_group("Gold"), groups.add_group("Trade")
    kept, lost = customer_of_member(ann), customer_of_member(bea)
    for member, customer, tag, group in ((ann, kept, "vip", gold), (bea, lost, "Berlin", trade)):
        change_profile(customer.key, tags=["both", tag], group_ids=[group], seen_version=0)
        add_customer_note(customer.key, author="Bob", text=f"About {tag}")
        add_address(member, name="Home", phone="", address=ADDRESS)
        add_line(member_shopper(member), tea.variant_id, 2, member_id=member)
    add_address(bea, name="Work", phone="", address={**ADDRESS, "city": "Bonn"})
    theirs = make_order((tea, 1), email="bea@example.com")
    give(theirs.id, bea)
    guest = make_order((tea, 1), email="Bea@example.com")
    token = sign_in(MEMBER, "bea@example.com", PASSWORD, Device()).token
    before = merge_side(kept), merge_side(lost)
    assert merge(kept, lost) == 0
    after = fresh(ann)
    facts = profile_facts(after.key)
    assert facts.tags == ["Berlin", "both", "vip"]
    assert facts.group_names == ["Gold", "Trade"]
    assert {note.text for note in facts.notes} == {"About vip", "About Berlin"}
    assert sorted(each.name for each in addresses_of(ann)) == ["Home", "Work"]
    assert [each.preferred for each in addresses_of(ann)] == [True, False]
    side = merge_side(after)
    assert side.orders == before[0].orders + before[1].orders == 2
    own = db.session.scalars(select(Order.id).where(Order.member_id == ann)).all()
    assert set(own) == {theirs.id, guest.id}
    cart = db.session.scalars(select(Cart).where(Cart.member_id == ann, Cart.status == "open")).one()
    assert [line.quantity for line in lines_of(cart.id)] == [4]
    assert db.session.scalar(select(func.count()).select_from(Cart).where(Cart.member_id == bea)) == 0
    assert find_signed_in(MEMBER, token) is None
    with pytest.raises(SignInRefused):
        sign_in(MEMBER, "bea@example.com", PASSWORD, Device())
    with pytest.raises(NotFound):
        customer_of_member(bea)
    assert [row.email for row in find_members()] == ["ann@example.com"]
    assert sign_in(MEMBER, "ann@example.com", PASSWORD, Device()).token


def test_limits_per_customer_count_over_both_then_and_later(in_shop: Shop) -> None:
    tea = make_product(stock=50)
    emails = ("ann@mail.test", "bea@mail.test", "bea@mail.test", "bea@mail.test")
    orders = [make_order((tea, 1), email=email) for email in emails]
    make_coupon("TEN", each=3)
    coupon = db.session.scalars(select(Coupon)).one()
    for order, email in zip(orders[:2], emails, strict=False):
        use(coupon.id, order.id, email)
    merge(customer_of_order(orders[0].code), customer_of_order(orders[1].code))
    db.session.close()
    for email in ("ann@mail.test", "bea@mail.test", "BEA@mail.test"):
        assert uses_by_customer([coupon.id], email) == {coupon.id: 2}, email
        assert counted_customer(email) == "ann@mail.test"
    assert {use.customer for use in db.session.scalars(select(CouponUse))} == {"ann@mail.test"}
    assert [row.used for row in db.session.scalars(select(CouponCustomer))] == [2]
    facts = list(coupons_by_code(["TEN"]).values())
    atomic(use_coupons)(orders[2].id, facts, "bea@mail.test")
    with pytest.raises(CouponConflict):
        atomic(use_coupons)(orders[3].id, facts, "bea@mail.test")
    assert uses_by_customer([coupon.id], "ann@mail.test") == {coupon.id: 3}


def test_guest_orders_of_both_addresses_are_one_customers_and_keep_their_address(in_shop: Shop) -> None:
    tea = make_product(stock=50)
    ann, bea = (make_order((tea, 1), email=email, name=email) for email in ("ann@mail.test", "bea@mail.test"))
    merge(customer_of_order(ann.code), customer_of_order(bea.code))
    later = make_order((tea, 1), email="Bea@mail.test")
    db.session.close()
    customer = customer_of_order(later.code)
    assert (customer.email, customer.merged) == ("ann@mail.test", ("bea@mail.test",))
    assert merge_side(customer).orders == 3
    assert [(row.email, row.orders) for row in find_guests()] == [("ann@mail.test", 3)]
    emails = {order.email.lower() for order in db.session.scalars(select(Order))}
    assert emails == {"ann@mail.test", "bea@mail.test"}


def test_a_guest_is_merged_into_an_account_and_no_account_into_a_guest(in_shop: Shop) -> None:
    order = make_order((make_product(stock=9), 1), email="bea@mail.test")
    ann = make_member("ann@example.com", "Ann")
    member, guest = customer_of_member(ann), customer_of_order(order.code)
    with pytest.raises(NotMergeable):
        merge(guest, member)
    with pytest.raises(NotMergeable):
        merge(member, member)
    merge(member, guest)
    db.session.close()
    assert customer_of_order(order.code).member_id == ann
    assert find_guests() == []


def test_what_changed_since_the_preview_is_looked_at_again(in_shop: Shop) -> None:
    tea = make_product(stock=9)
    order = make_order((tea, 1), email="bea@mail.test")
    ann = make_member("ann@example.com")
    kept, lost = customer_of_member(ann), customer_of_order(order.code)

    def another_order() -> None:
        make_order((tea, 1), email="bea@mail.test")

    changes = [
        lambda: change_profile(lost.key, tags=["new"], group_ids=[], seen_version=0),
        lambda: change_profile(kept.key, tags=["new"], group_ids=[], seen_version=0),
        lambda: add_address(ann, name="Home", phone="", address=ADDRESS),
        another_order,
    ]
    for change in changes:
        seen = merge_version(kept, lost)
        change()
        with pytest.raises(StaleVersion):
            merge_customers(kept, lost, seen_version=seen)
    db.session.close()
    assert customer_of_order(order.code).email == "bea@mail.test"
    assert profile_facts(lost.key).tags == ["new"]


def test_the_merged_are_erased_together_and_an_address_can_be_registered_anew(in_shop: Shop) -> None:
    ann, bea = make_member("ann@example.com", "Ann"), make_member("bea@example.com", "Bea")
    merge(customer_of_member(ann), customer_of_member(bea))
    again = make_member("bea@example.com", "Bea again")
    atomic(adopt_profile)(again, "bea@example.com")
    db.session.close()
    assert customer_of_member(ann).merged == ()
    assert counted_customer("bea@example.com") == "bea@example.com"
    erase_customer(customer_of_member(ann))
    left = db.session.scalars(select(Member.email)).all()
    assert sorted(email.partition("@")[2] for email in left) == [
        "erased.invalid",
        "example.com",
        "merged.invalid",
    ]


def test_customers_of_two_shops_are_never_merged(in_shop: Shop, other_shop: Shop) -> None:
    ann = customer_of_member(make_member("ann@example.com"))
    with shop_scope(other_shop):
        theirs = customer_of_member(make_member("bea@example.com"))
    with pytest.raises(NotFound):
        merge_customers(ann, theirs, seen_version=1)
    with shop_scope(other_shop):
        assert [row.email for row in find_members()] == ["bea@example.com"]


@atomic
def give(order_id: uuid.UUID, member_id: uuid.UUID) -> None:
    db.session.scalars(select(Order).where(Order.id == order_id)).one().member_id = member_id


@atomic
def use(coupon_id: uuid.UUID, order_id: uuid.UUID, email: str) -> None:
    db.session.add(CouponUse(coupon_id=coupon_id, order_id=order_id, customer=email))
    db.session.add(CouponCustomer(coupon_id=coupon_id, customer=email, used=1))
