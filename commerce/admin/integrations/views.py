"""Other programs in the back office: API clients and their keys, webhooks, and the deliveries of events."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import current_app, make_response, render_template, request, session
from flask_babel import format_datetime, ngettext
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import api_clients
from commerce.accounts.scopes import READING, SCOPES
from commerce.admin.auth import blueprint, current_actor, page_number, requires_permission
from commerce.admin.confirmation import confirm_first
from commerce.admin.forms import Difference
from commerce.admin.integrations.forms import ClientForm, KeyForm, WebhookForm
from commerce.admin.save import done, save
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import CommerceError, Conflict, NotFound
from commerce.events.queries import VIEWS, backlog, list_deliveries, waiting_events
from commerce.events.services import replay, replay_parked
from commerce.notifications.rendering import base_url
from commerce.tenants.scope import current_shop
from commerce.web import local_path, render_region, see_other
from commerce.webhooks import queries, services
from commerce.webhooks.delivery import ping, sending_rules
from commerce.webhooks.payloads import EVENT_TYPES

API_CLIENTS = "/admin/api-clients"
WEBHOOKS = "/admin/webhooks"
SETS = {"read": READING, "all": tuple(SCOPES)}
"""Scopes that are often granted together, by the word in the address that checks them."""
TO_TRY = {
    "orders:read": "/api/orders?limit=1",
    "products:read": "/api/products?limit=1",
    "inventory:read": "/api/inventory?limit=1",
    "events:read": "/api/events?limit=1",
}
"""A request to try a new key with, by the scope that it needs."""
MAX_HANDLER = 80
FRESH = "fresh_webhook"
"""Where the browser's session names the webhook whose new secret the next page shows: its id, never the secret."""


# --- API clients ------------------------------------------------------------------------------------


@blueprint.get("/api-clients")
@requires_permission("api.manage")
def api_client_show_clients() -> BaseResponse:
    """Show all API clients, their status and when they were last used."""
    return _show_clients()


@blueprint.post("/api-clients")
@requires_permission("api.manage")
@requires_recent_auth
def api_client_create() -> BaseResponse:
    """Add an API client; its keys are created on its page."""
    form = ClientForm()
    return save(
        form,
        lambda: api_clients.create_client(by=current_actor().name, **form.values()),
        show=lambda status: _show_clients(form, status),
        then=lambda client_id: _client_done(client_id, _("API client added. Create a key to use it.")),
        shown_at={Conflict: "name"},
    )


@blueprint.get("/api-clients/<uuid:client_id>")
@requires_permission("api.manage")
def api_client_page(client_id: uuid.UUID) -> BaseResponse:
    """Show an API client with its keys; `?scopes=` checks one of the sets in the form of a new key."""
    return _show_client(client_id)


@blueprint.post("/api-clients/<uuid:client_id>")
@requires_permission("api.manage")
@requires_recent_auth
def api_client_change(client_id: uuid.UUID) -> BaseResponse:
    """Change the name or the rate limit of an API client."""
    api_clients.get_client(client_id)
    form = ClientForm()
    return save(
        form,
        lambda: api_clients.change_client(client_id, **form.values()),
        show=lambda status: _show_client(client_id, status, form=form),
        then=lambda _result: _client_done(client_id, _("Saved.")),
        shown_at={Conflict: "name"},
    )


@blueprint.post("/api-clients/<uuid:client_id>/deactivation")
@requires_permission("api.manage")
@requires_recent_auth
def api_client_deactivate(client_id: uuid.UUID) -> BaseResponse:
    """Deactivate an API client with all of its keys."""
    api_clients.set_client_active(client_id, active=False)
    return _client_done(client_id, _("API client deactivated. Its keys no longer work."))


@blueprint.post("/api-clients/<uuid:client_id>/activation")
@requires_permission("api.manage")
@requires_recent_auth
def api_client_activate(client_id: uuid.UUID) -> BaseResponse:
    """Reactivate an API client; its active keys work again."""
    api_clients.set_client_active(client_id, active=True)
    return _client_done(client_id, _("API client reactivated. Its active keys work again."))


@blueprint.post("/api-clients/<uuid:client_id>/keys")
@requires_permission("api.manage")
@requires_recent_auth
def api_key_issue(client_id: uuid.UUID) -> BaseResponse:
    """Create a key and show it in this answer and never again: only a hash of it is stored."""
    api_clients.get_client(client_id)
    form = KeyForm()

    def then(token: str) -> BaseResponse:
        to_try = next((address for scope, address in TO_TRY.items() if scope in form.scopes.data), "")
        return _show_client(client_id, key_form=KeyForm(formdata=None), token=token, to_try=to_try)

    return save(
        form,
        lambda: api_clients.issue_key(
            client_id, scopes=form.scopes.data, by=current_actor().name, expires_at=form.expires_at
        ),
        show=lambda status: _show_client(client_id, status, key_form=form),
        then=then,
        shown_at={Conflict: ""},
    )


@blueprint.post("/api-clients/<uuid:client_id>/keys/<uuid:key_id>/revocation")
@requires_permission("api.manage")
@requires_recent_auth
def api_key_revoke(client_id: uuid.UUID, key_id: uuid.UUID) -> BaseResponse:
    """Show which key it is and who used it when; then revoke it, effective immediately."""
    key = next((each for each in api_clients.keys_of([client_id])[client_id] if each.id == key_id), None)
    if key is not None:
        asks = confirm_first(
            _("Revoke key …%(digits)s", digits=key.last_four),
            _("Revoke key"),
            f"{API_CLIENTS}/{client_id}",
            [
                (_("Created"), f"{format_datetime(key.created_at, 'medium')}, {key.created_by}"),
                (_("Last used"), format_datetime(key.used_at, "medium") if key.used_at else _("Never")),
                (_("Effect"), _("Programs that use this key are refused from now on.")),
            ],
            words=_("This cannot be undone. Please review it before you confirm."),
        )
        if asks is not None:
            return asks
    api_clients.revoke_key(client_id, key_id)
    return _client_done(client_id, _("API key revoked."))


def _client_done(client_id: uuid.UUID, text: str) -> BaseResponse:
    return done(text, f"{API_CLIENTS}/{client_id}")


def _show_clients(form: ClientForm | None = None, status: int = 200) -> BaseResponse:
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


def _show_client(
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


# --- webhooks ---------------------------------------------------------------------------------------


@blueprint.get("/webhooks")
@requires_permission("webhooks.manage")
def webhook_list() -> BaseResponse:
    """Show all webhooks with the last delivery of each."""
    return render_region(
        "admin/integrations/webhooks.html",
        "admin/integrations/_webhooks.html",
        endpoints=queries.list_endpoints(),
        last_calls=queries.last_calls(),
    )


@blueprint.get("/webhooks/new")
@requires_permission("webhooks.manage")
def webhook_new() -> BaseResponse:
    """Show the form of a new webhook."""
    return _ask(WebhookForm(sending_rules()))


@blueprint.post("/webhooks")
@requires_permission("webhooks.manage")
@requires_recent_auth
def webhook_create() -> BaseResponse:
    """Add a webhook; the page after it shows the secret, once."""
    form = WebhookForm(sending_rules(), request.form)
    return save(
        form,
        lambda: services.create_endpoint(**form.values()),
        show=lambda status: _ask(form, status),
        then=lambda created: _to_secret(created[0]),
        shown_at={Conflict: "url"},
    )


@blueprint.get("/webhooks/<uuid:endpoint_id>")
@requires_permission("webhooks.manage")
def webhook_page(endpoint_id: uuid.UUID) -> BaseResponse:
    """Show one webhook with the log of its calls; the first time after a secret was made, with the secret."""
    if session.get(FRESH) != str(endpoint_id):
        return _show_webhook(endpoint_id)
    del session[FRESH]
    return _show_webhook(endpoint_id, secret=queries.get_secret(endpoint_id))


@blueprint.post("/webhooks/<uuid:endpoint_id>")
@requires_permission("webhooks.manage")
@requires_recent_auth
def webhook_change(endpoint_id: uuid.UUID) -> BaseResponse:
    """Save a webhook, unless it was changed since the page was opened."""
    queries.get_endpoint(endpoint_id)
    form = WebhookForm(sending_rules(), request.form)
    return save(
        form,
        lambda: services.change_endpoint(endpoint_id, seen_version=form.seen_version, **form.values()),
        show=lambda status, **context: _show_webhook(endpoint_id, form, status, **context),
        then=lambda _result: _webhook_done(endpoint_id, _("Saved.")),
        current=lambda: WebhookForm(sending_rules(), endpoint=queries.get_endpoint(endpoint_id)),
    )


@blueprint.post("/webhooks/<uuid:endpoint_id>/secret")
@requires_permission("webhooks.manage")
@requires_recent_auth
def webhook_rotate(endpoint_id: uuid.UUID) -> BaseResponse:
    """Rotate the secret; the next page shows it once. The previous one signs as well for a day."""
    services.rotate_secret(endpoint_id)
    return _to_secret(endpoint_id)


@blueprint.post("/webhooks/<uuid:endpoint_id>/enablement")
@requires_permission("webhooks.manage")
def webhook_enable(endpoint_id: uuid.UUID) -> BaseResponse:
    """Enable a webhook."""
    services.enable_endpoint(endpoint_id)
    return _webhook_done(endpoint_id, _("Webhook enabled. Retry failed deliveries under Events."))


@blueprint.post("/webhooks/<uuid:endpoint_id>/disablement")
@requires_permission("webhooks.manage")
def webhook_disable(endpoint_id: uuid.UUID) -> BaseResponse:
    """Disable a webhook."""
    services.disable_endpoint(endpoint_id, _("Disabled by staff."))
    return _webhook_done(endpoint_id, _("Webhook disabled."))


@blueprint.post("/webhooks/<uuid:endpoint_id>/removal")
@requires_permission("webhooks.manage")
def webhook_remove(endpoint_id: uuid.UUID) -> BaseResponse:
    """Show what goes with a webhook; then delete it with its log."""
    endpoint = queries.get_endpoint(endpoint_id)
    asks = confirm_first(
        _("Delete webhook"),
        _("Delete webhook"),
        f"{WEBHOOKS}/{endpoint_id}",
        [
            (_("URL"), endpoint.url),
            (_("Deleted"), _("Its secret, its log and the messages that still wait for it.")),
            (_("Effect"), _("The other system is not notified of anything any more.")),
        ],
        words=_("This cannot be undone. Please review it before you confirm."),
    )
    if asks is not None:
        return asks
    services.delete_endpoint(endpoint_id)
    return done(_("Webhook deleted."), WEBHOOKS)


@blueprint.post("/webhooks/<uuid:endpoint_id>/ping")
@requires_permission("webhooks.manage")
def webhook_ping(endpoint_id: uuid.UUID) -> BaseResponse:
    """Send a signed test message and show the response."""
    answer = ping(endpoint_id)
    if not answer.good:
        why = answer.error or f"HTTP {answer.status}"
        return _webhook_done(endpoint_id, _("Test failed: %(why)s.", why=why), "bad")
    text = _("Test succeeded: HTTP %(status)d in %(ms)d ms.", status=answer.status, ms=answer.duration_ms)
    return _webhook_done(endpoint_id, text)


@blueprint.post("/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/replay")
@requires_permission("webhooks.manage")
def webhook_replay(endpoint_id: uuid.UUID, delivery_id: uuid.UUID) -> BaseResponse:
    """Send a message again, with its old id, also when it was taken already."""
    endpoint = queries.get_endpoint(endpoint_id)
    if not queries.was_called(endpoint_id, delivery_id):
        raise NotFound("delivery_not_found")
    if endpoint.state != "enabled":
        raise Conflict("webhook_disabled")
    replay(delivery_id, even_done=True)
    return _webhook_done(endpoint_id, _("The message will be resent shortly."))


def _webhook_done(endpoint_id: uuid.UUID, text: str, tone: str = "good") -> BaseResponse:
    return done(text, f"{WEBHOOKS}/{endpoint_id}", tone)


def _ask(form: WebhookForm, status: int = 200) -> BaseResponse:
    return render_region(
        "admin/integrations/webhook_new.html",
        "admin/integrations/_webhook_form.html",
        status,
        form=form,
        meanings=EVENT_TYPES,
        action="",
    )


def _to_secret(endpoint_id: uuid.UUID) -> BaseResponse:
    """Lead to the page that shows a new secret: a form that is sent again by a reload would make another one."""
    session[FRESH] = str(endpoint_id)
    return see_other(f"{WEBHOOKS}/{endpoint_id}")


def _show_webhook(
    endpoint_id: uuid.UUID,
    form: WebhookForm | None = None,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
    secret: str = "",
) -> BaseResponse:
    endpoint = queries.get_endpoint(endpoint_id)
    return render_region(
        "admin/integrations/webhook.html",
        "admin/integrations/_webhook.html",
        status,
        endpoint=endpoint,
        form=form or WebhookForm(sending_rules(), endpoint=endpoint),
        meanings=EVENT_TYPES,
        action=f"/{endpoint.id}",
        problem=problem,
        compared=compared,
        secret=secret,
        both_until=endpoint.previous_until if queries.signs_with_both(endpoint_id) else None,
        listing=queries.log_of(endpoint_id, page_number()),
    )


# --- deliveries of events ---------------------------------------------------------------------------


@blueprint.get("/events")
@requires_permission("events.view")
def event_list() -> BaseResponse:
    """Show failed, pending and finished deliveries, and whether the worker keeps up."""
    view, page = request.args.get("state", ""), page_number()
    if view not in VIEWS:
        view = VIEWS[0]
    handler = _handler(request.args.get("handler", ""))
    waiting, lag = waiting_events()
    waits = backlog()
    return render_region(
        "admin/integrations/events.html",
        "admin/integrations/_events.html",
        listing=list_deliveries(view, handler, page),
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
    """Retry a delivery."""
    replay(delivery_id)
    return done(
        _("The delivery will be retried shortly."), local_path(request.form.get("back"), "/admin/events")
    )


@blueprint.post("/events/replays")
@requires_permission("events.replay")
def event_replay_parked() -> BaseResponse:
    """Retry all failed deliveries of one handler."""
    handler = _handler(request.form.get("handler", ""))
    if not handler:
        raise NotFound("event_handler_not_found")
    count = replay_parked(handler)
    said = ngettext("%(num)d delivery will be retried.", "%(num)d deliveries will be retried.", count)
    return done(said, f"/admin/events?state=waiting&handler={handler}", "good" if count else "warn")


def _handler(text: str) -> str:
    """Return a handler's name as it may stand in an address, '' for what cannot be one."""
    plain = text.replace("_", "").replace("-", "").replace(":", "")
    return text if plain.isascii() and plain.isalnum() and len(text) <= MAX_HANDLER else ""
