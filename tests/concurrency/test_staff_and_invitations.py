"""What may happen once to people happens once, and an owner is left, however many press in the same instant."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pyotp
import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select, update

from commerce import clock
from commerce.accounts import invitations, password_reset, second_factor, staff
from commerce.accounts import sign_in as signing
from commerce.accounts.email_tokens import issue_token
from commerce.accounts.models import EmailProof, StaffInvitation, StaffMember, StaffSession
from commerce.accounts.passwords import hash_password
from commerce.accounts.sessions import STAFF, Device
from commerce.accounts.sign_in import SignInAttempt
from commerce.accounts.throttle import Source, subject_of
from commerce.db import atomic, db
from commerce.events.outbox import Actor
from commerce.tenants.models import Shop, Tenant
from tests.concurrency.race import kinds, race
from tests.factories.staff import PASSWORD, make_enrolled, make_staff

RACERS = 20
OLIVIA = Actor("staff", name="Olivia")


def owner() -> StaffMember:
    db.session.close()
    return db.session.scalars(select(StaffMember).where(StaffMember.email == "owner@shop.test")).one()


def code_tries(kind: str) -> list[Callable[[], Any]]:
    """Enrol an owner and return one try per racer with one and the same code, each counted and in its own session."""
    codes: list[str] = []
    secret = make_enrolled(codes)
    person = owner()
    attempt = SignInAttempt(
        person.id,
        person.email,
        person.name,
        person.password_hash,
        needs_code=True,
        subject=subject_of(STAFF, "code", person.email),
        source=Source("203.0.113.7", known=False),
    )
    # The step of the first code is spent: the next one is taken half a minute early, as for a telephone that is fast.
    ahead = pyotp.TOTP(secret).generate_otp(person.totp_step + 1)
    code = codes[0] if kind == "paper" else ahead
    return [partial(second_factor.use_code, STAFF, attempt, code, lambda: True)] * RACERS


@pytest.mark.parametrize("kind", ["app", "paper"])
def test_a_code_that_many_send_at_once_opens_one_session(arena: Flask, shop: Shop, kind: str) -> None:
    with time_machine.travel(clock.now(), tick=False):
        results = race(arena, shop, code_tries(kind))
    assert kinds(results) == {"bool": 1, "SignInRefused": RACERS - 1}


def test_without_the_conditional_update_a_code_would_be_good_for_many(
    arena: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: when spending a code always counts as success, all of them get in."""
    monkeypatch.setattr(second_factor, "_use_recovery_code", lambda *_arguments: True)
    results = race(arena, shop, code_tries("paper"))
    assert kinds(results) == {"bool": RACERS}


def test_an_invitation_makes_one_member_of_staff(arena: Flask, shop: Shop) -> None:
    invitations.invite("bob@people.test", "support", OLIVIA)
    (row,) = invitations.open_invitations()
    token = invitations.issue_invitation(row.id)
    accept = partial(invitations._accept, token, "Bob", hash_password(PASSWORD), Device())
    results = race(arena, shop, [accept] * RACERS)
    assert kinds(results) == {"str": 1, "TokenExpired": RACERS - 1}
    assert db.session.scalar(select(func.count()).select_from(StaffMember)) == 1
    assert db.session.scalar(select(func.count()).select_from(StaffSession)) == 1


def test_a_reset_link_sets_one_password(arena: Flask, shop: Shop) -> None:
    make_staff()
    password_reset.ask_for_reset("owner@shop.test")
    token = issue_token(db.session.scalars(select(EmailProof.id)).one())
    passwords = [f"battery horse number {number}" for number in range(4)]
    hashes = [hash_password(password) for password in passwords]
    results = race(arena, shop, [partial(password_reset._reset, token, each) for each in hashes * 5])
    assert kinds(results) == {"UUID": 1, "TokenExpired": RACERS - 1}
    (winner,) = [index for index, result in enumerate(results) if isinstance(result, uuid.UUID)]
    assert signing.sign_in(STAFF, "owner@shop.test", passwords[winner % 4]).token


@pytest.mark.parametrize("deed", ["deactivate", "demote"])
def test_of_two_owners_who_remove_each_other_one_stays(arena: Flask, shop: Shop, deed: str) -> None:
    owners = [make_staff(email=f"{name}@shop.test") for name in ("ann", "ben")]
    calls = [
        partial(staff.deactivate, each)
        if deed == "deactivate"
        else partial(staff.change_role, each, "manager", seen="owner")
        for each in owners
    ]
    results = race(arena, shop, calls * 4)
    assert "LastOwner" in kinds(results)
    left = select(func.count()).where(StaffMember.role == "owner", StaffMember.active)
    assert db.session.scalar(left) == 1


def test_the_last_place_of_a_plan_is_taken_once(arena: Flask, shop: Shop) -> None:
    make_staff()
    gone = make_staff("support")
    staff.deactivate(gone)
    atomic(db.session.execute)(update(Tenant).where(Tenant.id == shop.id).values(max_staff=2))
    calls: list[Callable[[], Any]] = [
        partial(invitations.invite, f"new{number}@people.test", "support", OLIVIA) for number in range(5)
    ]
    results = race(arena, shop, [*calls, partial(staff.reactivate, gone)])
    assert kinds(results) == {"NoneType": 1, "PlanFull": 5}
    active = db.session.scalar(select(func.count()).where(StaffMember.active))
    invited = db.session.scalar(select(func.count()).select_from(StaffInvitation))
    assert (active or 0) + (invited or 0) == 2
