"""The documentation of the API: the OpenAPI 3.1 document and a reference page."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from flask import Response, make_response, render_template, request

from commerce.api.auth import PUBLIC, blueprint
from commerce.api.openapi.document import make_document
from commerce.api.openapi.reference import Reference, make_reference
from commerce.api.operation import as_json, compress
from commerce.markup import Markup, rendered
from commerce.web import public


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document. It is the same for every shop and built once per process."""
    return make_document()


@cache
def _document_text() -> bytes:
    return json.dumps(document(), ensure_ascii=False).encode()


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return the OpenAPI document."""
    response = as_json(_document_text(), 200, {})
    response.headers["Cache-Control"] = "public, max-age=300"
    response.vary.discard("Authorization")
    return response


openapi.scope = PUBLIC  # type: ignore[attr-defined]


@cache
def _reference_body() -> tuple[Reference, Markup]:
    reference = make_reference(document())
    return reference, rendered(render_template("api/_reference.html", reference=reference))


@blueprint.get("/docs")
def reference() -> Response:
    """Show the API reference, a page without third-party assets."""
    shown, body = _reference_body()
    host = request.host_url.rstrip("/")
    page = make_response(render_template("api/reference.html", reference=shown, body=body, host=host))
    compress(page)
    return public(page)


reference.scope = PUBLIC  # type: ignore[attr-defined]
