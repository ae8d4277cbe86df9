"""Bulk changes chosen in the lists of stock, coupons and promotions."""

from __future__ import annotations

import uuid
from typing import Any

from flask import request
from sqlalchemy import literal, select
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, one_line, requires_permission
from commerce.admin.bulk.views import create, ticked
from commerce.admin.pricing.queries import coupon_conditions
from commerce.admin.stock.queries import FILTERS, matching_stock
from commerce.inventory.models import StockItem
from commerce.pricing.models import Coupon, Promotion
from commerce.pricing.queries import get_promotion


@blueprint.post("/stock/bulk-changes")
@requires_permission("stock.change")
def bulk_stock() -> BaseResponse:
    """Keep a change of the ticked stock items, or of all that the list's filter finds; nothing is changed yet."""
    search, show = one_line(request.form.get("q", "")), request.form.get("show", "")
    if request.form.get("everything") != "1":
        chosen = select(StockItem.id, StockItem.version).where(StockItem.id.in_(ticked()))
        return create("stock", chosen.order_by(StockItem.id), {"everything": False})
    show = show if show in FILTERS else ""
    scope = {"everything": True, "search": search, "show": show}
    return create("stock", lambda: matching_stock(search, show), scope)


@blueprint.post("/pricing/coupons/bulk-changes")
@requires_permission("pricing.manage")
def bulk_coupons() -> BaseResponse:
    """Keep a change of the ticked coupons, or of all that the list's filter finds; nothing is changed yet."""
    search, named = one_line(request.form.get("q", "")), request.form.get("promotion", "")
    scope: dict[str, Any] = {"everything": request.form.get("everything") == "1"}
    if scope["everything"]:
        promotion = get_promotion(uuid.UUID(named)) if _is_id(named) else None
        scope |= {"search": search, "promotion": promotion.label if promotion else ""}
        conditions = coupon_conditions(search, promotion.id if promotion else None)
    else:
        conditions = [Coupon.id.in_(ticked())]
    # A coupon has no version: the preview notes whether it is on.
    chosen = select(Coupon.id, literal(0).label("version")).where(*conditions).order_by(Coupon.id)
    return create("coupons", chosen, scope)


@blueprint.post("/pricing/promotions/bulk-changes")
@requires_permission("pricing.manage")
def bulk_promotions() -> BaseResponse:
    """Keep a change of the ticked promotions, or of all; nothing is changed yet."""
    everything = request.form.get("everything") == "1"
    chosen = select(Promotion.id, Promotion.version).order_by(Promotion.id)
    if not everything:
        chosen = chosen.where(Promotion.id.in_(ticked()))
    return create("promotions", chosen, {"everything": everything})


def _is_id(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False
