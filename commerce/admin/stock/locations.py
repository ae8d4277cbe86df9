"""Warehouses in the back office: add, rename, put in order, and move units between them."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse
from wtforms import Form, IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

from commerce.admin import queries
from commerce.admin.auth import blueprint, current_staff, requires_permission
from commerce.admin.orders.forms import no_control_characters
from commerce.admin.stock.views import show_stock
from commerce.errors import Conflict, InvalidValue
from commerce.inventory.locations import change_location, create_location, list_locations, transfer
from commerce.web import render_region, see_other, status_of


class LocationForm(Form):  # type: ignore[misc]
    """A warehouse: its code is what the API and files call it."""

    code = StringField(_l("Code"), [Length(max=40), no_control_characters])
    name = StringField(
        _l("Name"), [InputRequired(_l("Please fill this in.")), Length(max=255), no_control_characters]
    )
    position = IntegerField(
        _l("Order"), [NumberRange(0, 9999, _l("Please enter a whole number from 0 to 9999."))]
    )


@blueprint.get("/locations")
@requires_permission("stock.view")
def location_list() -> BaseResponse:
    """Show the warehouses in the order in which they are asked."""
    return _page(LocationForm(position=0))


@blueprint.post("/locations")
@requires_permission("stock.locations")
def location_create() -> BaseResponse:
    """Add a warehouse."""
    form = LocationForm(request.form)
    form.position.data = 0
    if not form.validate():
        return _page(form, 422)
    try:
        create_location(form.code.data or "", form.name.data or "")
    except InvalidValue as error:
        form[error.field].errors = [error.reason]
        return _page(form, 422)
    flash(_("The location is added."), "good")
    return see_other("/admin/locations")


@blueprint.post("/locations/<uuid:location_id>")
@requires_permission("stock.locations")
def location_change(location_id: uuid.UUID) -> BaseResponse:
    """Rename a warehouse, or ask it earlier or later."""
    form = LocationForm(request.form)
    if not form.validate():
        return _page(
            LocationForm(position=0), 422, problem=_("Please enter a name, and a whole number as order.")
        )
    change_location(location_id, name=form.name.data or "", position=form.position.data)
    flash(_("The location is changed."), "good")
    return see_other("/admin/locations")


def _page(form: LocationForm, status: int = 200, problem: str = "") -> BaseResponse:
    return render_region(
        "admin/stock/locations.html",
        "admin/stock/_locations.html",
        status,
        rows=list_locations(),
        form=form,
        problem=problem,
    )


@blueprint.post("/stock/<uuid:stock_item_id>/transfers")
@requires_permission("stock.change")
def stock_transfer(stock_item_id: uuid.UUID) -> BaseResponse:
    """Move free units to another location."""
    row = queries.get_stock(stock_item_id)
    page = f"/admin/stock/{quote(row.sku, safe='/')}"
    try:
        transfer(
            row.id,
            _chosen_location(request.form.get("location", "")),
            _units(request.form.get("units", "")),
            actor=current_staff().name,
        )
    except (Conflict, InvalidValue) as error:
        return show_stock(queries.stock_of(row.sku), status_of(error), refused=(row.id, error.detail))
    flash(_("The units are moved."), "good")
    return see_other(page)


def _units(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidValue("units", _("Please enter how many units to move."))
    return int(text)


def _chosen_location(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise InvalidValue("location", _("Please choose a location.")) from error
