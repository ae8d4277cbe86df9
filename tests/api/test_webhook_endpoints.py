"""Webhook endpoints accept public URLs only, and each secret is shown once."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from commerce.encryption import seal
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks.queries import get_secret, list_endpoints
from commerce.webhooks.services import MAX_ENDPOINTS, create_endpoint
from tests.factories.api_clients import Program, make_program, new_key
from tests.webhooks.receiver import receiving

ALL = "/api/webhook-endpoints"
HOOK = "https://example.com/hook"


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def made(program: Program, **body: Any) -> Any:
    answer = program.post(ALL, {"url": HOOK, **body})
    assert answer.status_code == 201, answer.text
    return answer.json


def test_an_endpoint_is_created_once_with_its_secret(program: Program) -> None:
    body, key = (
        {"url": HOOK, "description": "Accounting", "eventTypes": ["order.paid", "order.placed"]},
        new_key(),
    )
    first, again = (program.post(ALL, body, key=key) for _ in range(2))
    assert again.data == first.data
    [row] = list_endpoints()
    assert first.json["secret"] == get_secret(row.id) == seal().open(row.sealed_secret)
    shown = program.get(first.headers["Location"])
    assert first.json == {**shown.json, "secret": first.json["secret"]}
    assert (shown.json["eventTypes"], shown.json["enabled"]) == (["order.placed", "order.paid"], True)
    assert program.get(ALL).json == {"items": [shown.json]}
    assert first.json["secret"] not in shown.text


def test_it_rejects_urls_in_private_networks(program: Program) -> None:
    path = f"{ALL}/{made(program)['id']}"
    for url in (
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://0x7f.1/",
        "https://localhost/",
        "ftp://a.com/",
    ):
        for answer in (program.post(ALL, {"url": url}), program.patch(path, {"url": url, "version": 1})):
            assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (422, ["url"])
    unknown = program.post(ALL, {"url": HOOK, "eventTypes": ["order.eaten"]})
    assert [each["field"] for each in unknown.json["errors"]] == ["eventTypes"]
    assert [row.url for row in list_endpoints()] == [HOOK]


def test_an_endpoint_is_changed_only_with_its_current_version(program: Program) -> None:
    known = made(program, eventTypes=["order.paid"])
    path = f"{ALL}/{known['id']}"
    off = program.patch(path, {"enabled": False, "version": known["version"]})
    assert (off.json["enabled"], off.json["eventTypes"], off.json["url"]) == (False, ["order.paid"], HOOK)
    assert off.json["disabledReason"] == "Disabled by a program."
    stale = program.patch(path, {"enabled": True, "version": known["version"]})
    assert (stale.status_code, stale.json["currentVersion"]) == (409, off.json["version"])
    on = program.patch(
        path, {"enabled": True, "eventTypes": [], "description": "All"}, If_Match=off.headers["ETag"]
    )
    assert (on.json["enabled"], on.json["disabledReason"], on.json["eventTypes"]) == (True, "", [])
    assert program.patch(path, {"enabled": False}).json["errors"][0]["field"] == "version"


def test_a_secret_is_rotated_once_per_key_and_an_endpoint_can_be_deleted(program: Program) -> None:
    known = made(program)
    path, key = f"{ALL}/{known['id']}", new_key()
    first, again = (program.call("POST", f"{path}/secret", Idempotency_Key=key) for _ in range(2))
    assert first.status_code == 200, first.text
    assert again.data == first.data
    assert first.json["secret"] == get_secret(list_endpoints()[0].id) != known["secret"]
    assert first.json["formerSignsUntil"] is not None
    gone = program.call("DELETE", path)
    assert (gone.status_code, gone.data) == (204, b"")
    assert program.call("DELETE", path).status_code == 404
    assert program.get(ALL).json == {"items": []}


def test_a_shop_has_at_most_twenty_endpoints(program: Program) -> None:
    for number in range(MAX_ENDPOINTS):
        create_endpoint(url=f"{HOOK}/{number}", description="", event_types=[])
    assert program.post(ALL, {"url": HOOK}).status_code == 409


def test_a_test_message_returns_its_result_and_is_logged(varied: Callable[..., Flask], shop: Shop) -> None:
    app = varied(webhook_allow_private=True)
    with app.app_context(), shop_scope(shop), receiving() as receiver:
        program = make_program(app)
        path = f"{ALL}/{made(program, url=receiver.url)['id']}"
        taken = program.call("POST", f"{path}/ping").json
        receiver.status, receiver.answer = 500, b"no"
        refused = program.call("POST", f"{path}/ping").json
        page = program.get(f"{path}/calls?limit=1").json
        rest = program.get(f"{path}/calls?limit=1&cursor={page['nextCursor']}").json
    assert (taken["taken"], taken["status"], refused["taken"], refused["status"]) == (True, 200, False, 500)
    assert [message.json["type"] for message in receiver.messages] == ["ping", "ping"]
    [last], [first] = page["items"], rest["items"]
    assert (last["status"], last["answer"], first["status"], first["eventType"]) == (500, "no", 200, "ping")
    assert rest["nextCursor"] is None


def test_endpoints_of_another_shop_are_not_found(program: Program, app: Flask, other_shop: Shop) -> None:
    known = made(program)
    with shop_scope(other_shop):
        charlie = make_program(app, host="other.localhost")
    path = f"{ALL}/{known['id']}"
    answers = [
        charlie.get(path),
        charlie.get(f"{path}/calls"),
        charlie.patch(path, {"enabled": False, "version": known["version"]}),
        charlie.call("POST", f"{path}/secret"),
        charlie.call("POST", f"{path}/ping"),
        charlie.call("DELETE", path),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert charlie.get(ALL).json == {"items": []}
    assert program.get(path).json == {name: value for name, value in known.items() if name != "secret"}
    assert get_secret(list_endpoints()[0].id) == known["secret"]


def test_a_key_without_the_scope_cannot_use_webhook_endpoints(app: Flask, in_shop: Shop) -> None:
    other = make_program(app, ["events:read"])
    answers = [other.get(ALL), other.post(ALL, {"url": HOOK})]
    assert [(each.status_code, each.json["scope"]) for each in answers] == [(403, "webhooks:write")] * 2
