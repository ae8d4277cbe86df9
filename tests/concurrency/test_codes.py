"""What may be there once is made once, and whoever comes second in the same instant is told so at the field."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.db import db
from commerce.errors import InvalidValue
from commerce.inventory.locations import create_location
from commerce.payments.methods import configure_method
from commerce.pricing.models import Promotion
from commerce.pricing.services import create_coupon, create_tax_rate
from commerce.pricing.validation import TaxValues
from commerce.tenants.models import Shop
from tests.concurrency.race import race
from tests.factories.pricing import make_coupon

RACERS = 6


def _coupon() -> Callable[[], Any]:
    make_coupon("FIRST")
    promotion = db.session.scalars(select(Promotion.id)).one()
    return partial(create_coupon, promotion, "SPRING")


MAKE: dict[str, tuple[Callable[[], Callable[[], Any]], str]] = {
    "location": (lambda: partial(create_location, "north", "North"), "code"),
    "tax rate": (lambda: partial(create_tax_rate, TaxValues("DE", "books", 70_000, "VAT")), "tax_class"),
    "coupon": (_coupon, "code"),
}
"""What -> (what makes it, the field that is refused)."""


@pytest.mark.parametrize("what", MAKE)
def test_what_many_make_at_once_is_made_once(arena: Flask, shop: Shop, what: str) -> None:
    prepare, field = MAKE[what]
    results = race(arena, shop, [prepare()] * RACERS)
    refused = [each for each in results if isinstance(each, Exception)]
    assert len(refused) == RACERS - 1
    for error in refused:
        assert isinstance(error, InvalidValue), error
        assert error.field == field


def test_a_way_to_pay_is_made_once_and_then_the_same(arena: Flask, shop: Shop) -> None:
    make = partial(configure_method, "later", gateway="manual", name="Later", seen="")
    results = race(arena, shop, [make] * RACERS)
    assert results.count(None) == 1
    assert {type(each).__name__ for each in results if each is not None} <= {"InvalidValue", "Conflict"}
