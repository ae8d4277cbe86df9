"""Pricing in the back office: promotions, their coupon codes, and the price of a sample cart."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce import clock
from commerce.admin import product_picker
from commerce.admin.auth import blueprint, logged, page_number, requires_permission, search_text
from commerce.admin.csv_download import csv_download
from commerce.admin.fields import percent_text
from commerce.admin.forms import Difference, refuse, seen_row_version
from commerce.admin.pricing import queries
from commerce.admin.pricing.forms import (
    KINDS,
    SCOPES,
    CouponLimitsForm,
    GenerateCouponsForm,
    NewCouponForm,
    PromotionForm,
)
from commerce.admin.pricing.sample_cart import REASONS, SOURCES, SampleCart
from commerce.admin.save import done, save
from commerce.errors import CommerceError, InvalidValue
from commerce.pricing.coupon_limits import change_limits
from commerce.pricing.coupon_rows import CouponRow, get_coupon_row
from commerce.pricing.models import Promotion
from commerce.pricing.queries import coupons_of, get_promotion, list_promotions
from commerce.pricing.services import (
    change_promotion,
    create_coupon,
    create_coupons,
    create_promotion,
    delete_promotion,
    set_coupon_enabled,
)
from commerce.pricing.validation import check_promotion
from commerce.tenants.scope import current_shop
from commerce.web import local_path, render_region, see_other

PROMOTIONS = "/admin/pricing/promotions"
COUPONS = "/admin/pricing/coupons"
TRY = "try-"
SHOWN_CODES = 10


# --- promotions -------------------------------------------------------------------------------------


@blueprint.get("/pricing/")
@blueprint.get("/pricing")
@requires_permission("pricing.view")
def pricing_home() -> BaseResponse:
    """Begin with the promotions: they change most often."""
    return see_other(PROMOTIONS)


@blueprint.get("/pricing/promotions")
@requires_permission("pricing.view")
def promotion_list() -> BaseResponse:
    """Show all promotions in the order in which they apply."""
    return render_region(
        "admin/pricing/promotions.html",
        "admin/pricing/_promotions.html",
        promotions=list_promotions(),
        codes=queries.count_coupons(),
        kinds=KINDS,
        scopes=SCOPES,
        percent=percent_text,
        now=clock.now(),
        currency=current_shop().currency,
    )


@blueprint.get("/pricing/promotions/new")
@requires_permission("pricing.manage")
def promotion_new() -> BaseResponse:
    """Show an empty form; with `?coupon=1` for a promotion that requires a code."""
    form = PromotionForm(None)
    form.head.needs_code.data = "coupon" in request.args
    return _show_promotion(form)


@blueprint.post("/pricing/promotions")
@requires_permission("pricing.manage")
def promotion_create() -> BaseResponse:
    """Add a promotion; or only try it, or search products for it."""
    form = PromotionForm(None, request.form)
    asked = _only_asked(form)
    if asked:
        return _answer_only(form, asked)
    return save(
        form,
        lambda: create_promotion(form.values(), form.code),
        show=lambda status, **context: _show_promotion(form, status, **context),
        then=lambda promotion_id: done(_("Promotion created."), f"{PROMOTIONS}/{promotion_id}"),
    )


@blueprint.get("/pricing/promotions/<uuid:promotion_id>")
@requires_permission("pricing.view")
def promotion_page(promotion_id: uuid.UUID) -> BaseResponse:
    """Show one promotion as a form, and its codes."""
    return _show_promotion(PromotionForm(get_promotion(promotion_id)))


@blueprint.post("/pricing/promotions/<uuid:promotion_id>")
@requires_permission("pricing.manage")
def promotion_change(promotion_id: uuid.UUID) -> BaseResponse:
    """Save a promotion, unless it was changed since the page was opened; or only try it, or search products."""
    form = PromotionForm(get_promotion(promotion_id), request.form)
    asked = _only_asked(form)
    if asked:
        return _answer_only(form, asked)
    return save(
        form,
        lambda: change_promotion(promotion_id, form.values(), form.head.version.data),
        show=lambda status, **context: _show_promotion(form, status, **context),
        then=lambda _result: done(_("Saved."), f"{PROMOTIONS}/{promotion_id}"),
        current=lambda: PromotionForm(get_promotion(promotion_id)),
    )


@blueprint.post("/pricing/promotions/<uuid:promotion_id>/deletion")
@requires_permission("pricing.manage")
def promotion_delete(promotion_id: uuid.UUID) -> BaseResponse:
    """Delete a promotion that no order used."""
    label = get_promotion(promotion_id).label

    def do() -> None:
        queries.refuse_if_ordered(promotion_id)
        delete_promotion(promotion_id, seen_row_version())

    return save(
        None,
        do,
        show=lambda status, problem: _show_promotion(
            PromotionForm(get_promotion(promotion_id)), status, problem
        ),
        then=lambda _result: done(_("“%(name)s” deleted.", name=label), PROMOTIONS),
    )


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
        return _show_promotion(form)
    cart = SampleCart(request.form, prefix=TRY)
    good = all([form.validate(), cart.validate()])
    if not good:
        return _show_promotion(form, 422, cart=cart)
    try:
        values = check_promotion(form.values())
    except InvalidValue as error:
        refuse(form, error)
        return _show_promotion(form, 422, cart=cart)
    cart.fill(product_picker.variants_for(values.scope, values.targets))
    trial = values.rule(str(form.known.id) if form.known else "new")
    priced = cart.price(trial) if cart.wanted else None
    return _show_promotion(form, cart=cart, priced=priced)


def _show_promotion(
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
    off = {key: label for key, label in _switched_off().items() if known is None or key != str(known.id)}
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
        categories=product_picker.categories(),
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


# --- coupons ----------------------------------------------------------------------------------------


@blueprint.get("/pricing/coupons")
@requires_permission("pricing.view")
def coupon_list() -> BaseResponse:
    """Show codes, the newest first: all, those of one promotion, or those that hold what was searched for."""
    chosen = _chosen_promotion()
    search = search_text()
    return render_region(
        "admin/pricing/coupons.html",
        "admin/pricing/_coupons.html",
        listing=queries.list_coupons(
            search=search, promotion_id=chosen.id if chosen else None, page=page_number()
        ),
        search=search,
        chosen=chosen,
        here=request.full_path.rstrip("?"),
    )


def _chosen_promotion() -> Promotion | None:
    """Return the promotion that the address names. Raises NotFound for one that this shop does not have."""
    named = request.args.get("promotion", "")
    try:
        return get_promotion(uuid.UUID(named)) if named else None
    except ValueError:
        return None


@blueprint.get("/pricing/promotions/<uuid:promotion_id>/coupons.csv")
@requires_permission("pricing.view")
@logged
def coupon_file(promotion_id: uuid.UUID) -> BaseResponse:
    """Hand out all codes of a promotion as a file, to print or to mail them."""
    get_promotion(promotion_id)
    rows = (
        (row.code, row.uses, row.usage_limit, row.per_customer_limit, int(row.enabled))
        for row in queries.coupons_for_file(promotion_id)
    )
    header = ("code", "uses", "usage_limit", "per_customer_limit", "enabled")
    return csv_download("coupons.csv", header, rows)


@blueprint.post("/pricing/promotions/<uuid:promotion_id>/coupons")
@requires_permission("pricing.manage")
def coupon_create(promotion_id: uuid.UUID) -> BaseResponse:
    """Add one code."""
    get_promotion(promotion_id)
    form = NewCouponForm(request.form)
    return save(
        form,
        lambda: create_coupon(
            promotion_id,
            form.code.data,
            usage_limit=form.usage_limit.data,
            per_customer_limit=form.per_customer_limit.data,
        ),
        show=lambda status, **context: _show_promotion(
            PromotionForm(get_promotion(promotion_id)), status, coupon=form, **context
        ),
        then=lambda _coupon: done(_("Code created."), f"{PROMOTIONS}/{promotion_id}#codes"),
    )


@blueprint.post("/pricing/promotions/<uuid:promotion_id>/coupon-batches")
@requires_permission("pricing.manage")
def coupon_generate(promotion_id: uuid.UUID) -> BaseResponse:
    """Generate many random codes, and show them."""
    get_promotion(promotion_id)
    form = GenerateCouponsForm(request.form)

    def then(codes: Sequence[str]) -> BaseResponse:
        text = ngettext("%(num)d code created.", "%(num)d codes created.", len(codes))
        return done(text, f"{COUPONS}?promotion={promotion_id}")

    return save(
        form,
        lambda: create_coupons(
            promotion_id,
            form.count.data,
            prefix=form["prefix"].data or "",
            usage_limit=form.usage_limit.data,
            per_customer_limit=form.per_customer_limit.data,
        ),
        show=lambda status, **context: _show_promotion(
            PromotionForm(get_promotion(promotion_id)), status, coupons=form, **context
        ),
        then=then,
    )


@blueprint.get("/pricing/coupons/<uuid:coupon_id>")
@requires_permission("pricing.view")
def coupon_page(coupon_id: uuid.UUID) -> BaseResponse:
    """Show one code, how often it was used, and how often it may be."""
    known = get_coupon_row(coupon_id)
    return _show_coupon(known, CouponLimitsForm(known))


@blueprint.post("/pricing/coupons/<uuid:coupon_id>")
@requires_permission("pricing.manage")
def coupon_change(coupon_id: uuid.UUID) -> BaseResponse:
    """Save the limits of a code, unless they were changed since the page was opened."""
    form = CouponLimitsForm(get_coupon_row(coupon_id), request.form)
    return save(
        form,
        lambda: change_limits(
            coupon_id,
            usage_limit=form.usage_limit.data,
            per_customer_limit=form.per_customer_limit.data,
            seen_version=form.version.data,
        ),
        show=lambda status, **context: _show_coupon(get_coupon_row(coupon_id), form, status, **context),
        then=lambda _result: done(_("Saved."), f"{COUPONS}/{coupon_id}"),
        current=lambda: CouponLimitsForm(get_coupon_row(coupon_id)),
    )


def _show_coupon(
    known: CouponRow,
    form: CouponLimitsForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form and what was typed into it."""
    return render_region(
        "admin/pricing/coupon.html",
        "admin/pricing/_coupon.html",
        status,
        known=known,
        form=form,
        problem=problem,
        compared=compared,
    )


@blueprint.post("/pricing/coupons/<uuid:coupon_id>/status")
@requires_permission("pricing.manage")
def coupon_status(coupon_id: uuid.UUID) -> BaseResponse:
    """Switch a code on or off: the button says which, so pressing it twice is pressing it once."""
    enabled = request.form.get("enabled") == "1"
    set_coupon_enabled(coupon_id, enabled)
    text = _("Code turned on.") if enabled else _("Code turned off.")
    return done(text, local_path(request.form.get("back"), COUPONS))


# --- the price of a sample cart ---------------------------------------------------------------------


@blueprint.get("/pricing/preview")
@requires_permission("pricing.view")
def price_preview() -> BaseResponse:
    """Price the sample cart in the address; what is searched for can be put into it."""
    cart = SampleCart(request.args or None)
    added = request.args.get("add", "")[:255].replace("\x00", "")
    for variant in product_picker.variants([added]).values():
        cart.add(variant)
    good = cart.validate()
    search = search_text()
    return render_region(
        "admin/pricing/preview.html",
        "admin/pricing/_preview.html",
        200 if good else 422,
        cart=cart,
        priced=cart.price() if good and cart.wanted else None,
        found=product_picker.find_variants(search) if search or not cart.rows else (),
        search=search,
        off=_switched_off(),
        reasons=REASONS,
        sources=SOURCES,
        currency=current_shop().currency,
    )


def _switched_off() -> Mapping[str, str]:
    """Return the promotions that are switched off, by id, with their labels: no cart gets them."""
    return {str(row.id): row.label for row in list_promotions() if not row.enabled}
