"""What nobody followed up is forgotten: links that are over, accounts that were asked for and never opened."""

from datetime import timedelta

import time_machine
from flask import Flask
from sqlalchemy import func, select

from commerce import clock
from commerce.accounts.members import forgot_password, register_member
from commerce.accounts.models import EmailProof, Member, MemberSession
from commerce.accounts.sessions import MEMBER, Device
from commerce.accounts.sign_in import sign_in
from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.worker import purge_expired_records
from tests.factories.members import ANN, PASSWORD, make_member


def counts() -> list[int]:
    db.session.close()
    return [
        db.session.scalar(select(func.count()).select_from(m)) or 0
        for m in (Member, EmailProof, MemberSession)
    ]


def test_expired_links_sessions_and_unconfirmed_accounts_are_deleted_and_members_stay(
    app: Flask, shop: Shop
) -> None:
    with app.app_context():
        with shop_scope(shop):
            make_member()
            sign_in(MEMBER, ANN, PASSWORD, Device())
            register_member("new@example.com", "New")
            forgot_password("nobody@example.com")
        for days, left in ((0, [2, 2, 1]), (3, [2, 0, 1]), (8, [1, 0, 1]), (31, [1, 0, 0])):
            with time_machine.travel(clock.now() + timedelta(days=days), tick=False):
                purge_expired_records()
            with shop_scope(shop):
                assert counts() == left
