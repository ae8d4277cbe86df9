"""Choosing a variant by its options: pure functions over what a product page has loaded."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from commerce.catalog.text import slugify

RESERVED_KEYS = {"variant", "variant_id", "quantity", "csrf_token", "form_id", "picture", "q", "page", "sort"}
"""Names that forms and addresses of a product page use for other things."""
MAX_NEAR = 4

State = Literal["available", "sold_out", "missing"]


@dataclass(frozen=True, slots=True)
class SoldVariant:
    """A variant as the product page shows it. Prices are minor units; `was` is the former price, if it was higher.

    `in_stock` units are there, `available` counts those that may be promised beyond them too, which are expected on
    `ships_from` (None: nobody knows).
    """

    id: uuid.UUID
    sku: str
    values: tuple[str, ...]
    price: int
    was: int | None
    available: int
    image_id: uuid.UUID | None
    in_stock: int
    ships_from: date | None

    @property
    def sold_out(self) -> bool:
        """Whether none can be had."""
        return self.available <= 0

    @property
    def on_backorder(self) -> bool:
        """Whether it can be had only as a promise: none is there."""
        return self.in_stock <= 0 < self.available

    @property
    def label(self) -> str:
        """The option values in words, or the SKU of a variant without any."""
        return " / ".join(filter(None, self.values)) or self.sku


@dataclass(frozen=True, slots=True)
class OptionValue:
    """One value of an axis: whether it is chosen now, and what choosing it would lead to."""

    text: str
    chosen: bool
    state: State


@dataclass(frozen=True, slots=True)
class OptionAxis:
    """One option of a product, such as size. `key` is its name in forms and addresses."""

    key: str
    name: str
    values: tuple[OptionValue, ...]


@dataclass(frozen=True, slots=True)
class VariantChoice:
    """What is chosen: the variant, or None when the combination is not made, with the nearest that are."""

    axes: tuple[OptionAxis, ...]
    variant: SoldVariant | None
    near: tuple[SoldVariant, ...]


def axis_keys(names: Sequence[str]) -> list[str]:
    """Return the form name of each option: its slug, or `option-N` where that would be empty, reserved or double."""
    keys: list[str] = []
    for number, name in enumerate(names, start=1):
        key = slugify(name)
        keys.append(f"option-{number}" if not key or key in RESERVED_KEYS or key in keys else key)
    return keys


def match_variant(
    names: Sequence[str], variants: Sequence[SoldVariant], asked_for: Mapping[str, str]
) -> VariantChoice:
    """Return the variant that `asked_for` (a query string or a form) picks among `variants`, which must not be empty.

    `variant=<sku>` picks a variant by its code, `<option>=<value>` by its options. What it leaves open comes from
    the variant that fits best: in stock before promised before sold out, then in the shop's order.
    """
    keys = axis_keys(names)
    asked = {
        i: asked_for[key]
        for i, key in enumerate(keys)
        if any(v.values[i] == asked_for.get(key) for v in variants)
    }
    base = _best(variants, asked)
    if not asked and asked_for.get("variant"):
        base = next((variant for variant in variants if variant.sku == asked_for["variant"]), base)
    values = tuple(asked.get(i, base.values[i]) for i in range(len(keys)))
    chosen = next((variant for variant in variants if variant.values == values), None) if keys else base
    axes = tuple(_axis(i, keys[i], names[i], values, variants) for i in range(len(keys)))
    near = () if chosen else tuple(sorted(variants, key=lambda v: _distance(v, values))[:MAX_NEAR])
    return VariantChoice(axes, chosen, near)


def _best(variants: Sequence[SoldVariant], asked: Mapping[int, str]) -> SoldVariant:
    """Return the variant that matches most values; of equals an available one, of those the first."""
    return min(
        variants,
        key=lambda v: (sum(v.values[i] != value for i, value in asked.items()), v.sold_out, v.on_backorder),
    )


def _distance(variant: SoldVariant, values: Sequence[str]) -> tuple[int, bool]:
    return sum(a != b for a, b in zip(variant.values, values, strict=True)), variant.sold_out


def _axis(
    index: int, key: str, name: str, values: tuple[str, ...], variants: Sequence[SoldVariant]
) -> OptionAxis:
    """Describe one axis; the state of a value is what it gives together with the values chosen on the other axes."""
    texts = dict.fromkeys(variant.values[index] for variant in variants)
    by_values = {variant.values: variant for variant in reversed(variants)}
    shown = []
    for text in texts:
        variant = by_values.get((*values[:index], text, *values[index + 1 :]))
        state: State = "missing" if variant is None else "sold_out" if variant.sold_out else "available"
        shown.append(OptionValue(text, text == values[index], state))
    return OptionAxis(key, name, tuple(shown))
