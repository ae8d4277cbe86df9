"""Take the pictures of the documentation: `make screenshots`. Starts its own server with the demo shops."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.support.browser import launch
from tests.support.server import LiveServer

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1280, 900


def main() -> None:
    """Walk through the demo shop and keep a picture of each station."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        database = f"sqlite:///{folder}/shop.db"
        password = _found_shops(database, folder)
        server = LiveServer(database, Path(folder)).start()
        browser = launch(playwright)
        try:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(server.url("/"))
            _keep(page, "home")
            page.goto(server.url("/", shop="tea"))
            _keep(page, "tea")
            page.goto(server.url("/products/ridge-mug"))
            page.get_by_role("button", name="Add to cart").click()
            page.goto(server.url("/checkout"))
            _keep(page, "checkout")
            _sign_in(page, server, password)
            page.goto(server.url("/admin/stock"))
            _keep(page, "stock")
        finally:
            browser.close()
            server.terminate()


def _found_shops(database: str, folder: str) -> str:
    """Found the demo shops and return the password of the first shop's owner."""
    environment = {**os.environ, "DATABASE_URL": database, "VAR_DIR": folder, "DEMO": "1"}
    command = [sys.executable, "-m", "flask", "--app", "app", "setup"]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    found = re.search(r"owner@demo\.example  password: (\S+)", said)
    if found is None:
        raise RuntimeError("the set-up printed no sign-in")
    return found[1]


def _sign_in(page: Page, server: LiveServer, password: str) -> None:
    page.goto(server.url("/admin/"))
    page.get_by_label("Email").fill("owner@demo.example")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/**")


def _keep(page: Page, name: str) -> None:
    """Write what the window shows as WebP: a tenth of a PNG."""
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot()))
    IMAGES.mkdir(exist_ok=True)
    picture.save(IMAGES / f"{name}.webp", quality=82, method=6)


if __name__ == "__main__":
    main()
