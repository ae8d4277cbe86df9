"""How often a code may be used is changed after shoppers have used it, and the limit holds from then on."""

import uuid

import pytest

from commerce.cart.services import enter_code
from commerce.checkout.services import PlacedOrder, place_order
from commerce.errors import CouponRefused, InvalidValue, NotFound, StaleVersion
from commerce.orders.services import cancel_order
from commerce.pricing.coupon_limits import change_limits, limits_version
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import GUEST, order_as_shown, ready_cart
from tests.factories.pricing import make_coupon, rules_of_now, used, used_by, uses
from tests.factories.shop import Sold, make_product

ANN, BEA = "ann@example.com", "bea@example.com"


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(stock=50)


def order(tea: Sold, email: str = ANN) -> PlacedOrder:
    with rules_of_now():
        shopper = ready_cart((tea, 1), email=email)
        enter_code(shopper, "TEA", shipping=500)
        return place_order(**order_as_shown(shopper))


def limit(
    coupon: uuid.UUID,
    in_all: int | None,
    each: int | None = None,
    *,
    seen: tuple[int | None, int | None] = (None, None),
) -> None:
    change_limits(coupon, usage_limit=in_all, per_customer_limit=each, seen_version=limits_version(*seen))


def test_a_limit_that_comes_later_counts_the_orders_that_were_there_before(tea: Sold) -> None:
    coupon = make_coupon("TEA")
    order(tea)
    cancel_order(order(tea).id, GUEST, reason="Changed my mind")
    assert used(coupon) == 0
    limit(coupon, 2)
    assert used(coupon) == 1
    order(tea)
    with pytest.raises(CouponRefused):
        order(tea)
    assert used(coupon) == 2


def test_a_limit_per_customer_that_comes_later_counts_each_of_them(tea: Sold) -> None:
    coupon = make_coupon("TEA")
    order(tea)
    first_of_bea = order(tea, BEA)
    limit(coupon, None, 1)
    assert (used_by(coupon, ANN), used_by(coupon, BEA)) == (1, 1)
    order(tea)
    assert uses(coupon) == [(ANN, False), (BEA, False)], "the second order of Ann was shown without it"
    cancel_order(first_of_bea.id, GUEST, reason="Changed my mind")
    order(tea, BEA)
    assert (used(coupon), used_by(coupon, BEA)) == (0, 1)


def test_a_limit_is_raised_and_taken_away(tea: Sold) -> None:
    coupon = make_coupon("TEA", limit=1)
    first = order(tea)
    limit(coupon, 2, seen=(1, None))
    order(tea)
    with pytest.raises(CouponRefused):
        order(tea)
    limit(coupon, None, seen=(2, None))
    order(tea)
    cancel_order(first.id, GUEST, reason="Changed my mind")
    assert used(coupon) == 0
    limit(coupon, 2)
    assert used(coupon) == 2


def test_no_limit_is_less_than_what_was_used(tea: Sold) -> None:
    coupon = make_coupon("TEA")
    for email in (ANN, ANN, BEA):
        order(tea, email)
    for in_all, each, field, words in (
        (2, None, "usage_limit", "usage_limit_below_uses used=3"),
        (None, 1, "per_customer_limit", "customer_limit_below_uses used=2"),
        (0, None, "usage_limit", "limit_invalid"),
    ):
        with pytest.raises(InvalidValue, match=words) as refused:
            limit(coupon, in_all, each)
        assert refused.value.field == field
    limit(coupon, 3, 2)
    assert (used(coupon), used_by(coupon, ANN), used_by(coupon, BEA)) == (3, 2, 1)


def test_two_who_change_it_at_once_do_not_overwrite_each_other(tea: Sold) -> None:
    coupon = make_coupon("TEA")
    limit(coupon, 5)
    with pytest.raises(StaleVersion):
        limit(coupon, 7)
    limit(coupon, 7, seen=(5, None))


def test_charlie_changes_no_code_of_alices(tea: Sold, other_shop: Shop) -> None:
    coupon = make_coupon("TEA")
    with shop_scope(other_shop), pytest.raises(NotFound):
        limit(coupon, 5)
    limit(coupon, 6)
