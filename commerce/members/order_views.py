"""A member's orders, buying again, and the way back to an order whose link was lost."""

from __future__ import annotations

from flask import flash, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.members import request_email_change
from commerce.errors import InvalidValue
from commerce.form_submissions import counts_always
from commerce.members.auth import blueprint, member, members_only, no_room_text
from commerce.members.forms import FindOrderForm
from commerce.members.services import Reordered, reorder
from commerce.orders.customer_timeline import STATUS_WORDS
from commerce.orders.member_orders import orders_of_member, want_order_link
from commerce.paging import Cursor
from commerce.web import request_id, see_other


@blueprint.get("/account/orders", endpoint="orders")
@members_only
def order_list() -> BaseResponse:
    """Show a page of the member's orders, newest first."""
    page = orders_of_member(member().id, before=_position())
    return make_response(
        render_template(
            "members/orders.html",
            orders=page.rows,
            listing=page,
            status_words=STATUS_WORDS,
            member=member(),
        )
    )


def _position() -> Cursor | None:
    """Return where a page begins, as `?before=` says it; None for the first page and for what is no position."""
    try:
        return Cursor.parse(request.args.get("before", ""))
    except InvalidValue:
        return None


@blueprint.post("/account/guest-orders", endpoint="find_orders")
@members_only
def find_orders() -> BaseResponse:
    """Mail a link that brings the orders into the account which were placed with its address by a guest."""
    request_email_change(member(), member().email)
    flash(
        _("We’ve sent a link to %(email)s. Open it to add your guest orders.", email=member().email), "good"
    )
    return see_other("/account/orders")


@blueprint.post("/account/orders/<code>/reorder", endpoint="reorder")
@members_only
def buy_again(code: str) -> BaseResponse:
    """Put what an order had into the cart once more."""
    _tell(reorder(member().id, code))
    return see_other("/cart")


def _tell(result: Reordered) -> None:
    if result.added or result.fewer:
        flash(_("Added to your cart at today’s prices."), "good")
    for title in result.fewer:
        flash(_("Only some of %(title)s could be added.", title=title), "warn")
    for title in result.gone:
        flash(_("%(title)s is no longer available, or all of it is in your cart.", title=title), "warn")
    if result.left_out:
        flash(no_room_text(result.left_out), "warn")


@blueprint.route("/orders/find", methods=["GET", "POST"], endpoint="find_order")
@counts_always
def find_order() -> BaseResponse:
    """Mail the link of an order to its own address. The answer tells nobody whether there is such an order."""
    form = FindOrderForm()
    if form.validate_on_submit():
        want_order_link(str(form.code.data).upper(), form.address, request_id())
        return see_other("/account/mail-sent")
    page = render_template("members/find_order.html", form=form)
    return make_response(page, 422 if request.method == "POST" else 200)
