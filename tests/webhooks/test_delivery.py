"""From an event to a signed call: who is told what, when again, and what the other side can rely on."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks

from commerce.accounts.events import EmailTokenRequested, MemberEmailChanged, StaffInvited
from commerce.db import _as_tenant, atomic
from commerce.encryption import seal
from commerce.errors import Conflict
from commerce.event_handlers import EVENT_KINDS
from commerce.events.relay import Relay
from commerce.events.services import replay
from commerce.inventory.events import BackInStock
from commerce.orders import events as order_events
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks import services
from commerce.webhooks.delivery import Webhooks, ping
from commerce.webhooks.events import WebhookDisabled
from commerce.webhooks.models import WebhookEndpoint
from commerce.webhooks.payloads import EVENT_TYPES, PUBLIC
from commerce.webhooks.queries import PREFIX, find_destination, log_of
from commerce.webhooks.signing import FormerSecret, new_webhook_secret, open_former_secrets
from tests.events.sample_event import deliveries, events, pauses_end
from tests.support.statements import count_statements
from tests.webhooks.receiver import Receiver
from tests.webhooks.sample_events import endpoint, happen, listen, set_endpoint, told, verify, work

INSIDE = {
    order_events.PaymentUnknown,
    order_events.OrderNoteAdded,
    order_events.OrderLinkWanted,
    BackInStock,
    WebhookDisabled,
    EmailTokenRequested,
    MemberEmailChanged,
    StaffInvited,
}
"""What no other program is told: our own affairs, what staff write to each other, and what strangers wait for."""


def test_an_event_is_reported_with_public_words_and_a_signature_that_the_library_verifies(
    calling: Shop, receiver: Receiver
) -> None:
    _id, secret = listen(receiver.url)
    happen(order_events.OrderPlaced)
    work()
    (message,) = receiver.messages
    body = verify(secret, message)
    (event,) = events()
    stamp = event.occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert body == {
        "type": "order.placed",
        "timestamp": stamp,
        "data": {
            "shop": "demo",
            "orderCode": "ORD-000001",
            "version": 1,
            "total": 25.0,
            "currency": "USD",
            "payLater": False,
        },
    }
    assert message.headers["webhook-id"] == f"msg_{event.id.hex}"
    assert told() == [("done", "")]


@pytest.mark.parametrize("part", ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "secret"])
def test_whatever_is_tampered_with_is_noticed(calling: Shop, receiver: Receiver, part: str) -> None:
    endpoint_id, secret = listen(receiver.url)
    ping(endpoint_id)
    (message,) = receiver.messages
    assert verify(secret, message)["type"] == "ping"
    if part == "body":
        message = replace(message, body=message.body.replace(b"demo", b"evil"))
    elif part == "secret":
        secret = "whsec_" + "A" * 43 + "="
    else:
        old = message.headers[part]
        changed = {
            "webhook-id": old + "0",
            "webhook-timestamp": str(int(old or 0) + 1) if old.isdigit() else "",
            "webhook-signature": "v1,AAAA",
        }[part]
        message = replace(message, headers={**message.headers, part: changed})
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verify(secret, message)


def test_after_a_rotation_both_secrets_verify_for_a_day_and_then_only_the_new_one(
    calling: Shop, receiver: Receiver
) -> None:
    endpoint_id, former = listen(receiver.url)
    present = services.rotate_secret(endpoint_id)
    assert former != present
    ping(endpoint_id)
    assert len(receiver.messages[0].headers["webhook-signature"].split(" ")) == 2
    assert verify(former, receiver.messages[0])["type"] == verify(present, receiver.messages[0])["type"]
    until = endpoint(endpoint_id).previous_until
    assert until is not None
    assert timedelta(hours=23) < until - datetime.now(UTC) < timedelta(hours=25)
    set_endpoint(endpoint_id, previous_until=datetime.now(UTC) - timedelta(seconds=1))
    ping(endpoint_id)
    assert len(receiver.messages[1].headers["webhook-signature"].split(" ")) == 1
    assert verify(present, receiver.messages[1])
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verify(former, receiver.messages[1])


def test_each_of_several_former_secrets_signs_for_the_day_that_its_rotation_promised(
    calling: Shop, receiver: Receiver
) -> None:
    endpoint_id, first = listen(receiver.url)
    second = services.rotate_secret(endpoint_id)
    promised = endpoint(endpoint_id).previous_until
    third = services.rotate_secret(endpoint_id)
    ping(endpoint_id)
    for secret in (first, second, third):
        assert verify(secret, receiver.messages[0])
    row = endpoint(endpoint_id)
    assert promised is not None
    assert row.previous_until is not None
    assert [each.until for each in former_secrets(row, promised - timedelta(seconds=1))] == [
        promised,
        row.previous_until,
    ]
    assert [each.secret for each in former_secrets(row, promised)] == [second]


def test_a_former_secret_of_an_older_release_still_signs(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, current = listen(receiver.url)
    former, until = new_webhook_secret(), datetime.now(UTC) + timedelta(hours=1)
    set_endpoint(endpoint_id, sealed_previous=seal().close(former), previous_until=until)
    third = services.rotate_secret(endpoint_id)
    ping(endpoint_id)
    for secret in (former, current, third):
        assert verify(secret, receiver.messages[0])


def test_a_secret_cannot_be_rotated_so_often_that_messages_outgrow_their_headers(
    calling: Shop, receiver: Receiver
) -> None:
    endpoint_id, first = listen(receiver.url)
    for _ in range(services.MAX_FORMER):
        last = services.rotate_secret(endpoint_id)
    with pytest.raises(Conflict):
        services.rotate_secret(endpoint_id)
    ping(endpoint_id)
    assert verify(first, receiver.messages[0])
    assert verify(last, receiver.messages[0])


def former_secrets(row: WebhookEndpoint, now: datetime) -> list[FormerSecret]:
    return open_former_secrets(row.sealed_previous, row.previous_until, now)


def test_secrets_are_sealed_in_the_database(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, secret = listen(receiver.url)
    assert len(secret) > 40
    assert secret.startswith("whsec_")
    row = endpoint(endpoint_id)
    assert secret not in row.sealed_secret
    assert secret.removeprefix("whsec_") not in row.sealed_secret
    found = find_destination(endpoint_id)
    assert found is not None
    assert found.secrets == (secret,)


def test_every_event_is_either_public_or_kept_inside_on_purpose() -> None:
    assert set(PUBLIC) | INSIDE == set(EVENT_KINDS)
    assert not set(PUBLIC) & INSIDE
    assert len(EVENT_TYPES) == len(PUBLIC), "two events share a public name"


def test_every_fact_that_is_promised_exists() -> None:
    for kind, public in PUBLIC.items():
        assert set(public.facts) <= set(kind.__dataclass_fields__), kind
        assert not {"token", "secret", "email"} & {*public.facts, *public.facts.values()}


def test_what_staff_write_to_each_other_is_reported_to_nobody(calling: Shop, receiver: Receiver) -> None:
    listen(receiver.url)
    happen(order_events.OrderNoteAdded)
    work()
    assert receiver.messages == []
    assert not [each for each in deliveries() if each.handler.startswith(PREFIX)]


def test_each_endpoint_hears_what_it_asked_for(calling: Shop, receiver: Receiver) -> None:
    listen(f"{receiver.url}/all")
    listen(f"{receiver.url}/some", "order.confirmed", "order.shipped")
    off, _secret = listen(f"{receiver.url}/off")
    services.disable_endpoint(off, "Not now")
    happen(order_events.OrderPlaced, order_events.OrderConfirmed)
    work()
    assert sorted((each.path, each.json["type"]) for each in receiver.messages) == [
        ("/hook/all", "order.confirmed"),
        ("/hook/all", "order.placed"),
        ("/hook/some", "order.confirmed"),
    ]


def test_another_shops_events_are_not_reported(calling: Shop, receiver: Receiver, other_shop: Shop) -> None:
    listen(f"{receiver.url}/alice")
    with shop_scope(other_shop):
        listen(f"{receiver.url}/charlie")
        happen(order_events.OrderConfirmed, code="K-1")
    with _as_tenant(None, every=False):  # a worker has entered no shop
        work()
    ((path, body),) = [(each.path, each.json) for each in receiver.messages]
    assert (path, body["data"]["shop"], body["data"]["orderCode"]) == ("/hook/charlie", "other", "K-1")


def test_one_orders_events_arrive_in_their_order_although_one_was_refused_at_first(
    calling: Shop, receiver: Receiver
) -> None:
    listen(receiver.url)
    receiver.status = 503
    subject = happen(order_events.OrderPlaced, order_events.PaymentSucceeded, order_events.OrderConfirmed)
    happen(order_events.OrderShipped, code="ORD-000002")
    work()
    refused = [each.json["type"] for each in receiver.messages]
    assert sorted(refused) == ["order.placed", "order.shipped"]
    receiver.status = 200
    pauses_end()
    work()
    first = [
        each.json["type"] for each in receiver.messages if each.json["data"]["orderCode"] == "ORD-000001"
    ]
    assert first == ["order.placed", "order.placed", "order.paid", "order.confirmed"]
    assert {each.subject_id for each in deliveries()} >= {subject}
    assert {state for state, _error in told()} == {"done"}


def test_a_repetition_has_the_same_id_and_body_and_a_time_of_its_own(
    calling: Shop, receiver: Receiver
) -> None:
    endpoint_id, secret = listen(receiver.url)
    receiver.status = 500
    happen(order_events.OrderConfirmed)
    work()
    assert told() == [("waiting", "DeliveryRefused: HTTP 500")]
    receiver.status = 204
    receiver.answer = b""
    pauses_end()
    work()
    assert told() == [("done", "")]
    first, second = receiver.messages
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    verify(secret, second)
    (delivery,) = [each for each in deliveries() if each.handler.startswith(PREFIX)]
    replay(delivery.id, even_done=True)
    work()
    assert receiver.messages[2].headers["webhook-id"] == first.headers["webhook-id"]
    page = log_of(endpoint_id)
    assert [(each.status, each.delivery_id) for each in page.rows] == [
        (204, delivery.id),
        (204, delivery.id),
        (500, delivery.id),
    ]
    assert not page.more


def test_an_address_of_our_own_network_is_never_called(in_shop: Shop, receiver: Receiver) -> None:
    """Whatever was checked when it was typed: at that time the name may have led elsewhere."""
    endpoint_id, _secret = listen(receiver.url)
    happen(order_events.OrderConfirmed)
    work()
    assert receiver.messages == []
    ((state, error),) = told()
    assert state == "waiting"
    assert error.startswith("DeliveryRefused: The URL must use one of these ports")
    assert endpoint(endpoint_id).failing_since is not None


def test_no_call_is_made_inside_a_transaction(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)

    @atomic
    def use_case() -> None:
        ping(endpoint_id)

    with pytest.raises(RuntimeError, match="inside a transaction"):
        use_case()
    assert receiver.messages == []


def test_fanning_out_asks_once_for_all_endpoints(calling: Shop, receiver: Receiver) -> None:
    for number in range(3):
        listen(f"{receiver.url}/{number}")
        happen(order_events.OrderConfirmed, code=f"ORD-{number}")
    with count_statements() as statements:
        Relay({}, (), lambda tenant_id: shop_scope(get_shop(tenant_id)), Webhooks()).fan_out()
    assert len([each for each in statements if "webhook_endpoints" in each]) == 1
    assert len(told()) == 9


def test_bodies_are_compact_json_in_utf_8(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)
    ping(endpoint_id)
    body = receiver.messages[0].body
    assert body == json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
