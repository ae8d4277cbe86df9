"""The preview: what a sample cart would cost under the rules of now, and what became of every promotion."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission, search_text
from commerce.admin.picker import find_variants, variants
from commerce.admin.pricing.sample_cart import REASONS, SOURCES, SampleCart
from commerce.pricing.queries import list_promotions
from commerce.tenants.scope import current_shop
from commerce.web import render_region


@blueprint.get("/pricing/preview")
@requires_permission("pricing.view")
def price_preview() -> BaseResponse:
    """Price the sample cart in the address; what is searched for can be put into it."""
    cart = SampleCart(request.args or None)
    wish = variants([request.args.get("add", "")[:255].replace("\x00", "")])
    for variant in wish.values():
        cart.add(variant)
    good = cart.validate()
    search = search_text()
    return render_region(
        "admin/pricing/preview.html",
        "admin/pricing/_preview.html",
        200 if good else 422,
        cart=cart,
        priced=cart.price() if good and cart.wanted else None,
        found=find_variants(search) if search or not cart.rows else (),
        search=search,
        off=switched_off(),
        reasons=REASONS,
        sources=SOURCES,
        currency=current_shop().currency,
    )


def switched_off() -> Mapping[str, str]:
    """Return the promotions that are switched off, by id, with their labels: no cart gets them."""
    return {str(row.id): row.label for row in list_promotions() if not row.enabled}
