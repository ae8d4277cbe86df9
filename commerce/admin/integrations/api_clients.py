"""Programs that work with the shop: which there are, what their keys open, and who is kept out. For owners."""

from __future__ import annotations

import uuid

from flask import current_app, flash, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import api_clients
from commerce.accounts.scopes import READING, SCOPES
from commerce.admin.auth import blueprint, current_actor, requires_permission
from commerce.admin.integrations.api_client_forms import ClientForm, KeyForm
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import Conflict, InvalidValue
from commerce.notifications.rendering import base_url
from commerce.tenants.scope import current_shop
from commerce.web import see_other, status_of

HERE = "/admin/api-clients"
SETS = {"read": READING, "all": tuple(SCOPES)}
"""Scopes that are often wanted together, by the word in the address that ticks them."""
TO_TRY = {
    "orders:read": "/api/orders?limit=1",
    "products:read": "/api/products?limit=1",
    "inventory:read": "/api/inventory?limit=1",
    "events:read": "/api/events?limit=1",
}
"""What a new key can be tried with, by the scope that this takes."""


@blueprint.get("/api-clients")
@requires_permission("api.manage")
def api_client_list() -> BaseResponse:
    """Show all programs, whether they may come in, and when they last did."""
    return _list()


@blueprint.post("/api-clients")
@requires_permission("api.manage")
@requires_recent_auth
def api_client_create() -> BaseResponse:
    """Add a program; its keys are made on its page."""
    form = ClientForm()
    if not form.validate():
        return _list(form, 422)
    try:
        client_id = api_clients.create_client(by=current_actor().name, **form.values())
    except (InvalidValue, Conflict) as error:
        return _list(form.blame(error), status_of(error))
    flash(_("The program is added. A key lets it in."), "good")
    return _back(client_id)


@blueprint.get("/api-clients/<uuid:client_id>")
@requires_permission("api.manage")
def api_client_page(client_id: uuid.UUID) -> BaseResponse:
    """Show a program with its keys; `?scopes=` ticks one of the sets in the form of a new one."""
    return _show(client_id)


@blueprint.post("/api-clients/<uuid:client_id>")
@requires_permission("api.manage")
@requires_recent_auth
def api_client_change(client_id: uuid.UUID) -> BaseResponse:
    """Rename a program, or set how often it may call."""
    api_clients.get_client(client_id)
    form = ClientForm()
    if not form.validate():
        return _show(client_id, 422, form=form)
    try:
        api_clients.change_client(client_id, **form.values())
    except (InvalidValue, Conflict) as error:
        return _show(client_id, status_of(error), form=form.blame(error))
    flash(_("Saved."), "good")
    return _back(client_id)


@blueprint.post("/api-clients/<uuid:client_id>/deactivation")
@requires_permission("api.manage")
@requires_recent_auth
def api_client_deactivate(client_id: uuid.UUID) -> BaseResponse:
    """Keep a program out, whichever of its keys it shows."""
    api_clients.set_client_active(client_id, active=False)
    flash(_("The program is kept out; its keys open nothing."), "good")
    return _back(client_id)


@blueprint.post("/api-clients/<uuid:client_id>/activation")
@requires_permission("api.manage")
@requires_recent_auth
def api_client_activate(client_id: uuid.UUID) -> BaseResponse:
    """Let a program in again, with the keys that are still good."""
    api_clients.set_client_active(client_id, active=True)
    flash(_("The program may come in again, with the keys that are still good."), "good")
    return _back(client_id)


@blueprint.post("/api-clients/<uuid:client_id>/keys")
@requires_permission("api.manage")
@requires_recent_auth
def api_key_issue(client_id: uuid.UUID) -> BaseResponse:
    """Make a key and show it in this answer and never again: all that is kept of it is a hash."""
    api_clients.get_client(client_id)
    form = KeyForm()
    if not form.validate():
        return _show(client_id, 422, key_form=form)
    scopes = form.scopes.data
    try:
        token = api_clients.issue_key(
            client_id, scopes=scopes, by=current_actor().name, expires_at=form.expires_at
        )
    except (InvalidValue, Conflict) as error:
        return _show(client_id, status_of(error), key_form=form.blame(error))
    to_try = next((address for scope, address in TO_TRY.items() if scope in scopes), "")
    return _show(client_id, key_form=KeyForm(formdata=None), token=token, to_try=to_try)


@blueprint.post("/api-clients/<uuid:client_id>/keys/<uuid:key_id>/revocation")
@requires_permission("api.manage")
@requires_recent_auth
def api_key_revoke(client_id: uuid.UUID, key_id: uuid.UUID) -> BaseResponse:
    """Let a key open nothing any more, from this moment on."""
    api_clients.revoke_key(client_id, key_id)
    flash(_("The key is revoked."), "good")
    return _back(client_id)


def _back(client_id: uuid.UUID) -> BaseResponse:
    return see_other(f"{HERE}/{client_id}")


def _list(form: ClientForm | None = None, status: int = 200) -> BaseResponse:
    found = api_clients.list_clients()
    keys = api_clients.keys_of([client.id for client in found])
    page = render_template(
        "admin/integrations/api_clients.html",
        programs=found,
        good_keys={client_id: sum(map(api_clients.key_is_active, own)) for client_id, own in keys.items()},
        last_uses={
            client_id: max((key.used_at for key in own if key.used_at), default=None)
            for client_id, own in keys.items()
        },
        form=form or ClientForm(formdata=None),
    )
    return make_response(page, status)


def _show(
    client_id: uuid.UUID,
    status: int = 200,
    *,
    form: ClientForm | None = None,
    key_form: KeyForm | None = None,
    token: str = "",
    to_try: str = "",
) -> BaseResponse:
    client = api_clients.get_client(client_id)
    ticked = SETS.get(request.args.get("scopes", ""), ())
    page = render_template(
        "admin/integrations/api_client.html",
        program=client,
        keys=api_clients.keys_of([client_id])[client_id],
        opens=api_clients.key_is_active,
        meanings=SCOPES,
        sets=SETS,
        form=form or ClientForm(formdata=None, obj=client),
        key_form=key_form or KeyForm(formdata=None, scopes=list(ticked)),
        token=token,
        to_try=to_try,
        base_url=base_url(current_app.config["LOCKSTEP"], current_shop()),
    )
    return make_response(page, status)
