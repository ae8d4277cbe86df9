"""A member looks after his account: name, address of email, password, sessions; his orders, and buying again."""

from flask import Flask
from sqlalchemy import select

from commerce.accounts.models import Member, MemberSession
from commerce.cart.queries import load_cart
from commerce.cart.services import member_shopper
from commerce.db import atomic, db
from commerce.events.models import Event
from commerce.orders.models import Order
from commerce.orders.queries import timeline
from commerce.tenants.models import Shop
from tests.factories.checkout import make_order
from tests.factories.members import ANN, PASSWORD, link_in, make_member, send, sign_in_member
from tests.factories.shop import change_stock, make_product, set_price, stop_selling
from tests.notifications.orders import work
from tests.notifications.outgoing import Post, text_of
from tests.support.client import ShopClient

CHANGE = "Confirm your new email address"
NEW = "new@example.com"


def browser(app: Flask) -> ShopClient:
    made = app.test_client()
    assert isinstance(made, ShopClient)
    return made


def email_of(member_id: object) -> str:
    db.session.close()
    return db.session.scalars(select(Member.email).where(Member.id == member_id)).one()


@atomic
def own(member_id: object, *codes: str) -> None:
    for order in db.session.scalars(select(Order).where(Order.code.in_(codes))):
        order.member_id = member_id  # type: ignore[assignment]


def test_a_member_changes_their_name(client: ShopClient, in_shop: Shop) -> None:
    make_member()
    sign_in_member(client)
    assert send(client, "/account/name", {"who-name": " "}).status_code == 422
    assert send(client, "/account/name", {"who-name": "Ann Two", "who-phone": "call me"}).status_code == 422
    answer = send(client, "/account/name", {"who-name": "Ann Two", "who-phone": "+1 555 0100"})
    assert answer.location == "/account/settings"
    assert "Hello Ann Two" in client.get("/account/").text


def test_a_new_email_counts_once_proven_and_the_former_one_is_notified(
    client: ShopClient, app: Flask, post: Post
) -> None:
    member_id = make_member()
    order = make_order((make_product(), 1), email=NEW)
    work()
    Post(post.folder)
    sign_in_member(client)
    for password, status in (("wrong", 422), (PASSWORD, 303)):
        data = {"email-email": "New@Example.com", "email-password": password}
        assert send(client, "/account/email", data).status_code == status
    work()
    assert post.letters == [(NEW, CHANGE)]
    link = link_in(post, CHANGE)
    stranger = browser(app)
    assert stranger.get(link).location.startswith("/account/sign-in?next=/account/proofs/")
    make_member("other@example.com", "Other")
    sign_in_member(stranger, "other@example.com")
    assert stranger.get(link).status_code == 404
    assert send(stranger, link).status_code == 404
    assert email_of(member_id) == ANN
    assert client.get(link).status_code == 200
    assert email_of(member_id) == ANN
    assert send(client, link).location == "/account/orders"
    assert email_of(member_id) == NEW
    assert order.code in client.get("/account/orders").text
    work()
    assert (ANN, "The email address of your account was changed") in post.letters
    assert ANN not in str(db.session.scalars(select(Event.payload)).all())
    assert sign_in_member(browser(app)).status_code == 422
    assert sign_in_member(browser(app), NEW).status_code == 303


def test_an_address_with_an_account_of_its_own_cannot_be_taken(client: ShopClient, post: Post) -> None:
    member_id = make_member()
    sign_in_member(client)
    send(client, "/account/email", {"email-email": NEW, "email-password": PASSWORD})
    work()
    make_member(NEW)
    assert send(client, link_in(post, CHANGE)).location == "/account/settings"
    assert "An account with this email address already exists." in client.get("/account/settings").text
    assert email_of(member_id) == ANN


def test_a_new_password_ends_all_other_sessions(client: ShopClient, app: Flask, in_shop: Shop) -> None:
    make_member()
    other = browser(app)
    for each in (client, other):
        sign_in_member(each)
    for present, new in (("wrong", "quite another thing"), (PASSWORD, "short"), (PASSWORD, "password1")):
        data = {"password-present": present, "password-password": new}
        assert send(client, "/account/password", data).status_code == 422
    assert other.get("/account/").status_code == 200
    data = {"password-present": PASSWORD, "password-password": "quite another thing"}
    assert send(client, "/account/password", data).status_code == 303
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 303
    assert sign_in_member(other, password="quite another thing").status_code == 303


def test_a_member_lists_and_signs_out_devices(client: ShopClient, app: Flask, in_shop: Shop) -> None:
    make_member()
    others = [browser(app) for _ in range(3)]
    for each in (client, *others):
        sign_in_member(each)
    stranger = browser(app)
    make_member("other@example.com", "Other")
    sign_in_member(stranger, "other@example.com")
    page = client.get("/account/settings").text
    assert page.count("This device") == 1
    found = db.session.scalars(select(MemberSession.id).order_by(MemberSession.id)).all()
    db.session.close()
    assert send(stranger, f"/account/sessions/{found[1]}/removal").status_code == 404
    assert send(client, f"/account/sessions/{found[1]}/removal").status_code == 303
    assert [each.get("/account/").status_code for each in others] == [303, 200, 200]
    send(client, "/account/sessions/removal")
    assert [each.get("/account/").status_code for each in (client, *others)] == [200, 303, 303, 303]
    assert stranger.get("/account/").status_code == 200


# --- orders ------------------------------------------------------------------------------------------


def test_a_member_pages_through_their_own_orders_only(client: ShopClient, in_shop: Shop) -> None:
    member_id = make_member()
    tea = make_product(stock=90)
    mine = [make_order((tea, 1)).code for _ in range(23)]
    other = make_order((tea, 1)).code
    own(member_id, *mine)
    sign_in_member(client)
    first = client.get("/account/orders").text
    assert [code in first for code in mine] == [False] * 3 + [True] * 20
    older = first.split('" rel="next"')[0].rsplit('href="', 1)[1].replace("&amp;", "&")
    second = client.get(older).text
    assert [code in second for code in mine] == [True] * 3 + [False] * 20
    assert other not in first + second
    for nonsense in ("x", "2026-01-01_1", "_"):
        assert mine[-1] in client.get(f"/account/orders?before={nonsense}").text


def test_available_lines_are_bought_again_at_todays_prices(client: ShopClient, in_shop: Shop) -> None:
    member_id = make_member()
    tea, cup, pot, jar = (make_product(name, stock=9) for name in ("Green tea", "Cup", "Pot", "Jar"))
    code = make_order((tea, 2), (cup, 3), (pot, 1), (jar, 1)).code
    own(member_id, code)
    set_price(tea, 1234)
    change_stock(cup, -5)
    stop_selling(pot)
    change_stock(jar, -8)
    sign_in_member(client)
    assert send(client, f"/account/orders/{code}/reorder").location == "/cart"
    cart = load_cart(member_shopper(member_id))
    assert cart is not None
    assert {line.sku: (line.quantity, line.price) for line in cart.lines} == {
        "GREEN-TEA": (2, 1234),
        "CUP": (1, 1000),
    }
    page = client.get("/cart").text
    assert "Only some of Cup" in page
    assert "Pot is no longer available" in page
    assert "Jar is no longer available" in page


def test_nobody_buys_somebody_elses_order_again(client: ShopClient, in_shop: Shop) -> None:
    make_member()
    code = make_order((make_product(), 1)).code
    sign_in_member(client)
    assert send(client, f"/account/orders/{code}/reorder").status_code == 404


def test_actions_of_a_member_are_recorded_as_a_members(client: ShopClient, in_shop: Shop) -> None:
    member_id = make_member()
    order = make_order((make_product(), 1))
    own(member_id, order.code)
    sign_in_member(client)
    version = db.session.scalars(select(Order.version)).one()
    db.session.close()
    data = {"version": version, "reason": "Not now"}
    assert send(client, f"/orders/{order.token}/cancellation", data).status_code == 303
    last = timeline(order.id)[-1]
    assert (last.type, last.actor_kind, last.actor_id) == ("OrderCancelled", "member", str(member_id))


def test_the_link_of_an_order_is_mailed_to_its_own_address_only(
    client: ShopClient, in_shop: Shop, post: Post
) -> None:
    order = make_order((make_product(), 1))
    work()
    asked = [(order.code, "bob@example.com"), ("ORD-999999", ANN), (order.code.lower(), "ANN@example.com")]
    answers = [send(client, "/orders/find", {"code": code, "email": email}) for code, email in asked]
    assert {(each.status_code, each.location) for each in answers} == {(303, "/account/mail-sent")}
    before = len(post.mails)
    work()
    (mail,) = post.mails[before:]
    assert (mail["To"], mail["Subject"]) == (ANN, f"The link to your order {order.code}")
    assert f"/orders/{order.token}" in text_of(mail)
    for _ in range(5):
        send(client, "/orders/find", {"code": order.code, "email": ANN})
    work()
    assert len(post.mails) - before <= 3
    assert send(client, "/orders/find", {"code": "", "email": "x"}).status_code == 422


def test_every_page_of_an_account_requires_sign_in(client: ShopClient, in_shop: Shop) -> None:
    pages = ("", "orders", "addresses", "addresses/new", "settings", "data")
    for page in pages:
        assert client.get(f"/account/{page}").location.startswith("/account/sign-in?next=")
    for deed in (
        "name",
        "email",
        "password",
        "data/copy",
        "data/erasure",
        "sessions/removal",
        "guest-orders",
    ):
        answer = send(client, f"/account/{deed}", {"who-name": "X"})
        assert answer.status_code == 401
        assert "<h1>Sign in</h1>" in answer.text
