"""The page between a button and what cannot be undone: it says what will happen, and asks once more."""

from __future__ import annotations

from collections.abc import Sequence

from flask import make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.web import private

STEP = "step"
CONFIRMED = "confirm"
TYPED = "typed"


def confirm_first(
    title: str,
    button: str,
    back: str,
    facts: Sequence[tuple[str, str]],
    *,
    words: str = "",
    typed: str = "",
) -> BaseResponse | None:
    """Return the page that asks, with `facts` on what will happen; None once its button was pressed.

    `button` is what it says, `words` stand above the facts, `back` is where nothing happens. What cannot be undone at
    all also asks to have the word `typed` written.
    """
    pressed, problem = request.form.get(STEP) == CONFIRMED, ""
    if pressed and typed and request.form.get(TYPED, "").strip().casefold() != typed.casefold():
        problem = _("Type %(word)s to confirm.", word=typed)
    if pressed and not problem:
        return None
    page = render_template(
        "admin/confirm.html",
        title=title,
        button=button,
        back=back,
        facts=facts,
        words=words,
        typed=typed,
        problem=problem,
        fields=[
            pair
            for pair in request.form.items(multi=True)
            if pair[0] not in ("csrf_token", "form_id", "kept", "kept_form", STEP, TYPED)
        ],
    )
    return private(make_response(page, 422 if problem else 200))
