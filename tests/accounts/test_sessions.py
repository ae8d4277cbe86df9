"""One way to sign in for staff, members and operators: what holds for one kind holds for all."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from commerce import clock
from commerce.accounts import sessions
from commerce.accounts import sign_in as signing
from commerce.accounts.models import Member, Operator, StaffMember
from commerce.accounts.passwords import hash_password
from commerce.accounts.sessions import MEMBER, OPERATOR, STAFF, Device, Kind
from commerce.db import atomic, db
from commerce.errors import NotFound
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope

PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
KINDS = [STAFF, MEMBER, OPERATOR]


@atomic
def make_person(kind: Kind[Any, Any]) -> uuid.UUID:
    person = {STAFF: StaffMember, MEMBER: Member, OPERATOR: Operator}[kind]
    row: Any = person(email="ann@people.test", name="Ann", password_hash=HASH)
    db.session.add(row)
    db.session.flush()
    found: uuid.UUID = row.id
    return found


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request: pytest.FixtureRequest, app: Flask, shop: Shop) -> Iterator[Kind[Any, Any]]:
    """A kind with one person, Ann: of Alice's shop, or of none."""
    chosen: Kind[Any, Any] = request.param
    with app.app_context():
        if chosen is OPERATOR:
            make_person(chosen)
            yield chosen
        else:
            with shop_scope(shop):
                make_person(chosen)
                yield chosen


def opened(kind: Kind[Any, Any], **arguments: Any) -> Any:
    done = signing.sign_in(kind, "Ann@People.test", PASSWORD, Device("192.0.2.7", "Firefox"), **arguments)
    found = sessions.find(kind, done.token)
    assert found is not None
    return done.token, *found


def test_the_right_password_opens_a_session_and_a_wrong_one_does_not(kind: Kind[Any, Any]) -> None:
    _token, person, session = opened(kind)
    assert person.email == "ann@people.test"
    assert (session.address, session.user_agent) == ("192.0.2.7", "Firefox")
    for email, password in [("ann@people.test", "wrong"), ("bob@people.test", PASSWORD)]:
        with pytest.raises(signing.SignInRefused):
            signing.sign_in(kind, email, password)
    assert len(sessions.open_sessions(kind, person.id)) == 1


def test_a_session_is_over_when_it_is_not_used_and_when_it_is_old(kind: Kind[Any, Any]) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        token, person, session = opened(kind)
        now.shift(kind.idle * 0.9)
        assert sessions.find(kind, token)
        signing.keep_alive(kind, session.id, session.seen_at)
        now.shift(kind.idle * 0.9)
        assert sessions.find(kind, token)
        now.shift(kind.idle * 0.2)
        assert sessions.find(kind, token) is None
        assert sessions.open_sessions(kind, person.id) == []
        token, person, session = opened(kind)
        while clock.now() + kind.idle / 2 < session.expires_at:
            now.shift(kind.idle / 2)
            assert sessions.find(kind, token)
            signing.keep_alive(kind, session.id, now_seen(kind, token))
        now.shift(kind.idle / 2)
        assert sessions.find(kind, token) is None


def now_seen(kind: Kind[Any, Any], token: str) -> Any:
    found = sessions.find(kind, token)
    assert found is not None
    return found[1].seen_at


def test_a_person_lists_and_ends_their_sessions(kind: Kind[Any, Any]) -> None:
    first, person, session = opened(kind)
    second, *_rest = opened(kind)
    third, *_rest = opened(kind)
    signing.end_session(kind, person.id, session.id)
    assert sessions.find(kind, first) is None
    with pytest.raises(NotFound):
        signing.end_session(kind, person.id, session.id)
    with pytest.raises(NotFound):
        signing.end_session(kind, uuid.uuid4(), sessions.open_sessions(kind, person.id)[0].id)
    kept = sessions.find(kind, second)
    assert kept is not None
    assert signing.end_other_sessions(kind, person.id, kept[1].id) == 1
    assert sessions.find(kind, third) is None
    assert sessions.find(kind, second)


def test_a_new_password_replaces_the_old_one_and_ends_the_other_sessions(kind: Kind[Any, Any]) -> None:
    other, *_rest = opened(kind)
    token, person, session = opened(kind)
    with pytest.raises(signing.SignInRefused):
        signing.change_password(kind, person.id, session.id, present="wrong", new="another battery horse")
    assert sessions.find(kind, other)
    signing.change_password(kind, person.id, session.id, present=PASSWORD, new="another battery horse")
    assert sessions.find(kind, token)
    assert sessions.find(kind, other) is None
    assert signing.sign_in(kind, "ann@people.test", "another battery horse").token
    with pytest.raises(signing.SignInRefused):
        signing.sign_in(kind, "ann@people.test", PASSWORD)


def test_a_proof_counts_for_half_an_hour(kind: Kind[Any, Any]) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        token, person, session = opened(kind)
        assert sessions.is_recent(session.proven_at)
        now.shift(sessions.RECENT)
        assert not sessions.is_recent(session.proven_at)
        with pytest.raises(signing.SignInRefused):
            signing.prove_by_password(kind, person.id, session.id, "wrong")
        assert not is_proven(kind, token)
        signing.prove_by_password(kind, person.id, session.id, PASSWORD)
        assert is_proven(kind, token)


def is_proven(kind: Kind[Any, Any], token: str) -> bool:
    db.session.close()
    found = sessions.find(kind, token)
    assert found is not None
    return sessions.is_recent(found[1].proven_at)


def test_a_rotated_session_has_another_token_and_an_ended_one_has_none(kind: Kind[Any, Any]) -> None:
    token, person, session = opened(kind)
    renewed = atomic(sessions.rotate)(kind, session.id)
    assert sessions.find(kind, token) is None
    assert sessions.find(kind, renewed)
    signing.sign_out(kind, renewed)
    assert atomic(sessions.rotate)(kind, session.id) == ""
    assert sessions.open_sessions(kind, person.id) == []


def test_an_inactive_person_cannot_sign_in(kind: Kind[Any, Any]) -> None:
    token, *_rest = opened(kind)
    person = db.session.scalar(select(kind.person), execution_options=kind.options)
    leaves = update(kind.person).where(kind.person.id == person.id).values(active=False)
    atomic(db.session.execute)(leaves, execution_options=kind.options)
    assert sessions.find(kind, token) is None
    with pytest.raises(signing.SignInRefused):
        signing.sign_in(kind, "ann@people.test", PASSWORD)
