"""Shoppers who pay on the page of a payment provider, and what may happen on the way there and back.

The provider is a small Stripe on this machine. Its page and its messages are real; which database holds the order
makes no difference to them, so one is enough here.
"""

import re
from collections.abc import Callable, Iterator

import pytest
import urllib3
from playwright.sync_api import expect

from commerce.payments.methods import configure_method
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe, running_stripe
from tests.fakes.stripe_account import HOOK_SECRET, SECRET_KEY
from tests.journeys.live_shop import House, Stock
from tests.journeys.people import CARD, Shopper
from tests.support.databases import Worker
from tests.support.spawn import Nursery

pytestmark = pytest.mark.browser
Arrive = Callable[..., Shopper]
both_ways = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
METHOD = "Card or wallet"


@pytest.fixture(scope="module")
def stripe() -> Iterator[FakeStripe]:
    """The provider, with one account for all journeys of this module."""
    with running_stripe() as fake:
        yield fake


@pytest.fixture(scope="module")
def house(
    worker: Worker, tmp_path_factory: pytest.TempPathFactory, nursery: Nursery, stripe: FakeStripe
) -> Iterator[House]:
    """The two shops; the first one takes its payments at the provider, which writes to it."""
    bench, app = worker.get("sqlite")
    bench.clean(app)
    with House(app, bench.url, tmp_path_factory.mktemp("house"), nursery) as made:
        with made.inside():
            configure_method(
                "stripe",
                gateway="stripe",
                name=METHOD,
                settings={"api_base": stripe.address},
                secrets={"secret_key": SECRET_KEY, "webhook_secret": HOOK_SECRET},
            )
        with urllib3.PoolManager(retries=False, timeout=10.0) as http:

            def hook(body: bytes, signature: str) -> int:
                headers = {
                    "Host": made.server.host(),
                    "Content-Type": "application/json",
                    "Stripe-Signature": signature,
                }
                address = f"{made.server.address}/webhooks/stripe"
                return http.request("POST", address, body=body, headers=headers).status

            stripe.hook = hook
            yield made
            stripe.hook = None


@pytest.fixture(autouse=True)
def talkative(stripe: FakeStripe) -> None:
    """Let the provider tell everything at once, unless a journey wants it otherwise."""
    stripe.faults.keep_messages = False


def go_to_pay(ann: Shopper, stripe: FakeStripe, tea: Sold) -> str:
    """Order a box of tea and return the id of the session whose page the browser arrives at."""
    ann.to_review((tea, 1), pay_by=METHOD)
    ann.press("Place order")
    return at_the_provider(ann, stripe)


def at_the_provider(ann: Shopper, stripe: FakeStripe) -> str:
    """Wait for the provider's page, which asks for 15 dollars, and return the id of its session."""
    ann.page.wait_for_url(f"{stripe.address}/pay/*")
    expect(ann.page.get_by_role("heading", level=1)).to_have_text("Pay 1500 USD")
    return ann.page.url.rpartition("/")[2]


def press_there(ann: Shopper, words: str) -> None:
    """Press a button of the provider's that leads back, and look at the order's page."""
    ann.press(words)
    ann.page.wait_for_url(re.compile(r"/orders/[^/]+$"))
    ann.look()


def check(house: House, tea: Sold, status: str, payment: str, *attempts: tuple[str, int]) -> None:
    """There is one order of the tea; its status, payment status and attempts are these, and one box is reserved."""
    [order] = house.orders_of(tea)
    assert (order.status, order.payment_status) == (status, payment)
    assert house.payments_of(order) == list(attempts)
    assert house.stock(tea) == Stock(3, 1)


@pytest.fixture
def tea(house: House) -> Sold:
    """Three boxes of tea at 10 dollars; shipping is 5."""
    return house.sell("Green tea", price=1000, stock=3)


@both_ways
def test_a_shopper_pays_there_and_comes_back(
    house: House, shopper: Arrive, stripe: FakeStripe, tea: Sold, javascript: bool
) -> None:
    ann = shopper(javascript=javascript)
    go_to_pay(ann, stripe, tea)
    check(house, tea, "pending", "unpaid", ("started", 0))
    press_there(ann, "Pay")
    ann.sees_heading("Confirmed")
    ann.sees("$15.00 is paid")
    check(house, tea, "confirmed", "paid", ("captured", 1500))


@both_ways
def test_after_a_declined_card_another_one_pays(
    house: House, shopper: Arrive, stripe: FakeStripe, tea: Sold, javascript: bool
) -> None:
    ann = shopper(javascript=javascript)
    session = go_to_pay(ann, stripe, tea)
    ann.press("Use a bad card")
    expect(ann.page.get_by_role("alert")).to_have_text("Your card was declined.")
    check(house, tea, "pending", "unpaid", ("failed", 0))
    assert at_the_provider(ann, stripe) == session
    press_there(ann, "Pay")
    ann.sees_heading("Confirmed")
    check(house, tea, "confirmed", "paid", ("captured", 1500))


@both_ways
def test_whoever_goes_back_can_continue_from_the_page_of_the_order(
    house: House, shopper: Arrive, stripe: FakeStripe, tea: Sold, javascript: bool
) -> None:
    ann = shopper(javascript=javascript)
    session = go_to_pay(ann, stripe, tea)
    press_there(ann, "Back")
    ann.sees("$15.00 is due")
    check(house, tea, "pending", "unpaid", ("started", 0))
    ann.page.get_by_role("link", name="Continue to payment").click()
    assert at_the_provider(ann, stripe) == session
    press_there(ann, "Pay")
    ann.sees("$15.00 is paid")
    check(house, tea, "confirmed", "paid", ("captured", 1500))


def test_whoever_goes_back_can_choose_another_way(
    house: House, shopper: Arrive, stripe: FakeStripe, tea: Sold
) -> None:
    ann = shopper()
    session = go_to_pay(ann, stripe, tea)
    press_there(ann, "Back")
    ann.page.get_by_text("Pay another way", exact=True).click()
    ann.look()
    ann.page.get_by_label("Card number").fill(CARD)
    ann.press("Pay by Test card")
    ann.sees("$15.00 is paid")
    check(house, tea, "confirmed", "paid", ("voided", 0), ("captured", 1500))
    assert stripe.sessions[session]["status"] == "expired"


@both_ways
def test_the_shopper_may_be_back_before_the_message(
    house: House, shopper: Arrive, stripe: FakeStripe, tea: Sold, javascript: bool
) -> None:
    stripe.faults.keep_messages = True
    told = len(stripe.events)
    ann = shopper(javascript=javascript)
    go_to_pay(ann, stripe, tea)
    press_there(ann, "Pay")
    ann.sees_heading("Confirmed")
    check(house, tea, "confirmed", "paid", ("captured", 1500))
    late = stripe.events[told:]
    assert [stripe.send(each) for each in late] == [200, 200]
    check(house, tea, "confirmed", "paid", ("captured", 1500))


def test_the_way_back_is_good_in_another_browser(
    house: House, shopper: Arrive, stripe: FakeStripe, tea: Sold
) -> None:
    stripe.faults.keep_messages = True
    ann, telephone = shopper(), shopper()
    session = go_to_pay(ann, stripe, tea)
    back = stripe.sessions[session]["success_url"]
    telephone.page.goto(back)
    telephone.sees("$15.00 is due")
    stripe.pay(session)
    telephone.page.goto(back)
    telephone.sees_heading("Confirmed")
    telephone.sees("$15.00 is paid")
    check(house, tea, "confirmed", "paid", ("captured", 1500))
    ann.page.goto(back)
    ann.sees_heading("Confirmed")
