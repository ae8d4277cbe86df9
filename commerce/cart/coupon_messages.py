"""What the shopper is told about coupon codes: one sentence for each reason why a code takes nothing off."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask_babel import gettext as _

from commerce.cart.forms import CouponForm
from commerce.cart.services import enter_code
from commerce.errors import CouponRefused
from commerce.money import format_money
from commerce.tenants.scope import current_shop

_WORDS: Mapping[str, Callable[[], str]] = {
    "unknown": lambda: _("We don't recognize this code. Check the spelling."),
    "disabled": lambda: _("This code is no longer valid."),
    "not_started": lambda: _("This code is not valid yet."),
    "ended": lambda: _("This code has expired."),
    "used_up": lambda: _("This code has been used up."),
    "used_by_you": lambda: _("You have reached the limit for using this code."),
    "duplicate": lambda: _("Your cart already has a code for the same offer."),
    "nothing_eligible": lambda: _("This code doesn't apply to anything in your cart."),
    "awaits_shipping": lambda: _("Applies once you choose a shipping method."),
    "no_effect": lambda: _("There is nothing left to discount with this code."),
    "outdone": lambda: _("This code can't be combined with your other offers, which save you more."),
    "too_many": lambda: _("Your cart has the maximum number of codes. Remove one first."),
}


def coupon_code_message(reason: str, missing: int = 0) -> str:
    """Return why a code takes nothing off (`missing` is minor units), or '' when it does."""
    if reason == "below_minimum":
        shop = current_shop()
        amount = format_money(missing, shop.currency, shop.locale)
        return str(_("Add %(amount)s more to your cart to use this code.", amount=amount))
    return str(_WORDS[reason]()) if reason else ""


def enter_coupon_code(form: CouponForm, shopper: str, shipping: int | None = None) -> str:
    """Put the code of a sent form into a browser's cart and return the words for it; '' when the form says why not.

    `shipping` is its price in minor units, where it is known. Raises NotFound without a cart.
    """
    if not form.validate():
        return ""
    try:
        code = enter_code(shopper, form.coupon_code.data, shipping=shipping)
    except CouponRefused as error:
        form.coupon_code.errors = [coupon_code_message(error.reason, error.missing)]
        return ""
    return str(_("Code %(code)s applied.", code=code))
