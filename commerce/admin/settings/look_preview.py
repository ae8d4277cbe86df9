"""How the shop would look with colors, a typeface or a picture that are not saved yet: a page for a frame."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Response, make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.catalog.images import MAX_BYTES, NotAPicture, normalise
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.storefront import listings
from commerce.storefront.list_parts import cards_markup
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop
from commerce.tenants.theme import COLOURS, DEFAULTS, TYPEFACES, is_colour, unreadable
from commerce.tenants.views import theme_css
from commerce.web import CONTENT_SECURITY_POLICY, accepts_bytes, private

HERE = "/admin/settings/look/preview"
FRAMING = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
"""Policy of the page with the frame."""
FRAMED = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
)
"""Policy of the page in it: it shows, and does nothing. Its style sheets are of the same origin, or none would load."""
CARDS = 4


def draft_theme(shop: Shop, given: Mapping[str, str]) -> dict[str, Any]:
    """Return a complete theme: what is given where it can be used, then what the shop has, then the defaults."""
    theme: dict[str, Any] = {"typeface": next(iter(TYPEFACES)), **DEFAULTS, **shop.theme}
    theme |= {name: given[name].lower() for name in COLOURS if is_colour(given.get(name))}
    if given.get("typeface") in TYPEFACES:
        theme["typeface"] = given["typeface"]
    return theme


def preview_address(theme: Mapping[str, Any]) -> str:
    """Return the address of the preview of a theme."""
    return f"{HERE}?{_query(theme)}"


@blueprint.route("/settings/look/preview", methods=["GET", "POST"])
@requires_permission("settings.change")
def look_preview() -> BaseResponse:
    """Show the shop with the colors and the typeface that are given. Nothing is saved."""
    return _show(draft_theme(current_shop(), request.values))


@blueprint.post("/settings/look/<any(logo, hero):name>/preview")
@requires_permission("settings.change")
@accepts_bytes(MAX_BYTES + 100_000)
def look_picture_preview(name: str) -> BaseResponse:
    """Show the shop with a picture that is uploaded. It is not stored: the page carries it."""
    theme, upload = draft_theme(current_shop(), {}), request.files.get("file")
    if not upload or not upload.filename:
        return _show(theme, problems=[describe(InvalidValue(name, "picture_required"))], status=422)
    try:
        made = normalise(upload.stream.read(MAX_BYTES + 1))
    except NotAPicture as error:
        return _show(theme, problems=[describe(error)], status=422)
    address = f"data:image/webp;base64,{base64.b64encode(made.data).decode()}"
    return _show(theme, {name: {"address": address, "width": made.width, "height": made.height}})


@blueprint.get("/settings/look/preview.css")
@requires_permission("settings.change")
def look_preview_css() -> BaseResponse:
    """Answer the style sheet of the preview."""
    css = theme_css(draft_theme(current_shop(), request.args))
    return private(Response(css, mimetype="text/css"))


def _show(
    theme: Mapping[str, Any],
    pictures: Mapping[str, Any] | None = None,
    problems: list[str] | None = None,
    status: int = 200,
) -> BaseResponse:
    shop = current_shop()
    known = {"logo": _stored(shop.theme.get("logo")), "hero": _stored({"file": shop.hero})}
    page = render_template(
        "admin/settings/look_preview.html",
        stylesheet=f"{HERE}.css?{_query(theme)}",
        problems=problems or _hard_to_read(theme),
        cards=cards_markup(listings.newest(CARDS), CARDS),
        **(known | dict(pictures or {})),
    )
    response = private(make_response(page, status))
    response.headers["Content-Security-Policy"] = FRAMED
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _stored(picture: Any) -> dict[str, Any] | None:
    """Return a picture of the shop as the page shows it, None without one."""
    if not isinstance(picture, dict) or not picture.get("file"):
        return None
    return {"address": f"/media/{picture['file']}", **picture}


def _hard_to_read(theme: Mapping[str, Any]) -> list[str]:
    return [
        describe(InvalidValue(text, "contrast_too_low", text=text, ground=ground, ratio=f"{ratio:.1f}"))
        for text, ground, ratio in unreadable(theme)
    ]


def _query(theme: Mapping[str, Any]) -> str:
    return urlencode({name: theme[name] for name in (*COLOURS, "typeface")})
