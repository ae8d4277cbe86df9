"""Customers in the back office: who they are, what they ordered, what there is of them, and forgetting them.

A guest is named by the code of one of his orders: no address stands in an address of a page, in its form or in the log,
which can never be changed.
"""

from __future__ import annotations

import uuid

from flask import flash, make_response, render_template
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.address_book import addresses_of
from commerce.admin.auth import blueprint, logged, requires_permission, search_text
from commerce.admin.step_up import requires_recent_auth
from commerce.db import db
from commerce.members.customers import (
    Customer,
    customer_of_member,
    customer_of_order,
    find_guests,
    find_members,
)
from commerce.members.erasure import StillOpen, erase_customer
from commerce.members.export import as_json
from commerce.members.privacy_views import json_file
from commerce.orders.addresses import address_lines
from commerce.orders.models import Order
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other

MOST_ORDERS = 200


@blueprint.get("/customers")
@requires_permission("customers.view")
def customer_list() -> BaseResponse:
    """Show members and guests, or those that are searched for."""
    search = search_text()
    return render_region(
        "admin/people/customers.html",
        "admin/people/_customers.html",
        search=search,
        members=find_members(search),
        guests=find_guests(search),
    )


@blueprint.get("/customers/<key>")
@requires_permission("customers.view")
def customer_page(key: str) -> BaseResponse:
    """Show one customer with his addresses and orders."""
    return _page(key)


@blueprint.get("/customers/<key>/data.json")
@requires_permission("customers.erase")
@requires_recent_auth
@logged
def customer_data(key: str) -> BaseResponse:
    """Answer with a file of everything that there is of a customer, for one who asked for it."""
    return json_file(as_json(_customer(key)))


@blueprint.post("/customers/<key>/erasure")
@requires_permission("customers.erase")
@requires_recent_auth
def customer_erase(key: str) -> BaseResponse:
    """Forget a customer for good, unless something is still under way."""
    try:
        orders = erase_customer(_customer(key))
    except StillOpen as error:
        return _page(key, 409, open_orders=error.orders)
    flash(_("The customer is forgotten. Orders without a name now: %(count)s.", count=orders), "good")
    return see_other("/admin/customers")


def _customer(key: str) -> Customer:
    """Return the member with an id, or whoever placed the order with a code. Raises NotFound."""
    try:
        return customer_of_member(uuid.UUID(key))
    except ValueError:
        return customer_of_order(key)


def _page(key: str, status: int = 200, *, open_orders: tuple[str, ...] = ()) -> BaseResponse:
    customer, locale = _customer(key), current_shop().locale
    orders = db.session.scalars(
        select(Order)
        .where(customer.orders)
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(MOST_ORDERS)
    ).all()
    book = addresses_of(customer.member_id) if customer.member_id else []
    page = render_template(
        "admin/people/customer.html",
        key=key,
        customer=customer,
        orders=orders,
        addresses=[address_lines(each.address, each.name, locale) for each in book],
        open_orders=open_orders,
    )
    return make_response(page, status)
