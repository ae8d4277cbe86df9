"""Programs and their keys: what lets one in, what keeps it out, and what is kept of a key."""

import json
import uuid
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from commerce import clock
from commerce.accounts import api_clients
from commerce.accounts.api_clients import ApiProgram
from commerce.accounts.models import ApiKey
from commerce.accounts.scopes import SCOPES
from commerce.accounts.sessions import token_hash
from commerce.db import Base, db
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope


@pytest.fixture
def books(in_shop: Shop) -> uuid.UUID:
    return api_clients.create_client(" Books ", by="Olivia")


def issue(client_id: uuid.UUID, *scopes: str, days: int | None = None) -> str:
    until = clock.now() + timedelta(days=days) if days else None
    return api_clients.issue_key(client_id, scopes=scopes or ("orders:read",), by="Olivia", expires_at=until)


def keys(client_id: uuid.UUID) -> list[ApiKey]:
    db.session.close()
    return api_clients.keys_of([client_id])[client_id]


def test_a_key_says_which_program_it_is_and_what_it_opens(books: uuid.UUID) -> None:
    token = issue(books, "products:read", "orders:write")
    (key,) = keys(books)
    assert api_clients.authenticate_key(token) == ApiProgram(
        books, "Books", key.id, frozenset({"orders:write", "products:read"}), 6000, None
    )
    assert (key.created_by, key.last_four) == ("Olivia", token[-4:])
    assert key.scopes == ["orders:write", "products:read"], "in the order of the table"


def test_a_key_is_256_random_bits_behind_a_name_that_scanners_know(books: uuid.UUID) -> None:
    first, second = issue(books), issue(books)
    assert first != second
    for token in (first, second):
        assert token.startswith("ls_live_")
        assert len(token) == len("ls_live_") + 43


def test_the_database_has_a_hash_and_nowhere_the_key(app: Flask, books: uuid.UUID) -> None:
    token = issue(books)
    assert [key.token_hash for key in keys(books)] == [token_hash(token)]
    with app.app_context():
        connection = db.session.connection()
        stored = json.dumps(
            [str(row) for table in Base.metadata.sorted_tables for row in connection.execute(select(table))]
        )
    assert token_hash(token) in stored, "the search looks where it should"
    assert token.removeprefix("ls_live_") not in stored


@pytest.mark.parametrize(
    "token", ["", "ls_live_", "ls_live_" + "x" * 43, "ls_test_abc", "ls_live_\x00", "ls_live_\ud800é"]
)
def test_a_malformed_key_is_refused(books: uuid.UUID, token: str) -> None:
    issue(books)
    assert api_clients.authenticate_key(token) is None


def test_neither_the_hash_nor_the_bare_bits_are_a_key(books: uuid.UUID) -> None:
    token = issue(books)
    for other in (
        token_hash(token),
        f"ls_live_{token_hash(token)}",
        token.removeprefix("ls_live_"),
        token[:-1],
    ):
        assert api_clients.authenticate_key(other) is None


def test_an_expired_key_opens_nothing_from_that_moment_on(books: uuid.UUID) -> None:
    with time_machine.travel("2026-03-01 12:00", tick=False) as now:
        token = issue(books, days=1)
        now.shift(timedelta(days=1, seconds=-1))
        assert api_clients.authenticate_key(token)
        now.shift(timedelta(seconds=1))
        assert api_clients.authenticate_key(token) is None
        with pytest.raises(InvalidValue, match="expiry_not_in_future"):
            api_clients.issue_key(books, scopes=["orders:read"], by="", expires_at=clock.now())


def test_a_revoked_key_opens_nothing_and_the_others_go_on(books: uuid.UUID) -> None:
    old = issue(books)
    (key,) = keys(books)
    new = issue(books)
    api_clients.revoke_key(books, key.id)
    assert api_clients.authenticate_key(old) is None
    program = api_clients.authenticate_key(new)
    assert program is not None
    assert program.client_id == books, "a program that changes keys stays the same program"
    (revoked_at,) = {each.revoked_at for each in keys(books) if each.id == key.id}
    api_clients.revoke_key(books, key.id)
    assert revoked_at in {each.revoked_at for each in keys(books)}, "it was revoked when it was revoked first"


def test_no_key_of_an_inactive_client_works_until_it_is_active_again(books: uuid.UUID) -> None:
    tokens = [issue(books), issue(books)]
    for _ in range(2):
        api_clients.set_client_active(books, active=False)
        assert [api_clients.authenticate_key(token) for token in tokens] == [None, None]
    api_clients.change_client(books, name="Ledger", requests_per_minute=60)
    assert api_clients.authenticate_key(tokens[0]) is None, "saving its name does not let it in"
    api_clients.set_client_active(books, active=True)
    program = api_clients.authenticate_key(tokens[0])
    assert program is not None
    assert (program.name, program.requests_per_minute) == ("Ledger", 60)


def test_a_key_of_another_shop_is_unknown_and_so_is_its_program(books: uuid.UUID, other_shop: Shop) -> None:
    token = issue(books)
    (key,) = keys(books)
    with shop_scope(other_shop):
        assert api_clients.authenticate_key(token) is None
        assert api_clients.list_clients() == []
        for deed in (
            lambda: api_clients.get_client(books),
            lambda: api_clients.revoke_key(books, key.id),
            lambda: api_clients.set_client_active(books, active=False),
            lambda: api_clients.change_client(books, name="Mine", requests_per_minute=1),
            lambda: api_clients.issue_key(books, scopes=["orders:read"], by="Charlie"),
        ):
            with pytest.raises(NotFound):
                deed()
        api_clients.create_client("Books", by="Charlie")
    assert api_clients.authenticate_key(token)


def test_a_key_is_revoked_at_its_own_program_alone(books: uuid.UUID) -> None:
    token = issue(books)
    (key,) = keys(books)
    with pytest.raises(NotFound):
        api_clients.revoke_key(api_clients.create_client("Till", by=""), key.id)
    assert api_clients.authenticate_key(token)


def test_the_last_use_is_noted(books: uuid.UUID) -> None:
    program = api_clients.authenticate_key(issue(books))
    assert program is not None
    api_clients.note_use(program.key_id)
    (key,) = keys(books)
    assert key.used_at is not None
    assert clock.now() - key.used_at < timedelta(minutes=1)


@pytest.mark.parametrize("scopes", [[], ["orders:read", "orders:explode"], ["everything"]])
def test_a_key_opens_something_that_exists(books: uuid.UUID, scopes: list[str]) -> None:
    with pytest.raises(InvalidValue, match="scopes_required"):
        api_clients.issue_key(books, scopes=scopes, by="")
    assert keys(books) == []


def test_every_scope_can_be_given(books: uuid.UUID) -> None:
    program = api_clients.authenticate_key(issue(books, *reversed(SCOPES)))
    assert program is not None
    assert program.scopes == SCOPES.keys()


@pytest.mark.parametrize("name", ["", "  ", "x" * 121, "a\0b", "a\nb", "a\u2028b"])
def test_a_name_can_be_read(books: uuid.UUID, name: str) -> None:
    with pytest.raises(InvalidValue, match="api_client_name_length maximum=120"):
        api_clients.create_client(name, by="")
    with pytest.raises(InvalidValue, match="api_client_name_length maximum=120"):
        api_clients.change_client(books, name=name, requests_per_minute=1)


@pytest.mark.parametrize("rate", [0, -1, api_clients.MAX_RATE + 1])
def test_a_client_has_its_own_rate_limit(books: uuid.UUID, rate: int) -> None:
    with pytest.raises(InvalidValue, match="not_a_whole_number_between"):
        api_clients.change_client(books, name="Books", requests_per_minute=rate)


def test_two_programs_have_two_names(books: uuid.UUID) -> None:
    till = api_clients.create_client("Till", by="")
    with pytest.raises(Conflict, match="api_client_name_taken"):
        api_clients.create_client("Books", by="")
    with pytest.raises(Conflict, match="api_client_name_taken"):
        api_clients.change_client(till, name="Books ", requests_per_minute=1)
    assert [client.name for client in api_clients.list_clients()] == ["Books", "Till"]
    found = api_clients.find_client(" Till ")
    assert found is not None
    assert found.id == till
    assert api_clients.find_client("Nobody") is None


def test_active_keys_are_limited_and_revoked_ones_do_not_count(
    books: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_clients, "MOST_CLIENTS", 1)
    monkeypatch.setattr(api_clients, "MOST_KEYS", 2)
    with pytest.raises(Conflict, match="too_many_api_clients limit=1"):
        api_clients.create_client("Till", by="")
    with time_machine.travel("2026-03-01 12:00", tick=False) as now:
        issue(books, days=1)
        issue(books)
        with pytest.raises(Conflict, match="too_many_api_keys limit=2"):
            issue(books)
        now.shift(timedelta(days=2))
        issue(books)
        newest = keys(books)[0]
        api_clients.revoke_key(books, newest.id)
        issue(books)
    assert len(keys(books)) == 4
