"""What is told to whom: mails and other consequences of events, with the reason of a failure and a second chance."""

from __future__ import annotations

import uuid

from flask import flash, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, page_number, requires_permission
from commerce.admin.queries import waiting_events
from commerce.errors import NotFound
from commerce.events.queries import VIEWS, backlog, list_deliveries
from commerce.events.services import replay, replay_parked
from commerce.web import local_path, render_region, see_other

MAX_HANDLER = 80


@blueprint.get("/events")
@requires_permission("events.view")
def event_list() -> BaseResponse:
    """Show deliveries that failed, wait or are done, and whether the worker keeps up."""
    view, page = request.args.get("state", ""), page_number()
    if view not in VIEWS:
        view = VIEWS[0]
    handler = _handler(request.args.get("handler", ""))
    waiting, lag = waiting_events()
    deliveries, more = list_deliveries(view, handler, page)
    waits = backlog()
    return render_region(
        "admin/integrations/events.html",
        "admin/integrations/_events.html",
        deliveries=deliveries,
        more=more,
        number=page,
        view=view,
        handler=handler,
        backlog=waits,
        waiting=waiting,
        lag_seconds=lag,
        busy=waiting > 0 or any(each.due for each in waits),
        here=request.full_path.rstrip("?"),
    )


@blueprint.post("/events/<uuid:delivery_id>/replay")
@requires_permission("events.replay")
def event_replay(delivery_id: uuid.UUID) -> BaseResponse:
    """Run a delivery again soon."""
    replay(delivery_id)
    flash(_("It will run again in a moment."), "good")
    return see_other(local_path(request.form.get("back"), "/admin/events"))


@blueprint.post("/events/replays")
@requires_permission("events.replay")
def event_replay_parked() -> BaseResponse:
    """Run everything again that was given up for one handler."""
    handler = _handler(request.form.get("handler", ""))
    if not handler:
        raise NotFound("There is no such handler.")
    count = replay_parked(handler)
    said = ngettext("%(num)d delivery will run again.", "%(num)d deliveries will run again.", count)
    flash(said, "good" if count else "warn")
    return see_other(f"/admin/events?state=waiting&handler={handler}")


def _handler(text: str) -> str:
    """Return a handler's name as it may stand in an address, '' for what cannot be one."""
    plain = text.replace("_", "").replace("-", "").replace(":", "")
    return text if plain.isascii() and plain.isalnum() and len(text) <= MAX_HANDLER else ""
