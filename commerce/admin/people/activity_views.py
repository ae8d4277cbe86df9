"""The activity log: who did what, as sentences, narrowed by person, subject and day."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import audit
from commerce.accounts.api_clients import list_clients
from commerce.accounts.staff import list_staff
from commerce.admin.auth import blueprint, logged, page_number, requires_permission
from commerce.admin.csv_download import csv_download
from commerce.admin.people.activity import SUBJECTS, actions_about, describe_entries
from commerce.admin.step_up import requires_recent_auth
from commerce.tenants.scope import current_shop

COLUMNS = ("at", "by", "name", "id", "action", "subject", "fields", "address", "request")
"""Headings of the file."""


@blueprint.get("/audit")
@requires_permission("audit.view")
def audit_page() -> BaseResponse:
    """Show the activity of one person or of everyone, newest first."""
    listing = audit.entries(_wanted(), page_number())
    body = render_template(
        "admin/people/activity_log.html",
        listing=listing,
        activities=describe_entries(listing.rows),
        chosen={name: _plain(name) for name in ("person", "about", "action", "since", "until")},
        people=list_staff(),
        programs=list_clients(),
        subjects=SUBJECTS,
        most=audit.MOST_IN_A_FILE,
    )
    return make_response(body)


@blueprint.get("/audit.csv")
@requires_permission("audit.view")
@requires_recent_auth
@logged
def audit_file() -> BaseResponse:
    """Answer the same as CSV."""
    rows = (
        (
            entry.occurred_at.isoformat(timespec="seconds"),
            entry.actor_kind,
            entry.actor_name,
            entry.actor_id,
            entry.action,
            entry.subject,
            json.dumps(entry.changes, ensure_ascii=False, sort_keys=True) if entry.changes else "",
            entry.address,
            entry.request_id,
        )
        for entry in audit.all_entries(_wanted())
    )
    return csv_download("audit.csv", COLUMNS, rows)


def _wanted() -> audit.Filter:
    """Return the filter in the query string; invalid values are ignored."""
    until = _day("until")
    return audit.Filter(
        actor_id=_plain("person"),
        action=_plain("action"),
        actions=actions_about(_plain("about")),
        since=_begin(_day("since")),
        until=_begin(until + timedelta(days=1)) if until and until < date.max else None,
    )


def _plain(name: str) -> str:
    text = request.args.get(name, "")[:64]
    return text if text.isprintable() else ""


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _begin(day: date | None) -> datetime | None:
    """Return when a day begins where the shop is; None for years out of range."""
    if day is None or not 1970 <= day.year < 9999:
        return None
    return datetime.combine(day, time(), ZoneInfo(current_shop().timezone)).astimezone(UTC)
