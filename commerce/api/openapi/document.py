"""The OpenAPI document, made from the operations: spectree reads their models, the rest is said here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from flask import current_app
from pydantic.alias_generators import to_camel
from spectree import Response as Answers
from spectree import SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData
from spectree.plugins.flask_plugin import FlaskPlugin

from commerce.accounts.scopes import SCOPES
from commerce.api.auth import blueprint
from commerce.api.codes import codes_by_status
from commerce.api.openapi.examples import Examples
from commerce.api.openapi.texts import ABOUT, HEADERS, MEANS, PARAMETERS, TAGS
from commerce.api.operation import OPERATIONS, Operation
from commerce.api.problems import Problem

VERSION = "1.0.0"
ALWAYS = (400, 401, 403, 429, 503)
"""Statuses that every address may answer."""
ANSWERED_WITH = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
"""Status of a problem -> headers that it carries beside those of every answer."""
RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


class _OurRoutes(FlaskPlugin):
    """Spectree's reader of routes, told of ours: the views themselves know nothing of it."""

    documented: dict[str, Any] = {}

    def find_routes(self) -> Iterator[Any]:
        rules = {rule.endpoint: rule for rule in current_app.url_map.iter_rules()}
        for name in self.documented:
            yield rules[f"{blueprint.name}.{name}"]

    def parse_func(self, route: Any) -> Iterator[tuple[str, Any]]:
        name = route.endpoint.removeprefix(f"{blueprint.name}.")
        operation, documented = self.documented[name]
        yield operation.method, documented


def make_document() -> dict[str, Any]:
    """Return the OpenAPI document of all operations."""
    spec = SpecTree(
        backend=_OurRoutes,
        annotations=False,
        title="Lockstep",
        version=VERSION,
        description=ABOUT,
        naming_strategy=lambda model: model.__name__,
        nested_naming_strategy=lambda _parent, child: child,
        validation_error_model=Problem,
        security_schemes=[
            SecurityScheme(
                name="key",
                data=SecuritySchemeData(
                    type=SecureType.HTTP,
                    scheme="bearer",
                    description="A key of the shop, made by its owner: `ls_live_...`.",
                ),
            )
        ],
        security={"key": []},
    )
    _OurRoutes.documented = {each.view.__name__: (each, _describe(spec, each)) for each in OPERATIONS}
    document: dict[str, Any] = json.loads(json.dumps(spec.spec))
    document["info"]["contact"] = {"name": "The shop whose host is called"}
    document["servers"] = [{"url": "/", "description": "The shop whose host is called."}]
    document["tags"] = [{"name": name, "description": TAGS.get(name, name)} for name in _tags()]
    schemas = document["components"]["schemas"] = _tidy_schemas(document["components"]["schemas"])
    document["components"] |= {
        "parameters": PARAMETERS,
        "headers": HEADERS,
        "responses": {_name(status): _refusal(status) for status in MEANS},
    }
    by_name = {each.name: each for each in OPERATIONS}
    for path in document["paths"].values():
        for described in path.values():
            _complete(described, by_name[described["operationId"]], Examples(schemas))
    _every_field_is_there(document)
    return _without_unused(document)


def _tags() -> list[str]:
    used = {each.tag for each in OPERATIONS}
    return [*(name for name in TAGS if name in used), *sorted(used - TAGS.keys())]


def _describe(spec: SpecTree, each: Operation) -> Any:
    answers = {f"HTTP_{status}": model for status, model in each.answers.items()}
    problems = {f"HTTP_{status}": (Problem, MEANS[status]) for status in _problems(each)}
    described: Any = spec.validate(
        query=each.query,
        json=each.body,
        resp=Answers(**answers, **problems),
        tags=[each.tag],
        operation_id=each.name,
        skip_validation=True,
    )(each.view)
    return described


def _problems(each: Operation) -> list[int]:
    found = {422, *ALWAYS, *each.problems}
    if each.body is not None:
        found |= {413, 415}
    if each.idempotent != "no" or _takes_version(each):
        found.add(409)
    if "<" in each.rule:
        found.add(404)
    return sorted(found)


def _takes_version(each: Operation) -> bool:
    return each.body is not None and "version" in each.body.model_fields


# --- one operation -----------------------------------------------------------------------------------


def _complete(described: dict[str, Any], each: Operation, examples: Examples) -> None:
    """Say what spectree has no words for: problem documents, headers, keys, scopes, examples."""
    described["summary"] = described["summary"].rstrip(".")
    meaning = str(SCOPES[each.scope])
    described["description"] = f"{described['description']}\n\nScope: `{each.scope}`. {meaning}.".strip()
    described["security"] = [{"key": []}]
    described["parameters"] = [*map(_tidy_parameter, described["parameters"]), *_header_parameters(each)]
    described["responses"] = dict(_responses(described["responses"], each, examples))
    if each.body is not None:
        media = described["requestBody"]["content"]["application/json"]
        media["example"] = examples.sent(media["schema"])


def _responses(
    described: dict[str, Any], each: Operation, examples: Examples
) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, answer in sorted(described.items()):
        if int(status) >= 400:
            yield status, {"$ref": f"#/components/responses/{_name(int(status))}"}
            continue
        answer["headers"] = {name: _header(name) for name in _answered_with(int(status), each)}
        for media in answer.get("content", {}).values():
            media["example"] = examples.answered(media["schema"])
        if links := dict(_links(each, answer)):
            answer["links"] = links
        yield status, answer
        if each.method == "GET":
            headers = {name: _header(name) for name in ("ETag", *RATE)}
            yield "304", {"description": "It is still as you have it.", "headers": headers}


def _links(each: Operation, answer: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what can be done with something that was just made: by what its answer calls it."""
    made = answer["content"]["application/json"]["example"] if each.method == "POST" else {}
    for other in OPERATIONS:
        path = re.fullmatch(re.escape(each.rule) + r"/<(?:\w+:)?(\w+)>(/[^<]*)?", other.rule)
        if path is None:
            continue
        name = next((name for name in (path[1], to_camel(path[1]), "code", "id") if name in made), None)
        if name is not None:
            yield (
                other.name,
                {
                    "operationId": other.name,
                    "parameters": {path[1]: f"$response.body#/{name}"},
                },
            )


def _answered_with(status: int, each: Operation) -> Iterable[str]:
    yield from RATE
    if status == 200:
        yield "ETag"
    if status == 201:
        yield "Location"
    if each.idempotent != "no":
        yield "Idempotency-Replayed"


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


def _header_parameters(each: Operation) -> Iterator[dict[str, str]]:
    names = {"required": "IdempotencyKey", "honoured": "IdempotencyKeyIfYouLike", "no": ""}
    if name := names[each.idempotent]:
        yield {"$ref": f"#/components/parameters/{name}"}
    if each.method == "GET":
        yield {"$ref": "#/components/parameters/IfNoneMatch"}
    elif _takes_version(each):
        yield {"$ref": "#/components/parameters/IfMatch"}


def _tidy_parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    # Of a converter that is our own spectree knows nothing: it stands for text.
    schema = _tidy(parameter["schema"] or {"type": "string"})
    schema.pop("description", None)
    if "anyOf" in schema:
        # What is not sent is null; no text behind the question mark says so.
        kept = [each for each in schema.pop("anyOf") if each != {"type": "null"}]
        schema |= kept[0] if len(kept) == 1 else {"anyOf": kept}
    if schema.get("default") is None:
        schema.pop("default", None)
    if parameter["in"] == "path":
        parameter["description"] = parameter["description"] or "As the answers name it."
        if schema.get("type") == "string" and "format" not in schema:
            schema |= {"minLength": 1, "maxLength": 255}
    if not parameter["description"]:
        parameter.pop("description")
    return {**parameter, "schema": schema}


# --- problems ----------------------------------------------------------------------------------------


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _refusal(status: int) -> dict[str, Any]:
    codes = codes_by_status()[status]
    listed = "\n".join(f"- `{code}`: {title}" for code, title in codes.items())
    code, title = next(iter(codes.items()))
    example = {
        "type": f"urn:lockstep:problem:{code}",
        "code": code,
        "status": status,
        "title": title,
        "detail": MEANS[status],
    }
    names = (*ANSWERED_WITH.get(status, ()), *(RATE if status not in (401, 413) else ()))
    return {
        "description": f"{MEANS[status]}\n\n{listed}",
        "headers": {name: _header(name) for name in names},
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": example,
            }
        },
    }


# --- schemas -----------------------------------------------------------------------------------------


def _tidy_schemas(schemas: dict[str, Any]) -> dict[str, Any]:
    return {name: _tidy(schema) for name, schema in schemas.items()}


def _tidy(schema: Any) -> Any:
    """Return a schema without the titles that pydantic makes of names."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            tidied[key] = {name: _tidy(each) for name, each in value.items()}
        elif key in ("examples", "example", "default", "enum", "const"):
            tidied[key] = value
        elif key != "title":
            tidied[key] = _tidy(value)
    return tidied


def _every_field_is_there(document: dict[str, Any]) -> None:
    """An answer holds each of its fields, null or not; only problems leave out what they have nothing to say of."""
    answered = {
        name
        for path in document["paths"].values()
        for described in path.values()
        for answer in described["responses"].values()
        for name in _named_in(answer.get("content", {}), document["components"]["schemas"])
    }
    sent = _named_in(
        [each.get("requestBody") for path in document["paths"].values() for each in path.values()],
        document["components"]["schemas"],
    )
    for name in answered - sent:
        schema = document["components"]["schemas"][name]
        if "properties" in schema:
            schema["required"] = list(schema["properties"])
            for each in schema["properties"].values():
                each.pop("default", None)


def _without_unused(document: dict[str, Any]) -> dict[str, Any]:
    """Drop what nothing points at, such as the models of parameters, which stand with their operations."""
    components = document["components"]
    for kind in ("responses", "headers", "parameters"):
        used = json.dumps(document)
        components[kind] = {
            name: each for name, each in components[kind].items() if f'"#/components/{kind}/{name}"' in used
        }
    used_schemas = _named_in([document["paths"], components["responses"]], components["schemas"])
    components["schemas"] = {
        name: each for name, each in components["schemas"].items() if name in used_schemas
    }
    return document


def _named_in(part: Any, schemas: dict[str, Any]) -> set[str]:
    """Return the names of all schemas that a part of the document leads to."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
            name = str(each.get("$ref", "")).removeprefix("#/components/schemas/")
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
    return found
