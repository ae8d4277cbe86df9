"""What the first page costs a visitor who was never here: bytes without pictures, layout shifts, other hosts.

Promised: at most 100 kB of HTML, CSS, scripts and fonts, no layout shift, nothing from another host. Read in a real
Chromium with an empty cache, on the demo shops with their pictures; bytes are those of the bodies as they are sent.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Response, sync_playwright

from bench.support import report
from commerce.config import ROOT
from tests.support import browser as browsers
from tests.support.server import LiveServer

MOST_BYTES = 100_000
SCREENS = {"desktop": {"width": 1280, "height": 800}, "telephone": {"width": 390, "height": 844}}
WATCH_SHIFTS = """
window.shifts = 0;
window.shifted = [];
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
    window.shifts += entry.value;
    for (const {node} of entry.sources) window.shifted.push(node?.className || node?.nodeName || '?');
  }
}).observe({type: 'layout-shift', buffered: true});
"""
PUSH = """
window.scrollTo(0, 0);
const block = document.createElement('div');
block.append('Pushed down.', document.createElement('br'), 'By this.');
document.body.prepend(block);
"""
KINDS = {
    "document": "HTML kB",
    "stylesheet": "CSS kB",
    "script": "JS kB",
    "font": "fonts kB",
    "image": "pictures kB",
}


def main() -> int:
    """Open the first page, a list and a product of both demo shops."""
    options = report.arguments(__doc__ or "", seconds=0).parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lockstep-bench-"))
    url = f"sqlite:///{folder / 'bench.db'}"
    server = LiveServer(url, folder / "var")
    try:
        report.note("founding the demo shops")
        shops = _found_shops({"DATABASE_URL": url, "VAR_DIR": str(folder / "var"), "DEMO": "1"})
        server.start()
        with sync_playwright() as playwright:
            browser = browsers.launch(playwright)
            rows = [
                _visit(browser, server, shop, path, screen)
                for shop, paths in _paths(browser, server, shops).items()
                for path in paths
                for screen in SCREENS
            ]
            browser.close()
    finally:
        server.terminate()
        shutil.rmtree(folder, ignore_errors=True)
    heaviest = max(row["without pictures kB"] for row in rows)
    most_shift = max(row["layout shift"] for row in rows)
    claims = {
        f"at most {heaviest:.1f} kB without pictures (at most {MOST_BYTES // 1000})": heaviest
        <= MOST_BYTES / 1000,
        f"largest layout shift {most_shift:.4f} (none)": most_shift == 0,
        "nothing from another host": not any(row["other hosts"] for row in rows),
    }
    return report.publish(
        "First page of a fresh visitor, Chromium", rows, claims, as_json=options.json, counts=("requests",)
    )


def _paths(browser: Browser, server: LiveServer, shops: list[str]) -> dict[str, list[str]]:
    """Return for each demo shop its first page, a list, and the first product on it."""
    found = {}
    page = browser.new_page()
    for shop in shops:
        page.goto(server.url("/search", shop))
        product = page.locator("a[href^='/products/']").first.get_attribute("href")
        assert product is not None, f"{shop} has no products"
        found[shop] = ["/", "/search", product]
    page.close()
    return found


def _found_shops(environment: dict[str, str]) -> list[str]:
    """Found the demo shops and return their codes."""
    flask = [sys.executable, "-m", "flask", "--app", "app"]
    settings = os.environ | environment
    subprocess.run([*flask, "setup"], cwd=ROOT, env=settings, stdout=subprocess.DEVNULL, check=True)
    listed = subprocess.run(
        [*flask, "tenants", "list", "--json"], cwd=ROOT, env=settings, capture_output=True, check=True
    )
    return [shop["code"] for shop in json.loads(listed.stdout)]


def _visit(browser: Browser, server: LiveServer, shop: str, path: str, screen: str) -> dict[str, Any]:
    context = browser.new_context(viewport=SCREENS[screen])  # type: ignore[arg-type]
    context.add_init_script(WATCH_SHIFTS)
    answers: list[Response] = []
    context.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - Playwright marks its handlers
    page = context.new_page()
    page.goto(server.url(path, shop), wait_until="networkidle")
    # Pictures further down are fetched when they come near. Not by the wheel: what shifts after input does not count.
    page.evaluate("window.scrollTo(0, 4000)")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    shift = float(page.evaluate("window.shifts"))
    shifted = ", ".join(dict.fromkeys(page.evaluate("window.shifted")))
    page.evaluate(PUSH)
    page.wait_for_function("window.shifts > 0", timeout=5000)  # the control: a real shift is seen
    sizes = dict.fromkeys(KINDS.values(), 0.0)
    for answer in answers:
        kind = KINDS.get(answer.request.resource_type)
        if kind and answer.status == 200:
            sizes[kind] += len(answer.body()) / 1000
    hosts = {urlsplit(answer.url).netloc for answer in answers if not answer.url.startswith("data:")}
    context.close()
    return {
        "page": f"{shop} {path} ({screen})",
        "without pictures kB": sum(size for name, size in sizes.items() if name != "pictures kB"),
        **sizes,
        "requests": len(answers),
        "layout shift": shift,
        "of": shifted,
        "other hosts": ", ".join(sorted(hosts - {server.host(shop)})),
    }


if __name__ == "__main__":
    raise SystemExit(main())
