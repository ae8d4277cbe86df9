"""Members in many browsers at once: carts, links and orders, each released in one instant."""

import threading
from functools import partial

from flask import Flask
from sqlalchemy import select, update

from commerce.accounts.address_book import add_address, addresses_of, prefer_address
from commerce.accounts.email_tokens import issue_token
from commerce.accounts.members import register_member
from commerce.accounts.models import EmailProof, Member
from commerce.accounts.passwords import hash_password
from commerce.accounts.sessions import Device
from commerce.cart.merging import merge_cart
from commerce.cart.queries import load_cart
from commerce.cart.services import member_shopper
from commerce.checkout.services import place_order
from commerce.db import atomic, db
from commerce.events.outbox import Actor
from commerce.members.customers import customer_of_member
from commerce.members.erasure import erase_customer
from commerce.members.services import _enter
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from tests.concurrency.race import kinds, race
from tests.factories.cart import make_cart
from tests.factories.checkout import ADDRESS, order_as_shown, ready_cart
from tests.factories.members import PASSWORD, make_member
from tests.factories.shop import make_product

RACERS = 20


def in_cart(shopper: str) -> dict[str, int]:
    db.session.close()
    cart = load_cart(shopper)
    return {line.sku: line.quantity for line in cart.lines} if cart else {}


def test_sign_ins_in_many_browsers_at_once_lose_nothing(arena: Flask, shop: Shop) -> None:
    member_id = make_member()
    tea = make_product(stock=100)
    for merged in (1, 2, 3):
        guests = [make_cart((tea, 1))[0] for _ in range(8)]
        results = race(arena, shop, [partial(merge_cart, guest, member_id) for guest in guests])
        assert kinds(results) == {"Merged": 8}
        assert in_cart(member_shopper(member_id)) == {"GREEN-TEA": 8 * merged}
        assert all(in_cart(guest) == {} for guest in guests)


def test_a_cart_is_ordered_or_merged_and_never_both(arena: Flask, shop: Shop) -> None:
    member_id = make_member()
    tea = make_product(stock=100)
    ordered = 0
    for _ in range(5):
        guest = ready_cart((tea, 1))
        place = partial(place_order, **order_as_shown(guest))
        placed, _merged = race(arena, shop, [place, partial(merge_cart, guest, member_id)])
        ordered += type(placed).__name__ == "PlacedOrder"
    assert sum(in_cart(member_shopper(member_id)).values()) == 5 - ordered


def test_a_link_that_is_clicked_twenty_times_at_once_opens_one_session(arena: Flask, shop: Shop) -> None:
    register_member("ann@example.com", "Ann")
    token = issue_token(db.session.scalars(select(EmailProof.id)).one())
    made = hash_password(PASSWORD)
    enter = partial(_enter, "confirm_member", token, made, Device())
    assert kinds(race(arena, shop, [enter] * RACERS)) == {"MemberSignIn": 1, "TokenExpired": RACERS - 1}


def test_without_its_guard_a_link_would_open_more_than_one(arena: Flask, shop: Shop) -> None:
    """The control: looking first and noting the use after lets several through."""
    register_member("ann@example.com", "Ann")
    key = db.session.scalars(select(EmailProof.id)).one()
    looked = threading.Barrier(RACERS)

    def unguarded() -> bool:
        free = db.session.scalar(select(EmailProof.used_at).where(EmailProof.id == key)) is None
        db.session.close()
        looked.wait(timeout=30)
        _note_use(key)
        return free

    assert sum(race(arena, shop, [unguarded] * RACERS)) == RACERS


@atomic
def _note_use(key: object) -> None:
    db.session.execute(
        update(EmailProof)
        .where(EmailProof.id == key)
        .values(used_at=EmailProof.created_at)
        .execution_options(synchronize_session=False)
    )


def test_an_address_asked_for_many_times_at_once_is_one_account(arena: Flask, shop: Shop) -> None:
    results = race(arena, shop, [partial(register_member, "ann@example.com", f"Ann {n}") for n in range(8)])
    assert kinds(results) == {"NoneType": 8}
    assert len(db.session.scalars(select(Member.id)).all()) == 1


def test_of_many_preferred_addresses_one_is_preferred(arena: Flask, shop: Shop) -> None:
    member_id = make_member()
    for number in range(6):
        add_address(member_id, name=f"Ann {number}", phone="", address=ADDRESS)
    keys = [each.id for each in addresses_of(member_id)]
    db.session.close()
    race(arena, shop, [partial(prefer_address, member_id, key) for key in keys])
    assert [each.preferred for each in addresses_of(member_id)] == [True] + [False] * 5


def test_two_orders_of_one_members_cart_from_two_browsers_are_one(arena: Flask, shop: Shop) -> None:
    member_id = make_member()
    tea = make_product(stock=100)
    guest = ready_cart((tea, 2))
    merge_cart(guest, member_id)
    shown = order_as_shown(member_shopper(member_id), actor=Actor("member", id=str(member_id)))
    results = race(arena, shop, [partial(place_order, **shown)] * 6)
    assert len({result.code for result in results}) == 1


def test_who_orders_while_they_is_forgotten_is_forgotten_or_has_their_order(arena: Flask, shop: Shop) -> None:
    tea = make_product(stock=100)
    for number in range(5):
        member_id = make_member(f"ann{number}@example.com")
        guest = ready_cart((tea, 1), email=f"ann{number}@example.com")
        merge_cart(guest, member_id)
        shown = order_as_shown(member_shopper(member_id), actor=Actor("member", id=str(member_id)))
        customer = customer_of_member(member_id)
        erase = partial(erase_customer, customer)
        placed, erased = race(arena, shop, [partial(place_order, **shown), erase])
        assert (type(placed).__name__, type(erased).__name__) in (
            ("PlacedOrder", "StillOpen"),
            ("NotFound", "int"),
        )
        found = db.session.scalars(select(Order.name).where(Order.member_id == member_id)).all()
        assert found == (["Ann Buyer"] if isinstance(erased, Exception) else [])
        db.session.close()
