"""The host names of a shop: which are possible, adding, proving and removing, and which one is in its links.

The links in mails hold secrets (a reset, an invitation, an order), so whoever gets their host name gets the secrets. A
name serves the shop as soon as it is added, and may be in links once it is proven: this installation asks itself for a
fresh challenge at that name, and only a server with its key can answer it.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import uuid
from collections.abc import Callable

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from commerce import clock
from commerce.db import atomic, db, in_its_shop
from commerce.encryption import DecryptionError, seal
from commerce.errors import InvalidValue, NotFound, Rejected
from commerce.outbound import FetchRefused, fetch
from commerce.tenants.models import TenantHost
from commerce.tenants.settings import claim_settings

MAX_HOSTS = 20
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
ALL = {"all_tenants": True}
CHALLENGE_PATH = "/.well-known/lockstep-host/"
MAX_ANSWER = 2_000
"""Bytes of an answer to a challenge."""
MAX_SECONDS = 8.0
_PURPOSE = "host"
Ask = Callable[[str], bytes]
_reserved: set[str] = set()


class HostUnproven(Rejected):
    """A host name is not proven to lead here, so no link with a secret may name it."""

    code = "host_unproven"


def reserve_hosts(host: str) -> None:
    """Keep a host name for the installation itself: no shop may have it. Called once by `create_app`."""
    _reserved.clear()
    if host:
        _reserved.add(host)


def checked_host(text: str) -> str:
    """Return a host name in lower case, in the spelling of DNS. Raises InvalidValue.

    A name that is written in other letters than those of DNS becomes its `xn--` form. Ports, addresses and paths are
    no part of it.
    """
    host = text.strip().lower()
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError as error:
        raise InvalidValue("host", "host_invalid", value=text.strip()[:80]) from error
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")) or _is_address(host):
        raise InvalidValue("host", "host_invalid", value=text.strip()[:80])
    if host in _reserved:
        raise InvalidValue("host", "host_reserved", host=host)
    return host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # An address without its dots is one for a browser as well.
        return host.replace(".", "").isdigit()
    return True


def hosts_of(tenant_id: uuid.UUID) -> list[TenantHost]:
    """Return the host names of a shop, the primary one first."""
    return list(
        db.session.scalars(
            select(TenantHost)
            .where(TenantHost.tenant_id == tenant_id)
            .order_by(TenantHost.is_primary.desc(), TenantHost.host),
            execution_options=ALL,
        )
    )


def is_local(host: str) -> bool:
    """Tell whether a name leads every computer to itself (RFC 6761, 6.3): nobody can prove it or need to."""
    return host == "localhost" or host.endswith(".localhost")


@in_its_shop
@atomic
def add_host(tenant_id: uuid.UUID, text: str, *, seen_version: int) -> str:
    """Let a host name lead to a shop and return it.

    Raises InvalidValue for what is no host name or leads to a shop already, StaleVersion.
    """
    host = checked_host(text)
    claim_settings(tenant_id, seen_version)
    if len(hosts_of(tenant_id)) >= MAX_HOSTS:
        raise InvalidValue("host", "too_many_hosts", limit=MAX_HOSTS)
    # Whose it is is not said: an owner need not know the other shops of the installation.
    refuse_taken_host(host)
    proven_at = clock.now() if is_local(host) else None
    db.session.add(TenantHost(host=host, tenant_id=tenant_id, is_primary=False, proven_at=proven_at))
    try:
        db.session.flush()
    except IntegrityError as error:
        raise _taken(host) from error  # by another shop, at this very moment
    return host


def refuse_taken_host(host: str) -> None:
    """Raise InvalidValue when a host name leads to a shop already. A step."""
    if db.session.get(TenantHost, host, execution_options=ALL):
        raise _taken(host)


def _taken(host: str) -> InvalidValue:
    return InvalidValue("host", "host_taken", host=host)


@in_its_shop
@atomic
def remove_host(tenant_id: uuid.UUID, host: str, *, seen_version: int) -> None:
    """Take a host name away. Raises NotFound, Rejected for the primary one, which is always there; StaleVersion."""
    claim_settings(tenant_id, seen_version)
    if _of_shop(tenant_id, host).is_primary:
        raise Rejected("host_is_primary")
    db.session.execute(delete(TenantHost).where(TenantHost.host == host), execution_options=_BULK)


@in_its_shop
@atomic
def make_primary(tenant_id: uuid.UUID, host: str, *, seen_version: int) -> None:
    """Use a host name in the shop's links from now on. Raises NotFound, StaleVersion, HostUnproven."""
    claim_settings(tenant_id, seen_version)
    row = _of_shop(tenant_id, host)
    if row.proven_at is None:
        raise HostUnproven(host=host)
    if row.is_primary:
        return
    for chosen in (False, True):
        matching = TenantHost.tenant_id == tenant_id if not chosen else TenantHost.host == host
        db.session.execute(
            update(TenantHost).where(matching).values(is_primary=chosen), execution_options=_BULK
        )


# --- proof --------------------------------------------------------------------------------------------


def answer_challenge(host: str, challenge: str) -> str:
    """Return what only this installation can say to a challenge at one of its host names."""
    return seal().close(f"{_PURPOSE}:{host}:{challenge}")


@in_its_shop
def prove_host(tenant_id: uuid.UUID, host: str, *, scheme: str, ask: Ask | None = None) -> None:
    """Prove over HTTP that a host name leads to this installation; then it may be in links.

    `scheme` is that of the shop's addresses, `ask` what fetches the answer (default: `outbound.fetch`, which reaches
    public addresses alone). Raises NotFound, HostUnproven when something else or nothing answers there.
    """
    _of_shop(tenant_id, host)
    db.session.close()  # no connection waits for another server
    challenge = secrets.token_urlsafe(32)
    try:
        answer = (ask or _ask)(f"{scheme}://{host}{CHALLENGE_PATH}{challenge}")
        said = seal().open(answer.decode("ascii", "replace").strip())
    except FetchRefused as error:
        raise HostUnproven(host=host) from error
    except DecryptionError as error:
        raise HostUnproven(host=host) from error
    if not hmac.compare_digest(said.encode(), f"{_PURPOSE}:{host}:{challenge}".encode()):
        raise HostUnproven(host=host)
    mark_proven(tenant_id, host)


@in_its_shop
@atomic
def mark_proven(tenant_id: uuid.UUID, host: str) -> None:
    """Take a host name as proven: for operators, who may know it without asking. Raises NotFound."""
    row = _of_shop(tenant_id, host)
    if row.proven_at is None:
        row.proven_at = clock.now()
        db.session.flush()


def _ask(url: str) -> bytes:
    return fetch(url, max_bytes=MAX_ANSWER, total_seconds=MAX_SECONDS)


_BULK = {"all_tenants": True, "synchronize_session": False}


def _of_shop(tenant_id: uuid.UUID, host: str) -> TenantHost:
    row = db.session.get(TenantHost, host, execution_options=ALL)
    if row is None or row.tenant_id != tenant_id:
        raise NotFound("host_not_found")
    return row
