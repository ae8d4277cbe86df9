"""An order without a cart: a program names what is wanted, for whom and where to, in one breath."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from sqlalchemy import func, select

from commerce.accounts.models import Member
from commerce.cart.details import CheckoutDetails
from commerce.cart.queries import CartLineView, lines_by_sku, lines_for
from commerce.catalog.models import Product, Variant
from commerce.checkout.addresses import check_address, known_countries
from commerce.checkout.placement import (
    CouponsInvalidated,
    StockConflict,
    check_lines,
    place,
    shortage_of,
    write_order,
)
from commerce.checkout.quote import Quote, offers_for, quote
from commerce.checkout.services import PlacedOrder
from commerce.db import TENANT, atomic, db, fetch_all
from commerce.errors import (
    Busy,
    CouponRefused,
    FieldError,
    InvalidValue,
    InvalidValues,
    OutOfStock,
    PriceChanged,
)
from commerce.events.outbox import Actor
from commerce.money import MAX_AMOUNT, to_decimal
from commerce.payments.queries import Method, payment_methods
from commerce.pricing.discounts import find_discounts
from commerce.shipping.queries import NOT_SHIPPED
from commerce.tenants.models import Tenant
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import current_shop, shop_scope

MAX_UNITS = 100_000
"""Units of one variant in one order of a program: wholesale buys by the pallet, a cart on a page by the piece."""
CARD = "credit_card"
"""What the source documents call paying by card: the first method of the shop by which one can."""


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """Units of a variant, named by its id or its product code. `price` is what the program believes that one costs."""

    quantity: int
    product_code: str = ""
    variant_id: uuid.UUID | None = None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DirectOrder:
    """What a program orders. `shown_total` (minor units) is what it showed its customer; None: whatever it costs.

    Methods of shipping and payment may be left open: the cheapest shipping, the first way to pay. Without an `email`
    nobody is written to. `shown_backordered` is how many units were shown to the customer as on backorder.
    """

    wanted: Sequence[RequestedItem]
    address: Mapping[str, str]
    customer_reference: str = ""
    email: str = ""
    name: str = ""
    phone: str = ""
    note: str = ""
    locale: str = ""
    shipping_method: str = ""
    payment_method: str = ""
    coupon_codes: Sequence[str] = ()
    shown_total: int | None = None
    shown_backordered: int = 0
    member_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class PlacedDirectOrder:
    """The order that was written, with its price."""

    order: PlacedOrder
    priced: Quote


def place_direct_order(order: DirectOrder, actor: Actor) -> PlacedDirectOrder:
    """Order what is named, holding its stock, or leave everything as it was. One transaction.

    Raises InvalidValues (unknown codes, prices that are not ours), InvalidValue (details), OutOfStock (all short
    lines), CouponRefused, PriceChanged (another total than the one that was shown), Busy.
    """
    try:
        return place(partial(_place_direct_order, order, actor))
    except CouponsInvalidated as gone:
        code, state = next(iter(gone.states.items()))
        raise CouponRefused(code, state) from None
    except _RulesChanged:
        with shop_scope(get_shop(current_shop().id)):
            return place_direct_order(order, actor)
    except StockConflict:
        raise Busy("others_buying") from None


_RULES = select(Tenant.__table__.c.rules_version).where(Tenant.__table__.c.id == TENANT)


class _RulesChanged(Exception):
    """The shop changed its prices or terms while the order was being priced."""


@atomic
def _place_direct_order(order: DirectOrder, actor: Actor) -> PlacedDirectOrder:
    order = _for_member(order)
    lines = find_lines(order.wanted)
    check_lines(lines)
    _check_there(lines, order.shown_backordered)
    _check_rules()
    details = _details(order, lines)
    priced = quote(
        lines,
        details.country,
        details.shipping_method,
        payment_method=details.payment_method,
        coupon_codes=order.coupon_codes,
        email=order.email or order.customer_reference,  # who it is, for limits of coupons
    )
    _check_shown(order, priced)
    if priced.payment is None:
        raise AssertionError("the method was found before")
    written = write_order(
        lines,
        details,
        priced.payment,
        priced,
        actor,
        member_id=order.member_id,
        customer_reference=order.customer_reference,
    )
    method = priced.payment
    placed = PlacedOrder(
        written.order_id, written.code, written.token, written.payment_id, method.gateway, method.pay_later
    )
    return PlacedDirectOrder(placed, priced)


def _check_there(lines: Sequence[CartLineView], shown: int) -> None:
    """Refuse units that are not there yet, but for as many as the customer was `shown` not to be."""
    if sum(line.backordered for line in lines) > shown:
        short = [replace(line, available=line.in_stock) for line in lines if line.backordered]
        raise OutOfStock([shortage_of(line) for line in short])


def _for_member(order: DirectOrder) -> DirectOrder:
    """Fill in what the shop knows of a customer who has an account; any other reference is the program's own."""
    try:
        member_id = uuid.UUID(order.customer_reference)
    except ValueError:
        return order
    if str(member_id) != order.customer_reference:  # another way to write a UUID is a name like any other
        return order
    member = db.session.scalar(select(Member).where(Member.id == member_id, Member.erased_at.is_(None)))
    if member is None:
        return order
    return replace(
        order,
        member_id=member.id,
        email=order.email or member.email,
        name=order.name or member.name,
        phone=order.phone or member.phone,
    )


def _check_rules() -> None:
    """Raise _RulesChanged when the rules are others than when the request began."""
    if fetch_all(_RULES)[0].rules_version != current_shop().rules_version:
        raise _RulesChanged


# --- what is wanted ----------------------------------------------------------------------------------


def find_lines(wanted: Sequence[RequestedItem]) -> tuple[CartLineView, ...]:
    """Return a line for each variant, the same ones merged. Raises InvalidValues for all that cannot be had."""
    found = _look_up(wanted)
    faults, units = [], Counter[uuid.UUID]()
    for index, (each, line) in enumerate(zip(wanted, found, strict=True)):
        fault = _fault(each, line)
        if fault:
            faults.append(replace(fault, field=f"items.{index}.{fault.field}"))
        elif line is not None:
            units[line.variant_id] += each.quantity
            if units[line.variant_id] > MAX_UNITS or units[line.variant_id] * line.price > MAX_AMOUNT:
                faults.append(FieldError(f"items.{index}.quantity", "too_many_units", {"maximum": MAX_UNITS}))
    if faults:
        raise InvalidValues(faults)
    views = {line.variant_id: line for line in found if line is not None}
    return tuple(replace(views[key], quantity=count) for key, count in units.items())


def _look_up(wanted: Sequence[RequestedItem]) -> list[CartLineView | None]:
    ids = {each.variant_id: 1 for each in wanted if each.variant_id is not None}
    by_id = {line.variant_id: line for line in lines_for(ids)}
    by_code = lines_by_code({each.product_code for each in wanted if each.variant_id is None})
    return [
        by_id.get(each.variant_id) if each.variant_id is not None else by_code.get(each.product_code)
        for each in wanted
    ]


def lines_by_code(codes: set[str]) -> dict[str, CartLineView]:
    """Return a line of one unit for each product code: a SKU, or the slug of a product with one active variant."""
    found = lines_by_sku(codes)
    others = codes - found.keys()
    if not others:
        return found
    rows = db.session.execute(
        select(Product.slug, func.min(Variant.sku))
        .join(Variant, (Variant.tenant_id == Product.tenant_id) & (Variant.product_id == Product.id))
        .where(Product.slug.in_({code.lower() for code in others}), Variant.active)
        .group_by(Product.slug)
        .having(func.count() == 1)
    )
    skus = {slug: sku for slug, sku in rows}  # noqa: C416 - rows are no pairs for the type checker
    lines = lines_by_sku(set(skus.values()))
    return found | {code: lines[skus[code.lower()]] for code in others if code.lower() in skus}


def _fault(wanted: RequestedItem, line: CartLineView | None) -> FieldError | None:
    name = "product_code" if wanted.variant_id is None else "variant_id"
    if line is None or not line.sold:
        return FieldError(name, "no_such_product", {"product": wanted.product_code or wanted.variant_id})
    currency = current_shop().currency
    price = to_decimal(line.price, currency)
    if wanted.price is not None and wanted.price != price:
        facts = {"sku": line.sku, "amount": line.price, "currency": currency, "sent": wanted.price}
        return FieldError("price", "price_differs", facts)
    return None


# --- for whom, and how -------------------------------------------------------------------------------


def _details(order: DirectOrder, lines: tuple[CartLineView, ...]) -> CheckoutDetails:
    """Return the order's details as a checkout keeps them. Raises InvalidValue."""
    name = order.name or order.customer_reference or order.email
    if not name:
        raise InvalidValue("shipping_address.name", "recipient_required")
    address = clean_address(order.address, ships=any(line.requires_shipping for line in lines))
    method = find_method(order.payment_method)
    return CheckoutDetails(
        email=order.email,
        name=name,
        phone=order.phone,
        note=order.note,
        locale=order.locale,
        address=address,
        payment_method=method.code,
        shipping_method=find_shipping(
            order.shipping_method,
            address["country_code"],
            lines,
            order.coupon_codes,
            order.email or order.customer_reference,
        ),
    )


def clean_address(sent: Mapping[str, str], *, ships: bool = True) -> dict[str, str]:
    """Return an address with official areas and postcode, keeping everything that was sent.

    API clients have addresses from everywhere and cannot ask again, so a missing region is not an error; an unknown
    one or an impossible postcode is. Unless something `ships`, the country is enough, and without any address it is the
    shop's. Raises InvalidValues.
    """
    if not sent:
        if ships:
            raise InvalidValue("shipping_address", "shipping_address_required")
        sent = {"country_code": current_shop().country}
    if sent.get("country_code") not in known_countries():
        raise InvalidValue("shipping_address.country", "country_code_unknown")
    clean, problems = check_address(sent, as_sent=True)
    if not ships and not clean["street_address"]:
        problems.pop("street_address", None)
    if problems:
        raise InvalidValues(
            [
                FieldError(f"shipping_address.{name}", each.reason, each.facts)
                for name, each in problems.items()
            ]
        )
    return clean


def find_method(code: str) -> Method:
    """Return the method of a code, or the first one without a code. Raises InvalidValue."""
    methods = payment_methods()
    chosen = next((each for each in methods if code in ("", each.code)), None)
    if chosen is None and code == CARD:
        chosen = next((each for each in methods if each.gateway != "manual"), None)
    if chosen is None:
        raise InvalidValue(
            "payment_method", "payment_method_unknown", offered=[each.code for each in methods]
        )
    return chosen


def find_shipping(
    code: str, country: str, lines: Sequence[CartLineView], coupon_codes: Sequence[str] = (), email: str = ""
) -> str:
    """Return the code, or the cheapest offer's, if that ships the lines to a country. Raises InvalidValue."""
    to_price = [line.to_price for line in lines]
    offers = offers_for(
        lines, country, lambda: find_discounts(to_price, None, coupon_codes, email=email).amount
    )
    if offers and offers[0].code == NOT_SHIPPED:
        return NOT_SHIPPED
    if not offers:
        raise InvalidValue("shipping_address.country", "country_not_shipped")
    if not code:
        return min(offers, key=lambda offer: offer.price).code
    if code not in {offer.code for offer in offers}:
        raise InvalidValue(
            "shipping_method", "shipping_method_unknown", offered=[offer.code for offer in offers]
        )
    return code


def _check_shown(order: DirectOrder, priced: Quote) -> None:
    """Refuse what the customer was not shown: a code that takes nothing off, another total."""
    refused = next((state for state in priced.coupons if state.reason), None)
    if refused is not None:
        raise CouponRefused(refused.code, refused.reason, refused.missing, current_shop().currency)
    total = priced.totals.total
    if total > MAX_AMOUNT:
        raise InvalidValue("items", "order_too_large")
    if order.shown_total is not None and order.shown_total != total:
        raise PriceChanged(order.shown_total, total)
