"""The cart's pages: add, look, change, take out."""

from __future__ import annotations

import re
import uuid

from flask import Blueprint, Response, flash, g, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.auth import current_member
from commerce.cart.coupon_messages import coupon_code_message, enter_coupon_code
from commerce.cart.forms import MAX_CODE, AddLineForm, CouponForm, LineForm, printable_line
from commerce.cart.queries import CartView, count_units, discounts_of, find_offer, load_cart
from commerce.cart.services import (
    CartChange,
    add_line,
    change_quantity,
    member_shopper,
    new_shopper_key,
    remove_codes,
    shopper_hash,
)
from commerce.error_messages import describe
from commerce.errors import CartFull, NotFound, OutOfStock
from commerce.storefront.product_page import chosen_variant
from commerce.web import cookie_name, cookie_rules, private, render_region, see_other, wants_region

blueprint = Blueprint("cart", __name__)

COOKIE = "cart"
YEAR = 31_536_000
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")


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
    """Give this browser a name when it has none; `_remember` sends it."""
    if not shopper():
        g.cart_key = new_shopper_key()
    return shopper()


def _remember(response: BaseResponse) -> BaseResponse:
    if "cart_key" in g:
        response.set_cookie(cookie_name(COOKIE), g.cart_key, max_age=YEAR, **cookie_rules())
    return response


# --- put in -------------------------------------------------------------------------------------------


@blueprint.post("/cart/lines", endpoint="add_line")
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
        return _remember(private(make_response(answer)))
    flash(message, "warn" if change.capped else "good")
    return _remember(see_other("/cart"))


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


@blueprint.post("/cart/lines/<uuid:line_id>")
def change_line(line_id: uuid.UUID) -> BaseResponse:
    """Set the units of a line; 0 takes it out."""
    form = LineForm()
    if not form.validate():
        refused = (
            line_id,
            printable_line(request.form.get("quantity"))[:20],
            " ".join(map(str, form.quantity.errors)),
        )
        return _cart_page(422, refused=refused)
    return _change(line_id, int(form.quantity.data or 0))


@blueprint.post("/cart/lines/<uuid:line_id>/removal")
def remove_line(line_id: uuid.UUID) -> BaseResponse:
    """Take a line out."""
    return _change(line_id, 0)


def _change(line_id: uuid.UUID, quantity: int) -> BaseResponse:
    try:
        change = change_quantity(shopper(), line_id, quantity)
    except NotFound as error:
        return _cart_page(404, message=describe(error), tone="warn")
    message, tone = _changed_words(change, quantity)
    if wants_region():
        return _cart_page(message=message, tone=tone, removed=change.quantity == 0)
    flash(message, tone)
    return see_other("/cart")


def _changed_words(change: CartChange, asked: int) -> tuple[str, str]:
    if not asked:
        return _("%(title)s was removed from your cart.", title=change.title), "good"
    if not change.quantity:
        return _("%(title)s is sold out and was removed from your cart.", title=change.title), "warn"
    if change.capped:
        return _added_words(change), "warn"
    return _("Your cart now has %(number)s of %(title)s.", number=change.quantity, title=change.title), "good"


# --- coupon codes ---------------------------------------------------------------------------------------


@blueprint.post("/cart/coupons", endpoint="enter_code")
def enter_coupon() -> BaseResponse:
    """Put a coupon code into the cart, if it takes something off."""
    form = CouponForm()
    try:
        message = enter_coupon_code(form, shopper())
    except NotFound as error:
        return _cart_page(404, message=describe(error), tone="warn")
    if not message:
        return _cart_page(422, coupon_form=form)
    return _coupons_changed(message)


@blueprint.post("/cart/coupons/removal", endpoint="remove_code")
def remove_coupon() -> BaseResponse:
    """Take a coupon code out of the cart."""
    code = printable_line(request.form.get("code"))[:MAX_CODE]
    try:
        remove_codes(shopper(), [code])
    except NotFound as error:
        return _cart_page(404, message=describe(error), tone="warn")
    return _coupons_changed(_("Code %(code)s was removed from your cart.", code=code))


def _coupons_changed(message: str) -> BaseResponse:
    if wants_region():
        return _cart_page(message=message)
    flash(message, "good")
    return see_other("/cart")


def _cart_page(
    status: int = 200,
    *,
    message: str = "",
    tone: str = "good",
    removed: bool = False,
    refused: tuple[uuid.UUID, str, str] | None = None,
    coupon_form: CouponForm | None = None,
) -> Response:
    """Render the cart; `refused` is the line whose number was bad, what was typed, and what is wrong with it."""
    cart = current_cart()
    page = render_region(
        "cart/page.html",
        "cart/_answer.html",
        status,
        cart=cart,
        message=message,
        tone=tone,
        removed=removed,
        refused=refused,
        found=discounts_of(cart) if cart else None,
        coupon_form=coupon_form or CouponForm(formdata=None),
        code_words=coupon_code_message,
    )
    return private(page)
