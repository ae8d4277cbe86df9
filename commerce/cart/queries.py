"""What is in a cart, at current prices and stock."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, literal_column, select

from commerce.cart.details import CheckoutDetails
from commerce.cart.models import Cart, CartLine
from commerce.catalog.models import Product, Variant
from commerce.catalog.tables import IMAGES, PRODUCTS, VARIANTS
from commerce.db import TENANT, db, fetch_all
from commerce.inventory.availability import expected_on, units_available, units_in_stock
from commerce.inventory.models import StockItem
from commerce.pricing.calculate import LineToPrice
from commerce.pricing.discounts import CartDiscounts, find_discounts

MAX_UNITS_PER_LINE = 999


@dataclass(frozen=True, slots=True)
class CartLineView:
    """One line as the shopper sees it. Prices are minor units, weight is grams of one unit.

    `in_stock` units are there, `available` counts those that may be promised beyond them too, which are expected on
    `ships_from` (None: nobody knows).
    """

    id: uuid.UUID
    variant_id: uuid.UUID
    product_id: uuid.UUID
    quantity: int
    price_seen: int
    price: int
    sku: str
    title: str
    options: str
    slug: str
    image: str
    image_alt: str
    tax_class: str
    weight_grams: int
    sold: bool
    available: int
    in_stock: int
    ships_from: date | None
    compare_at: int | None
    requires_shipping: bool

    @property
    def amount(self) -> int:
        """What the line costs now."""
        return self.quantity * self.price

    @property
    def to_price(self) -> LineToPrice:
        """The line as the price calculation takes it."""
        return LineToPrice(
            self.variant_id, self.quantity, self.price, self.tax_class, self.product_id, self.reduced
        )

    @property
    def reduced(self) -> bool:
        """Whether it costs less than before already."""
        return self.compare_at is not None and self.compare_at > self.price

    @property
    def shipping_weight(self) -> int:
        """The weight of all units in grams; what is not shipped weighs nothing."""
        return self.quantity * self.weight_grams if self.requires_shipping else 0

    @property
    def price_changed(self) -> bool:
        """Whether the price is another than when the shopper put it in."""
        return self.price != self.price_seen

    @property
    def short(self) -> bool:
        """Whether there are fewer units than the line asks for."""
        return not self.sold or self.available < self.quantity

    @property
    def backordered(self) -> int:
        """How many of the units are not there: they are a promise."""
        return max(0, self.quantity - self.in_stock)

    @property
    def most(self) -> int:
        """The largest quantity that can be asked for now."""
        return min(self.available, MAX_UNITS_PER_LINE) if self.sold else 0


@dataclass(frozen=True, slots=True)
class CartView:
    """A cart with its lines."""

    id: uuid.UUID
    checkout_token: str
    status: str
    version: int
    details: CheckoutDetails
    lines: tuple[CartLineView, ...]
    coupon_codes: tuple[str, ...] = ()
    draft_by: str = ""

    @property
    def subtotal(self) -> int:
        """The price of all lines in minor units, before shipping and tax that is not included."""
        return sum(line.amount for line in self.lines)

    @property
    def weight_grams(self) -> int:
        """The weight of all lines."""
        return sum(line.shipping_weight for line in self.lines)

    @property
    def units(self) -> int:
        """How many pieces there are."""
        return sum(line.quantity for line in self.lines)

    @property
    def backordered(self) -> int:
        """How many pieces are not there: they are a promise."""
        return sum(line.backordered for line in self.lines)

    @property
    def short(self) -> bool:
        """Whether any line asks for more than there is."""
        return any(line.short for line in self.lines)


# --- statements: built once, run on the connection, the shop named by TENANT (see db.py) ---

_carts, _lines = cast("Table", Cart.__table__), cast("Table", CartLine.__table__)
_stock = cast("Table", StockItem.__table__)
# Written into the statement: a value that is bound later would keep PostgreSQL from using the index of open carts.
_open = _carts.c.status == literal_column("'open'")
_own = (_carts.c.tenant_id == TENANT) & (_carts.c.shopper_hash == bindparam("shopper"))


def _over_locations(units: Any) -> Any:
    return (
        select(func.coalesce(func.sum(units), 0))
        .where(_stock.c.tenant_id == VARIANTS.c.tenant_id, _stock.c.variant_id == VARIANTS.c.id)
        .correlate(VARIANTS)
        .scalar_subquery()
    )


AVAILABLE = _over_locations(units_available(_stock.c))
_own_image = IMAGES.alias("own_image")


def _shown_image(fact: str) -> Any:
    """Return a column of the variant's own picture, else of its product's first.

    Two ways and no join to whichever it is: row security lets PostgreSQL look a row up by a plain column alone, and so
    it read the pictures of all products.
    """
    first = (
        select(IMAGES.c[fact])
        .where(IMAGES.c.tenant_id == PRODUCTS.c.tenant_id, IMAGES.c.product_id == PRODUCTS.c.id)
        .order_by(IMAGES.c.position, IMAGES.c.id)
        .limit(1)
        .correlate(PRODUCTS)
        .scalar_subquery()
    )
    return func.coalesce(_own_image.c[fact], first)


_variant_columns = (
    PRODUCTS.c.id.label("product_id"),
    VARIANTS.c.price,
    VARIANTS.c.sku,
    PRODUCTS.c.title,
    VARIANTS.c.option_values,
    PRODUCTS.c.slug,
    _shown_image("file").label("image"),
    _shown_image("alt").label("image_alt"),
    VARIANTS.c.tax_class,
    VARIANTS.c.weight_grams,
    (VARIANTS.c.active & (PRODUCTS.c.status == "active")).label("sold"),
    AVAILABLE.label("available"),
    _over_locations(units_in_stock(_stock.c)).label("in_stock"),
    VARIANTS.c.ships_from,
    VARIANTS.c.compare_at,
    VARIANTS.c.requires_shipping,
)
_line_columns = (
    _lines.c.id.label("line_id"),
    _lines.c.variant_id,
    _lines.c.quantity,
    _lines.c.price_seen,
    *_variant_columns,
)


_is_own_image = (_own_image.c.tenant_id == TENANT) & (_own_image.c.id == VARIANTS.c.image_id)


def _with_facts(source: Any) -> Any:
    """Join to cart lines what the shop knows of their variants."""
    return (
        source.outerjoin(VARIANTS, (VARIANTS.c.tenant_id == TENANT) & (VARIANTS.c.id == _lines.c.variant_id))
        .outerjoin(PRODUCTS, (PRODUCTS.c.tenant_id == TENANT) & (PRODUCTS.c.id == VARIANTS.c.product_id))
        .outerjoin(_own_image, _is_own_image)
    )


_in_cart = (_lines.c.tenant_id == TENANT) & (_lines.c.cart_id == _carts.c.id)
_cart_columns = (
    _carts.c.id,
    _carts.c.checkout_token,
    _carts.c.status,
    _carts.c.version,
    _carts.c.details,
    _carts.c.coupon_codes,
    _carts.c.draft_by,
)
_LINES = (
    select(*_line_columns)
    .select_from(_with_facts(_lines))
    .where(_lines.c.tenant_id == TENANT, _lines.c.cart_id == bindparam("cart"))
    .order_by(_lines.c.id)
)
_CART = (
    select(*_cart_columns, *_line_columns)
    .select_from(_with_facts(_carts.outerjoin(_lines, _in_cart)))
    .where(_own, _open)
    .order_by(_lines.c.id)
)
_sold_facts = (
    select(VARIANTS.c.id.label("variant_id"), *_variant_columns)
    .select_from(
        VARIANTS.join(
            PRODUCTS, (PRODUCTS.c.tenant_id == TENANT) & (PRODUCTS.c.id == VARIANTS.c.product_id)
        ).outerjoin(_own_image, _is_own_image)
    )
    .where(VARIANTS.c.tenant_id == TENANT)
)
_VARIANTS = _sold_facts.where(VARIANTS.c.id.in_(bindparam("variants", expanding=True)))
_SKUS = _sold_facts.where(VARIANTS.c.sku.in_(bindparam("skus", expanding=True)))
_UNITS = select(func.sum(_lines.c.quantity)).select_from(_carts.join(_lines, _in_cart)).where(_own, _open)


def load_cart(shopper_hash: str) -> CartView | None:
    """Return the open cart of a browser at current prices and stock, or None. One statement."""
    rows = fetch_all(_CART, shopper=shopper_hash)
    if not rows:
        return None
    cart = rows[0]
    return CartView(
        cart.id,
        cart.checkout_token,
        cart.status,
        cart.version,
        CheckoutDetails.from_json(cart.details),
        tuple(_line(row) for row in rows if row.line_id is not None),
        tuple(cart.coupon_codes),
        cart.draft_by,
    )


def lines_of(cart_id: uuid.UUID) -> tuple[CartLineView, ...]:
    """Return a cart's lines at current prices and stock, in the order they were added. One statement."""
    return tuple(_line(row) for row in fetch_all(_LINES, cart=cart_id))


def lines_for(wanted: Mapping[uuid.UUID, int]) -> tuple[CartLineView, ...]:
    """Return the lines that a cart with these units by variant would have, in their order. One statement.

    Their id is that of the variant; one that the shop does not know is left out.
    """
    rows = {row.variant_id: row for row in fetch_all(_VARIANTS, variants=list(wanted))} if wanted else {}
    return tuple(_new_line(rows[key], units) for key, units in wanted.items() if key in rows)


def lines_by_sku(skus: Collection[str]) -> dict[str, CartLineView]:
    """Return a line of one unit for each SKU that the shop knows. One statement."""
    rows = fetch_all(_SKUS, skus=list(skus)) if skus else []
    return {row.sku: _new_line(row, 1) for row in rows}


def _line(row: Any) -> CartLineView:
    return _line_view(row, row.line_id, row.quantity, row.price_seen)


def _new_line(row: Any, quantity: int) -> CartLineView:
    return _line_view(row, row.variant_id, quantity, row.price)


def _line_view(row: Any, line_id: uuid.UUID, quantity: int, price_seen: int) -> CartLineView:
    """Make a line of a row; options become words, and what an outer join left empty becomes empty."""
    return CartLineView(
        id=line_id,
        variant_id=row.variant_id,
        product_id=row.product_id,
        quantity=quantity,
        price_seen=price_seen,
        price=row.price,
        sku=row.sku,
        title=row.title,
        options=" / ".join(row.option_values),
        slug=row.slug,
        image=row.image or "",
        image_alt=row.image_alt or "",
        tax_class=row.tax_class,
        weight_grams=row.weight_grams,
        sold=bool(row.sold),
        available=int(row.available),
        in_stock=int(row.in_stock),
        ships_from=expected_on(row.ships_from),
        compare_at=row.compare_at,
        requires_shipping=bool(row.requires_shipping),
    )


def discounts_of(cart: CartView) -> CartDiscounts:
    """Return what promotions and codes take off a cart before shipping is chosen."""
    lines = [line.to_price for line in cart.lines]
    return find_discounts(lines, None, cart.coupon_codes, email=cart.details.email)


def count_units(shopper_hash: str) -> int:
    """Return how many pieces are in a browser's open cart, for the header."""
    ((units,),) = fetch_all(_UNITS, shopper=shopper_hash)
    return int(units or 0)


@dataclass(frozen=True, slots=True)
class Offer:
    """A variant that somebody wants to put into the cart. `price` is minor units."""

    variant_id: uuid.UUID
    title: str
    options: str
    slug: str
    price: int


def find_offer(variant_id: uuid.UUID) -> Offer | None:
    """Return a variant that is sold, or None."""
    row = db.session.execute(
        select(Variant.id, Product.title, Variant.option_values, Product.slug, Variant.price)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(Variant.id == variant_id, Variant.active, Product.status == "active")
    ).one_or_none()
    if row is None:
        return None
    return Offer(row.id, row.title, " / ".join(row.option_values), row.slug, row.price)
