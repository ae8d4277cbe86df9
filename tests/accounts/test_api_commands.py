"""`flask api-keys`: a key is made, told once, listed without itself, and revoked; the log knows who did it."""

import json
from typing import Any

import pytest
import time_machine
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from commerce.accounts import api_clients
from commerce.accounts.models import AuditEntry
from commerce.accounts.scopes import SCOPES
from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["api-keys", *arguments])


def create(app: Flask, *arguments: str) -> dict[str, Any]:
    result = run(app, "create", "--tenant", "demo", "--client", "Books", *arguments, "--json")
    assert result.exit_code == 0, result.output
    made: dict[str, Any] = json.loads(result.output)
    return made


def listed(app: Flask, tenant: str = "demo") -> list[dict[str, Any]]:
    result = run(app, "list", "--tenant", tenant, "--json")
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.output)
    return rows


def test_a_key_is_issued_for_a_new_client_and_another_for_the_same(app: Flask, in_shop: Shop) -> None:
    with time_machine.travel("2026-03-01 12:00", tick=False):
        first = create(app, "--scopes", "orders:write, orders:read", "--days", "90")
        second = create(app, "--all-scopes")
        program = api_clients.authenticate_key(first["key"])
        assert program is not None
        assert (program.name, program.scopes) == ("Books", frozenset({"orders:read", "orders:write"}))
        assert first["expires_at"] == "2026-05-30T12:00:00+00:00"
        assert (second["expires_at"], second["scopes"]) == (None, list(SCOPES))
        other = api_clients.authenticate_key(second["key"])
        assert other is not None
        assert other.client_id == program.client_id
        assert {row["id"] for row in listed(app)} == {first["id"], second["id"]}


def test_a_person_reads_the_key_once_and_the_list_never_has_it(app: Flask, in_shop: Shop) -> None:
    made = run(app, "create", "--tenant", "demo", "--client", "Books", "--scopes", "events:read")
    assert made.exit_code == 0, made.output
    token = made.output.rpartition("Key (shown only now): ")[2].strip()
    assert api_clients.authenticate_key(token)
    shown = run(app, "list", "--tenant", "demo")
    assert f"…{token[-4:]}  Books" in shown.output
    assert "good" in shown.output
    assert token not in shown.output
    assert token not in json.dumps(listed(app))


def test_a_revoked_key_opens_nothing_and_is_listed_as_such(app: Flask, in_shop: Shop) -> None:
    made = create(app, "--all-scopes")
    done = run(app, "revoke", "--tenant", "demo", made["id"])
    assert done.exit_code == 0, done.output
    assert "opens nothing any more" in done.output
    assert api_clients.authenticate_key(made["key"]) is None
    assert [row["state"] for row in listed(app)] == ["revoked"]
    api_clients.set_client_active(api_clients.list_clients()[0].id, active=False)
    assert "program kept out" in run(app, "list", "--tenant", "demo").output


def test_the_log_knows_who_did_it_and_not_the_key(app: Flask, in_shop: Shop) -> None:
    made = create(app, "--scopes", "orders:read")
    run(app, "revoke", "--tenant", "demo", made["id"])
    db.session.close()
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.actor_kind, entry.action, entry.subject) for entry in entries] == [
        ("cli", "api_client_create", "Books"),
        ("cli", "api_key_create", "Books orders:read"),
        ("cli", "api_key_revoke", f"Books …{made['last_four']}"),
    ]
    assert made["key"] not in str([(entry.subject, entry.changes) for entry in entries])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "either --scopes or --all-scopes"),
        (("--scopes", "orders:read", "--all-scopes"), "either --scopes or --all-scopes"),
        (("--scopes", " , "), "either --scopes or --all-scopes"),
        (("--scopes", "orders:explode"), "no scope 'orders:explode'"),
        (("--all-scopes", "--days", "0"), "0 is not in the range"),
    ],
)
def test_an_invalid_command_leaves_nothing(
    app: Flask, in_shop: Shop, arguments: tuple[str, ...], words: str
) -> None:
    result = run(app, "create", "--tenant", "demo", "--client", "Books", *arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert api_clients.list_clients() == []


def test_a_refusal_is_one_sentence_and_exit_code_1(app: Flask, in_shop: Shop, other_shop: Shop) -> None:
    made = create(app, "--all-scopes")
    for arguments, words in (
        (("create", "--tenant", "nowhere", "--client", "Books", "--all-scopes"), "no shop with the code"),
        (("create", "--tenant", "demo", "--client", " ", "--all-scopes"), "1 to 120"),
        (("list", "--tenant", "nowhere"), "no shop with the code"),
        (("revoke", "--tenant", other_shop.code, made["id"]), "We couldn't find this key."),
    ):
        result = run(app, *arguments)
        assert (result.exit_code, words in result.output) == (1, True), result.output
    assert listed(app, other_shop.code) == []
    with shop_scope(in_shop):
        assert api_clients.authenticate_key(made["key"])
