"""A real Chromium for the journeys: found on the machine, driven by Playwright, and strict about what a page says.

`python -m tests.support.browser` makes sure that there is one (root on Debian or Ubuntu: installs the package) and
prints its path, or says in one sentence how to get it. Playwright's own download is not needed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Response, WebError

SHELL = "chromium-headless-shell"
"""Chromium without its windows: the same engine, and a page opens in less than half the time."""
NAMES = (
    SHELL,
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
ARGUMENTS = [
    "--no-sandbox",  # the sandbox cannot be set up as root; only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # containers often have 64 MB there, less than one page may want
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DEFAULT_TIMEOUT_MS = 10_000
INSTALL_SECONDS = 180
SUBRESOURCES = {"image", "stylesheet", "script", "font"}
# A true 404, 409 or 422 on a page is part of the product; Chromium reports each as a console error of this form.
HTTP_REFUSAL = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")


class BrowserUnavailable(RuntimeError):
    """No Chromium can be had; the message is one sentence that says what to do."""


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None; the variable CHROMIUM wins over the search."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return shutil.which(chosen)
    found = [path for name in NAMES if (path := shutil.which(name))]
    found += [place for place in PLACES if Path(place).exists()]
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    found += [str(path) for path in sorted(cache.glob("chromium-*/chrome-linux*/chrome"), reverse=True)]
    return found[0] if found else None


def require_chromium() -> str:
    """Return the path of a Chromium; raises BrowserUnavailable with a sentence that says how to get one."""
    path = find_chromium()
    if path is not None:
        return path
    if os.environ.get("CHROMIUM"):
        raise BrowserUnavailable(
            f"CHROMIUM is set to {os.environ['CHROMIUM']!r}, which is not a program that can run."
        )
    raise BrowserUnavailable(
        "The tests need Chromium: install it ('sudo apt-get install chromium', or "
        "'.venv/bin/python -m playwright install --with-deps chromium'), or set CHROMIUM to the path of one."
    )


def install_chromium() -> str:
    """Return the path of a Chromium, installing Debian's package first when we are root and may.

    The shell without windows is preferred, because the suite is much quicker in it; where it cannot be had, any
    Chromium does.
    """
    if not os.environ.get("CHROMIUM") and os.geteuid() == 0 and shutil.which("apt-get"):
        if shutil.which(SHELL) is None:
            install_package(SHELL)
        if find_chromium() is None:
            install_package("chromium")
    return require_chromium()


def install_package(package: str) -> None:
    """Try to install a package, first from the lists as they are, then from new ones; say so, and fail in silence."""
    print(f"Installing the package '{package}' for the tests.", file=sys.stderr)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    soon = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=10", "-o", "Acquire::https::Timeout=10"]
    install = ["install", "-q", "-y", "--no-install-recommends", package]
    for step in (install, ["update", "-q"], install):
        command = ["apt-get", *soon, *step]
        try:
            done = subprocess.run(command, env=quiet, stdout=sys.stderr, check=False, timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            return
        if step is install and done.returncode == 0:
            return


def launch(playwright: Playwright) -> Browser:
    """Start a headless browser; raises BrowserUnavailable when none is installed."""
    return playwright.chromium.launch(executable_path=require_chromium(), headless=True, args=ARGUMENTS)


class Watch:
    """Everything a page complained about: console errors, uncaught exceptions, policy violations, broken files, 5xx.

    A test that provokes a complaint on purpose says so with `allow`; every other complaint fails it at the end.
    """

    def __init__(self) -> None:
        self._complaints: list[str] = []
        self._allowed: list[re.Pattern[str]] = [HTTP_REFUSAL]

    def allow(self, pattern: str) -> None:
        """Accept complaints that match the regular expression, earlier and later ones."""
        self._allowed.append(re.compile(pattern))

    @property
    def complaints(self) -> list[str]:
        """What was complained about and not allowed, oldest first."""
        return [
            text for text in self._complaints if not any(allowed.search(text) for allowed in self._allowed)
        ]

    def observe(self, context: BrowserContext) -> None:
        """Listen to every page that the context has or opens."""
        context.on("console", self._console)
        context.on("weberror", self._exception)
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # Policy reports of "report-only" headers arrive as warnings, so the words decide and not the level alone.
        if message.type == "error" or "Content Security Policy" in message.text:
            self._complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _exception(self, error: WebError) -> None:
        self._complaints.append(f"uncaught: {error.error.message}")

    def _response(self, response: Response) -> None:
        broken_file = response.status >= 400 and response.request.resource_type in SUBRESOURCES
        if response.status >= 500 or broken_file:
            self._complaints.append(f"HTTP {response.status}: {response.url}")


class Pages:
    """Opens pages, each in a context of its own (own cookies), and closes them all in the end."""

    def __init__(self, browser: Browser, watch: Watch) -> None:
        self._browser = browser
        self._watch = watch
        self._contexts: list[BrowserContext] = []

    def __call__(self, *, javascript: bool = True, **options: Any) -> Page:
        """Return a fresh page of a visitor who was never here; `options` are those of a Playwright context."""
        settings: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"}
        context = self._browser.new_context(java_script_enabled=javascript, **(settings | options))
        context.set_default_timeout(DEFAULT_TIMEOUT_MS)
        self._watch.observe(context)
        self._contexts.append(context)
        return context.new_page()

    def screenshots(self, folder: Path, name: str) -> None:
        """Save what every open page shows, for whoever has to find out why a test failed."""
        folder.mkdir(parents=True, exist_ok=True)
        pages = [page for context in self._contexts for page in context.pages]
        for number, page in enumerate(pages, start=1):
            page.screenshot(path=folder / f"{name}-{number}.png")

    def close(self) -> None:
        """Close every page; pending events are delivered first."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()


NewPage = Callable[..., Page]


def main() -> int:
    """Make sure there is a Chromium and print its path; returns 1 after saying how to get one."""
    try:
        print(install_chromium())
    except BrowserUnavailable as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
