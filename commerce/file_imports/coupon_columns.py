"""The columns of a file of coupons, as it is exported and imported, and the cells of a promotion's terms."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from commerce.catalog.models import Category, Product
from commerce.catalog_import.rows import as_text
from commerce.db import db
from commerce.money import PPM, to_decimal
from commerce.pricing.validation import PromotionValues

COUPON_HEADINGS: Mapping[str, str] = {
    "code": "Code",
    "label": "Promotion",
    "kind": "Kind",
    "percent_ppm": "Percent",
    "amount": "Amount",
    "currency": "Currency",
    "buy_quantity": "Buy quantity",
    "get_quantity": "Get quantity",
    "scope": "Scope",
    "targets": "Targets",
    "min_subtotal": "Minimum",
    "starts_at": "Starts",
    "ends_at": "Ends",
    "combines": "Combines",
    "skip_reduced": "Skip reduced",
    "position": "Priority",
    "promotion_enabled": "Promotion enabled",
    "enabled": "Enabled",
    "usage_limit": "Usage limit",
    "per_customer_limit": "Limit per customer",
}
"""By field its heading. `enabled` and the limits are those of the code, the others from `label` on the promotion's."""
_IDS_AT_ONCE = 500


def promotion_cells(values: PromotionValues, slugs: Mapping[str, str], currency: str) -> tuple[object, ...]:
    """Return the cells from `label` to `promotion_enabled`; `slugs` has those of its targets by id.

    A target that no longer exists has no slug and is left out.
    """
    return (
        as_text(values.label),
        values.kind,
        f"{(Decimal(values.percent_ppm) / (PPM // 100)).normalize():f}" if values.percent_ppm else "",
        _amount(values.amount, currency),
        currency,
        values.buy_quantity or "",
        values.get_quantity or "",
        values.scope,
        as_text(", ".join(sorted(slugs[each] for each in values.targets if each in slugs))),
        _amount(values.min_subtotal, currency),
        _moment(values.starts_at),
        _moment(values.ends_at),
        yes_or_no(values.combines),
        yes_or_no(values.skip_reduced),
        values.position,
        yes_or_no(values.enabled),
    )


def target_slugs(ids: Iterable[str]) -> dict[str, str]:
    """Return by id the slugs of products and categories that exist."""
    found: dict[str, str] = {}
    wanted = [uuid.UUID(each) for each in sorted(set(ids))]
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        some = wanted[start : start + _IDS_AT_ONCE]
        for model in (Product, Category):
            rows = db.session.execute(select(model.id, model.slug).where(model.id.in_(some)))
            found |= {str(row.id): row.slug for row in rows}
    return found


def yes_or_no(truth: bool) -> str:
    """Return the cell of a truth value."""
    return "yes" if truth else "no"


def _amount(amount: int, currency: str) -> str:
    return f"{to_decimal(amount, currency):f}" if amount else ""


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
