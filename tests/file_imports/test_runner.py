"""Imports in the background: checked first, then done exactly once, whatever the worker goes through."""

import io
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from commerce import clock
from commerce.catalog.models import Category, Product, Variant
from commerce.db import _as_tenant, atomic, db
from commerce.errors import NotFound, StaleVersion
from commerce.file_imports import services
from commerce.file_imports.models import FileImport, FileImportChunk, FileImportPart
from commerce.file_imports.queries import get_import
from commerce.file_imports.runner import purge_file_imports, run_file_imports
from commerce.file_imports.services import (
    ImportOver,
    UploadRefused,
    change_options,
    start_import,
    upload_file,
    withdraw_import,
)
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.catalog_import.sheets import MUG, sheet


def many(count: int) -> bytes:
    rows = [
        MUG | {"Handle": f"mug-{n}", "Variant SKU": f"MUG-{n}", "Title": f"Mug {n}"} for n in range(count)
    ]
    return sheet(*rows)


def upload(content: bytes, name: str = "products.csv") -> uuid.UUID:
    return upload_file(io.BytesIO(content), kind="products", file_name=name, by="Bob")


def run(stop: Callable[[], bool] = lambda: False) -> int:
    """Let the worker look once, which is in no shop."""
    with _as_tenant(None, every=False):
        return run_file_imports(lambda _shop: "https://shop.test", stop)


def count(model: type) -> int:
    db.session.close()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def checked(content: bytes) -> FileImport:
    import_id = upload(content)
    assert run() == 1
    row = get_import(import_id)
    assert row.status == "checked", row.error
    return row


@atomic
def time_passes() -> None:
    """Let the claim of a worker that died run out."""
    db.session.execute(update(FileImport).values(claimed_until=clock.now() - timedelta(seconds=1)))


def test_a_file_is_checked_first_and_imported_when_somebody_says_so(in_shop: Shop) -> None:
    row = checked(many(3) + b"broken,,,,,,,,,,,,,,,,,,\r\n")
    assert row.preview["products"] == {"imported": 3, "updated": 0, "unchanged": 0, "rejected": 1}
    assert row.preview["rowsRead"] == 4
    assert count(Product) == 0, "a preview keeps nothing"
    start_import(row.id, seen_version=1)
    assert run() == 1
    row = get_import(row.id)
    assert (row.status, row.rows_done, row.rows_total) == ("done", 4, 4)
    assert row.result["products"] == row.preview["products"]
    assert row.result["errors"][0]["row"] == 5
    assert count(Product) == 3
    assert count(FileImportChunk) == 0, "the file is not kept"
    assert run() == 0


@pytest.mark.parametrize("batches", [1, 2])
def test_an_import_that_is_cut_off_goes_on_behind_its_last_batch(in_shop: Shop, batches: int) -> None:
    import_id = checked(many(130)).id
    start_import(import_id, seen_version=1)
    looks = iter([False] * batches + [True])  # the first look is before it begins
    run(lambda: next(looks))
    row = get_import(import_id)
    assert (row.status, row.products_done, row.rows_done) == ("importing", 50 * batches, 50 * batches)
    assert count(Product) == 50 * batches
    assert run() == 1
    row = get_import(import_id)
    assert row.status == "done"
    assert row.result["products"] == {"imported": 130, "updated": 0, "unchanged": 0, "rejected": 0}
    newest = select(Product.slug).order_by(Product.published_at.desc(), Product.id.desc())
    assert list(db.session.scalars(newest)) == [f"mug-{n}" for n in range(130)], "in the order of the file"


def test_who_was_taken_to_be_dead_writes_nothing_more(in_shop: Shop) -> None:
    """A worker that hangs longer than its claim: the second one goes on, the first one's batch is undone."""
    import_id = checked(many(60)).id
    start_import(import_id, seen_version=1)
    looks: list[int] = []

    def hang() -> bool:
        looks.append(1)
        if len(looks) == 2:  # the first look is before it begins
            time_passes()
            run()
        return False

    run(hang)
    row = get_import(import_id)
    assert row.status == "done"
    assert row.result["products"]["imported"] == 60
    assert count(Product) == 60
    assert count(FileImportPart) == 2


def test_what_keeps_failing_is_given_up_and_says_so(in_shop: Shop) -> None:
    import_id = checked(many(1)).id
    start_import(import_id, seen_version=1)
    for _ in range(services.MAX_TRIES):
        assert services.claim_import(import_id) is not None  # and then it dies
        assert services.claim_import(import_id) is None, "somebody has it"
        time_passes()
    run()
    row = get_import(import_id)
    assert (row.status, row.error["reason"]) == ("failed", "import_keeps_failing")


def test_an_import_is_withdrawn_between_two_batches(in_shop: Shop) -> None:
    import_id = checked(many(120)).id
    start_import(import_id, seen_version=1)

    looks: list[int] = []

    def withdrawn() -> bool:
        looks.append(1)
        if len(looks) == 2:
            withdraw_import(import_id)
        return False

    run(withdrawn)
    assert get_import(import_id).status == "withdrawn"
    assert count(Product) == 50
    with pytest.raises(ImportOver):
        withdraw_import(import_id)


def test_foreign_headings_are_explained_once_and_remembered(in_shop: Shop) -> None:
    content = b"Artikelname,Preis,Bestand,Code\nTasse,12.50,3,T-1\n"
    import_id = upload(content)
    run()
    row = get_import(import_id)
    assert (row.status, row.error["reason"]) == ("failed", "shopify_headings_missing")
    assert row.header == {
        "names": ["Artikelname", "Preis", "Bestand", "Code"],
        "first": ["Tasse", "12.50", "3", "T-1"],
    }
    mapping = {
        "Artikelname": "Title",
        "Preis": "Variant Price",
        "Bestand": "Variant Inventory Qty",
        "Code": "Handle",
    }
    change_options(import_id, {"mapping": mapping}, seen_version=1)
    with pytest.raises(StaleVersion):
        change_options(import_id, {}, seen_version=1)
    run()
    assert get_import(import_id).status == "checked"
    start_import(import_id, seen_version=2)
    run()
    assert get_import(import_id).status == "done"
    assert db.session.scalars(select(Product.title)).all() == ["Tasse"]
    again = upload(content)
    run()
    assert get_import(again).preview["products"]["unchanged"] == 1


def test_a_file_without_quantities_asks_what_the_stock_is(in_shop: Shop) -> None:
    import_id = upload(sheet({name: text for name, text in MUG.items() if "Inventory" not in name}))
    run()
    assert get_import(import_id).error["reason"] == "stock_not_in_file"
    change_options(import_id, {"missing_stock": "untracked"}, seen_version=1)
    run()
    start_import(import_id, seen_version=2)
    run()
    assert db.session.scalars(select(Variant.backorder)).all() == [True]


def test_an_empty_or_too_large_file_is_refused_and_not_kept(
    in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UploadRefused):
        upload(b"")
    monkeypatch.setattr(services, "MAX_FILE", services.CHUNK)
    with pytest.raises(UploadRefused):
        upload(b"x" * (services.CHUNK + 1))
    assert count(FileImport) == count(FileImportChunk) == 0


def test_files_that_nobody_finishes_do_not_pile_up(in_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_OPEN", 1)
    first = checked(many(1)).id
    with pytest.raises(UploadRefused):
        upload(many(1))

    @atomic
    def older(days: int) -> None:
        db.session.execute(update(FileImport).values(created_at=clock.now() - timedelta(days=days)))

    older(8)
    with _as_tenant(None, every=False):
        assert purge_file_imports() == 1
    assert get_import(first).status == "withdrawn"
    assert count(FileImportChunk) == 0
    older(61)
    with _as_tenant(None, every=False):
        assert purge_file_imports() == 1
    assert count(FileImport) == 0


def test_the_shops_own_import_stays_in_the_shop(app: Flask, in_shop: Shop, other_shop: Shop) -> None:
    import_id = checked(many(1)).id
    with shop_scope(other_shop), pytest.raises(NotFound):
        start_import(import_id, seen_version=1)
    start_import(import_id, seen_version=1)
    run()
    with shop_scope(other_shop):
        assert count(Product) == count(Category) == 0
