"""Settings come from the environment alone; a bad one is refused in a sentence that names the variable."""

import secrets
import stat
from pathlib import Path

import pytest

from app import create_app
from commerce.config import Config, ConfigError

KEY = "Zx3vT9qLr7Ky2WmBn8Hd5Jc1Fg6Pa4Se"


def config(tmp_path: Path, **env: str) -> Config:
    return Config.from_env({"VAR_DIR": str(tmp_path), **env})


def test_development_needs_no_setting(tmp_path: Path) -> None:
    made = config(tmp_path)
    assert (made.host, made.port, made.public_scheme, made.public_port) == ("localhost", 5000, "http", 5000)
    assert made.database_url == f"sqlite:///{tmp_path / 'lockstep.db'}"
    assert (made.production, made.demo, made.test_card, made.worker_thread) == (False, True, True, True)
    assert (made.web_processes, made.web_threads, made.trusted_proxies) == (1, 8, 0)
    assert made.media == tmp_path / "media"


def test_production_trusts_nobody_and_shows_nothing_for_trial(tmp_path: Path) -> None:
    made = config(tmp_path, COMMERCE_ENV="production", SECRET_KEY=KEY)
    assert (made.production, made.demo, made.test_card, made.worker_thread) == (True, False, False, False)
    assert (made.public_scheme, made.public_port, made.web_processes) == ("https", None, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMMERCE_ENV", "prod"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "5000.0"),
        ("PORT", "²"),
        ("PUBLIC_PORT", "65536"),
        ("PUBLIC_SCHEME", "ftp"),
        ("TRUSTED_PROXIES", "11"),
        ("TRUSTED_PROXIES", "all"),
        ("WEB_PROCESSES", "0"),
        ("WEB_PROCESSES", "65"),
        ("WEB_THREADS", "none"),
        ("WORKER_THREAD", "yes"),
        ("TEST_CARD", "on"),
        ("DEMO", "2"),
        ("DATABASE_URL", "mysql://localhost/shop"),
        ("DATABASE_URL", "/var/shop.db"),
        ("MAIL_URL", "mail.example.com"),
        ("MAIL_URL", "http://mail.example.com"),
        ("MAIL_URL", "smtp://"),
        ("MAIL_URL", "smtp://mail.example.com:port"),
        ("LIMITS", "some"),
        ("LIMIT_URL", "http://cache"),
        ("CACHE_URL", "memcached://cache"),
        ("HSTS", "on"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} must "):
        config(tmp_path, **{name: value})


@pytest.mark.parametrize(
    "name", ["PORT", "HOST", "DEMO", "DATABASE_URL", "COMMERCE_ENV", "MAIL_URL", "SECRET_KEY"]
)
def test_an_empty_value_is_no_value(tmp_path: Path, name: str) -> None:
    assert config(tmp_path, **{name: ""}) == config(tmp_path)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://shop@db/shop", "postgresql://shop@db/shop"),
        ("postgresql+psycopg://shop@db/shop", "postgresql+psycopg://shop@db/shop"),
        ("sqlite:////srv/shop.db", "sqlite:////srv/shop.db"),
        (
            "postgresql://shop:p%40ss@a:5433,b/shop?target_session_attrs=read-write",
            "postgresql://shop:p%40ss@/shop?target_session_attrs=read-write&host=a%2Cb&port=5433%2C5432",
        ),
        (
            "postgres://shop@[::1]:1,[fe80::2]/shop",
            "postgresql://shop@/shop?host=%3A%3A1%2Cfe80%3A%3A2&port=1%2C5432",
        ),
        ("postgresql://shop@/shop?host=a:1&host=b:2", "postgresql://shop@/shop?host=a%3A1&host=b%3A2"),
        ("postgresql://shop@/shop?host=a,b&port=1,2", "postgresql://shop@/shop?host=a%2Cb&port=1%2C2"),
        ("postgresql://shop@/shop?host=/run/pg", "postgresql://shop@/shop?host=%2Frun%2Fpg"),
    ],
)
def test_database_addresses_are_taken_as_hosts_give_them(tmp_path: Path, given: str, used: str) -> None:
    assert config(tmp_path, DATABASE_URL=given).database_url == used


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:hush@db:port/shop",
        "postgresql://shop:hush@a:x,b:2/shop",
        "postgresql://shop:hush@/shop?host=a:1&host=b:2&port=3",
        "postgresql://shop:hush@db/shop?prepare_threshold=0",
    ],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "MIGRATION_DATABASE_URL"])
def test_a_database_address_that_cannot_be_read_is_refused_without_its_password(
    tmp_path: Path, name: str, url: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{name} ") as refusal:
        config(tmp_path, **{name: url})
    assert "hush" not in refusal.value.message


@pytest.mark.parametrize(
    "url", ["smtp://user:secret@mail.example.com:587?starttls=1", "smtps://mail.example.com"]
)
def test_a_mail_server_is_an_address(tmp_path: Path, url: str) -> None:
    assert config(tmp_path, MAIL_URL=url).mail_url == url


def test_production_without_a_secret_key_is_refused_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY must be set"):
        config(tmp_path, COMMERCE_ENV="production")
    assert list(tmp_path.iterdir()) == []


def test_an_app_of_production_does_not_start_without_a_secret_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMERCE_ENV", "production")
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(ConfigError, match="SECRET_KEY must be set"):
        create_app()


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_production_refuses_a_key_that_could_be_guessed(tmp_path: Path, name: str) -> None:
    strong = {"COMMERCE_ENV": "production", "SECRET_KEY": KEY, "SECRET_KEY_FALLBACKS": KEY}
    assert config(tmp_path, **strong).secret_key == KEY
    with pytest.raises(ConfigError, match=rf"^{name} .*32 bytes"):
        config(tmp_path, **{**strong, name: KEY[:31]})


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
@pytest.mark.parametrize(
    "weak",
    [
        "k" * 64,
        "changeme" * 8,
        "01234567890123456789012345678901",
        "only-for-tests-0123456789abcdef0123456789abcdef",
        "My-Secret-Zx3vT9qLr7Ky2WmBn8Hd5Jc1Fg6Pa4Se",
        "correct horse correct horse correct",
    ],
)
def test_production_refuses_a_long_key_that_stands_in_a_book(tmp_path: Path, name: str, weak: str) -> None:
    strong = {"COMMERCE_ENV": "production", "SECRET_KEY": KEY}
    with pytest.raises(ConfigError, match=rf"^{name} must be random .*token_urlsafe"):
        config(tmp_path, **{**strong, name: weak})
    assert config(tmp_path, **{name: weak}), "a developer may take any key"


def test_keys_made_as_the_message_says_are_never_refused(tmp_path: Path) -> None:
    for make in (secrets.token_urlsafe, secrets.token_hex):
        for _ in range(200):
            config(tmp_path, COMMERCE_ENV="production", SECRET_KEY=make(48))


@pytest.mark.parametrize(
    ("name", "value"), [("FLASK_DEBUG", "1"), ("PUBLIC_SCHEME", "http"), ("TEST_CARD", "1")]
)
def test_production_refuses_what_is_only_for_trials(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} must be .* in production"):
        config(tmp_path, COMMERCE_ENV="production", SECRET_KEY=KEY, **{name: value})
    assert not config(tmp_path, **{name: value}).production


def test_limits_hold_for_guesses_everywhere_and_for_everything_in_production(tmp_path: Path) -> None:
    assert config(tmp_path).limits == "guesses"
    assert config(tmp_path, COMMERCE_ENV="production", SECRET_KEY=KEY).limits == "all"
    assert config(tmp_path, CACHE_URL="valkey://cache:6379").limit_url == "valkey://cache:6379"
    assert config(tmp_path, CACHE_URL="valkey://a", LIMIT_URL="redis://b").limit_url == "redis://b"


def test_former_keys_are_kept_for_old_sessions(tmp_path: Path) -> None:
    assert config(tmp_path, SECRET_KEY_FALLBACKS="old,older,").secret_key_fallbacks == ("old", "older")


def test_development_makes_its_key_once_in_a_file_of_its_own(tmp_path: Path) -> None:
    var = tmp_path / "new" / "var"
    first = Config.from_env({"VAR_DIR": str(var)})
    file = var / "secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == first.secret_key
    assert len(first.secret_key) >= 64
    assert Config.from_env({"VAR_DIR": str(var)}).secret_key == first.secret_key
    assert [each.name for each in var.iterdir()] == ["secret_key"]


def test_two_installations_have_different_keys(tmp_path: Path) -> None:
    assert config(tmp_path / "a").secret_key != config(tmp_path / "b").secret_key


def test_secrets_do_not_show_when_a_configuration_is_printed(tmp_path: Path) -> None:
    printed = repr(
        config(
            tmp_path,
            SECRET_KEY="hush-key",
            SECRET_KEY_FALLBACKS="hush-old",
            DATABASE_URL="postgresql://shop:hush-database@db/shop",
            MAIL_URL="smtp://shop:hush-mail@mail.example.com",
        )
    )
    assert "hush" not in printed
