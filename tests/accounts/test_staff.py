"""Who works for the shop: roles change, people leave and come back, an owner is always left, the plan is kept."""

import uuid

import pytest
from sqlalchemy import select, update

from commerce.accounts import invitations, staff
from commerce.accounts import sign_in as signing
from commerce.accounts.models import StaffMember
from commerce.accounts.services import create_staff
from commerce.accounts.sessions import STAFF, find_signed_in
from commerce.db import atomic, db
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.events.outbox import Actor
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import shop_scope
from tests.factories.staff import PASSWORD, make_enrolled, make_staff

OLIVIA = Actor("staff", name="Olivia")


def role_of(staff_id: uuid.UUID) -> str:
    db.session.close()
    return staff.get_staff(staff_id).role


def limit_plan(shop: Shop, places: int | None) -> None:
    """Say how many may work for a shop."""
    atomic(db.session.execute)(update(Tenant).where(Tenant.id == shop.id).values(max_staff=places))


def test_a_role_change_is_refused_when_somebody_else_changed_it_meanwhile(in_shop: Shop) -> None:
    make_staff()
    bob = make_staff("support")
    staff.change_role(bob, "manager", seen="support")
    assert role_of(bob) == "manager"
    with pytest.raises(Conflict):
        staff.change_role(bob, "readonly", seen="support")
    with pytest.raises(InvalidValue):
        staff.change_role(bob, "emperor", seen="manager")
    assert role_of(bob) == "manager"


def test_the_last_active_owner_stays(in_shop: Shop) -> None:
    olivia = make_staff()
    other = make_staff("owner", email="second@shop.test")
    staff.deactivate(other)
    with pytest.raises(staff.LastOwner):
        staff.change_role(olivia, "manager", seen="owner")
    with pytest.raises(staff.LastOwner):
        staff.deactivate(olivia)
    staff.reactivate(other)
    staff.deactivate(olivia)
    with pytest.raises(staff.LastOwner):
        staff.deactivate(other)


def test_deactivation_ends_sessions_and_reactivation_keeps_the_password(in_shop: Shop) -> None:
    make_staff()
    bob = make_staff("support")
    token = signing.sign_in(STAFF, "support@shop.test", PASSWORD).token
    staff.deactivate(bob)
    assert find_signed_in(STAFF, token) is None
    with pytest.raises(signing.SignInRefused):
        signing.sign_in(STAFF, "support@shop.test", PASSWORD)
    staff.reactivate(bob)
    assert find_signed_in(STAFF, token) is None, "an ended session does not come back"
    assert signing.sign_in(STAFF, "support@shop.test", PASSWORD).token


def test_a_lost_second_factor_is_reset_and_every_session_ends(in_shop: Shop) -> None:
    make_enrolled(role="manager")
    opened = signing.sign_in(STAFF, "manager@shop.test", PASSWORD)
    assert opened.needs_code
    staff.reset_second_factor(opened.person_id)
    assert find_signed_in(STAFF, opened.token) is None
    assert not signing.sign_in(STAFF, "manager@shop.test", PASSWORD).needs_code


def test_staff_of_charlies_shop_do_not_exist_here(in_shop: Shop, other_shop: Shop) -> None:
    make_staff()
    with shop_scope(other_shop):
        his = make_staff("support", email="cleo@kites.test")
    for deed in (staff.deactivate, staff.reactivate, staff.reset_second_factor, staff.get_staff):
        with pytest.raises(NotFound):
            deed(his)
    with pytest.raises(NotFound):
        staff.change_role(his, "owner", seen="support")
    with shop_scope(other_shop):
        assert (role_of(his), staff.get_staff(his).active) == ("support", True)


def test_the_plan_limits_the_number_of_staff(in_shop: Shop) -> None:
    make_staff()
    bob = make_staff("support")
    limit_plan(in_shop, 2)
    with pytest.raises(staff.PlanFull):
        create_staff(email="new@shop.test", name="New", password=PASSWORD)
    with pytest.raises(staff.PlanFull):
        invitations.invite("new@shop.test", "support", OLIVIA)
    staff.deactivate(bob)
    invitations.invite("new@shop.test", "support", OLIVIA)
    invitations.invite("new@shop.test", "manager", OLIVIA)
    with pytest.raises(staff.PlanFull):
        staff.reactivate(bob)
    limit_plan(in_shop, None)
    staff.reactivate(bob)
    assert len(db.session.scalars(select(StaffMember.id).where(StaffMember.active)).all()) == 2
