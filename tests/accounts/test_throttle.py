"""Guessing is slowed down, wherever it comes from, and never keeps the owner of an account out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pyotp
import pytest
import time_machine
from flask import Flask
from sqlalchemy import event, select

from commerce import clock
from commerce.accounts import invitations, password_reset, passwords, second_factor, staff, throttle
from commerce.accounts import sign_in as signing
from commerce.accounts.audit import purge_refused_tries
from commerce.accounts.email_tokens import MOST_AN_HOUR, issue_token
from commerce.accounts.models import (
    AuditEntry,
    EmailProof,
    Operator,
    OperatorEntry,
    OperatorSignInThrottle,
    SignInThrottle,
)
from commerce.accounts.sessions import OPERATOR, STAFF, Device, find_signed_in
from commerce.accounts.throttle import CODE, FREE_TRIES_OF_ALL, make_mark, purge_throttles
from commerce.db import atomic, db, insert_rows
from commerce.orders.member_orders import MOST_LINKS_AN_HOUR
from commerce.platform import operator_log
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.members import ANN, make_member
from tests.factories.shop import make_product
from tests.factories.staff import HASH, PASSWORD, make_enrolled, make_staff, sign_in
from tests.support.client import ShopClient

OWNER = "owner@shop.test"
HOME, ELSEWHERE = Device("192.0.2.7"), Device("198.51.100.1")


def guess(device: Device, times: int = 1, email: str = OWNER) -> None:
    """Type a wrong password; what would be refused by the delay alone is refused as well."""
    for _ in range(times):
        with pytest.raises(signing.SignInRefused):
            signing.sign_in(STAFF, email, "wrong password", device)


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check hundreds of passwords without computing hundreds of hashes."""
    monkeypatch.setattr(signing, "verify_password", lambda _stored, password: password == PASSWORD)


def attack_from_everywhere() -> Device:
    """Guess until all addresses together have to wait; return an address that has not guessed yet."""
    fresh = (Device(f"203.0.{number // 250}.{number % 250}") for number in count(1))
    for _ in range(FREE_TRIES_OF_ALL + 1):
        guess(next(fresh))
    return next(fresh)


def test_delays_double_from_two_seconds_to_five_minutes() -> None:
    seconds = [throttle.delay_after(failures).total_seconds() for failures in range(1, 16)]
    assert seconds[:8] == [0, 0, 0, 0, 2, 4, 8, 16]
    assert max(seconds) == throttle.delay_after(10_000).total_seconds() == 300


def test_a_guesser_waits_even_with_the_right_password_and_a_refused_try_makes_it_no_longer(
    in_shop: Shop,
) -> None:
    make_staff()
    with time_machine.travel(clock.now(), tick=False) as now:
        guess(HOME, 5)
        for _ in range(3):
            with pytest.raises(signing.SignInRefused):
                signing.sign_in(STAFF, OWNER, PASSWORD, HOME)
        now.shift(timedelta(seconds=3))
        assert signing.sign_in(STAFF, OWNER, PASSWORD, HOME).token


def test_the_owner_at_another_address_is_not_kept_out(in_shop: Shop) -> None:
    make_staff()
    with time_machine.travel(clock.now(), tick=False):
        guess(ELSEWHERE, 25)
        assert signing.sign_in(STAFF, OWNER, PASSWORD, HOME).token
        with pytest.raises(signing.SignInRefused):
            signing.sign_in(STAFF, OWNER, PASSWORD, ELSEWHERE)


def test_a_right_sign_in_does_not_forgive_the_guesser_elsewhere(in_shop: Shop) -> None:
    make_staff()
    with time_machine.travel(clock.now(), tick=False):
        guess(ELSEWHERE, 5)
        signing.sign_in(STAFF, OWNER, PASSWORD, HOME)
        with pytest.raises(signing.SignInRefused):
            signing.sign_in(STAFF, OWNER, PASSWORD, ELSEWHERE)


def test_addresses_of_one_ipv6_network_are_one_source(in_shop: Shop) -> None:
    make_staff()
    with time_machine.travel(clock.now(), tick=False):
        for host in range(5):
            guess(Device(f"2001:db8::{host:x}"))
        with pytest.raises(signing.SignInRefused):
            signing.sign_in(STAFF, OWNER, PASSWORD, Device("2001:db8::ffff"))


@pytest.mark.usefixtures("cheap_hashes")
def test_guessing_from_many_addresses_is_bounded_and_a_known_browser_passes(in_shop: Shop) -> None:
    staff_id = make_staff()
    with time_machine.travel(clock.now(), tick=False) as now:
        fresh = attack_from_everywhere()
        with pytest.raises(signing.SignInRefused):
            signing.sign_in(STAFF, OWNER, PASSWORD, fresh)
        known = Device(fresh.address, mark=make_mark(STAFF, staff_id, "", gave_code=False))
        assert signing.sign_in(STAFF, OWNER, PASSWORD, known).token
        guess(known, 5)
        with pytest.raises(signing.SignInRefused):
            signing.sign_in(STAFF, OWNER, PASSWORD, known)
        now.shift(timedelta(days=1, minutes=6))
        assert signing.sign_in(STAFF, OWNER, PASSWORD, fresh).token


def test_a_mark_is_good_for_its_person_and_kind_and_a_year(in_shop: Shop) -> None:
    owner, bob = make_staff(), make_staff("support")
    marks = {
        "another person": make_mark(STAFF, bob, "", gave_code=True),
        "another kind": make_mark(OPERATOR, owner, "", gave_code=True),
        "made up": "not a mark",
    }
    with time_machine.travel(clock.now() - timedelta(days=366)):
        marks["too old"] = make_mark(STAFF, owner, "", gave_code=True)
    with time_machine.travel(clock.now(), tick=False):
        guess(HOME, 5)
        for name, mark in marks.items():
            with pytest.raises(signing.SignInRefused):
                signing.sign_in(STAFF, OWNER, PASSWORD, Device(HOME.address, mark=mark))
            assert not throttle.source_of(STAFF, "password", Device(mark=mark), owner).known, name
        own = make_mark(STAFF, owner, "", gave_code=False)
        assert signing.sign_in(STAFF, OWNER, PASSWORD, Device(HOME.address, mark=own)).token


def test_signing_in_again_gives_no_new_counts_and_a_mark_without_a_code_is_none_for_codes(
    in_shop: Shop,
) -> None:
    owner = make_staff()
    first = make_mark(STAFF, owner, "", gave_code=False)
    again = make_mark(STAFF, owner, first, gave_code=False)
    sources = [throttle.source_of(STAFF, "password", Device(mark=mark), owner) for mark in (first, again)]
    assert sources[0] == sources[1]
    assert not throttle.source_of(STAFF, CODE, Device(mark=again), owner).known
    whole = make_mark(STAFF, owner, again, gave_code=True)
    assert throttle.source_of(STAFF, CODE, Device(mark=whole), owner).known


def test_wrong_passwords_of_others_never_delay_a_right_code(in_shop: Shop) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        secret = make_enrolled()
        now.shift(timedelta(seconds=90))
        me = find_signed_in(STAFF, signing.sign_in(STAFF, OWNER, PASSWORD, HOME).token)
        assert me is not None
        guess(HOME, 8)
        code = pyotp.TOTP(secret).at(clock.now())
        assert second_factor.complete_by_code(STAFF, me.id, me.session_id, code, HOME)


def test_a_session_waits_for_its_own_wrong_passwords_alone(in_shop: Shop) -> None:
    make_staff()
    with time_machine.travel(clock.now(), tick=False):
        me = find_signed_in(STAFF, signing.sign_in(STAFF, OWNER, PASSWORD, HOME).token)
        other = find_signed_in(STAFF, signing.sign_in(STAFF, OWNER, PASSWORD, HOME).token)
        assert me is not None
        assert other is not None
        guess(HOME, 8)
        signing.prove_by_password(STAFF, me.id, me.session_id, PASSWORD)
        for _ in range(5):
            with pytest.raises(signing.SignInRefused):
                signing.prove_by_password(STAFF, other.id, other.session_id, "wrong password")
        with pytest.raises(signing.SignInRefused):
            signing.prove_by_password(STAFF, other.id, other.session_id, PASSWORD)
        signing.prove_by_password(STAFF, me.id, me.session_id, PASSWORD)


def reset_by_mail() -> None:
    password_reset.ask_for_reset(OWNER)
    token = issue_token(db.session.scalars(select(EmailProof.id)).one())
    password_reset.reset_password(token, PASSWORD)


def reactivate() -> None:
    make_staff("owner", email="second@shop.test")
    me = db.session.scalars(
        select(invitations.StaffMember).where(invitations.StaffMember.email == OWNER)
    ).one()
    found = me.id
    staff.deactivate(found)
    staff.reactivate(found)


def reset_by_an_owner() -> None:
    me = db.session.scalars(
        select(invitations.StaffMember).where(invitations.StaffMember.email == OWNER)
    ).one()
    staff.reset_second_factor(me.id)


@pytest.mark.usefixtures("cheap_hashes")
@pytest.mark.parametrize("reset", [reset_by_mail, reactivate, reset_by_an_owner])
def test_a_reset_ends_every_delay(in_shop: Shop, reset: Any) -> None:
    make_staff()
    with time_machine.travel(clock.now(), tick=False):
        fresh = attack_from_everywhere()
        with pytest.raises(signing.SignInRefused):
            signing.sign_in(STAFF, OWNER, PASSWORD, fresh)
        reset()
        assert signing.sign_in(STAFF, OWNER, PASSWORD, fresh).token


def test_the_browser_is_marked_at_sign_in_and_the_mark_is_sent_to_the_sign_in_pages_alone(
    client: ShopClient, in_shop: Shop
) -> None:
    make_staff()
    answer = sign_in(client)
    header = next(v for v in answer.headers.getlist("Set-Cookie") if v.startswith("staff_browser="))
    assert "HttpOnly" in header
    assert "Path=/admin" in header
    client.delete_cookie("staff", domain=in_shop.host, path="/admin")
    with time_machine.travel(clock.now(), tick=False):
        guess(Device("127.0.0.1"), 8)
        data = {"csrf_token": client.csrf_token(), "email": OWNER, "password": PASSWORD}
        assert client.post("/admin/sign-in", data=data).status_code == 303
        client.delete_cookie("staff", domain=in_shop.host, path="/admin")
        client.delete_cookie("staff_browser", domain=in_shop.host, path="/admin")
        data["csrf_token"] = client.csrf_token()
        assert client.post("/admin/sign-in", data=data).status_code == 422


def test_with_a_second_factor_the_password_alone_marks_no_browser(client: ShopClient, in_shop: Shop) -> None:
    make_enrolled()
    answer = sign_in(client)
    assert answer.location.startswith("/admin/sign-in/code")
    assert not [v for v in answer.headers.getlist("Set-Cookie") if v.startswith("staff_browser=")]


@contextmanager
def work(*tables: str) -> Iterator[list[str]]:
    """Collect the statements about some tables; those of the page around the form depend on what is cached."""
    done: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if any(table in statement for table in tables):
            done.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield done
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("place", ["/admin/sign-in", "/account/sign-in"])
def test_known_and_unknown_addresses_cost_the_same_statements_and_hashes(
    client: ShopClient, in_shop: Shop, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    make_staff(email=ANN)
    make_member()
    hashed: list[str] = []
    real = passwords.verify_password

    def counted(stored: str, password: str) -> bool:
        hashed.append(stored.rsplit("$", 2)[0])
        return real(stored, password)

    monkeypatch.setattr(signing, "verify_password", counted)
    token = client.csrf_token()
    costs = []
    for _try in range(7):  # those that have to wait, too
        for email in (ANN, "nobody@example.com"):
            hashed.clear()
            with work("sign_in_throttles", "members", "sessions", "audit_entries") as done:
                answer = client.post(
                    place, data={"csrf_token": token, "email": email, "password": "wrong password"}
                )
            assert answer.status_code == 422
            costs.append((done, list(hashed)))
    assert any("sign_in_throttles" in statement for statement in costs[0][0])
    assert all(len(each) == 1 for _done, each in costs)
    for known, unknown in zip(
        costs[2::2], costs[3::2], strict=True
    ):  # the first one fills the caches of the page
        assert known == unknown


@pytest.mark.parametrize("place", ["/admin/password-reset", "/account/password-reset", "/orders/find"])
def test_asking_for_more_links_than_are_mailed_costs_the_same_for_known_and_unknown_addresses(
    client: ShopClient, in_shop: Shop, place: str
) -> None:
    make_staff(email=ANN)
    make_member()
    order = make_order((make_product(stock=1), 1), email=ANN)
    token = client.csrf_token()
    costs = []
    for _asked in range(max(MOST_AN_HOUR, MOST_LINKS_AN_HOUR) + 3):
        for email in (ANN, "nobody@example.com"):
            with work("email_proofs", "events", "members", "orders") as done:
                answer = client.post(place, data={"csrf_token": token, "email": email, "code": order.code})
            assert answer.status_code == 303
            costs.append(done)
    assert len({len(each) for each in costs}) == 2, "at last nothing is written"
    for known, unknown in zip(costs[2::2], costs[3::2], strict=True):
        assert known == unknown


def test_counts_are_deleted_when_they_are_a_day_old(app: Flask, shop: Shop, other_shop: Shop) -> None:
    with app.app_context():
        for each in (shop, other_shop):
            with shop_scope(each):
                make_staff()
                guess(HOME, email="nobody@shop.test")
        with pytest.raises(signing.SignInRefused):
            signing.sign_in(OPERATOR, "nobody@shop.test", "wrong password", HOME)
        with shop_scope(shop):
            assert purge_throttles(STAFF, clock.now() - timedelta(days=1)) == 0
            assert purge_throttles(STAFF, clock.now() + timedelta(seconds=1)) == 1
            assert db.session.scalars(select(SignInThrottle)).all() == []
        with shop_scope(other_shop):
            assert len(db.session.scalars(select(SignInThrottle)).all()) == 1
        assert purge_throttles(OPERATOR, clock.now() + timedelta(seconds=1)) == 1
        everywhere = {"all_tenants": True}
        assert db.session.scalars(select(OperatorSignInThrottle), execution_options=everywhere).all() == []


def test_refused_sign_ins_leave_the_log_after_90_days_and_nothing_else_does(
    app: Flask, shop: Shop, other_shop: Shop
) -> None:
    old, young = clock.now() - timedelta(days=91), clock.now() - timedelta(days=89)
    rows = [
        {"occurred_at": at, "actor_kind": "nobody", "action": action}
        for at in (old, young)
        for action in ("sign_in_refused", "code_refused", "proof_refused", "sign_in")
    ]
    with app.app_context():
        for each in (shop, other_shop):
            with shop_scope(each):
                atomic(insert_rows)(AuditEntry, [dict(row) for row in rows])
        with shop_scope(shop):
            assert purge_refused_tries() == 3
            assert len(db.session.scalars(select(AuditEntry)).all()) == 5
        with shop_scope(other_shop):
            assert len(db.session.scalars(select(AuditEntry)).all()) == 8
        for at, action in ((old, "sign_in_refused"), (old, "sign_in"), (young, "code_refused")):
            atomic(db.session.add)(OperatorEntry(operator="nobody", action=action, occurred_at=at))
        assert operator_log.purge_refused_operator_tries() == 1
        assert sorted(each.action for each in operator_log.newest_entries(1)) == ["code_refused", "sign_in"]


def test_an_operator_is_not_kept_out_either(app: Flask) -> None:
    with app.app_context():
        person = Operator(email=OWNER, name="Olga", password_hash=HASH(PASSWORD))
        atomic(db.session.add)(person)
        for _ in range(8):
            with pytest.raises(signing.SignInRefused):
                signing.sign_in(OPERATOR, OWNER, "wrong password", ELSEWHERE)
        assert signing.sign_in(OPERATOR, OWNER, PASSWORD, HOME).token
