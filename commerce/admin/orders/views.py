"""Orders in the back office: the list, one order, and the actions of the transition table on it."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import flash, request
from flask_babel import get_locale
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import (
    blueprint,
    current_actor,
    current_staff,
    ensure_permission,
    requires_permission,
    search_text,
)
from commerce.admin.orders.actions import PREVIEWED, ActionNotice, buttons, perform_staff_action, staff_action
from commerce.admin.orders.forms import ActionForm
from commerce.admin.orders.previews import preview_action, titles_of
from commerce.admin.orders.refunds import show_preview, why_not_refund
from commerce.admin.orders.timeline import endpoint_hosts, history, since
from commerce.admin.step_up import requires_recent_auth_when
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.events.queries import deliveries_of
from commerce.orders.addresses import address_lines
from commerce.orders.diagram import draw
from commerce.orders.models import Order
from commerce.orders.queries import (
    count_by_status,
    get_order_by_code,
    list_orders,
    movements_of,
    stock_effects,
    timeline,
)
from commerce.orders.return_queries import credits_of, requests_of
from commerce.orders.transitions import BY_ACTION, STATUSES, TRANSITIONS
from commerce.payments.queries import payments_of, refunds_of
from commerce.payments.services import net_captured
from commerce.shipping.carriers import CARRIERS
from commerce.shipping.queries import shipped_parcels
from commerce.web import render_region, see_other, wants_region

MONEY = {row.resource for row in TRANSITIONS if row.action in ("pay", "refund")}
"""Actions that say that money came or send it back."""
CANCELLATION = BY_ACTION["cancel"].resource
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,17})-([0-9a-f]{32})")
_CODE = re.compile(r"[A-Za-z0-9-]{1,40}")


# --- the list ---------------------------------------------------------------------------------------


@blueprint.get("/orders")
@requires_permission("orders.view")
def order_list() -> BaseResponse:
    """Show orders, newest first, by status and search."""
    status, search = request.args.get("status", ""), search_text()
    if status not in STATUSES:
        status = ""
    before = request.args.get("before", "")
    page = list_orders(status=status, search=search, before=_read_cursor(before) if before else None)
    counts = count_by_status()
    return render_region(
        "admin/orders/orders.html",
        "admin/orders/_orders.html",
        rows=page.rows,
        older=_write_cursor(*page.older) if page.older else "",
        first=not before,
        chosen=status,
        search=search,
        counts=counts,
        total=sum(counts.values()),
        statuses=STATUSES,
    )


def _write_cursor(placed_at: datetime, order_id: uuid.UUID) -> str:
    """Name a position in the list. It only says where to go on reading, so there is nothing in it to forge."""
    return f"{(placed_at - EPOCH) // timedelta(microseconds=1)}-{order_id.hex}"


def _read_cursor(text: str) -> tuple[datetime, uuid.UUID]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InvalidValue("before", "This address does not lead to a page of the list.")
    return EPOCH + timedelta(microseconds=int(match[1])), uuid.UUID(match[2])


# --- one order --------------------------------------------------------------------------------------


@blueprint.get("/orders/<code>")
@requires_permission("orders.view")
def order_page(code: str) -> BaseResponse:
    """Show one order with everything that is known of it."""
    return _show(_find(code))


def _moves_money() -> bool:
    """Tell whether an action says that money came or sends it back, as cancelling a paid order does."""
    asked = request.view_args or {}
    if asked["resource"] == CANCELLATION:
        return _find(asked["code"]).payment_status in ("paid", "partially_refunded")
    return asked["resource"] in MONEY


@blueprint.post("/orders/<code>/<resource>")
@requires_permission("orders.view")
@requires_recent_auth_when(_moves_money)
def order_action(code: str, resource: str) -> BaseResponse:
    """Do one action of the transition table, if the order still is as the page showed it."""
    row = staff_action(resource)
    ensure_permission(f"orders.{row.action}")
    order_id = _find(code).id
    form = ActionForm(row, request.form)
    if not form.validate():
        return _show(_find(code), status=422, pressed=resource, form=form)
    try:
        wish = form.wish()
        if row.action in PREVIEWED and request.form.get("step") == "preview":
            order = _find(code)
            return show_preview(order, preview_action(row, order, wish))
        outcome = perform_staff_action(row, order_id, current_actor(), wish)
    except InvalidValue as error:
        form.refuse(error)
        return _show(_find(code), status=422, pressed=resource, form=form)
    except Conflict as error:
        return _show(_find(code), status=409, pressed=resource, form=form, problem=error)
    return _done(code, outcome)


def _done(code: str, outcome: ActionNotice) -> BaseResponse:
    if wants_region():
        return _show(_find(code), outcome=outcome)
    flash(outcome.text, outcome.tone)
    return see_other(f"/admin/orders/{code}")


def _find(code: str) -> Order:
    if not _CODE.fullmatch(code):
        raise NotFound("There is no such order.")
    return get_order_by_code(code)


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
    deliveries = deliveries_of(order.id)
    entries = history(timeline(order.id), deliveries, movements_of(order.code), endpoint_hosts(deliveries))
    seen = int(form.version.data or 0) if form else 0
    choices = buttons(order, current_staff().role)
    payments = payments_of(order.id)
    left = order.total - net_captured(payments, order.currency)
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
        parcels=shipped_parcels(order.id),
        carriers=CARRIERS,
        requests=requests_of(order.id),
        credits=credits_of(order.id),
        why_not_credit=why_not_refund(order),
        titles=titles_of(order),
        address=address_lines(order.shipping_address, order.name, str(get_locale())),
        map=draw(order.status),
    )


def _form(button: Any, pressed: str, form: ActionForm | None, left: int) -> ActionForm:
    if form is not None and button.row.resource == pressed:
        return form
    return ActionForm(button.row, left=left)
