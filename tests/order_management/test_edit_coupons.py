"""A coupon code that staff apply to a placed order: what it takes off, its limits, and when it is refused."""

from typing import Any

import pytest

from commerce.errors import Conflict, InvalidValue
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.services import cancel_order
from commerce.pricing.promotions import ManualDiscount
from commerce.tenants.models import Shop
from tests.factories.orders import BOB, fresh
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now, used, used_by, uses
from tests.factories.shop import make_product
from tests.order_management.edit_helpers import bought, edit, traces, units

WELCOME = OrderEdit(coupon_code=" wel\u200bcome10 ")


def test_a_code_is_applied_and_counted_once(in_shop: Shop) -> None:
    coupon_id = make_coupon(limit=5, each=1)
    with rules_of_now():
        order = bought((make_product("Tea", price=1000, stock=9), 2), paid=False)
        plan = preview_edit(order.id, WELCOME)
        assert (plan.discount_amount, plan.total, plan.changes) == (200, 2300, ("code WELCOME10: $2.00",))
        assert used(coupon_id) == 0
        now = edit(order, WELCOME)
        assert (now.total, now.discount_amount) == (2300, 200)
        assert [each.label for each in now.adjustments if each.source_type == "promotion"] == [
            "Welcome (WELCOME10)"
        ]
        assert (used(coupon_id), used_by(coupon_id, "ann@example.com")) == (1, 1)
        with pytest.raises(InvalidValue, match="coupon_used_by_customer"):
            preview_edit(order.id, WELCOME)


def test_cancelling_gives_the_use_back(in_shop: Shop) -> None:
    coupon_id = make_coupon(limit=1)
    with rules_of_now():
        order = edit(bought((make_product(price=1000, stock=9), 1), paid=False), WELCOME)
        assert used(coupon_id) == 1
        cancel_order(order.id, BOB, reason="Changed their mind")
        assert (used(coupon_id), uses(coupon_id)) == (0, [("ann@example.com", True)])


def test_a_later_edit_keeps_the_promotion_in_proportion(in_shop: Shop) -> None:
    coupon_id = make_coupon()
    with rules_of_now():
        tea, pot = make_product("Tea", price=1000, stock=9), make_product("Pot", price=3000, stock=9)
        order = bought((tea, 2), (pot, 1))
        now = edit(order, WELCOME, refund=True)
        assert [line.discount_amount for line in now.lines] == [200, 300]
        fewer = edit(now, OrderEdit(units=units(now, 1, 1)), refund=True)
        assert [line.discount_amount for line in fewer.lines] == [100, 300]
        again = edit(fewer, OrderEdit(units=units(fewer, 2, 1)))
        assert again.total == now.total
        assert len(uses(coupon_id)) == 1
        with pytest.raises(InvalidValue, match="coupon_order_has_promotion"):
            preview_edit(order.id, WELCOME)


@pytest.mark.parametrize("count", [1, 5])
def test_promotions_that_were_sold_for_other_units_never_take_off_more_than_a_line_costs(
    in_shop: Shop, count: int
) -> None:
    make_coupon("SEVEN", percent_ppm=70_000)
    make_coupon("GIFT", kind="fixed", amount=50_000)
    with rules_of_now():
        order = bought((make_product("Tea", price=1433, stock=9), 2), paid=False)
        order = edit(order, OrderEdit(coupon_code="SEVEN"))
        order = edit(order, OrderEdit(coupon_code="GIFT", units=units(order, 3)))
        assert order.lines[0].discount_amount == 3 * 1433
        fewer = edit(order, OrderEdit(units=units(order, count)))
        assert fewer.lines[0].discount_amount == min(count, 3) * 1433
        by_hand = OrderEdit(set_discount=True, discount=ManualDiscount(100, "Sorry"))
        assert edit(fewer, by_hand).discount_amount == min(count, 3) * 1433 + (100 if count > 3 else 0)
        assert edit(fresh(order.id), OrderEdit(units=units(order, 3))).discount_amount == 3 * 1433


def test_a_code_takes_its_part_off_what_other_promotions_leave(in_shop: Shop) -> None:
    make_promotion(percent_ppm=500_000)
    make_coupon()
    with rules_of_now():
        order = bought((make_product(price=1000, stock=9), 1), paid=False)
        change = OrderEdit(
            coupon_code="WELCOME10", set_discount=True, discount=ManualDiscount(100, "For the scratch")
        )
        assert edit(order, change).discount_amount == 500 + 50 + 100


def test_free_shipping_by_a_code(in_shop: Shop) -> None:
    make_coupon("FREE", kind="free_shipping")
    with rules_of_now():
        order = bought((make_product(price=1000, stock=9), 1), paid=False)
        now = edit(order, OrderEdit(coupon_code="FREE"))
        assert (now.total, now.discount_amount) == (1000, 500)


@pytest.mark.parametrize(
    ("values", "code", "reason"),
    [
        ({}, "NOPE", "coupon_unknown"),
        ({"enabled": False}, "WELCOME10", "coupon_disabled"),
        ({"min_subtotal": 5000}, "WELCOME10", "coupon_order_below_minimum"),
        ({"combines": False}, "WELCOME10", "coupon_does_not_combine"),
        ({"limit": 1}, "WELCOME10", "coupon_used_up"),
        ({"each": 1}, "WELCOME10", "coupon_used_by_customer"),
    ],
)
def test_a_code_that_does_not_apply_is_refused_with_the_reason(
    in_shop: Shop, values: dict[str, Any], code: str, reason: str
) -> None:
    make_promotion()
    make_coupon(**values)
    with rules_of_now():
        tea = make_product(price=1000, stock=9)
        if "limit" in values or "each" in values:
            edit(bought((tea, 1), paid=False), WELCOME)
        order = bought((tea, 1), paid=False)
        before = traces(order.id)
        with pytest.raises(InvalidValue) as refused:
            edit_order(
                order.id,
                BOB,
                OrderEdit(coupon_code=code),
                seen_version=order.version,
                shown_total=order.total,
            )
        assert (refused.value.field, refused.value.reason) == ("coupon_code", reason)
        assert traces(order.id) == before


def test_a_code_beside_a_promotion_that_stands_alone_is_refused(in_shop: Shop) -> None:
    make_promotion(combines=False)
    make_coupon()
    with rules_of_now():
        order = bought((make_product(price=1000, stock=9), 1), paid=False)
        with pytest.raises(InvalidValue, match="coupon_does_not_combine"):
            preview_edit(order.id, WELCOME)


def test_a_code_that_was_used_at_the_preview_and_is_used_up_now_changes_nothing(in_shop: Shop) -> None:
    coupon_id = make_coupon(limit=1)
    with rules_of_now():
        tea = make_product(price=1000, stock=9)
        slow, fast = bought((tea, 1), paid=False), bought((tea, 1), paid=False)
        shown = preview_edit(slow.id, WELCOME)
        edit(fast, WELCOME)
        before = traces(slow.id)
        with pytest.raises((InvalidValue, Conflict)):
            edit_order(slow.id, BOB, WELCOME, seen_version=slow.version, shown_total=shown.total)
        assert traces(slow.id) == before
        assert used(coupon_id) == 1
        assert fresh(slow.id).total == 1500
