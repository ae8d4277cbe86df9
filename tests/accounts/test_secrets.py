"""Secrets of accounts are in no page and no file that anybody else can open, whatever their role."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.accounts import api_clients, invitations, members, password_reset, permissions
from commerce.accounts import sign_in as signing
from commerce.accounts.email_tokens import issue_token
from commerce.accounts.models import EmailProof, StaffInvitation
from commerce.accounts.sessions import MEMBER, STAFF
from commerce.db import Base, db
from commerce.events.outbox import Actor
from commerce.tenants.models import Shop
from tests.factories.members import ANN, make_member
from tests.factories.members import PASSWORD as OF_ANN
from tests.factories.staff import PASSWORD, make_enrolled, make_staff, sign_in
from tests.support.client import ShopClient

SECRET_COLUMNS = ("token_hash", "code_hash", "password_hash", "totp_secret", "subject")
TABLES = (
    *("staff_members", "staff_sessions", "staff_invitations", "recovery_codes", "sign_in_throttles"),
    *("members", "member_sessions", "email_proofs", "api_keys"),
)


@pytest.fixture
def secrets(in_shop: Shop) -> list[str]:
    """Everything secret of a shop in which everybody has an account, is signed in, and waits for a mail."""
    codes: list[str] = []
    make_enrolled(codes)
    for role in permissions.ROLES[1:]:
        make_staff(role)
    member_id = make_member()
    plain = [signing.sign_in(STAFF, "owner@shop.test", PASSWORD).token]
    plain.append(signing.sign_in(MEMBER, ANN, OF_ANN).token)
    with pytest.raises(signing.SignInRefused):
        signing.sign_in(STAFF, "owner@shop.test", "wrong password")
    invitations.invite("new@shop.test", "support", Actor("staff", name="Olivia"))
    plain.append(invitations.issue_invitation(db.session.scalars(select(StaffInvitation.id)).one()))
    password_reset.ask_for_reset("owner@shop.test")
    members.forgot_password(ANN)
    plain += [issue_token(proof) for proof in db.session.scalars(select(EmailProof.id)).all()]
    client_id = api_clients.create_client("Till", by="Olivia")
    key = api_clients.issue_key(client_id, scopes=["orders:read"], by="Olivia")
    stored = [str(value) for value in _stored()]
    assert member_id
    return [*plain, *codes, key, *stored]


def _stored() -> Iterator[object]:
    for name in TABLES:
        table = Base.metadata.tables[name]
        columns = [table.c[column] for column in SECRET_COLUMNS if column in table.c]
        rows = db.session.execute(select(*columns)).all()
        assert columns, name
        assert rows, name
        yield from (value for row in rows for value in row if value)


@pytest.mark.parametrize(
    "path",
    [
        "/admin/invitations",
        "/admin/password-reset",
        "/account/password-reset",
        "/account/confirmation",
        "/orders",
    ],
)
def test_the_log_names_a_refused_link_without_its_secret(
    client: ShopClient, in_shop: Shop, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    token = "a-secret-that-opens-an-account"
    page = f"{path}/{token}" + ("/cancellation" if path == "/orders" else "")
    assert client.post(page).status_code == 400
    assert f"{path}/<token>" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize("role", permissions.ROLES)
def test_no_page_of_the_back_office_shows_a_secret_of_an_account(
    app: Flask, client: ShopClient, in_shop: Shop, secrets: list[str], role: str
) -> None:
    if role == "owner":
        make_staff(email="second@shop.test")
        assert sign_in(client, "second@shop.test").status_code == 303
    else:
        assert sign_in(client, f"{role}@shop.test").status_code == 303
    pages = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/admin") and "GET" in (rule.methods or ()) and not rule.arguments
    ]
    seen = 0
    for path in [*pages, f"/admin/customers/{ANN}"]:
        answer = client.get(path)
        assert answer.status_code < 500, path
        seen += answer.status_code == 200
        shown = [secret for secret in secrets if secret in answer.text or secret in str(answer.headers)]
        assert shown == [], path
    assert seen > 10


def test_a_customers_file_holds_no_secret(client: ShopClient, in_shop: Shop, secrets: list[str]) -> None:
    client.post(
        "/account/sign-in", data={"csrf_token": client.csrf_token(), "email": ANN, "password": OF_ANN}
    )
    data = {"csrf_token": client.csrf_token(), "copy-password": OF_ANN}
    answer = client.post("/account/data/copy", data=data)
    assert answer.status_code == 200
    assert ANN in answer.text
    assert [secret for secret in secrets if secret in answer.text] == []
