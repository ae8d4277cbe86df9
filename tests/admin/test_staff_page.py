"""The page on which owners say who works here, and what an invited person sees."""

import re

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce.accounts.models import StaffMember
from commerce.db import atomic, db
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import shop_scope
from tests.accounts.token_links import mailed_token
from tests.admin.conftest import SignedIn
from tests.factories.staff import PASSWORD, csrf_token, make_staff, sign_in
from tests.notifications.outgoing import Post
from tests.support.client import ShopClient

HERE = "/admin/staff"
BOB = "bob@people.test"


@pytest.fixture
def owner(signed_in: SignedIn) -> ShopClient:
    """Olivia, who owns the shop."""
    return signed_in("owner", name="Olivia")


def send(client: ShopClient, path: str, **data: str) -> object:
    return client.post(path, data={"csrf_token": csrf_token(client.get(HERE).text), **data})


def find(email: str) -> StaffMember:
    db.session.close()
    return db.session.scalars(select(StaffMember).where(StaffMember.email == email)).one()


def test_an_owner_invites_and_the_invited_person_comes_in(
    app: Flask, owner: ShopClient, post: Post, in_shop: Shop
) -> None:
    assert send(owner, f"{HERE}/invitations", email=BOB, role="fulfilment").status_code == 303
    page = owner.get(HERE).text
    assert BOB in page
    assert "Invitation sent" in page
    link = f"/admin/invitations/{mailed_token(post, BOB)}"
    bob = app.test_client(host=in_shop.host)
    shown = bob.get(link)
    assert "Olivia invited you to join the staff as fulfilment" in shown.text
    assert shown.headers["Cache-Control"] == "private, no-store"
    assert shown.headers["Referrer-Policy"] == "same-origin"
    weak = bob.post(
        link, data={"csrf_token": csrf_token(shown.text), "name": "Bob", "password": "password1234"}
    )
    assert weak.status_code == 422
    assert "This password is too easy to guess." in weak.text
    assert 'id="error-summary"' in weak.text
    done = bob.post(link, data={"csrf_token": csrf_token(weak.text), "name": "Bob", "password": PASSWORD})
    assert (done.status_code, done.location) == (303, "/admin/")
    assert bob.get("/admin/orders").status_code == 200
    assert bob.get(link).status_code == 404
    assert "Invited" not in owner.get(HERE).text


def test_opening_the_link_does_nothing_and_neither_does_a_form_without_a_token(
    app: Flask, owner: ShopClient, post: Post, in_shop: Shop
) -> None:
    send(owner, f"{HERE}/invitations", email=BOB, role="support")
    link = f"/admin/invitations/{mailed_token(post, BOB)}"
    scanner = app.test_client(host=in_shop.host)
    for _ in range(3):
        assert scanner.get(link).status_code == 200
        assert scanner.head(link).status_code == 200
    assert scanner.post(link, data={"name": "Eve", "password": PASSWORD}).status_code == 400
    assert db.session.scalar(select(StaffMember.id).where(StaffMember.email == BOB)) is None


def test_an_invitation_is_withdrawn(owner: ShopClient, post: Post) -> None:
    send(owner, f"{HERE}/invitations", email=BOB, role="support")
    link = f"/admin/invitations/{mailed_token(post, BOB)}"
    withdrawal = re.search(r'action="(/admin/staff/invitations/[0-9a-f-]+/withdrawal)"', owner.get(HERE).text)
    assert withdrawal
    assert send(owner, withdrawal[1]).status_code == 303
    assert owner.get(link).status_code == 404
    assert send(owner, withdrawal[1]).status_code == 404


def test_roles_change_people_leave_and_come_back(owner: ShopClient) -> None:
    bob = make_staff("support")
    assert send(owner, f"{HERE}/{bob}/role", role="manager", seen="support").status_code == 303
    assert find("support@shop.test").role == "manager"
    stale = send(owner, f"{HERE}/{bob}/role", role="readonly", seen="support")
    assert stale.status_code == 409
    assert "was changed to manager after you opened the page" in stale.text
    assert send(owner, f"{HERE}/{bob}/role", role="emperor", seen="manager").status_code == 422
    assert send(owner, f"{HERE}/{bob}/deactivation").status_code == 303
    assert "Deactivated" in owner.get(HERE).text
    assert send(owner, f"{HERE}/{bob}/activation").status_code == 303
    assert find("support@shop.test").active
    asked = send(owner, f"{HERE}/{bob}/second-factor-reset")
    assert (asked.status_code, "support@shop.test" in asked.text) == (200, True)
    assert send(owner, f"{HERE}/{bob}/second-factor-reset", step="confirm").status_code == 303


def test_the_last_owner_is_reported_that_they_must_stay(owner: ShopClient) -> None:
    me = db.session.scalars(select(StaffMember.id)).one()
    for path, data in (("deactivation", {}), ("role", {"role": "readonly", "seen": "owner"})):
        refused = send(owner, f"{HERE}/{me}/{path}", **data)
        assert refused.status_code == 409
        assert "This is the only active owner. Make someone else an owner first." in refused.text
    assert owner.get(HERE).status_code == 200


def test_a_full_plan_is_said_beside_the_form(owner: ShopClient, in_shop: Shop) -> None:
    atomic(db.session.execute)(update(Tenant).where(Tenant.id == in_shop.id).values(max_staff=1))
    refused = send(owner, f"{HERE}/invitations", email=BOB, role="support")
    assert refused.status_code == 422
    assert "Your plan includes 1 staff accounts" in refused.text
    assert f'value="{BOB}"' in refused.text
    assert "1 of 1 staff accounts used." in refused.text


def test_only_owners_have_the_page_and_others_read_who_may(signed_in: SignedIn) -> None:
    manager = signed_in("manager")
    answer = manager.get(HERE)
    assert answer.status_code == 403
    assert "Only owner can do this." in answer.text
    assert HERE not in manager.get("/admin/orders").text
    token = csrf_token(manager.get("/admin/orders").text)
    refused = manager.post(f"{HERE}/invitations", data={"csrf_token": token, "email": BOB, "role": "owner"})
    assert refused.status_code == 403


def test_charlie_finds_nobody(signed_in: SignedIn, other_shop: Shop) -> None:
    bob = make_staff("support")
    charlie = signed_in("owner", shop=other_shop)
    for path in ("role", "deactivation", "activation", "second-factor-reset"):
        assert send(charlie, f"{HERE}/{bob}/{path}", role="owner", seen="support").status_code == 404
    assert "support@shop.test" not in charlie.get(HERE).text
    assert find("support@shop.test").role == "support"


# --- a forgotten password -------------------------------------------------------------------------------


def test_a_forgotten_password_is_replaced_by_mail(client: ShopClient, in_shop: Shop, post: Post) -> None:
    make_staff()
    answers = []
    for email in ("owner@shop.test", "nobody@shop.test"):
        page = client.get("/admin/password-reset")
        client.post("/admin/password-reset", data={"csrf_token": csrf_token(page.text), "email": email})
        page = client.get("/admin/password-reset").text
        answers.append(re.sub(r'name="(csrf_token|form_id)" value="[^"]+"', "", page))
    assert answers[0] == answers[1], "nobody learns who works here"
    assert "an email with a link" in answers[0]
    link = f"/admin/password-reset/{mailed_token(post, 'owner@shop.test')}"
    assert [to for to, _subject in post.letters] == ["owner@shop.test"]
    page = client.get(link).text
    data = {"csrf_token": csrf_token(page), "password": "another battery horse"}
    assert client.post(link, data=data).location == "/admin/sign-in"
    assert "Password changed" in client.get("/admin/sign-in").text
    assert client.get(link).status_code == 404
    assert sign_in(client, password="another battery horse").status_code == 303


def test_a_link_of_charlies_shop_is_none_here(client: ShopClient, in_shop: Shop, other_shop: Shop) -> None:
    with shop_scope(other_shop):
        make_staff()
    for path in ("password-reset", "invitations"):
        assert client.get(f"/admin/{path}/{'x' * 43}").status_code == 404
