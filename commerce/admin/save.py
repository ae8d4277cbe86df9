"""The way of every form of the back office: check it, call the service, and answer.

303 when it is done; 422 with the form as it was typed when something in it is wrong, said at its field; 409 when
somebody else was faster, with what they changed beside what was typed. Nothing typed is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import flash
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.forms import add_error, refuse
from commerce.error_messages import describe
from commerce.errors import CommerceError, Conflict, InvalidValue, Rejected
from commerce.web import see_other, status_of

Result = TypeVar("Result")
Show = Callable[..., BaseResponse]
"""Renders the page again: takes a status, then by name `problem` and, for a form with `current`, `compared`."""


def save(
    form: Any,
    do: Callable[[], Result],
    *,
    show: Show,
    then: Callable[[Result], BaseResponse],
    current: Callable[[], Any] | None = None,
    shown_at: Mapping[type[CommerceError], str] | None = None,
) -> BaseResponse:
    """Return the answer to a form that was sent; None for a button without fields.

    `do` calls the service, `then` answers its result, `show` renders the page with what is wrong. `current` makes the
    same form of the row as it is now, to be compared after a conflict. `shown_at` names the field at which an error of
    a family is shown, '' for above the form; without it `show` gets the error as `problem`.
    """
    if form is not None and not form.validate():
        return show(422)
    try:
        result = do()
    except (Rejected, Conflict) as error:
        return _refused(form, error, show, current, shown_at or {})
    return then(result)


def _refused(
    form: Any,
    error: Rejected | Conflict,
    show: Show,
    current: Callable[[], Any] | None,
    shown_at: Mapping[type[CommerceError], str],
) -> BaseResponse:
    if form is not None and isinstance(error, InvalidValue):
        refuse(form, error)
        return show(422)
    for family, name in shown_at.items():
        if isinstance(error, family):
            add_error(form, name, describe(error))
            return show(status_of(error))
    if current is None or not isinstance(error, Conflict):
        return show(status_of(error), problem=error)
    now = current()
    compared = form.differences(now)
    form.catch_up(now)
    return show(409, problem=error, compared=compared)


def done(text: str, address: str, tone: str = "good") -> BaseResponse:
    """Say what was done on the page at `address`, and lead there."""
    flash(text, tone)
    return see_other(address)


def saved_text(changed: bool) -> str:
    """Return what to say after a form was saved, `changed` tells whether anything in it was different."""
    return str(_("Saved.") if changed else _("No changes to save."))
