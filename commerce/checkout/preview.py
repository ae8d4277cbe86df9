"""What a sample cart would cost, by the shop's rules or with one that is not stored yet. Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from commerce.cart.queries import CartLineView, lines_for
from commerce.checkout.quote import Quote, quote
from commerce.pricing.promotions import ManualDiscount, PromotionRule


@dataclass(frozen=True, slots=True)
class CartPreview:
    """The lines of a sample cart, and what it would cost."""

    lines: tuple[CartLineView, ...]
    quote: Quote


def preview(
    wanted: Mapping[uuid.UUID, int],
    *,
    country: str,
    shipping_method: str = "",
    payment_method: str = "",
    coupon_codes: Sequence[str] = (),
    email: str = "",
    discount: ManualDiscount | None = None,
    moment: datetime | None = None,
    trial: PromotionRule | None = None,
) -> CartPreview:
    """Price units by variant as a checkout would at `moment` (now); variants that the shop does not have are left out.

    `trial` is a promotion that is not stored; one with the same id stands back for it, and it needs no code to apply.
    """
    lines = lines_for(wanted)
    priced = quote(
        lines,
        country,
        shipping_method,
        payment_method=payment_method,
        coupon_codes=coupon_codes,
        email=email,
        discount=discount,
        moment=moment,
        trial=trial,
    )
    return CartPreview(lines, priced)
