"""The owner takes the whole shop along as one file."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack

from flask import current_app, render_template, request, send_file
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import audit
from commerce.accounts.auth import client_address
from commerce.admin.auth import blueprint, current_actor, requires_permission
from commerce.admin.step_up import requires_recent_auth
from commerce.clock import now
from commerce.db import with_audit
from commerce.error_messages import describe
from commerce.errors import Rejected
from commerce.tenant_transfer.export_shop import export_shop
from commerce.tenants.scope import current_shop

__all__ = ["blueprint"]


@blueprint.get("/settings/export")
@requires_permission("data.export")
def settings_export() -> str:
    """Say what is in the file, and ask for a passphrase."""
    return _page()


@blueprint.post("/settings/export")
@requires_permission("data.export")
@requires_recent_auth
def settings_export_download() -> BaseResponse | tuple[str, int]:
    """Send the file. It is written beside the database first, so that the shop is read quickly and not as slowly as a
    browser fetches it."""
    shop, config = current_shop(), current_app.config["LOCKSTEP"]
    with with_audit(None):  # what is written down is the download, once
        audit.record_alone(current_actor(), "shop_exported", shop.code, address=client_address())
    with ExitStack() as undo:
        file = undo.enter_context(tempfile.TemporaryFile(dir=config.var))
        try:
            export_shop(shop, file, config.media, passphrase=request.form.get("passphrase", ""))
        except Rejected as error:
            return _page(describe(error)), 422
        undo.pop_all()  # closed with the answer
    file.seek(0)
    name = f"{shop.code}-{now().date()}.zip"
    return send_file(file, mimetype="application/zip", as_attachment=True, download_name=name, max_age=0)


def _page(problem: str = "") -> str:
    return render_template(
        "admin/settings/export.html",
        section="export",
        problems=[("passphrase", problem)] if problem else [],
    )
