"""The sidebar of the back office: who sees which place, where one is, and the way back."""

import re

import pytest

from commerce.admin.navigation import NAVIGATION, STOCK_TABS, Place
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.checkout import make_order
from tests.factories.shop import make_product

SECTIONS = [group for group in NAVIGATION if group.places]


def part(html: str, label: str) -> str:
    """Return the inside of a navigation, by its label."""
    found = re.search(rf'<nav[^>]*aria-label="{label}">(.*?)</nav>', html, re.DOTALL)
    assert found, label
    return found[1]


def current(html: str, label: str) -> list[str]:
    """Return the current places of a navigation, by its label."""
    marked = re.findall(r'aria-current="page">(.*?)</', part(html, label).replace("</svg>", ""), re.DOTALL)
    return [re.sub(r"<[^>]*>|\(\d+\)", "", text).strip() for text in marked]


def links(html: str, label: str) -> list[tuple[str, str]]:
    """Return address and text of the links of a navigation."""
    return re.findall(r'<a href="([^"]*)">([^<]*)</a>', part(html, label))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/admin/orders", "Orders"),
        ("/admin/returns", "Returns"),
        ("/admin/stock", "Stock"),
        ("/admin/stock/TEA-1", "Stock"),
        ("/admin/stock-import", "Stock"),
        ("/admin/products", "Products"),
        ("/admin/products/import", "Import and export"),
        ("/admin/exports", "Import and export"),
        ("/admin/holds", "Stock"),
        ("/admin/locations", "Stock"),
        ("/admin/customers", "Customers"),
        ("/admin/pricing/coupons", "Coupons"),
        ("/admin/pricing/taxes", "Taxes"),
        ("/admin/api-clients", "API clients"),
        ("/admin/audit", "Activity log"),
        ("/admin/settings", "Settings"),
        ("/admin/settings/hosts", "Domains"),
    ],
)
def test_one_place_of_the_sidebar_is_current(
    signed_in: SignedIn, in_shop: Shop, path: str, place: str
) -> None:
    make_product("Green tea", sku="TEA-1", stock=1)
    assert current(signed_in("owner").get(path).text, "Back office") == [place]


@pytest.mark.parametrize(
    ("path", "tab"),
    [
        ("/admin/stock", "Stock levels"),
        ("/admin/holds", "Reservations"),
        ("/admin/locations", "Locations"),
        ("/admin/stock-import", "Import"),
    ],
)
def test_one_tab_is_current(signed_in: SignedIn, in_shop: Shop, path: str, tab: str) -> None:
    assert current(signed_in("owner").get(path).text, "Stock") == [tab]


@pytest.mark.parametrize("role", ["owner", "manager", "fulfilment", "support", "readonly"])
def test_nobody_sees_a_place_that_is_closed_to_them(signed_in: SignedIn, in_shop: Shop, role: str) -> None:
    client = signed_in(role)
    home = client.get("/admin/orders").text
    for group in SECTIONS:
        opened = [place for place in group.places if client.get(place.path).status_code in (200, 303)]
        assert (f'href="{group.path}"' in part(home, "Back office")) == bool(opened), group.name
        if not opened:
            continue
        page = part(client.get(opened[-1].path).text, "Back office") if opened[-1].path != "/admin/" else home
        for place in group.places:
            assert (f'href="{place.path}"' in page) == (place in opened), place.path


def test_the_settings_are_in_one_place(signed_in: SignedIn, in_shop: Shop) -> None:
    page = signed_in("owner").get("/admin/settings").text
    settings = next(group for group in NAVIGATION if group.name == "settings")
    for place in settings.places[1:]:
        assert f'<a href="{place.path}"><strong>{place.label}</strong>' in page
        assert str(place.about) in page.replace("&#39;", "'")
    assert "/admin/staff" not in signed_in("manager").get("/admin/settings").text


def test_a_page_below_a_list_leads_back_to_it(signed_in: SignedIn, in_shop: Shop) -> None:
    order = make_order((make_product("Green tea", stock=1), 1))
    owner = signed_in("owner")
    page = owner.get(f"/admin/orders/{order.code}").text
    assert links(page, "Breadcrumb") == [("/admin/orders", "Orders")]
    assert current(page, "Breadcrumb") == [order.code]
    page = owner.get("/admin/webhooks/new").text
    assert links(page, "Breadcrumb") == [("/admin/settings", "Settings"), ("/admin/webhooks", "Webhooks")]
    assert current(page, "Breadcrumb") == ["Add webhook"]
    assert current(owner.get("/admin/returns").text, "Breadcrumb") == ["Returns"]
    assert "Breadcrumb" not in owner.get("/admin/orders").text


def test_the_menu_opens_without_a_script(signed_in: SignedIn, in_shop: Shop) -> None:
    page = signed_in("owner").get("/admin/orders").text
    assert 'href="#menu"' in page
    assert '<nav class="side" id="menu"' in page


def test_the_back_office_never_wears_the_colors_of_the_shop(signed_in: SignedIn, in_shop: Shop) -> None:
    owner = signed_in("owner")
    assert "/theme.css" in owner.get("/").text
    for path in ("/admin/orders", "/admin/settings", "/admin/orders/NO-SUCH", "/admin/sign-in"):
        assert "/theme.css" not in owner.get(path).text, path


def test_a_place_ends_at_a_slash() -> None:
    place = Place("Stock", "/admin/stock", also=("/admin/holds",))
    assert place.holds("/admin/stock")
    assert place.holds("/admin/stock/TEA-1")
    assert place.holds("/admin/holds")
    assert not place.holds("/admin/stock-import")
    assert not place.holds("/admin")


def test_every_tab_leads_somewhere(signed_in: SignedIn, in_shop: Shop) -> None:
    owner = signed_in("owner")
    for place in STOCK_TABS:
        assert owner.get(place.path).status_code in (200, 403), place.path
