"""The owner takes the whole shop along as one file."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack

from flask import current_app, render_template, request, send_file
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import audit
from commerce.accounts.door import address
from commerce.admin.desk import acting, blueprint, permit
from commerce.admin.proof import recently_proven
from commerce.clock import now
from commerce.db import witnessed
from commerce.errors import Rejected
from commerce.moving.exporting import export_shop
from commerce.tenants.scope import current_shop

__all__ = ["blueprint"]


@blueprint.get("/settings/export")
@permit("data.export")
def settings_export() -> str:
    """Say what is in the file, and ask for a passphrase."""
    return _page()


@blueprint.post("/settings/export")
@permit("data.export")
@recently_proven
def settings_export_download() -> BaseResponse | tuple[str, int]:
    """Send the file. It is written beside the database first, so that the shop is read quickly and not as slowly as a
    browser fetches it."""
    shop, config = current_shop(), current_app.config["LOCKSTEP"]
    with witnessed(None):  # what is written down is the download, once
        audit.record_alone(acting(), "shop_exported", shop.code, address=address())
    with ExitStack() as undo:
        file = undo.enter_context(tempfile.TemporaryFile(dir=config.var))
        try:
            export_shop(shop, file, config.media, passphrase=request.form.get("passphrase", ""))
        except Rejected as error:
            return _page(error.detail), 422
        undo.pop_all()  # closed with the answer
    file.seek(0)
    name = f"{shop.code}-{now().date()}.zip"
    return send_file(file, mimetype="application/zip", as_attachment=True, download_name=name, max_age=0)


def _page(problem: str = "") -> str:
    return render_template(
        "admin/settings/export.html",
        section="export",
        problems=[("passphrase", _(problem))] if problem else [],
    )
