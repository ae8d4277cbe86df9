"""Idempotent requests: claiming the key, the operation and the stored response are one transaction.

A crash before the commit leaves nothing, so a retry runs the operation; after the commit, a retry gets the stored
response. Follows draft-ietf-httpapi-idempotency-key-header-07, except that errors are not stored: a rejected request
can be corrected and sent again with the same key, as in Stripe's API v2.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

from flask import Response, g, request
from sqlalchemy import CursorResult, Row, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from commerce import clock
from commerce.api.auth import blueprint, current_api_client
from commerce.api.models import IdempotencyKey
from commerce.api.operation import Reply, as_json, request_json
from commerce.api.problems import KeyInFlight, MalformedRequest, MissingKey, problem_document
from commerce.db import atomic, current_tenant_id, db, idempotent, new_id
from commerce.encryption import DecryptionError, seal
from commerce.errors import Busy, Conflict, NotFound, Rejected

R = TypeVar("R")
HEADERS = ("Idempotency-Key", "X-Idempotency-Key")
KEEP_FOR = timedelta(hours=24)
PURGE_BATCH = 1000
_KEY = re.compile(r"[\x21-\x7e]{16,255}")
_table = cast("Table", IdempotencyKey.__table__)
# Built once: they run with every order of the API, and the session would build and filter them each time.
_CLAIM = {
    name: insert(_table)
    .on_conflict_do_nothing(index_elements=["tenant_id", "client_id", "route", "key"])
    .returning(_table.c.id)
    for name, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
_KEEP = update(_table).where(_table.c.tenant_id == bindparam("b_tenant"), _table.c.id == bindparam("b_id"))


class KeyReused(Rejected):
    """Raised when a key was already used with a different request."""

    code = "idempotency_key_reused"


class AnswerLost(Conflict):
    """Raised when a stored response cannot be decrypted: SECRET_KEY was changed without a fallback."""

    code = "idempotency_answer_lost"


@dataclass(frozen=True, slots=True)
class IdempotentResult:
    """The response, and the result of the operation (None when the response was replayed)."""

    response: Response
    result: Any = None
    replayed: bool = False


class _AlreadyProcessed(Exception):
    def __init__(self, sealed_outcome: str) -> None:
        self.sealed_outcome = sealed_outcome


class _Claim:
    """The claim of a key. Without a key it only builds the response inside the transaction."""

    def __init__(self, key: str, reply: Callable[[Any], Reply]) -> None:
        self._key = key
        self._make_reply = reply
        self._fingerprint = request_fingerprint() if key else ""
        self._row_id = new_id()
        self.attempted = self.claimed = self.stored = self.over = False
        self.result: Any = None
        self.outcome: dict[str, Any] = {}

    def claim(self) -> None:
        """Claim the key, waiting for a request that holds it. Raises _AlreadyProcessed, KeyReused."""
        if not self._key or self._is_committed():
            return
        self.attempted, self.claimed, self.stored = True, False, False
        row = {
            "tenant_id": current_tenant_id(),
            "id": self._row_id,
            "client_id": current_api_client().client_id,
            "route": _route(),
            "key": self._key,
            "fingerprint": self._fingerprint,
            "status": 0,
            "sealed_outcome": "",
            "created_at": clock.now(),
        }
        made = db.session.connection().execute(_CLAIM[db.engine.dialect.name], row).first()
        if made is None:
            self._raise_stored()
        self.claimed = True

    def _is_committed(self) -> bool:
        """Return whether the operation is already committed, so that what follows is not part of it."""
        if self.stored:
            mine = select(IdempotencyKey.id).where(IdempotencyKey.id == self._row_id)
            self.over = db.session.scalar(mine) is not None
        return self.over

    def _raise_stored(self) -> None:
        found = _find(self._key)
        if found is None:
            raise Busy("idempotency_key_expiring")
        if found.fingerprint != self._fingerprint:
            raise KeyReused("idempotency_key_reused")
        raise _AlreadyProcessed(found.sealed_outcome)

    def keep(self, result: Any) -> None:
        """Build the response to the first operation that completes, and store it under the key."""
        if self.over:
            return
        db.session.flush()
        reply = self._make_reply(result)
        body = reply.body.model_dump_json() if reply.body is not None else ""
        self.result = result
        self.outcome = {
            "status": reply.status,
            "headers": dict(reply.headers),
            "body": body,
            "version": reply.version,
        }
        if self._key:
            values = {
                "b_tenant": current_tenant_id(),
                "b_id": self._row_id,
                "status": reply.status,
                "sealed_outcome": seal().close(json.dumps(self.outcome)),
            }
            db.session.connection().execute(_KEEP, values)
        self.stored = True


def run_idempotent(
    action: Callable[[], R], reply: Callable[[R], Reply], *, required: bool = True, other_key: str = ""
) -> IdempotentResult:
    """Run an action once per idempotency key and return its response; a retry gets the stored response.

    `reply` builds the response from the action's result, inside its transaction. `other_key` is a key from the body.
    Raises MissingKey when a key is `required`, KeyReused, KeyInFlight, and what the action raises.
    """
    key = sent_key(other_key)
    if required and not key:
        raise MissingKey("idempotency_key_required")
    claim = _Claim(key, reply)
    try:
        with idempotent(claim):
            action()
    except _AlreadyProcessed as before:
        return IdempotentResult(_replay(before), replayed=True)
    except Busy as error:
        if claim.attempted and not claim.claimed:
            raise KeyInFlight("idempotency_key_in_flight") from error
        raise
    return IdempotentResult(_respond(claim.outcome), claim.result)


def earlier_response() -> Response | None:
    """Return the stored response of a retry, None for a request with a new key.

    For operations that ask a payment gateway before they store anything: call it first, and `run_idempotent` with what
    the gateway answered. Raises MissingKey, KeyReused.
    """
    key = sent_key()
    if not key:
        raise MissingKey("idempotency_key_required")
    found = _find(key)
    if found is None:
        return None
    if found.fingerprint != request_fingerprint():
        raise KeyReused("idempotency_key_reused")
    return _replay(_AlreadyProcessed(found.sealed_outcome))


@blueprint.errorhandler(NotFound)
@blueprint.errorhandler(Rejected)
def _on_error(error: NotFound | Rejected) -> Response:
    """Return the stored response of a retry, even if its resource has been renamed or deleted since."""
    return _stored_response() or problem_document(error)


def _stored_response() -> Response | None:
    """Return the stored response to the same request with the same key, None if there is none."""
    if request.method != "POST" or "api_client" not in g:
        return None
    try:
        key, asked = sent_key(), request_fingerprint()
    except MalformedRequest:
        return None
    found = _find(key) if key else None
    return _replay(_AlreadyProcessed(found.sealed_outcome)) if found and found.fingerprint == asked else None


def _find(key: str) -> Row[str, str] | None:
    """Return fingerprint and response that this API client's key has for the route of the request."""
    return db.session.execute(
        select(IdempotencyKey.fingerprint, IdempotencyKey.sealed_outcome).where(
            IdempotencyKey.client_id == current_api_client().client_id,
            IdempotencyKey.route == _route(),
            IdempotencyKey.key == key,
        )
    ).one_or_none()


def sent_key(other: str = "") -> str:
    """Return the idempotency key of the request, '' without one. Raises MissingKey for an invalid or a second one."""
    sent = {_bare(request.headers[name]) for name in HEADERS if name in request.headers}
    if other:
        sent.add(_bare(other))
    if len(sent) > 1:
        raise MissingKey("idempotency_keys_differ")
    for key in sent:
        if not _KEY.fullmatch(key):
            raise MissingKey("idempotency_key_invalid")
        return key
    return ""


def _bare(value: str) -> str:
    """Return a key without the quotes of the draft."""
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _route() -> str:
    return f"{request.method} {request.url_rule.rule if request.url_rule else ''}"


def request_fingerprint() -> str:
    """Return the SHA-256 of method, URL and JSON body, with its keys sorted and its numbers as written."""
    body = json.dumps(request_json(), sort_keys=True, separators=(",", ":")) if request.get_data() else ""
    asked = json.dumps([request.method, request.path, sorted(request.args.items(multi=True)), body])
    return hashlib.sha256(asked.encode()).hexdigest()


def _replay(before: _AlreadyProcessed) -> Response:
    try:
        outcome = json.loads(seal().open(before.sealed_outcome))
    except DecryptionError as error:
        raise AnswerLost("idempotency_answer_lost") from error
    response = _respond(outcome)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _respond(outcome: dict[str, Any]) -> Response:
    if not outcome["body"]:
        return Response(status=outcome["status"], headers=outcome["headers"])
    return as_json(outcome["body"].encode(), outcome["status"], outcome["headers"], outcome["version"])


@atomic
def purge_idempotency_keys() -> int:
    """Delete the stored responses of the current shop that are older than KEEP_FOR; return how many."""
    old = (
        select(IdempotencyKey.id)
        .where(IdempotencyKey.created_at < clock.now() - KEEP_FOR)
        .limit(PURGE_BATCH)
        .scalar_subquery()
    )
    result = cast(
        "CursorResult[Any]",
        db.session.execute(
            delete(IdempotencyKey)
            .where(IdempotencyKey.id.in_(old))
            .execution_options(synchronize_session=False)
        ),
    )
    return result.rowcount
