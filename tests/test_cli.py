"""The commands of the installation: what they say, what they refuse, and the exit codes that scripts rely on."""

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from commerce.config import Config
from commerce.db import atomic, db
from commerce.errors import GatewayNoAnswer
from commerce.payments.gateways.registry import GATEWAYS
from commerce.payments.gateways.test_card import TestCardGateway
from commerce.payments.models import Payment
from commerce.payments.queries import get_payment
from commerce.pricing.queries import tax_table
from commerce.schema_state import is_current
from commerce.server import refuse_taken_port
from commerce.settlement.services import take_payment
from commerce.shipping.queries import shipping_offers
from commerce.tenants.models import Shop, TenantHost
from commerce.tenants.queries import get_shop_by_code, list_shops
from commerce.tenants.scope import shop_scope
from commerce.tenants.settings import countries
from commerce.tenants.time_zones import time_zone_of
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.support.databases import bench_config, build_app, disconnect

CREATE = ["tenants", "create", "kiosk", "--name", "Kiosk", "--currency", "EUR", "--country", "DE"]
ALL = {"all_tenants": True}


def flask(app: Flask, *command: str) -> Any:
    """Run a command of the product as a shell would."""
    return app.test_cli_runner().invoke(args=list(command))


# --- tenants --------------------------------------------------------------------------------------------


def test_a_shop_is_created_ready_to_sell(app: Flask) -> None:
    result = flask(app, *CREATE, "--tax-percent", "8.1", "--shipping", "4.90", "--prices-exclude-tax")
    assert (result.exit_code, result.output) == (
        0,
        "Created Kiosk (kiosk) at kiosk.localhost, time zone Europe/Berlin.\n",
    )
    with app.app_context():
        shop = get_shop_by_code("kiosk")
        assert (shop.name, shop.currency, shop.country, shop.prices_include_tax) == (
            "Kiosk",
            "EUR",
            "DE",
            False,
        )
        with shop_scope(shop):
            rate = tax_table().rate_for("DE", "standard")
            assert (rate.ppm, rate.label) == (81_000, "VAT 8.1 %")
            assert tax_table().rate_for("FR", "standard").ppm == 0
            (offer,) = shipping_offers(country="FR", subtotal=0, weight_grams=0)
            assert (offer.name, offer.price) == ("Standard shipping", 490)
    assert "Kiosk" in app.test_client(host="kiosk.localhost").get("/").text


def test_a_created_shop_is_reported_to_programs_as_json(app: Flask) -> None:
    result = flask(app, *CREATE, "--host", "kiosk.example", "--host", "www.kiosk.example", "--json")
    with app.app_context():
        shop = get_shop_by_code("kiosk")
    assert json.loads(result.output) == {
        "id": str(shop.id),
        "code": "kiosk",
        "host": "kiosk.example",
        "timezone": "Europe/Berlin",
    }
    assert shop.host == "kiosk.example"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["--currency", "EURO"], "“EURO” isn't an ISO 4217 currency code."),
        (["--country", "de"], "“de” isn't a two-letter country code."),
        (["--host", "kiosk.example/"], "“kiosk.example/” isn't a valid host name."),
        (["--host", "kiosk.example:5000"], "“kiosk.example:5000” isn't a valid host name."),
        (["--name", " "], "Enter a shop name of one line with up to"),
        (["--name", "Kiosk\nBcc: eve@evil.test"], "Enter a shop name of one line with up to"),
        (["--tax-percent", "lots"], "“lots” isn't a percentage"),
        (["--tax-percent", "nan"], "“nan” isn't a percentage"),
        (["--tax-percent", "inf"], "“inf” isn't a percentage"),
        (["--tax-percent", "-1"], "“-1” isn't a percentage"),
        (["--tax-percent", "100.01"], "“100.01” isn't a percentage"),
        (["--tax-percent", "8.12345"], "“8.12345” isn't a percentage"),
        (["--shipping", "4,90"], "“4,90” isn't a valid amount."),
        (["--shipping", "4.905"], "too many decimal places: EUR has 2"),
        (["--shipping", "-1"], "Enter a shipping price of at least zero."),
    ],
)
def test_a_refusal_is_one_sentence_and_leaves_no_shop(app: Flask, changed: list[str], words: str) -> None:
    result = flask(app, *CREATE, *changed)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    with app.app_context():
        assert list_shops() == []
        assert db.session.scalar(select(func.count()).select_from(TenantHost), execution_options=ALL) == 0


@pytest.mark.parametrize("code", ["Kiosk", "1kiosk", "ki osk", "", "k" * 40, "kiosk.example", "kiosk\n"])
def test_a_code_is_small_letters(app: Flask, code: str) -> None:
    result = flask(app, "tenants", "create", code, *CREATE[3:])
    assert (
        result.exit_code,
        "A shop code can have lowercase letters, numbers, and hyphens, and starts with a letter."
        in result.stderr,
    ) == (1, True)
    with app.app_context():
        assert list_shops() == []


@pytest.mark.parametrize(
    ("country", "options", "zone"),
    [
        ("JP", (), "Asia/Tokyo"),
        ("US", (), "America/New_York"),
        ("DE", (), "Europe/Berlin"),
        ("US", ("--timezone", "Pacific/Honolulu"), "Pacific/Honolulu"),
        ("JP", ("--timezone", "UTC"), "UTC"),
        ("AQ", (), "UTC"),
    ],
)
def test_a_shop_has_the_time_zone_of_its_country(
    app: Flask, country: str, options: tuple[str, ...], zone: str
) -> None:
    result = flask(app, *CREATE[:-1], country, *options)
    assert result.exit_code == 0, result.output
    assert f"time zone {zone}." in result.output
    with app.app_context():
        assert [each.timezone for each in list_shops()] == [zone]


def test_an_unknown_time_zone_is_refused(app: Flask) -> None:
    result = flask(app, *CREATE, "--timezone", "Mars/Olympus")
    assert result.exit_code == 1
    assert "time zone" in result.stderr
    with app.app_context():
        assert list_shops() == []


def test_the_zones_of_countries_are_known(app: Flask) -> None:
    unknown = {country for country in countries() if time_zone_of(country) == "UTC"}
    assert unknown == {"AQ", "UM", "CQ", "CP", "HM", "BV", "TA", "DG", "AC", "EA", "XK", "IC"}


def test_a_code_or_host_that_is_taken_is_refused(app: Flask, shop: Shop) -> None:
    taken_code = flask(app, "tenants", "create", "demo", *CREATE[3:])
    taken_host = flask(app, *CREATE, "--host", "kiosk.example", "--host", "demo.localhost")
    assert (taken_code.exit_code, taken_host.exit_code) == (1, 1)
    assert "A shop with the code “demo” already exists." in taken_code.stderr
    assert "demo.localhost already leads to a shop." in taken_host.stderr
    with app.app_context():
        assert [each.code for each in list_shops()] == ["demo"]
        assert db.session.scalar(select(func.count()).select_from(TenantHost), execution_options=ALL) == 1


def test_the_shops_are_listed_for_people_and_for_programs(app: Flask, shop: Shop, other_shop: Shop) -> None:
    lines = flask(app, "tenants", "list").output.splitlines()
    assert [line.split(maxsplit=4) for line in lines] == [
        ["demo", "demo.localhost", "USD", "active", "Alice's Tea"],
        ["other", "other.localhost", "JPY", "active", "Charlie's Kites"],
    ]
    numbers = {"products": 0, "orders_this_month": 0, "staff": 0}
    assert json.loads(flask(app, "tenants", "list", "--json").output) == [
        {"id": str(each.id), "code": each.code, "name": each.name, "host": each.host, "status": "active"}
        | numbers
        for each in (shop, other_shop)
    ]


def test_no_shops_are_an_empty_list(app: Flask) -> None:
    assert json.loads(flask(app, "tenants", "list", "--json").output) == []
    assert flask(app, "tenants", "list").output == ""


def test_a_suspended_shop_is_closed(app: Flask, in_shop: Shop, other_shop: Shop) -> None:
    assert flask(app, "tenants", "suspend", "demo", "--reason", "Moving").exit_code == 0
    assert "suspended" in flask(app, "tenants", "list").output
    assert app.test_client(host="demo.localhost").get("/").status_code == 503
    assert app.test_client(host="other.localhost").get("/").status_code == 200


# --- payments reconcile ---------------------------------------------------------------------------------


class Silent(TestCardGateway):
    def look_up(self, charge: Any) -> Any:  # noqa: ARG002 - the interface of all gateways
        raise GatewayNoAnswer("nobody there")


def unanswered_payment() -> Any:
    order = make_order((make_product(stock=3), 1), payment_method="card")
    assert order.payment_id is not None
    assert take_payment(order.payment_id, "4000 0000 0000 0119").state == "unknown"

    @atomic
    def age() -> None:
        db.session.execute(update(Payment).values(updated_at=datetime.now(UTC) - timedelta(minutes=2)))

    age()
    return order.payment_id


def test_nothing_to_ask_about_is_success(app: Flask, shop: Shop) -> None:
    result = flask(app, "payments", "reconcile")
    assert (result.exit_code, result.output) == (0, "Asked about 0, still unknown 0, 0 do not match.\n")


def test_an_answered_payment_is_settled_and_exit_code_0(app: Flask, in_shop: Shop) -> None:
    payment_id = unanswered_payment()
    result = flask(app, "payments", "reconcile", "--json")
    assert result.exit_code == 0
    assert json.loads(result.output) == {
        "asked": 1,
        "still_unknown": 0,
        "payments": [{"payment_id": str(payment_id), "before": "unknown", "after": "captured"}],
        "refunds": {},
        "mismatches": [],
    }
    assert flask(app, "payments", "reconcile").output == "Asked about 0, still unknown 0, 0 do not match.\n"


def test_a_payment_that_stays_unknown_is_exit_code_1(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = unanswered_payment()
    monkeypatch.setitem(GATEWAYS, "test_card", Silent())
    result = flask(app, "payments", "reconcile")
    assert result.exit_code == 1
    assert (
        result.output
        == f"{payment_id}  unknown -> unknown\nAsked about 1, still unknown 1, 0 do not match.\n"
    )
    db.session.close()
    assert get_payment(payment_id).state == "unknown"


# --- setup and serve ------------------------------------------------------------------------------------


def test_setup_brings_an_empty_database_to_the_newest_schema_and_can_be_repeated(tmp_path: Path) -> None:
    app = build_app(bench_config(f"sqlite:///{tmp_path / 'new.db'}", tmp_path))
    try:
        first, second = flask(app, "setup"), flask(app, "setup")
        assert (first.exit_code, second.exit_code) == (0, 0)
        assert first.stdout == "Bringing the database to the newest schema ...\n"
        assert second.stdout == ""
        with app.app_context():
            assert is_current()
            assert list_shops() == []
    finally:
        disconnect(app)


def test_setup_puts_no_demo_beside_a_real_shop(make_app: Callable[..., Flask], shop: Shop) -> None:
    app = make_app(demo=True)
    result = flask(app, "setup")
    assert (result.exit_code, result.stdout) == (0, "")
    with app.app_context():
        assert [each.code for each in list_shops()] == ["demo"]


def test_a_taken_port_is_one_sentence_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as refusal:
            refuse_taken_port(Config(secret_key="", host="127.0.0.1", port=port))
    assert refusal.value.code == (
        f"Port {port} on 127.0.0.1 cannot be used (Address already in use). "
        f"Choose another one: make run PORT={port + 1}"
    )
    refuse_taken_port(Config(secret_key="", host="127.0.0.1", port=port))


@pytest.mark.parametrize(
    "command", ["tenants create", "tenants list", "payments reconcile", "setup", "serve", "worker"]
)
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    app = build_app(bench_config(f"sqlite:///{tmp_path / 'none.db'}", tmp_path))
    result = flask(app, *command.split(), "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()[2].strip()) > 10
    assert not (tmp_path / "none.db").exists()
