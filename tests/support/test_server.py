"""The live server of the bench is the product's own command, and nothing of it outlives its test."""

from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3
from playwright.sync_api import Page

from commerce.tenants.models import Shop
from tests.support.server import LiveServer, ServerFailed, children_of


def get(server: LiveServer, path: str) -> int:
    with urllib3.PoolManager(retries=False, timeout=5.0) as http:
        return http.request("GET", server.address + path, headers={"Host": server.host()}).status


@pytest.mark.browser
def test_a_browser_reaches_the_shop_by_its_own_host(
    live_server: Callable[..., LiveServer], shop: Shop, page: Page
) -> None:
    server = live_server()
    answer = page.goto(server.url("/"))
    assert answer is not None
    assert answer.status == 200
    assert shop.name in page.title()


def test_a_killed_server_is_gone_at_once_and_starts_again_at_the_same_address(
    live_server: Callable[..., LiveServer], shop: Shop
) -> None:
    server = live_server()
    group, address = server.pid, server.address
    assert len(children_of(group)) >= 2  # the first process and one that answers
    server.kill()
    assert children_of(group) == []
    with pytest.raises(urllib3.exceptions.HTTPError):
        get(server, "/healthz")
    server.start()
    assert server.address == address
    assert get(server, "/healthz") == 200


@pytest.mark.parametrize("stop", [LiveServer.terminate, LiveServer.interrupt], ids=["SIGTERM", "Ctrl-C"])
def test_stopping_in_order_leaves_no_process(
    live_server: Callable[..., LiveServer], shop: Shop, stop: Callable[[LiveServer], int]
) -> None:
    server = live_server()
    group = server.pid
    assert stop(server) == 0
    assert children_of(group) == []
    assert "Traceback" not in server.output


def test_a_server_that_cannot_start_says_why(database_url: str, tmp_path: Path) -> None:
    server = LiveServer(database_url, tmp_path / "var", WEB_THREADS="none")
    with pytest.raises(ServerFailed, match="WEB_THREADS"):
        server.start()


def test_a_taken_port_is_one_sentence(live_server: Callable[..., LiveServer], tmp_path: Path) -> None:
    first = live_server()
    second = LiveServer(f"sqlite:///{tmp_path / 'second.db'}", tmp_path / "second")
    second.port = first.port
    with pytest.raises(ServerFailed):
        second.start()
    assert f"PORT={first.port + 1}" in second.output
    assert "Traceback" not in second.output
