"""Requests and responses of the collection operations."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from commerce.api.schemas import Amount, Moment, PageQuery, ResponseModel, amount
from commerce.catalog.collection_rules import Condition, conditions_of
from commerce.catalog.models import Collection
from commerce.tenants.scope import current_shop


class CollectionQuery(PageQuery):
    """Pagination of the list of collections."""


class CollectedQuery(PageQuery):
    """Pagination of the products of a collection."""


class ConditionOut(ResponseModel):
    """A condition of a collection."""

    fact: Literal["tag", "title", "vendor", "product_type", "price", "stock", "category"] = Field(
        description="What the condition is about."
    )
    value: str | None = Field(
        description="A tag, a part of a title, a vendor, a product type, `in` or `out` of stock, or the code of a "
        "category. Null for a price.",
        examples=["sale"],
    )
    min_price: Amount | None = Field(description="For a price: the lowest, null for no bound.")
    max_price: Amount | None = Field(description="For a price: the highest, null for no bound.")


class CollectionOut(ResponseModel):
    """A collection of products."""

    code: str = Field(description="The last part of its address in the shop.", examples=["winter-sale"])
    version: int
    title: str = Field(examples=["Winter sale"])
    description: str = Field(description="HTML.", examples=["<p>Until the end of March.</p>"])
    picture: str | None = Field(examples=["https://example.com/media/winter.webp"])
    is_published: bool
    kind: Literal["chosen", "rules"] = Field(
        description="`chosen`: by hand. `rules`: the products that meet the conditions."
    )
    matches: Literal["all", "any"] | None = Field(
        description="Whether a product must meet all conditions or any of them. Null if chosen by hand."
    )
    conditions: list[ConditionOut]
    product_order: Literal["newest", "price", "-price", "title", "manual"]
    seo_title: str
    seo_description: str
    updated_at: Moment


class CollectionList(ResponseModel):
    """A page of collections, newest first."""

    items: list[CollectionOut]
    next_cursor: str | None


def collection_out(collection: Collection, categories: Mapping[uuid.UUID, str], base: str) -> CollectionOut:
    """Return a collection for a response. `categories` are slugs by id, `base` is the URL of the shop."""
    by_rules = collection.kind == "rules"
    conditions = conditions_of(collection) if by_rules else ()
    facts: dict[str, Any] = {
        name: getattr(collection, name)
        for name in (
            "version",
            "title",
            "kind",
            "product_order",
            "seo_title",
            "seo_description",
            "updated_at",
        )
    }
    facts["matches"] = collection.matches if by_rules else None
    return CollectionOut(
        **facts,
        code=collection.slug,
        description=collection.description_html,
        picture=f"{base}/media/{collection.picture}" if collection.picture else None,
        is_published=collection.published,
        conditions=[_condition_out(each, categories) for each in conditions],
    )


def _condition_out(condition: Condition, categories: Mapping[uuid.UUID, str]) -> ConditionOut:
    currency = current_shop().currency
    value: str | None = condition.value or None
    if condition.fact == "category":
        value = categories.get(uuid.UUID(condition.value))
    low, high = (
        None if bound is None else amount(bound, currency) for bound in (condition.low, condition.high)
    )
    facts: dict[str, Any] = {"fact": condition.fact, "value": value}
    return ConditionOut(**facts, min_price=low, max_price=high)
