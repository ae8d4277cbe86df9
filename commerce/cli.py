"""The `flask` commands. Each does one thing by a service, says what it did, and exits truthfully."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
import threading

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from commerce import preflight, server, worker
from commerce.accounts.api_key_commands import api_keys
from commerce.accounts.commands import staff
from commerce.catalog_import.commands import catalog_commands
from commerce.config import Config
from commerce.db import db
from commerce.demo.seed import SignIn, seed_demo
from commerce.doctor import doctor, secrets
from commerce.error_messages import describe
from commerce.errors import CommerceError
from commerce.inventory.adjustments import CatalogueStock
from commerce.inventory.commands import import_stock
from commerce.inventory.initial_stock import first_location_stock
from commerce.notifications.rendering import base_url
from commerce.orders.stock_check import Break, check_stock, count_to_check, mend
from commerce.outbox_commands import outbox
from commerce.platform.commands import operators, tenants
from commerce.schema_state import is_current
from commerce.selftest import run_races
from commerce.settlement.commands import payment_commands
from commerce.tenant_transfer.commands import tenants_export, tenants_import
from commerce.tenants.queries import get_shop_by_code, list_shops
from commerce.tenants.scope import shop_scope

stock = AppGroup("stock", help="Stock on hand: check and import.")
selftest = AppGroup("selftest", help="Try the shop's promises on this database.")


def register(app: Flask) -> None:
    """Attach all commands."""
    catalog = catalog_commands(CatalogueStock(), first_location_stock, base_url)
    stock.add_command(import_stock)
    for command in (tenants_export, tenants_import):
        tenants.add_command(command)
    groups = (
        tenants,
        operators,
        staff,
        api_keys,
        catalog,
        stock,
        selftest,
        payment_commands,
        secrets,
        outbox,
    )
    for command in (*groups, doctor, serve, setup, run_worker):
        app.cli.add_command(command)


def _config() -> Config:
    config: Config = current_app.config["LOCKSTEP"]
    return config


@stock.command("check")
@click.option("--tenant", "code", default="", metavar="CODE", help="Only this shop; default: all of them.")
@click.option("--fix", is_flag=True, help="Mend what can be mended, and say what was done.")
@click.option("--json", "as_json", is_flag=True)
def stock_check(*, code: str, fix: bool, as_json: bool) -> None:
    """Prove that stock, ledger, holds and orders agree. Exit code 1 when they do not (or did not, with --fix)."""
    try:
        shops = [get_shop_by_code(code)] if code else list_shops()
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    found = []
    for shop in shops:
        with shop_scope(shop):
            found += [
                {"shop": shop.code, "break": str(each), "done": mend(each) if fix else ""}
                for each in _checked(shop.code)
            ]
    if as_json:
        click.echo(json.dumps({"shops": len(shops), "breaks": found}))
    else:
        for line in found:
            click.echo(f"{line['shop']}  {line['break']}" + (f"  -> {line['done']}" if fix else ""))
        click.echo(
            f"Checked {len(shops)} shops: " + (f"{len(found)} broken." if found else "everything agrees.")
        )
    sys.exit(1 if found else 0)


def _checked(label: str) -> list[Break]:
    """Check the current shop behind a progress bar (on a terminal)."""
    if not sys.stderr.isatty():
        return list(check_stock())
    with click.progressbar(length=count_to_check(), label=label, file=sys.stderr) as bar:
        return list(check_stock(bar.update))


@selftest.command("race")
@click.option("--json", "as_json", is_flag=True)
def selftest_race(*, as_json: bool) -> None:
    """Race buyers, payments and cancellations in a scratch shop that is removed afterwards. Exit code 1 on FAIL."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    verdicts = []
    for verdict in run_races(app, _config().web_threads):
        verdicts.append(verdict)
        if not as_json:
            rate = verdict.tried / verdict.seconds
            click.echo(
                f"{'PASS' if verdict.passed else 'FAIL'}  {verdict.name}: {verdict.outcomes}, {rate:.0f}/s"
            )
            for problem in verdict.problems:
                click.echo(f"      {problem}")
    passed = all(verdict.passed for verdict in verdicts)
    if as_json:
        click.echo(
            json.dumps({"passed": passed, "races": [dataclasses.asdict(verdict) for verdict in verdicts]})
        )
    else:
        click.echo("PASS: nothing was sold twice." if passed else "FAIL: see above.")
    sys.exit(0 if passed else 1)


@click.command("setup")
@with_appcontext
def setup() -> None:
    """Bring the database to the newest schema and, in an empty development installation, found the demo shops."""
    _show(_prepare())


@click.command("serve")
@with_appcontext
def serve() -> None:
    """Prepare the database and serve the shops until Ctrl-C."""
    config = _config()
    server.refuse_taken_port(config)
    sign_ins = _prepare()
    _refuse_unsafe(config)
    _welcome(config, sign_ins)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    db.session.remove()
    db.engine.dispose()
    server.serve(app, config)


def _prepare() -> list[SignIn]:
    # A database file, pictures and mails go there, whoever made the key.
    _config().var.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        current = is_current()
    except SQLAlchemyError as error:
        raise click.ClickException(f"{preflight.NO_ANSWER} ({type(error).__name__}).") from error
    if not current:
        click.echo("Bringing the database to the newest schema ...")
        flask_migrate.upgrade()
    if _config().demo and not list_shops():
        return seed_demo(_config().media)
    return []


def _refuse_unsafe(config: Config) -> None:
    for each in preflight.refuse_unsafe(config):
        click.echo(f"Note: {each.name}: {each.found}. {each.advice}", err=True)


def _welcome(config: Config, sign_ins: list[SignIn]) -> None:
    port = f":{config.public_port}" if config.public_port else ""
    click.echo("")
    for index, shop in enumerate(list_shops()):
        host = "localhost" if index == 0 and not config.production else shop.host
        click.echo(f"  {shop.name:24} {config.public_scheme}://{host}{port}/")
    for sign_in in sign_ins:
        click.echo(
            f"  Staff of {sign_in.shop}: {sign_in.email}  password: {sign_in.password}   (shown only now)"
        )
    click.echo("  Back office              /admin/       Stop with Ctrl-C")
    click.echo("")


def _show(sign_ins: list[SignIn]) -> None:
    for sign_in in sign_ins:
        click.echo(
            f"  Staff of {sign_in.shop}: {sign_in.email}  password: {sign_in.password}   (shown only now)"
        )


@click.command("worker")
@with_appcontext
def run_worker() -> None:
    """Deliver events and do what is due, until stopped. Any number may run."""
    _refuse_unsafe(_config())
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    worker.run(app, stop)
