"""Members come in: by a link that only the reader of an address gets, then by a password. Nobody learns who has one."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from commerce import clock
from commerce.accounts.email_tokens import MOST_AN_HOUR
from commerce.accounts.models import EmailProof, Member, MemberSession
from commerce.db import db
from commerce.events.models import Event
from commerce.orders.member_orders import orders_of_member
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.members import ANN, PASSWORD, link_in, make_member, send, sign_in_member
from tests.factories.shop import make_product
from tests.factories.staff import csrf_token
from tests.notifications.orders import work
from tests.notifications.outgoing import Post, text_of
from tests.support.client import ShopClient

CONFIRM = "Confirm your email address"
RESET = "Your account: choose a new password"
WRONG = "is incorrect"


def register(client: ShopClient, email: str = ANN) -> None:
    answer = send(client, "/account/register", {"email": email, "name": "Ann Buyer"})
    assert (answer.status_code, answer.location) == (303, "/account/mail-sent")
    work()


def is_signed_in(client: ShopClient) -> bool:
    return client.get("/account/").status_code == 200


def test_a_new_member_chooses_a_password_behind_the_link_and_is_signed_in(
    client: ShopClient, post: Post
) -> None:
    register(client, "Ann@Example.com")
    assert post.letters == [(ANN, CONFIRM)]
    assert not is_signed_in(client)
    link = link_in(post, CONFIRM)
    assert client.get(link).status_code == 200
    assert not is_signed_in(client)
    answer = send(client, link, {"password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/account/")
    page = client.get("/account/")
    assert "Hello Ann Buyer" in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    send(client, "/account/sign-out")
    assert not is_signed_in(client)
    assert sign_in_member(client).status_code == 303
    assert is_signed_in(client)


def test_before_its_link_was_opened_no_password_opens_an_account(client: ShopClient, post: Post) -> None:
    register(client)
    for password in (PASSWORD, "!", ""):
        assert sign_in_member(client, password=password).status_code == 422
    assert db.session.scalars(select(Member.active)).one() is False


@pytest.mark.parametrize("path", ["/account/register", "/account/password-reset"])
def test_a_known_and_an_unknown_address_get_the_same_answer(
    client: ShopClient, post: Post, path: str
) -> None:
    make_member()
    answers = [send(client, path, {"email": email, "name": "A"}) for email in (ANN, "new@example.com")]
    assert len({(each.status_code, each.location, each.text) for each in answers}) == 1
    work()
    told = dict(post.letters)
    assert told.pop(ANN) == RESET
    assert told == ({"new@example.com": CONFIRM} if path == "/account/register" else {})
    assert len(db.session.scalars(select(Event.id).where(Event.type == "EmailTokenRequested")).all()) == 2


def test_a_password_reset_ends_all_sessions(client: ShopClient, app: Flask, post: Post) -> None:
    make_member()
    assert sign_in_member(client).status_code == 303
    other = app.test_client()
    assert isinstance(other, ShopClient)
    send(other, "/account/password-reset", {"email": ANN})
    work()
    link = link_in(post, RESET)
    weak = send(other, link, {"password": "password"})
    assert weak.status_code == 422
    assert "This password is too easy to guess." in weak.text
    assert is_signed_in(client)
    assert send(other, link, {"password": "another four words"}).status_code == 303
    assert is_signed_in(other)
    assert not is_signed_in(client)
    assert WRONG in sign_in_member(client).text
    assert sign_in_member(client, password="another four words").status_code == 303


def test_a_link_works_once_and_expires_and_says_nothing_else(client: ShopClient, post: Post) -> None:
    register(client)
    link = link_in(post, CONFIRM)
    page = client.get(link)
    assert page.headers["Referrer-Policy"] == "strict-origin"
    with time_machine.travel(clock.now() + timedelta(hours=25), tick=False):
        assert client.get(link).status_code == 404
    assert send(client, link, {"password": PASSWORD}).status_code == 303
    for dead in (link, "/account/confirmation/" + "x" * 43, link.replace("confirmation", "password-reset")):
        answer = send(client, dead, {"password": PASSWORD})
        assert answer.status_code == 404
        assert "This link has expired" in answer.text
        assert answer.headers["Referrer-Policy"] == "strict-origin"


def test_no_token_is_stored_and_a_second_mail_makes_the_first_ones_link_end_with_it(
    client: ShopClient, post: Post
) -> None:
    register(client)
    register(client)
    first, second = [text_of(mail).split("/account/confirmation/")[1][:43] for mail in post.mails]
    stored = str([vars(row) for row in db.session.scalars(select(EmailProof))])
    stored += str(db.session.scalars(select(Event.payload)).all())
    assert first not in stored
    assert second not in stored
    link = f"/account/confirmation/{second}"
    assert send(client, link, {"password": PASSWORD}).status_code == 303
    assert client.get(f"/account/confirmation/{first}").status_code == 404


def test_over_https_the_page_of_a_link_sends_the_referrer_that_its_form_needs(
    client: ShopClient, post: Post
) -> None:
    register(client)
    link = link_in(post, CONFIRM)
    secure: dict[str, Any] = {"base_url": "https://demo.localhost"}
    token = csrf_token(client.get(link, **secure).text)
    data = {"csrf_token": token, "password": PASSWORD}
    assert client.post(link, data=data, **secure).status_code == 400
    # What a browser sends under the page's policy: the origin, and nothing of the link.
    headers = {"Referer": "https://demo.localhost/"}
    assert client.post(link, data=data, headers=headers, **secure).status_code == 303


def test_nobody_is_flooded_with_mails(client: ShopClient, post: Post) -> None:
    for _ in range(MOST_AN_HOUR + 3):
        register(client)
    assert len(post.mails) == MOST_AN_HOUR


def test_guest_orders_come_with_the_confirmed_address_and_only_with_exactly_that(
    client: ShopClient, post: Post
) -> None:
    tea = make_product()
    mine = {make_order((tea, 1), email=email).code for email in (ANN, "Ann@example.com")}
    make_order((tea, 1), email="ann@example.com.test")
    work()
    register(client)
    link = link_in(post, CONFIRM)
    client.get(link)
    assert db.session.scalars(select(Member.confirmed_at)).one() is None
    send(client, link, {"password": PASSWORD})
    db.session.close()
    member_id = db.session.scalars(select(Member.id)).one()
    assert {row.code for row in orders_of_member(member_id).rows} == mine
    later = make_order((tea, 1))
    assert later.code not in client.get("/account/orders").text
    send(client, "/account/guest-orders")
    work()
    link = link_in(post, "Your earlier orders")
    assert later.code not in client.get("/account/orders").text
    assert send(client, link).location == "/account/orders"
    page = client.get("/account/orders").text
    assert later.code in page
    assert "1 order that you placed as a guest" in page


def test_wrong_passwords_make_an_account_pause(client: ShopClient, in_shop: Shop) -> None:
    make_member()
    for _ in range(6):
        assert WRONG in sign_in_member(client, password="wrong").text
    assert WRONG in sign_in_member(client).text
    with time_machine.travel(clock.now() + timedelta(minutes=6), tick=False):
        assert sign_in_member(client).status_code == 303


def test_the_sign_in_leads_back_and_never_to_another_site(client: ShopClient, in_shop: Shop) -> None:
    make_member()
    answer = client.get("/account/orders?before=x")
    assert answer.location == "/account/sign-in?next=/account/orders%3Fbefore%3Dx"
    assert sign_in_member(client, next="//evil.example/x").location == "/account/"
    send(client, "/account/sign-out")
    assert sign_in_member(client, next="/checkout").location == "/checkout"


def test_the_cookie_is_not_what_is_stored_and_is_new_at_each_sign_in(
    client: ShopClient, in_shop: Shop
) -> None:
    make_member()
    tokens = []
    for _ in range(2):
        header = next(
            h for h in sign_in_member(client).headers.getlist("Set-Cookie") if h.startswith("member=")
        )
        assert "HttpOnly" in header
        assert "SameSite=Lax" in header
        tokens.append(header.removeprefix("member=").split(";")[0])
    assert tokens[0] != tokens[1]
    stored = db.session.scalars(select(MemberSession.token_hash)).all()
    assert len(stored) == 1
    assert not set(stored) & set(tokens)


def test_charlies_shop_knows_no_member_of_alices(
    client: ShopClient, app: Flask, in_shop: Shop, other_shop: Shop
) -> None:
    make_member()
    with shop_scope(other_shop):
        make_member(name="Another Ann", password="quite other words")
    sign_in_member(client)
    cookie = client.get_cookie("member", domain="demo.localhost")
    assert cookie is not None
    charlies = app.test_client(host="other.localhost")
    assert isinstance(charlies, ShopClient)
    charlies.set_cookie("member", cookie.value, domain="other.localhost")
    assert charlies.get("/account/").location == "/account/sign-in?next=/account/"
    assert sign_in_member(charlies).status_code == 422
    assert sign_in_member(charlies, password="quite other words").status_code == 303
    assert "Another Ann" in charlies.get("/account/").text
    assert "Hello Ann Buyer" in client.get("/account/").text


def test_links_of_one_shop_open_nothing_in_another(
    client: ShopClient, app: Flask, post: Post, other_shop: Shop
) -> None:
    register(client)
    charlies = app.test_client(host="other.localhost")
    assert charlies.get(link_in(post, CONFIRM)).status_code == 404


def test_pages_of_visitors_without_cookies_stay_the_same_for_all(client: ShopClient, in_shop: Shop) -> None:
    make_member()
    assert "s-maxage" in client.get("/").headers["Cache-Control"]
    assert 'href="/account/sign-in"' in client.get("/").text
    sign_in_member(client)
    page = client.get("/")
    assert 'href="/account/"' in page.text
    assert "s-maxage" not in page.headers["Cache-Control"]
