"""`flask stock import` says what it does, does it, and exits truthfully."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from tests.factories.shop import Sold, counters, make_product


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", stock=10)


def run(app: Flask, *arguments: str, given: str | None = None) -> Any:
    return app.test_cli_runner().invoke(args=["stock", "import", *arguments], input=given)


def test_a_dry_run_changes_nothing_and_the_run_after_it_does(app: Flask, tea: Sold, tmp_path: Path) -> None:
    file = tmp_path / "count.csv"
    file.write_text("SKU,On hand\nTEA-1,14\n")
    looked = run(app, str(file), "--tenant", "demo", "--dry-run")
    assert looked.exit_code == 0
    assert "Row 2: TEA-1 at main: 10 -> 14" in looked.output
    assert counters(tea) == (10, 0)
    done = run(app, str(file), "--tenant", "demo")
    assert (done.exit_code, counters(tea)) == (0, (14, 0))
    again = run(app, str(file), "--tenant", "demo", "--json")
    assert json.loads(again.stdout)["unchanged"] == 1


def test_rows_that_cannot_be_followed_are_reported_and_the_others_done(app: Flask, tea: Sold) -> None:
    result = run(app, "-", "--tenant", "demo", "--json", given="sku,on hand\nNOPE,1\nTEA-1,3\n")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["problems"] == [{"row": 2, "sku": "NOPE", "problem": "There is no such SKU."}]
    assert report["rowsRead"] == report["changed"] + report["unchanged"] + report["leftAlone"]
    assert counters(tea) == (3, 0)


@pytest.mark.parametrize(
    ("arguments", "given", "reason"),
    [
        (("nowhere.csv", "--tenant", "demo"), None, "nowhere.csv"),
        (("-", "--tenant", "nobody"), "sku,on hand\n", "nobody"),
        (("-", "--tenant", "demo"), "title\nTea\n", "no “SKU” column"),
    ],
)
def test_what_cannot_be_begun_says_why(
    app: Flask, tea: Sold, arguments: tuple[str, ...], given: str | None, reason: str
) -> None:
    result = run(app, *arguments, given=given)
    assert result.exit_code == 2
    assert reason in result.output


def test_a_file_without_any_count_is_an_error_and_new_locations_are_offered_and_made(
    app: Flask, tea: Sold
) -> None:
    empty = run(app, "-", "--tenant", "demo", given="SKU,Location,On hand (new)\nTEA-1,main,\n")
    assert (empty.exit_code, "No row" in empty.output) == (2, True)

    text = "SKU,Location,On hand (current),On hand (new)\nTEA-1,Berlin,4,\n"
    offered = run(app, "-", "--tenant", "demo", given=text)
    assert offered.exit_code == 1
    assert "'Berlin' (1 rows). --create-locations makes them." in offered.output
    foretold = run(app, "-", "--tenant", "demo", "--create-locations", "--dry-run", given=text)
    assert (foretold.exit_code, "1 changed" in foretold.output) == (0, True)
    made = run(app, "-", "--tenant", "demo", "--create-locations", "--json", given=text)
    assert (made.exit_code, json.loads(made.stdout)["changed"]) == (0, 1)
    again = run(app, "-", "--tenant", "demo", "--json", given=text)
    assert json.loads(again.stdout)["unchanged"] == 1
