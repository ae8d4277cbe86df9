"""Holds what programs send and get to the document of the API, so that it cannot say anything else than the server."""

import gzip
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.test import TestResponse

from commerce.api.openapi.document import make_document

UNDOCUMENTED = {401, 404, 405, 413, 500, 503}
"""What an address that is none answers, a method that it has not, and whoever stands before them."""
ITS_OWN = ("/api/openapi.json", "/api/docs")
"""The document and its page."""


class Contract:
    """A document, to hold requests and answers to."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        # A code may hold a slash; what is an address of its own is that first.
        self._paths = [
            (re.compile(re.sub(r"\\\{[^}]*\\\}", part, re.escape(path))), methods)
            for part in ("[^/]+", ".+")
            for path, methods in document["paths"].items()
        ]

    def faults_of(self, value: Any, schema: dict[str, Any]) -> list[str]:
        """Return what is not as a schema of the document has it."""
        validator = Draft202012Validator(
            {**schema, "components": self._document["components"]}, format_checker=FormatChecker()
        )
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def hold(self, sent: Any, answer: TestResponse) -> None:
        """Fail when an answer is not documented, or when something was taken that the document would not send."""
        method, path = answer.request.method, answer.request.path
        described = self._operation("GET" if method == "HEAD" else method, path)
        if described is None or _code(answer) == "http_404":
            known = path in ITS_OWN or method == "OPTIONS" or answer.status_code in UNDOCUMENTED
            assert known, f"{method} {path} is not documented"
            return
        where = f"{method} {path} -> {answer.status_code}"
        if answer.status_code < 400:
            assert list(self._faults_of_request(described, sent, answer)) == [], f"{where} took {sent!r}"
        elif answer.status_code == 500:
            return  # a fault is a test's own matter
        assert str(answer.status_code) in described["responses"], f"{where} is not documented"
        self._hold_answer(self._follow(described["responses"][str(answer.status_code)]), answer, where)

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        found = [methods for pattern, methods in self._paths if pattern.fullmatch(path)]
        return next((methods[method.lower()] for methods in found if method.lower() in methods), None)

    def _faults_of_request(self, described: dict[str, Any], sent: Any, answer: TestResponse) -> Iterator[str]:
        if "requestBody" in described:
            body = json.loads(sent) if isinstance(sent, (str, bytes)) else sent
            yield from self.faults_of(body, described["requestBody"]["content"]["application/json"]["schema"])
        elif sent is not None:
            yield "there is no body"
        known = {each["name"]: each for each in map(self._follow, described["parameters"])}
        for name in answer.request.args:
            if known.get(name, {}).get("in") != "query":
                yield f"there is no parameter {name}"
        for name, parameter in known.items():
            places: dict[str, Any] = {"query": answer.request.args, "header": answer.request.headers}
            place = places.get(parameter["in"], {})
            if name in place:
                yield from self.faults_of(_read(place[name], parameter["schema"]), parameter["schema"])

    def _hold_answer(self, described: dict[str, Any], answer: TestResponse, where: str) -> None:
        for name in described.get("headers", {}):
            if name not in MAY_BE_MISSING:
                assert name in answer.headers, f"{where} has no {name}"
        if "content" not in described or answer.request.method == "HEAD":
            assert answer.data == b"", f"{where} has a body"
            return
        assert answer.mimetype in described["content"], f"{where} is {answer.mimetype}"
        schema = described["content"][answer.mimetype]["schema"]
        body = _json(answer)
        assert self.faults_of(body, schema) == [], f"{where} answered {body!r}"

    def _follow(self, part: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in part:
            return part
        kind, name = part["$ref"].split("/")[2:]
        followed: dict[str, Any] = self._document["components"][kind][name]
        return followed


MAY_BE_MISSING = {
    "Idempotency-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Location",
}
"""Headers that only some of the answers of a status carry."""


def _json(answer: TestResponse) -> Any:
    packed = answer.headers.get("Content-Encoding") == "gzip"
    return json.loads(gzip.decompress(answer.data) if packed else answer.data)


def _code(answer: TestResponse) -> str:
    told = answer.mimetype == "application/problem+json" and answer.data
    return str(_json(answer)["code"]) if told else ""


def _read(text: str, schema: dict[str, Any]) -> Any:
    """Return the value of a parameter as its schema has it; text that is no such value stays text."""
    kind = schema.get("type")
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "integer":
        return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
    return text


@cache
def contract_of(app: Flask) -> Contract:
    """Return the contract of an app; it is made once."""
    with app.test_request_context("/"):
        return Contract(make_document())
