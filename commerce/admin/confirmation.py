"""The page between a button and what cannot be undone: it says what will happen, and asks once more."""

from __future__ import annotations

from collections.abc import Sequence

from flask import make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.web import private

STEP = "step"
CONFIRMED = "confirm"


def confirm_first(
    title: str, button: str, back: str, facts: Sequence[tuple[str, str]], *, words: str = ""
) -> BaseResponse | None:
    """Return the page that asks, with `facts` on what will happen; None once its button was pressed.

    `button` is what it says, `words` stand above the facts, `back` is where nothing happens.
    """
    if request.form.get(STEP) == CONFIRMED:
        return None
    page = render_template(
        "admin/confirm.html",
        title=title,
        button=button,
        back=back,
        facts=facts,
        words=words,
        fields=[
            pair
            for pair in request.form.items(multi=True)
            if pair[0] not in ("csrf_token", "form_id", "kept", "kept_form", STEP)
        ],
    )
    return private(make_response(page))
