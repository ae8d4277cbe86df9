"""The test bench: two databases, an app, two shops, a live server and a browser.

A test that touches the database asks for `app`, `client`, `in_shop` or `live_server` and thereby runs twice, on SQLite
and on PostgreSQL. A test that is about one of them says
`@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)`.
"""

import contextlib
import contextvars
import gc
import os
import re
import time
import warnings
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import settings
from playwright.sync_api import Browser, Page, sync_playwright

from commerce import db as database
from commerce.logs import faults
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.support import browser as browsers
from tests.support.client import ShopClient
from tests.support.compiled import keep_compiled_templates
from tests.support.databases import (
    Worker,
    bench_config,
    build_app,
    disconnect,
    kind_of,
    quick_folder,
    told_again,
)
from tests.support.postgres import PostgresServer, PostgresUnavailable
from tests.support.server import LiveServer
from tests.support.spawn import SERVE, Nursery

ARTEFACTS = Path(__file__).resolve().parents[1] / "test-results"
FIGURES = ARTEFACTS / "figures.txt"
SERVER = pytest.StashKey[PostgresServer]()
OUTCOME = pytest.StashKey[pytest.TestReport]()

settings.register_profile("lockstep", deadline=None, print_blob=True)
settings.load_profile("lockstep")


# --- one PostgreSQL server for the whole run, however many workers ------------------------------------


def postgres_addresses(config: pytest.Config) -> tuple[str, str | None]:
    """Return the addresses of the run's server for the product's role and, on our own server, for its superuser.

    The first call starts the server, unless TEST_POSTGRES_URL names one.
    """
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        return given, None
    handed_down: dict[str, Any] | None = getattr(config, "workerinput", None)
    if handed_down is not None:
        address, admin = handed_down["postgres_addresses"]
        return address, admin
    if SERVER not in config.stash:
        server = PostgresServer()
        server.start()
        config.stash[SERVER] = server
    return config.stash[SERVER].url("postgres"), config.stash[SERVER].admin_url()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the server's addresses to a worker that pytest-xdist is about to start."""
    try:
        node.workerinput["postgres_addresses"] = postgres_addresses(node.config)
    except PostgresUnavailable as problem:
        pytest.exit(str(problem), returncode=1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drive each browser test on one database: what a page does to the database is tested on both without a browser.

    With scripts on PostgreSQL and without on SQLite, others by their name, so that both are driven, and in either way.
    LOCKSTEP_BROWSER_ON_BOTH=1 runs all of them.
    """
    if os.environ.get("LOCKSTEP_BROWSER_ON_BOTH"):
        return
    left_out = [item for item in items if item.get_closest_marker("browser") and not _on_its_database(item)]
    dropped = set(left_out)
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in dropped]


def _on_its_database(item: pytest.Item) -> bool:
    parts = item.nodeid.rpartition("[")[2].rstrip("]").split("-") if "[" in item.nodeid else []
    if not {"sqlite", "postgresql"} & set(parts) or len(_databases_of(item)) < 2:
        return True
    if "crashing" in item.nodeid or ({"scripts", "True"} & set(parts) and "no" not in parts):
        wanted = "postgresql"
    elif {"no", "False"} & set(parts):
        wanted = "sqlite"
    else:
        wanted = ("sqlite", "postgresql")[zlib.crc32(item.nodeid.partition("[")[0].encode()) % 2]
    return wanted in parts


def _databases_of(item: pytest.Item) -> set[str]:
    """Return the databases of a test's fixture; one that names its own runs on that."""
    fixed = [mark for mark in item.iter_markers("parametrize") if mark.args[0] == "database_url"]
    return {str(each) for mark in fixed for each in mark.args[1]} if fixed else {"sqlite", "postgresql"}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Forget the figures of an earlier run."""
    if not hasattr(session.config, "workerinput"):
        FIGURES.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures that tests have left, such as how many probes into another shop were made."""
    if FIGURES.exists():
        terminalreporter.section("figures")
        terminalreporter.write(FIGURES.read_text())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server at the end of the run, whether it passed, failed or was interrupted."""
    if SERVER in config.stash:
        config.stash[SERVER].stop()
        del config.stash[SERVER]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the outcome of the test itself for fixtures that act on a failure."""
    report = yield
    if report.when == "call":
        item.stash[OUTCOME] = report
    return report


# --- databases and apps -------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def ids_of_now() -> None:
    """Let ids carry the present time again after a test that lived in another year: within a process they only grow."""
    if database._last_id[0] >> 80 > (time.time() + 60) * 1000:
        database._last_id[0] = 0


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of the run's compiled templates: one for all its workers, apps and servers."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "compiled-templates"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def worker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str, compiled: Path
) -> Iterator[Worker]:
    """The databases and apps of this worker process."""
    keep_compiled_templates(compiled)
    with quick_folder(tmp_path_factory.mktemp("worker")) as folder:
        made = Worker(folder, worker_id, lambda: postgres_addresses(request.config))
        yield made
        made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, worker: Worker) -> str:
    """The address of an empty, migrated database; a test that has it runs once for each kind."""
    bench, app = worker.get(request.param)
    bench.clean(app)
    return bench.url


@pytest.fixture
def app(database_url: str, worker: Worker) -> Flask:
    """The application on an empty database. It is shared by the tests of a worker: do not change its config."""
    return worker.get(kind_of(database_url))[1]


@pytest.fixture
def varied(database_url: str, worker: Worker) -> Iterator[Callable[..., Flask]]:
    """Lend an app with other settings, on the test's database, that all tests share: `varied(web_threads=50)`."""
    with contextlib.ExitStack() as stack:

        def lend(**changes: Any) -> Flask:
            app = worker.variant(kind_of(database_url), **changes)
            stack.callback(disconnect, app)
            return app

        yield lend


@pytest.fixture
def make_app(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Build an app of its own on the test's database, with other settings: `make_app(production=True)`."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(told_again())

        def make(**changes: Any) -> Flask:
            app = build_app(replace(bench_config(database_url, tmp_path / "var"), **changes))
            stack.callback(disconnect, app)
            return app

        yield make


@pytest.fixture(autouse=True)
def every_trace() -> None:
    """Let each test find the trace of a fault that an earlier one has met as well."""
    faults.forget()


@pytest.fixture
def no_files_left() -> Iterator[None]:
    """Werkzeug leaves the temporary file of a refused upload to the garbage collector: let it come here, not later."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def client(app: Flask) -> ShopClient:
    """A visitor of Alice's shop with a cookie jar; `app.test_client(host="other.localhost")` visits Charlie's."""
    visitor = app.test_client()
    assert isinstance(visitor, ShopClient)
    return visitor


# --- the cast: Alice owns a shop, Charlie owns another --------------------------------------------------


@pytest.fixture
def shop(app: Flask) -> Shop:
    """Alice's shop at demo.localhost: US dollars, 10 % tax included, shipping 5.00 anywhere; nothing to sell yet."""
    with app.app_context():
        return set_up_shop(
            code="demo",
            name="Alice's Tea",
            currency="USD",
            country="US",
            taxes=(TaxRule("*", "standard", 100_000, "Tax"),),
            shipping=(ShippingRule("parcel", "Parcel", "3 days", ((("*",), 0, 500),)),),
            test_card=True,
            bank_details="Transfer the total to account 1234567 and name your order number.",
        )


@pytest.fixture
def other_shop(app: Flask, shop: Shop) -> Shop:
    """Charlie's shop at other.localhost: yen, 10 % tax included, shipping 800 yen; nothing to sell yet."""

    def found() -> Shop:
        with app.app_context():
            return set_up_shop(
                code="other",
                name="Charlie's Kites",
                currency="JPY",
                country="JP",
                taxes=(TaxRule("*", "standard", 100_000, "Tax"),),
                shipping=(ShippingRule("parcel", "Parcel", "3 days", ((("*",), 0, 800),)),),
                test_card=True,
                bank_details="Transfer the total to account 7654321 and name your order number.",
            )

    # In an empty context: a test may have entered Alice's shop already, from which no other is seen.
    return contextvars.Context().run(found)


@pytest.fixture
def in_shop(app: Flask, shop: Shop) -> Iterator[Shop]:
    """Alice's shop, entered: the test may call services and queries as a request would."""
    with app.app_context(), shop_scope(shop):
        yield shop


# --- the real server and the real browser ----------------------------------------------------------------


@pytest.fixture(scope="session")
def nursery(compiled: Path) -> Iterator[Nursery]:
    """A process that forks servers, so that not each of them has to import everything."""
    with Nursery(compiled) as running:
        yield running


@pytest.fixture
def live_server(database_url: str, tmp_path: Path, nursery: Nursery) -> Iterator[Callable[..., LiveServer]]:
    """Start servers on the test's database: `live_server(WEB_PROCESSES="2")`; all of them are stopped in the end."""
    with contextlib.ExitStack() as stack:
        started = 0

        def start(program: Sequence[str] = SERVE, **environment: str) -> LiveServer:
            nonlocal started
            started += 1
            server = LiveServer(database_url, tmp_path / f"server-{started}", nursery, program, **environment)
            stack.callback(server.kill)
            return server.start()

        yield start


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for the tests of a worker; each page has a visitor's own cookies."""
    with sync_playwright() as playwright:
        running = browsers.launch(playwright)
        yield running
        running.close()


@pytest.fixture
def watch() -> browsers.Watch:
    """What the pages of this test complained about; `watch.allow(pattern)` accepts what is provoked on purpose."""
    return browsers.Watch()


@pytest.fixture
def new_page(
    browser: Browser, watch: browsers.Watch, request: pytest.FixtureRequest
) -> Iterator[browsers.NewPage]:
    """Open pages of different visitors; at the end any complaint of any page fails the test."""
    pages = browsers.Pages(browser, watch)
    yield pages
    report = request.node.stash.get(OUTCOME, None)
    if report is not None and report.failed:
        pages.screenshots(ARTEFACTS, re.sub(r"[^A-Za-z0-9_-]+", "-", request.node.name))
    pages.close()
    assert watch.complaints == []


@pytest.fixture
def page(new_page: browsers.NewPage) -> Page:
    """A page of a fresh visitor."""
    return new_page()


@pytest.fixture
def page_without_javascript(new_page: browsers.NewPage) -> Page:
    """A page of a fresh visitor whose browser runs no scripts."""
    return new_page(javascript=False)
