"""Do it once, however often it is asked for: the claim of a key, the deed and its answer are one transaction.

Only what was committed is kept. A crash before that leaves nothing, so the next try does it; a crash after it is
answered from the row. (IETF draft-ietf-httpapi-idempotency-key-header-07, but that failures are not kept: what was
refused can be mended and sent again under the same key, as Stripe's second API and Shopify have it.)
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
from commerce.api.operation import Reply, as_json, sent_json
from commerce.api.problems import KeyInFlight, MalformedRequest, MissingKey, problem_document
from commerce.db import atomic, current_tenant_id, db, idempotent, new_id
from commerce.encryption import DecryptionError, seal
from commerce.errors import Busy, Conflict, NotFound, Rejected

R = TypeVar("R")
HEADERS = ("Idempotency-Key", "X-Idempotency-Key")
KEPT = timedelta(hours=24)
SWEPT_AT_ONCE = 1000
_KEY = re.compile(r"[\x21-\x7e]{16,255}")
_table = cast("Table", IdempotencyKey.__table__)
# Built once: every order over JSON runs them, and the session would build and filter them anew each time.
_CLAIM = {
    name: insert(_table)
    .on_conflict_do_nothing(index_elements=["tenant_id", "client_id", "route", "key"])
    .returning(_table.c.id)
    for name, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
_KEEP = update(_table).where(_table.c.tenant_id == bindparam("b_tenant"), _table.c.id == bindparam("b_id"))


class KeyReused(Rejected):
    """The key was sent before with something else."""

    code = "idempotency_key_reused"


class AnswerLost(Conflict):
    """It was done, and how it was answered cannot be read any more: SECRET_KEY was changed without a fallback."""

    code = "idempotency_answer_lost"


@dataclass(frozen=True, slots=True)
class IdempotentResult:
    """What came of it: the answer, and what the use case returned (None when it had been done before)."""

    response: Response
    result: Any = None
    replayed: bool = False


class _AlreadyDone(Exception):
    def __init__(self, sealed_outcome: str) -> None:
        self.sealed_outcome = sealed_outcome


class _Claim:
    """The claim of one key; without a key it only makes the answer inside the transaction."""

    def __init__(self, key: str, answer: Callable[[Any], Reply]) -> None:
        self._key = key
        self._answer = answer
        self._fingerprint = request_fingerprint() if key else ""
        self._row_id = new_id()
        self.asked = self.claimed = self.kept = self.over = False
        self.result: Any = None
        self.outcome: dict[str, Any] = {}

    def claim(self) -> None:
        """Claim the key, waiting for whoever has it. Raises _DoneBefore, KeyReused."""
        if not self._key or self._stands():
            return
        self.asked, self.claimed, self.kept = True, False, False
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
            self._answer_from_row()
        self.claimed = True

    def _stands(self) -> bool:
        """Tell whether the deed is committed already: then what follows is not part of it. Else it was rolled back."""
        if self.kept:
            mine = select(IdempotencyKey.id).where(IdempotencyKey.id == self._row_id)
            self.over = db.session.scalar(mine) is not None
        return self.over

    def _answer_from_row(self) -> None:
        found = _find(self._key)
        if found is None:
            raise Busy("idempotency_key_expiring")
        if found.fingerprint != self._fingerprint:
            raise KeyReused("idempotency_key_reused")
        raise _AlreadyDone(found.sealed_outcome)

    def keep(self, result: Any) -> None:
        """Make the answer of the first use case that is done, and keep it under the key."""
        if self.over:
            return
        db.session.flush()
        reply = self._answer(result)
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
        self.kept = True


def run_idempotent(
    deed: Callable[[], R], answer: Callable[[R], Reply], *, needed: bool = True, other_key: str = ""
) -> IdempotentResult:
    """Do a use case under the request's key and answer it; what was done before is answered as it was then.

    `answer` makes the reply inside the transaction, of what the use case returned; `other_key` is one that came in the
    body. Raises MissingKey when one is `needed`, KeyReused, KeyInFlight, and what the use case raises.
    """
    key = sent_key(other_key)
    if needed and not key:
        raise MissingKey("idempotency_key_required")
    claim = _Claim(key, answer)
    try:
        with idempotent(claim):
            deed()
    except _AlreadyDone as before:
        return IdempotentResult(_replay(before), replayed=True)
    except Busy as error:
        if claim.asked and not claim.claimed:
            raise KeyInFlight("idempotency_key_in_flight") from error
        raise
    return IdempotentResult(_respond(claim.outcome), claim.result)


@blueprint.errorhandler(NotFound)
@blueprint.errorhandler(Rejected)
def _on_refusal(error: NotFound | Rejected) -> Response:
    """Answer what was done before as it was then, though what it was done to has changed its name or gone since."""
    return _kept_answer() or problem_document(error)


def _kept_answer() -> Response | None:
    """Return what the same request with the same key was answered, None when nothing was done under it."""
    if request.method != "POST" or "program" not in g:
        return None
    try:
        key, asked = sent_key(), request_fingerprint()
    except MalformedRequest:
        return None
    found = _find(key) if key else None
    return _replay(_AlreadyDone(found.sealed_outcome)) if found and found.fingerprint == asked else None


def _find(key: str) -> Row[str, str] | None:
    """Return fingerprint and outcome of what this client did at this address under a key."""
    return db.session.execute(
        select(IdempotencyKey.fingerprint, IdempotencyKey.sealed_outcome).where(
            IdempotencyKey.client_id == current_api_client().client_id,
            IdempotencyKey.route == _route(),
            IdempotencyKey.key == key,
        )
    ).one_or_none()


def sent_key(other: str = "") -> str:
    """Return the request's key, '' without one. Raises MissingKey for one that is none, and for two that differ."""
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
    """Return a key without the quotes that the draft puts around it."""
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _route() -> str:
    return f"{request.method} {request.url_rule.rule if request.url_rule else ''}"


def request_fingerprint() -> str:
    """Return the SHA-256 of what is asked for: where, and the JSON with its keys sorted and its numbers as written."""
    body = json.dumps(sent_json(), sort_keys=True, separators=(",", ":")) if request.get_data() else ""
    asked = json.dumps([request.method, request.path, sorted(request.args.items(multi=True)), body])
    return hashlib.sha256(asked.encode()).hexdigest()


def _replay(before: _AlreadyDone) -> Response:
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
    """Forget what was answered in the current shop more than KEPT ago; return how many."""
    old = (
        select(IdempotencyKey.id)
        .where(IdempotencyKey.created_at < clock.now() - KEPT)
        .limit(SWEPT_AT_ONCE)
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
