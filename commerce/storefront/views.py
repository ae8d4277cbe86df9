"""The pages that anybody may read: home, categories, search, product."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from flask import Blueprint, Response, current_app, g, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from commerce.catalog.search import MAX_QUERY_CHARACTERS
from commerce.errors import NotFound
from commerce.paging import PageLinks, parse_page_number
from commerce.storefront import listings
from commerce.storefront.listings import SORTS
from commerce.storefront.page_cache import cache_for_anonymous
from commerce.storefront.product_cards import Card, CardPage, CategoryLink
from commerce.storefront.product_fragments import product_parts, shown_picture
from commerce.storefront.product_page import ProductPage, product_page
from commerce.storefront.variant_picker import VariantChoice, axis_keys, match_variant
from commerce.tenants.scope import current_shop
from commerce.tenants.views import accent, static_url, theme_url
from commerce.web import public, render_region, see_other

blueprint = Blueprint("storefront", __name__)

NAV_CATEGORIES = 8
HOME_PRODUCTS = 12
RELATED_PRODUCTS = 4
EAGER_CARDS = 4
"""On a list the first row's pictures are fetched at once, others when they come near."""
MAX_CATEGORIES = 500
MAX_UNITS = 999
"""The largest quantity that a cart line takes."""
NAV_SECONDS = 2.0
"""How long the navigation of a visitor with a cookie may be kept."""


class AlertAnswer(NamedTuple):
    """What became of a wish to be told: the message that it is kept, or what is wrong with the address as typed."""

    message: str = ""
    email: str = ""
    error: str = ""


NO_ANSWER = AlertAnswer()

_navigation: dict[uuid.UUID, tuple[float, tuple[CategoryLink, ...]]] = {}


def nav_categories() -> tuple[CategoryLink, ...]:
    """Return the first categories that have something to show.

    Visitors who are shopping (they have a cookie) may see them NAV_SECONDS late; pages that are kept for strangers
    may not, because a kept page would stay late.
    """
    if "nav_categories" in g:
        shelves: tuple[CategoryLink, ...] = g.nav_categories
        return shelves
    shop_id, now = current_shop().id, time.monotonic()
    kept = _navigation.get(shop_id)
    if kept is None or now >= kept[0] or not request.cookies:
        kept = _navigation[shop_id] = now + NAV_SECONDS, listings.list_categories(NAV_CATEGORIES)
    g.nav_categories = kept[1]
    return kept[1]


@lru_cache(maxsize=2048)
def _kept(template: str, locale: str, **facts: object) -> Markup:
    """Render a part of a page once for each state of what it shows.

    Everything that it shows is among the arguments, so what is kept is never out of date. The template is rendered
    without the request's variables, so that it cannot show anything else.
    """
    part = current_app.jinja_env.get_template(template)
    return Markup(part.render(locale=locale, **facts))  # noqa: S704 - the template has escaped it


@blueprint.app_template_global()
def site_links() -> Markup:
    """Return style sheets, scripts and icon of every page, for the page's `head`."""
    return _kept(
        "shared/_links.html",
        "",
        app_css=static_url("app.css"),
        app_js=static_url("app.js"),
        htmx=static_url("vendor/htmx-4.0.1.min.js"),
        theme=theme_url() if "shop" in g else "",
    )


@blueprint.app_template_global()
def site_name() -> Markup:
    """Return the shop's name and the search form, the first part of every page's head."""
    shop = current_shop()
    return _kept("shared/_name.html", shop.locale, name=shop.name, **_logo(shop.theme.get("logo")))


def _logo(logo: Any) -> dict[str, Any]:
    """Return the facts about a logo that a part of a page can be kept by."""
    known = logo if isinstance(logo, dict) else {}
    return {"logo": known.get("file", ""), "width": known.get("width", 0), "height": known.get("height", 0)}


@blueprint.app_template_global()
def site_nav() -> Markup:
    """Return the navigation by categories, with the present page marked."""
    path = request.path if request.path == "/search" or request.path.startswith("/categories/") else ""
    here = "" if path == "/search" and request.args.get("q") else path
    return _kept("shared/_nav.html", current_shop().locale, shelves=nav_categories(), here=here)


@blueprint.app_template_global()
def site_foot() -> Markup:
    """Return the foot of every page."""
    shop = current_shop()
    return _kept(
        "shared/_footer.html",
        shop.locale,
        name=shop.name,
        tagline=shop.tagline,
        prices_include_tax=shop.prices_include_tax,
        shelves=nav_categories(),
    )


# --- lists ------------------------------------------------------------------------------------------


@blueprint.get("/")
@cache_for_anonymous
def home() -> str:
    """The front page: what the shop is, its categories, its newest products."""
    shelves = nav_categories()
    pictures = listings.category_pictures([shelf.id for shelf in shelves])
    cards = listings.newest(HOME_PRODUCTS)
    return _render_list("storefront/home.html", shelves=shelves, pictures=pictures, cards=cards)


@blueprint.get("/categories")
@cache_for_anonymous
def categories() -> str:
    """All categories with something to show."""
    shelves = listings.list_categories(MAX_CATEGORIES)
    few = len(shelves) <= listings.MAX_PICTURED_SHELVES
    pictures = listings.category_pictures([shelf.id for shelf in shelves]) if few else {}
    return _render_list("storefront/categories.html", shelves=shelves, pictures=pictures, few=few)


@blueprint.get("/categories/<slug>")
@cache_for_anonymous
def category(slug: str) -> str:
    """The products of a category."""
    category_id, name, description = listings.find_category(slug)
    found = listings.products_of(category_id, _page_number(), _sort())
    pages = _links(found, f"/categories/{quote(slug)}")
    return _render_list(
        "storefront/category.html", pages=pages, cards=found.cards, name=name, description=description
    )


@blueprint.get("/search")
@cache_for_anonymous
def search() -> str:
    """What a search finds; everything when nothing is asked for."""
    query = " ".join(request.args.get("q", "").replace("\0", " ").split())[:MAX_QUERY_CHARACTERS]
    sort, page = _sort(), _page_number()
    found = listings.found_products(query, page, sort) if query else listings.all_products(page, sort)
    pages = _links(found, "/search", query)
    return _render_list("storefront/search.html", pages=pages, cards=found.cards)


def _links(page: CardPage, path: str, query: str = "") -> PageLinks:
    """Return the ways to the other pages of a list, with the search and the sorting kept."""
    sort = _sort()
    asked = (("q", query), ("sort", sort if sort != SORTS[0] else ""))
    return PageLinks(path, asked, page.number, page.last, page.total, more=page.number < page.last)


def _render_list(template: str, **facts: Any) -> str:
    """Render a list page; cards, sorting and pagination are rendered once for each state of theirs."""
    if "cards" in facts:
        facts["cards"] = _cards(facts["cards"], EAGER_CARDS if "pages" in facts else 0)
    if "pages" in facts:
        locale, pages = current_shop().locale, facts["pages"]
        facts["head"] = _kept("storefront/_list_head.html", locale, pages=pages)
        facts["foot"] = _kept("shared/_pagination.html", locale, pages=pages)
    return render_template(template, **facts)


def _sort() -> str:
    sort = request.args.get("sort", SORTS[0])
    return sort if sort in SORTS else SORTS[0]


def _page_number() -> int:
    number = parse_page_number(request.args.get("page", "1"))
    if number is None:
        raise NotFound("This list has no such page.")
    return number


def _cards(cards: tuple[Card, ...], eager: int = 0) -> Markup:
    shop = current_shop()
    rendered = [
        _kept(
            "storefront/_card.html",
            shop.locale,
            card=card,
            currency=shop.currency,
            low=0 < card.in_stock <= shop.low_stock_at,
            ships_from=card.expected if card.on_backorder else None,
            eager=index < eager,
        )
        for index, card in enumerate(cards)
    ]
    # Joined as plain strings: Markup would look at each of them once more.
    return Markup("".join(rendered))  # noqa: S704 - every part is Markup already


# --- the product page -------------------------------------------------------------------------------


@blueprint.get("/products/<slug>")
def product(slug: str) -> Response:
    """A product with the variant that the address chooses; htmx gets only the part that changes with the choice."""
    return product_response(slug, request.args)


def product_response(
    slug: str, wish: Mapping[str, str], status: int = 200, *, alert: AlertAnswer = NO_ANSWER
) -> Response:
    """Answer with a product's page; `wish` says which variant, as the page's address does.

    `alert` is what became of the form that asks to be told when a sold-out variant is back. Raises NotFound.
    """
    found = product_page(slug)
    choice = match_variant(found.option_names, found.variants, wish)
    shop = current_shop()
    parts = product_parts(
        found,
        choice,
        shown_picture(found, choice, wish.get("picture", "")),
        urlencode([(key, value) for key, value in wish.items() if key != "picture"]),
        request.host_url,
        (shop.currency, shop.locale, shop.low_stock_at),
    )
    return render_region(
        "storefront/product.html",
        "storefront/_product.html",
        status,
        product=found,
        choice=choice,
        most=_most(choice),
        alert=alert,
        related=lambda: _cards(_related(found)),
        **parts,
    )


def _related(product: ProductPage) -> tuple[Card, ...]:
    """Return other products of the product's first category."""
    if not product.shelves:
        return ()
    return listings.neighbours(product.shelves[0].slug, product.slug, RELATED_PRODUCTS)


@blueprint.post("/products/<slug>/choice")
def choose_variant(slug: str) -> BaseResponse:
    """Lead to the product page with the options that a form without JavaScript has chosen."""
    found = product_page(slug)
    keys = axis_keys(found.option_names)
    return see_other(
        f"{found.path}?{urlencode({key: request.form[key] for key in keys if key in request.form})}"
    )


def _most(choice: VariantChoice) -> int:
    """Return the largest quantity that the form offers."""
    variant = choice.variant
    return min(variant.available, MAX_UNITS) if variant else MAX_UNITS


# --- for programs -----------------------------------------------------------------------------------


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Keep crawlers out of what is private or endless."""
    rules = "".join(
        f"Disallow: {path}\n" for path in ("/cart", "/checkout", "/orders/", "/account", "/admin")
    )
    return public(
        Response(f"User-agent: *\n{rules}\nSitemap: {request.host_url}sitemap.xml\n", mimetype="text/plain"),
        3600,
    )


@blueprint.get("/sitemap.xml")
def sitemap() -> Response:
    """All pages that a search engine should know."""
    address = request.host_url.rstrip("/")
    places = "".join(
        f"<url><loc>{escape(address + path)}</loc></url>\n" for path in ["/", *listings.all_paths()]
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return public(Response(f"{head}{places}</urlset>\n", mimetype="application/xml"), 3600)


@blueprint.get("/favicon.svg")
@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """The shop's sign: a ring in its accent colour. Browsers that ask for .ico take it too."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<circle cx="16" cy="16" r="15" fill="{accent(current_shop())}"/>'
        '<circle cx="16" cy="16" r="6" fill="none" stroke="#fff" stroke-width="3"/></svg>'
    )
    return public(Response(svg, mimetype="image/svg+xml"), 3600)
