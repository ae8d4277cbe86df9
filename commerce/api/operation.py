"""One decorator for every address of the API: what it takes and answers, for whom, and in which words it is described.

The document at /api/openapi.json is made from these, so it says what the code does.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, TypeVar

from flask import Response, request
from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from commerce.accounts import audit
from commerce.accounts.staff_auth import client_address
from commerce.api.auth import blueprint, current_api_actor
from commerce.api.problems import FieldProblem, MalformedRequest, invalid, invalid_request
from commerce.api.schemas import QueryModel, RequestModel, ResponseModel
from commerce.db import with_audit
from commerce.errors import NotFound
from commerce.request_limits import ensure_bounded_json

B = TypeVar("B", bound=RequestModel)
Q = TypeVar("Q", bound=QueryModel)
Idempotent = Literal["no", "honoured", "required"]
WORTH_COMPRESSING = 1024
"""Bytes of the shortest answer that is compressed."""
COMPRESSION = 5
READ = "lockstep.json"
"""Where the body of a request is kept once it was read."""
ABOUT_CUSTOMERS = ("orders", "payments", "carts")
"""Scopes of what may hold something of a customer, which the shop's log does not keep."""
_NO_JSON = "json_invalid"
"""What pydantic calls a body that its own reader, which is stricter than Python's, cannot read."""
_TAG = re.compile(r'(?:W/)?"([0-9]{1,15})(?:-[0-9a-z-]{1,40})?"')


@dataclass(frozen=True, slots=True)
class Operation:
    """What the document says of one method of one address."""

    name: str
    method: str
    rule: str
    scope: str
    tag: str
    body: type[RequestModel] | None
    query: type[QueryModel] | None
    answers: Mapping[int, type[ResponseModel] | None]
    problems: tuple[int, ...]
    idempotent: Idempotent
    view: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a view answers. `version` is that of the row, for `If-Match`."""

    body: ResponseModel | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    version: int | None = None


OPERATIONS: list[Operation] = []


def operation(
    method: str,
    rule: str,
    *,
    scope: str,
    tag: str,
    answers: Mapping[int, type[ResponseModel] | None],
    body: type[RequestModel] | None = None,
    query: type[QueryModel] | None = None,
    problems: tuple[int, ...] = (),
    idempotent: Idempotent = "no",
    audited: bool = True,
) -> Callable[[Callable[..., Reply | Response]], Callable[..., Response]]:
    """Put a view at an address. It is called with the parts of its path, with `body` and `query` as it declared them.

    `problems` are the statuses beside those that every address has; `audited` writes each change into the shop's log,
    where the order's own history does not say who did it.
    """

    def register(view: Callable[..., Reply | Response]) -> Callable[..., Response]:
        @wraps(view)
        def call(**path: Any) -> Response:
            _refuse_unprintable(path)
            if body is None or "version" not in body.model_fields:
                _refuse_version()
            given: dict[str, Any] = {} if query is None else {"query": read_query(query)}
            if query is None and request.args:
                _refuse_parameters(request.args)
            if body is not None:
                given["body"] = read_body(body)
            if method == "GET" or not audited:
                return render(view(**path, **given))
            with with_audit(_audit_entry(view.__name__, scope, path, given.get("body"))):
                return render(view(**path, **given))

        call.scope = scope  # type: ignore[attr-defined]
        name = view.__name__
        blueprint.add_url_rule(rule, name, call, methods=[method])
        OPERATIONS.append(
            Operation(
                to_camel(name), method, rule, scope, tag, body, query, answers, problems, idempotent, view
            )
        )
        return call

    return register


# --- what comes in -----------------------------------------------------------------------------------


class Unreadable(Exception):
    """The request does not have the shape that was asked for; carries the answer."""

    def __init__(self, response: Response) -> None:
        self.response = response


def sent_json() -> Any:
    """Return the JSON that was sent; numbers are as they were written. Raises MalformedRequest.

    NaN and Infinity are no JSON. Read once for each request: it is asked for again to compare what a key came with.
    """
    kept = request.environ
    if READ not in kept:
        kept[READ] = _read_json()
    return kept[READ]


def _read_json() -> Any:
    ensure_bounded_json(request.get_data())
    try:
        return json.loads(
            request.get_data(), parse_float=_Written, parse_int=_Written, parse_constant=_refuse
        )
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("body_not_json") from error


class _Written(str):
    """A number as it was written."""

    __slots__ = ()


def _refuse(word: str) -> None:
    raise ValueError(word)


def read_body(model: type[B]) -> B:
    """Return the body as `model`. Raises Unreadable, MalformedRequest, UnsupportedMediaType."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Please send application/json.")
    sent_json()
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        if error.errors(include_url=False, include_context=False, include_input=False)[0]["type"] == _NO_JSON:
            raise MalformedRequest("body_not_json") from error
        raise Unreadable(invalid_request(error)) from error


def read_query(model: type[Q]) -> Q:
    """Return what stands behind the question mark as `model`. Raises Unreadable, also for what is there twice."""
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        found = [
            FieldProblem(field=name, code="repeated", message="Please send this once.") for name in twice
        ]
        raise Unreadable(invalid(found, "A parameter was sent more than once."))
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise Unreadable(invalid_request(error)) from error


def _refuse_parameters(sent: MultiDict[str, str]) -> None:
    found = [
        FieldProblem(field=name, code="extra_forbidden", message="There is no such parameter.")
        for name in sent
    ]
    raise Unreadable(invalid(found, "This address takes no parameters."))


def _refuse_unprintable(path: Mapping[str, Any]) -> None:
    """Find nothing under a name that nothing can have; PostgreSQL could not even be asked for one with a NUL."""
    if not all(str(part).isprintable() for part in path.values()):
        raise NotFound("resource_not_found")


def _refuse_version() -> None:
    """Do nothing for who believes that a version is looked at where none is."""
    if request.method not in ("GET", "HEAD") and request.headers.get("If-Match", "*") != "*":
        raise MalformedRequest("if_match_not_supported")


@blueprint.errorhandler(Unreadable)
def _on_unreadable(error: Unreadable) -> Response:
    return error.response


def _audit_entry(
    action: str, scope: str, path: Mapping[str, Any], body: RequestModel | None
) -> Callable[[], None]:
    actor, where = current_api_actor(), client_address()
    subject = " ".join(str(value) for value in path.values())
    sent = body.model_dump(mode="json", exclude_unset=True) if body is not None else {}
    about_customers = scope.partition(":")[0] in ABOUT_CUSTOMERS
    changes = audit.audited_changes(_flat(sent), about_customers=about_customers)
    return lambda: audit.record(actor, f"api.{action}", subject, changes, address=where)


def _flat(value: Any, *path: str) -> Iterator[tuple[str, str]]:
    """Yield what was sent as a form would name it: `lines.0.quantity`."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(part, *path, str(name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _flat(part, *path, str(index))
    else:
        yield ".".join(path), "" if value is None else str(value)


# --- what goes out -----------------------------------------------------------------------------------


def render(reply: Reply | Response) -> Response:
    """Return a reply as JSON: compressed where that is asked for and worth it, with a tag to ask again by."""
    if isinstance(reply, Response):
        return reply
    if reply.body is None:
        return Response(status=reply.status, headers=dict(reply.headers))
    return as_json(reply.body.model_dump_json().encode(), reply.status, reply.headers, reply.version)


def as_json(data: bytes, status: int, headers: Mapping[str, str], version: int | None = None) -> Response:
    """Return JSON text as an answer. Its tag begins with the version of the row, which `If-Match` takes."""
    response = Response(data, status, headers=dict(headers), mimetype="application/json")
    tag = hashlib.sha256(data).hexdigest()[:16]
    if compress(response):
        tag += "-gzip"
    if status == 200:
        response.set_etag(tag if version is None else f"{version}-{tag}")
    if request.method in ("GET", "HEAD"):
        response.headers["Cache-Control"] = "private, no-cache"
        response.vary.add("Authorization")
        # Reading asks for no version, and what `If-Match` holds here is one: `"3"` is no whole tag.
        response.make_conditional({**request.environ, "HTTP_IF_MATCH": ""})
    else:
        response.headers["Cache-Control"] = "no-store"
    return response


def compress(response: Response) -> bool:
    """Compress an answer that is worth it for who takes it so, and tell whether it was."""
    response.vary.add("Accept-Encoding")
    data = response.get_data()
    if len(data) < WORTH_COMPRESSING or request.accept_encodings["gzip"] <= 0:
        return False
    response.set_data(gzip.compress(data, COMPRESSION, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    return True


def seen_resource_version(sent: int | None) -> int | None:
    """Return the version that a client has seen: in its body, or as `If-Match`. Raises MalformedRequest."""
    header = request.headers.get("If-Match")
    if header is None or header == "*":
        return sent
    tag = _TAG.fullmatch(header)
    if tag is None:
        raise MalformedRequest("if_match_invalid")
    if sent is not None and sent != int(tag[1]):
        raise MalformedRequest("versions_differ")
    return int(tag[1])
