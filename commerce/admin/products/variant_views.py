"""One variant of a product on a page of its own, with what the grid has no room for."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from flask import make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, requires_permission
from commerce.admin.products import queries
from commerce.admin.products.forms import VariantForm
from commerce.admin.products.views import save_product, state_of
from commerce.admin.save import done, save, saved_text
from commerce.errors import CommerceError, NotFound
from commerce.inventory.adjustments import set_counted_stock
from commerce.tenants.scope import current_shop
from commerce.web import private


@blueprint.get("/products/<slug>/variants/<uuid:variant_id>")
@requires_permission("products.view")
def variant_page(slug: str, variant_id: uuid.UUID) -> BaseResponse:
    """Show one variant as a form."""
    return _show(slug, variant_id, _form(slug, variant_id))


@blueprint.post("/products/<slug>/variants/<uuid:variant_id>")
@requires_permission("products.change")
def variant_change(slug: str, variant_id: uuid.UUID) -> BaseResponse:
    """Save one variant, unless it was changed since the page was opened."""
    form = _form(slug, variant_id, request.form)
    product_id = form.row.variant.product_id
    return save(
        form,
        lambda: save_product(
            product_id,
            seen_version=None,
            variants=[form.update()],
            set_stock=partial(set_counted_stock, form.counts(), actor=current_staff().name),
        ),
        show=lambda status, **context: _show(slug, variant_id, form, status, **context),
        then=lambda changed: done(saved_text(changed), f"/admin/products/{quote(slug)}"),
        current=lambda: _form(slug, variant_id),
    )


def _form(slug: str, variant_id: uuid.UUID, formdata: Any = None) -> VariantForm:
    state = state_of(queries.find_product(slug).id)
    variant = next((each for each in state.variants if each.id == variant_id), None)
    if variant is None:
        raise NotFound("variant_not_found")
    return VariantForm(state, variant, formdata)


def _show(
    slug: str,
    variant_id: uuid.UUID,
    form: VariantForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Any] = (),
) -> BaseResponse:
    page = render_template(
        "admin/products/variant.html",
        product=queries.find_product(slug),
        variant_id=variant_id,
        form=form,
        problem=problem,
        compared=compared,
        currency=current_shop().currency,
        locations=queries.location_choices(),
    )
    return private(make_response(page, status))
