"""What editing a placed order would come to: its new lines and totals, and what changes in money and stock. Reads only.

What was sold stays as it was sold: lines keep their price, promotions their part of each line, shipping its price. Only
new lines have the price of now, and tax is reckoned anew for the destination. See docs/editing.md.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import func, select

from commerce.cart.queries import MAX_UNITS_PER_LINE, CartLineView, lines_for
from commerce.db import db
from commerce.errors import Conflict, IllegalTransition, InvalidValue, Refusal, Shortage
from commerce.money import MAX_AMOUNT, allocate_amount, format_money
from commerce.order_management.edit_types import EditedLine, EditPlan, OrderEdit
from commerce.orders.models import Credit, Order, OrderLine, ReturnLine
from commerce.orders.refund_amounts import is_count
from commerce.payments.models import Payment
from commerce.payments.queries import payment_method
from commerce.payments.services import net_captured
from commerce.pricing.calculate import (
    Adjustment,
    Discount,
    FeeToPrice,
    ShippingToPrice,
    calculate,
)
from commerce.pricing.promotions import ManualDiscount
from commerce.pricing.queries import tax_table
from commerce.shipping.models import ShippingMethod
from commerce.shipping.queries import ShippingOffer, shipping_offers
from commerce.tenants.scope import current_shop

EDITABLE = ("pending", "paid", "confirmed", "processing")
MANUAL = "manual"
"""The source of a discount by hand."""


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
    lines = _changed_lines(order, edit)
    address = edit.address or order.shipping_address
    country = str(address.get("country_code", ""))
    kept = [line for line in lines if line.after]
    offers = tuple(_offers(country, kept))
    repriced = _is_repriced(order, edit, lines, country)
    if repriced:
        _check_money_at_rest(order, payments)
    shipping, code = _shipping(order, edit, country, offers)
    changes = tuple(_words(order, edit, lines, shipping, code))
    paid = net_captured(payments, order.currency)
    if not repriced:
        return _as_it_is(order, lines, offers, paid, changes)
    totals = calculate(
        [line.to_price for line in kept],
        shipping,
        country=country,
        taxes=tax_table(),
        prices_include_tax=order.prices_include_tax,
        rounding=current_shop().tax_rounding,
        discounts=_discounts(order, edit, kept, shipping.price),
        fee=_fee(order),
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
        paid=paid,
        offers=offers,
        shipping_method=code,
        shipping_label=shipping.label,
        repriced=True,
        shortages=tuple(_shortages(lines)),
        changes=changes,
    )


def _as_it_is(
    order: Order,
    lines: Sequence[EditedLine],
    offers: tuple[ShippingOffer, ...],
    paid: int,
    changes: tuple[str, ...],
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
        paid=paid,
        offers=offers,
        shipping_method=order.shipping_method,
        shipping_label=order.shipping_label,
        repriced=False,
        shortages=(),
        changes=changes,
    )


# --- lines -------------------------------------------------------------------------------------------


def _changed_lines(order: Order, edit: OrderEdit) -> list[EditedLine]:
    """Return every line of the order with its new units, then the new lines. Raises InvalidValue."""
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
            share=_shares(order, place),
            view=views.get(line.variant_id),
            promised=line.backordered,
        )
        for place, line in enumerate(order.lines)
    ]
    lines += [_new_line(views.get(key), units) for key, units in edit.added.items()]
    if not any(line.after for line in lines):
        raise InvalidValue("units", "edit_removes_everything")
    return list(_beyond_stock(lines))


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
        None, view.variant_id, view.sku, view.title, view.options, view.price, 0, units, {}, view
    )


def _asked_about(order: Order) -> set[uuid.UUID]:
    """Return the lines that a return request names: they are bound to it for ever."""
    keys = [line.id for line in order.lines]
    return set(db.session.scalars(select(ReturnLine.order_line_id).where(ReturnLine.order_line_id.in_(keys))))


def _shares(order: Order, place: int) -> dict[int, int]:
    """Return what each adjustment of the order takes off a line, by the adjustment's position."""
    return {
        each.position: -int(each.shares[place])
        for each in order.adjustments
        if each.source_type == "promotion" and place < len(each.shares)
    }


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
        or (edit.set_discount and edit.discount != manual_discount(order))
    )


def manual_discount(order: Order) -> ManualDiscount | None:
    """Return what staff took off an order by hand, or None."""
    for each in order.adjustments:
        if each.source_type == "promotion" and each.source_id == MANUAL:
            return ManualDiscount(-each.amount, each.label)
    return None


def _check_money_at_rest(order: Order, payments: Sequence[Payment]) -> None:
    if any(payment.state in ("unknown", "authorized") for payment in payments):
        raise Conflict("payment_in_progress")
    given = db.session.scalar(select(func.count()).select_from(Credit).where(Credit.order_id == order.id))
    if given:
        raise Conflict("order_has_refunds")
    if order.currency != current_shop().currency:
        raise Conflict("order_in_other_currency")


def _offers(country: str, kept: Sequence[EditedLine]) -> list[ShippingOffer]:
    return shipping_offers(
        country=country,
        subtotal=sum(line.amount for line in kept),
        weight_grams=sum(line.after * line.view.weight_grams for line in kept if line.view),
    )


def _shipping(
    order: Order, edit: OrderEdit, country: str, offers: Sequence[ShippingOffer]
) -> tuple[ShippingToPrice, str]:
    """Return how the order is shipped and what for: as it was sold, or anew when method or country change."""
    code = edit.shipping_method or order.shipping_method
    same = code == order.shipping_method and country == order.shipping_address.get("country_code")
    if same and not edit.price_shipping:
        found = db.session.execute(
            select(ShippingMethod.id, ShippingMethod.tax_class).where(ShippingMethod.code == code)
        ).one_or_none()
        key, tax_class = (str(found.id), found.tax_class) if found else ("", "standard")
        return ShippingToPrice(key, order.shipping_label, order.shipping_amount, tax_class), code
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


def _discounts(order: Order, edit: OrderEdit, kept: Sequence[EditedLine], shipping: int) -> list[Discount]:
    """Return the promotions that the order was sold with, in proportion, and the discount by hand."""
    found = []
    for each in order.adjustments:
        if each.source_type == "promotion" and each.source_id != MANUAL:
            shares = tuple(_in_proportion(line, line.share.get(each.position, 0)) for line in kept)
            on_shipping = min(shipping, -each.amount + sum(int(part) for part in each.shares))
            shipping -= on_shipping
            found.append(Discount(each.source_id, each.label, shares, on_shipping))
    by_hand = edit.discount if edit.set_discount else manual_discount(order)
    if by_hand is not None:
        if not is_count(by_hand.amount, 0, MAX_AMOUNT):
            raise InvalidValue("discount", "discount_negative")
        left = [
            line.amount - sum(discount.shares[place] for discount in found) for place, line in enumerate(kept)
        ]
        off = min(by_hand.amount, sum(left))
        found.append(
            Discount(MANUAL, by_hand.label, tuple(allocate_amount(off, left)) if off else (0,) * len(left))
        )
    return [discount for discount in found if discount.amount]


def _in_proportion(line: EditedLine, share: int) -> int:
    """Return a line's part of a discount: less for fewer units, never more for more."""
    return share if line.after >= line.before else share * line.after // line.before


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
            found.append({"email": "e-mail changed", "name": "name changed"}.get(name, f"{name} changed"))
    return found
