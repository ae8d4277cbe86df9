"""How staff set up the ways to ship: methods, each with its prices by country, weight and total."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from commerce.db import atomic, check_version, db, insert_rows, lock, new_id
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.money import MAX_AMOUNT
from commerce.orders.models import Order
from commerce.shipping.models import ShippingMethod, ShippingRate
from commerce.shipping.queries import REST_OF_WORLD
from commerce.tenants.row_hash import row_fingerprint
from commerce.tenants.services import touch_rules

MAX_RATES = 200
MAX_WEIGHT = 10**9
MAX_POSITION = 10_000
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_TAX_CLASS = re.compile(r"[a-z][a-z0-9_-]{0,19}")
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class RateTerms:
    """One price (minor units): where to, up to which weight (grams, None is any), from which subtotal on."""

    countries: tuple[str, ...]
    max_weight_grams: int | None
    min_subtotal: int
    price: int


@dataclass(frozen=True, slots=True)
class MethodTerms:
    """What staff say about a way to ship. `code` is fixed once there is a method."""

    code: str
    name: str
    description: str
    tax_class: str
    position: int
    enabled: bool
    rates: tuple[RateTerms, ...]
    after_discounts: bool = False


@dataclass(frozen=True, slots=True)
class StoredMethod:
    """A way to ship as it stands now. `version` changes with everything that staff can change."""

    id: uuid.UUID
    terms: MethodTerms

    @property
    def version(self) -> int:
        """The number by which a form says what it saw."""
        terms = self.terms
        rates = [
            [*rate.countries, rate.max_weight_grams, rate.min_subtotal, rate.price] for rate in terms.rates
        ]
        return row_fingerprint(
            terms.code,
            terms.name,
            terms.description,
            terms.tax_class,
            terms.position,
            terms.enabled,
            rates,
            terms.after_discounts,
        )


def shipping_methods() -> list[StoredMethod]:
    """Return every method of the shop with its prices, disabled ones too, in the shop's order."""
    methods = db.session.scalars(
        select(ShippingMethod).order_by(ShippingMethod.position, ShippingMethod.id)
    ).all()
    rates = defaultdict(list)
    for rate in db.session.scalars(select(ShippingRate).order_by(ShippingRate.id)):
        rates[rate.method_id].append(rate)
    return [_on_file(method, rates[method.id]) for method in methods]


def shipping_method(method_id: uuid.UUID) -> StoredMethod:
    """Return one method with its prices. Raises NotFound."""
    method = db.session.scalar(
        select(ShippingMethod).where(ShippingMethod.id == method_id).execution_options(populate_existing=True)
    )
    if method is None:
        raise NotFound("shipping_method_not_found")
    return _on_file(method, _rates_of(method_id))


def _rates_of(method_id: uuid.UUID) -> Sequence[ShippingRate]:
    return db.session.scalars(
        select(ShippingRate).where(ShippingRate.method_id == method_id).order_by(ShippingRate.id)
    ).all()


def _on_file(method: ShippingMethod, rates: Sequence[ShippingRate]) -> StoredMethod:
    return StoredMethod(
        method.id,
        MethodTerms(
            code=method.code,
            name=method.name,
            description=method.description,
            tax_class=method.tax_class,
            position=method.position,
            enabled=method.enabled,
            after_discounts=method.after_discounts,
            rates=tuple(
                RateTerms(tuple(rate.countries), rate.max_weight_grams, rate.min_subtotal, rate.price)
                for rate in rates
            ),
        ),
    )


@atomic
def create_method(terms: MethodTerms) -> uuid.UUID:
    """Add a way to ship and return its id. Raises InvalidValue by field; a code that is taken is one."""
    terms = _checked(terms)
    method = ShippingMethod(code=terms.code, name=terms.name)
    _write(method, terms)
    db.session.add(method)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise InvalidValue("code", "shipping_code_taken") from error
    _write_rates(method.id, terms.rates)
    touch_rules()
    return method.id


@atomic
def change_method(method_id: uuid.UUID, terms: MethodTerms, *, seen_version: int) -> bool:
    """Set everything but the code and tell whether anything was new.

    Raises NotFound, StaleVersion, InvalidValue by field.
    """
    method, now = _lock(method_id, seen_version)
    terms = _checked(replace(terms, code=now.terms.code))
    if terms == now.terms:
        return False
    _write(method, terms)
    db.session.flush()
    if terms.rates != now.terms.rates:
        db.session.execute(
            delete(ShippingRate)
            .where(ShippingRate.method_id == method_id)
            .execution_options(synchronize_session=False)
        )
        _write_rates(method_id, terms.rates)
    touch_rules()
    return True


@atomic
def delete_method(method_id: uuid.UUID, *, seen_version: int) -> None:
    """Delete a method that no order was ever shipped by. Raises NotFound, StaleVersion, Conflict when one was."""
    method, _now = _lock(method_id, seen_version)
    if db.session.scalar(select(Order.id).where(Order.shipping_method == method.code).limit(1)) is not None:
        raise Conflict("shipping_method_has_orders")
    db.session.execute(
        delete(ShippingRate)
        .where(ShippingRate.method_id == method_id)
        .execution_options(synchronize_session=False)
    )
    db.session.delete(method)
    touch_rules()


def _lock(method_id: uuid.UUID, seen_version: int) -> tuple[ShippingMethod, StoredMethod]:
    method = lock(ShippingMethod, method_id, missing=NotFound("shipping_method_not_found"))
    now = _on_file(method, _rates_of(method_id))
    check_version("shipping method", seen_version, now.version)
    return method, now


def _write(method: ShippingMethod, terms: MethodTerms) -> None:
    method.name, method.description, method.tax_class = terms.name, terms.description, terms.tax_class
    method.position, method.enabled = terms.position, terms.enabled
    method.after_discounts = terms.after_discounts


def _write_rates(method_id: uuid.UUID, rates: tuple[RateTerms, ...]) -> None:
    insert_rows(
        ShippingRate,
        [
            {
                "id": new_id(),
                "method_id": method_id,
                "countries": list(rate.countries),
                "max_weight_grams": rate.max_weight_grams,
                "min_subtotal": rate.min_subtotal,
                "price": rate.price,
            }
            for rate in rates
        ],
    )


def _checked(terms: MethodTerms) -> MethodTerms:
    """Return the terms trimmed. Raises InvalidValue for the first one that is out of bounds."""
    terms = replace(terms, name=terms.name.strip(), description=terms.description.strip())
    if not _CODE.fullmatch(terms.code):
        raise InvalidValue("code", "shipping_code_invalid")
    if not terms.name or len(terms.name) > 255:
        raise InvalidValue("name", "shipping_name_length", maximum=255)
    if len(terms.description) > 255:
        raise InvalidValue("description", "text_too_long", maximum=255)
    if not _TAX_CLASS.fullmatch(terms.tax_class):
        raise InvalidValue("tax_class", "tax_class_invalid")
    if not 0 <= terms.position <= MAX_POSITION:
        raise InvalidValue("position", "not_a_whole_number_between", minimum=0, maximum=MAX_POSITION)
    if terms.enabled and not terms.rates:
        raise InvalidValue("rates", "shipping_rate_required")
    if len(terms.rates) > MAX_RATES:
        raise InvalidValue("rates", "too_many_shipping_rates", limit=MAX_RATES)
    for rate in terms.rates:
        _check_rate(rate)
    return terms


def _check_rate(rate: RateTerms) -> None:
    if not rate.countries:
        raise InvalidValue("rates", "shipping_rate_countries_required")
    for country in rate.countries:
        if country != REST_OF_WORLD and not _COUNTRY.fullmatch(country):
            raise InvalidValue("rates", "not_a_country_code", value=str(country)[:20])
    if rate.max_weight_grams is not None and not 0 < rate.max_weight_grams <= MAX_WEIGHT:
        raise InvalidValue("rates", "shipping_weight_out_of_range", maximum=MAX_WEIGHT)
    if not (0 <= rate.price <= MAX_AMOUNT and 0 <= rate.min_subtotal <= MAX_AMOUNT):
        raise InvalidValue("rates", "price_out_of_range")
