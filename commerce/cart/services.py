"""Put into the cart, change, take out. A cart promises nothing: stock is held when the order is placed."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Table, and_, bindparam, delete, func, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from commerce import clock
from commerce.cart.details import CheckoutDetails
from commerce.cart.models import Cart, CartLine
from commerce.cart.queries import AVAILABLE, MAX_UNITS_PER_LINE, lines_of
from commerce.catalog.models import Product, Variant
from commerce.catalog.tables import PRODUCTS, VARIANTS
from commerce.db import TENANT, Json, UtcDateTime, atomic, db, fetch_all, insert_rows, new_id
from commerce.errors import CartChanged, CartFull, CouponRefused, InvalidValue, NotFound, OutOfStock, Shortage
from commerce.inventory.availability import available_by_variant
from commerce.pricing.discounts import find_discounts
from commerce.pricing.queries import fold_code
from commerce.tenants.models import Tenant
from commerce.tenants.scope import current_shop

# Built once and run on the connection, the shop named by TENANT: see db.py.
_carts, _lines = cast("Table", Cart.__table__), cast("Table", CartLine.__table__)
_tenants = cast("Table", Tenant.__table__)
_own_open = and_(
    _carts.c.tenant_id == TENANT,
    _carts.c.shopper_hash == bindparam("shopper"),
    # Written into the statement: a value bound later would keep PostgreSQL from using the index of open carts.
    _carts.c.status == literal_column("'open'"),
)
_change = update(_carts).values(
    version=_carts.c.version + 1, updated_at=bindparam("now", type_=UtcDateTime())
)
_LOCK = _change.where(_own_open).returning(_carts.c.id)
_SAVE = _change.where(_own_open).values(details=bindparam("typed", type_=Json)).returning(_carts.c.id)
_CLAIM = (
    _change.where(_own_open, _carts.c.checkout_token == bindparam("token"))
    .values(status="ordered")
    .returning(
        _carts.c.version,
        _carts.c.id,
        _carts.c.details,
        _carts.c.coupon_codes,
        _carts.c.draft_by,
        select(_tenants.c.rules_version).where(_tenants.c.id == TENANT).scalar_subquery(),
    )
)
_LOCK_CODES = _change.where(_own_open).returning(_carts.c.id, _carts.c.coupon_codes)
_SET_CODES = (
    update(_carts)
    .where(_carts.c.tenant_id == TENANT, _carts.c.id == bindparam("cart"))
    .values(coupon_codes=bindparam("codes", type_=Json))
    .returning(_carts.c.id)
)
_others = _lines.alias("others")
_VARIANT_IN_CART = (
    select(
        VARIANTS.c.price,
        VARIANTS.c.sku,
        PRODUCTS.c.title,
        AVAILABLE,
        _lines.c.id,
        _lines.c.quantity,
        select(func.count())
        .select_from(_others)
        .where(_others.c.tenant_id == TENANT, _others.c.cart_id == bindparam("cart"))
        .scalar_subquery(),
    )
    .join(PRODUCTS, (PRODUCTS.c.tenant_id == TENANT) & (PRODUCTS.c.id == VARIANTS.c.product_id))
    .outerjoin(
        _lines,
        and_(
            _lines.c.tenant_id == TENANT,
            _lines.c.cart_id == bindparam("cart"),
            _lines.c.variant_id == VARIANTS.c.id,
        ),
    )
    .where(
        VARIANTS.c.tenant_id == TENANT,
        VARIANTS.c.id == bindparam("variant"),
        VARIANTS.c.active,
        PRODUCTS.c.status == "active",
    )
)
_SET_LINE = (
    update(_lines)
    .where(_lines.c.tenant_id == TENANT, _lines.c.id == bindparam("line"))
    .values(quantity=bindparam("units"), price_seen=bindparam("price"))
    .returning(_lines.c.id)
)


MAX_LINES = 100
"""Lines in a shopper's cart: each of them costs something on every page that shows the cart."""
MAX_CODES = 5
"""Coupon codes in one cart: a bound for lists of guesses, more than any shop combines."""


@dataclass(frozen=True, slots=True)
class CartChange:
    """The units in a line now, and whether that is fewer than asked for (`capped`)."""

    title: str
    quantity: int
    capped: bool


def new_shopper_key() -> str:
    """Return a fresh 256-bit name for a browser; only its hash is stored."""
    return secrets.token_urlsafe(32)


def shopper_hash(key: str) -> str:
    """Return the stored form of a browser's name."""
    return hashlib.sha256(key.encode()).hexdigest()


def member_shopper(member_id: uuid.UUID) -> str:
    """Return the name under which a member's cart is kept, the same in every browser in which they are signed in.

    No cookie can claim it: a browser's key has no colon.
    """
    return shopper_hash(f"member:{member_id}")


def add_line(
    shopper: str, variant_id: uuid.UUID, quantity: int, *, member_id: uuid.UUID | None = None
) -> CartChange:
    """Put `quantity` more units of a variant into a shopper's cart, as many as there are.

    A cart that is opened for it is that of `member_id`, if the shopper is one. Raises NotFound for a variant that is
    not sold, InvalidValue for a bad quantity, OutOfStock when none is left or all of them are in the cart already,
    CartFull for one more line than a cart holds.
    """
    try:
        return _add_line(shopper, variant_id, quantity, member_id)
    except IntegrityError:
        # Two tabs made the first cart (or line) of this browser at once; now there is one.
        return _add_line(shopper, variant_id, quantity, member_id)


@atomic
def _add_line(shopper: str, variant_id: uuid.UUID, quantity: int, member_id: uuid.UUID | None) -> CartChange:
    cart_id = lock_open_cart(shopper) or new_cart(shopper, member_id=member_id)
    return set_line(cart_id, variant_id, quantity)


def set_line(
    cart_id: uuid.UUID, variant_id: uuid.UUID, quantity: int, *, max_lines: int = MAX_LINES
) -> CartChange:
    """Put more units of a variant into a locked cart, as many as there are. A step. Raises as `add_line` does."""
    _check(quantity, low=1)
    found = fetch_all(_VARIANT_IN_CART, cart=cart_id, variant=variant_id)
    if not found:
        raise NotFound("not_for_sale")
    price, sku, title, available, line_id, units, lines = found[0]
    already = units or 0
    wanted = already + quantity
    given = min(wanted, int(available), MAX_UNITS_PER_LINE)
    if given <= already:
        raise OutOfStock([Shortage(variant_id, sku, title, wanted, int(available))])
    if line_id is None:
        if lines >= max_lines:
            raise CartFull("cart_full", limit=max_lines)
        line = {"cart_id": cart_id, "variant_id": variant_id, "quantity": given, "price_seen": price}
        insert_rows(CartLine, [line])
    else:
        fetch_all(_SET_LINE, line=line_id, units=given, price=price)
    return CartChange(title, given, given < wanted)


@atomic
def change_quantities(shopper: str, wanted: Mapping[uuid.UUID, int]) -> list[CartChange]:
    """Set the units of lines, as many as there are; 0 takes a line out. Accepts their present prices.

    Returns what happened to each line in the cart's order; lines that are no longer there are passed over. Raises
    NotFound when that is all of them, InvalidValue for a bad quantity.
    """
    for quantity in wanted.values():
        _check(quantity, low=0)
    cart_id = lock_open_cart(shopper)
    if cart_id is None:
        raise NotFound("not_in_cart")
    lines = db.session.execute(
        select(CartLine, Variant.price, Product.title)
        .join(Variant, (Variant.tenant_id == CartLine.tenant_id) & (Variant.id == CartLine.variant_id))
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(CartLine.cart_id == cart_id, CartLine.id.in_(list(wanted)))
        .order_by(CartLine.id)
    ).all()
    if not lines:
        raise NotFound("not_in_cart")
    available = available_by_variant([line.variant_id for line, _price, _title in lines])
    changes = []
    for line, price, title in lines:
        quantity = wanted[line.id]
        given = min(quantity, max(available[line.variant_id], 0), MAX_UNITS_PER_LINE)
        if given == 0:
            db.session.delete(line)
        else:
            line.quantity, line.price_seen = given, price
        changes.append(CartChange(title, given, given < quantity))
    db.session.flush()
    return changes


def change_quantity(shopper: str, line_id: uuid.UUID, quantity: int) -> CartChange:
    """Set the units of one line, as `change_quantities` does. Raises NotFound for a line of another cart."""
    return change_quantities(shopper, {line_id: quantity})[0]


@atomic
def save_details(shopper: str, details: CheckoutDetails) -> None:
    """Keep what the shopper typed into the checkout form, so that nothing is lost.

    Raises the cart's version: a review page that showed another address cannot place the order any more.
    """
    fetch_all(_SAVE, shopper=shopper, typed=details.to_json(), now=clock.now())


@atomic
def enter_code(shopper: str, typed: str, *, shipping: int | None = None) -> str:
    """Put a coupon code into a browser's cart, if it takes something off, and return it as it is kept.

    `shipping` is its price in minor units, where it is known already. Entering a code twice changes nothing.
    Raises NotFound without a cart, CouponRefused with the reason.
    """
    code = fold_code(typed)
    cart_id, codes = _lock_codes(shopper)
    if code in codes:
        return code
    if len(codes) >= MAX_CODES:
        raise CouponRefused(code, "too_many")
    lines = [line.to_price for line in lines_of(cart_id)]
    state = find_discounts(lines, shipping, [*codes, code]).codes[-1]
    if state.reason not in ("", "awaits_shipping"):
        raise CouponRefused(code, state.reason, state.missing, current_shop().currency)
    fetch_all(_SET_CODES, cart=cart_id, codes=[*codes, code])
    return code


@atomic
def remove_codes(shopper: str, codes: Collection[str]) -> None:
    """Take coupon codes out of a browser's cart; what is not in it does no harm. Raises NotFound without a cart."""
    cart_id, present = _lock_codes(shopper)
    gone = {fold_code(code) for code in codes}
    fetch_all(_SET_CODES, cart=cart_id, codes=[code for code in present if code not in gone])


def _lock_codes(shopper: str) -> tuple[uuid.UUID, list[str]]:
    """Lock the browser's open cart, raise its version and return its id and codes. Raises NotFound."""
    rows = fetch_all(_LOCK_CODES, shopper=shopper, now=clock.now())
    if not rows:
        raise NotFound("cart_has_no_items")
    return rows[0].id, list(rows[0].coupon_codes)


@dataclass(frozen=True, slots=True)
class ClaimedCart:
    """A cart that is being ordered: what its lines do not say, and the shop's present rules version.

    `draft_by` names the staff member who prepared it, if one did.
    """

    cart_id: uuid.UUID
    details: CheckoutDetails
    coupon_codes: list[str]
    draft_by: str
    rules_version: int


def claim_cart(shopper: str, checkout_token: str, cart_version: int) -> ClaimedCart | None:
    """Close an open cart for ordering: the lock and the once-only guard of a placement. A step, the first of all.

    Returns None when it is not open (any more). Raises CartChanged when the page that asks has seen another version
    of the cart.
    """
    rows = fetch_all(_CLAIM, shopper=shopper, token=checkout_token, now=clock.now())
    if not rows:
        return None
    version, *facts = rows[0]
    if version != cart_version + 1:
        raise CartChanged("cart_changed_elsewhere")
    cart_id, details, codes, draft_by, rules_version = facts
    return ClaimedCart(cart_id, CheckoutDetails.from_json(details), codes, draft_by, rules_version)


def _check(quantity: int, low: int) -> None:
    if not low <= quantity <= MAX_UNITS_PER_LINE:
        raise InvalidValue("quantity", "not_a_whole_number_between", minimum=low, maximum=MAX_UNITS_PER_LINE)


def lock_open_cart(shopper: str) -> uuid.UUID | None:
    """Lock a shopper's open cart, raise its version and return its id, or None. A step, the first lock of all."""
    rows = fetch_all(_LOCK, shopper=shopper, now=clock.now())
    found: uuid.UUID | None = rows[0].id if rows else None
    return found


def new_cart(shopper: str, *, member_id: uuid.UUID | None = None, checkout_token: str = "") -> uuid.UUID:
    """Open a cart and return its id; `checkout_token` is a new one unless it is named. A step.

    Raises IntegrityError when another tab opened one meanwhile.
    """
    cart_id = new_id()
    row = {"id": cart_id, "shopper_hash": shopper, "member_id": member_id}
    insert_rows(Cart, [{**row, "checkout_token": checkout_token or secrets.token_urlsafe(32)}])
    return cart_id


@atomic
def sweep_carts(before: datetime, limit: int = 500) -> int:
    """Delete open carts of guests that nobody has changed since a moment, with what was typed; return how many.

    Carts of members, which come back with them, and orders that staff prepare are kept.
    """
    abandoned = db.session.scalars(
        select(Cart.id)
        .where(
            Cart.status == literal_column("'open'"),
            Cart.updated_at < before,
            Cart.member_id.is_(None),
            Cart.draft_by == "",
        )
        .order_by(Cart.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if abandoned:
        db.session.execute(
            delete(Cart).where(Cart.id.in_(abandoned)).execution_options(synchronize_session=False)
        )
    return len(abandoned)
