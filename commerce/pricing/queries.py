"""Read what makes a price: the tax table, promotions, and the coupons that open some of them."""

from __future__ import annotations

import unicodedata
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, String, Table, bindparam, func, select

from commerce.catalog.tables import PRODUCT_CATEGORIES
from commerce.customers.models import CustomerProfile, MergedEmail
from commerce.db import TENANT, db, fetch_all
from commerce.errors import NotFound
from commerce.pricing.models import Coupon, CouponCustomer, Promotion, TaxRate
from commerce.tenants.scope import rules_cache


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax rate in millionths, with the label that shopper and staff see."""

    id: str
    label: str
    ppm: int


NO_TAX = Rate("", "", 0)


class TaxTable:
    """Rates by country and class; '*' stands for every country that is not named."""

    def __init__(self, rates: dict[tuple[str, str], Rate]) -> None:
        self._rates = rates

    def rate_for(self, country: str, tax_class: str) -> Rate:
        """Return the rate of a class in a country; a class without a row of its own is taxed as standard."""
        for key in ((country, tax_class), (country, "standard"), ("*", tax_class), ("*", "standard")):
            if key in self._rates:
                return self._rates[key]
        return NO_TAX


@rules_cache
def tax_table() -> TaxTable:
    """Return the current shop's rates."""
    rows = db.session.execute(
        select(TaxRate.country, TaxRate.tax_class, TaxRate.id, TaxRate.label, TaxRate.rate_ppm)
    )
    return TaxTable({(country, name): Rate(str(key), label, ppm) for country, name, key, label, ppm in rows})


def list_tax_rates() -> Sequence[TaxRate]:
    """Return the shop's rates by country and class, those of everywhere else first."""
    return db.session.scalars(select(TaxRate).order_by(TaxRate.country, TaxRate.tax_class)).all()


def get_tax_rate(rate_id: uuid.UUID) -> TaxRate:
    """Return a rate. Raises NotFound."""
    rate = db.session.scalar(select(TaxRate).where(TaxRate.id == rate_id))
    if rate is None:
        raise NotFound("tax_rate_not_found")
    return rate


# --- promotions and coupons ----------------------------------------------------------------------------


def list_promotions() -> Sequence[Promotion]:
    """Return all promotions in the order in which they apply, those that are switched off too."""
    return db.session.scalars(select(Promotion).order_by(Promotion.position, Promotion.id)).all()


def get_promotion(promotion_id: uuid.UUID) -> Promotion:
    """Return a promotion. Raises NotFound."""
    promotion = db.session.scalar(select(Promotion).where(Promotion.id == promotion_id))
    if promotion is None:
        raise NotFound("promotion_not_found")
    return promotion


def coupons_of(promotion_id: uuid.UUID, search: str = "", limit: int = 100) -> Sequence[Coupon]:
    """Return a promotion's coupons whose code has `search` in it, the newest first."""
    wanted = select(Coupon).where(Coupon.promotion_id == promotion_id)
    if search:
        wanted = wanted.where(Coupon.code.contains(fold_code(search), autoescape=True))
    return db.session.scalars(wanted.order_by(Coupon.id.desc()).limit(limit)).all()


@dataclass(frozen=True, slots=True)
class CouponFacts:
    """A coupon as it is now. A limit of None is no limit."""

    id: uuid.UUID
    promotion_id: uuid.UUID
    code: str
    enabled: bool
    used: int
    usage_limit: int | None
    per_customer_limit: int | None


_merged, _profiles = cast("Table", MergedEmail.__table__), cast("Table", CustomerProfile.__table__)


def _counted_as(email: ColumnElement[str]) -> ColumnElement[str]:
    """Return for whom the uses of an address count: since a merge, for the customer who was kept."""
    kept = (
        select(func.lower(_profiles.c.email))
        .join(
            _merged,
            (_merged.c.tenant_id == _profiles.c.tenant_id) & (_merged.c.profile_id == _profiles.c.id),
        )
        .where(_merged.c.tenant_id == TENANT, _merged.c.email == email)
        .scalar_subquery()
    )
    return func.coalesce(kept, email)


_coupons, _customers = cast("Table", Coupon.__table__), cast("Table", CouponCustomer.__table__)
_BY_CODE = select(
    _coupons.c.id,
    _coupons.c.promotion_id,
    _coupons.c.code,
    _coupons.c.enabled,
    _coupons.c.used,
    _coupons.c.usage_limit,
    _coupons.c.per_customer_limit,
).where(_coupons.c.tenant_id == TENANT, _coupons.c.code.in_(bindparam("codes", expanding=True)))
_USED_BY = select(_customers.c.coupon_id, _customers.c.used).where(
    _customers.c.tenant_id == TENANT,
    _customers.c.customer == _counted_as(bindparam("customer")),
    _customers.c.coupon_id.in_(bindparam("coupons", expanding=True)),
)
_CATEGORIES = select(PRODUCT_CATEGORIES.c.product_id, PRODUCT_CATEGORIES.c.category_id).where(
    PRODUCT_CATEGORIES.c.tenant_id == TENANT,
    PRODUCT_CATEGORIES.c.product_id.in_(bindparam("products", expanding=True)),
)


def fold_code(typed: str | None) -> str:
    """Return a code as coupons keep it: in full-size capitals, without outer space.

    Mail programs and documents put other hyphens and invisible characters into what is copied from them: every hyphen
    and dash (Unicode category Pd) and the minus sign become '-', and format characters (Cf) are dropped.
    """
    text = unicodedata.normalize("NFKC", typed or "")
    kept = (character for character in text if unicodedata.category(character) != "Cf")
    return "".join("-" if _is_hyphen(character) else character for character in kept).strip().upper()


def _is_hyphen(character: str) -> bool:
    return character == "\N{MINUS SIGN}" or unicodedata.category(character) == "Pd"


def fold_customer(email: str) -> str:
    """Return the form in which a customer's email address is counted."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def coupons_by_code(codes: Collection[str]) -> dict[str, CouponFacts]:
    """Return the coupons with these (folded) codes. One statement, or none without codes."""
    return {row.code: CouponFacts(*row) for row in fetch_all(_BY_CODE, codes=list(codes))} if codes else {}


_COUNTED_AS = select(_counted_as(bindparam("customer", type_=String())))


def counted_customer(email: str) -> str:
    """Return the form in which a customer's uses of coupons are counted. One statement."""
    return str(fetch_all(_COUNTED_AS, customer=fold_customer(email))[0][0])


def uses_by_customer(coupons: Collection[uuid.UUID], email: str) -> dict[uuid.UUID, int]:
    """Return how often a customer has used coupons that are limited per customer."""
    rows = fetch_all(_USED_BY, coupons=list(coupons), customer=fold_customer(email))
    return {row.coupon_id: row.used for row in rows}


def product_categories(products: Collection[uuid.UUID]) -> Mapping[uuid.UUID, frozenset[str]]:
    """Return the category ids (as text) of each product that has any."""
    found: dict[uuid.UUID, set[str]] = defaultdict(set)
    for product_id, category_id in fetch_all(_CATEGORIES, products=list(products)):
        found[product_id].add(str(category_id))
    return {product_id: frozenset(categories) for product_id, categories in found.items()}
