"""A shop moves between installations and databases, whole or not at all."""

import hashlib
import io
import json
import threading
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import func, select

from commerce import encryption
from commerce.accounts.models import StaffMember
from commerce.catalog.categories import CategoryValues, create_category
from commerce.catalog.images import normalise, store
from commerce.catalog.models import Category, Product
from commerce.content.home_page import SectionValues, customize_home
from commerce.content.menus import EntryValues, add_entry
from commerce.content.models import HomeSection
from commerce.db import Base, atomic, db, tenant_scope
from commerce.error_messages import describe
from commerce.errors import InvalidValue, Rejected
from commerce.invoices.models import InvoiceDocument
from commerce.orders.models import Order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.stock_check import check_stock
from commerce.payments.methods import configure_method, get_method
from commerce.tenant_transfer.archive import MANIFEST
from commerce.tenant_transfer.export_shop import export_shop, export_to_file
from commerce.tenant_transfer.import_shop import import_shop
from commerce.tenant_transfer.tables import shop_tables
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop, get_shop_by_code
from commerce.tenants.scope import shop_scope
from commerce.webhooks import services as webhooks
from commerce.webhooks.models import WebhookEndpoint
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, take_step
from tests.factories.shop import make_product
from tests.factories.staff import PASSWORD, make_staff, sign_in
from tests.invoices.making import follow, making_invoices
from tests.tenant_transfer.installations import PASSPHRASE, THERE, at, found, let_a_program_in, media


@atomic
def give_second_factor() -> None:
    for member in db.session.scalars(select(StaffMember)):
        member.totp_secret = encryption.seal().close("JBSWY3DPEHPK3PXP")
        member.totp_since = member.created_at


def live(app: Flask) -> Shop:
    """Found a shop that has seen something: goods, orders in several states, staff, secrets, a picture."""
    found("neighbour")
    shop = making_invoices(found("tea"))
    with shop_scope(shop):
        teas = [make_product(f"Tea {number} Émile", price=999 + number, stock=20) for number in range(3)]
        for number, step in enumerate(["", "confirm", "ship", "cancel"]):
            order = make_order(
                (teas[number % 3], 1), (teas[(number + 1) % 3], 2), name="Ann “Émile” 茶 \u2028 Buyer"
            )
            if step in ("confirm", "ship"):
                for action in {"confirm": ("pay", "confirm"), "ship": ("pay", "confirm", "process", "ship")}[
                    step
                ]:
                    take_step(order.id, action)
                follow(order.id)
                credit_order(order.id, RefundRequest(amount=100), BOB, reason="Sorry")
                follow(order.id)
            elif step:
                take_step(order.id, step)
        create_category(CategoryValues("Green", description="Of the first harvest."))
        add_entry("main", EntryValues("address", "Journal", address="/search?q=journal"), list)
        button = {"button_label": "See all", "button_address": "/search"}
        customize_home(lambda: [SectionValues("hero", title="Tea", **button)])
        make_staff("owner")
        give_second_factor()
        configure_method(
            "stripe",
            gateway="stripe",
            name="Card",
            secrets={"secret_key": "sk_test_abcd1234", "webhook_secret": "whsec_abcd1234"},
        )
        webhooks.create_endpoint(url="https://erp.example/in", description="ERP", event_types=[])
        let_a_program_in()
        out = io.BytesIO()
        Image.new("RGB", (8, 8), "#8f3524").save(out, "PNG")
        store(normalise(out.getvalue()), media(app), shop.id)
    return get_shop(shop.id)


def rows_of(shop: Shop) -> dict[str, list[Any]]:
    """Return every row that moves, without what is sealed."""
    db.session.close()
    kept = {}
    with shop_scope(shop), db.engine.connect() as connection:
        for table in shop_tables():
            mine = table.c.id if table.name == "tenants" else table.c.tenant_id
            columns = [c for c in table.columns if "sealed" not in c.name and "totp" not in c.name]
            kept[table.name] = [
                tuple(row)
                for row in connection.execute(
                    select(*columns).where(mine == shop.id).order_by(*table.primary_key)
                )
            ]
    return kept


def test_a_shop_is_the_same_in_the_other_database(installations: tuple[Flask, Flask], tmp_path: Path) -> None:
    old, new = installations
    file = tmp_path / "tea.zip"
    with at(old):
        shop = live(old)
        done = export_to_file(shop, file, media(old), passphrase=PASSPHRASE)
        before = rows_of(shop)
        assert done.secrets_left == 0
        assert file.stat().st_mode & 0o077 == 0
    with at(new, THERE):
        found("kites")
        told: list[str] = []
        result = import_shop(
            file, media(new), passphrase=PASSPHRASE, progress=lambda table, _rows: told.append(table)
        )
        assert told == [table.name for table in shop_tables()]
        assert rows_of(shop) == before
        assert result.books == done.books
        assert result.books["ordered"]["USD"] > 0
        assert result.books["captured"]["USD"] > 0
        moved = get_shop_by_code("tea")
        with shop_scope(moved):
            assert list(check_stock()) == []
            member = db.session.scalars(select(StaffMember)).one()
            assert encryption.seal().open(str(member.totp_secret)) == "JBSWY3DPEHPK3PXP"
            assert get_method("stripe").secret_hints["secret_key"].endswith("1234")
            take_away_second_factor()
            tea = db.session.scalars(select(Order.id).where(Order.status == "pending")).all()
            assert tea
            order = make_order((make_product("Fresh"), 1))
            assert order.code == "ORD-000005"
            take_step(order.id, "pay")
            assert follow(order.id) == ["INV-0003"], "numbers go on"
            assert set(db.session.scalars(select(InvoiceDocument.kind))) == {"invoice", "credit_note"}
        client = new.test_client(host="tea.localhost")
        assert sign_in(client).status_code == 303
        assert "ORD-000003" in client.get("/admin/orders").text
        assert client.get("/search?q=emile").text.count("/products/tea-") >= 3
        (picture,) = (media(new) / str(shop.id)).glob("*.webp")
        with client.get(f"/media/{shop.id}/{picture.name}") as answer:
            assert answer.status_code == 200
        assert new.test_client(host="kites.localhost").get("/").status_code == 200
        with pytest.raises(Rejected, match="shop_exists"):
            import_shop(file, media(new), code="twin", hosts=["twin.example"], passphrase=PASSPHRASE)


@atomic
def take_away_second_factor() -> None:
    for member in db.session.scalars(select(StaffMember)):
        member.totp_secret = member.totp_since = None


def test_without_a_passphrase_secrets_stay_behind_and_what_needs_them_is_off(
    installations: tuple[Flask, Flask], tmp_path: Path
) -> None:
    old, new = installations
    file = tmp_path / "tea.zip"
    with at(old):
        shop = live(old)
        assert export_to_file(shop, file, media(old)).secrets_left == 3
        sealed = encryption.seal().close("x")[:9].encode()
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert b"sk_test" not in content
            assert b"whsec_abcd" not in content
            assert b"JBSWY3DPEHPK3PXP" not in content
            assert sealed not in content or name.startswith("media/")
    with at(new, THERE):
        result = import_shop(file, media(new), code="tea-two", hosts=["Tea.Example", "www.tea.example"])
        assert (result.shop.code, result.shop.host) == ("tea-two", "tea.example")
        with shop_scope(result.shop):
            member = db.session.scalars(select(StaffMember)).one()
            assert member.totp_secret is member.totp_since is None
            endpoint = db.session.scalars(select(WebhookEndpoint)).one()
            assert endpoint.state == "disabled"
            assert encryption.seal().open(endpoint.sealed_secret).startswith("whsec_")
        client = new.test_client(host="tea.example")
        assert sign_in(client, password=PASSWORD).status_code == 303
        assert "Moved without its secret" in client.get("/admin/webhooks").text


def change(file: Path, edit: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def change_manifest(**values: Any) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        members[MANIFEST] = json.dumps({**json.loads(members[MANIFEST]), **values}).encode()

    return edit


def change_member(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        assert old in members[name]
        members[name] = members[name].replace(old, new)

    return edit


def lose(prefix: str) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        for name in [name for name in members if name.startswith(prefix)]:
            del members[name]

    return edit


def everything(*shops: uuid.UUID) -> list[int]:
    """Return how many rows of each table there are, of the shops together."""
    found = []
    for shop_id in shops:
        with tenant_scope(shop_id), db.engine.connect() as connection:
            found += [
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in Base.metadata.sorted_tables
            ]
    return found


def said(refused: pytest.ExceptionInfo[Rejected]) -> str:
    return f"{refused.value.reason}: {describe(refused.value)}"


def test_a_file_that_is_not_right_leaves_no_trace(installations: tuple[Flask, Flask], tmp_path: Path) -> None:
    old, new = installations
    file = tmp_path / "tea.zip"
    with at(old):
        shop = live(old)
        export_to_file(shop, file, media(old), passphrase=PASSPHRASE)
        books = json.loads(zipfile.ZipFile(file).read(MANIFEST))["books"]
    whole = file.read_bytes()
    edits: list[tuple[Callable[[dict[str, bytes]], None], str]] = [
        (change_manifest(format=2), "has a format that this version can"),
        (change_manifest(schema="0001"), "another version"),
        (change_manifest(tables={}), "t contain the tables of this version"),
        (change_manifest(books={**books, "ordered": {"USD": 1}}), "nothing was saved: ordered"),
        (change_manifest(books={**books, "stock_digest": ""}), "nothing was saved: stock_digest"),
        (change_member("tables/orders.jsonl", b"Ann", b"Eve"), "checksum"),
        (lose("tables/refunds"), "damaged"),
        (lose("media/"), "missing or damaged"),
        (lose(MANIFEST), "manifest.json in the file is missing"),
    ]
    with at(new, THERE):
        both = (found("neighbour").id, shop.id)
        before = everything(*both)
        for edit, words in edits:
            file.write_bytes(whole)
            change(file, edit)
            with pytest.raises(Rejected) as refused:
                import_shop(file, media(new), passphrase=PASSPHRASE)
            assert words in said(refused)
            assert everything(*both) == before
        file.write_bytes(whole[:-200])
        with pytest.raises(Rejected) as refused:
            import_shop(file, media(new))
        assert "archive_unreadable" in said(refused)
        file.write_bytes(whole)
        for wrong, words in [
            ("", "The secrets in this file are protected by a passphrase. Enter it."),
            ("quite another one", "isn't the passphrase"),
            ("short", "12 to 128"),
        ]:
            with pytest.raises(Rejected) as refused:
                import_shop(file, media(new), passphrase=wrong)
            assert words in said(refused)
        for names, words in [
            ({"code": "neighbour"}, "“neighbour” already"),
            ({"hosts": ["neighbour.localhost"]}, "“neighbour.localhost” here"),
        ]:
            with pytest.raises(Rejected) as refused:
                import_shop(file, media(new), passphrase=PASSPHRASE, **names)  # type: ignore[arg-type]
            assert words in said(refused)
        with pytest.raises(InvalidValue):
            import_shop(file, media(new), passphrase=PASSPHRASE, code="Not A Code")
        assert everything(*both) == before
        assert not (media(new) / str(shop.id)).exists()


def test_a_shop_that_is_sold_from_meanwhile_is_written_as_it_was_at_one_moment(
    app: Flask,
) -> None:
    with at(app):
        shop = live(app)
        with shop_scope(shop):
            late = make_product("Late", stock=5)

        def sell(table: str, _rows: int) -> None:
            if table == "stock_items":

                def buy() -> None:
                    with app.app_context(), shop_scope(shop):
                        make_order((late, 1))

                thread = threading.Thread(target=buy)
                thread.start()
                thread.join()

        target = io.BytesIO()
        done = export_shop(shop, target, media(app), progress=sell)
        with shop_scope(shop):
            assert db.session.scalar(select(func.count()).select_from(Order)) == 5
        assert done.rows["orders"] == 4
        with zipfile.ZipFile(target) as archive:
            assert archive.read("tables/reservations.jsonl").count(b"\n") == done.rows["reservations"]
            assert json.loads(archive.read(MANIFEST))["books"] == done.books


def test_only_the_own_rows_are_in_the_file(app: Flask) -> None:
    with at(app):
        shop = live(app)
        neighbour = get_shop_by_code("neighbour")
        target = io.BytesIO()
        export_shop(shop, target, media(app))
        with zipfile.ZipFile(target) as archive:
            for name in archive.namelist():
                assert str(neighbour.id).encode() not in archive.read(name), name


def test_the_commands_move_a_shop_and_say_what_matters(app: Flask, tmp_path: Path) -> None:
    with at(app):
        live(app)
    runner = app.test_cli_runner()
    file = tmp_path / "out.zip"
    result = runner.invoke(args=["tenants", "export", "tea", str(file), "--json"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["rows"]["orders"] == 4
    assert any("secrets were left out" in note for note in facts["notes"])
    assert any("open" in note for note in facts["notes"])
    assert any("1 keys of programs were left out" in note for note in facts["notes"])
    again = runner.invoke(args=["tenants", "export", "tea", str(file)])
    assert (again.exit_code, "is there already" in again.output) == (1, True)
    assert runner.invoke(args=["tenants", "export", "nobody", str(tmp_path / "x")]).exit_code == 1
    refused = runner.invoke(args=["tenants", "import", str(file)])
    assert (refused.exit_code, "already exists here" in refused.output) == (1, True)


def set_value(table: str, column: str, value: Any) -> Callable[[dict[str, bytes]], None]:
    """Write another value into every row of a table, with a checksum that fits: as somebody forges an archive."""

    def edit(members: dict[str, bytes]) -> None:
        name, manifest = f"tables/{table}.jsonl", json.loads(members[MANIFEST])
        facts = manifest["tables"][table]
        rows = [json.loads(line) for line in members[name].splitlines()]
        assert rows, table
        for row in rows:
            row[facts["columns"].index(column)] = value
        members[name] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        facts["sha256"] = hashlib.sha256(members[name]).hexdigest()
        members[MANIFEST] = json.dumps(manifest).encode()

    return edit


FORGED: list[tuple[str, str, Any, str]] = [
    ("tenants", "return_days", 5_000_000, "Enter a whole number from 0 to 365"),
    ("tenants", "cart_days", -1, "Enter a whole number from"),
    ("tenants", "theme", {"accent": "red; background: url(x)"}, ""),
    ("tenants", "theme", ["accent"], "wrong kind"),
    ("tenants", "timezone", "Mars/Olympus", ""),
    ("tenants", "operations_email", "<b>no address", ""),
    ("tenants", "hero", "../../secret_key", ""),
    ("tenants", "name", "x" * 300, ""),
    ("products", "title", "", ""),
    ("products", "title", 7, "wrong kind"),
    ("products", "status", "hacked", ""),
    ("products", "tags", "no list", "wrong kind"),
    ("products", "published_at", "9999-12-31T00:00:00+00:00", "out of range"),
    ("products", "published_at", "2026-01-01T00:00:00", "wrong kind"),
    ("variants", "price", 10**17, "Enter a valid price."),
    ("variants", "price", "10", "wrong kind"),
    ("variants", "price", 2**70, ""),
    ("variants", "sku", "../x", ""),
    ("variants", "active", "yes", "wrong kind"),
    ("staff_members", "email", "not an address", "valid email address"),
    ("orders", "email", "a b", "valid email address"),
    ("orders", "note", "a\0b", "wrong kind"),
    ("orders", "status", "sold twice", ""),
    ("payment_methods", "hold_minutes", 10**12, ""),
    ("payment_methods", "gateway", "casino", ""),
    ("payment_methods", "fee_ppm", -5, ""),
    ("tax_rates", "rate_ppm", 5_000_000, ""),
    ("home_sections", "button_address", "javascript:alert(1)", "begins with https://"),
    ("home_sections", "picture", "../../secret_key", "Upload an image."),
    ("menu_entries", "address", "javascript:alert(1)", "begins with https://"),
    ("menu_entries", "label", "x" * 101, "Use at most 100 characters."),
    ("webhook_endpoints", "url", "file:///etc/passwd", ""),
]
"""Table, column, a value that no form takes, and words of the refusal."""


def test_every_value_of_an_archive_goes_through_the_validation_of_its_form(
    installations: tuple[Flask, Flask], tmp_path: Path
) -> None:
    old, new = installations
    file = tmp_path / "tea.zip"
    with at(old):
        shop = live(old)
        export_to_file(shop, file, media(old), passphrase=PASSPHRASE)
    whole = file.read_bytes()
    with at(new, THERE):
        before = everything(shop.id)
        for table, column, value, words in FORGED:
            file.write_bytes(whole)
            change(file, set_value(table, column, value))
            with pytest.raises(Rejected) as refused:
                import_shop(file, media(new), passphrase=PASSPHRASE)
            assert refused.value.reason.startswith("archive_row"), (column, said(refused))
            assert refused.value.facts["table"] == table, (column, said(refused))
            assert words in said(refused)
            assert everything(shop.id) == before
        file.write_bytes(whole)
        raw = '<p hx-get="/spy" onclick="spy()">Good</p><script>spy()</script>'
        change(file, set_value("products", "description_html", raw))
        change(file, set_value("categories", "description", raw))
        change(file, set_value("home_sections", "body_html", raw))
        with shop_scope(import_shop(file, media(new), passphrase=PASSPHRASE).shop):
            assert set(db.session.scalars(select(Product.description_html))) == {"<p>Good</p>"}
            assert set(db.session.scalars(select(Category.description))) == {"<p>Good</p>"}
            assert set(db.session.scalars(select(HomeSection.body_html))) == {"<p>Good</p>"}
