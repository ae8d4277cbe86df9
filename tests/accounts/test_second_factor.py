"""Codes of an app and codes from paper: each is good once, wrong ones make the account pause, nothing opens before."""

from datetime import timedelta

import pyotp
import pytest
import time_machine
from sqlalchemy import select

from commerce import clock
from commerce.accounts import second_factor, sessions
from commerce.accounts import sign_in as signing
from commerce.accounts.models import RecoveryCode, StaffMember
from commerce.accounts.sessions import STAFF, SignedIn, find_signed_in
from commerce.db import db
from commerce.errors import Conflict, InvalidValue, Rejected
from commerce.tenants.models import Shop
from tests.factories.staff import PASSWORD, make_enrolled, make_staff

OWNER = "owner@shop.test"


def signed_in() -> SignedIn:
    """Give the password and return what is open now."""
    db.session.close()
    found = find_signed_in(STAFF, signing.sign_in(STAFF, OWNER, PASSWORD).token)
    assert found is not None
    return found


def person() -> StaffMember:
    db.session.close()
    return db.session.scalars(select(StaffMember).where(StaffMember.email == OWNER)).one()


def test_the_first_code_turns_it_on_and_ten_recovery_codes_are_made(in_shop: Shop) -> None:
    make_staff()
    me = signed_in()
    secret, carried = second_factor.new_totp_secret(me.id)
    assert secret not in carried
    with pytest.raises(InvalidValue):
        second_factor.enroll(STAFF, me.id, me.session_id, carried=carried, code="000000x")
    assert person().totp_since is None
    code = pyotp.TOTP(secret).at(clock.now())
    enrolled = second_factor.enroll(
        STAFF, me.id, me.session_id, carried=carried, code=f"{code[:3]} {code[3:]}"
    )
    assert len(set(enrolled.recovery_codes)) == 10
    assert second_factor.recovery_codes_left(me.id) == 10
    assert secret not in (person().totp_secret or "")
    stored = db.session.scalars(select(RecoveryCode.code_hash)).all()
    assert not set(stored) & {code.replace("-", "") for code in enrolled.recovery_codes}
    whole = find_signed_in(STAFF, enrolled.token)
    assert whole is not None
    assert not whole.waits_for_code
    with pytest.raises(Conflict):
        second_factor.enroll(STAFF, me.id, me.session_id, carried=carried, code=code)


def test_a_secret_that_was_made_for_somebody_else_is_refused(in_shop: Shop) -> None:
    me, other = make_staff(), make_staff("manager")
    secret, carried = second_factor.new_totp_secret(other)
    for foreign in (carried, "nonsense", ""):
        with pytest.raises(Rejected):
            second_factor.enroll(STAFF, me, me, carried=foreign, code=pyotp.TOTP(secret).now())


def test_the_password_alone_opens_nothing_any_more(in_shop: Shop) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        secret = make_enrolled()
        waiting = signed_in()
        assert waiting.waits_for_code
        now.shift(timedelta(seconds=30))
        token = second_factor.complete_by_code(
            STAFF, waiting.id, waiting.session_id, pyotp.TOTP(secret).at(clock.now())
        )
        whole = find_signed_in(STAFF, token)
        assert whole is not None
        assert not whole.waits_for_code
        assert whole.session_id == waiting.session_id


def test_a_code_works_once_and_no_earlier_code_works_after_it(in_shop: Shop) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        secret = make_enrolled()
        now.shift(timedelta(seconds=90))
        me, made = signed_in(), pyotp.TOTP(secret)
        code, before = made.at(clock.now()), made.at(clock.now() - timedelta(seconds=30))
        second_factor.complete_by_code(STAFF, me.id, me.session_id, code)
        for spent in (code, before):
            with pytest.raises(signing.SignInRefused):
                second_factor.complete_by_code(STAFF, me.id, me.session_id, spent)


@pytest.mark.parametrize(("seconds", "good"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_phone_may_be_half_a_minute_off(in_shop: Shop, seconds: int, good: bool) -> None:
    with time_machine.travel(clock.now(), tick=False):
        secret = pyotp.random_base32()
        code = pyotp.TOTP(secret).at(clock.now() + timedelta(seconds=seconds))
        assert (second_factor.totp_step(secret, code, after=0) is not None) == good


def test_a_recovery_code_works_once_however_it_is_typed(in_shop: Shop) -> None:
    codes: list[str] = []
    make_enrolled(codes)
    me = signed_in()
    assert second_factor.complete_by_code(STAFF, me.id, me.session_id, f" {codes[0].upper()} ")
    assert second_factor.recovery_codes_left(me.id) == 9
    for spent in (codes[0], "", "aaaa-bbbb-cccc-dddd"):
        with pytest.raises(signing.SignInRefused):
            second_factor.complete_by_code(STAFF, me.id, me.session_id, spent)
    renewed = second_factor.renew_recovery_codes(me.id)
    assert second_factor.recovery_codes_left(me.id) == 10
    with pytest.raises(signing.SignInRefused):
        second_factor.complete_by_code(STAFF, me.id, me.session_id, codes[1])
    assert second_factor.complete_by_code(STAFF, me.id, me.session_id, renewed[0])


def test_the_codes_of_a_colleague_are_worth_nothing(in_shop: Shop) -> None:
    codes: list[str] = []
    make_enrolled(codes)
    make_staff("manager")
    other = find_signed_in(STAFF, signing.sign_in(STAFF, "manager@shop.test", PASSWORD).token)
    assert other is not None
    with pytest.raises(signing.SignInRefused):
        second_factor.complete_by_code(STAFF, other.id, other.session_id, codes[0])


def test_wrong_codes_delay_the_next_one_and_the_right_password_does_not_forgive_them(in_shop: Shop) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        secret = make_enrolled()
        now.shift(timedelta(seconds=90))
        for _ in range(5):
            me = signed_in()
            with pytest.raises(signing.SignInRefused):
                second_factor.complete_by_code(STAFF, me.id, me.session_id, "000000")
        me = signed_in()
        with pytest.raises(signing.SignInRefused):
            second_factor.complete_by_code(STAFF, me.id, me.session_id, pyotp.TOTP(secret).at(clock.now()))
        now.shift(timedelta(seconds=3))
        me = signed_in()
        second_factor.complete_by_code(STAFF, me.id, me.session_id, pyotp.TOTP(secret).at(clock.now()))


def test_a_recovery_code_never_waits_for_wrong_codes_of_others(in_shop: Shop) -> None:
    codes: list[str] = []
    make_enrolled(codes)
    me = signed_in()
    for _ in range(6):
        with pytest.raises(signing.SignInRefused):
            second_factor.complete_by_code(STAFF, me.id, me.session_id, "000000")
    assert second_factor.complete_by_code(STAFF, me.id, me.session_id, codes[0])


def test_a_code_is_a_proof_and_keeps_the_session_as_it_is(in_shop: Shop) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        secret = make_enrolled()
        now.shift(timedelta(seconds=30))
        me = signed_in()
        token = second_factor.complete_by_code(
            STAFF, me.id, me.session_id, pyotp.TOTP(secret).at(clock.now())
        )
        now.shift(sessions.RECENT)
        second_factor.prove_by_code(STAFF, me.id, me.session_id, pyotp.TOTP(secret).at(clock.now()))
        db.session.close()
        proven = find_signed_in(STAFF, token)
        assert proven is not None
        assert proven.recently_proven


def test_a_second_factor_can_be_removed_with_everything_that_belongs_to_it(in_shop: Shop) -> None:
    make_enrolled()
    me = signed_in()
    second_factor.remove_second_factor(STAFF, me.id)
    assert (person().totp_secret, person().totp_since, person().totp_step) == (None, None, 0)
    assert second_factor.recovery_codes_left(me.id) == 0
    assert not signed_in().waits_for_code
    with pytest.raises(Conflict):
        second_factor.renew_recovery_codes(me.id)
