"""Messages about coupon codes: one sentence for each reason why a code gives no discount."""

from __future__ import annotations

from flask_babel import gettext as _

from commerce.cart.forms import CouponForm
from commerce.cart.services import enter_code
from commerce.error_messages import describe
from commerce.errors import CouponRefused
from commerce.tenants.scope import current_shop


def coupon_code_message(state: str, missing: int = 0) -> str:
    """Return why a code takes nothing off (`missing` is minor units), or '' when it does."""
    if not state:
        return ""
    return describe(CouponRefused("", state, missing, current_shop().currency))


def enter_coupon_code(form: CouponForm, shopper: str, shipping: int | None = None) -> str:
    """Put the code of a sent form into a browser's cart and return the words for it; '' when the form says why not.

    `shipping` is its price in minor units, where it is known. Raises NotFound without a cart.
    """
    if not form.validate():
        return ""
    try:
        code = enter_code(shopper, form.coupon_code.data, shipping=shipping)
    except CouponRefused as error:
        form.coupon_code.errors = [describe(error)]
        return ""
    return str(_("Code %(code)s applied.", code=code))
