"""Writes a typed client of the API from its document: one module, of the standard library alone.

It proves that the document is enough: whoever has nothing else can write such a client.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

HEAD = '''"""A client of the API, made of its document."""

from __future__ import annotations

import json
import urllib.request
from typing import Any, Literal, NotRequired, Required, TypedDict, cast
from urllib.error import HTTPError
from urllib.parse import quote, urlencode


class ProblemError(Exception):
    """What the shop refused."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"{problem['code']}: {problem['detail']}")


class Client:
    """A program at a shop."""

    def __init__(self, shop: str, key: str) -> None:
        self._shop, self._key = shop, key

    def _call(self, method: str, path: str, query: Any, body: Any, headers: dict[str, str | None]) -> Any:
        sent = {name: value for name, value in headers.items() if value is not None}
        sent["Authorization"] = f"Bearer {self._key}"
        asked = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
        asked = {name: value for name, value in asked.items() if value is not None}
        data = None
        if body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        url = self._shop + path + ("?" + urlencode(asked) if asked else "")
        request = urllib.request.Request(url, data, sent, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read()
        except HTTPError as error:
            with error:
                raise ProblemError(json.loads(error.read())) from error
        return json.loads(text) if text else None
'''


def write_client(document: Mapping[str, Any]) -> str:
    """Return the module."""
    methods = [
        line
        for path, operations in document["paths"].items()
        for method, described in operations.items()
        for line in _method(document, method.upper(), path, described)
    ]
    shapes = [_shape(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "\n".join([HEAD, *methods, "", "", "\n\n".join(shapes), ""])


def _shape(name: str, schema: Mapping[str, Any]) -> str:
    """Return a shape by a call, not a class: a field may be called `from`."""
    needed = schema.get("required", ())
    fields = []
    for field, each in schema.get("properties", {}).items():
        kind = f"{'Required' if field in needed else 'NotRequired'}[{_type(each)}]"
        fields.append(f"    {field!r}: {kind!r},")
    return "\n".join([f"{name} = TypedDict({name!r}, {{", *fields, "})", ""])


def _method(
    document: Mapping[str, Any], method: str, path: str, described: Mapping[str, Any]
) -> Iterator[str]:
    parameters = [_follow(document, each) for each in described["parameters"]]
    parameters = [each for each in parameters if each["name"] != "If-None-Match"]
    arguments = {_python(each["name"]): each for each in parameters}
    signature = ["self"]
    signature += [
        f"{name}: {_type(each['schema'])}" for name, each in arguments.items() if each["in"] == "path"
    ]
    body = described.get("requestBody")
    if body is not None:
        signature.append(f"body: {_type(_media(body)['schema'])}")
    signature.append("*")
    for name, each in arguments.items():
        if each["in"] != "path":
            kind = _type(each["schema"])
            signature.append(f"{name}: {kind}" if each.get("required") else f"{name}: {kind} | None = None")
    if signature[-1] == "*":
        signature.pop()
    good = next(answer for status, answer in described["responses"].items() if status.startswith("2"))
    result = _type(_media(good)["schema"]) if "content" in good else "None"
    yield ""
    yield f"    def {_python(described['operationId'])}({', '.join(signature)}) -> {result}:"
    yield f"        {json.dumps(described['summary'] + '.')}"
    where = re.sub(r"\{(\w+)\}", lambda found: "{quote(str(" + _python(found[1]) + "))}", path)
    query = _dict({each["name"]: name for name, each in arguments.items() if each["in"] == "query"})
    headers = _dict({each["name"]: name for name, each in arguments.items() if each["in"] == "header"})
    sent = "body" if body is not None else "None"
    yield f"        found = self._call({method!r}, f{where!r}, {query}, {sent}, {headers})"
    yield "        return None" if result == "None" else f"        return cast({result!r}, found)"


def _dict(names: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name!r}: {value}" for name, value in names.items()) + "}"


def _type(schema: Mapping[str, Any]) -> str:
    """Return the Python type of a schema; names of shapes may come later in the module."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    for key in ("anyOf", "oneOf"):
        if key in schema and "properties" not in schema:
            return " | ".join(dict.fromkeys(map(_type, schema[key])))
    if schema.get("type") == "array":
        return f"list[{_type(schema.get('items', {}))}]"
    if schema.get("type") == "object":
        more = schema.get("additionalProperties")
        return f"dict[str, {_type(more) if isinstance(more, dict) else 'Any'}]"
    plain = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
    return plain.get(str(schema.get("type")), "Any")


def _follow(document: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in part:
        return part
    kind, name = part["$ref"].split("/")[2:]
    followed: Mapping[str, Any] = document["components"][kind][name]
    return followed


def _media(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(iter(part["content"].values()))


def _python(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace("-", "_")).lower()
