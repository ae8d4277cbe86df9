"""Programs that work with a shop, and their keys: created, shown once, revoked, and authenticated."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table, bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError

from commerce import clock
from commerce.accounts.models import ApiClient, ApiKey
from commerce.accounts.scopes import SCOPES
from commerce.accounts.sessions import new_token, token_hash
from commerce.db import atomic, current_tenant_id, db, insert_rows, new_id
from commerce.errors import Conflict, InvalidValue, NotFound

PREFIX = "ls_live_"
"""How every key begins, so that people and scanners of source code know one when they see it."""
MAX_NAME = 120
MOST_CLIENTS = 200
MOST_KEYS = 20
MAX_RATE = 60_000
USE_NOTED = timedelta(minutes=1)
"""The last use of a key is as exact as this: a row that changes at every request would be a lock for all of them."""


@dataclass(frozen=True, slots=True)
class ApiProgram:
    """The API client behind a request, with the key that it sent."""

    client_id: uuid.UUID
    name: str
    key_id: uuid.UUID
    scopes: frozenset[str]
    requests_per_minute: int
    used_at: datetime | None


_keys, _clients = cast("Table", ApiKey.__table__), cast("Table", ApiClient.__table__)
# Asked at the start of every request: kept, and run on the connection without the session's work.
_BY_TOKEN = (
    select(
        _clients.c.id,
        _clients.c.name,
        _keys.c.id,
        _keys.c.scopes,
        _clients.c.requests_per_minute,
        _keys.c.used_at,
        _keys.c.revoked_at,
        _keys.c.expires_at,
    )
    .join(_clients, (_clients.c.tenant_id == _keys.c.tenant_id) & (_clients.c.id == _keys.c.client_id))
    .where(
        _keys.c.tenant_id == bindparam("tenant"), _keys.c.token_hash == bindparam("hash"), _clients.c.active
    )
)


def authenticate_key(token: str) -> ApiProgram | None:
    """Return the client of the current shop whose key this is; None when it is unknown, revoked or has expired."""
    if not token.startswith(PREFIX):
        return None
    asked = {"tenant": current_tenant_id(), "hash": token_hash(token)}
    row = db.session.connection().execute(_BY_TOKEN, asked).one_or_none()
    if row is None:
        return None
    client_id, name, key_id, scopes, requests_per_minute, used_at, revoked_at, expires_at = row
    if not _is_good(revoked_at, expires_at):
        return None
    return ApiProgram(client_id, name, key_id, frozenset(scopes), requests_per_minute, used_at)


@atomic
def note_use(key_id: uuid.UUID) -> None:
    """Write down that a key is being used, unless a call beside this one has done so."""
    now = clock.now()
    db.session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, or_(ApiKey.used_at.is_(None), ApiKey.used_at < now - USE_NOTED))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )


def key_is_active(key: ApiKey) -> bool:
    """Tell whether a key is good now: neither revoked nor expired. Whether its client may come in is another matter."""
    return _is_good(key.revoked_at, key.expires_at)


def _is_good(revoked_at: datetime | None, expires_at: datetime | None) -> bool:
    return revoked_at is None and (expires_at is None or expires_at > clock.now())


# --- reading -----------------------------------------------------------------------------------------


def list_clients() -> list[ApiClient]:
    """Return the shop's clients by name."""
    return list(db.session.scalars(select(ApiClient).order_by(ApiClient.name, ApiClient.id)))


def get_client(client_id: uuid.UUID) -> ApiClient:
    """Return a client. Raises NotFound."""
    client = db.session.scalar(select(ApiClient).where(ApiClient.id == client_id))
    if client is None:
        raise NotFound("api_client_not_found")
    return client


def find_client(name: str) -> ApiClient | None:
    """Return the client of a name, None when there is none."""
    return db.session.scalar(select(ApiClient).where(ApiClient.name == name.strip()))


def keys_of(client_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, list[ApiKey]]:
    """Return the keys of each of some clients, newest first; revoked ones too."""
    rows = db.session.scalars(
        select(ApiKey).where(ApiKey.client_id.in_(client_ids)).order_by(ApiKey.created_at.desc(), ApiKey.id)
    )
    found: dict[uuid.UUID, list[ApiKey]] = {client_id: [] for client_id in client_ids}
    for key in rows:
        found[key.client_id].append(key)
    return found


# --- use cases ---------------------------------------------------------------------------------------


def create_client(name: str, *, by: str, requests_per_minute: int = 6000) -> uuid.UUID:
    """Add a client and return its id. Raises InvalidValue, Conflict for a name that is taken."""
    try:
        return _create_client(name, by, requests_per_minute)
    except IntegrityError as error:
        raise Conflict("api_client_name_taken") from error


@atomic
def _create_client(name: str, by: str, requests_per_minute: int) -> uuid.UUID:
    _check(name, requests_per_minute)
    if len(list_clients()) >= MOST_CLIENTS:
        raise Conflict("too_many_api_clients", limit=MOST_CLIENTS)
    client_id = new_id()
    insert_rows(
        ApiClient,
        [
            {
                "id": client_id,
                "name": name.strip(),
                "requests_per_minute": requests_per_minute,
                "created_by": by,
            }
        ],
    )
    return client_id


def change_client(client_id: uuid.UUID, *, name: str, requests_per_minute: int) -> None:
    """Rename a client, set how often it may call. Raises NotFound, InvalidValue, Conflict for a name that is taken."""
    try:
        _change_client(client_id, name, requests_per_minute)
    except IntegrityError as error:
        raise Conflict("api_client_name_taken") from error


@atomic
def _change_client(client_id: uuid.UUID, name: str, requests_per_minute: int) -> None:
    _check(name, requests_per_minute)
    client = get_client(client_id)
    client.name, client.requests_per_minute = name.strip(), requests_per_minute
    db.session.flush()


@atomic
def set_client_active(client_id: uuid.UUID, *, active: bool) -> None:
    """Let a client in or keep it out with all its keys. Repeating it changes nothing. Raises NotFound.

    It is not part of a form with other fields: whoever saves an older page must not let in what was just kept out.
    """
    get_client(client_id).active = active
    db.session.flush()


def _check(name: str, requests_per_minute: int) -> None:
    if not 0 < len(name.strip()) <= MAX_NAME or not name.isprintable():
        raise InvalidValue("name", "api_client_name_length", maximum=MAX_NAME)
    if not 0 < requests_per_minute <= MAX_RATE:
        raise InvalidValue("requests_per_minute", "not_a_whole_number_between", minimum=1, maximum=MAX_RATE)


@atomic
def issue_key(
    client_id: uuid.UUID, *, scopes: Collection[str], by: str, expires_at: datetime | None = None
) -> str:
    """Make a key for a client and return it: the only time that anybody sees it.

    Raises NotFound, InvalidValue for scopes that do not exist or a day that is over, Conflict when there are too many.
    """
    get_client(client_id)
    if not scopes or not set(scopes) <= SCOPES.keys():
        raise InvalidValue("scopes", "scopes_required")
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidValue("expires_at", "expiry_not_in_future")
    if sum(map(key_is_active, keys_of([client_id])[client_id])) >= MOST_KEYS:
        raise Conflict("too_many_api_keys", limit=MOST_KEYS)
    token = PREFIX + new_token()
    insert_rows(
        ApiKey,
        [
            {
                "client_id": client_id,
                "token_hash": token_hash(token),
                "last_four": token[-4:],
                "scopes": [scope for scope in SCOPES if scope in set(scopes)],
                "created_by": by,
                "expires_at": expires_at,
            }
        ],
    )
    return token


@atomic
def revoke_key(client_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """Let a key open nothing any more. Repeating it changes nothing. Raises NotFound."""
    key = db.session.scalar(select(ApiKey).where(ApiKey.client_id == client_id, ApiKey.id == key_id))
    if key is None:
        raise NotFound("api_key_not_found")
    key.revoked_at = key.revoked_at or clock.now()
    db.session.flush()
