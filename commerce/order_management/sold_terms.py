"""What an order was sold for, kept from its first edit on, so that an edit and its reverse cancel out to the unit.

Every edit is calculated from these terms and the units that are asked for, never from the result of an earlier edit.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from commerce.orders.models import Order
from commerce.pricing.calculate import Discount
from commerce.pricing.promotions import ManualDiscount

MANUAL = "manual"
"""The source of a discount by hand."""


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line at its price per unit (minor units). A line that was taken out keeps its terms, should it come back."""

    line_id: str
    variant_id: str
    unit_price: int


@dataclass(frozen=True, slots=True)
class SoldShare:
    """What a promotion took off `quantity` units of a line together, in minor units."""

    amount: int
    quantity: int

    def of(self, units: int) -> int:
        """Return the part for other units: less for fewer units, never more for more."""
        return self.amount if units >= self.quantity else self.amount * units // self.quantity


@dataclass(frozen=True, slots=True)
class SoldPromotion:
    """A promotion with its shares by the position of the line; lines beyond them have none."""

    source_id: str
    label: str
    on_shipping: int
    shares: tuple[SoldShare, ...]

    def on_line(self, place: int, units: int) -> int:
        """Return what it takes off `units` of a line, in minor units."""
        return self.shares[place].of(units) if place < len(self.shares) else 0


@dataclass(frozen=True, slots=True)
class SoldShipping:
    """The price (minor units) at which a method ships the order to a country."""

    method: str
    country: str
    label: str
    price: int


@dataclass(frozen=True, slots=True)
class SoldTerms:
    """The terms of an order: lines, promotions, shipping, and the discount that staff gave by hand, as entered."""

    lines: tuple[SoldLine, ...]
    promotions: tuple[SoldPromotion, ...]
    shipping: SoldShipping
    manual: ManualDiscount | None = None

    def place_of(self, line_id: uuid.UUID) -> int:
        """Return the position of a line of the order."""
        return next(place for place, each in enumerate(self.lines) if each.line_id == str(line_id))

    def place_of_former(self, variant_id: uuid.UUID, present: set[str]) -> int | None:
        """Return the position of a line of a variant that is not among the `present` ones any more, or None."""
        for place, each in enumerate(self.lines):
            if each.variant_id == str(variant_id) and each.line_id not in present:
                return place
        return None

    def with_line_ids(self, ids: Mapping[int, uuid.UUID]) -> SoldTerms:
        """Return the terms with other rows for the lines at some positions."""
        return replace(
            self,
            lines=tuple(
                replace(line, line_id=str(ids[place])) if place in ids else line
                for place, line in enumerate(self.lines)
            ),
        )

    def with_promotion(self, discount: Discount, units: Mapping[int, tuple[int, int]]) -> SoldTerms:
        """Return the terms with one more promotion; `units` are (place in `discount`, units) by the place of a line."""
        shares = tuple(
            SoldShare(discount.shares[units[place][0]], units[place][1])
            if place in units
            else SoldShare(0, 0)
            for place in range(len(self.lines))
        )
        sold = SoldPromotion(discount.source_id, discount.label, discount.on_shipping, shares)
        return replace(self, promotions=(*self.promotions, sold))

    def to_json(self) -> dict[str, Any]:
        """Return the terms as the order's row keeps them."""
        return asdict(self)


def sold_terms(order: Order) -> SoldTerms:
    """Return the terms of an order: those that are kept or, before its first edit, what it was placed with."""
    if order.sold_terms is None:
        return _as_placed(order)
    stored = order.sold_terms
    return SoldTerms(
        lines=tuple(SoldLine(**each) for each in stored["lines"]),
        promotions=tuple(
            SoldPromotion(
                each["source_id"],
                each["label"],
                each["on_shipping"],
                tuple(SoldShare(**share) for share in each["shares"]),
            )
            for each in stored["promotions"]
        ),
        shipping=SoldShipping(**stored["shipping"]),
        manual=ManualDiscount(**stored["manual"]) if stored["manual"] else None,
    )


def _as_placed(order: Order) -> SoldTerms:
    promotions = [each for each in order.adjustments if each.source_type == "promotion"]
    by_hand = next((each for each in promotions if each.source_id == MANUAL), None)
    return SoldTerms(
        lines=tuple(SoldLine(str(line.id), str(line.variant_id), line.unit_price) for line in order.lines),
        promotions=tuple(
            SoldPromotion(
                each.source_id,
                each.label,
                -each.amount + sum(int(part) for part in each.shares),
                tuple(
                    SoldShare(-int(part), line.quantity)
                    for part, line in zip(each.shares, order.lines, strict=False)
                ),
            )
            for each in promotions
            if each.source_id != MANUAL
        ),
        shipping=SoldShipping(
            order.shipping_method,
            str(order.shipping_address.get("country_code", "")),
            order.shipping_label,
            order.shipping_amount,
        ),
        manual=ManualDiscount(-by_hand.amount, by_hand.label) if by_hand else None,
    )


def manual_discount(order: Order) -> ManualDiscount | None:
    """Return what staff take off an order by hand, or None."""
    return sold_terms(order).manual
