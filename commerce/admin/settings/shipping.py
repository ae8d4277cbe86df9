"""Shipping methods in the back office: where to, for how much, and which are offered at all."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.fields import country_names
from commerce.admin.pricing.queries import tax_classes
from commerce.admin.products.forms import Difference
from commerce.admin.settings.shipping_form import MethodForm
from commerce.admin.versioned_form import seen_row_version
from commerce.errors import CommerceError, Conflict, InvalidValue, StaleVersion
from commerce.shipping.methods import (
    StoredMethod,
    change_method,
    create_method,
    delete_method,
    shipping_method,
    shipping_methods,
)
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other

LIST = "/admin/pricing/shipping"


@blueprint.get("/pricing/shipping")
@requires_permission("pricing.view")
def shipping_list() -> BaseResponse:
    """Show every way to ship with its prices."""
    return render_region(
        "admin/settings/shipping_methods.html",
        "admin/settings/_shipping_methods.html",
        methods=shipping_methods(),
        currency=current_shop().currency,
        country_names=country_names,
    )


@blueprint.get("/pricing/shipping/new")
@requires_permission("pricing.manage")
def shipping_new() -> BaseResponse:
    """Show an empty form."""
    return _show(MethodForm(None))


@blueprint.post("/pricing/shipping")
@requires_permission("pricing.manage")
def shipping_create() -> BaseResponse:
    """Add a way to ship."""
    form = MethodForm(None, request.form)
    if not form.validate():
        return _show(form, 422)
    try:
        method_id = create_method(form.terms())
    except InvalidValue as error:
        form.head.refuse(error)
        return _show(form, 422)
    flash(_("The shipping method is there."), "good")
    return see_other(f"{LIST}/{method_id}")


@blueprint.get("/pricing/shipping/<uuid:method_id>")
@requires_permission("pricing.view")
def shipping_page(method_id: uuid.UUID) -> BaseResponse:
    """Show one method as a form."""
    return _show(MethodForm(shipping_method(method_id)))


@blueprint.post("/pricing/shipping/<uuid:method_id>")
@requires_permission("pricing.manage")
def shipping_change(method_id: uuid.UUID) -> BaseResponse:
    """Save a method, unless somebody else has changed it meanwhile."""
    form = MethodForm(shipping_method(method_id), request.form)
    if not form.validate():
        return _show(form, 422)
    try:
        changed = change_method(method_id, form.terms(), seen_version=form.head.version.data)
    except InvalidValue as error:
        form.head.refuse(error)
        return _show(form, 422)
    except StaleVersion as error:
        now = shipping_method(method_id)
        form.known = now
        form.head.catch_up(now.version)
        return _show(form, 409, error, form.differences(now))
    flash(_("Saved.") if changed else _("Nothing was different, so nothing was changed."), "good")
    return see_other(f"{LIST}/{method_id}")


@blueprint.post("/pricing/shipping/<uuid:method_id>/deletion")
@requires_permission("pricing.manage")
def shipping_delete(method_id: uuid.UUID) -> BaseResponse:
    """Delete a method that no order has."""
    known = shipping_method(method_id)
    try:
        delete_method(method_id, seen_version=seen_row_version())
    except Conflict as error:
        return _show(MethodForm(shipping_method(method_id)), 409, error)
    flash(_("“%(name)s” is deleted.", name=known.terms.name), "good")
    return see_other(LIST)


def _show(
    form: MethodForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form and what was typed into it."""
    known: StoredMethod | None = form.known
    return render_region(
        "admin/settings/shipping_method.html",
        "admin/settings/_shipping_method.html",
        status,
        form=form,
        known=known,
        problem=problem,
        tax_classes=tax_classes(),
        compared=compared,
        currency=current_shop().currency,
    )
