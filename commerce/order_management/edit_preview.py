"""What editing a placed order would come to: its new lines and totals, and what changes in money and stock. Reads only.

What was sold stays as it was sold: lines keep their price, promotions their part of each line, shipping its price. Only
new lines have the current price, and tax is calculated again for the destination. See docs/editing.md.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import func, select

from commerce.cart.queries import MAX_UNITS_PER_LINE, CartLineView, lines_for
from commerce.db import db
from commerce.errors import Conflict, CouponRefused, IllegalTransition, InvalidValue, Refusal, Shortage
from commerce.money import MAX_AMOUNT, allocate_amount, format_money
from commerce.order_management.edit_types import EditedLine, EditPlan, OrderEdit
from commerce.order_management.sold_terms import (
    MANUAL,
    SoldLine,
    SoldShipping,
    SoldTerms,
    manual_discount,
    sold_terms,
)
from commerce.orders.balance import Balance, balance_of
from commerce.orders.models import Credit, Order, OrderLine, ReturnLine
from commerce.orders.refund_amounts import is_count
from commerce.payments.models import Payment
from commerce.payments.queries import payment_method
from commerce.pricing.calculate import (
    Adjustment,
    Discount,
    FeeToPrice,
    ShippingToPrice,
    calculate,
)
from commerce.pricing.discounts import find_late_discount
from commerce.pricing.models import CouponUse
from commerce.pricing.queries import CouponFacts, fold_code, tax_table
from commerce.shipping.models import ShippingMethod
from commerce.shipping.queries import ShippingOffer, nothing_to_ship, shipping_offers
from commerce.tenants.scope import current_shop

EDITABLE = ("pending", "paid", "confirmed", "processing")


def why_not_edit(order: Order) -> Refusal | None:
    """Return why an order cannot be edited in its present status, or None."""
    if order.status in EDITABLE:
        return None
    return Refusal("not_in_status", {"status": order.status})


def plan_edit(order: Order, payments: Sequence[Payment], edit: OrderEdit) -> EditPlan:
    """Return what an edit of an order with these payments comes to; nothing is written.

    Raises IllegalTransition in a wrong status, InvalidValue by field (`units-<line id in hex>`, `added`,
    `shipping_method`, `discount`, email, name), Conflict when money of the order is not at rest.
    """
    refusal = why_not_edit(order)
    if refusal:
        raise IllegalTransition(order.status, "edit", refusal.reason, **refusal.facts)
    _check_contact(edit)
    terms = sold_terms(order)
    lines, terms = _changed_lines(order, edit, terms)
    address = edit.address or order.shipping_address
    country = str(address.get("country_code", ""))
    kept = [line for line in lines if line.after]
    offers = tuple(_offers(country, kept, terms))
    repriced = _is_repriced(order, edit, lines, country)
    if repriced:
        _check_money_at_rest(order, payments)
    shipping, code = _shipping(order, edit, country, offers, terms)
    coupon = None
    if edit.coupon_code:
        terms, coupon, off = _with_coupon(order, edit, terms, kept, shipping.price)
    changes = tuple(_words(order, edit, lines, shipping, code))
    if coupon is not None:
        changes += (f"code {coupon.code}: {format_money(off, order.currency, current_shop().locale)}",)
    balance = balance_of(order, payments)
    if not repriced:
        return _as_it_is(order, lines, offers, balance, changes, terms)
    if edit.set_discount:
        terms = replace(terms, manual=edit.discount)
    if edit.price_shipping:
        terms = replace(terms, shipping=SoldShipping(code, country, shipping.label, shipping.price))
    totals = calculate(
        [line.to_price for line in kept],
        shipping,
        country=country,
        taxes=tax_table(),
        prices_include_tax=order.prices_include_tax,
        rounding=current_shop().tax_rounding,
        discounts=_discounts(terms, kept, shipping.price),
        fee=_fee(order),
        shipping_tax=current_shop().shipping_tax,
        cash_rounding=order.cash_rounding,
    )
    if totals.total > MAX_AMOUNT:
        raise InvalidValue("added", "order_too_large")
    return EditPlan(
        lines=tuple(lines),
        priced=totals.lines,
        adjustments=totals.adjustments,
        subtotal=totals.subtotal,
        discount_amount=totals.discount_amount,
        shipping_amount=totals.shipping_amount,
        fee_amount=totals.fee_amount,
        tax_amount=totals.tax_amount,
        total=totals.total,
        total_before=order.total,
        before=balance,
        offers=offers,
        shipping_method=code,
        shipping_label=shipping.label,
        repriced=True,
        shortages=tuple(_shortages(lines)),
        changes=changes,
        terms=terms,
        coupon=coupon,
    )


def _as_it_is(
    order: Order,
    lines: Sequence[EditedLine],
    offers: tuple[ShippingOffer, ...],
    balance: Balance,
    changes: tuple[str, ...],
    terms: SoldTerms,
) -> EditPlan:
    return EditPlan(
        lines=tuple(lines),
        priced=(),
        adjustments=tuple(
            Adjustment(each.source_type, each.source_id, each.label, each.amount, each.included)
            for each in order.adjustments
        ),
        subtotal=order.subtotal,
        discount_amount=order.discount_amount,
        shipping_amount=order.shipping_amount,
        fee_amount=order.fee_amount,
        tax_amount=order.tax_amount,
        total=order.total,
        total_before=order.total,
        before=balance,
        offers=offers,
        shipping_method=order.shipping_method,
        shipping_label=order.shipping_label,
        repriced=False,
        shortages=(),
        changes=changes,
        terms=terms,
    )


# --- lines -------------------------------------------------------------------------------------------


def _changed_lines(order: Order, edit: OrderEdit, terms: SoldTerms) -> tuple[list[EditedLine], SoldTerms]:
    """Return every line of the order with its new units, then the new lines, and the terms with those.

    Raises InvalidValue.
    """
    known = {line.id for line in order.lines}
    if set(edit.units) - known:
        raise InvalidValue("units", "line_not_in_order")
    asked_about = _asked_about(order)
    views = {
        view.variant_id: view
        for view in lines_for({**{line.variant_id: 1 for line in order.lines}, **edit.added})
    }
    lines = [
        EditedLine(
            line_id=line.id,
            variant_id=line.variant_id,
            sku=line.sku,
            title=line.title,
            options=line.options,
            unit_price=line.unit_price,
            before=line.quantity,
            after=_units(line, edit.units.get(line.id, line.quantity), line.id in asked_about),
            place=terms.place_of(line.id),
            view=views.get(line.variant_id),
            promised=line.backordered,
        )
        for line in order.lines
    ]
    present = {str(line.line_id) for line in lines if line.after}
    for key, units in edit.added.items():
        new = _new_line(views.get(key), units)
        place = terms.place_of_former(key, present)
        if place is None:
            place = len(terms.lines)
            terms = replace(terms, lines=(*terms.lines, SoldLine("", str(key), new.unit_price)))
        lines.append(replace(new, place=place, unit_price=terms.lines[place].unit_price))
    if not any(line.after for line in lines):
        raise InvalidValue("units", "edit_removes_everything")
    return list(_beyond_stock(lines)), terms


def _beyond_stock(lines: Sequence[EditedLine]) -> Iterator[EditedLine]:
    """Say of each line how many of the units that come are not there; lines of one variant share what is."""
    left = {line.variant_id: line.view.in_stock for line in lines if line.view}
    for line in lines:
        more = max(0, line.difference)
        there = min(more, left.get(line.variant_id, 0))
        if more:
            left[line.variant_id] = left.get(line.variant_id, 0) - there
        yield replace(line, beyond=more - there)


def _units(line: OrderLine, units: int, asked_about: bool) -> int:
    """Return the new units of a line, checked."""
    if units == line.quantity:
        return units
    name = f"units-{line.id.hex}"
    if line.credited or line.cancelled or asked_about:
        raise InvalidValue(name, "line_has_refund", title=line.title)
    if not is_count(units, line.shipped, MAX_UNITS_PER_LINE):
        raise InvalidValue(
            name,
            "line_units_out_of_range",
            title=line.title,
            minimum=line.shipped,
            maximum=MAX_UNITS_PER_LINE,
        )
    return units


def _new_line(view: CartLineView | None, units: int) -> EditedLine:
    if view is None or not view.sold:
        raise InvalidValue("added", "not_for_sale")
    if not is_count(units, 1, MAX_UNITS_PER_LINE):
        raise InvalidValue("added", "not_a_whole_number_between", minimum=1, maximum=MAX_UNITS_PER_LINE)
    return EditedLine(
        None, view.variant_id, view.sku, view.title, view.options, view.price, 0, units, 0, view
    )


def _asked_about(order: Order) -> set[uuid.UUID]:
    """Return the lines that a return request names: they are bound to it for ever."""
    keys = [line.id for line in order.lines]
    return set(db.session.scalars(select(ReturnLine.order_line_id).where(ReturnLine.order_line_id.in_(keys))))


def _shortages(lines: Sequence[EditedLine]) -> list[Shortage]:
    """Return the variants of which more is wanted than is there, units counted that other lines give up."""
    wanted: dict[uuid.UUID, int] = defaultdict(int)
    for line in lines:
        wanted[line.variant_id] += line.difference
    named = {line.variant_id: line for line in lines}
    return [
        Shortage(key, named[key].sku, named[key].title, units, max(0, named[key].available))
        for key, units in wanted.items()
        if units > max(0, named[key].available)
    ]


# --- money -------------------------------------------------------------------------------------------


def _is_repriced(order: Order, edit: OrderEdit, lines: Sequence[EditedLine], country: str) -> bool:
    return (
        any(line.difference for line in lines)
        or country != order.shipping_address.get("country_code")
        or edit.shipping_method not in ("", order.shipping_method)
        or edit.price_shipping
        or bool(edit.coupon_code)
        or (edit.set_discount and edit.discount != manual_discount(order))
    )


def _check_money_at_rest(order: Order, payments: Sequence[Payment]) -> None:
    if any(payment.state in ("unknown", "authorized") for payment in payments):
        raise Conflict("payment_in_progress")
    given = db.session.scalar(select(func.count()).select_from(Credit).where(Credit.order_id == order.id))
    if given:
        raise Conflict("order_has_refunds")
    if order.currency != current_shop().currency:
        raise Conflict("order_in_other_currency")


def _offers(country: str, kept: Sequence[EditedLine], terms: SoldTerms) -> list[ShippingOffer]:
    if kept and not any(line.view is None or line.view.requires_shipping for line in kept):
        return [nothing_to_ship()]
    subtotal = sum(line.amount for line in kept)
    return shipping_offers(
        country=country,
        subtotal=subtotal,
        weight_grams=sum(
            line.after * line.view.weight_grams for line in kept if line.view and line.view.requires_shipping
        ),
        discounted=subtotal - sum(discount.amount for discount in _discounts(terms, kept, 0)),
    )


def _shipping(
    order: Order, edit: OrderEdit, country: str, offers: Sequence[ShippingOffer], terms: SoldTerms
) -> tuple[ShippingToPrice, str]:
    """Return shipping and its price: as it was sold, or the current price when method or country change."""
    code = edit.shipping_method or order.shipping_method
    sold = terms.shipping
    now = SoldShipping(
        order.shipping_method,
        str(order.shipping_address.get("country_code", "")),
        order.shipping_label,
        order.shipping_amount,
    )
    kept = next((each for each in (sold, now) if (each.method, each.country) == (code, country)), None)
    if kept is not None and not edit.price_shipping:
        found = db.session.execute(
            select(ShippingMethod.id, ShippingMethod.tax_class).where(ShippingMethod.code == code)
        ).one_or_none()
        key, tax_class = (str(found.id), found.tax_class) if found else ("", "standard")
        return ShippingToPrice(key, kept.label, kept.price, tax_class), code
    offer = next((each for each in offers if each.code == code), None)
    if offer is None:
        raise InvalidValue("shipping_method", "shipping_method_unsuitable")
    return ShippingToPrice(offer.id, offer.name, offer.price, offer.tax_class), code


def _fee(order: Order) -> FeeToPrice | None:
    """Return the fee as it was charged: it belongs to the choice of the payment method, which stays."""
    charged = next((each for each in order.adjustments if each.source_type == "fee"), None)
    if charged is None:
        return None
    method = payment_method(order.payment_method)
    tax_class = method.fee_tax_class if method else "standard"
    return FeeToPrice(charged.source_id, charged.label, order.fee_amount, tax_class=tax_class)


def _discounts(terms: SoldTerms, kept: Sequence[EditedLine], shipping: int) -> list[Discount]:
    """Return the promotions that the order was sold with, in proportion, and the discount by hand.

    A code that was applied later was calculated for other units than the promotions before it, so in proportion they
    could come to more than a line costs: none takes off more than the ones before it leave.
    """
    found = []
    left = [line.amount for line in kept]
    for each in terms.promotions:
        shares = tuple(
            min(each.on_line(line.place, line.after), rest) for line, rest in zip(kept, left, strict=True)
        )
        left = [rest - share for rest, share in zip(left, shares, strict=True)]
        on_shipping = min(shipping, each.on_shipping)
        shipping -= on_shipping
        found.append(Discount(each.source_id, each.label, shares, on_shipping))
    if terms.manual is not None:
        if not is_count(terms.manual.amount, 0, MAX_AMOUNT):
            raise InvalidValue("discount", "discount_negative")
        off = min(terms.manual.amount, sum(left))
        parts = tuple(allocate_amount(off, left)) if off else (0,) * len(left)
        found.append(Discount(MANUAL, terms.manual.label, parts))
    return [discount for discount in found if discount.amount]


STATES_FOR_STAFF = {
    "below_minimum": "order_below_minimum",
    "duplicate": "order_has_promotion",
    "nothing_eligible": "fits_no_item",
    "superseded": "does_not_combine",
    "used_by_you": "used_by_customer",
}
"""State of a code -> the same state as staff read it, where a shopper reads about their cart."""


def coupon_refused(code: str, state: str, missing: int = 0) -> InvalidValue:
    """Return the error for a code that an edit cannot apply. `missing` is minor units."""
    refused = CouponRefused(code, STATES_FOR_STAFF.get(state, state), missing, current_shop().currency)
    return InvalidValue("coupon_code", refused.reason, **refused.facts)


def _with_coupon(
    order: Order, edit: OrderEdit, terms: SoldTerms, kept: Sequence[EditedLine], shipping: int
) -> tuple[SoldTerms, CouponFacts, int]:
    """Return the terms with the promotion of a code, the coupon, and what it takes off (minor units).

    It counts like any promotion that the order was sold with, so later edits keep it. Raises InvalidValue.
    """
    code = fold_code(edit.coupon_code)
    customer = edit.contact.get("email") or order.email or order.customer_reference
    before = _discounts(replace(terms, manual=None), kept, shipping)
    lines = [line.to_price for line in kept]
    state, discount = find_late_discount(code, lines, shipping, before, email=customer)
    if state.coupon is None or discount is None:
        raise coupon_refused(code, state.reason, state.missing)
    used = select(CouponUse.id).where(CouponUse.order_id == order.id, CouponUse.coupon_id == state.coupon.id)
    if db.session.scalar(used) is not None:
        raise coupon_refused(code, "duplicate")
    units = {line.place: (place, line.after) for place, line in enumerate(kept)}
    return terms.with_promotion(discount, units), state.coupon, discount.amount


# --- words -------------------------------------------------------------------------------------------


def _check_contact(edit: OrderEdit) -> None:
    for name in ("email", "name"):
        if name in edit.contact and not edit.contact[name].strip():
            raise InvalidValue(name, "value_required")


def _words(
    order: Order, edit: OrderEdit, lines: Sequence[EditedLine], shipping: ShippingToPrice, code: str
) -> list[str]:
    """Return what changes, for the history of the order."""
    found = [f"{line.title} ({line.sku}): {line.before} → {line.after}" for line in lines if line.difference]
    if code != order.shipping_method or shipping.price != order.shipping_amount:
        price = format_money(shipping.price, order.currency, current_shop().locale)
        found.append(f"shipping: {shipping.label}, {price}")
    if edit.set_discount and edit.discount != manual_discount(order):
        off = format_money(
            edit.discount.amount if edit.discount else 0, order.currency, current_shop().locale
        )
        found.append(f"discount: {off}")
    if edit.address is not None and dict(edit.address) != dict(order.shipping_address):
        found.append("address changed")
    for name, value in edit.contact.items():
        if value != getattr(order, name):
            found.append({"email": "email changed", "name": "name changed"}.get(name, f"{name} changed"))
    return found
