"""What every page of the shop has: style sheets, name and search, menu, footer."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, g, request

from commerce.cache import BoundedCache, render_cached
from commerce.content.menu_links import MenuLink, Menus, shown_menus
from commerce.markup import Markup, rendered
from commerce.storefront.categories import navigation
from commerce.storefront.product_cards import CategoryLink, Navigation
from commerce.tenants.scope import current_shop
from commerce.tenants.views import static_url, theme_url

blueprint = Blueprint("storefront", __name__)

NAV_CATEGORIES = 8
NAV_SECONDS = 2.0
"""How long the navigation of visitors with a cookie may be kept while the catalog stays as it is."""
MAX_SHOPS = 1024

_navigation: BoundedCache[Navigation] = BoundedCache(MAX_SHOPS, NAV_SECONDS)


def site_navigation() -> Navigation:
    """Return the first categories of the first level that have something to show, and the pages and policies.

    For visitors who are shopping (they have a cookie) they are kept NAV_SECONDS at most, and no longer than until the
    next change of the catalog, its pages or menus. Pages that are cached for anonymous visitors have them fresh.
    """
    if "navigation" not in g:
        shop = current_shop()
        g.navigation = _navigation.get(
            shop.id,
            lambda: navigation(NAV_CATEGORIES),
            state=shop.catalogue_version,
            fresh=not request.cookies,
        )
    found: Navigation = g.navigation
    return found


def nav_categories() -> tuple[CategoryLink, ...]:
    """Return the categories of `site_navigation`."""
    return site_navigation().categories


@blueprint.app_template_global()
def site_links(*, themed: bool = True) -> Markup:
    """Return style sheets, scripts and icon of every page, for the page's `head`.

    Pages that are not the shop's own, such as the back office, are not `themed`: its colors are not theirs.
    """
    return render_cached(
        "shared/_links.html",
        "",
        app_css=static_url("app.css"),
        app_js=static_url("app.js"),
        htmx=static_url("vendor/htmx-4.0.1.min.js"),
        theme=theme_url() if themed and "shop" in g else "",
        icon="shop" in g,
    )


@blueprint.app_template_global()
def site_name() -> Markup:
    """Return the shop's name and the search form, the first part of every page's header."""
    shop = current_shop()
    return render_cached("shared/_name.html", shop.locale, name=shop.name, **_logo(shop.theme.get("logo")))


def _logo(logo: Any) -> dict[str, Any]:
    """Return the facts about a logo as hashable values."""
    known = logo if isinstance(logo, dict) else {}
    return {"logo": known.get("file", ""), "width": known.get("width", 0), "height": known.get("height", 0)}


@blueprint.app_template_global()
def site_nav() -> Markup:
    """Return the main menu, with the current page marked."""
    menus = _menus()
    edited = menus.main is not None
    if not edited:
        menus = Menus(_automatic_menu(), None)
    path = quote(request.path)
    here = "" if path == "/search" and request.args.get("q") else path
    links = menus.main or ()
    if not links:
        return rendered("")
    return render_cached(
        "shared/_nav.html",
        current_shop().locale,
        links=links,
        here=here if menus.leads_to(here) else "",
        edited=edited,
        nested=any(link.children for link in links),
    )


def _menus() -> Menus:
    """Return the menus that staff have edited. A shop without any is not asked for them."""
    return shown_menus() if site_navigation().edited_menus else Menus(None, None)


def _automatic_menu() -> tuple[MenuLink, ...]:
    """Return the main menu of a shop that has not edited it: all products, and the first categories."""
    categories = (MenuLink("category", each.name, each.path) for each in nav_categories())
    return (MenuLink("products", "", "/search"), *categories)


@blueprint.app_template_global()
def site_foot() -> Markup:
    """Return the footer of every page. Policies are in it even when an edited menu does not lead to them."""
    shop, menu, links = current_shop(), _menus().footer, site_navigation()
    if menu is not None:
        led_to = {link.path for entry in menu for link in (entry, *entry.children)}
        information = tuple(each for each in links.policies if each.path not in led_to)
    else:
        information = links.pages + links.policies
    return render_cached(
        "shared/_footer.html",
        shop.locale,
        name=shop.name,
        tagline=shop.tagline,
        prices_include_tax=shop.prices_include_tax,
        menu=menu,
        categories=links.categories if menu is None else (),
        information=information,
    )
