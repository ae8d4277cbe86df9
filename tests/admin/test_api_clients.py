"""Programs in the back office: added, given keys that are shown once, kept out, and by owners alone."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from commerce import clock
from commerce.accounts import api_clients
from commerce.accounts.models import ApiClient, ApiKey, AuditEntry
from commerce.accounts.scopes import READING, SCOPES
from commerce.db import atomic, db
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import current_shop, shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.test_pages import check
from tests.factories.staff import PASSWORD, csrf_token
from tests.support.client import ShopClient

HERE = "/admin/api-clients"


@pytest.fixture
def owner(signed_in: SignedIn) -> ShopClient:
    """Olivia, who owns the shop."""
    return signed_in("owner", name="Olivia")


@pytest.fixture
def books(in_shop: Shop) -> uuid.UUID:
    return api_clients.create_client("Books", by="Olivia")


def send(client: ShopClient, path: str, **data: Any) -> Any:
    """Send a form as the pages about programs do; who may not see them takes a token from elsewhere."""
    token = csrf_token(client.get("/admin/orders").text)
    return client.post(f"{HERE}{path}", data={"csrf_token": token, **data})


def fresh(client_id: uuid.UUID) -> ApiClient:
    db.session.close()
    return api_clients.get_client(client_id)


def keys(client_id: uuid.UUID) -> list[ApiKey]:
    db.session.close()
    return api_clients.keys_of([client_id])[client_id]


def opened_by(token: str) -> api_clients.ApiProgram | None:
    """Return which program comes in by a key, as a new request would find it."""
    db.session.close()
    return api_clients.authenticate_key(token)


@atomic
def write_timezone(name: str) -> None:
    db.session.execute(update(Tenant).where(Tenant.id == current_shop().id).values(timezone=name))


def token_in(page: str) -> str:
    """Return the one key that a page shows, however often it does."""
    (found,) = set(re.findall(r"ls_live_[A-Za-z0-9_-]{43}", page))
    return str(found)


def new_key(owner: ShopClient, books: uuid.UUID, *scopes: str, **data: Any) -> str:
    answer = send(owner, f"/{books}/keys", scopes=list(scopes) or ["orders:read"], **data)
    assert answer.status_code == 200, answer.text
    return token_in(answer.text)


def ticked(page: str) -> set[str]:
    boxes = re.findall(r"<input[^>]* name=\"scopes\"[^>]*>", page)
    assert len(boxes) == len(SCOPES)
    return {str(re.findall(r'value="([^"]+)"', box)[0]) for box in boxes if "checked" in box}


def test_without_programs_the_page_says_so_and_one_is_added(owner: ShopClient) -> None:
    page = owner.get(HERE).text
    check(page)
    assert "No API clients yet." in page
    assert 'href="/admin/api-clients" aria-current="page"' in page
    assert 'href="/api/docs"' in page
    answer = send(owner, "", name=" Books ", requests_per_minute="60")
    (made,) = api_clients.list_clients()
    assert (answer.status_code, answer.location) == (303, f"{HERE}/{made.id}")
    assert (made.name, made.requests_per_minute, made.created_by) == ("Books", 60, "Olivia")
    page = owner.get(answer.location).text
    check(page)
    assert "No keys yet" in page
    assert "Added by Olivia" in page


@pytest.mark.parametrize(
    ("name", "rate", "status", "words"),
    [
        ("", "60", 422, "This field is required."),
        ("x" * 121, "60", 422, "At most 120 characters."),
        ("a\u2028b", "60", 422, "Please use letters, digits and punctuation only."),
        ("a\tb", "60", 422, "Enter a name of 1 to 120 characters."),
        ("Till", "0", 422, "Enter a whole number from 1 to 60000."),
        ("Till", "many", 422, "Not a valid integer value."),
        ("Books", "60", 409, "An API client with this name already exists."),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    owner: ShopClient, books: uuid.UUID, name: str, rate: str, status: int, words: str
) -> None:
    till = api_clients.create_client("The till", by="")
    for path in ("", f"/{till}"):
        answer = send(owner, path, name=name, requests_per_minute=rate)
        assert answer.status_code == status
        check(answer.text)
        assert (
            f'field__error" id="{"name" if name != "Till" else "requests_per_minute"}-error" data-hx-ignore>{words}'
            in answer.text
        )
    assert (len(api_clients.list_clients()), fresh(till).name) == (2, "The till")


def test_a_new_key_is_shown_once_and_by_nobody_kept(owner: ShopClient, books: uuid.UUID) -> None:
    answer = send(owner, f"/{books}/keys", scopes=["orders:read", "orders:write"])
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    check(answer.text)
    token = token_in(answer.text)
    assert f'id="token">{token}</p>' in answer.text
    assert 'data-copy="token"' in answer.text
    curl = f'curl -H "Authorization: Bearer {token}" "http://demo.localhost:5000/api/orders?limit=1"'
    assert curl in answer.text.replace("&#34;", '"')
    program = opened_by(token)
    assert program is not None
    assert (program.client_id, program.scopes) == (books, frozenset({"orders:read", "orders:write"}))
    for path in (HERE, f"{HERE}/{books}"):
        page = owner.get(path).text
        assert "ls_live_" not in page
    check(page)
    assert f"…{token[-4:]}" in page
    assert str(SCOPES["orders:write"]) in page
    assert ">Olivia<" in page


def test_a_form_that_is_sent_again_makes_another_key_and_the_page_says_so(
    owner: ShopClient, books: uuid.UUID
) -> None:
    assert "shown only once" in owner.get(f"{HERE}/{books}").text
    assert new_key(owner, books) != new_key(owner, books)
    assert len(keys(books)) == 2


def test_the_log_has_the_deeds_and_not_the_key(owner: ShopClient, books: uuid.UUID) -> None:
    token = new_key(owner, books, *SCOPES)
    (key,) = keys(books)
    send(owner, f"/{books}/keys/{key.id}/revocation", step="confirm")
    send(owner, f"/{books}/deactivation")
    db.session.close()
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.action, entry.subject) for entry in entries] == [
        ("api_key_issue", str(books)),
        ("api_key_revoke", f"{books} {key.id}"),
        ("api_client_deactivate", str(books)),
    ]
    assert entries[0].changes == {"scopes": ", ".join(SCOPES)}, "what it opens is told in full"
    assert token not in owner.get("/admin/audit").text


def test_ready_made_sets_are_ticked_by_a_link(owner: ShopClient, books: uuid.UUID) -> None:
    page = owner.get(f"{HERE}/{books}").text
    assert ticked(page) == set()
    for name, scopes in (("read", READING), ("all", tuple(SCOPES))):
        assert f'href="{HERE}/{books}?scopes={name}#new-key"' in page
        shown = owner.get(f"{HERE}/{books}?scopes={name}").text
        check(shown)
        assert ticked(shown) == set(scopes)
    assert ticked(owner.get(f"{HERE}/{books}?scopes=nonsense").text) == set()
    assert all(scope.endswith(":read") for scope in READING)
    new_key(owner, books, *READING)
    new_key(owner, books, *SCOPES)
    page = owner.get(f"{HERE}/{books}").text
    assert "<summary>Read all</summary>" in page
    assert "<summary>Everything</summary>" in page


@pytest.mark.parametrize("scopes", [[], ["orders:explode"], ["orders:read", "everything"]])
def test_a_key_that_opens_nothing_or_what_does_not_exist_is_not_made(
    owner: ShopClient, books: uuid.UUID, scopes: list[str]
) -> None:
    answer = send(owner, f"/{books}/keys", scopes=scopes)
    assert answer.status_code == 422
    check(answer.text)
    assert 'href="#scopes"' in answer.text
    assert "ls_live_" not in answer.text
    assert keys(books) == []


def test_a_key_is_good_to_the_end_of_its_last_day_where_the_shop_is(
    owner: ShopClient, books: uuid.UUID, signed_in: SignedIn
) -> None:
    write_timezone("Asia/Tokyo")
    token = new_key(owner, books, last_day="2199-12-31")
    (key,) = keys(books)
    assert key.expires_at == datetime(2199, 12, 31, 15, tzinfo=UTC)
    with time_machine.travel(key.expires_at - timedelta(seconds=1), tick=False):
        assert opened_by(token)
    with time_machine.travel(key.expires_at, tick=False):
        assert opened_by(token) is None
        assert ">Expired<" in signed_in("owner").get(f"{HERE}/{books}").text


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2020-02-29", "Choose an expiry date in the future."),
        ("2200-01-01", "before the year 2200"),
        ("9999-12-31", "before the year 2200"),
        ("0001-01-01", "Choose an expiry date in the future."),
        ("tomorrow", "Not a valid date value."),
    ],
)
def test_a_last_day_that_makes_no_sense_is_refused(
    owner: ShopClient, books: uuid.UUID, day: str, words: str
) -> None:
    answer = send(owner, f"/{books}/keys", scopes=["orders:read", "events:read"], last_day=day)
    assert answer.status_code == 422
    check(answer.text)
    assert words in answer.text
    assert ticked(answer.text) == {"orders:read", "events:read"}, "nothing that was chosen is lost"
    assert keys(books) == []


def test_there_are_not_more_keys_than_anybody_needs(
    owner: ShopClient, books: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_clients, "MOST_KEYS", 1)
    new_key(owner, books)
    answer = send(owner, f"/{books}/keys", scopes=["orders:read"])
    assert answer.status_code == 409
    check(answer.text)
    assert "up to 1 keys" in answer.text
    assert "ls_live_" not in answer.text


def test_a_revoked_key_stays_in_the_list_and_opens_nothing(owner: ShopClient, books: uuid.UUID) -> None:
    token = new_key(owner, books)
    (key,) = keys(books)
    for _ in range(2):
        answer = send(owner, f"/{books}/keys/{key.id}/revocation", step="confirm")
        assert (answer.status_code, answer.location) == (303, f"{HERE}/{books}")
    assert opened_by(token) is None
    page = owner.get(f"{HERE}/{books}").text
    check(page)
    assert ">Revoked<" in page
    assert f"{key.id}/revocation" not in page
    assert send(owner, f"/{books}/keys/{uuid.uuid4()}/revocation").status_code == 404


def test_a_program_is_kept_out_and_let_in_again_whatever_an_older_page_says(
    owner: ShopClient, books: uuid.UUID
) -> None:
    token = new_key(owner, books)
    assert send(owner, f"/{books}/deactivation").status_code == 303
    assert opened_by(token) is None
    assert "Its API keys do not work." in owner.get(f"{HERE}/{books}").text
    assert send(owner, f"/{books}", name="Ledger", requests_per_minute="7", active="y").status_code == 303
    assert (fresh(books).name, fresh(books).active, opened_by(token)) == ("Ledger", False, None)
    assert send(owner, f"/{books}/activation").status_code == 303
    assert opened_by(token)


def test_the_list_tells_which_keys_are_good_and_when_one_was_used(
    owner: ShopClient, books: uuid.UUID
) -> None:
    api_clients.create_client("Till", by="")
    for _ in range(3):
        token = new_key(owner, books)
    program = opened_by(token)
    assert program is not None
    api_clients.note_use(program.key_id)
    api_clients.revoke_key(books, next(key.id for key in keys(books) if key.id != program.key_id))
    page = owner.get(HERE).text
    check(page)
    rows = re.findall(r'Active keys">(\d+)</td>\s*<td data-label="Last used">([^<]+)<', page)
    assert [count for count, _when in rows] == ["2", "0"]
    assert [when == "–" for _count, when in rows] == [False, True]


ACTIONS = ["", "/{}", "/{}/keys", "/{}/activation", "/{}/deactivation"]


def test_what_is_dangerous_asks_who_it_is_when_that_was_long_ago(owner: ShopClient, books: uuid.UUID) -> None:
    token = csrf_token(owner.get("/admin/orders").text)
    with time_machine.travel(clock.now() + timedelta(minutes=31), tick=False):
        for action in ACTIONS:
            asked = owner.post(f"{HERE}{action.format(books)}", data={"csrf_token": token, "name": "x"})
            assert (asked.status_code, "password" in asked.text) == (403, True)
        asked = owner.post(f"{HERE}/{books}/keys", data={"csrf_token": token, "scopes": "orders:read"})
        assert keys(books) == []
        (kept,) = re.findall(r'name="kept"[^>]* value="([^"]+)"', asked.text)
        data = {"csrf_token": csrf_token(asked.text), "kept": kept, "password": PASSWORD}
        done = owner.post(f"{HERE}/{books}/keys", data=data)
        assert done.status_code == 200
        assert opened_by(token_in(done.text))


def test_only_owners_have_the_pages(signed_in: SignedIn, books: uuid.UUID) -> None:
    token = api_clients.issue_key(books, scopes=["orders:read"], by="")
    (key,) = keys(books)
    for role in ("manager", "fulfilment", "support", "readonly"):
        client = signed_in(role)
        assert HERE not in client.get("/admin/orders").text
        for path in ("", f"/{books}"):
            assert client.get(f"{HERE}{path}").status_code == 403
        for action in [*ACTIONS, f"/{{}}/keys/{key.id}/revocation"]:
            refused = send(client, action.format(books), name="Mine", scopes=["orders:read"])
            assert refused.status_code == 403
    assert opened_by(token)
    assert len(keys(books)) == 1


def test_charlie_neither_sees_nor_touches_them(
    signed_in: SignedIn, books: uuid.UUID, in_shop: Shop, other_shop: Shop
) -> None:
    token = api_clients.issue_key(books, scopes=["orders:read"], by="")
    (key,) = keys(books)
    charlie = signed_in("owner", shop=other_shop)
    assert str(books) not in charlie.get(HERE).text
    assert charlie.get(f"{HERE}/{books}").status_code == 404
    for action in [*ACTIONS[1:], f"/{{}}/keys/{key.id}/revocation"]:
        data = {"name": "Mine", "requests_per_minute": "1", "scopes": ["orders:read"]}
        assert send(charlie, action.format(books), **data).status_code == 404
    with shop_scope(in_shop):
        assert (fresh(books).name, len(keys(books))) == ("Books", 1)
        assert opened_by(token)
