"""Webhooks in the back office: which programs are told what, how that went, and the secrets that prove it is us."""

from __future__ import annotations

import uuid

from flask import flash, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, page_number, requires_permission
from commerce.admin.integrations.webhook_form import WebhookForm
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import CommerceError, Conflict, NotFound, StaleVersion
from commerce.events.services import replay
from commerce.web import render_region, see_other, status_of
from commerce.webhooks import queries, services
from commerce.webhooks.delivery import ping, sending_rules
from commerce.webhooks.payloads import EVENT_TYPES

FRESH = "fresh_webhook"
"""Where the browser's session names the webhook whose new secret the next page shows: its id, never the secret."""


@blueprint.get("/webhooks")
@requires_permission("webhooks.manage")
def webhook_list() -> BaseResponse:
    """Show all webhooks and how the last call of each went."""
    return render_region(
        "admin/integrations/webhooks.html",
        "admin/integrations/_webhooks.html",
        endpoints=queries.list_endpoints(),
        last_calls=queries.last_calls(),
    )


@blueprint.get("/webhooks/new")
@requires_permission("webhooks.manage")
def webhook_new() -> BaseResponse:
    """Ask for a new webhook."""
    return _ask(WebhookForm(sending_rules()))


@blueprint.post("/webhooks")
@requires_permission("webhooks.manage")
@requires_recent_auth
def webhook_create() -> BaseResponse:
    """Add a webhook; the page after it shows the secret, once."""
    form = WebhookForm(sending_rules(), request.form)
    if not form.validate():
        return _ask(form, 422)
    try:
        endpoint_id, _secret = services.create_endpoint(**form.values())
    except Conflict as error:
        form.url.errors = [error.detail]
        return _ask(form, 409)
    return _to_secret(endpoint_id)


@blueprint.get("/webhooks/<uuid:endpoint_id>")
@requires_permission("webhooks.manage")
def webhook_page(endpoint_id: uuid.UUID) -> BaseResponse:
    """Show one webhook with the log of its calls; the first time after a secret was made, with the secret."""
    if session.get(FRESH) != str(endpoint_id):
        return _show(endpoint_id)
    del session[FRESH]
    return _show(endpoint_id, secret=queries.get_secret(endpoint_id))


@blueprint.post("/webhooks/<uuid:endpoint_id>")
@requires_permission("webhooks.manage")
@requires_recent_auth
def webhook_change(endpoint_id: uuid.UUID) -> BaseResponse:
    """Save address, words and events, unless somebody else has changed them meanwhile."""
    queries.get_endpoint(endpoint_id)
    form = WebhookForm(sending_rules(), request.form)
    if not form.validate():
        return _show(endpoint_id, form, 422)
    try:
        services.change_endpoint(endpoint_id, seen_version=form.seen_version, **form.values())
    except StaleVersion as error:
        return _show(endpoint_id, form, status_of(error), error)
    flash(_("Saved."), "good")
    return _back(endpoint_id)


@blueprint.post("/webhooks/<uuid:endpoint_id>/secret")
@requires_permission("webhooks.manage")
@requires_recent_auth
def webhook_rotate(endpoint_id: uuid.UUID) -> BaseResponse:
    """Make a new secret; the page after it shows it, once. The former one signs as well for a day."""
    services.rotate_secret(endpoint_id)
    return _to_secret(endpoint_id)


@blueprint.post("/webhooks/<uuid:endpoint_id>/enablement")
@requires_permission("webhooks.manage")
def webhook_enable(endpoint_id: uuid.UUID) -> BaseResponse:
    """Call it again from now on."""
    services.enable_endpoint(endpoint_id)
    flash(_("It is called again from now on. What was given up can be run again under Events."), "good")
    return _back(endpoint_id)


@blueprint.post("/webhooks/<uuid:endpoint_id>/disablement")
@requires_permission("webhooks.manage")
def webhook_disable(endpoint_id: uuid.UUID) -> BaseResponse:
    """Do not call it any more."""
    services.disable_endpoint(endpoint_id, _("Disabled by staff."))
    flash(_("It is not called any more."), "good")
    return _back(endpoint_id)


@blueprint.post("/webhooks/<uuid:endpoint_id>/removal")
@requires_permission("webhooks.manage")
def webhook_remove(endpoint_id: uuid.UUID) -> BaseResponse:
    """Delete it with its log."""
    services.delete_endpoint(endpoint_id)
    flash(_("The webhook was deleted."), "good")
    return see_other("/admin/webhooks")


@blueprint.post("/webhooks/<uuid:endpoint_id>/ping")
@requires_permission("webhooks.manage")
def webhook_ping(endpoint_id: uuid.UUID) -> BaseResponse:
    """Send a signed test message and say what came of it."""
    answer = ping(endpoint_id)
    if answer.good:
        flash(
            _(
                "The test was taken: HTTP %(status)d after %(ms)d ms.",
                status=answer.status,
                ms=answer.duration_ms,
            ),
            "good",
        )
    else:
        why = answer.error or f"HTTP {answer.status}"
        flash(_("The test was not taken: %(why)s.", why=why), "bad")
    return _back(endpoint_id)


@blueprint.post("/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/replay")
@requires_permission("webhooks.manage")
def webhook_replay(endpoint_id: uuid.UUID, delivery_id: uuid.UUID) -> BaseResponse:
    """Send a message again, with its old id, also when it was taken already."""
    endpoint = queries.get_endpoint(endpoint_id)
    if not queries.was_called(endpoint_id, delivery_id):
        raise NotFound("There is no such delivery.")
    if endpoint.state != "enabled":
        raise Conflict(_("The webhook is disabled. Enable it, then run this again."))
    replay(delivery_id, even_done=True)
    flash(_("It will be sent again in a moment."), "good")
    return _back(endpoint_id)


def _back(endpoint_id: uuid.UUID) -> BaseResponse:
    return see_other(f"/admin/webhooks/{endpoint_id}")


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
    return _back(endpoint_id)


def _show(
    endpoint_id: uuid.UUID,
    form: WebhookForm | None = None,
    status: int = 200,
    problem: CommerceError | None = None,
    secret: str = "",
) -> BaseResponse:
    endpoint, page = queries.get_endpoint(endpoint_id), page_number()
    calls, more = queries.log_of(endpoint_id, page)
    if form is not None and problem is not None:
        form.version.data = endpoint.version  # saving once more puts in what was typed
    return render_region(
        "admin/integrations/webhook.html",
        "admin/integrations/_webhook.html",
        status,
        endpoint=endpoint,
        form=form or WebhookForm(sending_rules(), endpoint=endpoint),
        meanings=EVENT_TYPES,
        action=f"/{endpoint.id}",
        problem=problem,
        secret=secret,
        both_until=endpoint.previous_until if queries.signs_with_both(endpoint_id) else None,
        calls=calls,
        number=page,
        more=more,
    )
