"""Change a placed order: a page with everything in fields, a preview of what it would come to, then the change itself.

Nothing is kept between the steps but what the pages carry; the preview's version and total are what is confirmed.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_actor, may, requires_permission
from commerce.admin.drafts.forms import (
    CustomerForm,
    DiscountForm,
    UnitsInput,
    as_uuid,
    customer_form,
    found_variants,
    problems_of,
    units_input,
)
from commerce.cart.queries import CartLineView, lines_for
from commerce.error_messages import describe
from commerce.errors import CommerceError, Conflict, InvalidValue, NotFound, OutOfStock
from commerce.money import share_of
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_preview import manual_discount, why_not_edit
from commerce.order_management.edit_types import EditPlan, OrderEdit
from commerce.orders.models import Order
from commerce.orders.queries import get_order_by_code
from commerce.payments.models import Payment
from commerce.payments.services import net_captured
from commerce.pricing.promotions import ManualDiscount
from commerce.shipping.queries import shipping_offers
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other, wants_region

_CODE = re.compile(r"[A-Za-z0-9-]{1,40}")
_ADDED = re.compile(r"added-([0-9a-f]{32})")
MOST_ADDED = 50


@blueprint.app_template_global()
def open_amount(order: Order, payments: Sequence[Payment]) -> int:
    """Return what is open of an order that was changed after it was paid (minor units), 0 for every other order."""
    paid = net_captured(payments, order.currency)
    if order.payment_status != "unpaid" or not paid or order.status in ("cancelled", "refunded"):
        return 0
    return max(0, order.total - paid)


@blueprint.app_template_global()
def editable(order: Order) -> bool:
    """Tell whether the page of an order offers to change it, to this person."""
    return not why_not_edit(order) and may("orders.edit")


class EditPage:
    """Everything on the page: from what was sent, or else as the order is now."""

    def __init__(self, order: Order, formdata: Any = None) -> None:
        self.order = order
        self.form: CustomerForm = customer_form(order, formdata)
        self.extras = DiscountForm(formdata)
        self.units = {
            line.id: units_input(f"units-{line.id.hex}", line.quantity, formdata, low=line.shipped)
            for line in order.lines
        }
        self.added = _added(formdata)
        self.form.offer(order, self._offers())
        if formdata is None:
            discount = manual_discount(order)
            self.extras.fill({"amount": discount.amount, "label": discount.label} if discount else None)

    def _offers(self) -> list[Any]:
        """Return what ships the order as it is in the fields."""
        views = {
            view.variant_id: view
            for view in lines_for(dict.fromkeys((x.variant_id for x in self.order.lines), 1))
        }
        kept = [
            (self.units[line.id].units, line.unit_price, views.get(line.variant_id))
            for line in self.order.lines
        ]
        new = [(field.units, view.price, view) for view, field in self.added]
        return shipping_offers(
            country=self.form.country_code.data or "",
            subtotal=sum(units * price for units, price, _view in [*kept, *new]),
            weight_grams=sum(units * view.weight_grams for units, _price, view in [*kept, *new] if view),
        )

    def validate(self) -> bool:
        """Check all fields, so that everything wrong is said at once."""
        fields = [*self.units.values(), *(field for _view, field in self.added)]
        return all([self.form.validate(), self.extras.validate(), not any(field.error for field in fields)])

    def edit(self) -> OrderEdit:
        """Return what was wished; call it only after `validate`."""
        return OrderEdit(
            units={line_id: field.units for line_id, field in self.units.items()},
            added={view.variant_id: field.units for view, field in self.added if field.units},
            contact=self.form.contact(self.order),
            address=self.form.address,
            shipping_method=self.form.shipping_method.data or "",
            price_shipping=bool(self.extras.price_shipping.data),
            set_discount=True,
            discount=self._discount(),
        )

    def _discount(self) -> ManualDiscount | None:
        wanted = self.extras.discount
        if wanted is None:
            return None
        goods = sum(self.units[line.id].units * line.unit_price for line in self.order.lines)
        goods += sum(field.units * view.price for view, field in self.added)
        return ManualDiscount(share_of(goods, wanted.ppm) if wanted.ppm else wanted.amount, wanted.label)

    def refuse(self, error: InvalidValue) -> None:
        """Show what the service found wrong at the field that it names, or above the form."""
        at_line = next((field for field in self.units.values() if field.name == error.field), None)
        if at_line is not None:
            at_line.error = describe(error)
        elif error.field in self.form:
            self.form[error.field].errors = [*self.form[error.field].errors, describe(error)]
        else:
            self.extras.form_errors.append(describe(error))

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Everything that is wrong, as (field id, sentence)."""
        skus = {line.id: line.sku for line in self.order.lines}
        found = [
            (field.name, f"{skus[key]}: {field.error}") for key, field in self.units.items() if field.error
        ]
        found += [(field.name, f"{view.sku}: {field.error}") for view, field in self.added if field.error]
        return [*found, *problems_of(self.form), *problems_of(self.extras)]

    @property
    def carried(self) -> list[tuple[str, str]]:
        """What the preview sends again when it is confirmed."""
        left_out = ("csrf_token", "form_id", "do", "add", "shown_total", "refund", "q")
        return [(name, text) for name, text in request.form.items(multi=True) if name not in left_out]


def _added(formdata: Any) -> list[tuple[CartLineView, UnitsInput]]:
    """Return the products that were added on the page, one more when a button "Add" was pressed."""
    if formdata is None:
        return []
    wanted = {uuid.UUID(match[1]): name for name in formdata if (match := _ADDED.fullmatch(name)) is not None}
    pressed = as_uuid(formdata.get("add", ""))
    if pressed is not None:
        wanted.setdefault(pressed, f"added-{pressed.hex}")
    views = lines_for(dict.fromkeys(list(wanted)[:MOST_ADDED], 1))
    found = [(view, units_input(wanted[view.variant_id], 1, formdata)) for view in views]
    return [(view, field) for view, field in found if field.units or field.error]


@blueprint.get("/orders/<code>/edit")
@requires_permission("orders.edit")
def edit_page(code: str) -> BaseResponse:
    """Show an order in fields."""
    order = _find(code)
    refusal = why_not_edit(order)
    if refusal:
        flash(describe(refusal), "warn")
        return see_other(f"/admin/orders/{order.code}")
    return _show(EditPage(order))


@blueprint.post("/orders/<code>/edit")
@requires_permission("orders.edit")
def edit_step(code: str) -> BaseResponse:
    """Show what a change would come to, or make it; the other buttons only change what is in the fields."""
    order = _find(code)
    page = EditPage(order, request.form)
    step = request.form.get("do", "")
    if step == "look":
        look = "admin/editing/_look.html"
        return render_region(look, look, order=order, form=page.form)
    if step not in ("preview", "confirm"):
        return _show(page)
    if not page.validate():
        return _show(page, 422)
    try:
        if step == "confirm":
            return _confirm(order, page)
        return _preview(page, preview_edit(order.id, page.edit()))
    except InvalidValue as error:
        page.refuse(error)
        return _show(page, 422)
    except OutOfStock as error:
        return _show(page, 422, problem=error)
    except Conflict as error:
        # What others did is in the fields of nobody: the page begins with the order as it is now.
        return _show(EditPage(_find(code)), 409, problem=error)


def _confirm(order: Order, page: EditPage) -> BaseResponse:
    plan = edit_order(
        order.id,
        current_actor(),
        page.edit(),
        seen_version=int(page.extras.version.data),
        shown_total=int(page.extras.shown_total.data),
        refund=bool(page.extras.refund.data) and may("orders.refund"),
    )
    flash(_("The order is changed: %(summary)s.", summary=plan.summary or _("its prices")), "good")
    answer = see_other(f"/admin/orders/{order.code}")
    if wants_region():
        answer.status_code = 200
        answer.headers["HX-Redirect"] = answer.headers.pop("Location")
    return answer


def _find(code: str) -> Order:
    if not _CODE.fullmatch(code):
        raise NotFound("order_not_found")
    return get_order_by_code(code)


def _preview(page: EditPage, plan: EditPlan) -> BaseResponse:
    """Answer with what a change would come to: lines, money, stock, and what follows."""
    return render_region(
        "admin/editing.html",
        "admin/editing/_preview.html",
        sheet=page,
        order=page.order,
        plan=plan,
        part="admin/editing/_preview.html",
        may_refund=may("orders.refund"),
    )


def _show(page: EditPage, status: int = 200, *, problem: CommerceError | None = None) -> BaseResponse:
    """Answer with the order in fields."""
    views = lines_for(dict.fromkeys((line.variant_id for line in page.order.lines), 1))
    return render_region(
        "admin/editing.html",
        "admin/editing/_form.html",
        status,
        sheet=page,
        order=page.order,
        form=page.form,
        extras=page.extras,
        problems=page.problems,
        problem=problem,
        available={view.variant_id: max(0, view.available) for view in views},
        found=found_variants(page.extras.q.data or ""),
        currency=current_shop().currency,
        part="admin/editing/_form.html",
    )
