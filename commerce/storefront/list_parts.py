"""Parts of pages that show several products or categories."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from commerce.cache import render_cached
from commerce.markup import Markup, joined
from commerce.storefront.categories import category_pictures
from commerce.storefront.product_cards import Card, CategoryLink
from commerce.tenants.scope import current_shop


def cards_markup(cards: tuple[Card, ...], eager: int = 0) -> Markup:
    """Render products as cards; the pictures of the first `eager` are fetched at once."""
    shop = current_shop()
    return joined(
        render_cached(
            "storefront/_card.html",
            shop.locale,
            card=card,
            currency=shop.currency,
            low=0 < card.in_stock <= shop.low_stock_at,
            ships_from=card.expected if card.on_backorder else None,
            eager=index < eager,
        )
        for index, card in enumerate(cards)
    )


def pictures_of(found: Sequence[CategoryLink]) -> Mapping[uuid.UUID, str]:
    """Return the picture file of categories: their own, else that of a product."""
    own = {category.id: category.picture for category in found if category.picture}
    others = [category.id for category in found if category.id not in own]
    return {**category_pictures(others), **own}
