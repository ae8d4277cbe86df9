"""Which shipping methods a shop offers for an order, and for how much."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import select

from commerce.db import db
from commerce.pricing.queries import list_tax_rates
from commerce.shipping.carriers import tracking_url
from commerce.shipping.models import Shipment, ShipmentLine, ShippingMethod, ShippingRate
from commerce.tenants.scope import current_shop, rules_cache

REST_OF_WORLD = "*"


@dataclass(frozen=True, slots=True)
class ShippingOffer:
    """A method with its price (minor units) for one destination and cart."""

    id: str
    code: str
    name: str
    description: str
    tax_class: str
    price: int


@dataclass(frozen=True, slots=True)
class _Rate:
    method_id: uuid.UUID
    code: str
    name: str
    description: str
    tax_class: str
    countries: frozenset[str]
    max_weight_grams: int | None
    min_subtotal: int
    price: int
    after_discounts: bool


@rules_cache
def _rate_card() -> tuple[_Rate, ...]:
    rows = db.session.execute(
        select(
            ShippingMethod.id.label("method_id"),
            ShippingMethod.code,
            ShippingMethod.name,
            ShippingMethod.description,
            ShippingMethod.tax_class,
            ShippingRate.countries,
            ShippingRate.max_weight_grams,
            ShippingRate.min_subtotal,
            ShippingRate.price,
            ShippingMethod.after_discounts,
        )
        .join(
            ShippingRate,
            (ShippingRate.tenant_id == ShippingMethod.tenant_id)
            & (ShippingRate.method_id == ShippingMethod.id),
        )
        .where(ShippingMethod.enabled)
        .order_by(ShippingMethod.position, ShippingMethod.id)
    )
    return tuple(_Rate(**{**row._asdict(), "countries": frozenset(row.countries)}) for row in rows)


NOT_SHIPPED = "none"
"""The code of the only offer for what is not shipped at all, such as a voucher."""


def nothing_to_ship() -> ShippingOffer:
    """Return the offer for an order of which nothing is shipped: it costs nothing."""
    return ShippingOffer("", NOT_SHIPPED, str(_("No shipping")), "", "standard", 0)


def ships_by_discounted_total() -> bool:
    """Tell whether any method has prices that depend on what the goods cost after discounts."""
    return any(rate.after_discounts for rate in _rate_card())


def shipping_offers(
    *, country: str, subtotal: int, weight_grams: int, discounted: int | None = None
) -> list[ShippingOffer]:
    """Return the methods that take this cart to `country`, each at its cheapest fitting rate.

    A rate that names the country wins over one for the rest of the world. `subtotal` and `discounted`, what the goods
    cost after discounts (None: the same), are minor units. A country that the shop does not sell to has none.
    """
    after = subtotal if discounted is None else discounted
    offers: dict[str, ShippingOffer] = {}
    sold_to = current_shop().countries
    if sold_to and country not in sold_to:
        return []
    card = _rate_card()
    named = {rate.method_id for rate in card if country in rate.countries}
    for rate in card:
        if country not in rate.countries and (REST_OF_WORLD not in rate.countries or rate.method_id in named):
            continue
        if rate.max_weight_grams is not None and weight_grams > rate.max_weight_grams:
            continue
        if (after if rate.after_discounts else subtotal) < rate.min_subtotal:
            continue
        known = offers.get(rate.code)
        if known is None or rate.price < known.price:
            offers[rate.code] = ShippingOffer(
                str(rate.method_id), rate.code, rate.name, rate.description, rate.tax_class, rate.price
            )
    return list(offers.values())


def shipping_countries() -> frozenset[str]:
    """Return the countries that some method goes to and the shop sells to; holds '*' when both are everywhere."""
    reached = frozenset[str]().union(*(rate.countries for rate in _rate_card()))
    sold_to = frozenset(current_shop().countries)
    if not sold_to:
        return reached
    return sold_to if REST_OF_WORLD in reached else reached & sold_to


def countries_without_tax() -> frozenset[str]:
    """Return the countries that the shop ships to and has no tax rate for; '*' for the rest of the world.

    The owner has to hear of them, since orders from there carry no tax. None in a shop that has no rates at all.
    """
    taxed = {rate.country for rate in list_tax_rates()}
    if not taxed or "*" in taxed:
        return frozenset()
    return shipping_countries() - taxed


def shipments_of(order_id: uuid.UUID) -> Sequence[Shipment]:
    """Return the parcels of an order, oldest first."""
    return db.session.scalars(
        select(Shipment).where(Shipment.order_id == order_id).order_by(Shipment.number)
    ).all()


@dataclass(frozen=True, slots=True)
class ShippedParcel:
    """A parcel with the units that are in it, by order line id; `url` shows where it is, '' for an unknown carrier."""

    number: int
    carrier: str
    tracking_code: str
    url: str
    shipped_at: datetime
    units: dict[uuid.UUID, int]


def shipped_parcels(order_id: uuid.UUID) -> list[ShippedParcel]:
    """Return the parcels of an order with what is in them, oldest first."""
    rows = db.session.execute(
        select(Shipment, ShipmentLine.order_line_id, ShipmentLine.quantity)
        .join(
            ShipmentLine,
            (ShipmentLine.tenant_id == Shipment.tenant_id) & (ShipmentLine.shipment_id == Shipment.id),
        )
        .where(Shipment.order_id == order_id)
        .order_by(Shipment.number, ShipmentLine.id)
    )
    parcels: dict[int, ShippedParcel] = {}
    for shipment, line_id, quantity in rows:
        parcel = parcels.setdefault(
            shipment.number,
            ShippedParcel(
                shipment.number,
                shipment.carrier,
                shipment.tracking_code,
                tracking_url(shipment.carrier, shipment.tracking_code),
                shipment.shipped_at,
                {},
            ),
        )
        parcel.units[line_id] = quantity
    return list(parcels.values())


def tracking_codes(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, set[str]]:
    """Return the tracking codes of the parcels of orders. One statement."""
    found: dict[uuid.UUID, set[str]] = {}
    rows = select(Shipment.order_id, Shipment.tracking_code).where(
        Shipment.order_id.in_(order_ids), Shipment.tracking_code != ""
    )
    for order_id, code in db.session.execute(rows):
        found.setdefault(order_id, set()).add(code)
    return found
