"""The API reference: the OpenAPI document as a page, with operations by tag, tables of fields, and curl commands."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

from commerce.markup import Markup, element, joined, rendered

EXAMPLE_KEY = "6f1c2a52-9b0e-4c1f-8f5e-2f3f0a6f9d10"
PATH_EXAMPLES = {"code": "PRD-001", "product_code": "PRD-001", "sku": "PRD-001", "number": "1"}
"""Path parameter -> value in a curl command."""
ORDERS = "/api/orders/"


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field or a parameter."""

    name: str
    kind: str
    schemas: tuple[str, ...]
    required: bool
    description: Markup


@dataclass(frozen=True, slots=True)
class ReferenceResponse:
    """A successful response with its schema and an example."""

    status: str
    description: Markup
    schema: str
    example: str


@dataclass(frozen=True, slots=True)
class ReferenceOperation:
    """An operation. `problems` are the status codes of its problem responses."""

    name: str
    method: str
    path: str
    summary: str
    description: Markup
    parameters: list[FieldRow]
    body: str
    fields: list[FieldRow]
    responses: list[ReferenceResponse]
    problems: list[str]
    command: str


@dataclass(frozen=True, slots=True)
class ReferenceSection:
    """The operations of a tag."""

    name: str
    description: Markup
    operations: list[ReferenceOperation]

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return "about-" + self.name.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True)
class ReferenceSchema:
    """A schema with its fields."""

    name: str
    description: Markup
    fields: list[FieldRow]


@dataclass(frozen=True, slots=True)
class Reference:
    """The content of the reference page."""

    title: str
    version: str
    description: Markup
    sections: list[ReferenceSection]
    schemas: list[ReferenceSchema]
    problems: list[tuple[str, Markup]]


def make_reference(document: Mapping[str, Any]) -> Reference:
    """Return the content of the reference page for an OpenAPI document."""
    operations: dict[str, list[ReferenceOperation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            operations[described["tags"][0]].append(_operation(document, method.upper(), path, described))
    components = document["components"]
    return Reference(
        document["info"]["title"],
        document["info"]["version"],
        prose(document["info"]["description"]),
        [
            ReferenceSection(tag["name"], prose(tag["description"]), operations[tag["name"]])
            for tag in document["tags"]
        ],
        [
            ReferenceSchema(name, prose(schema.get("description", "")), list(_fields(schema)))
            for name, schema in sorted(components["schemas"].items())
        ],
        sorted(
            (str(_media(response)["example"]["status"]), prose(response["description"]))
            for response in components["responses"].values()
        ),
    )


# --- one operation ----------------------------------------------------------------------------------------


def _operation(
    document: Mapping[str, Any], method: str, path: str, described: Mapping[str, Any]
) -> ReferenceOperation:
    parameters = [_follow(document, each) for each in described["parameters"]]
    body = _media(described.get("requestBody", {}))
    responses, problems = [], []
    for status, response in described["responses"].items():
        if "$ref" in response:
            problems.append(status)
            continue
        media = _media(response)
        example = _json(media["example"]) if media else ""
        responses.append(
            ReferenceResponse(status, prose(response["description"]), _schema_name(media), example)
        )
    schema = _schema_name(body)
    return ReferenceOperation(
        described["operationId"],
        method,
        path,
        described["summary"],
        prose(described["description"]),
        [
            FieldRow(
                each["name"],
                _kind(each["schema"]),
                (),
                bool(each.get("required")),
                prose(each.get("description", "")),
            )
            for each in parameters
        ],
        schema,
        list(_fields(document["components"]["schemas"][schema])) if schema else [],
        responses,
        problems,
        _command(method, path, parameters, body.get("example")),
    )


def _command(method: str, path: str, parameters: list[Mapping[str, Any]], body: Any) -> str:
    """Return a curl command for a shell in which SHOP and KEY are set."""
    for name in re.findall(r"\{(\w+)\}", path):
        value = "ORD-000001" if path.startswith(ORDERS) and name == "code" else PATH_EXAMPLES.get(name)
        path = path.replace("{" + name + "}", value or "0198c0de-0000-7000-8000-000000000001", 1)
    lines = [f'curl "$SHOP{path}"', '-H "Authorization: Bearer $KEY"']
    if method != "GET":
        lines[0] = f'curl -X {method} "$SHOP{path}"'
    if any(each["name"] == "Idempotency-Key" for each in parameters):
        lines.append(f'-H "Idempotency-Key: {EXAMPLE_KEY}"')
    if body is not None:
        lines.append('-H "Content-Type: application/json"')
        lines.append(f"-d {shlex.quote(_json(body))}")
    return " \\\n  ".join(lines)


def _follow(document: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in part:
        return part
    kind, name = part["$ref"].split("/")[2:]
    followed: Mapping[str, Any] = document["components"][kind][name]
    return followed


def _media(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(iter(part.get("content", {}).values()), {})


def _schema_name(media: Mapping[str, Any]) -> str:
    return str(media.get("schema", {}).get("$ref", "")).rpartition("/")[2]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


# --- fields ------------------------------------------------------------------------------------------


def _fields(schema: Mapping[str, Any]) -> Iterator[FieldRow]:
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        schemas = tuple(dict.fromkeys(_referenced(each)))
        yield FieldRow(name, _kind(each), schemas, name in required, prose(each.get("description", "")))


def _referenced(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for key in ("items", "anyOf", "oneOf", "additionalProperties"):
            yield from _referenced(schema.get(key))
    elif isinstance(schema, list):
        for each in schema:
            yield from _referenced(each)


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the type of a value in words, without the name of a referenced schema."""
    if "$ref" in schema:
        return ""
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(filter(None, map(_kind, schema[key])))
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return " ".join(filter(None, ["array of", _kind(schema.get("items", {}))]))
    kind = {"date-time": "date and time", "date": "date", "uuid": "UUID"}.get(
        schema.get("format", ""), str(schema.get("type", "anything"))
    )
    return " ".join(filter(None, [kind, _bounds(schema)]))


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"from {low} to {high}"
    if low is not None:
        return f"{low} or more"
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if shortest and longest:
        return f"with {shortest} to {longest} characters"
    return f"with up to {longest} characters" if longest else ""


# --- text -------------------------------------------------------------------------------------------


def prose(text: str) -> Markup:
    """Return a description as HTML. Of Markdown, it knows paragraphs, lists, code and bold text."""
    return joined(map(_block, re.split(r"\n\s*\n", text.strip())) if text.strip() else (), "\n")


def _block(text: str) -> Markup:
    lines = text.split("\n")
    if all(line.startswith("- ") for line in lines):
        return element("ul", joined(element("li", _inline(line[2:])) for line in lines))
    return element("p", _inline(text))


def _inline(text: str) -> Markup:
    safe = str(escape(text))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return rendered(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe))
