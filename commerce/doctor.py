"""`flask doctor` and `flask secrets`: checks before going live, and rotation of the secret key."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from commerce.key_rotation import rotate_secrets
from commerce.preflight import FAIL, WARN, examine

secrets = AppGroup(
    "secrets", help="What is stored sealed: gateways' keys, webhooks' secrets, second factors."
)


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True)
@with_appcontext
def doctor(*, as_json: bool) -> None:
    """Check settings and database. Exit code 1 when production would not start like this."""
    config = current_app.config["LOCKSTEP"]
    checks = examine(config)
    failed = [each for each in checks if each.state == FAIL]
    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": [asdict(each) for each in checks]}))
    else:
        width = max(len(each.name) for each in checks)
        for each in checks:
            click.echo(f"{each.state:4}  {each.name:{width}}  {each.found}")
            if each.advice:
                click.echo(f"{'':4}  {'':{width}}  -> {each.advice}")
        warned = sum(each.state == WARN for each in checks)
        click.echo(f"{len(checks)} checks: {len(failed)} failed, {warned} to look at.")
    sys.exit(1 if failed else 0)


@secrets.command("reseal")
@click.option("--json", "as_json", is_flag=True)
def secrets_reseal(*, as_json: bool) -> None:
    """Encrypt every secret again under SECRET_KEY; then SECRET_KEY_FALLBACKS can go. Exit code 1 when one is lost."""
    done = rotate_secrets()
    if as_json:
        click.echo(json.dumps(asdict(done)))
    else:
        click.echo(f"Encrypted {done.renewed} secrets again.")
        for each in done.lost:
            click.echo(f"  cannot be opened with any key, must be entered again: {each}")
    sys.exit(1 if done.lost else 0)
