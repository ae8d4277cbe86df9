"""A form that was sent and cannot act yet: it travels sealed through the pages that ask who it is, and is lost nowhere.

Before what is dangerous somebody proves who they are; whose session has ended signs in. In both cases the form comes
back to the address that it was sent to and goes on as if it had just been sent. No secret in it can be read on the way.
"""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any, cast

from flask import g, make_response, render_template, request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.wrappers import Response as BaseResponse

from commerce import clock
from commerce.encryption import DecryptionError, seal
from commerce.errors import Rejected

PROOF_FIELD = "kept"
"""Where the page that asks for a proof carries the form."""
SIGN_IN_FIELD = "kept_form"
"""Where the sign-in pages carry it."""
LIFETIME = timedelta(hours=12)
"""How long somebody may take to sign in again."""
MAX_SEALED = 1_000_000
"""Characters of a form that is carried on; of a longer one, nothing comes back."""
_LEFT_OUT = ("csrf_token", PROOF_FIELD, SIGN_IN_FIELD)


def seal_form(owner: str = "") -> str:
    """Return the request's form and address, readable only for us and good only for `owner`, '' for a huge one."""
    fields = [pair for pair in request.form.items(multi=True) if pair[0] not in _LEFT_OUT]
    return _seal({"owner": owner, "path": request.full_path.rstrip("?"), "fields": fields})


def _seal(kept: dict[str, Any]) -> str:
    sealed = seal().close(json.dumps({**kept, "at": clock.now().timestamp()}))
    return sealed if len(sealed) <= MAX_SEALED else ""


def open_form(sealed: str, owner: str, lifetime: timedelta) -> dict[str, Any]:
    """Return what a page carried. Raises Rejected when it is somebody else's or too old."""
    try:
        kept: dict[str, Any] = json.loads(seal().open(sealed))
    except (DecryptionError, ValueError):
        kept = {}
    fresh = kept and clock.now().timestamp() - kept["at"] < lifetime.total_seconds()
    if not fresh or kept["owner"] != owner:
        raise Rejected("sign_in_page_expired")
    return kept


def is_for_here(kept: dict[str, Any]) -> bool:
    """Tell whether a form was sent to the address that is asked for now."""
    return bool(kept["path"] == request.full_path.rstrip("?"))


def resume(kept: dict[str, Any]) -> None:
    """Put the form that was sent first in the place of the request's."""
    real = cast("Any", request)._get_current_object()
    real.__dict__.pop("values", None)
    real.form = ImmutableMultiDict([(name, value) for name, value in kept["fields"]])


def resume_after_sign_in(person_id: uuid.UUID) -> None:
    """Let a form that was sent before signing in be the request's. Raises Rejected when it is not this person's."""
    sealed = request.form.get(SIGN_IN_FIELD, "") if request.method == "POST" else ""
    if not sealed:
        return
    kept = open_form(sealed, str(person_id), LIFETIME)
    if not is_for_here(kept):
        raise Rejected("sign_in_page_expired")
    resume(kept)


def kept_by_sign_in() -> str:
    """Return the sealed form that the sign-in page carries, '' when it carries none."""
    return request.form.get(SIGN_IN_FIELD, "")[:MAX_SEALED]


def offer_to_continue(onward: BaseResponse, person_id: uuid.UUID, template: str) -> BaseResponse:
    """Turn the answer to a sign-in into the page that sends on what was typed before, if anything was."""
    sealed = kept_by_sign_in()
    if not sealed:
        return onward
    try:
        kept = open_form(sealed, "", LIFETIME)
    except Rejected:
        return onward
    # Whoever has just signed in has a new session, and no token from before is good in it.
    g.pop("csrf_token", None)
    mine = _seal({"owner": str(person_id), "path": kept["path"], "fields": kept["fields"]})
    page = make_response(
        render_template(template, action=kept["path"], kept=mine, back=onward.headers["Location"])
    )
    for cookie in onward.headers.getlist("Set-Cookie"):
        page.headers.add("Set-Cookie", cookie)
    return page
