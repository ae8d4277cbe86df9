"""A member's address book."""

from __future__ import annotations

import uuid

from flask import flash, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import address_book
from commerce.accounts.address_book import SavedAddress
from commerce.checkout.forms import AUTOCOMPLETE
from commerce.error_messages import describe
from commerce.errors import Conflict
from commerce.members.auth import blueprint, member, members_only
from commerce.members.forms import AddressForm, address_form
from commerce.orders.addresses import address_lines
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other

BOOK = "/account/addresses"


@blueprint.get("/account/addresses", endpoint="addresses")
@members_only
def book() -> BaseResponse:
    """Show all addresses, as they are written on parcels."""
    entries = address_book.addresses_of(member().id)
    return make_response(
        render_template("members/addresses.html", entries=[(each, _lines(each)) for each in entries])
    )


def _lines(entry: SavedAddress) -> list[str]:
    return list(address_lines(entry.address, entry.name, current_shop().locale))


@blueprint.route("/account/addresses/new", methods=["GET", "POST"], endpoint="new_address")
@members_only
def add() -> BaseResponse:
    """Ask for an address and put it into the book; "update" only shows the fields of another country."""
    sent = request.form if request.method == "POST" else None
    form = address_form(sent)
    if sent is None or "update" in sent:
        form.name.data = form.name.data or member().name
        return _form_page(form)
    if not form.validate():
        return _form_page(form, status=422)
    try:
        address_book.add_address(member().id, **form.values())
    except Conflict as error:
        form.form_errors.append(describe(error))
        return _form_page(form, status=409)
    return _saved()


@blueprint.route("/account/addresses/<uuid:address_id>", methods=["GET", "POST"], endpoint="address")
@members_only
def change(address_id: uuid.UUID) -> BaseResponse:
    """Show an address, or save it."""
    entry = address_book.get_address(member().id, address_id)
    sent = request.form if request.method == "POST" else None
    form = address_form(sent, entry)
    if sent is None or "update" in sent:
        return _form_page(form, entry)
    if not form.validate():
        return _form_page(form, entry, 422)
    address_book.change_address(member().id, address_id, **form.values())
    return _saved()


@blueprint.post("/account/addresses/<uuid:address_id>/removal", endpoint="remove_address")
@members_only
def remove(address_id: uuid.UUID) -> BaseResponse:
    """Take an address out of the book."""
    address_book.delete_address(member().id, address_id)
    flash(_("Address deleted."), "good")
    return see_other(BOOK)


@blueprint.post("/account/addresses/<uuid:address_id>/preference", endpoint="prefer_address")
@members_only
def prefer(address_id: uuid.UUID) -> BaseResponse:
    """Make an address the one that the checkout begins with."""
    address_book.prefer_address(member().id, address_id)
    return _saved()


def _saved() -> BaseResponse:
    flash(_("Saved."), "good")
    return see_other(BOOK)


def _form_page(form: AddressForm, entry: SavedAddress | None = None, status: int = 200) -> BaseResponse:
    return render_region(
        "members/address.html",
        "checkout/_address.html",
        status,
        form=form,
        entry=entry,
        autocomplete=AUTOCOMPLETE,
        fields_from=request.path,
    )
