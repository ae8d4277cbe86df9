"""What a cart costs: lines, promotions, shipping, fees and tax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from commerce.cart.details import CheckoutDetails
from commerce.cart.queries import CartLineView, CartView
from commerce.payments.queries import Method
from commerce.payments.queries import payment_method as payment_method_of
from commerce.pricing.calculate import Discount, FeeToPrice, ShippingToPrice, Totals, calculate
from commerce.pricing.coupon_validity import CouponState
from commerce.pricing.discounts import CartDiscounts, find_discounts
from commerce.pricing.promotions import Evaluation, ManualDiscount, PromotionRule
from commerce.pricing.queries import tax_table
from commerce.shipping.queries import (
    NOT_SHIPPED,
    ShippingOffer,
    nothing_to_ship,
    shipping_offers,
    ships_by_discounted_total,
)
from commerce.tenants.scope import current_shop


@dataclass(frozen=True, slots=True)
class Quote:
    """What a cart costs, delivered to a country by a chosen (or not yet chosen) method. Minor units."""

    country: str
    offers: tuple[ShippingOffer, ...]
    shipping: ShippingOffer | None
    totals: Totals
    found: CartDiscounts
    payment: Method | None

    @property
    def discounts(self) -> tuple[Discount, ...]:
        """What is taken off, in the order in which it is."""
        return self.found.discounts

    @property
    def verdicts(self) -> tuple[Evaluation, ...]:
        """The evaluation of every promotion of the shop."""
        return self.found.verdicts

    @property
    def coupons(self) -> tuple[CouponState, ...]:
        """The state of every code of the cart."""
        return self.found.codes

    def fee_of(self, method: Method) -> int:
        """Return what paying by a method would cost, before tax that prices do not include."""
        return _fee(method).on(self.totals.goods)


def quote(
    lines: tuple[CartLineView, ...],
    country: str,
    shipping_method: str,
    *,
    payment_method: str = "",
    coupon_codes: Sequence[str] = (),
    email: str = "",
    discount: ManualDiscount | None = None,
    moment: datetime | None = None,
    trial: PromotionRule | None = None,
) -> Quote:
    """Price cart lines for a destination (ISO 3166 code). Unknown methods leave shipping and payment unchosen.

    What ships a cart, and for how much, follows from its subtotal before discounts, unless a method says otherwise.
    What is not shipped is not weighed, and where nothing is, there is no shipping to choose. An `email` lets limits per
    customer be looked at; `discount` is what staff take off by hand; `trial` is a promotion that is not stored,
    `moment` another time than now.
    """
    shop = current_shop()
    method = payment_method_of(payment_method)
    to_price = [line.to_price for line in lines]
    discounts = partial(
        find_discounts,
        to_price,
        codes=coupon_codes,
        email=email,
        manual=discount,
        moment=moment,
        trial=trial,
    )
    offers = offers_for(lines, country, lambda: discounts(None).amount)
    chosen = next((offer for offer in offers if offer.code in (shipping_method, NOT_SHIPPED)), None)
    found = discounts(chosen.price if chosen else None)
    totals = calculate(
        to_price,
        ShippingToPrice(chosen.id, chosen.name, chosen.price, chosen.tax_class) if chosen else None,
        country=country,
        taxes=tax_table(),
        prices_include_tax=shop.prices_include_tax,
        rounding=shop.tax_rounding,
        discounts=found.discounts,
        fee=_fee(method) if method else None,
        shipping_tax=shop.shipping_tax,
        cash_rounding=method.cash_rounding if method else 0,
    )
    return Quote(country, offers, chosen, totals, found, method)


def offers_for(
    lines: Sequence[CartLineView], country: str, discount: Callable[[], int]
) -> tuple[ShippingOffer, ...]:
    """Return how lines can be shipped to a country. `discount` returns that of the goods, if it matters."""
    if lines and not any(line.requires_shipping for line in lines):
        return (nothing_to_ship(),)
    subtotal = sum(line.amount for line in lines)
    return tuple(
        shipping_offers(
            country=country,
            subtotal=subtotal,
            weight_grams=sum(line.shipping_weight for line in lines),
            discounted=subtotal - discount() if ships_by_discounted_total() else None,
        )
    )


def _fee(method: Method) -> FeeToPrice:
    return FeeToPrice(method.code, method.name, method.fee_amount, method.fee_ppm, method.fee_tax_class)


def quote_cart(cart: CartView) -> Quote:
    """Price a cart with the details that its shopper has entered so far."""
    return quote_details(cart.lines, cart.details, coupon_codes=cart.coupon_codes, draft=bool(cart.draft_by))


def quote_details(
    lines: tuple[CartLineView, ...],
    details: CheckoutDetails,
    *,
    coupon_codes: Sequence[str],
    draft: bool,
) -> Quote:
    """Price lines with saved details; without an address, as delivered in the shop's country.

    A discount by hand counts only in a `draft`, which staff alone can write.
    """
    by_hand = details.discount if draft else None
    return quote(
        lines,
        details.country or current_shop().country,
        details.shipping_method,
        payment_method=details.payment_method,
        coupon_codes=coupon_codes,
        email=details.email,
        discount=ManualDiscount(by_hand.amount, by_hand.label) if by_hand else None,
    )
