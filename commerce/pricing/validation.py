"""What staff may say about promotions, coupons and tax rates: values, and the words for what is wrong with them."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from commerce.catalog.models import Category, Product
from commerce.db import db
from commerce.errors import InvalidValue
from commerce.money import MAX_AMOUNT, PPM
from commerce.pricing.models import PROMOTION_KINDS, PROMOTION_SCOPES, Promotion, TaxRate
from commerce.pricing.promotions import PromotionRule
from commerce.pricing.queries import fold_code

MAX_LABEL = 255
MAX_UNITS = 999
MAX_POSITION = 9999
MAX_USES = 10**9
MAX_TARGETS = 500
_CODE = re.compile(r"[^\W_][\w-]{1,39}")
_COUNTRY = re.compile(r"[A-Z]{2}|\*")
_CLASS = re.compile(r"[a-z][a-z0-9_-]{0,19}")


@dataclass(frozen=True, slots=True)
class PromotionValues:
    """A promotion as staff write it down; the fields are those of its row. Moments have a time zone."""

    label: str
    kind: str
    percent_ppm: int = 0
    amount: int = 0
    buy_quantity: int = 0
    get_quantity: int = 0
    scope: str = "all"
    targets: tuple[str, ...] = ()
    min_subtotal: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    needs_code: bool = False
    combines: bool = True
    skip_reduced: bool = False
    position: int = 0
    enabled: bool = True

    def columns(self) -> dict[str, Any]:
        """Return the values of the row."""
        return {**{name: getattr(self, name) for name in self.__slots__}, "targets": list(self.targets)}

    def rule(self, promotion_id: str) -> PromotionRule:
        """Return the promotion as it would be evaluated under an id."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "enabled"}
        return PromotionRule(id=promotion_id, **{**values, "targets": frozenset(self.targets)})


def values_of(promotion: Promotion) -> PromotionValues:
    """Return what staff wrote down about a stored promotion."""
    values = {name: getattr(promotion, name) for name in PromotionValues.__slots__}
    return PromotionValues(**{**values, "targets": tuple(promotion.targets)})


@dataclass(frozen=True, slots=True)
class TaxValues:
    """A tax rate as staff write it down: ISO country or '*', class, millionths, label."""

    country: str
    tax_class: str
    rate_ppm: int
    label: str


def tax_values_of(rate: TaxRate) -> TaxValues:
    """Return what staff wrote down about a stored rate."""
    return TaxValues(rate.country, rate.tax_class, rate.rate_ppm, rate.label)


KIND_FIELDS: dict[str, tuple[str, ...]] = {
    "percentage": ("percent_ppm",),
    "fixed": ("amount",),
    "free_shipping": (),
    "buy_x_get_y": ("buy_quantity", "get_quantity", "percent_ppm"),
}
"""Each kind of promotion with the fields that count for it; the others are kept empty."""
_BOUNDS: dict[str, tuple[int, InvalidValue]] = {
    "percent_ppm": (PPM, InvalidValue("percent_ppm", "discount_percent_out_of_range")),
    "amount": (MAX_AMOUNT, InvalidValue("amount", "amount_not_positive")),
    "buy_quantity": (
        MAX_UNITS,
        InvalidValue("buy_quantity", "not_a_whole_number_between", minimum=1, maximum=MAX_UNITS),
    ),
    "get_quantity": (
        MAX_UNITS,
        InvalidValue("get_quantity", "not_a_whole_number_between", minimum=1, maximum=MAX_UNITS),
    ),
}


def check_promotion(values: PromotionValues) -> PromotionValues:
    """Return clean values: trimmed, with nothing in the fields that do not count for their kind.

    Raises InvalidValue, which names the field.
    """
    label = _label(values.label)
    if values.kind not in PROMOTION_KINDS:
        raise InvalidValue("kind", "promotion_kind_required")
    if values.scope not in PROMOTION_SCOPES:
        raise InvalidValue("scope", "promotion_scope_required")
    for name in KIND_FIELDS[values.kind]:
        most, error = _BOUNDS[name]
        if not 0 < getattr(values, name) <= most:
            raise error.at(name)
    if not 0 <= values.min_subtotal <= MAX_AMOUNT:
        raise InvalidValue("min_subtotal", "minimum_negative")
    if not 0 <= values.position <= MAX_POSITION:
        raise InvalidValue("position", "not_a_whole_number_between", minimum=0, maximum=MAX_POSITION)
    if values.starts_at and values.ends_at and values.ends_at <= values.starts_at:
        raise InvalidValue("ends_at", "promotion_ends_before_start")
    unused: dict[str, Any] = {name: 0 for name in _BOUNDS if name not in KIND_FIELDS[values.kind]}
    return replace(values, label=label, targets=_targets(values), **unused)


def _label(text: str) -> str:
    label = text.strip()
    if not label or len(label) > MAX_LABEL or not label.isprintable():
        raise InvalidValue("label", "promotion_label_length", maximum=MAX_LABEL)
    return label


def _targets(values: PromotionValues) -> tuple[str, ...]:
    """Return the chosen products or categories, each once. Raises InvalidValue for one that this shop does not have."""
    if values.scope == "all":
        return ()
    try:
        chosen = sorted({uuid.UUID(target) for target in values.targets})
    except ValueError as error:
        raise InvalidValue("targets", "promotion_target_unknown") from error
    if not 0 < len(chosen) <= MAX_TARGETS:
        raise InvalidValue("targets", "promotion_targets_count", maximum=MAX_TARGETS)
    model: Any = Product if values.scope == "products" else Category
    known = db.session.scalar(select(func.count()).select_from(model).where(model.id.in_(chosen)))
    if known != len(chosen):
        raise InvalidValue("targets", "promotion_target_gone")
    return tuple(str(target) for target in chosen)


def check_code(typed: str) -> str:
    """Return a coupon's code as it is kept. Raises InvalidValue."""
    code = fold_code(typed)
    if not _CODE.fullmatch(code):
        raise InvalidValue("code", "coupon_code_invalid")
    return code


def check_limit(field: str, limit: int | None) -> None:
    """Raise InvalidValue for a limit that is neither None (no limit) nor a number of uses."""
    if limit is not None and not 0 < limit <= MAX_USES:
        raise InvalidValue(field, "limit_invalid")


def check_tax(values: TaxValues) -> TaxValues:
    """Return clean values. Raises InvalidValue, which names the field."""
    country = values.country.strip().upper()
    tax_class = values.tax_class.strip().lower()
    if not _COUNTRY.fullmatch(country):
        raise InvalidValue("country", "tax_country_required")
    if not _CLASS.fullmatch(tax_class):
        raise InvalidValue("tax_class", "tax_class_invalid")
    if not 0 <= values.rate_ppm <= PPM:
        raise InvalidValue("rate_ppm", "tax_rate_out_of_range")
    return TaxValues(country, tax_class, values.rate_ppm, _label(values.label))
