"""A retailer's invoices, replayed as orders: at the end every unit of every shelf is where the file says."""

import os
from pathlib import Path

import pytest
from flask import Flask

from bench.replay import Books, replay
from bench.support.invoices import read_invoices, sum_units, write_made_up
from commerce.tenants.models import Shop

FOLDER = Path(os.environ.get("LOCKSTEP_TEST_DATA", "../shared/data")) / "orders"
REAL = FOLDER / "uci_online_retail_2010-12_to_2011-06.csv.gz"
LINES = 200


def broken_claims(books: Books) -> list[str]:
    return [claim for claim, kept in books.claims().items() if not kept]


def test_made_up_invoices_leave_every_unit_where_they_say(app: Flask, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "invoices.csv"
    write_made_up(path, LINES)
    books = replay(app, path, None, threads=3)
    assert broken_claims(books) == []
    assert min(books.units.values()) > 0
    assert min(books.done[way] for way in ("orders", "credits", "cancelled", "booked by staff")) > 0
    assert books.net == sum(sum_units(path).values())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_made_up_invoices_placed_over_json_leave_every_unit_where_they_say(
    app: Flask, shop: Shop, tmp_path: Path
) -> None:
    path = tmp_path / "invoices.csv"
    write_made_up(path, LINES)
    books = replay(app, path, None, threads=3, over_json=True)
    assert broken_claims(books) == []
    assert books.done["orders"] > 0
    assert books.net == sum(sum_units(path).values())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_first_lines_of_the_real_file_leave_every_unit_where_they_say(app: Flask, shop: Shop) -> None:
    if not REAL.exists():
        pytest.skip(f"no sample data at {FOLDER}: set LOCKSTEP_TEST_DATA")
    books = replay(app, REAL, 300, threads=3)
    assert broken_claims(books) == []
    assert books.net == sum(sum_units(REAL, 300).values())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_control_one_unit_too_few_is_found(
    app: Flask, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "invoices.csv"
    write_made_up(path, 40)
    whole = sum_units(path)
    code = next(iter(whole))
    monkeypatch.setattr("bench.replay.sum_units", lambda *_: whole | {code: whole[code] - 1})
    books = replay(app, path, None, threads=1)
    assert len(broken_claims(books)) == 2
    assert books.wrong_shelves[0].startswith(f"{code}: ")


def test_the_reader_merges_lines_of_a_code_and_keeps_signs(tmp_path: Path) -> None:
    path = tmp_path / "invoices.csv"
    path.write_text(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
        "536365,85123A,HOLDER,4,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
        "536365,POST,,1,2010-12-01 08:26:00,18.00,17850.0,United Kingdom\n"
        "C536379,85123A,HOLDER,-3,2010-12-02 09:41:00,2.55,17850.0,United Kingdom\n"
        "536589,21777,,-10,2010-12-02 16:50:00,0.0,,United Kingdom\n"
    )
    sold, cancelled, corrected = read_invoices(path)
    assert (sold.number, sold.customer, sold.units) == ("536365", "17850.0", {"85123A": 10, "POST": 1})
    assert (cancelled.cancels, cancelled.day, cancelled.units) == (True, "2010-12-02", {"85123A": -3})
    assert (corrected.cancels, corrected.customer, corrected.units) == (False, "", {"21777": -10})
    assert sum_units(path) == {"85123A": 7, "POST": 1, "21777": -10}
    assert len(read_invoices(path, lines=3)) == 1
