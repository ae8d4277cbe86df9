"""`flask outbox`: what an operator does with deliveries of all shops at once."""

from __future__ import annotations

import functools
import json

import click
from flask.cli import AppGroup

from commerce.event_handlers import EVENT_HANDLERS, EVENT_KINDS
from commerce.events.relay import DeliveredEvent, GiveUp, Handler, Handlers, Relay
from commerce.events.services import make_all_due
from commerce.notifications import handlers as mails
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks.delivery import Webhooks

RESTORED = "Held after a restore: it may have been sent before. Run it again only if it was not."

outbox = AppGroup("outbox", help="Deliveries of events: mails, webhooks, refunds.")


class _HeldWebhooks(Webhooks):
    """The endpoints of all shops, none of which is called."""

    def tell(self, name: str, happening: DeliveredEvent) -> None:  # noqa: ARG002
        raise GiveUp(RESTORED)


def _held(handler: Handler) -> Handler:
    """Return what is done instead of `handler`: nothing, when it would send a mail."""
    if handler.__module__ != mails.__name__:
        return handler

    @functools.wraps(handler)
    def hold(_happening: DeliveredEvent) -> None:
        raise GiveUp(RESTORED)

    return hold


@outbox.command("hold")
@click.option("--json", "as_json", is_flag=True)
def outbox_hold(*, as_json: bool) -> None:
    """Hold the mails and webhooks that wait, in all shops, before the workers of a restored database start.

    What was waiting when the backup was taken has been sent since. What the database does for itself is done, and
    gateways know a refund that they are asked for again. Staff find what is held with the failed deliveries.
    """
    handlers: Handlers = {kind: [_held(each) for each in group] for kind, group in EVENT_HANDLERS.items()}
    make_all_due()
    relay = Relay(handlers, EVENT_KINDS, lambda tenant_id: shop_scope(get_shop(tenant_id)), _HeldWebhooks())
    done = relay.run_until_idle()
    if as_json:
        click.echo(json.dumps({"settled": done}))
    else:
        click.echo(f"{done} deliveries were settled; mails and webhooks among them are held.")
