"""The log: each deed of the back office is in it, in its own transaction, and nobody takes anything out of it."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from commerce import clock
from commerce.accounts import audit
from commerce.accounts.models import AuditEntry
from commerce.db import atomic, db
from commerce.events.outbox import Actor
from commerce.orders.queries import get_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.factories.staff import PASSWORD, make_enrolled, make_staff, post, sign_in
from tests.support.client import ShopClient

HERE = "/admin/audit"
OLIVIA = Actor("staff", "1", "Olivia")


def log() -> list[AuditEntry]:
    """Return the shop's log, oldest first."""
    db.session.close()
    return list(db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def told() -> list[tuple[str, str]]:
    return [(entry.action, entry.subject) for entry in log()]


@atomic
def write(count: int = 1, **values: Any) -> None:
    for number in range(count):
        audit.record(**{"actor": OLIVIA, "action": "deed", "subject": f"#{number}", **values})


def test_a_deed_says_who_what_where_and_which_fields(desk: ShopClient) -> None:
    order = make_order((make_product(stock=5), 1))
    version = get_order(order.id).version
    answer = post(
        desk,
        f"/admin/orders/{order.code}/payment",
        {"version": str(version), "amount": "15.00", "reference": "Ann paid cash"},
    )
    assert answer.status_code == 303
    entry = log()[0]
    assert (entry.actor_kind, entry.actor_name, entry.action) == ("staff", "Bob", "order_action")
    assert entry.subject == f"{order.code} payment"
    assert entry.changes == {"version": str(version), "amount": "15.00", "reference": "…"}
    assert entry.address == "127.0.0.1"
    assert len(entry.request_id) == 16


def test_what_is_refused_or_only_looked_at_is_no_deed(desk: ShopClient) -> None:
    assert desk.get("/admin/orders").status_code == 200
    assert post(desk, "/admin/webhooks", {"url": "no address"}).status_code == 422
    assert post(desk, "/admin/staff/invitations", {"email": "a@b.test"}).status_code == 403
    assert log() == []


def test_the_entry_falls_with_its_deed(desk: ShopClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("no log")

    monkeypatch.setattr(audit, "record", blind)
    monkeypatch.setitem(desk.application.config, "PROPAGATE_EXCEPTIONS", 0)
    order = make_order((make_product(stock=5), 1))
    answer = post(desk, f"/admin/orders/{order.code}/notes", {"text": "lost"})
    assert answer.status_code == 500
    assert "lost" not in desk.get(f"/admin/orders/{order.code}").text


def test_nothing_of_a_customer_and_no_secret_gets_into_it(desk: ShopClient, signed_in: SignedIn) -> None:
    order = make_order((make_product(stock=5), 1), name="Ann Canary", email="canary@example.com")
    post(desk, f"/admin/orders/{order.code}/notes", {"text": "Ann Canary rang", "for_customer": "y"})
    post(desk, f"/admin/orders/{order.code}/cancellation", {"version": "1", "reason": "canary@example.com"})
    post(desk, "/admin/account/password", {"present_password": PASSWORD, "password": "canary battery horse"})
    client = signed_in("owner")
    post(client, "/admin/webhooks", {"url": "https://example.com/", "client_secret": "canary"})
    entries = log()
    assert [entry.action for entry in entries] == [
        "note_add",
        "order_action",
        "account_password",
        "webhook_create",
    ]
    stored = json.dumps([[entry.subject, entry.changes] for entry in entries])
    assert "anary" not in stored
    assert PASSWORD not in stored
    assert entries[0].changes == {"text": "…", "for_customer": "y"}
    assert entries[3].changes["url"] == "https://example.com/"


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ([("csrf_token", "x"), ("next", "/"), ("empty", "")], {}),
        (
            [("password", "x"), ("secret_key", "x"), ("otp", "1")],
            {"password": "…", "secret_key": "…", "otp": "…"},
        ),
        ([("name", "Tea"), ("text", "x" * 121)], {"name": "Tea", "text": "…"}),
        ([("event_types", "a"), ("event_types", "b")], {"event_types": "a, b"}),
        ([("na\0me", "a\ud800\n\x1b[31m")], {"na\ufffdme": "a\ufffd\ufffd\ufffd[31m"}),
    ],
)
def test_of_a_form_only_what_is_harmless_is_kept(fields: list[tuple[str, str]], kept: dict[str, str]) -> None:
    assert audit.audited_changes(fields, about_customers=False) == kept


def test_a_form_with_thousands_of_fields_is_cut(in_shop: Shop) -> None:
    assert (
        len(audit.audited_changes([(f"f{i}", "1") for i in range(5000)], about_customers=False))
        == audit.MOST_FIELDS
    )


def test_sign_ins_are_in_it_also_those_that_are_refused(client: ShopClient, in_shop: Shop) -> None:
    codes: list[str] = []
    make_enrolled(codes)
    sign_in(client, password="wrong password")
    sign_in(client, "not@the.staff", "my password by mistake")
    sign_in(client)
    page = client.get("/admin/sign-in/code").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    client.post("/admin/sign-in/code", data={"csrf_token": token, "otp": "000000"})
    client.post("/admin/sign-in/code", data={"csrf_token": token, "otp": codes[0]})
    post(client, "/admin/sign-out")
    assert told() == [
        ("sign_in_refused", "owner@shop.test"),
        ("sign_in_refused", ""),
        ("password_given", "owner@shop.test"),
        ("code_refused", "owner@shop.test"),
        ("sign_in", "owner@shop.test"),
        ("sign_out", "owner@shop.test"),
    ]
    assert [entry.actor_kind for entry in log()[:3]] == ["nobody", "nobody", "staff"]


def test_files_that_are_taken_away_are_in_it(signed_in: SignedIn) -> None:
    product = make_product(stock=5)
    from commerce.inventory.models import StockItem

    item = db.session.scalars(select(StockItem.id).where(StockItem.variant_id == product.variant_id)).one()
    owner = signed_in("owner")
    assert owner.get(f"/admin/ledgers/{item}.csv").status_code == 200
    assert owner.get("/admin/audit.csv").status_code == 200
    assert told() == [("stock_ledger", str(item)), ("audit_file", "")]


def test_what_is_made_at_the_terminal_is_in_it(app: Flask, in_shop: Shop) -> None:
    command = ["staff", "create", "--tenant", "demo", "--email", "ann@shop.test", "--role", "support"]
    assert app.test_cli_runner().invoke(args=command).exit_code == 0
    (entry,) = log()
    assert (entry.actor_kind, entry.action, entry.subject) == ("cli", "staff_create", "ann@shop.test support")
    assert entry.actor_name


# --- nobody edits it -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        update(AuditEntry).values(actor_name="Eve"),
        delete(AuditEntry),
        text("UPDATE audit_entries SET action = 'nothing'"),
        text("DELETE FROM audit_entries"),
        text("UPDATE operator_entries SET action = 'nothing'"),
        text("DELETE FROM operator_entries"),
    ],
    ids=str,
)
def test_the_database_refuses_to_change_an_entry(in_shop: Shop, statement: Any) -> None:
    write()
    write_for_operators()
    with pytest.raises(DBAPIError, match=r"only added to|permission denied"):
        change(statement)
    assert told() == [("deed", "#0")]


@atomic
def change(statement: Any) -> None:
    db.session.execute(statement, execution_options={"synchronize_session": False})


@atomic
def write_for_operators() -> None:
    from commerce.accounts.models import OperatorEntry

    db.session.add(OperatorEntry(operator="Otto", action="deed"))


# --- reading -------------------------------------------------------------------------------------------


def test_the_page_shows_the_newest_first_and_pages(signed_in: SignedIn) -> None:
    write(60)
    owner = signed_in("owner")
    first = owner.get(HERE).text
    assert first.index("#59") < first.index("#58")
    assert "#9<" not in first
    assert "#9<" in owner.get(f"{HERE}?page=2").text
    assert "Older" not in owner.get(f"{HERE}?page=2").text
    assert "No activity found." in owner.get(f"{HERE}?page=3").text


def test_it_is_filtered_by_person_action_and_day(signed_in: SignedIn) -> None:
    with time_machine.travel("2026-03-01 12:00", tick=False) as now:
        write(subject="early")
        now.shift(timedelta(days=1))
        write(subject="late", action="other")
        write(subject="his", actor=Actor("staff", "2", "Bob"))
        owner = signed_in("owner")
        for query, found in (
            ("action=other", {"late"}),
            ("person=2", {"his"}),
            ("until=2026-03-01", {"early"}),
            ("since=2026-03-02", {"late", "his"}),
            ("since=nonsense&until=9999-12-31", {"early", "late", "his"}),
            ("person=2&action=other", set()),
        ):
            page = owner.get(f"{HERE}?{query}").text
            assert {name for name in ("early", "late", "his") if f'class="code">{name}<' in page} == found, (
                query
            )


def test_the_file_says_the_same_and_carries_no_formula(signed_in: SignedIn) -> None:
    write(subject="=1+1", changes={"name": "@SUM"})
    answer = signed_in("owner").get("/admin/audit.csv?action=deed")
    assert answer.mimetype == "text/csv"
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["by"], row["name"], row["action"], row["subject"]) == ("staff", "Olivia", "deed", "'=1+1")
    assert json.loads(row["fields"]) == {"name": "@SUM"}


def test_only_owners_and_managers_read_it(signed_in: SignedIn) -> None:
    assert signed_in("manager").get(HERE).status_code == 200
    for role in ("fulfilment", "support", "readonly"):
        client = signed_in(role)
        assert client.get(HERE).status_code == client.get("/admin/audit.csv").status_code == 403


def test_charlie_reads_their_own(signed_in: SignedIn, other_shop: Shop) -> None:
    write(subject="of Alice")
    with shop_scope(other_shop):
        write(subject="of Charlie")
    page = signed_in("owner", shop=other_shop).get(HERE).text
    assert "of Charlie" in page
    assert "of Alice" not in page


def test_whoever_is_renamed_keeps_their_name_of_then(client: ShopClient, in_shop: Shop) -> None:
    make_staff(name="Olivia")
    sign_in(client)
    post(client, "/admin/account/name", {"name": "Olivia Oak"})
    post(client, "/admin/account/name", {"name": "Olivia Elm"})
    assert [entry.actor_name for entry in log()] == ["Olivia", "Olivia", "Olivia Oak"]
    assert clock.now() - log()[0].occurred_at < timedelta(minutes=5)
