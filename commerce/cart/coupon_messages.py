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
    "unknown": lambda: _("We do not know this code. Please check how it is written."),
    "disabled": lambda: _("This code is not valid any more."),
    "not_started": lambda: _("This code is not valid yet."),
    "ended": lambda: _("This code has expired."),
    "used_up": lambda: _("This code has been used up."),
    "used_by_you": lambda: _("You have used this code as often as one customer may."),
    "duplicate": lambda: _("Your cart has another code for the same offer already."),
    "nothing_eligible": lambda: _("This code is not for anything in your cart."),
    "awaits_shipping": lambda: _("Takes effect when you have chosen how we ship."),
    "no_effect": lambda: _("There is nothing left that this code could take off."),
    "superseded": lambda: _("This code cannot be combined with your other offers, which save you more."),
    "too_many": lambda: _("Your cart has as many codes as it can hold. Please remove one first."),
}


def coupon_code_message(reason: str, missing: int = 0) -> str:
    """Return why a code takes nothing off (`missing` is minor units), or '' when it does."""
    if reason == "below_minimum":
        shop = current_shop()
        amount = format_money(missing, shop.currency, shop.locale)
        return str(_("This code needs %(amount)s more in your cart.", amount=amount))
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
    return str(_("The code %(code)s is in your cart.", code=code))
