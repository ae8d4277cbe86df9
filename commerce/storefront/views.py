"""The pages that anybody may read: home, categories, search, product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from flask import Response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.cache import render_cached
from commerce.catalog.collections import collection_path
from commerce.catalog.search import MAX_QUERY_CHARACTERS
from commerce.content.models import page_path
from commerce.content.queries import published_page
from commerce.errors import NotFound
from commerce.markup import plain_text
from commerce.paging import MOST_COUNTED, PageLinks, parse_page_number
from commerce.storefront import listings
from commerce.storefront.categories import MAX_PICTURED_CATEGORIES, find_category, list_categories
from commerce.storefront.home_page import home_facts
from commerce.storefront.layout import blueprint
from commerce.storefront.list_parts import cards_markup, pictures_of
from commerce.storefront.listings import SORTS
from commerce.storefront.page_cache import cache_for_anonymous, cached_part
from commerce.storefront.product_cards import PAGE_SIZE, Card, CardPage
from commerce.storefront.product_fragments import product_parts, shown_picture
from commerce.storefront.product_page import ProductPage, moved_to, product_page
from commerce.storefront.sitemap import count_sitemaps, sitemap_paths
from commerce.storefront.variant_picker import VariantChoice, axis_keys, match_variant
from commerce.tenants.scope import current_shop
from commerce.tenants.views import accent
from commerce.web import public, render_region, see_other

__all__ = ["blueprint"]

RELATED_PRODUCTS = 4
EAGER_CARDS = 4
"""On a list the first row's pictures are fetched at once, others when they come near."""
MAX_CATEGORIES = 500
MAX_UNITS = 999
"""The largest quantity that a cart line takes."""


class AlertAnswer(NamedTuple):
    """Answer to the back-in-stock form: the confirmation, or what is wrong with the address as typed."""

    message: str = ""
    email: str = ""
    error: str = ""


NO_ANSWER = AlertAnswer()

# --- lists ------------------------------------------------------------------------------------------


@blueprint.get("/")
@cache_for_anonymous
def home() -> str:
    """Home page: what staff have made of it, or what the shop is, its categories, its newest products."""
    return render_template("storefront/home.html", **cached_part("home", "", home_facts))


@blueprint.get("/categories")
@cache_for_anonymous
def categories() -> str:
    """All categories with something to show: those of the first level, with those right below them."""
    found = list_categories(MAX_CATEGORIES)
    known = {category.id for category in found}
    top = [category for category in found if category.parent_id not in known]
    children = {each.id: [child for child in found if child.parent_id == each.id] for each in top}
    few = len(top) <= MAX_PICTURED_CATEGORIES
    return _render_list(
        "storefront/categories.html",
        categories=top,
        children=children,
        pictures=pictures_of(top) if few else {},
        few=few,
    )


@blueprint.get("/categories/<slug>")
@cache_for_anonymous
def category(slug: str) -> str:
    """The products of a category and of those below it."""
    facts = cached_part("category", (slug, request.query_string), lambda: _category_facts(slug))
    return render_template("storefront/category.html", **facts)


def _category_facts(slug: str) -> dict[str, Any]:
    found = find_category(slug)
    sort = _sort(found.product_order)
    page = listings.products_of(found, _page_number(), sort)
    pages = _links(page, f"/categories/{quote(slug)}", default=found.product_order)
    return _list_facts(
        pages=pages,
        cards=page.cards,
        category=found,
        summary=plain_text(found.description),
        default=found.product_order,
    )


@blueprint.get("/collections/<slug>")
@cache_for_anonymous
def collection(slug: str) -> str:
    """The products of a collection."""
    found = listings.find_collection(slug)
    sort = _sort(found.product_order)
    page = listings.collected_products(found, _page_number(), sort)
    return _render_list(
        "storefront/collection.html",
        pages=_links(page, quote(collection_path(slug)), default=found.product_order),
        cards=page.cards,
        collection=found,
        summary=found.seo_description or plain_text(found.description_html),
        default=found.product_order,
    )


@blueprint.get("/search")
@cache_for_anonymous
def search() -> str:
    """Search results; all products when the query is empty."""
    facts = cached_part("search", request.query_string, _search_facts)
    return render_template("storefront/search.html", **facts)


def _search_facts() -> dict[str, Any]:
    query = " ".join(request.args.get("q", "").replace("\0", " ").split())[:MAX_QUERY_CHARACTERS]
    sort, page = _sort(), _page_number()
    found = listings.found_products(query, page, sort) if query else listings.all_products(page, sort)
    pages = _links(found, "/search", query)
    return _list_facts(pages=pages, cards=found.cards)


def _links(page: CardPage, path: str, query: str = "", default: str = SORTS[0]) -> PageLinks:
    """Return the ways to the other pages of a list, with the search and the sorting kept."""
    sort = _sort(default)
    asked = (("q", query), ("sort", sort if sort != default else ""))
    if page.total > MOST_COUNTED:
        return PageLinks(path, asked, page.number, None, MOST_COUNTED + 1, more=len(page.cards) == PAGE_SIZE)
    return PageLinks(path, asked, page.number, page.last, page.total, more=page.number < page.last)


def _render_list(template: str, **facts: Any) -> str:
    return render_template(template, **_list_facts(**facts))


def _list_facts(**facts: Any) -> dict[str, Any]:
    """Return what a list page shows; cards, sorting and pagination are rendered once for each state of theirs."""
    if "cards" in facts:
        facts["cards"] = cards_markup(facts["cards"], EAGER_CARDS if "pages" in facts else 0)
    if "pages" in facts:
        locale, pages = current_shop().locale, facts["pages"]
        default = facts.get("default", SORTS[0])
        facts["head"] = render_cached("storefront/_list_head.html", locale, pages=pages, default=default)
        facts["foot"] = render_cached("shared/_pagination.html", locale, pages=pages)
    return facts


def _sort(default: str = SORTS[0]) -> str:
    """Return how a list is sorted: as the visitor asks, else as the shop has chosen for it."""
    sort = request.args.get("sort", default)
    return sort if sort in SORTS else default


def _page_number() -> int:
    number = parse_page_number(request.args.get("page", "1"))
    if number is None:
        raise NotFound("list_page_not_found")
    return number


# --- the product page -------------------------------------------------------------------------------


@blueprint.get("/products/<slug>")
def product(slug: str) -> Response:
    """A product with the variant that the address chooses; htmx gets only the part that changes with the choice.

    An address that it had before leads to it.
    """
    try:
        return product_response(slug, request.args)
    except NotFound:
        return _moved(moved_to(slug))


@blueprint.get("/product/<slug>/", strict_slashes=False)
def product_of_woocommerce(slug: str) -> Response:
    """Where WooCommerce has its products: links from elsewhere go on leading to them."""
    try:
        return _moved(product_page(slug).path)
    except NotFound:
        return _moved(moved_to(slug))


def _moved(path: str) -> Response:
    """Answer with the address at which something is now, for good."""
    query = request.query_string.decode("ascii", "ignore")
    answer = Response(status=301)
    answer.headers["Location"] = f"{path}?{query}" if query else path
    return answer


def product_response(
    slug: str, asked: Mapping[str, str], status: int = 200, *, alert: AlertAnswer = NO_ANSWER
) -> Response:
    """Answer with a product's page; `asked` names the variant, as the page's address does.

    `alert` answers the back-in-stock form of a sold-out variant. Raises NotFound.
    """
    facts = cached_part("product", (slug, *asked.items()), lambda: _product_facts(slug, asked))
    found: ProductPage = facts["product"]
    return render_region(
        "storefront/product.html",
        "storefront/_product.html",
        status,
        alert=alert,
        related=lambda: cached_part("related", slug, lambda: cards_markup(_related(found))),
        **facts,
    )


def _product_facts(slug: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what a product's page shows to everybody. Raises NotFound."""
    found = product_page(slug)
    choice = match_variant(found.option_names, found.variants, asked)
    shop = current_shop()
    parts = product_parts(
        found,
        choice,
        shown_picture(found, choice, asked.get("picture", "")),
        urlencode([(key, value) for key, value in asked.items() if key != "picture"]),
        request.host_url,
        (shop.currency, shop.locale, shop.low_stock_at),
    )
    return {"product": found, "choice": choice, "most": _most(choice), **parts}


def _related(product: ProductPage) -> tuple[Card, ...]:
    """Return other products of the product's first category."""
    if not product.categories:
        return ()
    return listings.related_products(product.categories[0].slug, product.slug, RELATED_PRODUCTS)


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


# --- pages and policies -------------------------------------------------------------------------------


@blueprint.get("/pages/<slug>", endpoint="content_page")
@cache_for_anonymous
def shop_page(slug: str) -> str:
    """A page that the shop has written."""
    return _render_page("page", slug)


@blueprint.get("/policies/<slug>", endpoint="policy")
@cache_for_anonymous
def shop_policy(slug: str) -> str:
    """A policy of the shop, such as its terms."""
    return _render_page("policy", slug)


def _render_page(kind: str, slug: str) -> str:
    page = published_page(kind, slug)
    return render_template(
        "storefront/page.html",
        title=page.title,
        body_html=page.body_html,
        summary=plain_text(page.body_html),
        path=quote(page_path(kind, slug)),
        updated_at=page.published_at if kind == "policy" else None,
    )


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
    """All pages that a search engine should know, or an index of the files that name them."""
    count = count_sitemaps()
    if count == 1:
        return _sitemap("urlset", "url", sitemap_paths(1))
    return _sitemap("sitemapindex", "sitemap", [f"/sitemap-{number}.xml" for number in range(1, count + 1)])


@blueprint.get("/sitemap-<int:number>.xml")
def sitemap_part(number: int) -> Response:
    """One of the files of a shop with many pages."""
    if not 1 <= number <= count_sitemaps():
        raise NotFound("list_page_not_found")
    return _sitemap("urlset", "url", sitemap_paths(number))


def _sitemap(root: str, entry: str, paths: Sequence[str]) -> Response:
    """Answer with a list of addresses as sitemaps.org describes it."""
    address = request.host_url.rstrip("/")
    places = "".join(f"<{entry}><loc>{escape(address + path)}</loc></{entry}>\n" for path in paths)
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return public(Response(f"{head}{places}</{root}>\n", mimetype="application/xml"), 3600)


@blueprint.get("/favicon.svg")
@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """The shop's icon: a ring in its accent color. Browsers that ask for .ico take it too."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<circle cx="16" cy="16" r="15" fill="{accent(current_shop())}"/>'
        '<circle cx="16" cy="16" r="6" fill="none" stroke="#fff" stroke-width="3"/></svg>'
    )
    return public(Response(svg, mimetype="image/svg+xml"), 3600)
