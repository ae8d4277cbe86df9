"""The description of the API, made from its code: OpenAPI 3.1 for programs, a page for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import Response, current_app, render_template, request
from spectree import Response as Answers
from spectree import SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData
from spectree.plugins.flask_plugin import FlaskPlugin

from commerce.accounts.scopes import SCOPES
from commerce.api.door import PUBLIC, blueprint
from commerce.api.idempotency import HEADERS
from commerce.api.operations import OPERATIONS, Operation, as_json
from commerce.api.problems import Problem
from commerce.web import public

VERSION = "1.0.0"
ALWAYS = {
    400: "The request cannot be read.",
    401: "A valid key is needed.",
    403: "The key may not do that.",
    429: "Too many requests; see Retry-After.",
    503: "Busy; nothing happened. See Retry-After.",
}
SOMETIMES = {
    404: "There is no such thing in this shop.",
    409: "The world moved since you looked, or the same key is being worked on.",
    415: "The body is not application/json.",
    422: "A value cannot be taken; `errors` names it.",
}
ABOUT = """\
The same services as the shop's own pages. Amounts are decimal numbers in whole units of the currency beside them.

Every request carries a key: `Authorization: Bearer ls_live_...`. The host decides which shop it is for.

Errors are problem details (RFC 9457) with a stable `code`. Fields and parameters that are not named here are refused.
"""


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
    document["servers"] = [{"url": "/", "description": "The shop whose host is called."}]
    document["tags"] = [{"name": name, "description": f"{name}."} for name in _tags()]
    by_name = {each.name: each for each in OPERATIONS}
    for path in document["paths"].values():
        for described in path.values():
            _complete(described, by_name[described["operationId"]])
    return document


def _tags() -> list[str]:
    return list(dict.fromkeys(each.tag for each in OPERATIONS))


def _describe(spec: SpecTree, each: Operation) -> Any:
    statuses = {**ALWAYS, **{code: SOMETIMES[code] for code in _problems(each)}}
    answers = {f"HTTP_{status}": model for status, model in each.answers.items()}
    problems = {f"HTTP_{status}": (Problem, words) for status, words in statuses.items()}
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
    found = {422, *each.problems}
    if each.body is not None:
        found.add(415)
    if each.idempotent != "no":
        found.add(409)
    if "<" in each.rule:
        found.add(404)
    return sorted(found)


def _complete(described: dict[str, Any], each: Operation) -> None:
    """Say what spectree has no words for: problem documents, headers, keys, scopes."""
    for status, answer in described["responses"].items():
        if int(status) >= 400:
            answer["content"] = {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
    meaning = str(SCOPES[each.scope])
    described["description"] = f"{described['description']}\n\nScope: `{each.scope}`. {meaning}.".strip()
    described["security"] = [{"key": []}]
    for parameter in described["parameters"]:
        if parameter["in"] == "path":
            parameter["description"] = parameter["description"] or "As the answers name it."
            parameter["schema"].update({"minLength": 1, "maxLength": 255})
    if each.idempotent != "no":
        described["parameters"].append(_key_parameter(required=each.idempotent == "required"))


def _key_parameter(*, required: bool) -> dict[str, Any]:
    return {
        "name": HEADERS[0],
        "in": "header",
        "required": required,
        "description": "A new one for each deed, the same one for each try. "
        f"`{HEADERS[1]}` is taken, too. What was done before is answered as it was then, "
        "with `Idempotency-Replayed: true`.",
        "schema": {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "6f1c2a52-9b0e-4c1f-8f5e-2f3f0a6f9d10",
    }


@cache
def _document_text() -> bytes:
    return json.dumps(make_document(), ensure_ascii=False).encode()


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Answer the document: the same for every shop of this installation."""
    response = as_json(_document_text(), 200, {})
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


openapi.scope = PUBLIC  # type: ignore[attr-defined]


@blueprint.get("/docs")
def reference() -> Response:
    """Show the reference to people: a page of our own, which needs no other site."""
    return public(
        Response(render_template("api/reference.html", document=make_document(), host=request.host_url))
    )


reference.scope = PUBLIC  # type: ignore[attr-defined]
