"""`flask api-keys`: programs of a shop and their keys, at the terminal. It is written down as done there."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click
from flask.cli import AppGroup

from commerce import clock
from commerce.accounts import api_clients
from commerce.accounts.audit import at_the_terminal, by_command
from commerce.accounts.models import ApiClient, ApiKey
from commerce.accounts.scopes import SCOPES
from commerce.accounts.sessions import token_hash
from commerce.error_messages import describe
from commerce.errors import CommerceError, NotFound
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope

api_keys = AppGroup("api-keys", help="Programs that work with a shop, and their keys.")

_tenant = click.option("--tenant", required=True, metavar="CODE", help="Code of the shop.")
_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@api_keys.command("create")
@_tenant
@click.option("--client", "name", required=True, help="Name of the program; a new one is added.")
@click.option("--scopes", default="", metavar="A,B", help=f"What the key opens, of: {', '.join(SCOPES)}.")
@click.option("--all-scopes", is_flag=True, help="The key opens everything.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until the key expires (default: never).")
@_json
def create(*, tenant: str, name: str, scopes: str, all_scopes: bool, days: int | None, as_json: bool) -> None:
    """Make a key for a program and print it, once: the database keeps only a hash of it."""
    wanted = _scopes(scopes, all_scopes=all_scopes)
    expires_at = clock.now() + timedelta(days=days) if days else None
    by = at_the_terminal().name
    try:
        with shop_scope(get_shop_by_code(tenant)):
            client_id = _client(name, by)
            with by_command("api_key_create", f"{name} {','.join(wanted)}"):
                token = api_clients.issue_key(client_id, scopes=wanted, by=by, expires_at=expires_at)
            made = next(key for _, key in _everything() if key.token_hash == token_hash(token))
            facts = {"tenant": tenant, "client": name, **_facts(made)}
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    if as_json:
        click.echo(json.dumps({**facts, "key": token}))
        return
    click.echo(f"{name} may now come in to {tenant}: {', '.join(facts['scopes'])}.")
    click.echo(f"Key (shown only now): {token}")


def _client(name: str, by: str) -> uuid.UUID:
    """Return the id of the program of this name, which is added when there is none."""
    known = api_clients.find_client(name)
    if known is not None:
        return known.id
    with by_command("api_client_create", name):
        return api_clients.create_client(name, by=by)


def _scopes(text: str, *, all_scopes: bool) -> list[str]:
    wanted = [scope.strip() for scope in text.split(",") if scope.strip()]
    if all_scopes == bool(wanted):
        raise click.UsageError("Please give either --scopes or --all-scopes.")
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise click.UsageError(f"There is no scope {unknown[0]!r}. There are: {', '.join(SCOPES)}.")
    return list(SCOPES) if all_scopes else wanted


@api_keys.command("list")
@_tenant
@_json
def show(*, tenant: str, as_json: bool) -> None:
    """List the keys of a shop's programs, without the keys themselves."""
    try:
        with shop_scope(get_shop_by_code(tenant)):
            rows = [
                {"client": client.name, "active": client.active, **_facts(key)}
                for client, key in _everything()
            ]
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        until = f"until {row['expires_at']}" if row["expires_at"] else ""
        state = row["state"] if row["active"] else f"{row['state']}, program kept out"
        scopes = ",".join(row["scopes"])
        click.echo(
            f"{row['id']}  …{row['last_four']}  {row['client']:24} {state:8} {scopes} {until}".rstrip()
        )


@api_keys.command("revoke")
@_tenant
@click.argument("key_id", metavar="ID", type=click.UUID)
def revoke(*, tenant: str, key_id: uuid.UUID) -> None:
    """Let the key with this ID (see `list`) open nothing any more."""
    try:
        with shop_scope(get_shop_by_code(tenant)):
            client, key = _find(key_id)
            with by_command("api_key_revoke", f"{client.name} …{key.last_four}"):
                api_clients.revoke_key(client.id, key.id)
            said = f"The key …{key.last_four} of {client.name} opens nothing any more."
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    click.echo(said)


def _everything() -> Iterator[tuple[ApiClient, ApiKey]]:
    """Yield each key of the current shop with its program."""
    found = api_clients.list_clients()
    keys = api_clients.keys_of([client.id for client in found])
    for client in found:
        for key in keys[client.id]:
            yield client, key


def _find(key_id: uuid.UUID) -> tuple[ApiClient, ApiKey]:
    for client, key in _everything():
        if key.id == key_id:
            return client, key
    raise NotFound("api_key_not_found")


def _facts(key: ApiKey) -> dict[str, Any]:
    """Return what may be known of a key, its moments as ISO 8601 in UTC."""
    state = "revoked" if key.revoked_at else "good" if api_clients.key_is_active(key) else "expired"
    moments = {name: getattr(key, name) for name in ("created_at", "expires_at", "used_at")}
    return {
        "id": str(key.id),
        "last_four": key.last_four,
        "state": state,
        "scopes": list(key.scopes),
        "created_by": key.created_by,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }
