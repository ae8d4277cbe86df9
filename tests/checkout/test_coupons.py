"""Coupon codes from the field where they are typed to the order that uses them up, and back."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from commerce import clock
from commerce.cart.services import enter_code, remove_codes
from commerce.checkout import placement
from commerce.checkout.services import place_order
from commerce.db import atomic
from commerce.errors import CouponExhausted, CouponRefused
from commerce.events.outbox import Actor
from commerce.inventory.services import StockChangedMeanwhile
from commerce.orders.expired_holds import cancel_if_expired
from commerce.orders.queries import get_order
from commerce.orders.services import cancel_order
from commerce.payments.gateways.base import PaymentOutcome
from commerce.pricing.queries import list_promotions
from commerce.pricing.services import create_coupon, reclaim_coupons, release_coupons, set_coupon_enabled
from commerce.settlement.services import settle_payment
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.checkout.pages import put_in, to_review
from tests.checkout.test_placement import place, traces
from tests.factories.cart import load, make_cart
from tests.factories.checkout import GUEST, order_as_shown, ready_cart
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now, used, used_by, uses
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants
from tests.support.statements import count_statements
from tests.support.visitor import Page, Visitor

HTMX = {"HX-Request": "true"}


def cart_with(code: str, *lines: tuple[Sold, int], **changes: Any) -> str:
    """Fill a cart and its details with a code in it, and return the browser's hash."""
    shopper = ready_cart(*lines, **changes)
    enter_code(shopper, code, shipping=500)
    return shopper


def enter(page: Page, code: str) -> Page:
    return page.form("Apply").fill({"Coupon code": code}).send("Apply")


# --- entering --------------------------------------------------------------------------------------------


def test_a_code_is_entered_however_it_is_written_and_removed_again(app: Flask, in_shop: Shop) -> None:
    make_coupon("WELCOME10")
    ann = Visitor(app)
    cart = enter(put_in(ann, make_product(price=1000), 3), "  welcome10 ")
    assert "Code WELCOME10 applied." in cart.text
    assert "Welcome (WELCOME10) WELCOME10 −$3.00" in cart.text
    assert "Before shipping $27.00" in cart.text
    assert enter(cart, "wel\u200bcome\uff11\uff10").text.count("−$3.00") == 1
    again = enter(cart, "WELCOME10")
    assert again.text.count("−$3.00") == 1
    without = again.form("Remove the code").send("Remove the code")
    assert "was removed from your cart" in without.text
    assert "Subtotal $30.00" in without.text
    assert "−$3.00" not in without.text


def test_a_code_raises_the_carts_version_and_a_refused_one_does_not(in_shop: Shop) -> None:
    make_coupon("WELCOME10")
    shopper, cart = make_cart((make_product(), 1))
    with rules_of_now():
        enter_code(shopper, "welcome10")
        assert (load(shopper).coupon_codes, load(shopper).version) == (("WELCOME10",), cart.version + 1)
        with pytest.raises(CouponRefused):
            enter_code(shopper, "NO-SUCH")
        assert load(shopper).version == cart.version + 1
        remove_codes(shopper, ["welcome10"])
        assert (load(shopper).coupon_codes, load(shopper).version) == ((), cart.version + 2)


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("", {}, "Please enter a code."),
        ("NOPE", {}, "We don't recognize this code."),
        ("x" * 61, {}, "Please use at most 60 characters."),
        ("' OR 1=1 --", {}, "We don't recognize this code."),
        ("CODE", {"starts_at": timedelta(days=1)}, "This code is not valid yet."),
        ("CODE", {"ends_at": timedelta(seconds=-1)}, "This code has expired."),
        ("CODE", {"enabled": False}, "This code is no longer valid."),
        ("CODE", {"min_subtotal": 5050}, "Add $20.50 more to your cart to use this code."),
        ("CODE", {"scope": "products"}, "This code doesn't apply to anything in your cart."),
        ("CODE", {"combines": False}, "can't be combined with your other offers"),
    ],
)
@pytest.mark.parametrize("place", ["cart", "review"])
def test_a_code_that_does_not_work_says_why_at_its_field(
    app: Flask, in_shop: Shop, code: str, values: dict[str, Any], words: str, place: str
) -> None:
    tea, cup = make_product("Tea", price=3000), make_product("Cup")
    make_promotion(percent_ppm=150_000)
    if values.get("scope"):
        values = {**values, "targets": (str(cup.product_id),)}
    moments = {name: clock.now() + by for name, by in values.items() if isinstance(by, timedelta)}
    make_coupon("CODE", **{**values, **moments})
    ann = Visitor(app)
    page = to_review(ann, (tea, 1), pay_by="Bank transfer") if place == "review" else put_in(ann, tea)
    refused = enter(page, code)
    assert refused.status == 422
    assert words in refused.error_at("coupon_code")
    assert "Spring sale" in refused.text
    if place == "review":
        assert refused.has_button("Place order")


def test_a_code_that_has_been_used_up_is_refused(app: Flask, in_shop: Shop) -> None:
    tea = make_product()
    make_coupon("ONCE", limit=1)
    with rules_of_now():
        place_order(**order_as_shown(cart_with("ONCE", (tea, 1))))
    refused = enter(put_in(Visitor(app), tea), "once")
    assert refused.error_at("coupon_code") == "This code has been used up."


def test_two_codes_of_one_offer_count_once(in_shop: Shop) -> None:
    make_coupon("FIRST")
    create_coupon(list_promotions()[0].id, "SECOND")
    shopper, _cart = make_cart((make_product(), 1))
    with rules_of_now():
        enter_code(shopper, "FIRST")
        with pytest.raises(CouponRefused) as refused:
            enter_code(shopper, "SECOND")
    assert refused.value.state == "duplicate"


def test_a_cart_holds_only_so_many_codes(in_shop: Shop) -> None:
    for number in range(6):
        make_coupon(f"CODE-{number}")
    shopper, _cart = make_cart((make_product(), 1))
    with rules_of_now():
        for number in range(5):
            enter_code(shopper, f"CODE-{number}")
        with pytest.raises(CouponRefused) as refused:
            enter_code(shopper, "CODE-5")
    assert refused.value.state == "too_many"


def test_free_shipping_waits_in_the_cart_and_works_at_the_review(app: Flask, in_shop: Shop) -> None:
    make_coupon("SHIPFREE", kind="free_shipping", percent_ppm=0, label="Free delivery")
    ann = Visitor(app)
    cart = enter(put_in(ann, make_product(price=1000)), "shipfree")
    assert "Applies once you choose a shipping method." in cart.text
    review = to_review(ann, (make_product("Cup", price=1000), 1), pay_by="Bank transfer")
    assert "Free delivery −$5.00" in review.text
    assert "Total $20.00" in review.text


def test_at_the_review_a_code_changes_what_a_click_orders(app: Flask, in_shop: Shop) -> None:
    coupon = make_coupon("WELCOME10", limit=3, label="Welcome")
    review = to_review(Visitor(app), (make_product(price=1000), 2), pay_by="Bank transfer")
    before = review.form("Place order").values
    review = enter(review, "welcome10")
    assert review.status == 200
    assert "Welcome −$2.00" in review.text
    after = review.form("Place order").values
    assert (before["shown_total"], after["shown_total"]) == ("2500", "2300")
    order = place(review)
    assert order.path.startswith("/orders/")
    assert "Welcome −$2.00" in order.text
    assert (used(coupon), uses(coupon)) == (1, [("ann@example.com", False)])


def test_htmx_gets_only_the_region_that_it_swaps(app: Flask, in_shop: Shop) -> None:
    make_coupon("WELCOME10")
    ann = Visitor(app)
    to_review(ann, (make_product(), 1), pay_by="Bank transfer")
    for path, region in (("/cart", '<div id="cart">'), ("/checkout/coupons", '<div id="review">')):
        answer = ann.post(path, {"coupon_code": "welcome10"}, headers=HTMX)
        assert answer.status_code == 200
        assert region in answer.text
        assert "<html" not in answer.text
        assert "Welcome (WELCOME10)" in answer.text
        refused = ann.post(path, {"coupon_code": "nope"}, headers=HTMX)
        assert refused.status_code == 422
        assert region in refused.text
        removal = (path, "remove_code") if path == "/cart" else (f"{path}/removal", "code")
        removed = ann.post(removal[0], {removal[1]: "welcome10"}, headers=HTMX)
        assert region in removed.text
        assert "Welcome (WELCOME10)" not in removed.text


def test_without_a_cart_there_is_nothing_to_take_a_code_off(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    assert ann.post("/cart", {"coupon_code": "x"}).status_code == 404
    assert ann.post("/cart", {"remove_code": "x"}).status_code == 404
    assert ann.post("/checkout/coupons", {"coupon_code": "x"}).headers["Location"] == "/cart"
    answer = ann.post("/checkout/coupons/removal", {"code": "x"}, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/cart")


def test_another_shops_code_is_unknown(app: Flask, in_shop: Shop, other_shop: Shop) -> None:
    make_coupon("ALICE")
    with shop_scope(other_shop):
        kite = make_product("Kite", price=1200)
    charlie = Visitor(app, host="other.localhost")
    refused = enter(put_in(charlie, kite), "ALICE")
    assert refused.error_at("coupon_code").startswith("We don't recognize this code.")


# --- ordering with a code ----------------------------------------------------------------------------------


def test_only_limited_coupons_are_counted_and_all_uses_are_kept(in_shop: Shop) -> None:
    tea = make_product()
    unlimited, each, both = (
        make_coupon("OPEN"),
        make_coupon("EACH", each=2),
        make_coupon("BOTH", limit=9, each=2),
    )
    with rules_of_now():
        shopper = cart_with("OPEN", (tea, 1), email="Ann@Example.com")
        enter_code(shopper, "EACH")
        enter_code(shopper, "BOTH")
        place_order(**order_as_shown(shopper))
    assert [used(coupon) for coupon in (unlimited, each, both)] == [0, 0, 1]
    assert [used_by(coupon, "ann@example.com") for coupon in (unlimited, each, both)] == [None, 1, 1]
    assert all(uses(coupon) == [("ann@example.com", False)] for coupon in (unlimited, each, both))


def test_a_customer_has_their_own_limit_whatever_the_case_of_their_address(app: Flask, in_shop: Shop) -> None:
    tea, coupon = make_product(), make_coupon("EACH", each=1)
    with rules_of_now():
        shown = [
            order_as_shown(cart_with("EACH", (tea, 1), email=email))
            for email in ("ann@example.com", "ANN@example.COM", "bob@example.com")
        ]
        place_order(**shown[0])
        with pytest.raises(CouponExhausted) as refused:
            place_order(**shown[1])
        place_order(**shown[2])
    assert refused.value.states == {"EACH": "used_by_you"}
    assert [customer for customer, _back in uses(coupon)] == ["ann@example.com", "bob@example.com"]


def test_a_code_that_went_meanwhile_is_taken_out_and_the_new_total_shown(app: Flask, in_shop: Shop) -> None:
    tea, coupon = make_product(price=1000, stock=5), make_coupon("ONCE", limit=1, label="Welcome")
    ann, bob = Visitor(app), Visitor(app)
    reviews = [enter(to_review(each, (tea, 1), pay_by="Bank transfer"), "ONCE") for each in (ann, bob)]
    assert place(reviews[0]).path.startswith("/orders/")
    before = traces()
    refused = place(reviews[1])
    assert refused.status == 409
    assert "ONCE was removed from your cart: This code has been used up." in refused.text
    assert "Nothing was ordered. The total is now $15.00" in refused.text
    assert (traces(), counters(tea), used(coupon)) == (before, (5, 1), 1)
    form = refused.form("Place order")
    assert form.values["shown_total"] == "1500"
    assert place(refused).path.startswith("/orders/")
    assert (used(coupon), counters(tea)) == (1, (5, 2))


def test_a_code_that_was_switched_off_is_taken_out_too(in_shop: Shop) -> None:
    coupon = make_coupon("OFF")
    with rules_of_now():
        shopper = cart_with("OFF", (make_product(), 1))
        shown = order_as_shown(shopper)
        set_coupon_enabled(coupon, enabled=False)
        with pytest.raises(CouponExhausted) as refused:
            place_order(**shown)
    assert refused.value.states == {"OFF": "disabled"}
    assert load(shopper).coupon_codes == ()


def test_a_code_that_takes_nothing_off_any_more_is_not_used(app: Flask, in_shop: Shop) -> None:
    coupon = make_coupon("BIG", limit=1, min_subtotal=2000)
    ann = Visitor(app)
    cart = enter(put_in(ann, make_product(price=1000), 2), "BIG")
    cart = cart.form("Update").fill({"Quantity": "1"}).send()
    assert "Add $10.00 more to your cart to use this code." in cart.text
    review = to_review(ann, (make_product("Gum", price=100), 1), pay_by="Bank transfer")
    assert "Add $9.00 more to your cart to use this code." in review.text
    assert place(review).path.startswith("/orders/")
    assert (used(coupon), uses(coupon)) == (0, [])


def test_out_of_stock_uses_no_coupon(in_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    coupon = make_coupon("ONCE", limit=1, each=1)

    def raced(*_args: Any) -> None:
        raise StockChangedMeanwhile

    monkeypatch.setattr(placement, "reserve_stock", raced)
    with rules_of_now():
        shopper = cart_with("ONCE", (make_product(), 1))
        with pytest.raises(Exception, match="others_buying"):
            place_order(**order_as_shown(shopper))
    assert (used(coupon), used_by(coupon, "ann@example.com"), uses(coupon)) == (0, None, [])
    assert load(shopper).coupon_codes == ("ONCE",)


def test_a_cancelled_order_gives_its_coupons_back_once(in_shop: Shop) -> None:
    tea, coupon, free = make_product(), make_coupon("ONCE", limit=1, each=1), make_coupon("FREE")
    with rules_of_now():
        shopper = cart_with("ONCE", (tea, 1))
        enter_code(shopper, "FREE")
        placed = place_order(**order_as_shown(shopper))
        assert (used(coupon), used_by(coupon, "ann@example.com")) == (1, 1)
        cancel_order(placed.id, GUEST, reason="Changed my mind")
        assert (used(coupon), used_by(coupon, "ann@example.com")) == (0, 0)
        assert uses(coupon) == uses(free) == [("ann@example.com", True)]
        atomic(release_coupons)(placed.id)
        assert (used(coupon), used_by(coupon, "ann@example.com")) == (0, 0)
        for _ in range(2):
            atomic(reclaim_coupons)(placed.id)
            assert (used(coupon), used_by(coupon, "ann@example.com"), used(free)) == (1, 1, 0)
        atomic(release_coupons)(placed.id)
        again = place_order(**order_as_shown(cart_with("ONCE", (tea, 1))))
    assert get_order(again.id).discount_amount == 100
    assert broken_invariants() == []


def test_a_payment_that_comes_after_the_order_expired_counts_the_coupons_again(in_shop: Shop) -> None:
    coupon = make_coupon("ONCE", limit=1, each=1)
    with rules_of_now():
        placed = place_order(**order_as_shown(cart_with("ONCE", (make_product(price=1000), 1))))
        until = get_order(placed.id).hold_expires_at
        assert until is not None
        assert cancel_if_expired(placed.id, until + timedelta(seconds=1))
        assert (used(coupon), uses(coupon)) == (0, [("ann@example.com", True)])
        assert placed.payment_id is not None
        money = PaymentOutcome("captured", 1400, "USD", "late")
        for _ in range(2):
            settle_payment(placed.payment_id, money, Actor("gateway", "test_card", "test_card"))
    assert get_order(placed.id).status == "confirmed"
    assert (used(coupon), used_by(coupon, "ann@example.com")) == (1, 1)
    assert uses(coupon) == [("ann@example.com", False)]


def test_a_code_may_pay_for_everything_and_no_card_is_asked_for(app: Flask, in_shop: Shop) -> None:
    make_coupon("GIFT", percent_ppm=1_000_000)
    make_coupon("SHIPFREE", kind="free_shipping", percent_ppm=0)
    review = to_review(Visitor(app), (make_product(price=1000), 2))
    assert "Card number" in review.text
    review = enter(enter(review, "GIFT"), "SHIPFREE")
    assert "Total $0.00" in review.text
    assert "Card number" not in review.text
    order = review.form("Place order").send("Place order")
    assert order.heading == "Confirmed"


def test_a_limited_code_costs_six_statements_more(in_shop: Shop) -> None:
    make_coupon("BUSY", limit=9, each=2)
    with rules_of_now():
        plain, coded = (ready_cart((make_product(f"Tea {number}"), 1)) for number in range(2))
        enter_code(coded, "BUSY")
        counts = []
        for shown in [order_as_shown(shopper) for shopper in (plain, coded)]:
            with count_statements() as sent:
                place_order(**shown)
            counts.append(len(sent))
    # The coupon, its uses by this customer, with whom the address was merged, the two counters and the use itself.
    assert counts[1] - counts[0] == 6
