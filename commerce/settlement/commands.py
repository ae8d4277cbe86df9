"""`flask payments ...`: set up Stripe, ask about what is unknown, and compare the books."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from datetime import timedelta
from typing import Any

import click
from flask.cli import AppGroup

from commerce import clock
from commerce.db import db
from commerce.error_messages import describe
from commerce.errors import CommerceError
from commerce.payments.methods import configure_method, list_methods
from commerce.payments.queries import test_methods
from commerce.settlement.reconciliation import (
    Mismatch,
    ReconciledPayment,
    compare_books,
    find_queued_refunds,
    find_unsettled,
    reconcile_payment,
    reconcile_refund,
)
from commerce.tenants.queries import get_shop, get_shop_by_code, list_shops
from commerce.tenants.scope import shop_scope

payment_commands = AppGroup("payments", help="Money that is under way.")
BATCH = 200


@payment_commands.command("set-up-stripe")
@click.option("--tenant", "code", required=True, metavar="CODE", help="The shop.")
@click.option("--method", default="stripe", show_default=True, help="Code of the payment method.")
@click.option("--name", default=None, help="What shoppers read. Default for a new method: Card.")
@click.option("--publishable-key", default=None, help="pk_...")
@click.option("--account", default=None, help="acct_..., when the key is a platform's.")
@click.option(
    "--checkout-origin", default=None, help="https://... when the payment page has a domain of its own."
)
@click.option(
    "--api-base", default=None, help="Address of a trial server on this machine; not in production."
)
def set_up_stripe(*, code: str, method: str, name: str | None, **settings: str | None) -> None:
    """Let a shop be paid by Stripe.

    The secrets never stand on the command line: they are read from STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET or,
    where those are not set, as the first and second line of the standard input. An empty one keeps what is there.
    """
    secrets = _read_secrets()
    given = {option: value for option, value in settings.items() if value is not None}
    try:
        shop = get_shop_by_code(code)
        with shop_scope(shop):
            _configure(method, name, given, secrets)
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    click.echo(
        f"{shop.name} takes payments by Stripe ({method}). Messages go to /webhooks/stripe at {shop.host}."
    )


def _read_secrets() -> dict[str, str]:
    key, hook = os.environ.get("STRIPE_SECRET_KEY"), os.environ.get("STRIPE_WEBHOOK_SECRET")
    if key is None and sys.stdin.isatty():
        key = click.prompt("Secret key", hide_input=True, default="", show_default=False)
        hook = click.prompt("Webhook secret", hide_input=True, default="", show_default=False)
    elif key is None:
        lines = [*sys.stdin.read().splitlines(), "", ""]
        key, hook = lines[0], lines[1] if hook is None else hook
    return {"secret_key": key or "", "webhook_secret": hook or ""}


def _configure(method: str, name: str | None, settings: dict[str, str], secrets: dict[str, str]) -> None:
    configure_method(
        method,
        gateway="stripe",
        name=name or (None if _exists(method) else "Card"),
        settings=settings,
        secrets=secrets,
    )


def _exists(method: str) -> bool:
    return any(each.code == method for each in list_methods())


@payment_commands.command("disable-test-card")
@click.option("--tenant", "code", default="", metavar="CODE", help="Only this shop; default: all of them.")
def disable_test_card(*, code: str) -> None:
    """Turn off the payment methods that take no money. Production does not start while one is on."""
    try:
        shops = [get_shop_by_code(code)] if code else list_shops()
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    for shop in shops:
        with shop_scope(shop):
            for method in test_methods():
                configure_method(method, enabled=False)
                click.echo(f"{shop.code}  {method} is off.")


@payment_commands.command("reconcile")
@click.option(
    "--days", default=7, show_default=True, type=click.IntRange(1, 365), help="How far back to compare."
)
@click.option("--json", "as_json", is_flag=True)
def reconcile(*, days: int, as_json: bool) -> None:
    """Ask the gateways about whatever is unknown, then compare their books with ours.

    Exit code 1 when something stays unknown or does not match.
    """
    asked, refunds = _ask_about_payments(), _ask_about_refunds()
    mismatches = _compare(days)
    unknown = sum(each.after in ("started", "unknown") and not each.waiting for each in asked)
    if as_json:
        click.echo(json.dumps(_report(asked, unknown, refunds, mismatches)))
    else:
        _tell(asked, unknown, refunds, mismatches)
    sys.exit(1 if unknown or mismatches else 0)


def _ask_about_payments() -> list[ReconciledPayment]:
    """Ask about every attempt once, however many there are."""
    begun, asked = clock.now(), []
    while found := find_unsettled(BATCH, asked_before=begun):
        db.session.close()
        for tenant_id, payment_id in found:
            with shop_scope(get_shop(tenant_id)):
                asked.append(reconcile_payment(payment_id))
    return asked


def _ask_about_refunds() -> dict[str, str]:
    states: dict[str, str] = {}
    after = None
    while found := find_queued_refunds(BATCH, after=after):
        db.session.close()
        for tenant_id, refund_id in found:
            with shop_scope(get_shop(tenant_id)):
                states[str(refund_id)] = reconcile_refund(refund_id)
        after = found[-1].id
    return states


def _compare(days: int) -> list[tuple[str, Mismatch]]:
    found = []
    for shop in list_shops():
        with shop_scope(shop):
            found += [(shop.code, each) for each in compare_books(clock.now() - timedelta(days=days))]
    return found


def _report(
    asked: list[ReconciledPayment],
    unknown: int,
    refunds: dict[str, str],
    mismatches: list[tuple[str, Mismatch]],
) -> dict[str, Any]:
    return {
        "asked": len(asked),
        "still_unknown": unknown,
        "payments": [
            {"payment_id": str(each.payment_id), "before": each.before, "after": each.after} for each in asked
        ],
        "refunds": refunds,
        "mismatches": [{"shop": shop, **dataclasses.asdict(each)} for shop, each in mismatches],
    }


def _tell(
    asked: list[ReconciledPayment],
    unknown: int,
    refunds: dict[str, str],
    mismatches: list[tuple[str, Mismatch]],
) -> None:
    for each in asked:
        click.echo(f"{each.payment_id}  {each.before} -> {each.after}")
    for refund_id, state in refunds.items():
        click.echo(f"{refund_id}  refund: {state}")
    for shop, found in mismatches:
        click.echo(f"{shop}  {found.kind}  {found.reference}  here: {found.here}  there: {found.there}")
    click.echo(f"Asked about {len(asked)}, still unknown {unknown}, {len(mismatches)} do not match.")
