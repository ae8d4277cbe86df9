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
from urllib.parse import urlsplit

import click

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
    """Everything that the installation can be told from outside. Times in seconds."""

    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(default=(), repr=False)
    database_url: str = field(default="", repr=False)
    migration_database_url: str = field(default="", repr=False)
    production: bool = False
    var: Path = ROOT / "var"
    host: str = "localhost"
    port: int = 5000
    public_scheme: str = "http"
    public_port: int | None = 5000
    trusted_proxies: int = 0
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
            production=production,
            var=var,
            host=env.get("HOST") or "localhost",
            port=port,
            public_scheme=_choice(env, "PUBLIC_SCHEME", "https" if production else "http", ("http", "https")),
            public_port=public_port,
            trusted_proxies=_integer(env, "TRUSTED_PROXIES", 0, 0, 10),
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
        var.mkdir(parents=True, exist_ok=True)
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


def _platform_host(env: Mapping[str, str], production: bool) -> str:
    """Return the host of the operator's pages, '' when there are none."""
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
    url = _of_psycopg(env.get("DATABASE_URL") or f"sqlite:///{var / 'lockstep.db'}")
    if not url.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:")):
        raise ConfigError("DATABASE_URL must begin with sqlite:/// or postgresql://.")
    return url


def _migration_database_url(env: Mapping[str, str]) -> str:
    """Return the address for the role that owns the tables, '' when that of DATABASE_URL does."""
    url = _of_psycopg(env.get("MIGRATION_DATABASE_URL", ""))
    if url and not url.startswith("postgresql"):
        raise ConfigError("MIGRATION_DATABASE_URL must begin with postgresql://; SQLite has no roles.")
    return url


def _of_psycopg(url: str) -> str:
    return "postgresql://" + url.removeprefix("postgres://") if url.startswith("postgres://") else url


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
