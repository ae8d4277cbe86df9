"""Put into the cart, change, take out. A cart promises nothing: stock is held when the order is placed."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from commerce import clock
from commerce.cart.models import Cart, CartLine
from commerce.cart.queries import MAX_UNITS_PER_LINE
from commerce.catalog.models import Product, Variant
from commerce.db import atomic, current_tenant_id, db
from commerce.errors import CartChanged, InvalidValue, NotFound, OutOfStock, Shortage
from commerce.inventory.queries import available_by_variant
from commerce.tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class CartChange:
    """What became of a wish: units in the line now, and whether that is fewer than wished (`capped`)."""

    title: str
    quantity: int
    capped: bool


def new_shopper_key() -> str:
    """Return a fresh 256-bit name for a browser; only its hash is stored."""
    return secrets.token_urlsafe(32)


def shopper_hash(key: str) -> str:
    """Return the stored form of a browser's name."""
    return hashlib.sha256(key.encode()).hexdigest()


def add_line(shopper: str, variant_id: uuid.UUID, quantity: int) -> CartChange:
    """Put `quantity` more units of a variant into a browser's cart, as many as there are.

    Raises NotFound for a variant that is not sold, InvalidValue for a bad quantity, OutOfStock when none is
    left or all of them are in the cart already.
    """
    try:
        return _add_line(shopper, variant_id, quantity)
    except IntegrityError:
        # Two tabs made the first cart (or line) of this browser at once; now there is one.
        return _add_line(shopper, variant_id, quantity)


@atomic
def _add_line(shopper: str, variant_id: uuid.UUID, quantity: int) -> CartChange:
    _check(quantity, low=1)
    price, sku, title = _sold_variant(variant_id)
    cart_id = _lock_open_cart(shopper)
    line = db.session.scalar(
        select(CartLine).where(CartLine.cart_id == cart_id, CartLine.variant_id == variant_id)
    )
    already = line.quantity if line else 0
    available = available_by_variant([variant_id])[variant_id]
    wanted = already + quantity
    given = min(wanted, available, MAX_UNITS_PER_LINE)
    if given <= already:
        raise OutOfStock([Shortage(variant_id, sku, title, wanted, available)])
    if line is None:
        db.session.add(CartLine(cart_id=cart_id, variant_id=variant_id, quantity=given, price_seen=price))
    else:
        line.quantity, line.price_seen = given, price
    db.session.flush()
    return CartChange(title, given, given < wanted)


@atomic
def change_quantity(shopper: str, line_id: uuid.UUID, quantity: int) -> CartChange:
    """Set a line's units, as many as there are; 0 takes it out. Accepts the present price.

    Raises NotFound for a line of another cart, InvalidValue for a bad quantity.
    """
    _check(quantity, low=0)
    cart_id = _lock_open_cart(shopper)
    line = db.session.scalar(select(CartLine).where(CartLine.cart_id == cart_id, CartLine.id == line_id))
    if line is None:
        raise NotFound("This is not in your cart any more.")
    variant = db.session.execute(
        select(Variant.price, Product.title)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(Variant.id == line.variant_id)
    ).one()
    available = available_by_variant([line.variant_id])[line.variant_id]
    given = min(quantity, max(available, 0), MAX_UNITS_PER_LINE)
    if given == 0:
        db.session.delete(line)
    else:
        line.quantity, line.price_seen = given, variant.price
    db.session.flush()
    return CartChange(variant.title, given, given < quantity)


@atomic
def save_details(shopper: str, details: dict[str, Any]) -> None:
    """Keep what the shopper typed into the checkout form, so that nothing is lost.

    Raises the cart's version: a review page that showed another address cannot place the order any more.
    """
    db.session.execute(
        update(Cart)
        .where(Cart.shopper_hash == shopper, Cart.status == "open")
        .values(details=details, version=Cart.version + 1, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def claim(
    shopper: str, checkout_token: str, cart_version: int
) -> tuple[uuid.UUID, dict[str, Any], int] | None:
    """Close an open cart for ordering: the lock and the once-only guard of a placement. A step, the first of all.

    Returns the cart's id, its checkout details and the shop's present rules version, or None when it is not
    open (any more). Raises CartChanged when the page that asks has seen another version of the cart.
    """
    rules = select(Tenant.rules_version).where(Tenant.id == current_tenant_id()).scalar_subquery()
    row = db.session.execute(
        update(Cart)
        .where(Cart.checkout_token == checkout_token, Cart.shopper_hash == shopper, Cart.status == "open")
        .values(status="ordered", version=Cart.version + 1, updated_at=clock.now())
        .returning(Cart.id, Cart.details, Cart.version, rules)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    if row.version != cart_version + 1:
        raise CartChanged(
            "Your cart or your details were changed in another window. Please check them and order again."
        )
    return row[0], row[1], row[3]


def _check(quantity: int, low: int) -> None:
    if not low <= quantity <= MAX_UNITS_PER_LINE:
        raise InvalidValue(
            "quantity", f"The quantity must be a whole number from {low} to {MAX_UNITS_PER_LINE}."
        )


def _sold_variant(variant_id: uuid.UUID) -> tuple[int, str, str]:
    row = db.session.execute(
        select(Variant.price, Variant.sku, Product.title)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(Variant.id == variant_id, Variant.active, Product.status == "active")
    ).one_or_none()
    if row is None:
        raise NotFound("This is not sold here.")
    return row.price, row.sku, row.title


def _lock_open_cart(shopper: str) -> uuid.UUID:
    """Lock the browser's open cart, making one if there is none, and raise its version. The first lock of all."""
    cart_id = db.session.scalar(
        update(Cart)
        .where(Cart.shopper_hash == shopper, Cart.status == "open")
        .values(version=Cart.version + 1, updated_at=clock.now())
        .returning(Cart.id)
        .execution_options(synchronize_session=False)
    )
    if cart_id is not None:
        return cart_id
    cart = Cart(shopper_hash=shopper, checkout_token=secrets.token_urlsafe(32))
    db.session.add(cart)
    db.session.flush()
    return cart.id
