"""The quickstart of docs/api.md works in a shell next to a running shop."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commerce.config import ROOT
from commerce.tenants.models import Shop
from tests.factories.shop import counters, make_product
from tests.support.server import LiveServer

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.skipif(
        shutil.which("curl") is None and not os.environ.get("CI"),
        reason="the page types curl, which this machine has not; where it counts (CI) that is a failure",
    ),
]
PAGE = ROOT / "docs" / "api.md"
BETWEEN = "=== the next block ==="


def typed(server: LiveServer, database_url: str, var: Path) -> list[list[str]]:
    """Type every block of the page into one shell; return the lines that each has printed."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    script = f"\necho; echo '{BETWEEN}'\n".join(blocks)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=os.environ
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATABASE_URL": database_url,
            "VAR_DIR": str(var),
            "SHOP": server.url("", "demo"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [[line for line in printed.splitlines() if line.strip()] for printed in done.stdout.split(BETWEEN)]


def test_the_quickstart_works_as_written(
    in_shop: Shop, live_server: Callable[..., LiveServer], database_url: str, tmp_path: Path
) -> None:
    sold = make_product("Wireless Mouse", price=2999, sku="PRD-001", stock=10)
    printed = typed(live_server(), database_url, tmp_path)
    key, listed, placed, again, paid, refused, received, fed = printed
    assert key == []
    products, stock = map(json.loads, listed)
    assert products["items"][0]["attributes"]["variants"][0]["sku"] == "PRD-001"
    assert stock["attributes"]["availableQuantity"] == 10
    (order,) = map(json.loads, placed)
    assert order["attributes"]["status"] == "pending"
    assert order["attributes"]["items"][0]["quantity"] == 2
    assert [json.loads(line)["code"] for line in again] == [order["code"]]
    assert json.loads(paid[0])["attributes"]["paymentStatus"] == "paid"
    assert refused == ["stale_version"]
    assert json.loads(received[0])["quantity"] == 30
    (page,) = map(json.loads, fed)
    assert page["items"] == []
    assert counters(sold) == (30, 2)


def test_every_url_of_the_guide_is_in_the_document(in_shop: Shop, client: Any) -> None:
    named = set(re.findall(r"\$SHOP(/api/[^\"?]*)", PAGE.read_text()))
    paths = [
        re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
        for path in client.get("/api/openapi.json").json["paths"]
    ]
    assert len(named) > 5
    for path in named:
        assert any(re.fullmatch(known, path) for known in paths), path
