"""The browser bench: a real Chromium that fails a test when a page complains."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page

from tests.support import browser as browsers

PAGES = {
    "/quiet": (200, "<h1>Quiet</h1><p id=there></p><script src='/there.js'></script>"),
    "/loud": (200, "<h1>Loud</h1><p style='color: red'>x</p>"),
    "/throws": (200, "<h1>Throws</h1><script src='/throws.js'></script>"),
    "/picture": (200, "<h1>Picture</h1><img src='/missing.png' alt=''>"),
    "/bug": (500, "<h1>Bug</h1>"),
    "/gone": (404, "<h1>Gone</h1>"),
    "/there.js": (200, "document.getElementById('there').textContent = 'scripts run'"),
    "/throws.js": (200, "throw new Error('on purpose')"),
}


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = PAGES.get(self.path, (404, ""))
        if self.path == "/favicon.ico":
            status = 204
        self.send_response(status)
        self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html")
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay silent."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://demo.localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def complaints_of(browser: Browser, address: str) -> list[str]:
    watch = browsers.Watch()
    pages = browsers.Pages(browser, watch)
    pages().goto(address, wait_until="networkidle")
    pages.close()
    return watch.complaints


@pytest.mark.browser
def test_a_quiet_page_on_a_shops_own_host_runs_its_scripts(page: Page, site: str) -> None:
    page.goto(f"{site}/quiet")
    assert page.locator("#there").text_content() == "scripts run"


@pytest.mark.browser
def test_a_visitor_may_have_scripts_turned_off(page_without_javascript: Page, site: str) -> None:
    page_without_javascript.goto(f"{site}/quiet")
    assert page_without_javascript.locator("#there").text_content() == ""


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "word"),
    [("/loud", "Content Security Policy"), ("/throws", "on purpose"), ("/picture", "404"), ("/bug", "500")],
)
def test_every_kind_of_complaint_is_noticed(browser: Browser, site: str, path: str, word: str) -> None:
    complaints = complaints_of(browser, site + path)
    assert any(word in complaint for complaint in complaints), complaints


@pytest.mark.browser
def test_a_page_that_truly_is_not_there_is_no_complaint(browser: Browser, site: str) -> None:
    assert complaints_of(browser, f"{site}/gone") == []


@pytest.mark.browser
def test_what_a_test_provokes_on_purpose_can_be_allowed(page: Page, watch: browsers.Watch, site: str) -> None:
    page.goto(f"{site}/throws", wait_until="networkidle")
    watch.allow("on purpose")
    assert watch.complaints == []


def test_a_wrong_path_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(browsers.BrowserUnavailable, match="/nowhere/chromium"):
        browsers.require_chromium()


def test_a_missing_browser_is_said_with_the_ways_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browsers, "find_chromium", lambda: None)
    with pytest.raises(browsers.BrowserUnavailable, match="apt-get install chromium"):
        browsers.require_chromium()
