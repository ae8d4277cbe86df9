"""The log of the back office: who did what, and the same as a file."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Response, make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import audit
from commerce.accounts.staff import list_staff
from commerce.admin.auth import blueprint, logged, page_number, requires_permission
from commerce.admin.step_up import requires_recent_auth
from commerce.admin.stock.files import to_csv
from commerce.tenants.scope import current_shop

COLUMNS = ("at", "by", "name", "id", "action", "subject", "fields", "address", "request")


@blueprint.get("/audit")
@requires_permission("audit.view")
def audit_page() -> BaseResponse:
    """Show what was done, newest first, of one person or of all."""
    page = page_number()
    entries, more = audit.entries(_wanted(), page)
    body = render_template(
        "admin/people/activity_log.html",
        entries=entries,
        more=more,
        number=page,
        chosen={name: request.args.get(name, "")[:64] for name in ("person", "action", "since", "until")},
        people=list_staff(),
        actions=audit.actions(),
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
    response = Response(to_csv(COLUMNS, rows), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _wanted() -> audit.Filter:
    """Return what the query string asks for; what makes no sense there is not asked for."""
    until = _day("until")
    return audit.Filter(
        actor_id=_plain("person"),
        action=_plain("action"),
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
    """Return when a day begins where the shop is; None for years in which nothing was done."""
    if day is None or not 1970 <= day.year < 9999:
        return None
    return datetime.combine(day, time(), ZoneInfo(current_shop().timezone)).astimezone(UTC)
