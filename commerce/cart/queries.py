"""What is in a cart, at the prices and stock of now."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from commerce.cart.models import Cart, CartLine
from commerce.catalog.models import Product, ProductImage, Variant
from commerce.db import db
from commerce.inventory.models import StockItem

MAX_UNITS_PER_LINE = 999


@dataclass(frozen=True, slots=True)
class CartLineView:
    """One line as the shopper sees it. Prices are minor units, weight is grams of one unit."""

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

    @property
    def amount(self) -> int:
        """What the line costs now."""
        return self.quantity * self.price

    @property
    def price_changed(self) -> bool:
        """Whether the price is another than when the shopper put it in."""
        return self.price != self.price_seen

    @property
    def short(self) -> bool:
        """Whether there are fewer units than the line asks for."""
        return not self.sold or self.available < self.quantity

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
    details: dict[str, Any]
    lines: tuple[CartLineView, ...]

    @property
    def subtotal(self) -> int:
        """The price of all lines in minor units, before shipping and tax that is not included."""
        return sum(line.amount for line in self.lines)

    @property
    def weight_grams(self) -> int:
        """The weight of all lines."""
        return sum(line.quantity * line.weight_grams for line in self.lines)

    @property
    def units(self) -> int:
        """How many pieces there are."""
        return sum(line.quantity for line in self.lines)

    @property
    def short(self) -> bool:
        """Whether any line asks for more than there is."""
        return any(line.short for line in self.lines)


def load_cart(shopper_hash: str) -> CartView | None:
    """Return the open cart of a browser, or None."""
    return _view(select(Cart).where(Cart.shopper_hash == shopper_hash, Cart.status == "open"))


def load_cart_by_id(cart_id: uuid.UUID) -> CartView | None:
    """Return a cart, open or ordered, or None."""
    return _view(select(Cart).where(Cart.id == cart_id))


def _view(statement: Any) -> CartView | None:
    cart = db.session.scalar(statement.execution_options(populate_existing=True))
    if cart is None:
        return None
    return CartView(
        cart.id, cart.checkout_token, cart.status, cart.version, dict(cart.details), lines_of(cart.id)
    )


def lines_of(cart_id: uuid.UUID) -> tuple[CartLineView, ...]:
    """Return a cart's lines at the prices and stock of now, in the order they were put in. One statement."""
    available = (
        select(func.coalesce(func.sum(StockItem.on_hand - StockItem.reserved), 0))
        .where(StockItem.tenant_id == Variant.tenant_id, StockItem.variant_id == Variant.id)
        .correlate(Variant)
        .scalar_subquery()
    )
    picture = (
        select(ProductImage.id)
        .where(ProductImage.tenant_id == Product.tenant_id, ProductImage.product_id == Product.id)
        .order_by(ProductImage.position, ProductImage.id)
        .limit(1)
        .correlate(Product)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(
            CartLine.id,
            CartLine.variant_id,
            Product.id,
            CartLine.quantity,
            CartLine.price_seen,
            Variant.price,
            Variant.sku,
            Product.title,
            Variant.option_values,
            Product.slug,
            ProductImage.file,
            ProductImage.alt,
            Variant.tax_class,
            Variant.weight_grams,
            Variant.active & (Product.status == "active"),
            available,
        )
        .join(Variant, (Variant.tenant_id == CartLine.tenant_id) & (Variant.id == CartLine.variant_id))
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .outerjoin(
            ProductImage,
            (ProductImage.tenant_id == Product.tenant_id)
            & (ProductImage.id == func.coalesce(Variant.image_id, picture)),
        )
        .where(CartLine.cart_id == cart_id)
        .order_by(CartLine.id)
    )
    return tuple(_line_view(row) for row in rows)


def _line_view(row: Any) -> CartLineView:
    """Make a line of a row; options become words, and what an outer join left empty becomes empty."""
    *facts, options, slug, image, image_alt, tax_class, weight, sold, available = row
    rest = [
        " / ".join(options),
        slug,
        image or "",
        image_alt or "",
        tax_class,
        weight,
        bool(sold),
        int(available),
    ]
    return CartLineView(*facts, *rest)


def count_units(shopper_hash: str) -> int:
    """Return how many pieces are in a browser's open cart, for the header."""
    units = db.session.scalar(
        select(func.sum(CartLine.quantity))
        .join(Cart, (Cart.tenant_id == CartLine.tenant_id) & (Cart.id == CartLine.cart_id))
        .where(Cart.shopper_hash == shopper_hash, Cart.status == "open")
    )
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
    return Offer(row[0], row[1], " / ".join(row[2]), row[3], row[4]) if row else None
