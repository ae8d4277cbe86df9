"""Fifty at once: documents are numbered 1..N without gap or double, in order of time, and no order has one twice."""

import uuid
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select

from commerce import clock
from commerce.db import atomic, db
from commerce.invoices.models import InvoiceDocument
from commerce.invoices.services import follow_documents
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.concurrency.race import race
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.invoices.making import making_invoices, numbers

THREADS, ORDERS = 50, 25


@pytest.fixture
def paid(arena: Flask, in_shop: Shop) -> tuple[Shop, list[uuid.UUID]]:
    """A shop that makes invoices, and paid orders without any."""
    shop = making_invoices(in_shop)
    make_product(sku="TEA-1", stock=1000)
    with shop_scope(shop):
        return shop, [order_in("paid", quantity=1).id for _ in range(ORDERS)]


def test_fifty_threads_number_without_gap_or_double(arena: Flask, paid: tuple[Shop, list[uuid.UUID]]) -> None:
    shop, orders = paid
    # Each order is looked at by two threads at once, as by a worker whose lease ran out and the one that took over.
    calls = [partial(follow_documents, orders[n % ORDERS], uuid.uuid4(), "test") for n in range(THREADS)]
    made = race(arena, shop, calls)
    assert [each for each in made if isinstance(each, Exception)] == []
    assert sorted(code for codes in made for code in codes) == [f"INV-{n:04d}" for n in range(1, ORDERS + 1)]
    with shop_scope(shop):
        assert numbers() == list(range(1, ORDERS + 1)), "in order of time"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer
def test_counting_the_rows_instead_gives_numbers_twice(
    arena: Flask, paid: tuple[Shop, list[uuid.UUID]]
) -> None:
    """A control: without the counter's lock the same race meets a number that is taken."""
    shop, orders = paid

    @atomic
    def count(order_id: uuid.UUID) -> int:
        order = db.session.scalars(select(Order).where(Order.id == order_id)).one()
        taken = db.session.scalars(select(InvoiceDocument.number)).all()
        number = max(taken, default=0) + 1
        db.session.add(_numbered(order, number))
        db.session.flush()
        return number

    made = race(arena, shop, [partial(count, order_id) for order_id in orders])
    assert [each for each in made if isinstance(each, Exception)] != []


def _numbered(order: Order, number: int) -> InvoiceDocument:
    return InvoiceDocument(
        kind="invoice",
        series="INV-",
        number=number,
        code=f"INV-{number:04d}",
        order_id=order.id,
        position=1,
        basis="payment",
        cause="test",
        event_id=uuid.uuid4(),
        issued_at=clock.now(),
        currency=order.currency,
        tax_amount=0,
        total=order.total,
        content={"lines": []},
    )
