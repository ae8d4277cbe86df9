"""The owner can run our promise on his own database, and it would tell him if it were broken."""

import json

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce.db import Base, db
from commerce.inventory import services as inventory
from commerce.inventory.models import StockItem
from commerce.tenants.models import Shop
from commerce.tenants.queries import list_shops
from tests.support.all_databases import everywhere


def _rows() -> dict[str, int]:
    found = {}
    for table in Base.metadata.sorted_tables:
        if "tenant_id" in table.c and table.name != "tenant_hosts":
            found[table.name] = len(everywhere(select(table)))
        else:
            found[table.name] = len(
                db.session.execute(select(table), execution_options={"all_tenants": True}).all()
            )
    return found


def test_the_self_test_passes_and_leaves_nothing_behind(app: Flask, in_shop: Shop) -> None:
    before = _rows()
    ran = app.test_cli_runner().invoke(args=["selftest", "race", "--json"])
    report = json.loads(ran.stdout)
    assert (ran.exit_code, report["passed"]) == (0, True)
    assert {race["name"]: race["tried"] for race in report["races"]} == {
        "50 buyers for the last 10 units": 50,
        "the same cart 20 times": 20,
        "50 buyers with a code for one": 50,
        "40 carts of 4 lines in opposite order": 40,
        "pay against cancel against expire": 10,
    }
    assert report["races"][0]["outcomes"] == {"PlacedOrder": 10, "OutOfStock": 40}
    assert report["races"][2]["outcomes"] == {"PlacedOrder": 1, "CouponExhausted": 49}
    assert _rows() == before
    assert [shop.code for shop in list_shops()] == ["demo"]


def test_the_self_test_fails_when_stock_is_not_guarded(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = StockItem.__table__.c.version
    monkeypatch.setattr(
        inventory, "_TAKE", update(StockItem.__table__).where(inventory._ROW).values(version=counter + 1)
    )
    ran = app.test_cli_runner().invoke(args=["selftest", "race"])
    assert ran.exit_code == 1
    assert "FAIL  50 buyers" in ran.stdout
    assert [shop.code for shop in list_shops()] == ["demo"]
