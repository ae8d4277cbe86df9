"""Shorthand for writing the catalogue down: one call per product, its variants spelled out by axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product as combinations

from commerce.demo.spec import DemoPicture, DemoProduct, DemoVariant

Axis = tuple[str, tuple[tuple[str, str], ...]]
PerValue = int | Mapping[str, int]


def axis(name: str, **values: str) -> Axis:
    """An option axis: `axis("Colour", MOS="Moss")`; the key is the value's part of the SKU."""
    return name, tuple((value, code.strip("_")) for code, value in values.items())


def shots(form: str, alt: str, *looks: tuple[str, str, Mapping[str, str]]) -> tuple[DemoPicture, ...]:
    """One picture per look (word, backdrop, colours); "{}" in the alternative text becomes the word.

    The word is the variants' own word for the look, or a short name when there is one look only.
    """
    pictures = []
    for look, backdrop, colours in looks:
        name = f"{form}-{look.lower().replace(' ', '-')}"
        pictures.append(DemoPicture(name, alt.format(look.lower()), form, backdrop, tuple(colours.items())))
    return tuple(pictures)


def product(
    slug: str,
    title: str,
    categories: str,
    vendor: str,
    text: str,
    *points: str,
    sku: str,
    price: PerValue,
    grams: PerValue,
    stock: Sequence[int],
    pictures: tuple[DemoPicture, ...],
    axes: Sequence[Axis] = (),
    was: Mapping[str, int] | None = None,
    follow: str | None = None,
    tags: str = "",
    tax_class: str = "standard",
) -> DemoProduct:
    """A product with a variant for every combination of its axes; the points become the list under the text.

    `price` (minor units) and `grams` are one figure or a figure per value of one axis; `was` gives a
    former price to the variants whose SKU ends so; `stock` is in the order of the variants; the picture
    follows the axis named `follow`. Raises ValueError when stock and variants differ in number.
    """
    variants = []
    picked = [name for name, _ in axes].index(follow) if follow else None
    combos = list(combinations(*(values for _, values in axes)))
    if len(combos) != len(stock):
        raise ValueError(f"{slug}: {len(combos)} variants, stock for {len(stock)}")
    for combo, pieces in zip(combos, stock, strict=True):
        values = tuple(value for value, _ in combo)
        code = "-".join((sku, *(part for _, part in combo)))
        former = next((old for end, old in (was or {}).items() if code.endswith(end)), None)
        number = 0 if picked is None else [value for value, _ in axes[picked][1]].index(values[picked])
        variants.append(
            DemoVariant(code, values, _figure(price, values), _figure(grams, values), pieces, former, number)
        )
    html = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
    html += "<ul>" + "".join(f"<li>{point}</li>" for point in points) + "</ul>"
    return DemoProduct(
        slug,
        title,
        tuple(categories.split()),
        vendor,
        html,
        tuple(variants),
        pictures,
        tuple((name, tuple(value for value, _ in values)) for name, values in axes),
        tuple(tags.split()),
        tax_class,
    )


def _figure(figures: PerValue, values: Sequence[str]) -> int:
    """The figure that applies to a variant with these option values; raises KeyError when none does."""
    if isinstance(figures, int):
        return figures
    for value in values:
        if value in figures:
            return figures[value]
    raise KeyError(f"no figure for {values}")
