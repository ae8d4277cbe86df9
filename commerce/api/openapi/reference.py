"""The document as a page shows it to people: calls by what they are about, their fields in tables, a command to try."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

KEY = "6f1c2a52-9b0e-4c1f-8f5e-2f3f0a6f9d10"
ADDRESS_PARTS = {"code": "PRD-001", "product_code": "PRD-001", "sku": "PRD-001", "number": "1"}
"""Parts of addresses -> what stands for them in a command."""
ORDERS = "/api/orders/"


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field or a parameter."""

    name: str
    kind: str
    shapes: tuple[str, ...]
    needed: bool
    words: Markup


@dataclass(frozen=True, slots=True)
class Result:
    """What a call may answer: a shape with an example, or a problem."""

    status: str
    words: Markup
    shape: str
    example: str


@dataclass(frozen=True, slots=True)
class ReferenceCall:
    """One operation."""

    name: str
    method: str
    path: str
    summary: str
    words: Markup
    parameters: list[FieldRow]
    body: str
    fields: list[FieldRow]
    results: list[Result]
    refusals: list[str]
    command: str


@dataclass(frozen=True, slots=True)
class Section:
    """What belongs together."""

    name: str
    words: Markup
    calls: list[ReferenceCall]

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return "about-" + self.name.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of object, with its fields."""

    name: str
    words: Markup
    fields: list[FieldRow]


@dataclass(frozen=True, slots=True)
class Reference:
    """All of it."""

    title: str
    version: str
    words: Markup
    sections: list[Section]
    shapes: list[Shape]
    problems: list[tuple[str, Markup]]


def make_reference(document: Mapping[str, Any]) -> Reference:
    """Return what the page shows of a document."""
    calls: dict[str, list[ReferenceCall]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            calls[described["tags"][0]].append(_call(document, method.upper(), path, described))
    components = document["components"]
    return Reference(
        document["info"]["title"],
        document["info"]["version"],
        prose(document["info"]["description"]),
        [Section(tag["name"], prose(tag["description"]), calls[tag["name"]]) for tag in document["tags"]],
        [
            Shape(name, prose(schema.get("description", "")), list(_fields(schema)))
            for name, schema in sorted(components["schemas"].items())
        ],
        sorted(
            (str(_media(answer)["example"]["status"]), prose(answer["description"]))
            for answer in components["responses"].values()
        ),
    )


# --- one call ----------------------------------------------------------------------------------------


def _call(document: Mapping[str, Any], method: str, path: str, described: Mapping[str, Any]) -> ReferenceCall:
    parameters = [_follow(document, each) for each in described["parameters"]]
    sent = _media(described.get("requestBody", {}))
    results, refusals = [], []
    for status, answer in described["responses"].items():
        if "$ref" in answer:
            refusals.append(status)
            continue
        media = _media(answer)
        example = _json(media["example"]) if media else ""
        results.append(Result(status, prose(answer["description"]), _name_of(media), example))
    shape = _name_of(sent)
    return ReferenceCall(
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
        shape,
        list(_fields(document["components"]["schemas"][shape])) if shape else [],
        results,
        refusals,
        _command(method, path, parameters, sent.get("example")),
    )


def _command(method: str, path: str, parameters: list[Mapping[str, Any]], body: Any) -> str:
    """Return the call as a command of a shell in which SHOP and KEY are set."""
    for name in re.findall(r"\{(\w+)\}", path):
        value = "ORD-000001" if path.startswith(ORDERS) and name == "code" else ADDRESS_PARTS.get(name)
        path = path.replace("{" + name + "}", value or "0198c0de-0000-7000-8000-000000000001", 1)
    lines = [f'curl "$SHOP{path}"', '-H "Authorization: Bearer $KEY"']
    if method != "GET":
        lines[0] = f'curl -X {method} "$SHOP{path}"'
    if any(each["name"] == "Idempotency-Key" for each in parameters):
        lines.append(f'-H "Idempotency-Key: {KEY}"')
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


def _name_of(media: Mapping[str, Any]) -> str:
    return str(media.get("schema", {}).get("$ref", "")).rpartition("/")[2]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


# --- fields ------------------------------------------------------------------------------------------


def _fields(schema: Mapping[str, Any]) -> Iterator[FieldRow]:
    needed = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        shapes = tuple(dict.fromkeys(_shapes_in(each)))
        yield FieldRow(name, _kind(each), shapes, name in needed, prose(each.get("description", "")))


def _shapes_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for key in ("items", "anyOf", "oneOf", "additionalProperties"):
            yield from _shapes_in(schema.get(key))
    elif isinstance(schema, list):
        for each in schema:
            yield from _shapes_in(each)


def _kind(schema: Mapping[str, Any]) -> str:
    """Return in words what a value may be; a shape is named beside it."""
    if "$ref" in schema:
        return ""
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(filter(None, map(_kind, schema[key])))
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return " ".join(filter(None, ["list of", _kind(schema.get("items", {}))]))
    kind = {"date-time": "moment", "date": "day", "uuid": "id"}.get(
        schema.get("format", ""), str(schema.get("type", "anything"))
    )
    return " ".join(filter(None, [kind, _bounds(schema)]))


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"from {low} to {high}"
    if low is not None:
        return f"from {low}"
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if shortest and longest:
        return f"of {shortest} to {longest} characters"
    return f"of at most {longest} characters" if longest else ""


# --- words -------------------------------------------------------------------------------------------


def prose(text: str) -> Markup:
    """Return words of the document as HTML: paragraphs, lists, code and what is bold."""
    return Markup("\n").join(map(_block, re.split(r"\n\s*\n", text.strip()))) if text.strip() else Markup("")


def _block(text: str) -> Markup:
    lines = text.split("\n")
    if all(line.startswith("- ") for line in lines):
        items = (Markup("<li>{}</li>").format(_inline(line[2:])) for line in lines)
        return Markup("<ul>{}</ul>").format(Markup("").join(items))
    return Markup("<p>{}</p>").format(_inline(text))


def _inline(text: str) -> Markup:
    safe = str(escape(text))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe))  # noqa: S704 - escaped above
