"""`flask staff`: people who work for a shop."""

from __future__ import annotations

import json
import secrets
import sys

import click
from flask.cli import AppGroup

from commerce.accounts.audit import by_command
from commerce.accounts.permissions import ROLES
from commerce.accounts.services import create_staff
from commerce.error_messages import describe
from commerce.errors import CommerceError
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope

staff = AppGroup("staff", help="People who work for a shop.")


@staff.command("create")
@click.option("--tenant", required=True, metavar="CODE", help="Code of the shop.")
@click.option("--email", required=True, help="Address to sign in with.")
@click.option("--name", default="", help="Name in the history of orders (default: the address).")
@click.option(
    "--role", type=click.Choice(ROLES), default="owner", show_default=True, help="What the person may do."
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of making one."
)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def create(tenant: str, email: str, name: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Make a member of staff. Without --password-stdin a password is made and printed once."""
    made = "" if password_stdin else secrets.token_urlsafe(15)
    password = made or sys.stdin.readline().rstrip("\r\n")
    try:
        address = email.strip().lower()
        with shop_scope(get_shop_by_code(tenant)), by_command("staff_create", f"{address} {role}"):
            staff_id = create_staff(email=email, name=name, password=password, role=role)
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    if as_json:
        answer = {"id": str(staff_id), "tenant": tenant, "email": address, "role": role}
        click.echo(json.dumps(answer | ({"password": made} if made else {})))
        return
    click.echo(f"{address} may now sign in at /admin/ of {tenant} as {role}.")
    if made:
        click.echo(f"Password (shown only now): {made}")
