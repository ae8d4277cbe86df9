"""Changes of many coupons and promotions: on or off, and when promotions end."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import literal, select

from commerce import clock
from commerce.bulk.queries import all_rows, row_counts
from commerce.bulk.services import create_plan, move_plan, start_plan
from commerce.db import atomic, db
from commerce.pricing.models import Coupon, Promotion
from commerce.pricing.services import set_coupon_enabled
from commerce.tenants.models import Shop, Tenant
from tests.bulk.test_plans import run


@atomic
def make_promotions(in_how_many_days: list[int | None]) -> list[uuid.UUID]:
    """Make promotions that start in so many days, each with a code."""
    now, ids = clock.now().replace(microsecond=0), []
    for number, days in enumerate(in_how_many_days):
        starts_at = None if days is None else now + timedelta(days=days)
        promotion = Promotion(
            label=f"Sale {number}", kind="percentage", percent_ppm=100000, starts_at=starts_at
        )
        db.session.add(promotion)
        db.session.flush()
        db.session.add(Coupon(promotion_id=promotion.id, code=f"SALE{number}"))
        ids.append(promotion.id)
    return ids


def plan_of(kind: str, given: dict[str, Any]) -> uuid.UUID:
    chosen: Any = (
        select(Coupon.id, literal(0).label("version"))
        if kind.startswith("coupons")
        else select(Promotion.id, Promotion.version)
    )
    return create_plan(kind, chosen, scope={}, by="Bob", staff_id=None, given=given)


def do(plan_id: uuid.UUID) -> dict[str, int]:
    start_plan(plan_id, seen_version=2)
    run()
    db.session.close()
    return row_counts(plan_id)


def undo(plan_id: uuid.UUID) -> dict[str, int]:
    move_plan(plan_id, "undo")
    run()
    db.session.close()
    return row_counts(plan_id)


def on(model: Any) -> list[bool]:
    return list(db.session.scalars(select(model.enabled).order_by(model.id)))


def test_coupons_are_turned_off_and_on_again(in_shop: Shop) -> None:
    make_promotions([None, None, None])
    ids = list(db.session.scalars(select(Coupon.id).order_by(Coupon.id)))
    set_coupon_enabled(ids[0], enabled=False)
    plan_id = plan_of("coupons.status", {"enabled": False})
    set_coupon_enabled(ids[2], enabled=False)
    assert do(plan_id) == {"done": 1, "unchanged": 1, "conflict": 1}
    assert on(Coupon) == [False, False, False]
    assert undo(plan_id) == {"undone": 1, "unchanged": 1, "conflict": 1}
    assert on(Coupon) == [False, True, False]


def test_promotions_are_turned_off_and_carts_are_priced_again(in_shop: Shop) -> None:
    make_promotions([None, None])
    rules = select(Tenant.rules_version)
    before = db.session.execute(rules).scalar_one()
    plan_id = plan_of("promotions.status", {"enabled": False})
    assert do(plan_id) == {"done": 2}
    assert on(Promotion) == [False, False]
    assert db.session.execute(rules).scalar_one() > before
    assert undo(plan_id) == {"undone": 2}
    assert on(Promotion) == [True, True]


def test_promotions_end_on_the_day_that_was_chosen(in_shop: Shop) -> None:
    make_promotions([None, 3, 30])
    end = clock.now().replace(microsecond=0) + timedelta(days=10)
    plan_id = plan_of("promotions.end", {"ends_at": end})
    assert do(plan_id) == {"done": 2, "failed": 1}
    ends = select(Promotion.ends_at).order_by(Promotion.id)
    assert list(db.session.scalars(ends)) == [end, end, None]
    assert [row.reason["reason"] for row in all_rows(plan_id) if row.reason] == [
        "promotion_ends_before_start"
    ]
    assert do(plan_of("promotions.end", {"ends_at": end}))["unchanged"] == 2
    assert undo(plan_id)["undone"] == 2
    assert list(db.session.scalars(ends)) == [None, None, None]


@pytest.mark.parametrize("kind", ["promotions.status", "promotions.end"])
def test_a_promotion_that_was_edited_since_is_left_alone(in_shop: Shop, kind: str) -> None:
    ids = make_promotions([None, None])
    plan_id = plan_of(kind, {"enabled": False, "ends_at": clock.now() + timedelta(days=1)})

    @atomic
    def edit() -> None:
        promotion = db.session.scalars(select(Promotion).where(Promotion.id == ids[0])).one()
        promotion.label = "Renamed"

    edit()
    assert do(plan_id) == {"done": 1, "conflict": 1}
