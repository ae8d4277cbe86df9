"""Back-in-stock alerts: shoppers subscribe to a sold-out variant."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, flash, make_response, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.error_messages import describe
from commerce.errors import InvalidValue, NotFound
from commerce.inventory.back_in_stock import subscribe_back_in_stock
from commerce.inventory.forms import AlertForm
from commerce.storefront.product_page import ProductPage, product_page
from commerce.storefront.variant_picker import SoldVariant
from commerce.storefront.views import AlertAnswer, product_response
from commerce.web import private, see_other, wants_region

blueprint = Blueprint("stock_alerts", __name__)


@blueprint.post("/products/<slug>/alerts")
def subscribe(slug: str) -> BaseResponse:
    """Subscribe to a variant's return to stock. The answer never reveals whether the address is subscribed already."""
    product, form = product_page(slug), AlertForm()
    variant = next((each for each in product.variants if each.id == form.variant_asked_for), None)
    if variant is None:
        raise NotFound("not_for_sale")
    if not form.validate():
        return _refused(product, variant, form, " ".join(map(str, form.email.errors)))
    if not variant.sold_out:
        return _kept(product, variant, _("It's back in stock: you can add it to your cart."))
    try:
        subscribe_back_in_stock(variant.id, form.email.data)
    except InvalidValue as error:
        return _refused(product, variant, form, describe(error))
    return _kept(product, variant, _("We'll email %(email)s when it's back in stock.", email=form.email.data))


def _kept(product: ProductPage, variant: SoldVariant, message: str) -> BaseResponse:
    if wants_region():
        return _part(product, variant, AlertAnswer(message=message))
    flash(message, "good")
    return see_other(f"{product.path}?{urlencode({'variant': variant.sku})}")


def _refused(product: ProductPage, variant: SoldVariant, form: AlertForm, error: str) -> BaseResponse:
    typed = form.email.data or ""
    answer = AlertAnswer(email=typed if typed.isprintable() else "", error=error)
    if wants_region():
        return _part(product, variant, answer, 422)
    return private(product_response(product.slug, {"variant": variant.sku}, 422, alert=answer))


def _part(product: ProductPage, variant: SoldVariant, alert: AlertAnswer, status: int = 200) -> BaseResponse:
    part = render_template("storefront/_alert.html", product=product, variant=variant, alert=alert)
    response = private(make_response(part, status))
    response.vary.add("HX-Request")
    return response
