"""`/readyz` says 503, and why, as soon as nothing can be written: pages may still come, orders cannot."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from commerce import readiness
from commerce.db import db
from commerce.tenants.models import Shop
from tests.conftest import postgres_addresses
from tests.support.client import ShopClient

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    readiness._answers.clear()
    yield
    readiness._answers.clear()
    readiness.stopping.clear()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of one megabyte, where the user that PostgreSQL runs as may come, too."""
    folder = Path(tempfile.mkdtemp(prefix="lockstep-disk-", dir="/var/tmp"))
    folder.chmod(0o755)
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(command, check=False).returncode:
        folder.rmdir()
        pytest.skip("only root may make a file system, and not in every container")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def answer(client: ShopClient) -> tuple[int, object]:
    found = client.get("/readyz")
    return found.status_code, found.json.get("problem")


@pytest.fixture
def admin(app: Flask, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A superuser at the database of the test."""
    address = postgres_addresses(request.config)[1]
    if address is None:
        pytest.skip("the server that TEST_POSTGRES_URL names lends no superuser")
    with app.app_context():
        name = db.engine.url.database
    with psycopg.connect(address, autocommit=True, dbname=name) as connection:
        yield connection


def test_a_shop_that_can_write_is_ready_and_says_so_without_writing_each_time(
    client: ShopClient, shop: Shop
) -> None:
    assert answer(client) == (200, None)
    (kept,) = readiness._answers.values()
    assert answer(client) == (200, None)
    assert list(readiness._answers.values()) == [kept]


@on_postgresql
def test_a_database_that_only_reads_is_not_ready(
    make_app: Callable[..., Flask], shop: Shop, admin: psycopg.Connection
) -> None:
    admin.execute("ALTER ROLE lockstep_app SET default_transaction_read_only = on")
    try:
        client = make_app().test_client()
        assert isinstance(client, ShopClient)
        assert answer(client) == (503, readiness.READ_ONLY)
    finally:
        admin.execute("ALTER ROLE lockstep_app RESET default_transaction_read_only")


@on_postgresql
def test_a_full_disk_of_the_database_is_not_ready_until_there_is_room(
    make_app: Callable[..., Flask], shop: Shop, admin: psycopg.Connection, small_disk: Path
) -> None:
    shutil.chown(small_disk, "nobody")
    admin.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")  # type: ignore[call-overload]
    try:
        admin.execute("GRANT CREATE ON TABLESPACE small TO lockstep_app")
        admin.execute("ALTER ROLE lockstep_app SET temp_tablespaces = small")
        client = make_app().test_client()
        assert isinstance(client, ShopClient)
        assert answer(client) == (200, None)
        readiness._answers.clear()
        fill(small_disk)
        assert answer(client) == (503, readiness.DISK_FULL)
        (small_disk / "ballast").unlink()
        assert answer(client) == (200, None), "what is wrong is looked at each time"
    finally:
        admin.execute("ALTER ROLE lockstep_app RESET temp_tablespaces")
        admin.execute("DROP TABLESPACE small")


@on_sqlite
def test_a_file_on_a_full_disk_is_not_ready(
    make_app: Callable[..., Flask], app: Flask, shop: Shop, small_disk: Path
) -> None:
    with app.app_context():
        source = Path(str(db.engine.url.database))
        db.engine.dispose()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    for each in source.parent.glob(f"{source.name}*"):
        shutil.copy(each, small_disk)
    client = make_app(database_url=f"sqlite:///{small_disk / source.name}").test_client()
    assert isinstance(client, ShopClient)
    assert answer(client) == (200, None)
    readiness._answers.clear()
    fill(small_disk)
    assert answer(client) == (503, readiness.DISK_FULL)


@on_sqlite
def test_a_file_that_only_reads_is_not_ready(make_app: Callable[..., Flask], app: Flask, shop: Shop) -> None:
    with app.app_context():
        file = db.engine.url.database
    client = make_app(database_url=f"sqlite:///file:{file}?mode=ro&uri=true").test_client()
    assert isinstance(client, ShopClient)
    assert answer(client) == (503, readiness.READ_ONLY)


@on_sqlite
def test_a_busy_file_is_ready(client: ShopClient, app: Flask, shop: Shop) -> None:
    with app.app_context(), db.engine.connect() as other:
        other.connection.driver_connection.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]
        assert answer(client) == (200, None)


def test_a_process_that_was_notified_to_end_sends_the_load_balancer_elsewhere(client: ShopClient) -> None:
    readiness.stopping.set()
    found = client.get("/readyz")
    assert (found.status_code, found.json) == (503, {"status": "stopping"})
