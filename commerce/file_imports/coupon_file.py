"""Coupon codes from a CSV file, each with the promotion that it opens: what the export of coupons writes.

A code that the shop has changes in its limits and in whether it is on; its promotion has to be the one of the row. A
new code is added to the promotion of that label, which is created where there is none. Uses are never imported.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import select

from commerce.catalog.models import Category, Product
from commerce.catalog_import.report import FieldChange
from commerce.db import db
from commerce.errors import InvalidValue, Rejected
from commerce.file_imports.coupon_columns import COUPON_HEADINGS, target_slugs
from commerce.file_imports.row_files import FileRow, RowFile, RowResult
from commerce.money import PPM, exponent, parse_amount, parse_typed_amount, plain_number
from commerce.pricing.coupon_codes import add_coupon, add_promotion
from commerce.pricing.coupon_limits import check_limits, set_coupon
from commerce.pricing.models import PROMOTION_KINDS, PROMOTION_SCOPES, Coupon, Promotion
from commerce.pricing.queries import fold_code
from commerce.pricing.validation import (
    KIND_FIELDS,
    MAX_POSITION,
    MAX_TARGETS,
    MAX_UNITS,
    MAX_USES,
    PromotionValues,
    check_code,
    check_limit,
    check_promotion,
    values_of,
)
from commerce.tenants.scope import current_shop

_YEARS = range(2000, 2200)
_PLAIN_PERCENT = re.compile(r"\d{1,3}(\.\d{1,4})?")
_TRUTHS = {
    **dict.fromkeys(("yes", "true", "1", "on"), True),
    **dict.fromkeys(("no", "false", "0", "off"), False),
}
_EMPTY: Mapping[str, Any] = {
    "percent_ppm": 0,
    "amount": 0,
    "buy_quantity": 0,
    "get_quantity": 0,
    "min_subtotal": 0,
    "starts_at": None,
    "ends_at": None,
}
"""What an empty cell means in a row that has the kind of its promotion, and so all of its terms."""
_COUNTED = frozenset(name for names in KIND_FIELDS.values() for name in names)


@dataclass(frozen=True, slots=True)
class _Known:
    """A promotion that the shop has, or will have (no id) once the file is imported; its targets that still exist."""

    id: uuid.UUID | None
    values: PromotionValues
    targets: frozenset[str]


class CouponFile(RowFile):
    """A file with a coupon code in each row."""

    key = "code"
    headings: ClassVar = {
        **{name: (heading.casefold(),) for name, heading in COUPON_HEADINGS.items()},
        "code": ("code", "coupon code"),
        "label": ("promotion", "label"),
        "enabled": ("enabled", "on"),
        "usage_limit": ("usage limit", "limit"),
        "per_customer_limit": ("limit per customer", "per customer limit"),
    }

    def __init__(self) -> None:
        self._coupons: dict[str, Coupon] = {}
        self._promotions: dict[uuid.UUID, _Known] = {}
        self._planned: list[_Known] = []
        self._targets: dict[tuple[str, str], tuple[str, ...]] = {}

    def missing(self) -> Rejected:
        """Return the error of a file without codes."""
        return Rejected("coupon_headings_missing")

    def key_of(self, row: FileRow) -> str:
        """Return the code as coupons keep it."""
        return fold_code(row.get("code"))

    def load(self, rows: Sequence[FileRow], *, lock: bool) -> None:
        """Find the coupons of these codes, and the promotions of these labels. A step."""
        self._targets = {}
        wanted = select(Coupon).where(Coupon.code.in_({self.key_of(row) for row in rows})).order_by(Coupon.id)
        if lock:
            wanted = wanted.with_for_update().execution_options(populate_existing=True)
        self._coupons = {coupon.code: coupon for coupon in db.session.scalars(wanted)}
        mine = {coupon.promotion_id for coupon in self._coupons.values()}
        promotions = db.session.scalars(
            select(Promotion)
            .where(Promotion.id.in_(mine) | Promotion.label.in_({row.get("label").strip() for row in rows}))
            .order_by(Promotion.id)
            .execution_options(populate_existing=lock)
        ).all()
        slugs = target_slugs(target for each in promotions for target in each.targets)
        self._promotions = {each.id: _known(each.id, values_of(each), slugs) for each in promotions}

    def take(self, row: FileRow, *, dry_run: bool) -> RowResult:
        """Compare a code with what there is and, unless it is a dry run, write it. A step."""
        code = check_code(row.get("code"))
        terms = self._terms(row)
        limits = self._limits(row)
        coupon = self._coupons.get(code)
        if coupon is not None:
            _refuse_other(self._promotions[coupon.promotion_id], row, terms)
            return _change(coupon, limits, dry_run=dry_run)
        for name in ("usage_limit", "per_customer_limit"):
            check_limit(name, limits.get(name))
        known = self._promotion_of(row, terms)
        if known is not None:
            if not known.values.needs_code:
                raise InvalidValue("label", "promotion_without_code")
            self._add(known, code, limits, dry_run=dry_run)
            return RowResult("imported")
        values = _new_promotion(row.get("label"), terms)
        slugs = target_slugs(values.targets)
        if dry_run:
            self._planned.append(_known(None, values, slugs))
        else:
            created = _known(add_promotion(values), values, slugs)
            self._add(created, code, limits, dry_run=False)
            self._promotions[_id(created)] = created
        return RowResult("imported", groups=[values.label])

    @staticmethod
    def _add(known: _Known, code: str, limits: Mapping[str, Any], *, dry_run: bool) -> None:
        if not dry_run:
            how = {"usage_limit": None, "per_customer_limit": None, "enabled": True, **limits}
            add_coupon(_id(known), code, **how)

    def _promotion_of(self, row: FileRow, terms: Mapping[str, Any]) -> _Known | None:
        """Return the promotion of a label, None when there is none. Raises InvalidValue where its terms are others."""
        label = row.get("label").strip()
        same = [each for each in (*self._promotions.values(), *self._planned) if each.values.label == label]
        fitting = [each for each in same if not _differences(each, terms)]
        if same and not fitting:
            raise _other_terms(same[0], terms)
        if len(fitting) > 1 and "kind" not in terms:
            raise InvalidValue("label", "promotion_label_ambiguous", promotion=label)
        return fitting[0] if fitting else None

    def _terms(self, row: FileRow) -> dict[str, Any]:
        """Return by field what the row says about its promotion, its label aside. Raises InvalidValue."""
        terms: dict[str, Any] = {}
        for name, read in _READERS.items():
            text = row.get(name)
            if text:
                terms[name] = _read(name, read, text)
            elif row.get("kind") and name in _EMPTY and name in self.columns:
                terms[name] = _EMPTY[name]
        currency = current_shop().currency
        if row.get("currency").upper() not in ("", currency) and (
            row.get("amount") or row.get("min_subtotal")
        ):
            raise InvalidValue("currency", "currency_not_of_shop", currency=currency)
        if "scope" in terms and "targets" in self.columns:
            terms["targets"] = self._found_targets(terms["scope"], row.get("targets"))
        elif row.get("targets"):
            raise InvalidValue("scope", "promotion_scope_required")
        return terms

    def _limits(self, row: FileRow) -> dict[str, Any]:
        """Return what the row says about the code itself. A limit that is left empty is none."""
        found: dict[str, Any] = {}
        for name in ("usage_limit", "per_customer_limit"):
            if name in self.columns:
                text = row.get(name)
                found[name] = _read(name, _limit, text) if text else None
        if row.get("enabled"):
            found["enabled"] = _read("enabled", _truth, row.get("enabled"))
        return found

    def _found_targets(self, scope: str, text: str) -> tuple[str, ...]:
        """Return the ids of the products or categories of these slugs."""
        if scope == "all":
            return ()
        if (scope, text) not in self._targets:
            self._targets[scope, text] = _ids_of(scope, text)
        return self._targets[scope, text]


def _known(promotion_id: uuid.UUID | None, values: PromotionValues, slugs: Mapping[str, str]) -> _Known:
    return _Known(promotion_id, values, frozenset(each for each in values.targets if each in slugs))


def _id(known: _Known) -> uuid.UUID:
    if known.id is None:
        raise RuntimeError("A promotion that is only planned has no id.")
    return known.id


def _change(coupon: Coupon, limits: Mapping[str, Any], *, dry_run: bool) -> RowResult:
    """Compare a known code with its row; its limits and whether it is on may change."""
    now = {name: getattr(coupon, name) for name in ("usage_limit", "per_customer_limit", "enabled")}
    wanted = {**now, **limits}
    changes = [
        FieldChange.of(
            coupon.code, "", COUPON_HEADINGS[name], now[name], wanted[name], current_shop().currency
        )
        for name in now
        if now[name] != wanted[name]
    ]
    if not changes:
        return RowResult("unchanged")
    if dry_run:
        check_limits(coupon.id, wanted["usage_limit"], wanted["per_customer_limit"])
    else:
        set_coupon(coupon, **wanted)
    return RowResult("updated", changes)


def _refuse_other(own: _Known, row: FileRow, terms: Mapping[str, Any]) -> None:
    """Raise InvalidValue when a known code opens another promotion than its row says."""
    if row.get("label") and row.get("label").strip() != own.values.label:
        raise InvalidValue("code", "coupon_of_other_promotion", promotion=own.values.label)
    if _differences(own, terms):
        raise _other_terms(own, terms)


def _differences(known: _Known, terms: Mapping[str, Any]) -> list[str]:
    """Return the fields in which a promotion is not as a row says; those that do not count for its kind are equal."""
    values = known.values
    unused = _COUNTED - set(KIND_FIELDS[values.kind])
    found = []
    for name, said in terms.items():
        if name == "targets":
            differs = set(said) != known.targets
        else:
            differs = getattr(values, _ATTRIBUTES.get(name, name)) != said and name not in unused
        if differs:
            found.append(name)
    return found


def _other_terms(known: _Known, terms: Mapping[str, Any]) -> InvalidValue:
    fields = _differences(known, terms)
    names = ", ".join(COUPON_HEADINGS[name] for name in fields)
    return InvalidValue(fields[0], "promotion_terms_differ", promotion=known.values.label, columns=names)


def _new_promotion(label: str, terms: Mapping[str, Any]) -> PromotionValues:
    """Return the values of a promotion that a row describes. Raises InvalidValue, which names the column."""
    values = {_ATTRIBUTES.get(name, name): said for name, said in terms.items()}
    return check_promotion(PromotionValues(label=label, needs_code=True, **{"kind": "", **values}))


# --- cells -----------------------------------------------------------------------------------------------


def _read(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except InvalidValue as error:
        raise error.at(name) from error


def _kind(text: str) -> str:
    word = _word(text)
    if word not in PROMOTION_KINDS:
        raise InvalidValue("", "promotion_kind_unknown", value=text[:40], kinds=", ".join(PROMOTION_KINDS))
    return word


def _scope(text: str) -> str:
    word = _word(text)
    if word not in PROMOTION_SCOPES:
        raise InvalidValue("", "promotion_scope_unknown", value=text[:40], scopes=", ".join(PROMOTION_SCOPES))
    return word


def _word(text: str) -> str:
    return "_".join(text.casefold().replace("_", " ").split())


def _percent(text: str) -> int:
    """Return millionths of a percentage with up to four decimals."""
    number = text.strip().removesuffix("%").strip()
    if not _PLAIN_PERCENT.fullmatch(number):
        number = plain_number(number, current_shop().locale)
    if not _PLAIN_PERCENT.fullmatch(number) or Decimal(number) > 100:
        raise InvalidValue("", "not_a_percentage", value=text[:40])
    return int(Decimal(number) * (PPM // 100))


def _amount(text: str) -> int:
    """Return minor units. An amount as it is exported is never taken for one with thousands."""
    shop = current_shop()
    places = exponent(shop.currency)
    exported = rf"\d+\.\d{{{places}}}" if places else r"\d+"
    if re.fullmatch(exported, text):
        return parse_amount(text, shop.currency)
    amount = parse_typed_amount(text, shop.currency, shop.locale)
    if amount < 0:
        raise InvalidValue("", "amount_not_positive")
    return amount


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 12 and lowest <= int(text) <= highest):
            raise InvalidValue("", "not_a_whole_number_between", minimum=lowest, maximum=highest)
        return int(text)

    return read


def _limit(text: str) -> int:
    try:
        return _whole(1, MAX_USES)(text)
    except InvalidValue as error:
        raise InvalidValue("", "limit_invalid") from error


def _truth(text: str) -> bool:
    try:
        return _TRUTHS[text.casefold()]
    except KeyError as error:
        raise InvalidValue("", "not_yes_or_no", value=text[:40]) from error


def _moment(text: str) -> datetime:
    """Return a moment in UTC; without a time zone it is on the clock of the shop."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue("", "moment_unreadable", value=text[:40]) from error
    if moment.year not in _YEARS:
        raise InvalidValue("", "moment_unreadable", value=text[:40])
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(current_shop().timezone))
    return moment.astimezone(UTC)


def _ids_of(scope: str, text: str) -> tuple[str, ...]:
    slugs = {each.strip() for each in text.split(",") if each.strip()}
    if len(slugs) > MAX_TARGETS:
        raise InvalidValue("targets", "promotion_targets_count", maximum=MAX_TARGETS)
    model: Any = Product if scope == "products" else Category
    rows = db.session.execute(select(model.slug, model.id).where(model.slug.in_(slugs)))
    found = {row.slug: str(row.id) for row in rows}
    unknown = ", ".join(sorted(slugs - found.keys()))[:80]
    if unknown and scope == "products":
        raise InvalidValue("targets", "coupon_product_unknown", value=unknown)
    if unknown:
        raise InvalidValue("targets", "coupon_category_unknown", value=unknown)
    return tuple(found.values())


_READERS: Mapping[str, Callable[[str], Any]] = {
    "kind": _kind,
    "percent_ppm": _percent,
    "amount": _amount,
    "buy_quantity": _whole(0, MAX_UNITS),
    "get_quantity": _whole(0, MAX_UNITS),
    "scope": _scope,
    "min_subtotal": _amount,
    "starts_at": _moment,
    "ends_at": _moment,
    "combines": _truth,
    "skip_reduced": _truth,
    "position": _whole(0, MAX_POSITION),
    "promotion_enabled": _truth,
}
"""By field how its cell is read."""
_ATTRIBUTES = {"promotion_enabled": "enabled"}
"""Fields that have another name in PromotionValues."""
