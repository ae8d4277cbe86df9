"""The shop's theme as a style sheet, and addresses of static files that may be kept for ever."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, make_response, render_template, request

from commerce.config import ROOT
from commerce.tenants.hosts import CHALLENGE_PATH, answer_challenge
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop
from commerce.tenants.theme import COLOURS, DEFAULTS, TYPEFACES, is_colour
from commerce.web import private, problem, wants_json

blueprint = Blueprint("tenants", __name__)

STATIC = ROOT / "static"
YEAR = 31_536_000
MAX_CHALLENGE = 100


def theme_css(theme: dict[str, Any]) -> str:
    """Return the style sheet of a theme: custom properties for what it sets, nothing for the rest.

    A value that is no `#rrggbb` colour or known typeface is left out, so no theme can carry CSS of its own.
    """
    properties = {name.replace("_", "-"): theme[name] for name in COLOURS if is_colour(theme.get(name))}
    typeface = theme.get("typeface")
    if isinstance(typeface, str):
        properties |= TYPEFACES.get(typeface, {})
    lines = "".join(f"  --{name}: {value};\n" for name, value in properties.items())
    return f":root {{\n{lines}}}\n" if lines else ""


def accent(shop: Shop) -> str:
    """Return the shop's accent colour as `#rrggbb`, or a neutral one when its theme names none."""
    return str(shop.theme["accent"] if is_colour(shop.theme.get("accent")) else DEFAULTS["accent"])


@blueprint.get("/theme.css")
def theme() -> Response:
    """Answer the theme. The versioned address may be kept for ever, a bare one is asked for again."""
    css, version = _theme_of(current_shop())
    response = Response(css, mimetype="text/css")
    response.set_etag(version)
    if request.args.get("v") == version:
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    else:
        response.headers["Cache-Control"] = "public, no-cache"
    response.make_conditional(request)
    return response


@blueprint.get(f"{CHALLENGE_PATH}<challenge>")
def host_challenge(challenge: str) -> Response:
    """Answer the installation's own question whether this host name leads to it."""
    if len(challenge) > MAX_CHALLENGE:
        abort(404)
    host = request.host.partition(":")[0].lower()
    return private(Response(answer_challenge(host, challenge), mimetype="text/plain"))


def closed() -> Response:
    """Answer shoppers of a shop that is suspended: it is closed for now, nothing is said of why."""
    if wants_json():
        response = problem(503, "closed", "This shop is closed", "It may open again. Please come back later.")
    else:
        response = private(make_response(render_template("errors/closed.html"), 503))
    response.headers["Retry-After"] = "3600"
    return response


@blueprint.app_template_global()
def theme_url() -> str:
    """Return the versioned address of the current shop's theme; it changes when the theme does."""
    return f"/theme.css?v={_theme_of(g.shop)[1]}"


def static_url(name: str) -> str:
    """Return the address of a file in static/ with a digest of its content, so that browsers may keep it for ever."""
    return _fresh_static_url(name) if current_app.debug else _static_url(name)


def _theme_of(shop: Shop) -> tuple[str, str]:
    return _rendered(tuple(sorted((key, str(value)) for key, value in shop.theme.items())))


@lru_cache(maxsize=256)
def _rendered(theme: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    css = theme_css(dict(theme))
    return css, hashlib.sha256(css.encode()).hexdigest()[:12]


def _fresh_static_url(name: str) -> str:
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


_static_url = lru_cache(maxsize=256)(_fresh_static_url)
