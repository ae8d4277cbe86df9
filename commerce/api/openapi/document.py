"""The OpenAPI 3.1 document, built from the registered operations and the JSON Schema of their pydantic models."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from commerce.accounts.scopes import SCOPES
from commerce.api.auth import blueprint
from commerce.api.openapi.examples import Examples
from commerce.api.openapi.texts import (
    DESCRIPTION,
    HEADERS,
    KEY_DESCRIPTION,
    PARAMETERS,
    PROBLEMS,
    SERVER_DESCRIPTION,
    TAGS,
)
from commerce.api.operation import OPERATIONS, Operation
from commerce.api.problems import Problem, problem_codes

VERSION = "1.0.0"
ALWAYS = (400, 401, 403, 422, 429, 503)
"""Status codes of problems that every operation can return."""
PROBLEM_HEADERS = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}
RATE_LIMIT = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]
CONVERTERS: dict[str, dict[str, Any]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "format": "int32"},
}
"""Converter of a path parameter -> its schema. Every other one takes text."""
TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255}
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


def make_document() -> dict[str, Any]:
    """Return the OpenAPI document of all operations."""
    schemas = _component_schemas()
    examples = Examples(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        path = _PARAMETER.sub(r"{\2}", each.rule)
        paths.setdefault(f"{blueprint.url_prefix}{path}", {})[each.method.lower()] = _describe(each, examples)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lockstep",
            "version": VERSION,
            "description": DESCRIPTION,
            "contact": {"name": SERVER_DESCRIPTION},
        },
        "servers": [{"url": "/", "description": SERVER_DESCRIPTION}],
        "security": [{"key": []}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": {_name(status): _problem_response(status) for status in PROBLEMS},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": KEY_DESCRIPTION},
            },
        },
    }


# --- schemas -----------------------------------------------------------------------------------------


class _SchemaGenerator(GenerateJsonSchema):
    """Pydantic's generator without the titles it derives from names, and without defaults in responses."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature of pydantic
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        made.pop("title", None)
        return made

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


class _ParameterGenerator(_SchemaGenerator):
    """Query parameters: one that is left out is None, which no text in a query string can say."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", "") is None:
            made.pop("default")
        return made


def _component_schemas() -> dict[str, Any]:
    """Return the schemas of all bodies by name. A response holds each of its fields, so all of them are required."""
    modes: dict[type[BaseModel], JsonSchemaMode] = {Problem: "validation"}
    for each in OPERATIONS:
        if each.body is not None:
            modes[each.body] = "validation"
        modes |= {model: "serialization" for model in each.responses.values() if model is not None}
    _, found = models_json_schema(
        list(modes.items()),
        ref_template="#/components/schemas/{model}",
        schema_generator=_SchemaGenerator,
    )
    schemas: dict[str, Any] = found["$defs"]
    return schemas


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


# --- one operation -----------------------------------------------------------------------------------


def _describe(each: Operation, examples: Examples) -> dict[str, Any]:
    summary, _, description = inspect.cleandoc(each.view.__doc__ or "").partition("\n")
    scope = f"Scope: `{each.scope}`. {SCOPES[each.scope]}."
    described = {
        "operationId": each.name,
        "tags": [each.tag],
        "summary": summary.rstrip("."),
        "description": f"{_unwrapped(description)}\n\n{scope}".strip(),
        "security": [{"key": []}],
        "parameters": [*_path_parameters(each), *_query_parameters(each), *_header_parameters(each)],
        "responses": dict(_responses(each, examples)),
    }
    if each.body is not None:
        media = {"schema": _reference(each.body), "example": examples.request(_reference(each.body))}
        described["requestBody"] = {"required": True, "content": {"application/json": media}}
    return described


def _unwrapped(text: str) -> str:
    """Return the paragraphs of a docstring, each on one line."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text.strip())


def _path_parameters(each: Operation) -> Iterator[dict[str, Any]]:
    for converter, name in _PARAMETER.findall(each.rule):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": "As it appears in responses.",
            "schema": CONVERTERS.get(converter, TEXT),
        }


def _query_parameters(each: Operation) -> Iterator[dict[str, Any]]:
    if each.query is None:
        return
    schema = each.query.model_json_schema(schema_generator=_ParameterGenerator)
    for name, field in schema["properties"].items():
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ())}
        yield {**parameter, "description": field.pop("description"), "schema": field}


def _header_parameters(each: Operation) -> Iterator[dict[str, str]]:
    if each.idempotency != "none":
        name = "IdempotencyKey" if each.idempotency == "required" else "OptionalIdempotencyKey"
        yield {"$ref": f"#/components/parameters/{name}"}
    if each.method == "GET":
        yield {"$ref": "#/components/parameters/IfNoneMatch"}
    elif each.takes_version:
        yield {"$ref": "#/components/parameters/IfMatch"}


# --- responses ---------------------------------------------------------------------------------------


def _responses(each: Operation, examples: Examples) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, model in each.responses.items():
        names = [*RATE_LIMIT, *_success_headers(status, each)]
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase, "headers": _headers(names)}
        if model is not None:
            example = examples.response(_reference(model))
            response["content"] = {"application/json": {"schema": _reference(model), "example": example}}
            if each.method == "POST" and (links := dict(_links(each, example))):
                response["links"] = links
        yield str(status), response
    if each.method == "GET":
        yield "304", {"description": "Not modified.", "headers": _headers(["ETag", *RATE_LIMIT])}
    for status in sorted({*ALWAYS, *each.problems, *_implied_problems(each)}):
        yield str(status), {"$ref": f"#/components/responses/{_name(status)}"}


def _success_headers(status: int, each: Operation) -> Iterator[str]:
    if status == 200:
        yield "ETag"
    if status == 201:
        yield "Location"
    if each.idempotency != "none":
        yield "Idempotency-Replayed"


def _implied_problems(each: Operation) -> Iterator[int]:
    if each.body is not None:
        yield from (413, 415)
    if each.idempotency != "none" or each.takes_version:
        yield 409
    if "<" in each.rule:
        yield 404


def _links(each: Operation, example: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the operations on a resource that was just created, by the field of the response that names it."""
    for other in OPERATIONS:
        path = re.fullmatch(re.escape(each.rule) + r"/<(?:\w+:)?(\w+)>(/[^<]*)?", other.rule)
        if path is None:
            continue
        name = next((name for name in (path[1], to_camel(path[1]), "code", "id") if name in example), None)
        if name is not None:
            parameters = {path[1]: f"$response.body#/{name}"}
            yield other.name, {"operationId": other.name, "parameters": parameters}


def _problem_response(status: int) -> dict[str, Any]:
    codes = problem_codes()[status]
    listed = "\n".join(f"- `{code}`: {title}" for code, title in codes.items())
    code, title = next(iter(codes.items()))
    example = {
        "type": f"urn:lockstep:problem:{code}",
        "code": code,
        "status": status,
        "title": title,
        "detail": PROBLEMS[status],
    }
    names = [*PROBLEM_HEADERS.get(status, ()), *(RATE_LIMIT if status not in (401, 413) else ())]
    return {
        "description": f"{PROBLEMS[status]}\n\n{listed}",
        "headers": _headers(names),
        "content": {"application/problem+json": {"schema": _reference(Problem), "example": example}},
    }


def _headers(names: list[str]) -> dict[str, dict[str, str]]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")
