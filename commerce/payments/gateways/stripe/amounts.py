"""Amounts as Stripe's API counts them, which is not always as CLDR does.

Stripe: "Supported currencies", sections on zero-decimal and three-decimal currencies and special cases. Two decimals
unless said otherwise; what CLDR shows without decimals (ALL, RSD, TZS ...) has two there as well.
"""

from __future__ import annotations

from commerce.errors import InvalidValue
from commerce.money import exponent

WITHOUT_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
THREE_DECIMALS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
"""The last of the three must be 0: card networks know only two."""
WHOLE_UNITS = frozenset(("ISK", "UGX"))
"""Counted in hundredths for the sake of old integrations, but only whole units pass."""


def stripe_exponent(currency: str) -> int:
    """Return how many decimals Stripe counts for a currency. Raises InvalidValue for one that it cannot express."""
    if currency in WITHOUT_DECIMALS:
        return 0
    if currency in THREE_DECIMALS:
        return 3
    if exponent(currency) > 2:
        raise InvalidValue("currency", "stripe_currency_unsupported", currency=currency)
    return 2


def stripe_step(currency: str) -> int:
    """Return the smallest amount, as Stripe counts, of which every amount must be a multiple."""
    if currency in THREE_DECIMALS:
        return 10
    return 100 if currency in WHOLE_UNITS else 1


def to_stripe(amount: int, currency: str) -> int:
    """Return minor units as Stripe counts them. Raises InvalidValue for an amount that cannot be expressed exactly."""
    shift = stripe_exponent(currency) - exponent(currency)
    counted, rest = (amount * 10**shift, 0) if shift >= 0 else divmod(amount, 10**-shift)
    if rest or counted % stripe_step(currency):
        raise InvalidValue("amount", "stripe_amount_too_precise", currency=currency)
    return int(counted)


def from_stripe(counted: int, currency: str) -> int:
    """Return what Stripe counts as minor units of ours. Raises InvalidValue when that leaves a rest."""
    shift = stripe_exponent(currency) - exponent(currency)
    amount, rest = divmod(counted, 10**shift) if shift >= 0 else (counted * 10**-shift, 0)
    if rest:
        raise InvalidValue("amount", "stripe_amount_not_whole", counted=counted, currency=currency)
    return int(amount)
