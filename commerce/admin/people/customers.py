"""Customers in the back office: the list, one customer with their tags, groups and notes, and their data.

A customer without an account is named by the code of one of their orders, or by what is kept of them: no email stands
in the address of a page, in its form or in the log, which can never be changed.
"""

from __future__ import annotations

import uuid
from typing import Any

from flask import make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.address_book import addresses_of
from commerce.admin.auth import (
    blueprint,
    current_actor,
    current_staff,
    ensure_permission,
    logged,
    requires_permission,
    search_text,
)
from commerce.admin.confirmation import confirm_first
from commerce.admin.people import queries
from commerce.admin.people.forms import CustomerNoteForm, TagsAndGroupsForm
from commerce.admin.save import done, save, saved_text
from commerce.admin.step_up import requires_recent_auth
from commerce.cart.details import CheckoutDetails
from commerce.customers.groups import filter_choices, group_choices
from commerce.customers.profiles import (
    MAX_TAGS,
    ProfileFacts,
    add_customer_note,
    change_profile,
    delete_customer_note,
    profile_facts,
)
from commerce.errors import CommerceError, Conflict, NotFound, Rejected
from commerce.invoices.queries import document_codes
from commerce.members.customers import (
    Customer,
    CustomerFilter,
    count_profiles,
    customer_of_member,
    customer_of_order,
    customer_of_profile,
    figures_of,
    find_contacts,
    find_guests,
    find_members,
    tags_of_rows,
)
from commerce.members.erasure import erase_customer
from commerce.members.export import export_as_json
from commerce.members.privacy_views import json_file
from commerce.order_management.drafts import create_draft
from commerce.orders.addresses import address_lines
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other

CUSTOMERS = "/admin/customers"
RECENT = 5
"""Orders of a customer whose addresses are shown."""


@blueprint.get("/customers")
@requires_permission("customers.view")
def customer_list() -> BaseResponse:
    """Show customers with an account, with orders and without both, or those that are asked for."""
    asked = asked_customers()
    groups, known_tags = filter_choices()
    lists = [find_members(asked), find_guests(asked), find_contacts(asked)]
    return render_region(
        "admin/people/customers.html",
        "admin/people/_customers.html",
        asked=asked,
        lists=lists,
        tags=tags_of_rows([row for rows in lists for row in rows]),
        groups=groups,
        total=count_profiles(asked) if asked.profiles and not asked.search else None,
        known_tags=known_tags,
    )


def asked_customers() -> CustomerFilter:
    """Return what the address asks for; a group that is no id is one that nobody is in."""
    group = request.values.get("group", "")
    try:
        group_id = uuid.UUID(group) if group else None
    except ValueError:
        group_id = uuid.UUID(int=0)
    tag = " ".join(request.values.get("tag", "")[:100].replace("\0", "").split())
    return CustomerFilter(search_text(), tag, group_id)


@blueprint.get("/customers/<key>")
@requires_permission("customers.view")
def customer_page(key: str) -> BaseResponse:
    """Show one customer with their addresses, orders, tags, groups and notes."""
    return show_customer(key)


@blueprint.post("/customers/<key>")
@requires_permission("customers.change")
def customer_change(key: str) -> BaseResponse:
    """Save the tags and groups of a customer."""
    customer = find_customer(key)
    form = TagsAndGroupsForm(group_choices(), request.form)
    return save(
        form,
        lambda: change_profile(
            customer.key, tags=form.read_tags(), group_ids=form.group_ids(), seen_version=form.version.data
        ),
        show=lambda status, **context: show_customer(key, status, form=form, **context),
        then=lambda changed: done(saved_text(changed), f"{CUSTOMERS}/{key}"),
        current=lambda: _form(profile_facts(customer.key)),
    )


@blueprint.post("/customers/<key>/notes")
@requires_permission("customers.change")
def customer_note_add(key: str) -> BaseResponse:
    """Write a note about a customer."""
    customer, form = find_customer(key), CustomerNoteForm(request.form)
    return save(
        form,
        lambda: add_customer_note(customer.key, author=current_staff().name, text=form.text.data),
        show=lambda status, **_rest: show_customer(key, status, note_form=form),
        then=lambda _result: done(_("Note added."), f"{CUSTOMERS}/{key}#notes"),
        shown_at={Rejected: "text", Conflict: "text"},
    )


@blueprint.post("/customers/<key>/notes/<uuid:note_id>/deletion")
@requires_permission("customers.change")
def customer_note_delete(key: str, note_id: uuid.UUID) -> BaseResponse:
    """Ask, then delete a note about a customer."""
    customer = find_customer(key)
    note = next((each for each in profile_facts(customer.key).notes if each.id == note_id), None)
    if note is None:
        raise NotFound("customer_note_not_found")
    asked = confirm_first(
        _("Delete note"),
        _("Delete note"),
        f"{CUSTOMERS}/{key}",
        [
            (_("Customer"), customer.name or customer.email),
            (_("Written by"), note.author),
            (_("Note"), note.text),
        ],
    )
    if asked is not None:
        return asked
    delete_customer_note(customer.key, note_id)
    return done(_("Note deleted."), f"{CUSTOMERS}/{key}#notes")


@blueprint.get("/customers/<key>/data.json")
@requires_permission("customers.erase")
@requires_recent_auth
@logged
def customer_data(key: str) -> BaseResponse:
    """Export everything that is stored about a customer."""
    return json_file(export_as_json(find_customer(key)))


@blueprint.post("/customers/<key>/erasure")
@requires_permission("customers.erase")
@requires_recent_auth
def customer_erase(key: str) -> BaseResponse:
    """Show what erasing a customer's data would do; then do it, unless an order is still in progress."""
    customer = find_customer(key)
    return _preview_erasure(key, customer) or save(
        None,
        lambda: erase_customer(customer),
        show=lambda status, problem: show_customer(key, status, problem),
        then=lambda orders: done(
            _("Customer data erased. Orders anonymized: %(count)s.", count=orders),
            CUSTOMERS,
        ),
    )


def _preview_erasure(key: str, customer: Customer) -> BaseResponse | None:
    orders = [order.code for order in queries.orders_of(customer)]
    invoices = document_codes(customer.orders)
    kept = [(_("Kept"), _("Items, amounts and countries."))]
    if invoices:
        words = _(
            "With name and address, since tax law requires it: %(numbers)s.", numbers=", ".join(invoices)
        )
        kept.append((_("Invoices kept"), words))
    account = _("Closed; nobody can sign in with it any more.") if customer.member_id else _("None.")
    return confirm_first(
        _("Erase data of %(customer)s", customer=customer.name or customer.email),
        _("Erase customer data"),
        f"{CUSTOMERS}/{key}",
        [
            (_("Account"), account),
            (_("Orders"), ", ".join(orders) or _("None.")),
            (
                _("Erased"),
                _("Name, addresses, emails and notes, in the account and in every order; tags and groups."),
            ),
            *kept,
            (_("Emails"), _("None.")),
        ],
        words=_("This cannot be undone. Please review it before you confirm."),
        typed=_("erase"),
    )


@blueprint.post("/customers/<key>/draft")
@requires_permission("orders.create")
def customer_draft(key: str) -> BaseResponse:
    """Begin a draft order for a customer, with what is known of them filled in."""
    ensure_permission("customers.view")
    customer = find_customer(key)
    facts = profile_facts(customer.key)
    last = next(iter(queries.orders_of(customer)), None)
    book = addresses_of(customer.member_id) if customer.member_id else []
    known = [*(each.address for each in book), *(each.address for each in facts.addresses)]
    address = known[0] if known else (last.shipping_address if last else {})
    details = CheckoutDetails(
        email=customer.email,
        name=customer.name or (last.name if last else ""),
        phone=facts.phone or (last.phone if last else ""),
        address={name: str(text) for name, text in dict(address).items() if text},
    )
    return see_other(f"/admin/drafts/{create_draft(current_actor(), details)}")


def find_customer(key: str) -> Customer:
    """Return the customer with an account, a profile or an order of this id or code. Raises NotFound."""
    try:
        row_id = uuid.UUID(key)
    except ValueError:
        return customer_of_order(key)
    try:
        return customer_of_member(row_id)
    except NotFound:
        return customer_of_profile(row_id)


def show_customer(
    key: str,
    status: int = 200,
    problem: CommerceError | None = None,
    *,
    form: TagsAndGroupsForm | None = None,
    note_form: CustomerNoteForm | None = None,
    compared: Any = (),
) -> BaseResponse:
    """Return the page of a customer."""
    customer, locale = find_customer(key), current_shop().locale
    facts = profile_facts(customer.key)
    book = addresses_of(customer.member_id) if customer.member_id else []
    orders = queries.orders_of(customer)
    used = [(each.address, each.name) for each in book]
    used += [(each.address, each.name) for each in facts.addresses]
    used += [(order.shipping_address, order.name) for order in orders[:RECENT]]
    count, spent, last = figures_of(customer)
    page = render_template(
        "admin/people/customer.html",
        key=key,
        customer=customer,
        facts=facts,
        form=form or _form(facts),
        note_form=note_form or CustomerNoteForm(),
        most_tags=MAX_TAGS,
        orders=orders,
        figures={"count": count, "spent": spent, "last": last},
        addresses=list(dict.fromkeys(tuple(address_lines(*each, locale)) for each in used)),
        open_orders=getattr(problem, "orders", ()),
        problem=problem,
        compared=compared,
    )
    return make_response(page, status)


def _form(facts: ProfileFacts) -> TagsAndGroupsForm:
    return TagsAndGroupsForm(
        group_choices(),
        tags=", ".join(facts.tags),
        groups=[str(group_id) for group_id, _name in facts.groups],
        version=facts.version,
    )
