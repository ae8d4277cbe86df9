"""Orders that staff prepare: they hold nothing, promise nothing, and become one order."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from commerce import clock
from commerce.cart.details import CheckoutDetails
from commerce.cart.queries import count_units, load_cart
from commerce.cart.services import new_shopper_key, shopper_hash
from commerce.checkout.quote import quote_cart
from commerce.checkout.services import PlacedOrder
from commerce.db import db, new_id
from commerce.errors import (
    CartChanged,
    CartEmpty,
    Conflict,
    InvalidValue,
    NotAllowed,
    NotFound,
    OutOfStock,
    PriceChanged,
    StaleVersion,
)
from commerce.events.models import Event
from commerce.events.outbox import Actor
from commerce.order_management.drafts import (
    DraftDiscount,
    create_draft,
    delete_draft,
    get_draft,
    list_drafts,
    place_draft,
    save_draft,
)
from commerce.orders.models import Order
from commerce.orders.payment_panel import payment_panel
from commerce.orders.queries import get_order
from commerce.payments.queries import payments_of
from commerce.settlement.services import start_another_payment, take_payment
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.checkout.pages import CARD
from tests.concurrency.race import kinds, race
from tests.factories.cart import make_cart
from tests.factories.checkout import details
from tests.factories.orders import BOB, fresh
from tests.factories.shop import Sold, counters, make_product, set_price, stop_selling
from tests.support.invariants import broken_invariants


def drafted(*lines: tuple[Sold, int], discount: DraftDiscount | None = None, **changes: Any) -> Any:
    """Return a draft with lines and everything that an order needs."""
    draft_id, version = create_draft(BOB), 1
    for sold, _count in lines:
        version = save_draft(
            draft_id, seen_version=version, details=CheckoutDetails(), units={}, add=sold.variant_id
        )
    cart = get_draft(draft_id).cart
    assert cart is not None
    save_draft(
        draft_id,
        seen_version=version,
        details=details(**changes),
        units={line.id: count for line, (_sold, count) in zip(cart.lines, lines, strict=True)},
        discount=discount,
    )
    return opened(draft_id)


def opened(draft_id: Any) -> Any:
    """Return an open draft as its page shows it."""
    draft = get_draft(draft_id)
    assert draft.cart is not None
    db.session.close()
    return draft


def place(draft: Any, **changes: Any) -> PlacedOrder:
    """Place a draft as its page shows it."""
    total = quote_cart(draft.cart).totals.total
    shown = {"seen_version": draft.cart.version, "shown_total": total, **changes}
    return place_draft(draft.id, BOB, **shown)


def orders() -> int:
    return int(db.session.scalar(select(func.count()).select_from(Order)) or 0)


def test_a_draft_becomes_an_order_of_staff_for_the_customer(in_shop: Shop) -> None:
    tea, pot = make_product("Tea", price=1000, stock=9), make_product("Pot", price=3000, stock=9)
    draft = drafted((tea, 2), (pot, 1), note="Rings twice")
    assert counters(tea) == (9, 0), "a draft holds nothing"
    placed = place(draft)
    order = get_order(placed.id)
    assert (order.total, order.status, order.email) == (5500, "pending", "ann@example.com")
    assert [(line.title, line.quantity) for line in order.lines] == [("Tea", 2), ("Pot", 1)]
    assert (counters(tea), counters(pot)) == ((9, 2), (9, 1))
    actor = db.session.execute(
        select(Event.actor_kind, Event.actor_name).where(Event.type == "OrderPlaced")
    ).one()
    assert tuple(actor) == ("staff", "Bob")
    assert get_draft(draft.id).order_code == order.code
    assert get_draft(draft.id).cart is None
    assert list_drafts() == []
    assert broken_invariants() == []


def test_a_discount_by_hand_is_an_amount_or_a_part(in_shop: Shop) -> None:
    tea = make_product("Tea", price=999, stock=9)
    amount = drafted((tea, 3), discount=DraftDiscount("Old friend", amount=500))
    assert quote_cart(amount.cart).totals.total == 2997 - 500 + 500
    part = drafted((tea, 3), discount=DraftDiscount("Old friend", ppm=100_000))
    order = get_order(place(part).id)
    assert [(each.label, each.amount) for each in order.adjustments if each.source_id == "manual"] == [
        ("Old friend", -300)
    ]
    draft = drafted((tea, 1), discount=DraftDiscount("Half", ppm=500_000))
    [line] = draft.cart.lines
    save_draft(
        draft.id,
        seen_version=draft.cart.version,
        details=details(),
        units={line.id: 4},
        discount=DraftDiscount("Half", ppm=500_000),
    )
    assert opened(draft.id).cart.details.discount.amount == 1998, "of the units of now"


@pytest.mark.parametrize("bad", [DraftDiscount("", amount=-1), DraftDiscount("", ppm=1_000_001)])
def test_a_discount_out_of_bounds_is_refused(in_shop: Shop, bad: DraftDiscount) -> None:
    draft_id = create_draft(BOB)
    with pytest.raises(InvalidValue):
        save_draft(draft_id, seen_version=1, details=CheckoutDetails(), units={}, discount=bad)
    assert opened(draft_id).cart.version == 1


def test_no_browser_sees_a_draft_and_no_draft_a_browsers_cart(in_shop: Shop) -> None:
    tea = make_product(stock=9)
    draft = drafted((tea, 2))
    browser, cart = make_cart((tea, 1))
    assert [row.id for row in list_drafts()] == [draft.id]
    with pytest.raises(NotFound):
        get_draft(cart.id)
    with pytest.raises(NotFound):
        delete_draft(cart.id)
    with pytest.raises(NotFound):
        place_draft(cart.id, BOB, seen_version=cart.version, shown_total=1500)
    key = new_shopper_key()
    assert load_cart(shopper_hash(key)) is None
    assert not shopper_hash(key).startswith("x")
    assert count_units(browser) == 1


def test_placing_twice_is_one_order_and_answers_with_it(in_shop: Shop) -> None:
    tea = make_product(stock=9)
    draft = drafted((tea, 2))
    first, second = place(draft), place(draft)
    assert first.id == second.id
    assert (first.replayed, second.replayed, orders()) == (False, True, 1)
    assert counters(tea) == (9, 2)


def test_a_form_that_is_sent_twice_is_saved_once(in_shop: Shop) -> None:
    tea = make_product(stock=9)
    draft = drafted((tea, 2))
    [line] = draft.cart.lines
    sent = {"seen_version": draft.cart.version, "details": details(name="Ann Other"), "units": {line.id: 3}}
    version = save_draft(draft.id, **sent)
    assert save_draft(draft.id, **sent) == version
    with pytest.raises(StaleVersion):
        save_draft(draft.id, **{**sent, "details": details(name="Somebody else")})
    assert opened(draft.id).cart.details.name == "Ann Other"


def test_more_than_there_is_can_be_noted_but_not_placed(in_shop: Shop) -> None:
    tea = make_product(stock=3)
    draft = drafted((tea, 5))
    assert draft.cart.lines[0].short
    with pytest.raises(OutOfStock):
        place(draft)
    assert (orders(), counters(tea)) == (0, (3, 0))


def test_what_cannot_be_placed_leaves_the_draft_as_it_was(in_shop: Shop) -> None:
    tea = make_product(stock=9)
    draft = drafted((tea, 2))
    with pytest.raises(PriceChanged):
        place(draft, shown_total=1)
    with pytest.raises(CartChanged):
        place(draft, seen_version=draft.cart.version - 1)
    with pytest.raises(NotAllowed):
        place_draft(draft.id, Actor("guest"), seen_version=1, shown_total=1)
    with pytest.raises(CartEmpty):
        place(opened(create_draft(BOB)))
    with pytest.raises(InvalidValue):
        place(drafted((tea, 1), shipping_method=""))
    set_price(tea, 5000)
    with pytest.raises(PriceChanged):
        place_draft(draft.id, BOB, seen_version=draft.cart.version, shown_total=2500)
    assert (orders(), opened(draft.id).cart.version) == (0, draft.cart.version)


def test_lines_are_added_once_each_and_taken_out(in_shop: Shop) -> None:
    tea = make_product(stock=9)
    draft_id = create_draft(BOB)
    save_draft(draft_id, seen_version=1, details=CheckoutDetails(), units={}, add=tea.variant_id)
    save_draft(draft_id, seen_version=2, details=CheckoutDetails(), units={}, add=tea.variant_id)
    [line] = opened(draft_id).cart.lines
    assert line.quantity == 2
    with pytest.raises(InvalidValue):
        save_draft(draft_id, seen_version=3, details=CheckoutDetails(), units={line.id: 1000})
    with pytest.raises(InvalidValue):
        save_draft(draft_id, seen_version=3, details=CheckoutDetails(), units={}, add=new_id())
    save_draft(draft_id, seen_version=3, details=CheckoutDetails(), units={line.id: 0})
    assert opened(draft_id).cart.lines == ()
    stop_selling(tea)
    with pytest.raises(InvalidValue):
        save_draft(draft_id, seen_version=4, details=CheckoutDetails(), units={}, add=tea.variant_id)


def test_a_draft_is_thrown_away_unless_it_was_placed(in_shop: Shop) -> None:
    tea = make_product(stock=9)
    draft, placed = drafted((tea, 2)), drafted((tea, 2))
    delete_draft(draft.id)
    with pytest.raises(NotFound):
        get_draft(draft.id)
    place(placed)
    with pytest.raises(Conflict):
        delete_draft(placed.id)
    with pytest.raises(Conflict):
        save_draft(placed.id, seen_version=1, details=CheckoutDetails(), units={})
    assert orders() == 1


def test_a_card_is_asked_for_on_the_page_that_the_mail_leads_to(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    placed = place(drafted((tea, 2), payment_method="card"))
    order = fresh(placed.id)
    panel = payment_panel(order, payments_of(order.id))
    assert (panel.state, panel.asks_for_card) == ("transfer", True)
    assert order.hold_expires_at is not None
    assert order.hold_expires_at > clock.now() + timedelta(hours=23)
    take_payment(start_another_payment(order.id, "card"), CARD)
    now = fresh(placed.id)
    assert (now.status, now.payment_status) == ("confirmed", "paid")


def test_cash_on_delivery_is_confirmed_at_once(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    placed = place(drafted((tea, 2), payment_method="cash_on_delivery"))
    assert fresh(placed.id).status == "confirmed"


def test_another_shop_has_no_such_draft(in_shop: Shop, other_shop: Shop) -> None:
    draft = drafted((make_product(stock=9), 1))
    with shop_scope(other_shop):
        assert list_drafts() == []
        for touch in (
            partial(get_draft, draft.id),
            partial(delete_draft, draft.id),
            partial(save_draft, draft.id, seen_version=1, details=CheckoutDetails(), units={}),
            partial(place_draft, draft.id, BOB, seen_version=1, shown_total=1),
        ):
            with pytest.raises(NotFound):
                touch()
    assert opened(draft.id).cart.version == draft.cart.version


def test_ten_who_place_the_same_draft_place_one_order(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=9)
    draft = drafted((tea, 2))
    results = race(app, in_shop, [partial(place, draft)] * 4)
    assert kinds(results) == {"PlacedOrder": 4}
    assert len({result.id for result in results}) == 1
    assert (orders(), counters(tea)) == (1, (9, 2))
    assert broken_invariants() == []
