"""Each form that a page shows acts once, however often it is sent: a double click, a slow network, the back button.

`csrf()` gives every form an id. The first use case that such a form leads to writes the id down in its own
transaction, together with a digest of all that was sent; the same again finds it there and does nothing. So a form that
was corrected and sent again acts, a form that was refused left nothing behind, and a crash can neither do a thing twice
nor forget that it was done. The operators' forms, which belong to no shop, are written down in a table of their own.
Forms that only set what is anyway so (`csrf(once=false)`) need none of it, and the
checkout has its own guard, the cart's token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, flash, g, request, session
from flask_babel import gettext as _
from sqlalchemy import (
    CursorResult,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    event,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.wrappers import Response as BaseResponse

from commerce import clock, engine
from commerce.db import (
    TENANT,
    Base,
    TenantRow,
    atomic,
    current_tenant_id,
    db,
    dialect_name,
    fetch_all,
    fetch_unscoped,
    idempotent,
    new_id,
    with_audit,
)
from commerce.errors import Busy, Conflict
from commerce.web import answer_error, local_path, see_other, wants_json, wants_region

View = TypeVar("View", bound=Callable[..., Any])

FIELD = "form_id"
KEPT = timedelta(hours=24)
SWEPT_AT_ONCE = 1000
MAX_LANDING = 2000
"""Characters of an address that are kept; a longer one is not a page that is worth going back to."""
_FORM_ID = re.compile(r"[A-Za-z0-9_-]{20,43}")


class FormSubmission(TenantRow, Base):
    """A form that has acted, and the page that followed ('' when it is the one that the form was on)."""

    __tablename__ = "form_submissions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "key"),
        Index("ix_form_submissions_age", "created_at"),
    )
    key: Mapped[str] = mapped_column(String(64))
    landing: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class OperatorFormSubmission(Base):
    """A form of an operator that has acted. Inside a shop, where some of them act, PostgreSQL shows none of them."""

    __tablename__ = "operator_form_submissions"
    __table_args__ = (UniqueConstraint("key"), Index("ix_operator_form_submissions_age", "created_at"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class FormAlreadySent(Exception):
    """The same form with the same content has acted before.

    It is no CommerceError, so that no view takes it for a refusal: what was asked for is done.
    """

    def __init__(self, landing: str) -> None:
        super().__init__(landing)
        self.landing = landing


_table = cast("Table", FormSubmission.__table__)
# Built once: every form runs them.
_CLAIM = {
    name: insert(_table).on_conflict_do_nothing(index_elements=["tenant_id", "key"]).returning(_table.c.id)
    for name, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
_FIND = select(_table.c.id, _table.c.landing).where(
    _table.c.tenant_id == TENANT, _table.c.key == bindparam("asked")
)
_operators = cast("Table", OperatorFormSubmission.__table__)
# Without saying which column is in conflict and what comes back, since either would ask for rows that may be hidden.
_OPERATOR_CLAIM = {
    name: insert(_operators).on_conflict_do_nothing()
    for name, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
_OPERATOR_FIND = select(_operators.c.id).where(_operators.c.key == bindparam("asked"))


class _FormGuard:
    """The claim of one form that was sent."""

    def __init__(self) -> None:
        self.row_id = new_id()
        self.acted = False

    def claim(self) -> None:
        """Write the form down, waiting for whoever is doing the same. Raises FormAlreadySent, Busy."""
        # What is sent is looked at now: a proof that was asked for in between puts the form back first.
        key = _fingerprint()
        row = {
            "tenant_id": current_tenant_id(),
            "id": self.row_id,
            "key": key,
            "landing": "",
            "created_at": clock.now(),
        }
        if fetch_unscoped(_CLAIM[dialect_name()], **row):
            return
        found = fetch_all(_FIND, asked=key)
        if not found:
            raise Busy("busy")
        if found[0][0] != self.row_id:
            raise FormAlreadySent(found[0][1])

    def keep(self, result: Any) -> None:  # noqa: ARG002
        """Remember that something was done; the row is part of its transaction."""
        self.acted = True


class _OperatorFormGuard(_FormGuard):
    """The same for a form of an operator; where it leads is known from its view (`lands_on`)."""

    def __init__(self) -> None:
        super().__init__()
        self.committed = False

    def refuse_sent(self) -> None:
        """Look before anything is judged by what the form itself has changed: the code of its shop is taken now.

        Raises FormAlreadySent.
        """
        if db.session.connection().execute(_OPERATOR_FIND, {"asked": _fingerprint()}).first() is not None:
            raise FormAlreadySent("")

    def claim(self) -> None:
        """Write the form down, waiting for whoever is doing the same. Raises FormAlreadySent."""
        row = {"id": self.row_id, "key": _fingerprint(), "created_at": clock.now()}
        written = db.session.connection().execute(_OPERATOR_CLAIM[db.engine.dialect.name], row)
        # A form whose first transaction is committed finds its own row in the second.
        if not written.rowcount and not self.committed:
            raise FormAlreadySent("")

    def keep(self, result: Any) -> None:
        """Remember that something was done, and when it is committed, also that."""
        super().keep(result)
        event.listen(db.session(), "after_commit", self._note_commit, once=True)

    def _note_commit(self, _session: Any) -> None:
        self.committed = True


def _fingerprint() -> str:
    """Return the digest of a form as it was sent, by this browser, to this address."""
    fields = [pair for pair in request.form.items(multi=True) if pair[0] != "csrf_token"]
    files = [(name, each.filename) for name, each in request.files.items(multi=True)]
    sent = [session.get("csrf_token", ""), request.full_path, sorted(fields), sorted(files)]
    return hashlib.sha256(json.dumps(sent).encode()).hexdigest()


def _sent_form_id() -> str:
    """Return the id of the form that was sent, '' when it has none."""
    if request.method != "POST" or not g.get("csrf_valid"):
        return ""
    sent = request.form.get(FIELD, "")
    return sent if _FORM_ID.fullmatch(sent) else ""


def key_of_form() -> str:
    """Return 43 characters that are the same whenever this form is sent by this browser, '' without an id.

    What a form opens for a browser that had nothing before is found again by it, although the first answer, with its
    cookie, may never have arrived.
    """
    sent = _sent_form_id()
    if not sent:
        return ""
    secret = str(current_app.secret_key).encode()
    digest = hmac.digest(secret, json.dumps([sent, session.get("csrf_token", "")]).encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def lands_on(path: str) -> Callable[[View], View]:
    """Mark a view whose forms always lead to one page, so that it need not be written down for each of them.

    `path` may name arguments of the view: `/platform/shops/{code}`.
    """

    def mark(view: View) -> View:
        view.lands_on = path  # type: ignore[attr-defined]
        return view

    return mark


def counts_always(view: View) -> View:
    """Mark a view whose form is used up even if nothing is done.

    The answer to a second click may not show which it was.

    Whether an address has an account, for instance.
    """
    view.counts_always = True  # type: ignore[attr-defined]
    return view


@atomic
def _nothing() -> None:
    """Do nothing, in a transaction."""


def _usual_landing() -> str:
    view = current_app.view_functions.get(request.endpoint or "")
    path: str = getattr(view, "lands_on", "")
    return path.format(**(request.view_args or {})) or _page_of_form()


def _page_of_form() -> str:
    """Return the page on which the form was, '' when the browser does not say."""
    page = urlsplit(request.referrer or "")
    if page.netloc != request.host:
        return ""
    return local_path(f"{page.path}?{page.query}" if page.query else page.path, "")


def _guarded(view: View) -> View:
    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        if not _sent_form_id():
            return view(*args, **kwargs)
        g.form_guard = guard = _FormGuard() if engine.tenant.get() else _OperatorFormGuard()
        if isinstance(guard, _OperatorFormGuard):
            guard.refuse_sent()
        with idempotent(guard):
            if hasattr(view, "counts_always"):
                _nothing()
            return view(*args, **kwargs)

    return cast("View", once)


def _after_form(response: Response) -> Response:
    """Write down where a form has led; one that was refused after all may be sent again."""
    guard: _FormGuard | None = g.pop("form_guard", None)
    if guard is None or not guard.acted:
        return response
    landing = response.headers.get("HX-Redirect") or response.headers.get("Location") or ""
    with with_audit(None):
        if 400 <= response.status_code < 500:
            _forget(guard)
        elif isinstance(guard, _OperatorFormGuard):
            pass
        elif landing and landing != _usual_landing() and len(landing) <= MAX_LANDING:
            _keep_landing(guard, landing)
    return response


@atomic
def _forget(guard: _FormGuard) -> None:
    if isinstance(guard, _OperatorFormGuard):
        db.session.connection().execute(delete(_operators).where(_operators.c.id == guard.row_id))
    else:
        db.session.execute(delete(FormSubmission).where(FormSubmission.id == guard.row_id))


@atomic
def _keep_landing(guard: _FormGuard, landing: str) -> None:
    db.session.execute(
        update(FormSubmission).where(FormSubmission.id == guard.row_id).values(landing=landing)
    )


def _on_already_sent(done: FormAlreadySent) -> BaseResponse:
    """Lead to where the first click has led, and say that the second changed nothing."""
    landing = local_path(done.landing, "") or _usual_landing()
    if wants_json() or wants_region() or not landing:
        return answer_error(Conflict("form_already_sent"))
    flash(_("You sent this twice. It was done once."), "good")
    return see_other(landing)


def guard_forms(app: Flask) -> None:
    """Let every view that takes forms act once for each of them. To be called when all views are known."""
    taking = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    for endpoint in taking:
        app.view_functions[endpoint] = _guarded(app.view_functions[endpoint])
    app.register_error_handler(FormAlreadySent, _on_already_sent)
    app.after_request(_after_form)
    app.jinja_env.globals["form_id"] = lambda: secrets.token_urlsafe(16)


@atomic
def purge_form_submissions() -> int:
    """Forget the current shop's forms that were sent more than KEPT ago; return how many."""
    old = (
        select(FormSubmission.id)
        .where(FormSubmission.created_at < clock.now() - KEPT)
        .limit(SWEPT_AT_ONCE)
        .scalar_subquery()
    )
    result = cast(
        "CursorResult[Any]",
        db.session.execute(
            delete(FormSubmission)
            .where(FormSubmission.id.in_(old))
            .execution_options(synchronize_session=False)
        ),
    )
    return result.rowcount


@atomic
def purge_operator_form_submissions() -> int:
    """Forget operators' forms that were sent more than KEPT ago; return how many."""
    old = delete(_operators).where(_operators.c.created_at < clock.now() - KEPT)
    return db.session.connection().execute(old).rowcount
