"""What could not be delivered yet: mails and other consequences of events, with the reason and a second chance."""

from __future__ import annotations

import uuid

from flask import flash
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.desk import blueprint, permit
from commerce.admin.queries import waiting_events
from commerce.events.queries import troubled_deliveries
from commerce.events.services import replay
from commerce.web import render_region, see_other


@blueprint.get("/events")
@permit("events.view")
def event_list() -> BaseResponse:
    """Show deliveries that failed, and whether the worker keeps up."""
    return _show()


@blueprint.post("/events/<uuid:delivery_id>/replay")
@permit("events.replay")
def event_replay(delivery_id: uuid.UUID) -> BaseResponse:
    """Run a delivery again soon."""
    replay(delivery_id)
    flash(_("It will run again in a moment."), "good")
    return see_other("/admin/events")


def _show() -> BaseResponse:
    waiting, oldest = waiting_events()
    return render_region(
        "admin/events.html",
        "admin/events/_list.html",
        troubled=troubled_deliveries(),
        waiting=waiting,
        lag_seconds=oldest,
    )
