"""Sport mode: facts of products from a cache, stock and charged prices never; whatever changes is seen at once."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import update

from commerce.catalog import product_cache
from commerce.catalog.models import Variant
from commerce.catalog.update_product import VariantUpdate, change_product
from commerce.checkout.services import place_order
from commerce.db import atomic, db
from commerce.errors import PriceChanged
from commerce.storefront.listings import all_products, newest
from commerce.storefront.product_page import product_page
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import order_as_shown, ready_cart
from tests.factories.shop import Sold, change_stock, make_product
from tests.fakes.valkey import FakeValkey
from tests.support.statements import count_statements


@pytest.fixture
def sport() -> Iterator[Callable[..., None]]:
    """Switch to sport mode with `sport(url)`; afterwards the mode is standard again."""
    yield lambda url="": product_cache.configure_product_cache("sport", url)
    product_cache.configure_product_cache("standard", "")


@pytest.fixture
def server() -> Iterator[FakeValkey]:
    found = FakeValkey()
    yield found
    found.close()


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", price=1000, stock=9)


def seen(slug: str) -> tuple[str, int, int]:
    """Return title, price and units as a fresh request sees them."""
    with shop_scope(fresh_shop()):
        found = product_page(slug)
        [variant] = found.variants
        [card] = [each for each in newest(99) if each.slug == slug]
        assert (card.title, card.price_from, card.available) == (
            found.title,
            variant.price,
            variant.available,
        )
        [listed] = [each for each in all_products(1, "newest").cards if each.slug == slug]
        assert listed == card
        return found.title, variant.price, variant.available


def fresh_shop() -> Shop:
    from commerce.tenants.scope import current_shop

    db.session.close()
    return get_shop(current_shop().id)


def set_price_behind_the_cache(sold: Sold, price: int) -> None:
    """Change a price in a way that tells nobody, as a stale cache would have it."""

    @atomic
    def write() -> None:
        db.session.execute(update(Variant).where(Variant.id == sold.variant_id).values(price=price))

    write()


def change_price(sold: Sold, price: int) -> None:
    db.session.close()
    variant = db.session.get_one(Variant, (fresh_shop().id, sold.variant_id))
    change = VariantUpdate(variant.id, variant.version, {"price": price})
    version = variant.product.version
    db.session.close()
    change_product(sold.product_id, seen_version=version, values={"title": "Black tea"}, variants=[change])


def test_the_second_look_reads_stock_alone(tea: Sold, sport: Callable[..., None]) -> None:
    sport()
    product_page("green-tea")
    with count_statements() as statements:
        assert product_page("green-tea").variants[0].available == 9
    assert len(statements) == 1
    assert "stock_items" in statements[0]


def test_stock_is_always_current(tea: Sold, sport: Callable[..., None]) -> None:
    sport()
    assert seen("green-tea") == ("Green tea", 1000, 9)
    change_stock(tea, -7)
    assert seen("green-tea") == ("Green tea", 1000, 2)


def test_a_change_is_seen_by_the_next_request(tea: Sold, sport: Callable[..., None]) -> None:
    sport()
    assert seen("green-tea") == ("Green tea", 1000, 9)
    change_price(tea, 1200)
    assert seen("green-tea") == ("Black tea", 1200, 9)


def test_an_old_price_may_be_shown_and_is_never_charged(tea: Sold, sport: Callable[..., None]) -> None:
    sport()
    assert seen("green-tea")[1] == 1000
    shown = order_as_shown(ready_cart((tea, 1)))
    set_price_behind_the_cache(tea, 1500)
    assert seen("green-tea")[1] == 1000
    with pytest.raises(PriceChanged):
        place_order(**shown)


def test_another_shop_has_facts_of_its_own(tea: Sold, other_shop: Shop, sport: Callable[..., None]) -> None:
    sport()
    assert seen("green-tea")[0] == "Green tea"
    with shop_scope(other_shop):
        make_product("Green tea", price=7, stock=1)
        assert seen("green-tea") == ("Green tea", 7, 1)


def test_two_processes_share_a_server_and_see_each_others_changes(
    tea: Sold, sport: Callable[..., None], server: FakeValkey
) -> None:
    sport(server.url)
    assert seen("green-tea")[1] == 1000
    assert server.kept
    sport(server.url)  # another process: another connection, the same server
    with count_statements() as statements:
        product_page("green-tea")
    assert len(statements) == 1
    change_price(tea, 1200)
    assert seen("green-tea") == ("Black tea", 1200, 9)
    assert all(value.lstrip().startswith((b"[", b"{")) for value in _payloads(server))


def _payloads(server: FakeValkey) -> list[bytes]:
    """Return the values without the cache's own heading; JSON, never a pickle."""
    return [value.partition(b"|")[2] for value in server.kept.values()]


def test_a_server_that_is_away_makes_the_shop_slower_and_closes_nothing(
    tea: Sold, sport: Callable[..., None], server: FakeValkey, caplog: pytest.LogCaptureFixture
) -> None:
    sport(server.url)
    server.close()
    assert seen("green-tea") == ("Green tea", 1000, 9)
    assert seen("green-tea") == ("Green tea", 1000, 9)
    assert caplog.text.count("the cache does not answer") == 1


def test_in_standard_mode_nothing_is_kept(tea: Sold) -> None:
    assert seen("green-tea")[1] == 1000
    set_price_behind_the_cache(tea, 1500)
    assert seen("green-tea")[1] == 1500


def test_the_app_follows_its_configuration(
    make_app: Callable[..., Flask], sport: Callable[..., None]
) -> None:
    make_app(commerce_mode="sport")
    assert product_cache.cache_enabled()
    make_app()
    assert not product_cache.cache_enabled()
