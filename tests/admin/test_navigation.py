"""The bar of the back office: who sees which place, and where one is."""

import re

import pytest

from commerce.admin.navigation import NAVIGATION, PRICING_TABS, SETTINGS_TABS, STOCK_TABS, Place
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.shop import make_product

PLACES = [place for group in NAVIGATION for place in group.places]


def current(html: str, part: str) -> list[str]:
    """Return the current places of a navigation, by its label."""
    found = re.search(rf'<nav[^>]*aria-label="{part}">(.*?)</nav>', html, re.DOTALL)
    assert found, part
    return re.findall(r'aria-current="page">([^<(]+?)\s*(?:\(\d+\))?<', found[1])


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/admin/orders", "Orders"),
        ("/admin/returns", "Returns"),
        ("/admin/stock", "Stock"),
        ("/admin/stock/TEA-1", "Stock"),
        ("/admin/stock-import", "Stock"),
        ("/admin/holds", "Stock"),
        ("/admin/locations", "Stock"),
        ("/admin/pricing/taxes", "Pricing"),
        ("/admin/api-clients", "API clients"),
        ("/admin/audit", "Activity log"),
        ("/admin/settings/hosts", "Settings"),
    ],
)
def test_one_place_of_the_bar_is_current(signed_in: SignedIn, in_shop: Shop, path: str, place: str) -> None:
    make_product("Green tea", sku="TEA-1", stock=1)
    assert current(signed_in("owner").get(path).text, "Back office") == [place]


@pytest.mark.parametrize(
    ("path", "tabs", "tab"),
    [
        ("/admin/stock", "Stock", "Stock levels"),
        ("/admin/holds", "Stock", "Reservations"),
        ("/admin/locations", "Stock", "Locations"),
        ("/admin/stock-import", "Stock", "Import"),
        ("/admin/pricing/payment-methods", "Pricing", "Payment methods"),
        ("/admin/settings/look", "Settings", "Theme"),
    ],
)
def test_one_tab_is_current(signed_in: SignedIn, in_shop: Shop, path: str, tabs: str, tab: str) -> None:
    assert current(signed_in("owner").get(path).text, tabs) == [tab]


@pytest.mark.parametrize("role", ["owner", "manager", "fulfilment", "support", "readonly"])
def test_nobody_sees_a_place_that_is_closed_to_them(signed_in: SignedIn, in_shop: Shop, role: str) -> None:
    client = signed_in(role)
    bar = client.get("/admin/orders").text
    for place in PLACES:
        assert (f'href="{place.path}"' in bar) == (client.get(place.path).status_code in (200, 303)), (
            place.path
        )


def test_every_tab_leads_somewhere(signed_in: SignedIn, in_shop: Shop) -> None:
    owner = signed_in("owner")
    for place in (*STOCK_TABS, *PRICING_TABS, *SETTINGS_TABS):
        assert owner.get(place.path).status_code in (200, 403), place.path


def test_a_place_ends_at_a_slash() -> None:
    place = Place("Stock", "/admin/stock", also=("/admin/holds",))
    assert place.holds("/admin/stock")
    assert place.holds("/admin/stock/TEA-1")
    assert place.holds("/admin/holds")
    assert not place.holds("/admin/stock-import")
    assert not place.holds("/admin")
