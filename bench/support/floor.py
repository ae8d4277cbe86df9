"""What our pages are compared with: the same bytes from a bare Flask + Jinja app that has no database, and nothing.

Run by gunicorn with the settings of the product (`bare_server`). The template is cut from the product's own page, so
the two answers have the same markup and, to the byte, the same size.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import urllib3
from flask import Flask, render_template

from commerce.config import ROOT
from tests.support import child
from tests.support.postgres import free_port

CARD = re.compile(r'<li class="card">.*?</li>', re.DOTALL)
# What differs between two cards, in this order.
PARTS = re.compile(
    r'href="(?P<path>[^"]*)"|src="(?P<picture>[^"]*)"|alt="(?P<alt>[^"]*)"'
    r'|card__title">(?P<title>[^<]*)<|class="price">(?P<price>[^<]*)<'
)


def write_floor(html: str, folder: Path) -> int:
    """Write the template and the values of a product list's cards into `folder`; return how many cards there are."""
    folder.mkdir(parents=True, exist_ok=True)
    cards = [match.group(0) for match in CARD.finditer(html)]
    values = [_values(card) for card in cards]
    # The last card's markup: its picture is fetched lazily, as most are.
    markup = PARTS.sub(_placeholder, cards[-1])
    begin, end = html.index(cards[0]), html.index(cards[-1]) + len(cards[-1])
    escaped = [text.replace("{", "{{ '{' }}") for text in (html[:begin], html[end:])]
    template = f"{escaped[0]}{{% for card in cards %}}{markup}{{% endfor %}}{escaped[1]}"
    (folder / "page.html").write_text(template)
    (folder / "cards.json").write_text(json.dumps(values))
    return len(cards)


def _placeholder(match: re.Match[str]) -> str:
    name = match.lastgroup or ""
    return match.group(0).replace(match.group(name), f"{{{{ card.{name} }}}}")


def _values(card: str) -> dict[str, str]:
    return {
        match.lastgroup or "": unescape(match.group(match.lastgroup or "")) for match in PARTS.finditer(card)
    }


def make_app() -> Flask:
    """Build the bare application."""
    folder = Path(os.environ["BENCH_FLOOR"])
    app = Flask("floor", template_folder=str(folder))
    app.config["TEMPLATES_AUTO_RELOAD"] = False
    cards = json.loads((folder / "cards.json").read_text())

    @app.get("/page")
    def page() -> str:
        return render_template("page.html", cards=cards)

    @app.get("/nothing")
    def nothing() -> str:
        return "ok"

    return app


@contextlib.contextmanager
def bare_server(
    folder: Path, *, processes: int = 2, threads: int = 4, app: str = "bench.support.floor:make_app()"
) -> Iterator[tuple[int, int]]:
    """Serve a bare app by gunicorn with the product's settings; yields its port and process id."""
    port = free_port()
    settings = ["-k", "gthread", "-w", str(processes), "--threads", str(threads), "--keep-alive", "5"]
    settings += ["--worker-tmp-dir", str(Path("/dev") / "shm")] if sys.platform == "linux" else []
    program = [sys.executable, "-m", "gunicorn", *settings, "-b", f"127.0.0.1:{port}", "--preload"]
    process = subprocess.Popen(
        child.command([*program, "--log-level", "warning", app]),
        cwd=ROOT,
        env=os.environ | {"BENCH_FLOOR": str(folder)},
    )
    try:
        with urllib3.PoolManager(retries=False, timeout=2.0) as http:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and process.poll() is None:
                with contextlib.suppress(urllib3.exceptions.HTTPError):
                    if http.request("GET", f"http://127.0.0.1:{port}/nothing").status == 200:
                        break
                time.sleep(0.05)
            else:
                raise RuntimeError("the bare server did not start")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)
