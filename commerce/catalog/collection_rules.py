"""The rules of a collection: conditions on products, as staff write them down and as the database evaluates them.

A condition about stock is never evaluated for a row that is kept: stock changes with every order. What a product is
otherwise decides whether the question is left open, and it is answered when the collection is read.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
)

from commerce.catalog.models import Category, Collection
from commerce.catalog.tables import CATEGORIES, PRODUCT_CATEGORIES, PRODUCTS, VARIANTS, sold
from commerce.catalog.text import FieldLimits, clean_line
from commerce.db import TENANT, db, dialect_name
from commerce.errors import InvalidValue
from commerce.money import MAX_AMOUNT

FACTS = ("tag", "title", "vendor", "product_type", "price", "stock", "category")
"""What a condition may be about."""
MATCHES = ("all", "any")
STOCK = ("in", "out")
ANY_STOCK = "any"
MAX_CONDITIONS = 30
MAX_TEXT = FieldLimits().line


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: `fact` says what about, `value` what it has to be.

    A tag, a vendor, a product type and a part of a title are compared without regard to case; `value` of stock is 'in'
    (can be bought) or 'out', of a category its id: products below it count, too. The lowest price of a product on sale
    has to be from `low` to `high` minor units, None for no bound.
    """

    fact: str
    value: str = ""
    low: int | None = None
    high: int | None = None


def stored(conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    """Return conditions as a collection keeps them."""
    return [
        {"fact": each.fact, "low": each.low, "high": each.high}
        if each.fact == "price"
        else {"fact": each.fact, "value": each.value}
        for each in conditions
    ]


def conditions_of(collection: Collection) -> tuple[Condition, ...]:
    """Return the conditions of a collection."""
    return read_conditions(collection.conditions)


def read_conditions(kept: Sequence[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Return conditions that `stored` has made."""
    return tuple(Condition(**each) for each in kept)


def checked_conditions(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return conditions as they are kept, the same ones once. Raises InvalidValue at `conditions.<number>.<field>`."""
    if not conditions:
        raise InvalidValue("conditions", "collection_condition_required")
    if len(conditions) > MAX_CONDITIONS:
        raise InvalidValue("conditions", "too_many_conditions", limit=MAX_CONDITIONS)
    checked = []
    for number, each in enumerate(conditions):
        try:
            checked.append(_checked(each))
        except InvalidValue as error:
            raise error.at(f"conditions.{number}.{error.field}") from error
    wanted = {uuid.UUID(each.value) for each in checked if each.fact == "category"}
    known = set(db.session.scalars(select(Category.id).where(Category.id.in_(wanted)))) if wanted else set()
    for number, each in enumerate(checked):
        if each.fact == "category" and uuid.UUID(each.value) not in known:
            raise InvalidValue(f"conditions.{number}.value", "category_gone")
    return tuple(dict.fromkeys(checked))


def check_stored(kept: Sequence[Any]) -> None:
    """Check conditions that somebody else may have stored. Raises InvalidValue."""
    if len(kept) > MAX_CONDITIONS:
        raise InvalidValue("conditions", "too_many_conditions", limit=MAX_CONDITIONS)
    for each in kept:
        if not isinstance(each, dict) or not all(
            isinstance(value, str) if name in ("fact", "value") else type(value) in (int, type(None))
            for name, value in each.items()
        ):
            raise InvalidValue("conditions", "unknown_choice")
        if stored([_checked(Condition(**_known(each)))]) != [each]:
            raise InvalidValue("conditions", "unknown_choice")


def _known(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {name: kept[name] for name in ("value", "low", "high") if name in kept} | {
        "fact": kept.get("fact", "")
    }


def _checked(condition: Condition) -> Condition:
    if condition.fact not in FACTS:
        raise InvalidValue("fact", "unknown_choice")
    if condition.fact == "price":
        return _checked_price(condition)
    value = clean_line(condition.value)
    if not value:
        raise InvalidValue("value", "condition_value_required")
    if len(value) > MAX_TEXT:
        raise InvalidValue("value", "text_too_long", maximum=MAX_TEXT)
    if condition.fact == "stock" and value not in STOCK:
        raise InvalidValue("value", "unknown_choice")
    if condition.fact == "category":
        try:
            value = str(uuid.UUID(value))
        except ValueError as error:
            raise InvalidValue("value", "category_gone") from error
    return Condition(condition.fact, value)


def _checked_price(condition: Condition) -> Condition:
    low, high = condition.low, condition.high
    if low is None and high is None:
        raise InvalidValue("low", "price_bound_required")
    for field, amount in (("low", low), ("high", high)):
        if amount is not None and not 0 <= amount <= MAX_AMOUNT:
            raise InvalidValue(field, "price_out_of_range")
    if low is not None and high is not None and low > high:
        raise InvalidValue("high", "price_bounds_reversed")
    return Condition("price", low=low, high=high)


# --- as the database evaluates them -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of a collection as two expressions over `PRODUCTS`; they need the parameter `tenant`.

    `belongs` tells whether a product belongs to the collection, now or with another stock; `stock` is what its row
    says about that.
    """

    belongs: ColumnElement[bool]
    stock: ColumnElement[str]


def lowest_price() -> ColumnElement[int]:
    """Return the lowest price of a product's variants on sale, NULL when there are none."""
    return (
        select(func.min(VARIANTS.c.price))
        .where(
            VARIANTS.c.tenant_id == TENANT,
            VARIANTS.c.product_id == PRODUCTS.c.id,
            VARIANTS.c.active,
        )
        .correlate(PRODUCTS)
        .scalar_subquery()
    )


def rule_of(conditions: Sequence[Condition], matches: str) -> Rule:
    """Return the rule of checked conditions for the database that is used. Only products on sale meet it."""
    asked = {each.value for each in conditions if each.fact == "stock"}
    others = [_BUILD[each.fact](each) for each in conditions if each.fact != "stock"]
    whatever = literal(ANY_STOCK, String())
    stock = literal(next(iter(asked)), String()) if len(asked) == 1 else whatever
    if matches == "all":
        # Nothing is in stock and sold out at once.
        met = false() if len(asked) > 1 else and_(true(), *others)
        return Rule(and_(sold(), met), stock)
    met = or_(false(), *others)
    if not asked:
        return Rule(and_(sold(), met), stock)
    return Rule(sold(), case((met, whatever), else_=stock))


def holds_now(
    stock: ColumnElement[str], available: ColumnElement[bool], sold_out: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Return the condition that a product with this `stock` belongs to its collection at present.

    `available` is the condition that it can be bought, `sold_out` that it cannot: the stock room above us knows.
    """
    return or_(stock == ANY_STOCK, and_(stock == "in", available), and_(stock == "out", sold_out))


def _tag(condition: Condition) -> ColumnElement[bool]:
    wanted = func.lower(literal(condition.value, String()))
    if dialect_name() == "postgresql":
        each = func.jsonb_array_elements_text(PRODUCTS.c.tags).column_valued("tag")
        found = select(literal(1)).where(func.lower(each) == wanted)
    else:
        row = func.json_each(PRODUCTS.c.tags).table_valued("value")
        found = select(literal(1)).select_from(row).where(func.lower(row.c.value) == wanted)
    return found.correlate(PRODUCTS).exists()


def _title(condition: Condition) -> ColumnElement[bool]:
    part = func.lower(literal(condition.value, String()))
    # No pattern: signs that LIKE knows are letters here.
    find = func.strpos if dialect_name() == "postgresql" else func.instr
    return find(func.lower(PRODUCTS.c.title), part) > 0


def _vendor(condition: Condition) -> ColumnElement[bool]:
    return func.lower(PRODUCTS.c.vendor) == func.lower(literal(condition.value, String()))


def _product_type(condition: Condition) -> ColumnElement[bool]:
    return func.lower(PRODUCTS.c.product_type) == func.lower(literal(condition.value, String()))


def _price(condition: Condition) -> ColumnElement[bool]:
    price = lowest_price()
    bounds = [] if condition.low is None else [price >= condition.low]
    return and_(*bounds, *([] if condition.high is None else [price <= condition.high]))


def _category(condition: Condition) -> ColumnElement[bool]:
    wanted = uuid.UUID(condition.value)
    child, above = CATEGORIES.alias("child"), CATEGORIES.alias("above")
    second = select(above.c.id).where(above.c.tenant_id == TENANT, above.c.parent_id == wanted)
    branch = select(child.c.id).where(
        child.c.tenant_id == TENANT,
        or_(child.c.id == wanted, child.c.parent_id == wanted, child.c.parent_id.in_(second)),
    )
    return (
        exists()
        .where(
            PRODUCT_CATEGORIES.c.tenant_id == TENANT,
            PRODUCT_CATEGORIES.c.product_id == PRODUCTS.c.id,
            PRODUCT_CATEGORIES.c.category_id.in_(branch),
        )
        .correlate(PRODUCTS)
    )


_BUILD: Mapping[str, Callable[[Condition], ColumnElement[bool]]] = {
    "tag": _tag,
    "title": _title,
    "vendor": _vendor,
    "product_type": _product_type,
    "price": _price,
    "category": _category,
}
