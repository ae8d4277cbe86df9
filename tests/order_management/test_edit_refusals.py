"""Which changes of an order are refused, and that nothing has changed then."""

from typing import Any

import pytest

from commerce.db import new_id
from commerce.errors import (
    Conflict,
    IllegalTransition,
    InvalidValue,
    NotAllowed,
    NotFound,
    PriceChanged,
    StaleVersion,
)
from commerce.events.outbox import Actor
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_preview import EDITABLE
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.transitions import STATUSES
from commerce.pricing.promotions import ManualDiscount
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.orders import BOB, fresh, order_in
from tests.factories.shop import make_product
from tests.order_management.edit_helpers import bought, edit, traces, units


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in EDITABLE])
def test_an_order_that_is_under_way_or_over_is_not_edited(in_shop: Shop, status: str) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in(status)
    seen = traces(order.id)
    with pytest.raises(IllegalTransition):
        edit_order(
            order.id,
            BOB,
            OrderEdit(units=units(order, 1)),
            seen_version=order.version,
            shown_total=order.total,
        )
    assert traces(order.id) == seen


def test_only_staff_of_this_shop_who_saw_what_is_true_may_edit(in_shop: Shop, other_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    wish = OrderEdit(units=units(order, 1))
    asked: dict[str, Any] = {"seen_version": order.version, "shown_total": 1500}
    seen = traces(order.id)
    with pytest.raises(NotAllowed):
        edit_order(order.id, Actor("guest"), wish, **asked)
    with pytest.raises(StaleVersion):
        edit_order(order.id, BOB, wish, **{**asked, "seen_version": order.version - 1})
    with pytest.raises(PriceChanged):
        edit_order(order.id, BOB, wish, **{**asked, "shown_total": 1400})
    with shop_scope(other_shop), pytest.raises(NotFound):
        edit_order(order.id, BOB, wish, **asked)
    assert traces(order.id) == seen


@pytest.mark.parametrize(
    ("lines", "added", "others", "field"),
    [
        ([0], {}, {}, "units"),
        ([-1], {}, {}, "units-"),
        ([1000], {}, {}, "units-"),
        (None, {"nothing we sell": 1}, {}, "added"),
        (None, {"tea": 0}, {}, "added"),
        (None, {}, {"units": {new_id(): 1}}, "units"),
        (None, {}, {"contact": {"email": " "}}, "email"),
        (None, {}, {"set_discount": True, "discount": ManualDiscount(-1, "x")}, "discount"),
        (None, {}, {}, "units"),
    ],
)
def test_a_bad_request_is_refused_at_its_field(
    in_shop: Shop, lines: list[int] | None, added: dict[str, int], others: dict[str, Any], field: str
) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    seen = traces(order.id)
    wanted = {tea.variant_id if name == "tea" else new_id(): count for name, count in added.items()}
    wish = OrderEdit(**{"units": units(order, *lines) if lines else {}, "added": wanted, **others})
    with pytest.raises(InvalidValue) as refused:
        edit_order(order.id, BOB, wish, seen_version=order.version, shown_total=order.total)
    assert refused.value.field.startswith(field)
    assert traces(order.id) == seen


def test_lines_and_prices_are_settled_once_money_was_given_back_for_them(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 3))
    [line] = order.lines
    credit_order(order.id, RefundRequest(units={line.id: 1}), BOB, reason="Broken")
    now = fresh(order.id)
    with pytest.raises((Conflict, InvalidValue)):
        preview_edit(order.id, OrderEdit(units=units(now, 4)))
    with pytest.raises(Conflict):
        preview_edit(order.id, OrderEdit(price_shipping=True))
    edit(now, OrderEdit(contact={"phone": "0123456"}))
