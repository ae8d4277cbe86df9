"""An order in the back office: the actions of the transition table on it, tags, notes and paper."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Response, make_response, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import (
    blueprint,
    current_actor,
    current_staff,
    ensure_permission,
    requires_permission,
)
from commerce.admin.orders.actions import (
    PREVIEWED,
    ActionNotice,
    action_notice,
    buttons,
    staff_action,
    why_not_refund,
)
from commerce.admin.orders.forms import ActionForm, NoteForm
from commerce.admin.orders.payment_previews import preview_receipt
from commerce.admin.orders.previews import ActionPreview, preview_action, show_preview
from commerce.admin.orders.queries import find_order, titles_of, units_to_pick
from commerce.admin.orders.shipping import show_shipping
from commerce.admin.orders.timeline import endpoint_hosts, history, since, units_of
from commerce.admin.save import done, save
from commerce.admin.step_up import requires_recent_auth_when
from commerce.error_messages import describe
from commerce.errors import Conflict, InvalidValue, NotFound, Rejected
from commerce.events.queries import deliveries_of
from commerce.orders.addresses import address_lines, label_lines, sender_lines
from commerce.orders.balance import balance_of
from commerce.orders.listing import tags_of
from commerce.orders.masking import without_token
from commerce.orders.member_orders import send_order_link
from commerce.orders.models import Order
from commerce.orders.notes import add_note
from commerce.orders.payment_panel import payment_panel
from commerce.orders.queries import movements_of, stock_effects, timeline
from commerce.orders.return_queries import credits_of, requests_of
from commerce.orders.tags import assign_order, colleagues_for, read_tags, set_tags
from commerce.orders.transitions import BY_ACTION, TRANSITIONS
from commerce.orders.views import order_facts
from commerce.payments.queries import payments_of, refunds_of
from commerce.shipping.queries import shipped_parcels
from commerce.tenants.scope import current_shop
from commerce.web import render_region, wants_region

MONEY = {row.resource for row in TRANSITIONS if row.action in ("pay", "refund")}
"""Actions that say that money came or send it back."""
CANCELLATION = BY_ACTION["cancel"].resource


# --- one order --------------------------------------------------------------------------------------


@blueprint.get("/orders/<code>")
@requires_permission("orders.view")
def order_page(code: str) -> BaseResponse:
    """Show one order with everything that is known of it."""
    return _show(find_order(code))


def _moves_money() -> bool:
    """Tell whether an action says that money came or sends it back, as cancelling a paid order does."""
    asked = request.view_args or {}
    if asked["resource"] == CANCELLATION:
        return find_order(asked["code"]).payment_status in ("paid", "partially_refunded")
    return asked["resource"] in MONEY


@blueprint.post("/orders/<code>/<resource>")
@requires_permission("orders.view")
@requires_recent_auth_when(_moves_money)
def order_action(code: str, resource: str) -> BaseResponse:
    """Do one action of the transition table, if the order still is as the page showed it."""
    row = staff_action(resource)
    ensure_permission(f"orders.{row.action}")
    order = find_order(code)
    form = ActionForm(row, request.form)
    if row.action == "pay" and form.validate():
        asks = preview_receipt(order, form.minor, form.reference.data or "")
        if asks is not None:
            return asks

    def do() -> ActionPreview | ActionNotice:
        action = form.to_action()
        if row.action in PREVIEWED and request.form.get("step") == "preview":
            return preview_action(row, order, action)
        return action_notice(row, whole=action.run(order.id, current_actor()))

    def show(status: int, *, problem: Conflict | None = None) -> BaseResponse:
        if row.action == "ship":
            now = find_order(code)
            return show_shipping(now, form, status, problem, _meanwhile(now, form) if problem else ())
        return _show(find_order(code), status=status, pressed=resource, form=form, problem=problem)

    def then(result: ActionPreview | ActionNotice) -> BaseResponse:
        return show_preview(order, result) if isinstance(result, ActionPreview) else _done(code, result)

    return save(form, do, show=show, then=then)


def _done(code: str, notice: ActionNotice) -> BaseResponse:
    if wants_region():
        return _show(find_order(code), outcome=notice)
    return done(notice.text, f"/admin/orders/{code}", notice.tone)


def _show(
    order: Order,
    *,
    status: int = 200,
    outcome: ActionNotice | None = None,
    pressed: str = "",
    form: ActionForm | None = None,
    problem: Conflict | None = None,
) -> BaseResponse:
    """Answer with the order as it is now. `pressed` is the button whose `form` is shown again with its errors."""
    deliveries, parcels, given = deliveries_of(order.id), shipped_parcels(order.id), credits_of(order.id)
    entries = history(
        timeline(order.id),
        deliveries,
        movements_of(order.code),
        endpoint_hosts(deliveries),
        units_of(order, given, parcels),
    )
    seen = int(form.version.data or 0) if form else 0
    choices = buttons(order, current_staff().role)
    payments = payments_of(order.id)
    left = balance_of(order, payments).due
    return render_region(
        "admin/orders/order.html",
        "admin/orders/_order.html",
        status,
        order=order,
        buttons=choices,
        forms={button.row.resource: _form(button, pressed, form, left) for button in choices},
        pressed=pressed,
        outcome=outcome,
        problem=problem,
        meanwhile=since(entries, seen) if problem else [],
        entries=entries,
        effects=stock_effects(order.id),
        payments=payments,
        refunds=refunds_of(order.id),
        parcels=parcels,
        requests=requests_of(order.id),
        credits=given,
        why_not_credit=why_not_refund(order),
        titles=titles_of(order),
        address=address_lines(order.shipping_address, order.name, str(get_locale())),
        tags=tags_of([order.id]).get(order.id, []),
        colleagues=colleagues_for(order.id),
    )


def _meanwhile(order: Order, form: ActionForm) -> Sequence[Any]:
    """Return what happened to an order since the page of a form was shown."""
    entries = history(timeline(order.id), deliveries_of(order.id), movements_of(order.code), {})
    return since(entries, int(form.version.data or 0))


def _form(button: Any, pressed: str, form: ActionForm | None, left: int) -> ActionForm:
    if form is not None and button.row.resource == pressed:
        return form
    return ActionForm(button.row, left=left)


# --- what the customer sees ---------------------------------------------------------------------------


@blueprint.get("/orders/<code>/customer-view")
@requires_permission("orders.view")
def order_customer_view(code: str) -> BaseResponse:
    """Show the order as its customer sees it, without the secret of their link and without anything that acts."""
    order = find_order(code)
    pay = payment_panel(order, payments_of(order.id))
    shown = replace(pay, asks_for_card=False, others=(), pay_url="", can_repeat=False)
    page = render_template(
        "admin/orders/customer_view.html",
        **order_facts(without_token(order), shown),
        read_only=True,
        notices=False,
        problem="",
        errors={},
    )
    return make_response(page)


@blueprint.post("/orders/<code>/customer-link")
@requires_permission("orders.send_link")
def order_customer_link(code: str) -> BaseResponse:
    """Email the customer the link to their order; staff never see it."""
    order = find_order(code)
    page = f"/admin/orders/{order.code}"
    try:
        send_order_link(order.id, current_actor())
    except (InvalidValue, Conflict) as error:
        return done(describe(error), page, "warn")
    return done(_("The link is on its way to %(email)s.", email=order.email), page)


# --- notes ------------------------------------------------------------------------------------------


@blueprint.app_template_global()
def note_form() -> NoteForm:
    """Return the empty form that an order's page includes with `admin/orders/_notes.html`."""
    return NoteForm()


@blueprint.post("/orders/<code>/notes")
@requires_permission("orders.note")
def note_add(code: str) -> BaseResponse:
    """Write a note; what is wrong with it is said on a page of its own, where nothing typed is lost."""
    order, form = find_order(code), NoteForm(request.form)
    for_customer = bool(form.for_customer.data)
    text = _("Note added. The customer gets it by email.") if for_customer else _("Note added.")
    return save(
        form,
        lambda: add_note(order.id, current_actor(), text=form.text.data, for_customer=for_customer),
        show=lambda status: make_response(
            render_template("admin/orders/note.html", order=order, form=form), status
        ),
        then=lambda _note: done(text, f"/admin/orders/{order.code}"),
        shown_at={Rejected: "text", Conflict: "text"},
    )


# --- tags and who takes care of it --------------------------------------------------------------------


@blueprint.post("/orders/<code>/tags")
@requires_permission("orders.note")
def order_tags(code: str) -> BaseResponse:
    """Give an order the tags of a line; what is wrong with them is said on its page."""
    order, page = find_order(code), f"/admin/orders/{code}"
    try:
        set_tags(order.id, read_tags(request.form.get("tags", "")))
    except InvalidValue as error:
        return done(describe(error), page, "bad")
    return done(_("Tags saved."), page)


@blueprint.post("/orders/<code>/assignee")
@requires_permission("orders.note")
def order_assignee(code: str) -> BaseResponse:
    """Let one of the staff take care of an order, or nobody."""
    order, chosen = find_order(code), request.form.get("assignee", "")
    try:
        assign_order(order.id, uuid.UUID(chosen) if chosen else None)
    except ValueError as error:
        raise NotFound("staff_not_found") from error
    return done(_("Saved."), f"/admin/orders/{code}")


# --- paper for the warehouse, which never names a price ----------------------------------------------


@blueprint.get("/orders/<code>/picking-list")
@requires_permission("orders.view")
def picking_list(code: str) -> BaseResponse:
    """Show what has still to be shipped and is in stock."""
    order = find_order(code)
    address = address_lines(order.shipping_address, order.name, str(get_locale()))
    return _paper(order, units_to_pick(order), address, parcel=None)


@blueprint.get("/orders/<code>/shipments/<int:number>/slip")
@requires_permission("orders.view")
def packing_slip(code: str, number: int) -> BaseResponse:
    """Show what is in a parcel."""
    order = find_order(code)
    parcel = next((each for each in shipped_parcels(order.id) if each.number == number), None)
    if parcel is None:
        raise NotFound("shipment_not_found")
    address = label_lines(order.shipping_address, order.name, str(get_locale()))
    return _paper(order, parcel.units, address, parcel=parcel)


def _paper(order: Order, units: Mapping[uuid.UUID, int], address: Sequence[str], **context: Any) -> Response:
    shop = current_shop()
    html = render_template(
        "admin/orders/packing_slip.html",
        order=order,
        lines=[(line, units[line.id]) for line in order.lines if units.get(line.id)],
        address=address,
        sender=sender_lines(shop.seller, shop.name, str(get_locale())),
        **context,
    )
    return make_response(html)
