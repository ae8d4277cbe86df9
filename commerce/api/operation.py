"""The `@operation` decorator: registers an API view with its URL, scope, models and documentation.

The OpenAPI document at /api/openapi.json is built from these registrations, so it always matches the code.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Literal, TypeVar

from flask import Response, request
from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from commerce.accounts import audit
from commerce.accounts.auth import client_address
from commerce.api.auth import blueprint, current_api_actor
from commerce.api.problems import FieldProblem, MalformedRequest, invalid, invalid_request
from commerce.api.schemas import QueryModel, RequestModel, ResponseModel
from commerce.db import with_audit
from commerce.errors import InvalidValue, NotFound
from commerce.request_limits import PROGRAM, ensure_bounded_json

B = TypeVar("B", bound=RequestModel)
Q = TypeVar("Q", bound=QueryModel)
Idempotency = Literal["none", "optional", "required"]
MIN_COMPRESSED = 1024
"""Bytes of the smallest response that is compressed."""
COMPRESSION_LEVEL = 5
PARSED_BODY = "lockstep.json"
"""WSGI environment key of the parsed request body."""
CUSTOMER_SCOPES = ("orders", "payments", "carts")
"""Scopes whose requests can hold personal data of customers, which the activity log does not keep."""
_JSON_INVALID = "json_invalid"
"""Pydantic's error type for a body that its parser, which is stricter than Python's, rejects."""
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,15})(?:-[0-9a-z-]{1,40})?"')


@dataclass(frozen=True, slots=True)
class Operation:
    """An API operation as the OpenAPI document describes it."""

    name: str
    method: str
    rule: str
    scope: str
    tag: str
    body: type[RequestModel] | None
    query: type[QueryModel] | None
    responses: Mapping[int, type[ResponseModel] | None]
    problems: tuple[int, ...]
    idempotency: Idempotency
    view: Callable[..., Any]
    audited: bool = True

    @property
    def takes_version(self) -> bool:
        """Whether a request can name the version of the resource that the client has seen."""
        sent = self.body or (self.query if self.method != "GET" else None)
        return sent is not None and "version" in sent.model_fields


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a view. `version` is that of the resource and goes into the ETag, for `If-Match`."""

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
    responses: Mapping[int, type[ResponseModel] | None],
    body: type[RequestModel] | None = None,
    query: type[QueryModel] | None = None,
    problems: tuple[int, ...] = (),
    idempotency: Idempotency = "none",
    audited: bool = True,
    takes: int = 0,
) -> Callable[[Callable[..., Reply | Response]], Callable[..., Response]]:
    """Register a view. It is called with its path parameters, and with `body` and `query` when these are declared.

    `problems` are status codes beyond those that follow from the rest of the declaration. `audited` writes each change
    to the activity log; leave it out where the order's own history names the actor. `takes` is how many bytes a body
    may have, where that is more than elsewhere.
    """

    def register(view: Callable[..., Reply | Response]) -> Callable[..., Response]:
        name = view.__name__
        described = Operation(
            to_camel(name),
            method,
            rule,
            scope,
            tag,
            body,
            query,
            responses,
            problems,
            idempotency,
            view,
            audited,
        )

        @wraps(view)
        def call(**path: Any) -> Response:
            _refuse_unprintable(path)
            if not described.takes_version:
                _refuse_if_match()
            inputs: dict[str, Any] = {} if query is None else {"query": read_query(query)}
            if query is None and request.args:
                _refuse_parameters(request.args)
            if body is not None:
                inputs["body"] = read_body(body)
            if method == "GET" or not audited:
                return render(view(**path, **inputs))
            with with_audit(_audit_entry(name, scope, path, inputs.get("body"))):
                return render(view(**path, **inputs))

        call.scope = scope  # type: ignore[attr-defined]
        if takes:
            call.takes = replace(PROGRAM, size=takes)  # type: ignore[attr-defined]
        blueprint.add_url_rule(rule, name, call, methods=[method])
        OPERATIONS.append(described)
        return call

    return register


# --- requests -----------------------------------------------------------------------------------


class InvalidRequest(Exception):
    """Raised for a request that does not match its model; carries the response."""

    def __init__(self, response: Response) -> None:
        self.response = response


def request_json() -> Any:
    """Return the parsed body with numbers as the text in which they were written. Raises MalformedRequest.

    NaN and Infinity are refused: they are not JSON. Parsed once per request, as the idempotency key needs it again.
    """
    environ = request.environ
    if PARSED_BODY not in environ:
        environ[PARSED_BODY] = _parse_json()
    return environ[PARSED_BODY]


def _parse_json() -> Any:
    ensure_bounded_json(request.get_data())
    try:
        return json.loads(
            request.get_data(), parse_float=_Literal, parse_int=_Literal, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("body_not_json") from error


class _Literal(str):
    """A number as it was written in the body."""

    __slots__ = ()


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def read_body(model: type[B]) -> B:
    """Return the body as an instance of `model`. Raises InvalidRequest, MalformedRequest, UnsupportedMediaType."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Please send application/json.")
    request_json()
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        if (
            error.errors(include_url=False, include_context=False, include_input=False)[0]["type"]
            == _JSON_INVALID
        ):
            raise MalformedRequest("body_not_json") from error
        raise InvalidRequest(invalid_request(error)) from error


def read_query(model: type[Q]) -> Q:
    """Return the query string as an instance of `model`. Raises InvalidRequest, also for a repeated parameter."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        found = [
            FieldProblem(field=name, code="repeated", message="Please send this once.") for name in repeated
        ]
        raise InvalidRequest(invalid(found, "A parameter was sent more than once."))
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise InvalidRequest(invalid_request(error)) from error


def _refuse_parameters(sent: MultiDict[str, str]) -> None:
    found = [
        FieldProblem(field=name, code="extra_forbidden", message="There is no such parameter.")
        for name in sent
    ]
    raise InvalidRequest(invalid(found, "This address takes no parameters."))


def _refuse_unprintable(path: Mapping[str, Any]) -> None:
    """Answer 404 for control characters in the path: no name has any, and PostgreSQL rejects NUL in a query."""
    if any(unicodedata.category(each) == "Cc" for part in path.values() for each in str(part)):
        raise NotFound("resource_not_found")


def _refuse_if_match() -> None:
    """Reject If-Match where versions are not supported, rather than ignore it."""
    if request.method not in ("GET", "HEAD") and request.headers.get("If-Match", "*") != "*":
        raise MalformedRequest("if_match_not_supported")


@blueprint.errorhandler(InvalidRequest)
def _on_invalid_request(error: InvalidRequest) -> Response:
    return error.response


def _audit_entry(
    action: str, scope: str, path: Mapping[str, Any], body: RequestModel | None
) -> Callable[[], None]:
    actor, where = current_api_actor(), client_address()
    subject = " ".join(str(value) for value in path.values())
    sent = body.model_dump(mode="json", exclude_unset=True) if body is not None else {}
    about_customers = scope.partition(":")[0] in CUSTOMER_SCOPES
    changes = audit.audited_changes(_flat(sent), about_customers=about_customers)
    return lambda: audit.record(actor, f"api.{action}", subject, changes, address=where)


def _flat(value: Any, *path: str) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of each value in a body, such as `lines.0.quantity`."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(part, *path, str(name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _flat(part, *path, str(index))
    else:
        yield ".".join(path), "" if value is None else str(value)


# --- responses -----------------------------------------------------------------------------------


def render(reply: Reply | Response) -> Response:
    """Return the reply of a view as a JSON response with an ETag, compressed if the client accepts that."""
    if isinstance(reply, Response):
        return reply
    if reply.body is None:
        return Response(status=reply.status, headers=dict(reply.headers))
    return as_json(reply.body.model_dump_json().encode(), reply.status, reply.headers, reply.version)


def as_json(data: bytes, status: int, headers: Mapping[str, str], version: int | None = None) -> Response:
    """Return encoded JSON as a response. Its ETag begins with the version of the resource, which `If-Match` takes."""
    response = Response(data, status, headers=dict(headers), mimetype="application/json")
    tag = hashlib.sha256(data).hexdigest()[:16]
    if compress(response):
        tag += "-gzip"
    if status == 200:
        response.set_etag(tag if version is None else f"{version}-{tag}")
    if request.method in ("GET", "HEAD"):
        response.headers["Cache-Control"] = "private, no-cache"
        response.vary.add("Authorization")
        # `If-Match` holds a version here, not a whole ETag: reading ignores it instead of answering 412.
        response.make_conditional({**request.environ, "HTTP_IF_MATCH": ""})
    else:
        response.headers["Cache-Control"] = "no-store"
    return response


def compress(response: Response) -> bool:
    """Compress a response if it is large enough and the client accepts gzip; return whether it was compressed."""
    response.vary.add("Accept-Encoding")
    data = response.get_data()
    if len(data) < MIN_COMPRESSED or request.accept_encodings["gzip"] <= 0:
        return False
    response.set_data(gzip.compress(data, COMPRESSION_LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    return True


def seen_resource_version(sent: int | None) -> int | None:
    """Return the resource version that the client names in the body or in `If-Match`. Raises MalformedRequest."""
    header = request.headers.get("If-Match")
    if header is None or header == "*":
        return sent
    tag = _ETAG.fullmatch(header)
    if tag is None:
        raise MalformedRequest("if_match_invalid")
    if sent is not None and sent != int(tag[1]):
        raise MalformedRequest("versions_differ")
    return int(tag[1])


def required_version(sent: int | None) -> int:
    """Return the version that the client names in the body or in `If-Match`. Raises InvalidValue without one."""
    version = seen_resource_version(sent)
    if version is None:
        raise InvalidValue("version", "version_required")
    return version
