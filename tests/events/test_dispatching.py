"""Workers at work: nobody waits for somebody else's slowness, and a worker that sleeps is woken."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from commerce.db import db
from commerce.events.claims import Lane
from commerce.events.dispatcher import Dispatcher
from commerce.events.listening import Listener
from commerce.events.relay import DeliveredEvent, Relay
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.events.sample_event import Ear, Rang, ring
from tests.support.statements import count_statements

PATIENT = 20
"""Seconds after which a test has failed."""
NEVER = (600.0,)


def of(*ears: Ear, **lanes: Lane) -> Relay:
    return Relay({Rang: list(ears)}, (Rang,), lambda tenant_id: shop_scope(get_shop(tenant_id)), lanes=lanes)


@contextmanager
def working(app: Flask, relay: Relay, *, listen: bool = False) -> Iterator[Dispatcher]:
    """Run a dispatcher that never looks again by itself once it found nothing."""
    stop = threading.Event()
    dispatcher = Dispatcher(relay, app.app_context, stop)
    if listen:
        Listener(db.engine, dispatcher.wake.set, stop).start()
    thread = threading.Thread(target=dispatcher.run, args=(lambda: NEVER,))
    thread.start()
    try:
        yield dispatcher
    finally:
        stop.set()
        dispatcher.wake.set()
        thread.join(PATIENT)
        assert not thread.is_alive()


def ear_that(name: str, then: Callable[[DeliveredEvent], None]) -> Ear:
    return Ear(name, then=then)


def test_a_payment_is_made_while_a_mail_hangs(app: Flask, in_shop: Shop) -> None:
    hangs, paid = threading.Event(), threading.Event()

    def hang(_event: DeliveredEvent) -> None:
        hangs.set()
        assert paid.wait(PATIENT), "the payment waits for the mail"

    def pay(_event: DeliveredEvent) -> None:
        assert hangs.wait(PATIENT)
        paid.set()

    ring("a")
    mail, payment = ear_that("mail", hang), ear_that("payment", pay)
    with working(app, of(mail, payment, payment=Lane.ORDERS)):
        assert paid.wait(PATIENT)
    assert (mail.heard, payment.heard) == (["a"], ["a"])


def test_one_shops_slow_gateway_holds_up_no_other_shop(app: Flask, in_shop: Shop, other_shop: Shop) -> None:
    done = threading.Event()

    def pay(event: DeliveredEvent) -> None:
        if event.tenant_id == in_shop.id:
            assert done.wait(PATIENT), "the other shop waits for this one"
        else:
            done.set()

    for tone in "abc":
        ring(tone)
    with shop_scope(other_shop):
        ring("other")
    with working(app, of(ear_that("payment", pay), payment=Lane.ORDERS)):
        assert done.wait(PATIENT)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_that_sleeps_is_woken_by_what_is_committed(app: Flask, in_shop: Shop) -> None:
    heard = threading.Event()
    ear = ear_that("ear", lambda event: heard.set() if event.payload["tone"] == "wake up" else None)
    with working(app, of(ear), listen=True):
        for _ in range(200):
            ring("wake up")
            if heard.wait(0.1):
                break
        assert heard.is_set()


def test_a_turn_without_work_asks_once(app: Flask, in_shop: Shop) -> None:
    dispatcher = Dispatcher(of(Ear("ear")), app.app_context, threading.Event())
    with count_statements() as statements:
        assert not dispatcher.turn()
    assert len(statements) == 1, statements
