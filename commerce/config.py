"""The only reader of the environment: one frozen, validated object.

In development everything has a default that needs nothing. In production (`COMMERCE_ENV=production`) what would be
unsafe to guess must be given, and the message of a refusal names the variable.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import click
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).resolve().parent.parent
MIN_SECRET_BYTES = 32
MIN_VARIETY = 0.75
"""Share of a key's groups of three characters that must differ: of a random one nearly all do, also in hex digits."""
KNOWN_WORDS = (
    "secret",
    "change",
    "password",
    "example",
    "insecure",
    "only-for-tests",
    "lockstep",
    "development",
)
"""Parts of keys that stand in documentation, templates and this repository."""


class ConfigError(click.ClickException):
    """A setting is missing or unsafe; the text names the environment variable."""


@dataclass(frozen=True)
class Config:
    """Settings of the installation. Times in seconds."""

    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(default=(), repr=False)
    database_url: str = field(default="", repr=False)
    migration_database_url: str = field(default="", repr=False)
    prepared_statements: str = "auto"
    production: bool = False
    var: Path = ROOT / "var"
    host: str = "localhost"
    port: int = 5000
    public_scheme: str = "http"
    public_port: int | None = 5000
    trusted_proxies: int = 0
    trust_forwarded_host: bool = False
    web_processes: int = 1
    web_threads: int = 8
    worker_thread: bool = True
    mail_url: str = field(default="", repr=False)
    mail_from: str = "shop@localhost"
    operations_email: str = "operations@localhost"
    test_card: bool = True
    webhook_allow_private: bool = False
    demo: bool = True
    commerce_mode: str = "standard"
    cache_url: str = field(default="", repr=False)
    limits: str = "off"
    limit_url: str = field(default="", repr=False)
    hsts: str = "off"
    platform_host: str = "platform.localhost"
    log_requests: bool = False
    testing: bool = False

    @property
    def media(self) -> Path:
        """Folder of the product pictures."""
        return self.var / "media"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Config:
        """Read and check the environment. Raises ConfigError with the name of the variable at fault."""
        env = os.environ if env is None else env
        production = (
            _choice(env, "COMMERCE_ENV", "development", ("development", "production")) == "production"
        )
        var = Path(env.get("VAR_DIR") or ROOT / "var").resolve()
        port = _integer(env, "PORT", 5000, 1, 65535)
        if production:
            _refuse_trial_settings(env)
        public_port = _integer(env, "PUBLIC_PORT", 0 if production else port, 0, 65535) or None
        return cls(
            secret_key=_secret_key(env, var, production),
            secret_key_fallbacks=_former_keys(env, production),
            database_url=_database_url(env, var),
            migration_database_url=_migration_database_url(env),
            prepared_statements=_choice(env, "DATABASE_PREPARED_STATEMENTS", "auto", ("auto", "on", "off")),
            production=production,
            var=var,
            host=env.get("HOST") or "localhost",
            port=port,
            public_scheme=_choice(env, "PUBLIC_SCHEME", "https" if production else "http", ("http", "https")),
            public_port=public_port,
            trusted_proxies=_integer(env, "TRUSTED_PROXIES", 0, 0, 10),
            trust_forwarded_host=_flag(env, "TRUST_FORWARDED_HOST", default=False),
            web_processes=_integer(env, "WEB_PROCESSES", 2 if production else 1, 1, 64),
            web_threads=_integer(env, "WEB_THREADS", 8, 1, 128),
            worker_thread=_flag(env, "WORKER_THREAD", default=not production),
            mail_url=_mail_url(env),
            mail_from=env.get("MAIL_FROM") or "shop@localhost",
            operations_email=env.get("OPERATIONS_EMAIL") or "operations@localhost",
            test_card=_flag(env, "TEST_CARD", default=not production),
            webhook_allow_private=_flag(env, "WEBHOOK_ALLOW_PRIVATE", default=False),
            demo=_flag(env, "DEMO", default=not production),
            commerce_mode=_choice(env, "COMMERCE_MODE", "standard", ("standard", "sport")),
            log_requests=_flag(env, "LOG_REQUESTS", default=True),
            cache_url=_server_url(env, "CACHE_URL"),
            limits=_choice(env, "LIMITS", "all" if production else "guesses", ("all", "guesses", "off")),
            limit_url=_server_url(env, "LIMIT_URL") or _server_url(env, "CACHE_URL"),
            platform_host=_platform_host(env, production),
            hsts=_choice(
                env, "HSTS", "host" if production else "off", ("off", "host", "subdomains", "preload")
            ),
        )


def _secret_key(env: Mapping[str, str], var: Path, production: bool) -> str:
    """Return the signing key: given, or (development only) made once and kept in a private file."""
    given = env.get("SECRET_KEY", "")
    if given:
        if production:
            _refuse_weak_key("SECRET_KEY", given)
        return given
    if production:
        raise ConfigError("SECRET_KEY must be set in production.")
    path = var / "secret_key"
    if not path.exists():
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written aside and linked: of two processes that start at once, both read the one whole key.
        descriptor, fresh = tempfile.mkstemp(dir=var, prefix=".secret_key")
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        Path(fresh).unlink()
    return path.read_text()


def _former_keys(env: Mapping[str, str], production: bool) -> tuple[str, ...]:
    """Return keys that still open old sessions; a weak one would let anybody make such a session."""
    keys = tuple(key for key in env.get("SECRET_KEY_FALLBACKS", "").split(",") if key)
    for key in keys if production else ():
        _refuse_weak_key("SECRET_KEY_FALLBACKS", key)
    return keys


def _refuse_weak_key(name: str, key: str) -> None:
    """Raise ConfigError for a key that somebody could guess: who knows it signs in as anybody."""
    advice = "Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if len(key.encode()) < MIN_SECRET_BYTES:
        raise ConfigError(f"{name} must have at least {MIN_SECRET_BYTES} bytes in production. {advice}")
    groups = [key[start : start + 3] for start in range(len(key) - 2)]
    repetitive = len(set(groups)) < MIN_VARIETY * len(groups)
    if repetitive or any(word in key.casefold() for word in KNOWN_WORDS):
        raise ConfigError(f"{name} must be random in production; this one could be guessed. {advice}")


def _refuse_trial_settings(env: Mapping[str, str]) -> None:
    """Raise ConfigError for what is handy on a developer's machine and a hole in a shop with real customers."""
    if env.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
        raise ConfigError("FLASK_DEBUG must be off in production: its console runs any code. Unset it.")
    if env.get("PUBLIC_SCHEME") == "http":
        raise ConfigError("PUBLIC_SCHEME must be https in production: cookies are sent over HTTPS only.")
    if _flag(env, "TEST_CARD", default=False):
        raise ConfigError("TEST_CARD must be off in production: anybody could pay with nothing. Unset it.")
    if _flag(env, "WEBHOOK_ALLOW_PRIVATE", default=False):
        raise ConfigError(
            "WEBHOOK_ALLOW_PRIVATE must be off in production: a shop's webhook could reach servers of your own "
            "network. Unset it."
        )


def _platform_host(env: Mapping[str, str], production: bool) -> str:
    """Return the host of the operator's pages, '' when they are turned off."""
    host = env.get("PLATFORM_HOST", "" if production else "platform.localhost").strip().lower()
    if host and not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", host):
        raise ConfigError("PLATFORM_HOST must be a host name without a port, such as platform.example.com.")
    return host


def _mail_url(env: Mapping[str, str]) -> str:
    url = env.get("MAIL_URL", "")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if url and not usable:
        raise ConfigError("MAIL_URL must look like smtp://host:port or smtps://host:port.")
    return url


def _server_url(env: Mapping[str, str], name: str) -> str:
    url = env.get(name, "")
    if url and not url.startswith(("valkey://", "valkeys://", "redis://", "rediss://")):
        raise ConfigError(f"{name} must look like valkey://host:6379/0 or redis://host:6379/0.")
    return url


def _database_url(env: Mapping[str, str], var: Path) -> str:
    url = env.get("DATABASE_URL") or f"sqlite:///{var / 'lockstep.db'}"
    if url.startswith("sqlite:"):
        return url
    return _postgresql_url("DATABASE_URL", url, "must begin with sqlite:/// or postgresql://.")


def _migration_database_url(env: Mapping[str, str]) -> str:
    """Return the address for the role that owns the tables, '' when that of DATABASE_URL does."""
    url = env.get("MIGRATION_DATABASE_URL", "")
    refusal = "must begin with postgresql://; SQLite has no roles."
    return _postgresql_url("MIGRATION_DATABASE_URL", url, refusal) if url else ""


def _postgresql_url(name: str, url: str, refusal: str) -> str:
    """Return an address of PostgreSQL as SQLAlchemy reads it; libpq's form of several hosts becomes its own.

    Raises ConfigError, in which no part of the address stands: there is a password in it.
    """
    if not url.startswith(("postgres:", "postgresql:", "postgresql+psycopg:")):
        raise ConfigError(f"{name} {refusal}")
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    # A parameter may stand there several times (`host=a&host=b`); that of libpq lists them with commas.
    query = parse_qsl(parts.query, keep_blank_values=True)
    if "," in hosts:
        places = [_host_and_port(each) for each in hosts.split(",")]
        query += [
            ("host", ",".join(host for host, _ in places)),
            ("port", ",".join(port for _, port in places)),
        ]
        hosts = ""
    if any(key == "prepare_threshold" for key, _ in query):
        raise ConfigError(f"{name} cannot hold prepare_threshold: set DATABASE_PREPARED_STATEMENTS instead.")
    # "postgres" is what libpq and many providers of databases also call it.
    scheme = "postgresql" if parts.scheme == "postgres" else parts.scheme
    made = f"{scheme}://{credentials}{at}{hosts}{parts.path}"
    made += f"?{urlencode(query)}" if query else ""
    try:
        read = make_url(made)
        read.get_dialect()().create_connect_args(read)
    except (ArgumentError, ValueError):
        raise ConfigError(
            f"{name} cannot be read. It looks like postgresql://user:password@host:5432/database, with several hosts "
            "like postgresql://user:password@host1:5432,host2:5432/database?target_session_attrs=read-write. "
            "Special characters in the password are written as in URLs: @ as %40, / as %2F."
        ) from None
    return made


def _host_and_port(text: str) -> tuple[str, str]:
    """Return host and port of one place in a list; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":") if ":" in text.rpartition("]")[2] else (text, "", "")
    return host.strip("[]"), port or "5432"


def _integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    return _choice(env, name, "1" if default else "0", ("1", "0", "true", "false")) in ("1", "true")


def _choice(env: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = env.get(name) or default
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value
