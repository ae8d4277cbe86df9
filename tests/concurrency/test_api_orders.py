"""Twenty requests for the same order in one instant: money goes back once, and a parcel leaves once."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from commerce.tenants.models import Shop
from tests.api.order_helpers import (
    ACTIONS_TO_COMPLETED,
    captured_and_refunded,
    make_tea,
    order_url,
    paid_order,
)
from tests.concurrency.race import race
from tests.factories.api_clients import Program, make_program, new_key
from tests.factories.shop import Sold, counters
from tests.support.invariants import broken_invariants

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
AT_ONCE = 20
UNITS = {
    "lines": [{"productCode": "TEA-1", "quantity": 2, "restock": 2}],
    "returned": True,
    "reason": "Broken",
}
GOODWILL = {"amount": 0.5, "reason": "For the trouble"}


@pytest.fixture
def sold(arena: Flask) -> Sold:
    return make_tea()


@pytest.fixture
def program(arena: Flask) -> Program:
    return make_program(arena)


def all_at_once(
    arena: Flask, shop: Shop, program: Program, path: str, body: Any, key: str = ""
) -> tuple[Counter[int], list[TestResponse]]:
    """Send it by everybody at once, each with a new key or all with the same, and count the statuses."""
    assert program.get(path).status_code == 200
    answers = race(arena, shop, [partial(program.post, path, body, key=key)] * AT_ONCE)
    return Counter(answer.status_code for answer in answers), answers


def test_the_same_units_are_given_back_once(arena: Flask, shop: Shop, sold: Sold, program: Program) -> None:
    order = paid_order(sold, 2, *ACTIONS_TO_COMPLETED[:2])
    statuses, _answers = all_at_once(arena, shop, program, order_url(order, "refunds"), UNITS)
    assert statuses == {201: 1, 422: AT_ONCE - 1}
    assert (captured_and_refunded(order), counters(sold)) == ((2500, 2000), (100, 0))
    assert broken_invariants() == []


def test_who_saw_the_same_version_gives_back_once(
    arena: Flask, shop: Shop, sold: Sold, program: Program
) -> None:
    order = paid_order(sold, 2, *ACTIONS_TO_COMPLETED[:2])
    seen = {**GOODWILL, "version": order.version}
    statuses, _answers = all_at_once(arena, shop, program, order_url(order, "refunds"), seen)
    assert statuses == {201: 1, 409: AT_ONCE - 1}
    assert captured_and_refunded(order) == (2500, 50)


def test_the_same_key_gives_back_once_and_everybody_reads_the_same(
    arena: Flask, shop: Shop, sold: Sold, program: Program
) -> None:
    order = paid_order(sold, 2, *ACTIONS_TO_COMPLETED[:2])
    statuses, answers = all_at_once(arena, shop, program, order_url(order, "refunds"), GOODWILL, new_key())
    assert statuses == {201: AT_ONCE}
    assert len({answer.data for answer in answers}) == 1
    assert captured_and_refunded(order) == (2500, 50)


def test_the_control_without_a_version_each_key_is_a_goodwill_of_its_own(
    arena: Flask, shop: Shop, sold: Sold, program: Program
) -> None:
    """It is the units, the version and the key that let one through; the order's lock only puts them in a row."""
    order = paid_order(sold, 2, *ACTIONS_TO_COMPLETED[:2])
    statuses, _answers = all_at_once(arena, shop, program, order_url(order, "refunds"), GOODWILL)
    assert statuses == {201: AT_ONCE}
    assert captured_and_refunded(order) == (2500, 50 * AT_ONCE)
    assert broken_invariants() == []


def test_a_parcel_with_all_of_it_leaves_once(arena: Flask, shop: Shop, sold: Sold, program: Program) -> None:
    order = paid_order(sold, 2, "process")
    statuses, _answers = all_at_once(arena, shop, program, order_url(order, "shipments"), {})
    assert statuses == {201: 1, 409: AT_ONCE - 1}
    assert counters(sold) == (98, 0)
    assert broken_invariants() == []
