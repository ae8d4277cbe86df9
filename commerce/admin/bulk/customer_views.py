"""Bulk changes of customers, from their list."""

from __future__ import annotations

from flask import request
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.bulk.views import MOST_TICKED, create
from commerce.admin.people.customers import asked_customers, find_customer
from commerce.customers.models import CustomerProfile
from commerce.customers.profiles import make_profiles
from commerce.errors import NotFound
from commerce.members.customers import Customer


@blueprint.post("/customers/bulk-changes")
@requires_permission("customers.change")
def bulk_customers() -> BaseResponse:
    """Keep a change of the ticked customers, or of all that have a tag or are in a group; nothing is changed yet."""
    chosen = select(CustomerProfile.id, CustomerProfile.version)
    asked = asked_customers()
    if request.form.get("everything") == "1" and asked.profiles and not asked.search:
        group = str(asked.group_id) if asked.group_id else ""
        scope = {"everything": True, "tag": asked.tag, "group": group}
        return create("customers", chosen.where(*asked.profiles), scope)
    customers = [found for key in request.form.getlist("id")[:MOST_TICKED] if (found := _known(key))]
    ids = make_profiles([customer.key for customer in customers]) if customers else []
    return create("customers", chosen.where(CustomerProfile.id.in_(ids)), {"everything": False})


def _known(key: str) -> Customer | None:
    try:
        return find_customer(key[:64])
    except NotFound:
        return None
