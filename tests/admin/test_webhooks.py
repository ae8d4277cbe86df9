"""Webhooks in the back office: added, tried, changed, given new secrets, stopped, and looked into when they fail."""

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import standardwebhooks
from flask import Flask

from commerce.accounts.views import COOKIE
from commerce.db import db
from commerce.event_handlers import make_relay
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks import services
from commerce.webhooks.models import WebhookEndpoint
from commerce.webhooks.queries import get_endpoint, list_endpoints, log_of
from tests.admin.conftest import SignedIn
from tests.admin.test_pages import check
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.factories.staff import csrf_token
from tests.support.client import ShopClient
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def app(app: Flask, varied: Callable[..., Flask]) -> Flask:
    """An installation that may call this machine."""
    return varied(webhook_allow_private=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def hook(in_shop: Shop, receiver: Receiver) -> uuid.UUID:
    return services.create_endpoint(url=receiver.url, description="Books", event_types=[])[0]


def send(client: ShopClient, path: str, **data: Any) -> Any:
    """Send a form as the pages about webhooks do; staff without the permission take their token from elsewhere."""
    token = csrf_token(client.get("/admin/events").text)
    return client.post(path, data={"csrf_token": token, **data})


def fresh(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    db.session.close()
    found = get_endpoint(endpoint_id)
    db.session.close()
    return found


def secret_in(page: str) -> str:
    (found,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", page)
    return str(found)


def test_without_webhooks_the_page_says_so(desk: ShopClient, in_shop: Shop) -> None:
    page = desk.get("/admin/webhooks").text
    check(page)
    assert "No webhooks yet." in page
    assert 'href="/admin/webhooks" aria-current="page"' in page


def test_a_new_webhook_shows_its_secret_once_and_a_test_is_signed_with_it(
    desk: ShopClient, in_shop: Shop, receiver: Receiver
) -> None:
    check(desk.get("/admin/webhooks/new").text)
    answer = send(
        desk,
        "/admin/webhooks",
        url=f" {receiver.url} ",
        description="Our books",
        event_types=["order.shipped", "order.confirmed"],
    )
    (made,) = list_endpoints()
    assert (answer.status_code, answer.location) == (303, f"/admin/webhooks/{made.id}")
    other = services.create_endpoint(url=receiver.url, description="Another", event_types=[])[0]
    assert "whsec_" not in desk.get(f"/admin/webhooks/{other}").text
    first = desk.get(answer.location).text
    check(first)
    secret = secret_in(first)
    assert (made.url, made.description) == (receiver.url, "Our books")
    assert made.event_types == ["order.confirmed", "order.shipped"]
    page = desk.get(f"/admin/webhooks/{made.id}").text
    check(page)
    assert "whsec_" not in page
    assert "Our books" in page
    tested = send(desk, f"/admin/webhooks/{made.id}/ping")
    assert (tested.status_code, tested.location) == (303, f"/admin/webhooks/{made.id}")
    (message,) = receiver.messages
    assert standardwebhooks.Webhook(secret).verify(message.body, message.headers)["type"] == "ping"
    after = desk.get(f"/admin/webhooks/{made.id}").text
    assert "Test succeeded: HTTP 200" in after
    assert message.headers["webhook-id"] in after
    check(desk.get("/admin/webhooks").text)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "Please enter the address of the webhook"),
        ("ftp://hooks.example/", "must start with https"),
        ("https://bob:secret@hooks.example/", "user name"),
        (f"https://hooks.example/{'x' * 2000}", "too long"),
    ],
)
def test_an_address_that_cannot_be_called_is_refused_at_its_field(
    desk: ShopClient, in_shop: Shop, url: str, words: str
) -> None:
    answer = send(desk, "/admin/webhooks", url=url, description="<b>kept</b>")
    assert answer.status_code == 422
    check(answer.text)
    assert words in answer.text
    assert "&lt;b&gt;kept&lt;/b&gt;" in answer.text
    assert list_endpoints() == []


def test_an_address_inside_is_refused_where_private_ones_are_not_allowed(
    desk: ShopClient, in_shop: Shop, make_app: Callable[..., Flask], signed_in: SignedIn
) -> None:
    strict = make_app().test_client(host="demo.localhost")
    cookie = desk.get_cookie(COOKIE, domain="demo.localhost")
    assert cookie is not None
    assert isinstance(strict, ShopClient)
    strict.set_cookie(COOKIE, cookie.value, domain="demo.localhost")
    for url in (
        "http://127.0.0.1:8080/",
        "http://2130706433/",
        "http://localhost/",
        "http://169.254.169.254/",
    ):
        answer = send(strict, "/admin/webhooks", url=url)
        assert answer.status_code == 422
        assert "on the public internet" in answer.text
    assert list_endpoints() == []


def test_an_unknown_event_is_refused(desk: ShopClient, in_shop: Shop, receiver: Receiver) -> None:
    answer = send(desk, "/admin/webhooks", url=receiver.url, event_types=["order.exploded"])
    assert answer.status_code == 422
    assert list_endpoints() == []


def test_there_are_not_more_webhooks_than_anybody_needs(
    desk: ShopClient, hook: uuid.UUID, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_ENDPOINTS", 1)
    answer = send(desk, "/admin/webhooks", url=receiver.url)
    assert answer.status_code == 409
    assert "up to 1 webhooks" in answer.text


def test_what_a_webhook_hears_can_be_changed_by_one_at_a_time(
    desk: ShopClient, hook: uuid.UUID, receiver: Receiver
) -> None:
    path = f"/admin/webhooks/{hook}"
    assert send(desk, path, version="1", url=f"{receiver.url}/2", description="").status_code == 303
    assert fresh(hook).url == f"{receiver.url}/2"
    stale = send(desk, path, version="1", url=f"{receiver.url}/3", description="Mine")
    assert stale.status_code == 409
    check(stale.text)
    assert f"{receiver.url}/2" in stale.text
    assert 'value="Mine"' in stale.text
    assert fresh(hook).url == f"{receiver.url}/2"
    again = send(desk, path, version="2", url=f"{receiver.url}/3", description="Mine")
    assert again.status_code == 303
    assert (fresh(hook).url, fresh(hook).description) == (f"{receiver.url}/3", "Mine")
    for version in ("", "x", "-1", "²"):
        assert send(desk, path, version=version, url=receiver.url).status_code == 409
    assert send(desk, path, version="3", url="nonsense").status_code == 422


def test_a_new_secret_is_shown_once_and_the_former_one_still_signs(
    desk: ShopClient, hook: uuid.UUID, receiver: Receiver
) -> None:
    answer = send(desk, f"/admin/webhooks/{hook}/secret")
    assert (answer.status_code, answer.location) == (303, f"/admin/webhooks/{hook}")
    page = desk.get(answer.location).text
    check(page)
    secret = secret_in(page)
    assert "messages are also signed with the previous secret" in page
    send(desk, f"/admin/webhooks/{hook}/ping")
    (message,) = receiver.messages
    assert len(message.headers["webhook-signature"].split()) == 2
    standardwebhooks.Webhook(secret).verify(message.body, message.headers)
    assert "whsec_" not in desk.get(f"/admin/webhooks/{hook}").text


def test_disabled_it_is_not_called_and_enabled_it_is(
    desk: ShopClient, hook: uuid.UUID, receiver: Receiver
) -> None:
    make_product(sku="TEA-1", stock=10)
    send(desk, f"/admin/webhooks/{hook}/disablement")
    assert "Disabled by staff." in desk.get("/admin/webhooks").text
    order_in("pending")
    make_relay().run_until_idle()
    assert receiver.messages == []
    send(desk, f"/admin/webhooks/{hook}/enablement")
    order_in("pending")
    make_relay().run_until_idle()
    (message,) = receiver.messages
    assert message.json["data"]["orderCode"] == "ORD-000002"


def test_a_failure_can_be_looked_into_and_sent_again(
    desk: ShopClient, hook: uuid.UUID, receiver: Receiver
) -> None:
    make_product(sku="TEA-1", stock=10)
    receiver.status, receiver.answer = 500, b"<script>no disk</script>"
    order = order_in("pending")
    make_relay().run_until_idle()
    page = desk.get(f"/admin/webhooks/{hook}").text
    check(page)
    for words in ("order.placed", "500", "&lt;script&gt;no disk", order.code, "Failing"):
        assert words in page
    events = desk.get("/admin/events").text
    check(events)
    assert f'href="/admin/webhooks/{hook}"' in events
    receiver.status = 200
    (call,) = log_of(hook).rows
    assert call.delivery_id is not None
    db.session.close()
    for count in (2, 3):  # also when it was taken: the other side may have lost it
        answer = send(desk, f"/admin/webhooks/{hook}/deliveries/{call.delivery_id}/replay")
        assert answer.status_code == 303
        make_relay().run_until_idle()
        assert len(receiver.messages) == count
    assert len({each.headers["webhook-id"] for each in receiver.messages}) == 1
    services.disable_endpoint(hook, "Enough")
    assert send(desk, f"/admin/webhooks/{hook}/deliveries/{call.delivery_id}/replay").status_code == 409


def test_a_delivery_to_somebody_else_is_not_sent_again_from_here(
    desk: ShopClient, hook: uuid.UUID, receiver: Receiver
) -> None:
    make_product(sku="TEA-1", stock=10)
    order_in("pending")
    make_relay().run_until_idle()
    (call,) = log_of(hook).rows
    other = services.create_endpoint(url=receiver.url, description="", event_types=[])[0]
    for path in (f"{other}/deliveries/{call.delivery_id}", f"{hook}/deliveries/{uuid.uuid4()}"):
        assert send(desk, f"/admin/webhooks/{path}/replay").status_code == 404


def test_a_test_that_fails_says_why(desk: ShopClient, hook: uuid.UUID, receiver: Receiver) -> None:
    receiver.status = 404
    send(desk, f"/admin/webhooks/{hook}/ping")
    assert "Test failed: HTTP 404." in desk.get(f"/admin/webhooks/{hook}").text


def test_deleted_it_is_gone_with_its_log(desk: ShopClient, hook: uuid.UUID, receiver: Receiver) -> None:
    send(desk, f"/admin/webhooks/{hook}/ping")
    asked = send(desk, f"/admin/webhooks/{hook}/removal")
    assert (asked.status_code, receiver.url in asked.text) == (200, True)
    assert desk.get(f"/admin/webhooks/{hook}").status_code == 200
    answer = send(desk, f"/admin/webhooks/{hook}/removal", step="confirm")
    assert (answer.status_code, answer.location) == (303, "/admin/webhooks")
    assert desk.get(f"/admin/webhooks/{hook}").status_code == 404
    assert not log_of(hook).rows


ACTIONS = ["", "/secret", "/ping", "/enablement", "/disablement", "/removal"]


def test_only_owner_and_manager_manage_them(signed_in: SignedIn, hook: uuid.UUID, receiver: Receiver) -> None:
    for role in ("fulfilment", "support", "readonly"):
        client = signed_in(role)
        assert "/admin/webhooks" not in client.get("/admin/events").text
        for path in ("", "/new", f"/{hook}"):
            assert client.get(f"/admin/webhooks{path}").status_code == 403
        for action in ACTIONS:
            assert send(client, f"/admin/webhooks/{hook}{action}", url=receiver.url).status_code == 403
    assert signed_in("owner").get(f"/admin/webhooks/{hook}").status_code == 200
    assert (fresh(hook).version, receiver.messages) == (1, [])


def test_charlie_neither_sees_nor_touches_them(
    signed_in: SignedIn, hook: uuid.UUID, receiver: Receiver, in_shop: Shop, other_shop: Shop
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    assert receiver.url not in charlie.get("/admin/webhooks").text
    assert charlie.get(f"/admin/webhooks/{hook}").status_code == 404
    for action in ACTIONS:
        data = {"url": receiver.url, "version": "1"}
        assert send(charlie, f"/admin/webhooks/{hook}{action}", **data).status_code == 404
    with shop_scope(in_shop):
        assert (fresh(hook).version, fresh(hook).state) == (1, "enabled")
    assert receiver.messages == []
