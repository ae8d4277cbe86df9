"""The checkout's pages: details, review, the order itself, and another attempt to pay it."""

from __future__ import annotations

import logging
import uuid
from contextlib import nullcontext

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.auth import current_member
from commerce.cart.coupon_messages import coupon_code_message, enter_coupon_code
from commerce.cart.forms import MAX_CODE, CouponForm, printable_line
from commerce.cart.queries import CartView
from commerce.cart.services import remove_codes, save_details
from commerce.cart.views import current_cart, shopper
from commerce.checkout.forms import AUTOCOMPLETE, DetailsForm, PayForm, PlaceForm, details_form
from commerce.checkout.locale import best_language
from commerce.checkout.quote import quote_cart
from commerce.checkout.saved_addresses import save_address, saved_addresses, with_chosen_address
from commerce.checkout.services import PlacedOrder, TermsShown, check_details, place_order
from commerce.content.queries import current_terms
from commerce.error_messages import describe
from commerce.errors import (
    CartChanged,
    CartEmpty,
    CommerceError,
    Conflict,
    CouponExhausted,
    InvalidValue,
    OutOfStock,
    PriceChanged,
    Shortage,
)
from commerce.events.outbox import Actor
from commerce.orders.addresses import address_lines
from commerce.orders.views import order_of, order_page
from commerce.payments.gateways.registry import gateway
from commerce.payments.queries import payment_method, payment_methods
from commerce.settlement.services import abandon_payments, start_another_payment, take_payment
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import current_shop, shop_scope
from commerce.web import leave_for, private, render_region, request_id, see_other, wants_region

log = logging.getLogger("commerce.checkout")
blueprint = Blueprint("checkout", __name__)


def _cart_to_order() -> CartView | None:
    """Return this browser's cart when there is something in it and all of it is there; else say why not."""
    cart = current_cart()
    if cart is None or not cart.lines:
        flash(_("Your cart is empty."), "warn")
        return None
    if cart.short:
        flash(
            _("Some items are no longer available in the quantity you want. Check the marked lines."),
            "warn",
        )
        return None
    return cart


# --- details ------------------------------------------------------------------------------------------


@blueprint.get("/checkout")
def show() -> BaseResponse:
    """Who, where to, how: prefilled with what the cart remembers."""
    cart = _cart_to_order()
    if cart is None:
        return see_other("/cart")
    return _details_page(details_form(cart), cart)


@blueprint.post("/checkout/details", endpoint="save_details")
def details() -> BaseResponse:
    """Keep the details and go on to the review; the button "update" only shows fields and prices of the new choice."""
    cart = _cart_to_order()
    if cart is None:
        return see_other("/cart")
    form = details_form(cart, with_chosen_address(request.form))
    if "update" in request.form:
        return _details_page(form, cart)
    if not form.validate():
        return _details_page(form, cart, 422)
    typed = form.details(_language())
    if typed != cart.details:
        save_details(shopper(), typed)
    if "save_address" in request.form:
        save_address(typed)
    return see_other("/checkout/review")


def _language() -> str:
    """Return the language of the mails: of those that the shop writes in, the one that the browser prefers."""
    shop = current_shop()
    if not shop.languages:
        return ""
    return best_language(request.accept_languages.values(), [shop.locale, *shop.languages])


def _details_page(form: DetailsForm, cart: CartView, status: int = 200) -> Response:
    page = render_region(
        "checkout/page.html",
        "checkout/_choices.html",
        status,
        form=form,
        cart=cart,
        quote=form.quote,
        autocomplete=AUTOCOMPLETE,
        own_addresses=saved_addresses(),
        notes={method.code: method.instructions for method in payment_methods()},
    )
    return private(page)


# --- review and order -----------------------------------------------------------------------------------


@blueprint.get("/checkout/review")
def review() -> BaseResponse:
    """Everything once more, with the one button that orders."""
    return _review_page(PlaceForm(formdata=None))


@blueprint.post("/checkout")
def place() -> BaseResponse:
    """Order what the review page showed, once, whatever is clicked twice."""
    form = PlaceForm()
    if not form.validate():
        return _review_page(form, 422, problem=_("Please review your order and place it again."))
    card_number = form.card_number.data or ""
    try:
        placed = place_order(
            shopper=shopper(),
            checkout_token=form.checkout_token.data,
            cart_version=int(form.cart_version.data),
            shown_total=int(form.shown_total.data),
            shown_backordered=int(form.shown_backordered.data or 0),
            actor=_buyer(),
            card_number=card_number,
            terms=TermsShown(form.shown_terms.data or "", form.agrees.data),
        )
    except (PriceChanged, CartChanged, CouponExhausted) as error:
        return _review_page(form, 409, problem=describe(error), changed=error)
    except OutOfStock as error:
        return _review_page(form, 422, shortages=error.shortages)
    except CartEmpty as error:
        flash(describe(error), "warn")
        return see_other("/cart")
    except InvalidValue as error:
        return _mend(form, error)
    return see_other(_pay(placed, card_number) or f"/orders/{placed.token}")


def _buyer() -> Actor:
    """Return who places the order. The session tells whether they are a member; nothing that they send does."""
    member = current_member()
    return member.actor(request_id()) if member else Actor("guest", request_id=request_id())


def _mend(form: PlaceForm, error: InvalidValue) -> BaseResponse:
    """Lead to where a refused value can be mended: card number and terms here, everything else with the details."""
    if error.field in ("card_number", "agrees"):
        form[error.field].errors = [describe(error)]
        return _review_page(form, 422)
    flash(describe(error), "warn")
    return see_other("/checkout")


def _pay(placed: PlacedOrder, card_number: str) -> str:
    """Ask for the money of a new order and return where the payer must go on, '' for the page of the order.

    Whatever goes wrong there, the order exists; its page offers to try again.
    """
    if placed.replayed or placed.payment_id is None:
        return ""
    if placed.gateway == "manual" and not placed.pay_later:
        return ""  # staff record the money when it comes; an order that costs nothing is paid already
    try:
        return take_payment(placed.payment_id, card_number, request_id()).redirect
    except Exception:
        # Not raised on purpose: an error page now would tell somebody who has ordered that they have not.
        log.exception("payment %s of order %s could not be started", placed.payment_id, placed.code)
        return ""


def _review_page(
    form: PlaceForm,
    status: int = 200,
    *,
    problem: str = "",
    changed: Conflict | None = None,
    shortages: list[Shortage] | None = None,
    coupon_form: CouponForm | None = None,
    coupon_message: str = "",
) -> BaseResponse:
    """Render the review of the cart as it is now, with new hidden values: what is shown is what a click orders.

    When something had `changed` the shop's rules are read again, since they may be what did.
    """
    now = shop_scope(get_shop(current_shop().id)) if changed else nullcontext(current_shop())
    with now as shop:
        cart = current_cart() if shortages is not None else _cart_to_order()
        if cart is None:
            return see_other("/cart")
        try:
            method, quote = check_details(
                cart.lines, cart.details, coupon_codes=cart.coupon_codes, draft=bool(cart.draft_by)
            )
        except InvalidValue as error:
            flash(describe(error), "warn")
            return see_other("/checkout")
        page = render_region(
            "checkout/review.html",
            "checkout/_review.html",
            status,
            form=form,
            cart=cart,
            quote=quote,
            method=method,
            terms=current_terms(),
            asks_for_card=quote.totals.total > 0 and gateway(method.gateway).asks_for_card,
            address=address_lines(cart.details.address, cart.details.name, shop.locale),
            problem=problem,
            price_change=changed if isinstance(changed, PriceChanged) else None,
            gone_codes=changed.states if isinstance(changed, CouponExhausted) else {},
            shortages=shortages or [],
            found=quote.found,
            coupon_form=coupon_form or CouponForm(formdata=None),
            coupon_message=coupon_message,
            code_words=coupon_code_message,
        )
    return private(page)


# --- coupon codes -----------------------------------------------------------------------------------------


@blueprint.post("/checkout/coupons", endpoint="enter_code")
def enter_coupon() -> BaseResponse:
    """Put a coupon code into the cart and show the new total."""
    cart = _cart_to_order()
    if cart is None:
        return leave_for(see_other("/cart"))
    form, shipping = CouponForm(), quote_cart(cart).shipping
    message = enter_coupon_code(form, shopper(), shipping.price if shipping else None)
    if not message:
        return _review_again(422, coupon_form=form)
    return _review_again(coupon_message=message)


@blueprint.post("/checkout/coupons/removal", endpoint="remove_code")
def remove_coupon() -> BaseResponse:
    """Take a coupon code out of the cart and show the new total."""
    if _cart_to_order() is None:
        return leave_for(see_other("/cart"))
    code = printable_line(request.form.get("code"))[:MAX_CODE]
    remove_codes(shopper(), [code])
    return _review_again(coupon_message=_("Code %(code)s was removed from your cart.", code=code))


def _review_again(
    status: int = 200, *, coupon_form: CouponForm | None = None, coupon_message: str = ""
) -> BaseResponse:
    """Answer a change of codes by the review; a whole page that changed something is requested again."""
    if status == 200 and not wants_region():
        flash(coupon_message, "good")
        return see_other("/checkout/review")
    answer = _review_page(
        PlaceForm(formdata=None), status, coupon_form=coupon_form, coupon_message=coupon_message
    )
    return leave_for(answer) if answer.status_code == 303 else answer


# --- another attempt to pay -------------------------------------------------------------------------------


@blueprint.post("/orders/<token>/payments")
def pay_again(token: str) -> BaseResponse:
    """Try once more to pay an order that waits for its money."""
    order_id = order_of(token).id
    form = PayForm()
    if not form.validate():
        return order_page(token, 422, problem=_("Choose a payment method."))
    card_number = form.card_number.data or ""
    try:
        _check_payment(form.payment_method.data, card_number)
        abandon_payments(order_id, request_id())
        payment_id = start_another_payment(order_id, form.payment_method.data)
    except InvalidValue as error:
        errors = {"card_number": describe(error)} if error.field == "card_number" else {}
        return order_page(token, 422, problem="" if errors else describe(error), errors=errors)
    except Conflict as error:
        return order_page(token, 409, problem=describe(error))
    return see_other(_retry(payment_id, card_number) or f"/orders/{token}")


def _check_payment(method_code: str, card_number: str) -> None:
    """Raise InvalidValue for a card number that cannot be one, before an attempt is written down."""
    method = payment_method(method_code)
    if method is not None:
        gateway(method.gateway).check(card_number)


def _retry(payment_id: uuid.UUID, card_number: str) -> str:
    """Ask for the money of a further attempt and return where the payer must go on, '' for the page of the order."""
    try:
        return take_payment(payment_id, card_number, request_id()).redirect
    except CommerceError:
        log.exception("payment %s could not be started", payment_id)
        return ""
