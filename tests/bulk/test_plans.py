"""Changes of many rows: previewed, done once for each row, stopped and resumed, and taken back."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, update

from commerce.bulk import runner
from commerce.bulk.kinds import KINDS
from commerce.bulk.models import BulkPlan, BulkRow
from commerce.bulk.queries import all_rows, get_plan, row_counts
from commerce.bulk.runner import run_bulk_plans
from commerce.bulk.services import (
    NothingChosen,
    PlanMoved,
    create_plan,
    discard_plan,
    do_next_rows,
    move_plan,
    preview_plan,
    start_plan,
)
from commerce.catalog.models import Category, Product, ProductCategory, Variant
from commerce.catalog.update_product import VariantUpdate, change_product
from commerce.db import _as_tenant, atomic, db
from commerce.errors import InvalidValue, NotFound, StaleVersion
from commerce.money import PPM
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import shop_scope
from tests.bulk.many import make_many

UP_5 = {"direction": "raise", "percent": 5 * PPM // 100, "amount": None, "compare_at": "keep"}


@pytest.fixture
def products(in_shop: Shop) -> list[uuid.UUID]:
    return make_many(30)


def plan_of(kind: str, given: dict[str, Any], *, start: bool = True) -> uuid.UUID:
    plan_id = create_plan(kind, select(Product.id, Product.version), scope={}, by="Bob", staff_id=None)
    preview_plan(plan_id, given, seen_version=1)
    if start:
        start_plan(plan_id, seen_version=2)
    return plan_id


def run(stop: Callable[[], bool] = lambda: False) -> None:
    """Let the worker work until nothing is left, which is in no shop."""
    with _as_tenant(None, every=False):
        while run_bulk_plans(stop):
            pass


def prices() -> dict[uuid.UUID, int]:
    db.session.close()
    rows = db.session.execute(select(Variant.product_id, Variant.price))
    return {row.product_id: row.price for row in rows}


def edit(product_id: uuid.UUID, price: int) -> None:
    """Change a price by hand."""
    db.session.close()
    variant = db.session.execute(select(Variant.id).where(Variant.product_id == product_id)).scalar_one()
    change_product(product_id, seen_version=None, variants=[VariantUpdate(variant, None, {"price": price})])


def test_a_preview_adds_up_and_changes_nothing(products: list[uuid.UUID]) -> None:
    plan = get_plan(plan_of("products.price", UP_5, start=False))
    figures = {"changed": 30, "same": 0, "refused": 0, "variants": 30}
    assert plan.totals["figures"] == {**figures, "money_before": 30300, "money_after": 31830}
    assert plan.totals["sample"][0]["lines"][0] | {"what": ""} == {
        "what": "", "before": 1010, "after": 1061, "is_money": True,
    }  # fmt: skip
    run()
    assert set(prices().values()) == {1010}


def test_a_plan_changes_each_row_once_and_tells_caches_and_pages(products: list[uuid.UUID]) -> None:
    version = select(Tenant.catalogue_version)
    before = db.session.execute(version).scalar_one()
    plan_id = plan_of("products.price", UP_5)
    run()
    assert set(prices().values()) == {1061}, "half a cent goes up"
    assert row_counts(plan_id) == {"done": 30}
    assert get_plan(plan_id).status == "done"
    assert set(db.session.scalars(select(Product.version))) == {2}
    assert db.session.execute(version).scalar_one() > before
    run()
    assert set(prices().values()) == {1061}


def test_a_row_that_somebody_edits_is_listed_and_not_overwritten(products: list[uuid.UUID]) -> None:
    plan_id = plan_of("products.price", UP_5)
    edit(products[3], 500)
    run()
    assert row_counts(plan_id) == {"done": 29, "conflict": 1}
    assert prices()[products[3]] == 500
    (listed,) = [row for row in all_rows(plan_id) if row.status == "conflict"]
    assert listed.subject_id == products[3]
    assert listed.reason == {
        "reason": "stale_version",
        "facts": {"entity": "product", "seen": 1, "current": 2},
    }


def test_a_second_preview_has_seen_what_changed_meanwhile(products: list[uuid.UUID]) -> None:
    plan_id = plan_of("products.price", UP_5, start=False)
    edit(products[3], 500)
    preview_plan(plan_id, UP_5, seen_version=2)
    with pytest.raises(StaleVersion):
        start_plan(plan_id, seen_version=2)
    start_plan(plan_id, seen_version=3)
    run()
    assert row_counts(plan_id) == {"done": 30}
    assert prices()[products[3]] == 525


def test_an_undo_restores_what_nobody_has_touched_since(products: list[uuid.UUID]) -> None:
    plan_id = plan_of("products.price", UP_5 | {"compare_at": "clear"})
    run()
    edit(products[7], 700)
    move_plan(plan_id, "undo")
    run()
    assert row_counts(plan_id) == {"undone": 29, "kept": 1}
    assert {key for key, price in prices().items() if price == 1010} == set(products) - {products[7]}
    assert prices()[products[7]] == 700
    assert get_plan(plan_id).status == "undone"


def test_a_paused_plan_waits_and_goes_on(products: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "do_next_rows", lambda plan_id: do_next_rows(plan_id, 7))
    looks = iter([False, False, True])

    plan_id = plan_of("products.price", UP_5)
    with _as_tenant(None, every=False):
        run_bulk_plans(lambda: next(looks))
    assert row_counts(plan_id) == {"done": 7, "pending": 23}
    move_plan(plan_id, "pause")
    run()
    assert row_counts(plan_id) == {"done": 7, "pending": 23}
    move_plan(plan_id, "resume")
    run()
    assert row_counts(plan_id) == {"done": 30}
    with pytest.raises(PlanMoved):
        move_plan(plan_id, "pause")


def test_a_paused_plan_is_undone_as_far_as_it_came(products: list[uuid.UUID]) -> None:
    plan_id = plan_of("products.price", UP_5)
    do_next_rows(plan_id, 10)
    move_plan(plan_id, "pause")
    move_plan(plan_id, "undo")
    run()
    assert set(prices().values()) == {1010}
    assert row_counts(plan_id) == {"undone": 10, "pending": 20}


def test_a_price_below_zero_is_refused_for_its_row_alone(products: list[uuid.UUID]) -> None:
    edit(products[0], 50)
    plan_id = plan_of(
        "products.price", {"direction": "lower", "percent": None, "amount": 100, "compare_at": "old_price"}
    )
    assert get_plan(plan_id).totals["figures"]["refused"] == 1
    run()
    assert row_counts(plan_id) == {"done": 29, "failed": 1}
    assert prices()[products[0]] == 50
    assert set(db.session.scalars(select(Variant.compare_at))) == {1010, None}


def test_a_row_that_breaks_the_code_is_left_out_and_the_others_are_done(
    products: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = KINDS["products.price"]
    real = kind.target

    def broken(state: Any, parameters: Any) -> Any:
        if state.id == products[5]:
            raise RuntimeError("a bug")
        return real(state, parameters)

    plan_id = plan_of("products.price", UP_5)
    monkeypatch.setattr(kind, "target", broken)
    run()
    assert row_counts(plan_id) == {"done": 29, "failed": 1}
    assert {key for key, price in prices().items() if price == 1010} == {products[5]}


def test_a_product_that_is_gone_is_listed(products: list[uuid.UUID]) -> None:
    plan_id = plan_of("products.status", {"status": "archived"})

    @atomic
    def delete_it() -> None:
        db.session.delete(db.session.get_one(Product, (in_tenant(), products[2])))

    def in_tenant() -> uuid.UUID:
        return db.session.execute(select(Tenant.id)).scalar_one()

    delete_it()
    run()
    assert row_counts(plan_id) == {"done": 29, "conflict": 1}


def test_status_tags_and_categories_change_and_come_back(products: list[uuid.UUID]) -> None:
    @atomic
    def prepare() -> tuple[uuid.UUID, uuid.UUID]:
        db.session.execute(update(Product).values(tags=["Old", "Kept"]))
        db.session.add_all([tea := Category(slug="t", name="Tea"), sale := Category(slug="s", name="Sale")])
        db.session.flush()
        db.session.add(ProductCategory(product_id=products[0], category_id=tea.id))
        return tea.id, sale.id

    tea, sale = prepare()
    found: dict[str, Callable[[], Any]] = {
        "status": lambda: set(db.session.scalars(select(Product.status))),
        "tags": lambda: {tuple(tags) for tags in db.session.scalars(select(Product.tags))},
        "places": lambda: db.session.execute(select(func.count()).select_from(ProductCategory)).scalar_one(),
    }
    before = {name: look() for name, look in found.items()}
    assert before == {"status": {"active"}, "tags": {("Old", "Kept")}, "places": 1}
    for kind, given, changed in (
        ("products.status", {"status": "draft"}, {"status": {"draft"}}),
        ("products.tags", {"add": ["new", "KEPT"], "remove": ["old"]}, {"tags": {("Kept", "new")}}),
        ("products.categories", {"add": [str(sale)], "remove": [str(tea)]}, {"places": 30}),
    ):
        plan_id = plan_of(kind, given)
        run()
        db.session.close()
        assert {name: look() for name, look in found.items()} == {**before, **changed}
        move_plan(plan_id, "undo")
        run()
        assert row_counts(plan_id) == {"undone": 30}
        db.session.close()
        assert {name: look() for name, look in found.items()} == before


def test_what_is_so_already_stays_untouched(products: list[uuid.UUID]) -> None:
    plan_id = plan_of("products.status", {"status": "active"})
    assert get_plan(plan_id).totals["figures"] == {"changed": 0, "same": 30, "refused": 0}
    run()
    assert row_counts(plan_id) == {"unchanged": 30}
    assert set(db.session.scalars(select(Product.version))) == {1}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("products.price", {"direction": "raise", "percent": 5, "amount": 5, "compare_at": "keep"}),
        ("products.price", {"direction": "raise", "percent": 0, "amount": None, "compare_at": "keep"}),
        ("products.price", {"direction": "up", "percent": 5, "amount": None, "compare_at": "keep"}),
        ("products.status", {"status": "sold"}),
        ("products.tags", {"add": [" "], "remove": []}),
        ("products.tags", {"add": ["x" * 300], "remove": []}),
        ("products.categories", {"add": [], "remove": []}),
        ("products.categories", {"add": [str(uuid.UUID(int=1))], "remove": []}),
        ("products.categories", {"add": [str(uuid.UUID(int=1))], "remove": [str(uuid.UUID(int=1))]}),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    products: list[uuid.UUID], kind: str, given: dict[str, Any]
) -> None:
    with pytest.raises(InvalidValue):
        plan_of(kind, given)


def test_a_plan_needs_rows_a_preview_and_a_shop_of_its_own(
    products: list[uuid.UUID], in_shop: Shop, other_shop: Shop
) -> None:
    nothing = select(Product.id, Product.version).where(Product.title == "nothing")
    with pytest.raises(NothingChosen):
        create_plan("products.status", nothing, scope={}, by="Bob", staff_id=None)
    with pytest.raises(NotFound):
        create_plan("products.burn", select(Product.id, Product.version), scope={}, by="Bob", staff_id=None)
    everything = select(Product.id, Product.version)
    plan_id = create_plan("products.status", everything, scope={}, by="Bob", staff_id=None)
    with pytest.raises(PlanMoved):
        start_plan(plan_id, seen_version=1)
    with shop_scope(other_shop), pytest.raises(NotFound):
        preview_plan(plan_id, {"status": "draft"}, seen_version=1)
    discard_plan(plan_id)
    assert db.session.execute(select(func.count()).select_from(BulkPlan)).scalar_one() == 0
    assert db.session.execute(select(func.count()).select_from(BulkRow)).scalar_one() == 0
