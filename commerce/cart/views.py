"""The cart's pages: add, look, change, take out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, flash, g, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.auth import current_member
from commerce.cart.coupon_messages import coupon_code_message, enter_coupon_code
from commerce.cart.forms import MAX_CODE, AddLineForm, CouponForm, printable_line, typed_quantities
from commerce.cart.queries import CartView, count_units, discounts_of, find_offer, load_cart
from commerce.cart.services import (
    CartChange,
    add_line,
    change_quantities,
    member_shopper,
    new_shopper_key,
    remove_codes,
    shopper_hash,
)
from commerce.error_messages import describe
from commerce.errors import CartFull, NotFound, OutOfStock
from commerce.form_submissions import key_of_form, lands_on
from commerce.storefront.product_page import chosen_variant
from commerce.web import cookie_name, cookie_rules, leave_for, private, render_region, see_other, wants_region

blueprint = Blueprint("cart", __name__)

COOKIE = "cart"
YEAR = 31_536_000
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
NEXT_PAGES = {"checkout": "/checkout", "shop": "/"}
"""Button of the cart -> the page that it leads to once everything is saved."""
Said = tuple[str, str]
"""A sentence for the shopper and its tone: "good" or "warn"."""


# --- whose cart ---------------------------------------------------------------------------------------


def shopper() -> str:
    """Return the stored form of the member's name, or else of this browser's, or '' when it has none yet."""
    member = current_member()
    if member is not None:
        return member_shopper(member.id)
    return guest_shopper()


def guest_shopper() -> str:
    """Return the stored form of this browser's name, whoever is signed in, or '' when it has none."""
    key = g.get("cart_key") or request.cookies.get(cookie_name(COOKIE), "")
    return shopper_hash(key) if _KEY.fullmatch(key) else ""


def cart_count() -> int:
    """Return how many units this browser's cart holds, for every page's head. Without a cookie nobody is asked."""
    if "cart_units" not in g:
        g.cart_units = count_units(shopper()) if shopper() else 0
    units: int = g.cart_units
    return units


def current_cart() -> CartView | None:
    """Return this browser's open cart, or None; the page's head then need not count it again."""
    cart = load_cart(shopper()) if shopper() else None
    g.cart_units = cart.units if cart else 0
    return cart


def _name_shopper() -> str:
    """Give this browser a name when it has none; `_remember` sends it.

    The second click of two has no cookie yet either: both get the name that belongs to their form.
    """
    if not shopper():
        g.cart_key = key_of_form() or new_shopper_key()
    return shopper()


@blueprint.after_request
def _remember(response: Response) -> Response:
    if "cart_key" in g and response.status_code < 400:
        response.set_cookie(cookie_name(COOKIE), g.cart_key, max_age=YEAR, **cookie_rules())
    return response


# --- put in -------------------------------------------------------------------------------------------


@blueprint.post("/cart/lines", endpoint="add_line")
@lands_on("/cart")
def add() -> BaseResponse:
    """Put units of a variant into the cart, as many as there are."""
    form = AddLineForm()
    if not form.validate():
        return _add_refused(form)
    asked = int(form.quantity.data or 0)
    try:
        # Without JavaScript the form's hidden variant may be older than the options beside it.
        form.variant_id.data = chosen_variant(form.variant_id.data, request.form)
        member = current_member()
        change = add_line(
            _name_shopper(), form.variant_id.data, asked, member_id=member.id if member else None
        )
    except OutOfStock as error:
        g.pop("cart_key", None)
        short = error.shortages[0]
        return _add_refused(form, _left_words(short.available, in_cart=short.wanted - asked))
    except CartFull as error:
        return _add_refused(form, describe(error))
    message = _added_words(change)
    if wants_region():
        answer = render_template("cart/_added.html", message=message, capped=change.capped)
        return private(make_response(answer))
    flash(message, "warn" if change.capped else "good")
    return see_other("/cart")


def _add_refused(form: AddLineForm, problem: str = "") -> Response:
    """Answer 422: at the field when the number is bad, with what is left when there are too few."""
    asked = form.variant_id.data
    offer = find_offer(asked) if isinstance(asked, uuid.UUID) else None
    if problem:
        form.quantity.errors = [problem]
    problems = [text for field in (form.variant_id, form.quantity) for text in field.errors]
    return private(
        render_region("cart/add.html", "cart/_refused.html", 422, form=form, offer=offer, refusals=problems)
    )


def _added_words(change: CartChange) -> str:
    words = _("%(title)s was added to your cart.", title=change.title)
    if change.capped:
        words = ngettext(
            "Only %(num)d is left of %(title)s; your cart now has it.",
            "Only %(num)d are left of %(title)s; your cart now has %(num)d.",
            change.quantity,
            title=change.title,
        )
    return str(words)


def _left_words(available: int, in_cart: int) -> str:
    words = ngettext("Only %(num)d is left.", "Only %(num)d are left.", available)
    if available <= 0:
        words = _("This is sold out.")
    elif in_cart > 0:
        words = ngettext(
            "Only %(num)d is left, and it is already in your cart.",
            "Only %(num)d are left, and they are already in your cart.",
            available,
        )
    return str(words)


# --- look and change ------------------------------------------------------------------------------------


@blueprint.get("/cart")
def show() -> Response:
    """Show the cart at current prices and stock."""
    return _cart_page()


@blueprint.post("/cart")
def change() -> BaseResponse:
    """Save everything that was typed into the cart, whichever button was pressed, and go where that button leads.

    `remove_line` is a line's id, `remove_code` a coupon code; `then` is "checkout" or "shop", else the cart is shown.
    """
    sent = request.form
    typed = typed_quantities(sent)
    wanted = typed.changed | dict.fromkeys(_removed_line(), 0)
    refused = {line_id: why for line_id, why in typed.refused.items() if line_id not in wanted}
    form = CouponForm()
    try:
        changes = change_quantities(shopper(), wanted) if wanted else []
        codes = _change_codes(form)
    except NotFound as error:
        return _cart_page(404, said=[(describe(error), "warn")])
    said = [_changed_words(change, not change.quantity and not change.capped) for change in changes]
    if len(changes) < len(wanted):
        said.append((_("An item is no longer in your cart."), "warn"))
    if refused or form.coupon_code.errors:
        coupon_form = form if form.coupon_code.errors else None
        return _cart_page(422, said=said + codes, refused=refused, coupon_form=coupon_form)
    stay = any(tone != "good" for _words, tone in said)
    return _after_change(said + codes, "" if stay else sent.get("then", ""))


def _removed_line() -> list[uuid.UUID]:
    """Return the line whose button "Remove" was pressed, if it was one."""
    try:
        return [uuid.UUID(request.form["remove_line"])]
    except (KeyError, ValueError):
        return []


def _change_codes(form: CouponForm) -> list[Said]:
    """Take out and put in coupon codes; `form` then says what is wrong with the one that was typed."""
    said: list[Said] = []
    code = printable_line(request.form.get("remove_code"))[:MAX_CODE]
    if code:
        remove_codes(shopper(), [code])
        said.append((_("Code %(code)s was removed from your cart.", code=code), "good"))
    if form.coupon_code.data or request.form.get("then") == "coupon":
        message = enter_coupon_code(form, shopper())
        said += [(message, "good")] if message else []
    return said


def _after_change(said: list[Said], then: str) -> BaseResponse:
    """Go on to the checkout or the shop, or show the cart with what was done."""
    if then in NEXT_PAGES:
        return leave_for(see_other(NEXT_PAGES[then]))
    if wants_region():
        return _cart_page(said=said, removed="remove_line" in request.form)
    for message, tone in said:
        flash(message, tone)
    return see_other("/cart")


def _changed_words(change: CartChange, removed: bool) -> Said:
    if removed:
        return _("%(title)s was removed from your cart.", title=change.title), "good"
    if not change.quantity:
        return _("%(title)s is sold out and was removed from your cart.", title=change.title), "warn"
    if change.capped:
        return _added_words(change), "warn"
    return _("Your cart now has %(number)s of %(title)s.", number=change.quantity, title=change.title), "good"


def _cart_page(
    status: int = 200,
    *,
    said: Sequence[Said] = (),
    removed: bool = False,
    refused: Mapping[uuid.UUID, tuple[str, str]] | None = None,
    coupon_form: CouponForm | None = None,
) -> Response:
    """Render the cart; `refused` is, per line whose number was bad, what was typed and what is wrong with it."""
    cart = current_cart()
    page = render_region(
        "cart/page.html",
        "cart/_answer.html",
        status,
        cart=cart,
        said=said,
        removed=removed,
        refused=refused or {},
        found=discounts_of(cart) if cart else None,
        coupon_form=coupon_form or CouponForm(formdata=None),
        code_words=coupon_code_message,
    )
    return private(page)
