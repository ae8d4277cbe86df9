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
    EditForm,
    UnitsInput,
    as_uuid,
    customer_form,
    found_variants,
    units_input,
)
from commerce.admin.forms import problems_of
from commerce.admin.orders.queries import find_order
from commerce.admin.save import save
from commerce.cart.details import DraftDiscount
from commerce.cart.queries import CartLineView, lines_for
from commerce.error_messages import describe
from commerce.errors import CommerceError, Conflict
from commerce.money import share_of
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_preview import why_not_edit
from commerce.order_management.edit_types import EditPlan, OrderEdit
from commerce.order_management.sold_terms import manual_discount
from commerce.orders.balance import balance_of
from commerce.orders.models import Order
from commerce.payments.models import Payment
from commerce.pricing.promotions import ManualDiscount
from commerce.shipping.queries import shipping_offers
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other, wants_region

_ADDED = re.compile(r"added-([0-9a-f]{32})")
MOST_ADDED = 50
_OF_ORDER = ("coupon_code",)
"""Fields about the order as a whole that a service names."""


@blueprint.app_template_global()
def open_amount(order: Order, payments: Sequence[Payment]) -> int:
    """Return what is open of an order that was changed after it was paid (minor units), 0 for every other order."""
    balance = balance_of(order, payments)
    return balance.due if order.payment_status == "unpaid" and balance.net else 0


@blueprint.app_template_global()
def editable(order: Order) -> bool:
    """Tell whether the page of an order offers to change it, to this person."""
    return not why_not_edit(order) and may("orders.edit")


class EditPage:
    """Everything on the page: from what was sent, or else as the order is now."""

    def __init__(self, order: Order, formdata: Any = None) -> None:
        self.order = order
        self.form: CustomerForm = customer_form(order, formdata)
        self.extras = EditForm(formdata)
        self.units = {
            line.id: units_input(f"units-{line.id.hex}", line.quantity, formdata, low=line.shipped)
            for line in order.lines
        }
        self.added = _added(formdata)
        self.form.offer(order, self._offers())
        if formdata is None:
            discount = manual_discount(order)
            self.extras.fill(DraftDiscount(discount.label, discount.amount) if discount else None)

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
            weight_grams=sum(
                units * view.weight_grams
                for units, _price, view in [*kept, *new]
                if view and view.requires_shipping
            ),
        )

    def validate(self) -> bool:
        """Check all fields, so that everything wrong is said at once."""
        fields = [*self.units.values(), *(field for _view, field in self.added)]
        return all([self.form.validate(), self.extras.validate(), not any(field.errors for field in fields)])

    def to_edit(self) -> OrderEdit:
        """Return what was filled in; call it only after `validate`."""
        return OrderEdit(
            units={line_id: field.units for line_id, field in self.units.items()},
            added={view.variant_id: field.units for view, field in self.added if field.units},
            contact=self.form.contact(self.order),
            address=self.form.address,
            shipping_method=self.form.shipping_method.data or "",
            price_shipping=bool(self.extras.price_shipping.data),
            set_discount=True,
            discount=self._discount(),
            coupon_code=self.extras.coupon_code.data,
        )

    def _discount(self) -> ManualDiscount | None:
        wanted = self.extras.discount
        if wanted is None:
            return None
        goods = sum(self.units[line.id].units * line.unit_price for line in self.order.lines)
        goods += sum(field.units * view.price for view, field in self.added)
        return ManualDiscount(share_of(goods, wanted.ppm) if wanted.ppm else wanted.amount, wanted.label)

    def __contains__(self, name: str) -> bool:
        return (
            any(field.name == name for field in self.units.values()) or name in _OF_ORDER or name in self.form
        )

    def __getitem__(self, name: str) -> Any:
        """Return the field that a service names: the units of a line, or one about the customer."""
        units = (field for field in self.units.values() if field.name == name)
        return next(units, None) or (self.extras if name in _OF_ORDER else self.form)[name]

    @property
    def form_errors(self) -> list[Any]:
        """What is wrong with the order as a whole."""
        return self.extras.form_errors  # type: ignore[no-any-return]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Everything that is wrong, as (field id, sentence)."""
        skus = {line.id: line.sku for line in self.order.lines}
        named = [(skus[key], field) for key, field in self.units.items()]
        named += [(view.sku, field) for view, field in self.added]
        found = [(field.name, f"{sku}: {text}") for sku, field in named for text in field.errors]
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
    return [(view, field) for view, field in found if field.units or field.errors]


@blueprint.get("/orders/<code>/edit")
@requires_permission("orders.edit")
def edit_page(code: str) -> BaseResponse:
    """Show an order in fields."""
    order = find_order(code)
    refusal = why_not_edit(order)
    if refusal:
        flash(describe(refusal), "warn")
        return see_other(f"/admin/orders/{order.code}")
    return _show(EditPage(order))


@blueprint.post("/orders/<code>/edit")
@requires_permission("orders.edit")
def edit_step(code: str) -> BaseResponse:
    """Show what a change would come to, or make it; the other buttons only change what is in the fields."""
    order = find_order(code)
    page = EditPage(order, request.form)
    step = request.form.get("do", "")
    if step == "look":
        look = "admin/orders/_edit_recalculated.html"
        return render_region(look, look, order=order, form=page.form)
    if step not in ("preview", "confirm"):
        return _show(page)

    def show(status: int, problem: CommerceError | None = None) -> BaseResponse:
        # What others did is in the fields of nobody: after a conflict the page begins with the order as it is now.
        shown = EditPage(find_order(code)) if isinstance(problem, Conflict) else page
        return _show(shown, status, problem=problem)

    if step == "preview":
        return save(
            page,
            lambda: preview_edit(order.id, page.to_edit()),
            show=show,
            then=lambda plan: _show_preview(page, plan),
        )
    return save(page, lambda: _edit(order, page), show=show, then=lambda plan: _edited(order, plan))


def _edit(order: Order, page: EditPage) -> EditPlan:
    return edit_order(
        order.id,
        current_actor(),
        page.to_edit(),
        seen_version=int(page.extras.version.data),
        shown_total=int(page.extras.shown_total.data),
        refund=bool(page.extras.refund.data) and may("orders.refund"),
    )


def _edited(order: Order, plan: EditPlan) -> BaseResponse:
    flash(_("Order updated: %(summary)s.", summary=plan.summary or _("its prices")), "good")
    answer = see_other(f"/admin/orders/{order.code}")
    if wants_region():
        answer.status_code = 200
        answer.headers["HX-Redirect"] = answer.headers.pop("Location")
    return answer


def _show_preview(page: EditPage, plan: EditPlan) -> BaseResponse:
    """Answer with what a change would come to: lines, money, stock, and what follows."""
    return render_region(
        "admin/orders/edit.html",
        "admin/orders/_edit_preview.html",
        sheet=page,
        order=page.order,
        plan=plan,
        part="admin/orders/_edit_preview.html",
        may_refund=may("orders.refund"),
    )


def _show(page: EditPage, status: int = 200, *, problem: CommerceError | None = None) -> BaseResponse:
    """Answer with the order in fields."""
    views = lines_for(dict.fromkeys((line.variant_id for line in page.order.lines), 1))
    return render_region(
        "admin/orders/edit.html",
        "admin/orders/_edit_form.html",
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
        part="admin/orders/_edit_form.html",
    )
