"""Merge two customers: choose the other, see both side by side, confirm."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission, search_text
from commerce.admin.confirmation import confirm_first
from commerce.admin.forms import seen_row_version
from commerce.admin.people.customers import CUSTOMERS, find_customer
from commerce.admin.save import done, save
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import CommerceError, Conflict
from commerce.members.customers import Customer, CustomerFilter, find_contacts, find_guests, find_members
from commerce.members.merging import (
    MergeSide,
    NotMergeable,
    check_mergeable,
    merge_customers,
    merge_side,
    merge_version,
)
from commerce.web import render_region, status_of

FEW = 10
"""Customers of each kind that a search offers."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of two customers in the comparison."""

    key: str
    customer: Customer
    has: MergeSide


@blueprint.get("/customers/<key>/merge")
@requires_permission("customers.merge")
def customer_merge_page(key: str) -> BaseResponse:
    """Find the other customer; then show both side by side."""
    other = request.args.get("other", "")[:64]
    return _compare(key, other) if other else _choose(key)


@blueprint.post("/customers/<key>/merge")
@requires_permission("customers.merge")
@requires_recent_auth
def customer_merge(key: str) -> BaseResponse:
    """Ask once more, then merge the other customer into this one."""
    other = request.form.get("other", "")[:64]
    kept, lost = find_customer(key), find_customer(other)
    try:
        check_mergeable(kept, lost)
    except NotMergeable as error:
        return _compare(key, other, error)
    return _ask(key, other, kept, lost) or save(
        None,
        lambda: merge_customers(kept, lost, seen_version=seen_row_version()),
        show=lambda _status, problem: _compare(key, other, problem),
        then=lambda left_out: _merged(key, kept, left_out),
    )


def _ask(key: str, other: str, kept: Customer, lost: Customer) -> BaseResponse | None:
    account = (
        _("%(email)s can no longer be used to sign in; its sessions end.", email=lost.email)
        if lost.member_id
        else _("None.")
    )
    return confirm_first(
        _("Merge %(lost)s into %(kept)s", lost=lost.email, kept=kept.email),
        _("Merge customers"),
        f"{CUSTOMERS}/{key}/merge?other={other}",
        [
            (_("Stays"), f"{kept.name} <{kept.email}>"),
            (_("Is merged"), f"{lost.name} <{lost.email}>"),
            (_("Account that is closed"), account),
            (_("Moves"), _("Orders, returns, addresses, cart, coupon uses, tags, groups and notes.")),
            (_("Emails"), _("None. Orders keep the address that they were placed with.")),
        ],
        words=_("This cannot be undone. Please review it before you confirm."),
        typed=_("merge"),
    )


def _merged(key: str, kept: Customer, left_out: int) -> BaseResponse:
    text = str(_("Customers merged."))
    if left_out:
        text += " " + ngettext(
            "%(num)d line of the cart found no room.", "%(num)d lines of the cart found no room.", left_out
        )
    return done(text, f"{CUSTOMERS}/{kept.member_id or key}")


def _choose(key: str) -> BaseResponse:
    customer, search = find_customer(key), search_text()
    asked = CustomerFilter(search)
    rows = (
        [*find_members(asked)[:FEW], *find_guests(asked)[:FEW], *find_contacts(asked)[:FEW]] if search else []
    )
    return render_region(
        "admin/people/merge_choose.html",
        "admin/people/_merge_choose.html",
        key=key,
        customer=customer,
        search=search,
        rows=[row for row in rows if row.email != customer.email],
    )


def _compare(key: str, other: str, problem: CommerceError | None = None) -> BaseResponse:
    kept, lost = find_customer(key), find_customer(other)
    if problem is None:
        try:
            check_mergeable(kept, lost)
        except Conflict as error:
            problem = error
    return render_region(
        "admin/people/merge.html",
        "admin/people/_merge.html",
        status_of(problem) if problem and request.method == "POST" else 200,
        key=key,
        other=other,
        kept=Side(key, kept, merge_side(kept)),
        lost=Side(other, lost, merge_side(lost)),
        version=merge_version(kept, lost),
        refused=isinstance(problem, NotMergeable),
        problem=problem,
    )
