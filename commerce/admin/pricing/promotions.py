"""Promotions in the back office: what they take off, tried on a sample cart before they are saved."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce import clock
from commerce.admin import picker
from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.fields import percent_text
from commerce.admin.pricing import queries as pricing_queries
from commerce.admin.pricing.coupon_forms import GenerateCouponsForm, NewCouponForm
from commerce.admin.pricing.price_preview import switched_off
from commerce.admin.pricing.promotion_form import KINDS, SCOPES, PromotionForm
from commerce.admin.pricing.sample_cart import REASONS, SOURCES, SampleCart
from commerce.admin.products.forms import Difference
from commerce.admin.versioned_form import seen_row_version
from commerce.errors import CommerceError, Conflict, InvalidValue, StaleVersion
from commerce.pricing.models import Promotion
from commerce.pricing.queries import coupons_of, get_promotion, list_promotions
from commerce.pricing.services import change_promotion, create_promotion, delete_promotion
from commerce.pricing.validation import check_promotion
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other

LIST = "/admin/pricing/promotions"
TRY = "try-"
SHOWN_CODES = 10


@blueprint.get("/pricing/")
@blueprint.get("/pricing")
@requires_permission("pricing.view")
def pricing_home() -> BaseResponse:
    """Begin with the promotions: they change most often."""
    return see_other(LIST)


@blueprint.get("/pricing/promotions")
@requires_permission("pricing.view")
def promotion_list() -> BaseResponse:
    """Show all promotions in the order in which they apply."""
    return render_region(
        "admin/pricing/promotions.html",
        "admin/pricing/_promotions.html",
        promotions=list_promotions(),
        codes=pricing_queries.count_coupons(),
        kinds=KINDS,
        scopes=SCOPES,
        percent=percent_text,
        now=clock.now(),
        currency=current_shop().currency,
    )


@blueprint.get("/pricing/promotions/new")
@requires_permission("pricing.manage")
def promotion_new() -> BaseResponse:
    """Show an empty form."""
    return show_promotion(PromotionForm(None))


@blueprint.post("/pricing/promotions")
@requires_permission("pricing.manage")
def promotion_create() -> BaseResponse:
    """Add a promotion; or only try it, or look for products that it is for."""
    form = PromotionForm(None, request.form)
    asked = _only_asked(form)
    if asked:
        return _answer_only(form, asked)
    if not form.head.validate():
        return show_promotion(form, 422)
    try:
        promotion_id = create_promotion(form.values())
    except InvalidValue as error:
        form.refuse(error)
        return show_promotion(form, 422)
    flash(_("The promotion is there."), "good")
    return see_other(f"{LIST}/{promotion_id}")


@blueprint.get("/pricing/promotions/<uuid:promotion_id>")
@requires_permission("pricing.view")
def promotion_page(promotion_id: uuid.UUID) -> BaseResponse:
    """Show one promotion as a form, and its codes."""
    return show_promotion(PromotionForm(get_promotion(promotion_id)))


@blueprint.post("/pricing/promotions/<uuid:promotion_id>")
@requires_permission("pricing.manage")
def promotion_change(promotion_id: uuid.UUID) -> BaseResponse:
    """Save a promotion, unless somebody else has changed it meanwhile; or only try it, or look for products."""
    form = PromotionForm(get_promotion(promotion_id), request.form)
    asked = _only_asked(form)
    if asked:
        return _answer_only(form, asked)
    if not form.head.validate():
        return show_promotion(form, 422)
    try:
        change_promotion(promotion_id, form.values(), form.head.version.data)
    except InvalidValue as error:
        form.refuse(error)
        return show_promotion(form, 422)
    except StaleVersion as error:
        now = get_promotion(promotion_id)
        form.known = now
        form.head.catch_up(now.version)
        return show_promotion(form, 409, error, form.differences(now))
    flash(_("Saved."), "good")
    return see_other(f"{LIST}/{promotion_id}")


@blueprint.post("/pricing/promotions/<uuid:promotion_id>/deletion")
@requires_permission("pricing.manage")
def promotion_delete(promotion_id: uuid.UUID) -> BaseResponse:
    """Delete a promotion that no order had."""
    known = get_promotion(promotion_id)
    label = known.label
    try:
        pricing_queries.refuse_if_ordered(promotion_id)
        delete_promotion(promotion_id, seen_row_version())
    except Conflict as error:
        return show_promotion(PromotionForm(get_promotion(promotion_id)), 409, error)
    flash(_("“%(name)s” is deleted.", name=label), "good")
    return see_other(LIST)


# --- buttons of the form that save nothing ---------------------------------------------------------------


def _only_asked(form: PromotionForm) -> str:
    """Return 'look' or 'try' when nothing shall be saved, else ''.

    The Enter key presses a hidden button, wherever it is hit: in a search that has just been typed it means to look, in
    the sample cart to try, anywhere else to save.
    """
    for name in ("look", "try"):
        if name in request.form:
            return name
    if "enter" not in request.form:
        return ""
    if form.search != request.form.get("searched", ""):
        return "look"
    filled = SampleCart(request.form, prefix=TRY)
    return "try" if str(filled.signature) != request.form.get("tried", "") else ""


def _answer_only(form: PromotionForm, asked: str) -> BaseResponse:
    """Answer with what was searched for, or with what a sample cart would cost with the promotion as it was typed."""
    if asked == "look":
        return show_promotion(form)
    cart = SampleCart(request.form, prefix=TRY)
    good = all([form.head.validate(), cart.validate()])
    if not good:
        return show_promotion(form, 422, cart=cart)
    try:
        values = check_promotion(form.values())
    except InvalidValue as error:
        form.refuse(error)
        return show_promotion(form, 422, cart=cart)
    cart.fill(picker.variants_for(values.scope, values.targets))
    trial = values.rule(str(form.known.id) if form.known else "new")
    priced = cart.price(trial) if cart.wanted else None
    return show_promotion(form, cart=cart, priced=priced)


def show_promotion(
    form: PromotionForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
    *,
    cart: SampleCart | None = None,
    priced: Any = None,
    coupon: NewCouponForm | None = None,
    coupons: GenerateCouponsForm | None = None,
) -> BaseResponse:
    """Answer with the form and what was typed into it, the sample cart beside it, and the promotion's codes."""
    known: Promotion | None = form.known
    ticked, found = form.product_picks()
    off = {key: label for key, label in switched_off().items() if known is None or key != str(known.id)}
    return render_region(
        "admin/pricing/promotion.html",
        "admin/pricing/_promotion.html",
        status,
        form=form,
        known=known,
        problem=problem,
        compared=compared,
        ticked=ticked,
        found=found,
        categories=picker.categories(),
        cart=cart or _cart_sent(),
        priced=priced,
        off=off,
        reasons=REASONS,
        sources=SOURCES,
        coupon=coupon or NewCouponForm(),
        coupons=coupons or GenerateCouponsForm(),
        codes=coupons_of(known.id, limit=SHOWN_CODES) if known else (),
        currency=current_shop().currency,
    )


def _cart_sent() -> SampleCart:
    sent = request.form if any(name.startswith(TRY) for name in request.form) else None
    return SampleCart(sent, prefix=TRY)
