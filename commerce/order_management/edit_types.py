"""The types of editing a placed order: what is asked for, each line before and after, and the totals."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from commerce.cart.queries import CartLineView
from commerce.errors import Shortage
from commerce.order_management.sold_terms import SoldTerms
from commerce.orders.balance import Balance
from commerce.pricing.calculate import Adjustment, LineToPrice, PricedLine
from commerce.pricing.promotions import ManualDiscount
from commerce.pricing.queries import CouponFacts
from commerce.shipping.queries import ShippingOffer


@dataclass(frozen=True, slots=True)
class OrderEdit:
    """What an order shall become. What is not named stays.

    `units` by order line id (0 takes the line out), `added` units by variant id; `contact` may name email, name and
    phone. `price_shipping` asks for the current shipping price. With `set_discount` the discount by hand becomes
    `discount` (None takes it away). `coupon_code` is one more code whose promotion the order shall have.
    """

    units: Mapping[uuid.UUID, int] = field(default_factory=dict)
    added: Mapping[uuid.UUID, int] = field(default_factory=dict)
    contact: Mapping[str, str] = field(default_factory=dict)
    address: Mapping[str, str] | None = None
    shipping_method: str = ""
    price_shipping: bool = False
    set_discount: bool = False
    discount: ManualDiscount | None = None
    coupon_code: str = ""


@dataclass(frozen=True, slots=True)
class EditedLine:
    """One line before and after. `line_id` is None for a new one; `view` are the facts of its variant as it is now.

    `place` is that of its terms (see `sold_terms`). Of the units before, `promised` were sold beyond the stock; of
    those that come, `beyond` are not there either.
    """

    line_id: uuid.UUID | None
    variant_id: uuid.UUID
    sku: str
    title: str
    options: str
    unit_price: int
    before: int
    after: int
    place: int
    view: CartLineView | None
    promised: int = 0
    beyond: int = 0

    @property
    def amount(self) -> int:
        """What the line will cost, before discounts (minor units)."""
        return self.after * self.unit_price

    @property
    def difference(self) -> int:
        """Units that have to be reserved (positive) or become free (negative)."""
        return self.after - self.before

    @property
    def available(self) -> int:
        """Units that could be reserved now, beside those of this order."""
        return self.view.available if self.view else 0

    @property
    def backordered(self) -> int:
        """How many of the units after are a promise beyond the stock: what is given up is taken from these first."""
        return max(0, self.promised + min(0, self.difference)) + self.beyond

    @property
    def to_price(self) -> LineToPrice:
        """What prices are calculated from."""
        view = self.view
        if view is None:
            return LineToPrice(self.variant_id, self.after, self.unit_price, "standard")
        return LineToPrice(
            self.variant_id, self.after, self.unit_price, view.tax_class, view.product_id, view.reduced
        )


@dataclass(frozen=True, slots=True)
class EditPlan:
    """What an edit comes to. Amounts are minor units; `lines` are all lines, those that go too.

    `repriced` is False when only contact or address changed: then every amount stays. `priced` are the lines that
    stay or come, in their order. `before` is what is owed as the order is.
    """

    lines: tuple[EditedLine, ...]
    priced: tuple[PricedLine, ...]
    adjustments: tuple[Adjustment, ...]
    subtotal: int
    discount_amount: int
    shipping_amount: int
    fee_amount: int
    tax_amount: int
    total: int
    total_before: int
    before: Balance
    offers: tuple[ShippingOffer, ...]
    shipping_method: str
    shipping_label: str
    repriced: bool
    shortages: tuple[Shortage, ...]
    changes: tuple[str, ...]
    terms: SoldTerms
    coupon: CouponFacts | None = None

    @property
    def kept(self) -> list[EditedLine]:
        """The lines that stay or come, in their order."""
        return [line for line in self.lines if line.after]

    @property
    def rounding_amount(self) -> int:
        """What rounding to the smallest coin adds to the total, or takes from it."""
        return sum(each.amount for each in self.adjustments if each.source_type == "rounding")

    @property
    def difference(self) -> int:
        """What the order costs more (positive) or less (negative)."""
        return self.total - self.total_before

    @property
    def balance(self) -> Balance:
        """What is owed after the edit."""
        return replace(self.before, total=self.total)

    @property
    def paid(self) -> int:
        """The money that the shop has now."""
        return self.before.net

    @property
    def open_amount(self) -> int:
        """What the customer still has to pay after the edit."""
        return self.balance.due

    @property
    def surplus(self) -> int:
        """What the customer has paid too much after the edit."""
        return self.balance.surplus

    @property
    def summary(self) -> str:
        """What changes, in one line of words."""
        return "; ".join(self.changes)
