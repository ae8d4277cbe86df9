"""Preflight checks: are the settings and the database safe to serve with?

Production does not start while one of them says FAIL. A development machine starts with all of them; `flask doctor`
tells there what production would refuse.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from commerce.config import Config, ConfigError
from commerce.db import db
from commerce.engine import TIMEOUTS, ShopConnection
from commerce.payments.queries import test_methods
from commerce.schema_state import is_current
from commerce.tenants.queries import list_shops
from commerce.tenants.scope import shop_scope

OK, WARN, FAIL = "OK", "WARN", "FAIL"
FIRST_SAFE_SQLITE = (3, 51, 3)
"""Earlier ones can corrupt a database in a rare race at a WAL reset."""
NO_ANSWER = "The database does not answer: check DATABASE_URL, and whether its server runs"
OLDEST_POSTGRESQL = 15
MUST_BE_ON = ("fsync", "full_page_writes")
NETWORK_FILE_SYSTEMS = (
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, what was found, and what to do when it is not right."""

    name: str
    state: str
    found: str
    advice: str = ""


def examine(config: Config) -> list[Check]:
    """Return all checks of this installation. Nothing is changed."""
    try:
        with db.engine.connect() as connection:
            checks = [*_settings(config), *database_checks(connection)]
            if connection.dialect.name == "postgresql":
                checks += _pooler(connection, config)
        if is_current():
            checks.append(_test_card(config))
        return checks
    except SQLAlchemyError as error:
        found = f"it does not answer ({type(error).__name__})"
        return [*_settings(config), Check("database", FAIL, found, f"{NO_ANSWER}.")]


def refuse_unsafe(config: Config) -> list[Check]:
    """Return the warnings. Raises ConfigError in production when a check fails, with all that there is to do."""
    checks = examine(config)
    failed = [each for each in checks if each.state == FAIL]
    if config.production and failed:
        reasons = "\n".join(f"  {each.name}: {each.found}. {each.advice}" for each in failed)
        raise ConfigError(f"Production does not start like this:\n{reasons}\nflask doctor lists all checks.")
    return [each for each in checks if each.state == WARN]


# --- settings ---------------------------------------------------------------------------------------


def _settings(config: Config) -> Iterator[Check]:
    """Check what the environment says; what is plainly unsafe in production has been refused when it was read."""
    live = config.production
    yield Check("COMMERCE_ENV", OK, "production" if live else "development")
    yield Check("SECRET_KEY", OK, "of a good length" if live else "any will do in development")
    demo = "on" if config.demo else "off"
    yield _judge(
        "DEMO", not (live and config.demo), demo, "Set DEMO=0: nobody sells from demo shops.", worst=WARN
    )
    yield _judge(
        "TRUSTED_PROXIES",
        bool(config.trusted_proxies) or not live,
        str(config.trusted_proxies),
        "Behind a proxy set it to 1, or all visitors look like one and nobody's tries are limited.",
        worst=WARN,
    )
    yield _judge(
        "LIMITS", config.limits != "off", config.limits, "Set LIMITS=all.", worst=FAIL if live else WARN
    )
    yield _judge(
        "LIMIT_URL",
        bool(config.limit_url) or config.web_processes == 1 or not live,
        "a cache server" if config.limit_url else "each process counts for itself",
        "Name a Valkey or Redis server, so that all processes count together.",
        worst=WARN,
    )
    yield _judge("HSTS", config.hsts != "off" or not live, config.hsts, "Set HSTS=host.", worst=WARN)
    yield _judge(
        "MAIL_URL",
        bool(config.mail_url) or not live,
        "a mail server" if config.mail_url else f"files in {config.var / 'mail'}",
        "Name a mail server, or customers hear nothing.",
        worst=WARN,
    )
    yield _judge(
        "VAR_DIR", _writable(config.var), str(config.var), "Let the shop's user write there.", worst=FAIL
    )
    yield _judge(
        "WEBHOOK_ALLOW_PRIVATE",
        not (live and config.webhook_allow_private),
        "on" if config.webhook_allow_private else "off",
        "Unset it: a shop's webhook could reach servers of your own network.",
        worst=FAIL,
    )
    exposed = _exposed_files(config)
    names = ", ".join(str(each) for each in exposed)
    yield _judge(
        "file permissions",
        not exposed,
        f"others on this machine can read {names}" if exposed else "private",
        f"Run: chmod -R go= {' '.join(shlex.quote(str(each)) for each in exposed)}",
        worst=FAIL if live else WARN,
    )


def _exposed_files(config: Config) -> list[Path]:
    """Return what holds secrets or customers' data and can be reached by other users of the machine."""
    url = make_url(config.database_url) if config.database_url.startswith("sqlite") else None
    database = Path(url.database).resolve() if url is not None and url.database else None
    files = [config.var / "secret_key", config.var / "mail"]
    if database is not None and url is not None and url.database != ":memory:":
        files += [database, *(database.with_name(f"{database.name}-{each}") for each in ("wal", "shm"))]
    return [each for each in files if _readable_by_others(each) and _readable_by_others(each.parent)]


def _readable_by_others(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _test_card(config: Config) -> Check:
    """A shop that was set up in development may still offer a card with which anybody pays."""
    on = []
    for shop in list_shops():
        with shop_scope(shop):
            on += [shop.code] if test_methods() else []
    found = f"on in {', '.join(on)}" if on else "off"
    advice = "Run: flask payments disable-test-card"
    return _judge("test card", not (on and config.production), found, advice, worst=FAIL)


def _judge(name: str, right: bool, found: str, advice: str, *, worst: str) -> Check:
    return Check(name, OK, found) if right else Check(name, worst, found, advice)


def _writable(folder: Path) -> bool:
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    return os.access(nearest, os.W_OK)


# --- database ---------------------------------------------------------------------------------------


def database_checks(connection: Connection) -> Iterator[Check]:
    """Check the server, the role and the tables that a connection leads to."""
    if connection.dialect.name == "sqlite":
        yield from _sqlite(connection)
    else:
        yield from _postgresql(connection)
    current = is_current()
    yield _judge("schema", current, "the newest" if current else "older", _UPGRADE, worst=FAIL)


_UPGRADE = "Run: flask --app app db upgrade"


def _sqlite(connection: Connection) -> Iterator[Check]:
    yield _judge(
        "SQLite",
        sqlite3.sqlite_version_info >= FIRST_SAFE_SQLITE,
        sqlite3.sqlite_version,
        "It has a rare fault (WAL reset) that 3.51.3 mends; for real orders use a newer one or PostgreSQL.",
        worst=WARN,
    )
    file = Path(connection.engine.url.database or "").resolve()
    kind = file_system(file, Path("/proc/mounts"))
    yield _judge(
        "DATABASE_URL",
        kind not in NETWORK_FILE_SYSTEMS,
        f"{file} on {kind or 'an unknown file system'}",
        "SQLite cannot lock on a network file system: use a local disk, or PostgreSQL.",
        worst=WARN,
    )


def file_system(file: Path, mounts: Path) -> str:
    """Return the kind of file system that a file is on, '' where the machine does not tell (no `mounts`)."""
    if not mounts.exists():
        return ""
    found = [line.split()[1:3] for line in mounts.read_text(errors="replace").splitlines()]
    # The longest mount point is the nearest one; of two at the same place the later one hides the earlier.
    around = [(Path(place), kind) for place, kind in found if file.is_relative_to(place)]
    return max(around, key=lambda each: len(each[0].parts), default=(Path(), ""))[1] if around else ""


def _postgresql(connection: Connection) -> Iterator[Check]:
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    yield _judge("PostgreSQL", version >= OLDEST_POSTGRESQL, str(version), "Use 15 or newer.", worst=FAIL)
    for name in MUST_BE_ON:
        value = str(connection.execute(text(f"SHOW {name}")).scalar_one())
        yield _judge(
            name, value == "on", value, f"Set {name} = on: a power cut would lose orders.", worst=FAIL
        )
    value = str(connection.execute(text("SHOW synchronous_commit")).scalar_one())
    advice = "Set synchronous_commit = on: a crash would lose orders that were acknowledged."
    yield _judge("synchronous_commit", value != "off", value, advice, worst=FAIL)
    yield _role(connection)
    yield _row_security(connection)
    yield _encryption(connection)


def _pooler(connection: Connection, config: Config) -> Iterator[Check]:
    """A pooler such as PgBouncer lends a connection for one transaction: nothing of a session outlives it."""
    raw = connection.connection.driver_connection
    pooled = isinstance(raw, ShopConnection) and raw.pooled
    prepared = config.prepared_statements == "on"
    yield _judge(
        "connection pooler",
        not (pooled and prepared),
        f"in front; prepared statements are {'on' if prepared else 'off'}" if pooled else "none",
        "This needs PgBouncer 1.21 or newer with max_prepared_statements above 0; else unset"
        " DATABASE_PREPARED_STATEMENTS.",
        worst=WARN,
    )
    found = {name: str(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in TIMEOUTS}
    yield _judge(
        "database timeouts",
        found == TIMEOUTS,
        ", ".join(f"{name} {value}" for name, value in found.items()),
        "The server or a pooler in front of it does not keep them: a request may wait for ever.",
        worst=FAIL,
    )
    if pooled:
        yield _judge(
            "MIGRATION_DATABASE_URL",
            bool(config.migration_database_url),
            "set" if config.migration_database_url else "not set",
            "Name the server itself, not the pooler: migrations need a session of their own.",
            worst=WARN,
        )


_OWN_ROLE = (
    "Give DATABASE_URL a role without rights of its own and MIGRATION_DATABASE_URL the owner's, then run: "
    "flask --app app db upgrade"
)


def _role(connection: Connection) -> Check:
    """Row security does not hold for superusers and BYPASSRLS, and who owns a table can take it off."""
    name, superuser, bypass, makes_roles, owned = connection.execute(
        text(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, (SELECT count(*) FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            " AND pg_has_role(current_user, relowner, 'MEMBER'))"
            " FROM pg_roles WHERE rolname = current_user"
        )
    ).one()
    faults = [
        words
        for words, fault in (
            ("is a superuser", superuser),
            ("has BYPASSRLS", bypass),
            ("has CREATEROLE", makes_roles),
            (f"owns {owned} tables", owned),
        )
        if fault
    ]
    found = f"{name} {', '.join(faults)}" if faults else f"{name} owns nothing"
    return _judge("database role", not faults, found, _OWN_ROLE, worst=FAIL)


def _row_security(connection: Connection) -> Check:
    """Every table must show and take only the rows of the shop at work, or of none."""
    open_tables = connection.scalars(
        text(
            "SELECT c.relname FROM pg_class c"
            " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND c.relname <> 'alembic_version' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
            " ORDER BY c.relname"
        )
    ).all()
    found = f"not forced on {', '.join(open_tables)}" if open_tables else "forced on every table"
    return _judge("row security", not open_tables, found, _UPGRADE, worst=FAIL)


def _encryption(connection: Connection) -> Check:
    """A server elsewhere is reached over a network that others may listen to."""
    elsewhere, encrypted = connection.execute(
        text(
            "SELECT inet_client_addr() IS DISTINCT FROM inet_server_addr(), coalesce(ssl, false)"
            " FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )
    ).one()
    found = "encrypted" if encrypted else ("in plain text" if elsewhere else "on this machine")
    advice = "Add ?sslmode=verify-full to DATABASE_URL."
    return _judge("database connection", encrypted or not elsewhere, found, advice, worst=WARN)
