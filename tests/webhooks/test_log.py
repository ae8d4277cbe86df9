"""What is written down of each call, when an endpoint is told no more, and who hears of that."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from commerce.db import atomic, db, new_id
from commerce.event_handlers import EVENT_HANDLERS
from commerce.events.relay import DeliveredEvent
from commerce.events.services import replay
from commerce.orders import events as order_events
from commerce.tenants.models import Shop
from commerce.webhooks import services
from commerce.webhooks.delivery import Webhooks, ping
from commerce.webhooks.events import WebhookDisabled
from commerce.webhooks.models import WebhookAttempt
from commerce.webhooks.queries import PREFIX, last_calls, log_of
from tests.events.sample_event import deliveries, events, pauses_end
from tests.notifications.outgoing import Post, html_of, text_of
from tests.webhooks.receiver import Receiver
from tests.webhooks.sample_events import endpoint, happen, listen, set_endpoint, told, work


def test_each_call_is_in_the_log(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)
    receiver.status, receiver.answer = 422, b"no such <order>"
    happen(order_events.OrderConfirmed)
    work()
    (call,) = log_of(endpoint_id).rows
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


def test_410_ends_it_at_once_and_operations_are_reported(
    calling: Shop, receiver: Receiver, post: Post
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
    (mail,) = post.mails
    assert (mail["To"], mail["Subject"]) == ("operations@localhost", "A webhook was disabled")
    for text in (text_of(mail), html_of(mail)):
        assert receiver.url in text
        assert f"http://demo.localhost:5000/admin/webhooks/{endpoint_id}" in text


def test_five_days_of_failures_end_it_and_what_waited_can_be_run_again(
    calling: Shop, receiver: Receiver, post: Post
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
    assert [mail["Subject"] for mail in post.mails] == ["A webhook was disabled"]
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


def test_a_deleted_endpoint_takes_along_what_it_was_not_reported(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)
    receiver.status = 500
    happen(order_events.OrderConfirmed)
    work()
    services.delete_endpoint(endpoint_id)
    assert told() == []
    assert not log_of(endpoint_id).rows
    # One that was just being fanned out meanwhile: nobody is left who could be told, and nothing fails.
    late = DeliveredEvent(calling.id, new_id(), new_id(), "OrderConfirmed", new_id(), {}, datetime.now(UTC))
    Webhooks().tell(f"{PREFIX}{endpoint_id}", late)
    assert len(receiver.messages) == 1


def test_the_log_is_kept_for_a_month(calling: Shop, receiver: Receiver) -> None:
    endpoint_id, _secret = listen(receiver.url)
    ping(endpoint_id)
    assert services.sweep_log() == 0

    @atomic
    def age() -> None:
        db.session.execute(update(WebhookAttempt).values(started_at=datetime.now(UTC) - timedelta(days=31)))

    age()
    assert services.sweep_log() == 1
    assert not log_of(endpoint_id).rows


def test_operations_hear_of_it_through_the_table_of_handlers() -> None:
    assert [each.__name__ for each in EVENT_HANDLERS[WebhookDisabled]] == ["alert_of_disabled_webhook"]
