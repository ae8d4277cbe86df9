"""The page from which a parcel is sent, and the label for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import make_response, render_template
from flask_babel import get_locale
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, requires_permission
from commerce.admin.orders.actions import buttons
from commerce.admin.orders.forms import ActionForm
from commerce.admin.orders.queries import find_order, titles_of
from commerce.errors import Conflict
from commerce.orders.addresses import address_lines, label_lines, sender_lines
from commerce.orders.models import Order
from commerce.orders.queries import stock_effects
from commerce.orders.transitions import BY_ACTION
from commerce.shipping.carriers import CARRIERS
from commerce.tenants.scope import current_shop

SHIP = BY_ACTION["ship"]


@blueprint.get("/orders/<code>/shipments/new")
@requires_permission("orders.ship")
def shipment_new(code: str) -> BaseResponse:
    """Show what there is to ship, with everything in stock put into the parcel."""
    return show_shipping(find_order(code), ActionForm(SHIP))


@blueprint.get("/orders/<code>/label")
@requires_permission("orders.view")
def address_label(code: str) -> BaseResponse:
    """Show the address of an order in the size of a label."""
    order = find_order(code)
    shop, locale = current_shop(), str(get_locale())
    page = render_template(
        "admin/orders/label.html",
        order=order,
        address=label_lines(order.shipping_address, order.name, locale),
        sender=sender_lines(shop.seller, shop.name, locale),
    )
    return make_response(page)


def show_shipping(
    order: Order,
    form: ActionForm,
    status: int = 200,
    problem: Conflict | None = None,
    meanwhile: Sequence[Any] = (),
) -> BaseResponse:
    """Answer with the form as it was typed, for the order as it is now; `meanwhile` others did something else."""
    button = next(each for each in buttons(order, current_staff().role) if each.row is SHIP)
    page = render_template(
        "admin/orders/ship.html",
        order=order,
        form=form,
        problem=problem,
        meanwhile=meanwhile,
        why=button.why,
        titles=titles_of(order),
        effects=stock_effects(order.id),
        carriers=CARRIERS,
        address=address_lines(order.shipping_address, order.name, str(get_locale())),
    )
    return make_response(page, status)
