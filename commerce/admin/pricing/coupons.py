"""Coupon codes in the back office: make one or many, see how often they were used, change their limits, switch them."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Sequence

from flask import Response, flash, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, logged, page_number, requires_permission, search_text
from commerce.admin.pricing import queries as pricing_queries
from commerce.admin.pricing.coupon_forms import CouponLimitsForm, GenerateCouponsForm, NewCouponForm
from commerce.admin.pricing.promotion_form import PromotionForm
from commerce.admin.pricing.promotions import show_promotion
from commerce.admin.products.forms import Difference
from commerce.errors import InvalidValue, StaleVersion
from commerce.pricing.coupon_limits import change_limits
from commerce.pricing.coupon_rows import CouponRow, get_coupon_row
from commerce.pricing.models import Promotion
from commerce.pricing.queries import get_promotion
from commerce.pricing.services import create_coupon, create_coupons, set_coupon_enabled
from commerce.web import local_path, render_region, see_other

LIST = "/admin/pricing/coupons"


@blueprint.get("/pricing/coupons")
@requires_permission("pricing.view")
def coupon_list() -> BaseResponse:
    """Show codes, the newest first: all, those of one promotion, or those that hold what was searched for."""
    chosen = _chosen_promotion()
    search = search_text()
    return render_region(
        "admin/pricing/coupons.html",
        "admin/pricing/_coupons.html",
        listing=pricing_queries.list_coupons(
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
    text = io.StringIO()
    sheet = csv.writer(text)
    sheet.writerow(["code", "uses", "usage_limit", "per_customer_limit", "enabled"])
    for row in pricing_queries.coupons_for_file(promotion_id):
        sheet.writerow([row.code, row.uses, row.usage_limit, row.per_customer_limit, int(row.enabled)])
    answer = Response(text.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="coupons.csv"'
    return answer


@blueprint.post("/pricing/promotions/<uuid:promotion_id>/coupons")
@requires_permission("pricing.manage")
def coupon_create(promotion_id: uuid.UUID) -> BaseResponse:
    """Add one code with a word of the shop's own."""
    promotion, form = get_promotion(promotion_id), NewCouponForm(request.form)
    if not form.validate():
        return show_promotion(PromotionForm(promotion), 422, coupon=form)
    try:
        create_coupon(
            promotion_id,
            form.code.data,
            usage_limit=form.usage_limit.data,
            per_customer_limit=form.per_customer_limit.data,
        )
    except InvalidValue as error:
        form.refuse(error)
        return show_promotion(PromotionForm(get_promotion(promotion_id)), 422, coupon=form)
    flash(_("The code is there."), "good")
    return see_other(f"/admin/pricing/promotions/{promotion_id}#codes")


@blueprint.post("/pricing/promotions/<uuid:promotion_id>/coupon-batches")
@requires_permission("pricing.manage")
def coupon_generate(promotion_id: uuid.UUID) -> BaseResponse:
    """Add many codes that nobody can guess, and show them."""
    promotion, form = get_promotion(promotion_id), GenerateCouponsForm(request.form)
    if not form.validate():
        return show_promotion(PromotionForm(promotion), 422, coupons=form)
    try:
        codes = create_coupons(
            promotion_id,
            form.count.data,
            prefix=form["prefix"].data or "",
            usage_limit=form.usage_limit.data,
            per_customer_limit=form.per_customer_limit.data,
        )
    except InvalidValue as error:
        form.refuse(error)
        return show_promotion(PromotionForm(get_promotion(promotion_id)), 422, coupons=form)
    flash(ngettext("%(num)d code is there.", "%(num)d codes are there.", len(codes)), "good")
    return see_other(f"{LIST}?promotion={promotion_id}")


@blueprint.get("/pricing/coupons/<uuid:coupon_id>")
@requires_permission("pricing.view")
def coupon_page(coupon_id: uuid.UUID) -> BaseResponse:
    """Show one code, how often it was used, and how often it may be."""
    known = get_coupon_row(coupon_id)
    return _show(known, CouponLimitsForm(known))


@blueprint.post("/pricing/coupons/<uuid:coupon_id>")
@requires_permission("pricing.manage")
def coupon_change(coupon_id: uuid.UUID) -> BaseResponse:
    """Save the limits of a code, unless somebody else has changed them meanwhile."""
    known = get_coupon_row(coupon_id)
    form = CouponLimitsForm(known, request.form)
    if not form.validate():
        return _show(known, form, 422)
    try:
        change_limits(
            coupon_id,
            usage_limit=form.usage_limit.data,
            per_customer_limit=form.per_customer_limit.data,
            seen_version=form.version.data,
        )
    except InvalidValue as error:
        form.refuse(error)
        return _show(known, form, 422)
    except StaleVersion as error:
        now = get_coupon_row(coupon_id)
        form.catch_up(error.current)
        return _show(now, form, 409, error, form.differences(CouponLimitsForm(now)))
    flash(_("Saved."), "good")
    return see_other(f"{LIST}/{coupon_id}")


def _show(
    known: CouponRow,
    form: CouponLimitsForm,
    status: int = 200,
    problem: StaleVersion | None = None,
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
    flash(_("The code is switched on.") if enabled else _("The code is switched off."), "good")
    return see_other(local_path(request.form.get("back"), LIST))
