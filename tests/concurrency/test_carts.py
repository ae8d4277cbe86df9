"""Several tabs of one browser at once: whatever they do to its cart, nobody sees a lock or a key."""

import uuid
from functools import partial

from flask import Flask

from commerce.cart.queries import count_units
from commerce.cart.services import add_line, change_quantity, new_shopper_key, shopper_hash
from commerce.tenants.models import Shop
from tests.concurrency.race import kinds, race
from tests.factories.shop import make_product

ROUNDS = 5


def test_an_old_tab_may_change_a_line_while_another_opens_the_next_cart(arena: Flask, shop: Shop) -> None:
    tea = make_product(stock=50)
    for _ in range(ROUNDS):
        ann, gone = shopper_hash(new_shopper_key()), uuid.uuid4()
        adding = [partial(add_line, ann, tea.variant_id, 1)] * 4
        changing = [partial(change_quantity, ann, gone, units) for units in (0, 1, 2, 3)]
        results = race(arena, shop, [*adding, *changing])
        assert kinds(results) == {"CartChange": len(adding), "NotFound": len(changing)}
        assert count_units(ann) == len(adding)
