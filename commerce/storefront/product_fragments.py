"""What a product page shows to everybody, rendered once for each state of it, and what it tells search engines."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from flask import current_app

from commerce.markup import Markup, plain_text, rendered
from commerce.money import to_decimal
from commerce.storefront.product_page import PagePicture, ProductPage
from commerce.storefront.variant_picker import SoldVariant, VariantChoice


@lru_cache(maxsize=512)
def product_parts(
    product: ProductPage,
    choice: VariantChoice,
    shown: PagePicture | None,
    asked: str,
    host_url: str,
    settings: tuple[str, str, int],
) -> dict[str, Markup]:
    """Render once for each state of a product what its page shows to everybody: all but the form's token and the cart.

    Everything that the parts show is among the arguments, as with `cache.render_cached`.
    """
    currency, locale, low_stock_at = settings
    facts: dict[str, Any] = {
        "product": product,
        "choice": choice,
        "variant": choice.variant,
        "shown": shown,
        "picture_address": f"{product.path}?{asked}{'&' if asked else ''}picture=",
        "host_url": host_url,
        "currency": currency,
        "locale": locale,
        "low_stock_at": low_stock_at,
        "json_ld": _json_ld(product, host_url, currency),
        "summary": _summary(product),
    }
    render = current_app.jinja_env.get_template
    return {
        name: rendered(render(f"storefront/_{name}.html").render(facts))
        for name in ("facts", "gallery", "offer", "options")
    }


def shown_picture(product: ProductPage, choice: VariantChoice, asked: str) -> PagePicture | None:
    """Return the picture with the id `asked`, else that of the chosen variant, else the first there is."""
    variants_own = choice.variant.image_id if choice.variant else None
    pictures = sorted(product.pictures, key=lambda picture: (not picture.file, picture.id != variants_own))
    return next(
        (picture for picture in pictures if str(picture.id) == asked), pictures[0] if pictures else None
    )


def _summary(product: ProductPage) -> str:
    """Return what search engines show below the title: the shop's own words, else the beginning of the description."""
    text = product.seo_description or plain_text(product.description_html)
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + "…"


def _availability(variant: SoldVariant) -> dict[str, str]:
    """Return whether and from when a variant can be had, in the words of schema.org."""
    if not variant.on_backorder:
        return {"availability": f"https://schema.org/{'OutOfStock' if variant.sold_out else 'InStock'}"}
    if variant.ships_from is None:
        return {"availability": "https://schema.org/BackOrder"}
    return {
        "availability": "https://schema.org/PreOrder",
        "availabilityStarts": variant.ships_from.isoformat(),
    }


def _json_ld(product: ProductPage, host_url: str, currency: str) -> dict[str, object]:
    """Return the product for search engines, in the words of schema.org."""
    address = host_url.rstrip("/")
    offers = [
        {
            "@type": "Offer",
            "sku": variant.sku,
            "price": str(to_decimal(variant.price, currency)),
            "priceCurrency": currency,
            **_availability(variant),
            "url": f"{address}{product.path}?{urlencode({'variant': variant.sku})}",
        }
        for variant in product.variants
    ]
    facts: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": product.title,
        "description": _summary(product),
        "image": [f"{address}/media/{picture.file}" for picture in product.pictures if picture.file],
        "offers": offers,
    }
    if product.vendor:
        facts["brand"] = {"@type": "Brand", "name": product.vendor}
    return facts
