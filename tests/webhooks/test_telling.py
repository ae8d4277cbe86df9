"""From an event to a signed call: who is told what, when again, when no more, and what the other side can rely on."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from sqlalchemy import update

from commerce.db import atomic, db, new_id
from commerce.event_handlers import EVENT_HANDLERS, EVENT_KINDS
from commerce.events.outbox import SYSTEM, DomainEvent, publish
from commerce.events.services import replay
from commerce.events.worker import Happening, Relay, _fan_out
from commerce.inventory.events import BackInStock
from commerce.orders import events as order_events
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks import services
from commerce.webhooks.events import WebhookDisabled
from commerce.webhooks.models import WebhookAttempt, WebhookEndpoint
from commerce.webhooks.payloads import EVENT_TYPES, PUBLIC
from commerce.webhooks.queries import PREFIX, find_destination, get_endpoint, last_calls, log_of
from commerce.webhooks.telling import Webhooks, ping
from tests.events.bell import deliveries, events, pauses_end
from tests.notifications.post import html_of, text_of
from tests.support.statements import count_statements
from tests.webhooks.receiver import Message, Receiver

INSIDE = {order_events.PaymentUnknown, order_events.OrderNoteAdded, BackInStock, WebhookDisabled}
"""What no other program is told: our own affairs, what staff write to each other, and what strangers wait for."""


@atomic
def happen(
    *kinds: type[DomainEvent], code: str = "ORD-000001", subject: uuid.UUID | None = None
) -> uuid.UUID:
    """Let something happen to an order, in this order."""
    subject = subject or new_id()
    for version, kind in enumerate(kinds, start=1):
        facts: dict[str, Any] = {"subject_id": subject, "subject_version": version, "code": code}
        if issubclass(kind, order_events.OrderStatusChanged):
            facts |= {"action": "x", "from_status": "paid", "to_status": "confirmed", "reason": "Why not"}
        elif kind is order_events.OrderPlaced:
            facts |= {"total": 2500, "currency": "USD", "pay_later": False}
        elif kind is order_events.OrderNoteAdded:
            facts |= {"text": "He sounds cross"}
        publish(SYSTEM, kind(**facts))
    return subject


def listen(url: str, *event_types: str) -> tuple[uuid.UUID, str]:
    return services.create_endpoint(url=url, description="Books", event_types=event_types)


def told() -> list[tuple[str, str]]:
    """Return (state, error) of the deliveries to other programs, oldest first."""
    return [(each.state, each.error) for each in deliveries() if each.handler.startswith(PREFIX)]


def work() -> None:
    """Run the relay of the shop, without the mails about orders: these have none behind them."""
    own = {WebhookDisabled: EVENT_HANDLERS[WebhookDisabled]}
    Relay(own, EVENT_KINDS, lambda tenant_id: shop_scope(get_shop(tenant_id)), Webhooks()).run_until_idle()


def verify(secret: str, message: Message) -> Any:
    return standardwebhooks.Webhook(secret).verify(message.body, message.headers)


@atomic
def set_endpoint(endpoint_id: uuid.UUID, **values: object) -> None:
    db.session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def found_mails(folder: Path) -> list[EmailMessage]:
    """Return the mails that the installation of `calling` has sent."""
    parse = BytesParser(policy=default).parsebytes
    found = [parse(file.read_bytes()) for file in (folder / "var" / "mail").glob("*.eml")]
    return [each for each in found if isinstance(each, EmailMessage)]


def endpoint(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    db.session.close()
    found = get_endpoint(endpoint_id)
    db.session.close()
    return found


# --- what is said ---------------------------------------------------------------------------------------


def test_an_event_is_told_with_public_words_and_a_signature_that_the_library_verifies(
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
            "total": 2500,
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


def test_what_staff_write_to_each_other_is_told_to_nobody(calling: Shop, receiver: Receiver) -> None:
    listen(receiver.url)
    happen(order_events.OrderNoteAdded)
    work()
    assert receiver.messages == []
    assert not [each for each in deliveries() if each.handler.startswith(PREFIX)]


# --- who is told ----------------------------------------------------------------------------------------


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


def test_another_shops_events_are_not_told(calling: Shop, receiver: Receiver, other_shop: Shop) -> None:
    listen(f"{receiver.url}/alice")
    with shop_scope(other_shop):
        listen(f"{receiver.url}/charlie")
        happen(order_events.OrderConfirmed, code="K-1")
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
    assert told() == [("waiting", "NotTaken: HTTP 500")]
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
    calls, more = log_of(endpoint_id)
    assert [(each.status, each.delivery_id) for each in calls] == [
        (204, delivery.id),
        (204, delivery.id),
        (500, delivery.id),
    ]
    assert not more


# --- what is written down, and when it ends ---------------------------------------------------------------


def test_each_call_is_in_the_log(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)
    receiver.status, receiver.answer = 422, b"no such <order>"
    happen(order_events.OrderConfirmed)
    work()
    ((call,), _more) = log_of(endpoint_id)
    assert (call.status, call.answer, call.error) == (422, "no such <order>", "")
    assert (call.event_type, call.subject) == ("order.confirmed", "ORD-000001")
    assert call.duration_ms >= 0
    assert last_calls()[endpoint_id].id == call.id


def test_failing_is_remembered_since_when_and_forgotten_with_the_first_success(
    calling: Shop, receiver: Receiver
) -> None:
    endpoint_id, _secret = listen(receiver.url)
    receiver.status = 500
    happen(order_events.OrderConfirmed)
    work()
    since = endpoint(endpoint_id).failing_since
    assert since is not None
    pauses_end()
    work()
    assert endpoint(endpoint_id).failing_since == since
    receiver.status = 200
    pauses_end()
    work()
    assert endpoint(endpoint_id).failing_since is None
    assert endpoint(endpoint_id).version == 1  # no form that is open has become stale by it


def test_410_ends_it_at_once_and_operations_are_told(
    calling: Shop, receiver: Receiver, tmp_path: Path
) -> None:
    endpoint_id, _secret = listen(receiver.url)
    receiver.status = 410
    happen(order_events.OrderConfirmed, order_events.OrderShipped)
    work()
    assert len(receiver.messages) == 1
    row = endpoint(endpoint_id)
    assert row.state == "disabled"
    assert "410" in row.disabled_reason
    assert [state for state, _error in told()] == ["parked", "parked"]
    (mail,) = found_mails(tmp_path)
    assert (mail["To"], mail["Subject"]) == ("operations@localhost", "A webhook was disabled")
    for text in (text_of(mail), html_of(mail)):
        assert receiver.url in text
        assert f"http://demo.localhost:5000/admin/webhooks/{endpoint_id}" in text


def test_five_days_of_failures_end_it_and_what_waited_can_be_run_again(
    calling: Shop, receiver: Receiver, tmp_path: Path
) -> None:
    endpoint_id, _secret = listen(receiver.url)
    receiver.status = 500
    happen(order_events.OrderConfirmed)
    work()
    for days, state in ((4.9, "enabled"), (5.1, "disabled")):
        set_endpoint(endpoint_id, failing_since=datetime.now(UTC) - timedelta(days=days))
        pauses_end()
        work()
        assert endpoint(endpoint_id).state == state
    assert [kind.type for kind in events()][-1] == "WebhookDisabled"
    assert [mail["Subject"] for mail in found_mails(tmp_path)] == ["A webhook was disabled"]
    pauses_end()
    work()
    assert told() == [("parked", "The webhook is disabled. Enable it, then run this again.")]
    receiver.status = 200
    services.enable_endpoint(endpoint_id)
    assert endpoint(endpoint_id).failing_since is None
    replay(deliveries()[0].id)
    work()
    assert told() == [("done", "")]


def test_a_failed_test_message_ends_nothing(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)
    receiver.status = 410
    assert ping(endpoint_id).status == 410
    assert (endpoint(endpoint_id).state, endpoint(endpoint_id).failing_since) == ("enabled", None)


def test_a_deleted_endpoint_takes_along_what_it_was_not_told(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)
    receiver.status = 500
    happen(order_events.OrderConfirmed)
    work()
    services.delete_endpoint(endpoint_id)
    assert told() == []
    assert log_of(endpoint_id) == ([], False)
    # One that was just being fanned out meanwhile: nobody is left who could be told, and nothing fails.
    late = Happening(calling.id, new_id(), new_id(), "OrderConfirmed", new_id(), {}, datetime.now(UTC))
    Webhooks().tell(f"{PREFIX}{endpoint_id}", late)
    assert len(receiver.messages) == 1


def test_an_address_of_our_own_network_is_never_called(in_shop: Shop, receiver: Receiver) -> None:
    """Whatever was checked when it was typed: at that time the name may have led elsewhere."""
    endpoint_id, _secret = listen(receiver.url)
    happen(order_events.OrderConfirmed)
    work()
    assert receiver.messages == []
    ((state, error),) = told()
    assert state == "waiting"
    assert error.startswith("NotTaken: the port must be")
    assert endpoint(endpoint_id).failing_since is not None


def test_no_call_is_made_inside_a_transaction(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)

    @atomic
    def use_case() -> None:
        ping(endpoint_id)

    with pytest.raises(RuntimeError, match="inside a transaction"):
        use_case()
    assert receiver.messages == []


def test_the_log_is_kept_for_a_month(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)
    ping(endpoint_id)
    assert services.sweep_log() == 0

    @atomic
    def age() -> None:
        db.session.execute(update(WebhookAttempt).values(started_at=datetime.now(UTC) - timedelta(days=31)))

    age()
    assert services.sweep_log() == 1
    assert log_of(endpoint_id) == ([], False)


def test_fanning_out_asks_once_for_all_endpoints(calling: Shop, receiver: Receiver) -> None:
    for number in range(3):
        listen(f"{receiver.url}/{number}")
        happen(order_events.OrderConfirmed, code=f"ORD-{number}")
    with count_statements() as statements:
        _fan_out(lambda _type: [], Webhooks())
    assert len([each for each in statements if "webhook_endpoints" in each]) == 1
    assert len(told()) == 9


def test_bodies_are_compact_json_in_utf_8(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)
    ping(endpoint_id)
    body = receiver.messages[0].body
    assert body == json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()


def test_operations_hear_of_it_through_the_table_of_handlers() -> None:
    assert [each.__name__ for each in EVENT_HANDLERS[WebhookDisabled]] == ["alert_of_disabled_webhook"]
