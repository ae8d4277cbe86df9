"""`flask tenants` and `flask operators`: what operators do, at the terminal. It is written down as done there."""

from __future__ import annotations

import json
import secrets
import sys
from contextlib import AbstractContextManager
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import select

from commerce.accounts.audit import at_the_terminal
from commerce.accounts.models import Operator
from commerce.accounts.second_factor import remove_second_factor
from commerce.accounts.sessions import OPERATOR
from commerce.db import db
from commerce.error_messages import describe
from commerce.errors import CommerceError
from commerce.money import parse_amount
from commerce.platform.operator_log import recorded
from commerce.platform.queries import numbers_of
from commerce.platform.services import NewShop, create_operator, open_shop, parts_per_million
from commerce.tenants.queries import get_shop_by_code, list_shops
from commerce.tenants.services import reopen, suspend

tenants = AppGroup("tenants", help="Shops of this installation.")
operators = AppGroup("operators", help="People who run this installation.")


def _noted(action: str, subject: str, **changes: Any) -> AbstractContextManager[None]:
    return recorded(f"terminal: {at_the_terminal().name}", action, subject, **changes)


@tenants.command("create")
@click.argument("code")
@click.option("--name", required=True)
@click.option("--currency", required=True, help="ISO 4217, such as EUR.")
@click.option("--country", required=True, help="ISO 3166, such as DE.")
@click.option(
    "--host", "hosts", multiple=True, help="Host names; the first is used in mails. Default: CODE.localhost"
)
@click.option(
    "--tax-percent", default="0", show_default=True, help="Tax in the shop's country, such as 19 or 8.1."
)
@click.option("--tax-label", default="VAT", show_default=True)
@click.option(
    "--prices-exclude-tax", is_flag=True, help="Tax is added to the prices instead of being inside."
)
@click.option(
    "--shipping", default="0", show_default=True, help="Price of shipping anywhere, in whole units: 4.90"
)
@click.option(
    "--timezone", default="", help="Time zone, such as Europe/Berlin. Default: that of the country."
)
@click.option("--owner", "owner_email", default="", help="Invite this address by mail to own the shop.")
@click.option("--json", "as_json", is_flag=True)
def tenants_create(
    *,
    code: str,
    name: str,
    currency: str,
    country: str,
    hosts: tuple[str, ...],
    tax_percent: str,
    tax_label: str,
    prices_exclude_tax: bool,
    shipping: str,
    timezone: str,
    owner_email: str,
    as_json: bool,
) -> None:
    """Create an empty shop that can sell: with a tax rate, one shipping method, and ways to pay."""
    try:
        new = NewShop(
            code=code,
            name=name,
            currency=currency,
            country=country,
            hosts=hosts,
            tax_ppm=parts_per_million(tax_percent),
            tax_label=tax_label,
            prices_include_tax=not prices_exclude_tax,
            shipping=parse_amount(shipping, currency),
            owner_email=owner_email,
            timezone=timezone,
        )
        with _noted("shop_opened", code, name=name, hosts=list(hosts), owner=owner_email):
            shop, _password = open_shop(
                new, at_the_terminal(), test_card=current_app.config["LOCKSTEP"].test_card
            )
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    if as_json:
        click.echo(
            json.dumps({"id": str(shop.id), "code": shop.code, "host": shop.host, "timezone": shop.timezone})
        )
    else:
        click.echo(f"Created {shop.name} ({shop.code}) at {shop.host}, time zone {shop.timezone}.")


@tenants.command("list")
@click.option("--json", "as_json", is_flag=True)
def tenants_list(as_json: bool) -> None:
    """List the shops."""
    if as_json:
        rows = [
            {
                "id": str(row.shop.id),
                "code": row.shop.code,
                "name": row.shop.name,
                "host": row.shop.host,
                "status": row.shop.status,
                "products": row.products,
                "orders_this_month": row.orders,
                "staff": row.staff,
            }
            for row in numbers_of(list_shops())
        ]
        click.echo(json.dumps(rows))
        return
    for shop in list_shops():
        click.echo(f"{shop.code:20} {shop.host:30} {shop.currency} {shop.status:10} {shop.name}")


@tenants.command("suspend")
@click.argument("code")
@click.option("--reason", required=True, help="What the shop's staff read.")
@click.option("--json", "as_json", is_flag=True)
def tenants_suspend(code: str, reason: str, as_json: bool) -> None:
    """Close the shop CODE to shoppers. Payments under way still settle, mails still go out, staff can still work."""
    try:
        shop = get_shop_by_code(code)
        with _noted("shop_suspended", code, because=reason):
            suspend(shop.id, reason)
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    _tell_status(code, as_json)


@tenants.command("reopen")
@click.argument("code")
@click.option("--json", "as_json", is_flag=True)
def tenants_reopen(code: str, as_json: bool) -> None:
    """Open the shop CODE again."""
    try:
        shop = get_shop_by_code(code)
        with _noted("shop_reopened", code):
            reopen(shop.id)
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    _tell_status(code, as_json)


def _tell_status(code: str, as_json: bool) -> None:
    shop = get_shop_by_code(code)
    if as_json:
        click.echo(json.dumps({"code": shop.code, "status": shop.status, "because": shop.suspended_because}))
    else:
        click.echo(f"{shop.name} ({shop.code}) is {shop.status}.")


# --- operators --------------------------------------------------------------------------------------


@operators.command("create")
@click.option("--email", required=True, help="Address to sign in with.")
@click.option("--name", default="", help="Name (default: the address).")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of making one."
)
@click.option("--json", "as_json", is_flag=True)
def operators_create(email: str, name: str, password_stdin: bool, as_json: bool) -> None:
    """Let somebody run this installation. Without --password-stdin a password is made and printed once."""
    made = "" if password_stdin else secrets.token_urlsafe(15)
    password = made or sys.stdin.readline().rstrip("\r\n")
    address = email.strip().lower()
    try:
        with _noted("operator_created", address):
            operator_id = create_operator(email=email, name=name, password=password)
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    host = current_app.config["LOCKSTEP"].platform_host
    if as_json:
        answer = {"id": str(operator_id), "email": address, "host": host}
        click.echo(json.dumps(answer | ({"password": made} if made else {})))
        return
    where = f"at /platform/ of {host}" if host else "once PLATFORM_HOST is set"
    click.echo(f"{address} may now sign in {where}.")
    if made:
        click.echo(f"Password (shown only now): {made}")


@operators.command("reset-second-factor")
@click.argument("email")
def operators_reset(email: str) -> None:
    """Take away the second factor of an operator whose telephone is lost."""
    address = email.strip().lower()
    operator_id = db.session.scalar(
        select(Operator.id).where(Operator.email == address), execution_options={"all_tenants": True}
    )
    if operator_id is None:
        raise click.ClickException(f"There is no operator with the address {address}.")
    with _noted("second_factor_reset", address):
        remove_second_factor(OPERATOR, operator_id)
    click.echo(f"{address} signs in with the password alone.")
