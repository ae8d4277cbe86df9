"""Invitations: mailed, good once, for a week; a new password by mail. Nothing but the link in the mail opens them."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from commerce import clock
from commerce.accounts import invitations, password_reset, staff
from commerce.accounts import sign_in as signing
from commerce.accounts.email_tokens import TokenExpired
from commerce.accounts.models import EmailProof, StaffInvitation, StaffMember
from commerce.accounts.sessions import STAFF, Device, find_signed_in
from commerce.db import atomic, db
from commerce.errors import InvalidValue, NotFound
from commerce.events.models import Event
from commerce.events.outbox import Actor
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.accounts.token_links import mailed_token
from tests.factories.staff import PASSWORD, make_enrolled, make_staff
from tests.notifications.outgoing import Post

OLIVIA = Actor("staff", name="Olivia")
NEW = "another battery horse"
BOB = "bob@people.test"


def accept(token: str, password: str = PASSWORD) -> str:
    return invitations.accept(token, name="Bob", password=password, device=Device())


def test_an_invited_person_chooses_a_password_and_is_in(in_shop: Shop, post: Post) -> None:
    invitations.invite(f" {BOB.upper()} ", "support", OLIVIA)
    token = mailed_token(post, BOB)
    assert invitations.find_invitation(token) == invitations.Invitation(BOB, "support", "Olivia")
    me = find_signed_in(STAFF, accept(token))
    assert me is not None
    assert (me.email, me.name, me.role) == (BOB, "Bob", "support")
    assert invitations.open_invitations() == []
    for again in (accept, invitations.find_invitation):
        with pytest.raises(TokenExpired):
            again(token)
    assert signing.sign_in(STAFF, BOB, PASSWORD).token


def test_no_token_is_stored_anywhere(in_shop: Shop, post: Post) -> None:
    make_staff()
    invitations.invite(BOB, "support", OLIVIA)
    password_reset.ask_for_reset("owner@shop.test")
    tokens = [mailed_token(post, BOB), mailed_token(post, "owner@shop.test")]
    stored = [
        *db.session.scalars(select(StaffInvitation.token_hash)),
        *db.session.scalars(select(EmailProof.token_hash)),
        *(str(payload) for payload in db.session.scalars(select(Event.payload))),
    ]
    assert len(stored) == 4
    assert not any(token in text for token in tokens for text in stored)


def test_a_new_invitation_ends_the_link_of_the_one_before(in_shop: Shop, post: Post) -> None:
    invitations.invite(BOB, "support", OLIVIA)
    first = mailed_token(post, BOB)
    invitations.invite(BOB, "owner", OLIVIA)
    second = mailed_token(post, BOB)
    with pytest.raises(TokenExpired):
        accept(first)
    me = find_signed_in(STAFF, accept(second))
    assert me is not None
    assert me.role == "owner"


def test_an_invitation_is_over_after_a_week_or_when_it_is_withdrawn(in_shop: Shop, post: Post) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        invitations.invite(BOB, "support", OLIVIA)
        invitations.invite("eve@people.test", "owner", OLIVIA)
        token, withdrawn = mailed_token(post, BOB), mailed_token(post, "eve@people.test")
        (eve,) = [row for row in invitations.open_invitations() if row.role == "owner"]
        invitations.withdraw_invitation(eve.id)
        with pytest.raises(TokenExpired):
            accept(withdrawn)
        with pytest.raises(NotFound):
            invitations.withdraw_invitation(eve.id)
        now.shift(timedelta(days=7, seconds=1))
        with pytest.raises(TokenExpired):
            accept(token)
    assert db.session.scalars(select(StaffMember)).all() == []


def test_an_invalid_invitation_is_refused_at_its_field(in_shop: Shop) -> None:
    bob = make_staff("support")
    make_staff()
    staff.deactivate(bob)
    for email, role, field in (
        ("no address", "support", "email"),
        ("support@shop.test", "support", "email"),
        (BOB, "emperor", "role"),
    ):
        with pytest.raises(InvalidValue) as refused:
            invitations.invite(email, role, OLIVIA)
        assert refused.value.field == field


def test_a_weak_password_or_no_name_leaves_the_invitation_open(in_shop: Shop, post: Post) -> None:
    invitations.invite(BOB, "support", OLIVIA)
    token = mailed_token(post, BOB)
    for name, password in (("Bob", "password1234"), ("Bob", "short"), (" ", PASSWORD), ("B\0b", PASSWORD)):
        with pytest.raises(InvalidValue):
            invitations.accept(token, name=name, password=password, device=Device())
    assert find_signed_in(STAFF, accept(token))


def test_a_link_of_one_shop_opens_nothing_in_another(in_shop: Shop, other_shop: Shop, post: Post) -> None:
    make_staff()
    invitations.invite(BOB, "support", OLIVIA)
    password_reset.ask_for_reset("owner@shop.test")
    invited, reset = mailed_token(post, BOB), mailed_token(post, "owner@shop.test")
    with shop_scope(other_shop):
        with pytest.raises(TokenExpired):
            accept(invited)
        with pytest.raises(TokenExpired):
            password_reset.reset_password(reset, NEW)


# --- forgotten passwords -------------------------------------------------------------------------------


def test_a_forgotten_password_is_replaced_and_every_session_ends(in_shop: Shop, post: Post) -> None:
    make_staff()
    before = signing.sign_in(STAFF, "owner@shop.test", PASSWORD).token
    password_reset.ask_for_reset("Owner@Shop.test ")
    token = mailed_token(post, "owner@shop.test")
    with pytest.raises(InvalidValue):
        password_reset.reset_password(token, "password1234")
    assert password_reset.reset_password(token, NEW)
    assert find_signed_in(STAFF, before) is None
    assert signing.sign_in(STAFF, "owner@shop.test", NEW).token
    with pytest.raises(signing.SignInRefused):
        signing.sign_in(STAFF, "owner@shop.test", PASSWORD)
    with pytest.raises(TokenExpired):
        password_reset.reset_password(token, NEW)


def test_a_second_factor_outlives_a_forgotten_password(in_shop: Shop, post: Post) -> None:
    make_enrolled()
    password_reset.ask_for_reset("owner@shop.test")
    password_reset.reset_password(mailed_token(post, "owner@shop.test"), NEW)
    assert signing.sign_in(STAFF, "owner@shop.test", NEW).needs_code


def test_nobody_is_mailed_at_an_address_without_an_account(in_shop: Shop, post: Post) -> None:
    gone = make_staff("support")
    make_staff()
    staff.deactivate(gone)
    for email in ("nobody@shop.test", "support@shop.test", "\0", ""):
        password_reset.ask_for_reset(email)
    with pytest.raises(LookupError):
        mailed_token(post, "nobody@shop.test")
    assert post.letters == []


def test_a_link_expires_after_an_hour_and_when_the_person_is_deactivated(in_shop: Shop, post: Post) -> None:
    bob = make_staff("support")
    make_staff()
    with time_machine.travel(clock.now(), tick=False) as now:
        password_reset.ask_for_reset("owner@shop.test")
        password_reset.ask_for_reset("support@shop.test")
        token, his = mailed_token(post, "owner@shop.test"), mailed_token(post, "support@shop.test")
        staff.deactivate(bob)
        with pytest.raises(TokenExpired):
            password_reset.reset_password(his, NEW)
        now.shift(timedelta(hours=1, seconds=1))
        with pytest.raises(TokenExpired):
            password_reset.reset_password(token, NEW)


def test_a_link_to_a_former_address_sets_no_password(in_shop: Shop, post: Post) -> None:
    owner = make_staff()
    password_reset.ask_for_reset("owner@shop.test")
    token = mailed_token(post, "owner@shop.test")
    atomic(db.session.execute)(
        update(StaffMember)
        .where(StaffMember.id == owner)
        .values(email="new@shop.test")
        .execution_options(synchronize_session=False)
    )
    with pytest.raises(TokenExpired):
        password_reset.reset_password(token, NEW)
    assert signing.sign_in(STAFF, "new@shop.test", PASSWORD).token


def test_a_link_ends_when_the_password_is_changed_by_its_owner(in_shop: Shop, post: Post) -> None:
    make_staff()
    password_reset.ask_for_reset("owner@shop.test")
    token = mailed_token(post, "owner@shop.test")
    me = find_signed_in(STAFF, signing.sign_in(STAFF, "owner@shop.test", PASSWORD).token)
    assert me is not None
    signing.change_password(STAFF, me.id, me.session_id, present=PASSWORD, new=NEW)
    with pytest.raises(TokenExpired):
        password_reset.reset_password(token, "somebody else's battery")
