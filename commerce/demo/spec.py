"""The shape of a demo shop: frozen records that the seeding code reads and the drawing code draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

THEME_KEYS = ("accent", "accent_ink", "paper", "ink", "muted", "line", "surface", "typeface")
TYPEFACES = ("serif", "sans", "rounded")


@dataclass(frozen=True)
class DemoPicture:
    """One picture: what it shows, in which colours, on which backdrop.

    `form` names a shape in `commerce.demo.drawing.FORMS`; `colours` gives a "#rrggbb" for each of the
    shape's slots that shall differ from its default; `backdrop` names an entry of `BACKDROPS`.
    """

    name: str
    alt: str
    form: str
    backdrop: str
    colours: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DemoVariant:
    """What is sold: prices in minor units of the shop's currency, weight in grams, stock in pieces.

    `option_values` holds one value per option axis of the product, in the order of the axes;
    `compare_at` is the former, higher price; `picture` is an index into the product's pictures.
    """

    sku: str
    option_values: tuple[str, ...]
    price: int
    weight_grams: int
    stock: int
    compare_at: int | None = None
    picture: int | None = None


@dataclass(frozen=True)
class DemoProduct:
    """A product with its variants and pictures; the description uses only p, ul, li, strong and em.

    `options` holds (axis name, its values); `tax_class` is "standard" or "reduced" (food).
    """

    slug: str
    title: str
    categories: tuple[str, ...]
    vendor: str
    description_html: str
    variants: tuple[DemoVariant, ...]
    pictures: tuple[DemoPicture, ...]
    options: tuple[tuple[str, tuple[str, ...]], ...] = ()
    tags: tuple[str, ...] = ()
    tax_class: str = "standard"


@dataclass(frozen=True)
class DemoCategory:
    """A category; `slug` is its address within the shop."""

    slug: str
    name: str
    description: str


@dataclass(frozen=True)
class DemoShop:
    """A whole shop; the order of `categories` and `products` is the order in which to show them."""

    code: str
    name: str
    tagline: str
    currency: str
    locale: str
    country: str
    prices_include_tax: bool
    hero: DemoPicture
    categories: tuple[DemoCategory, ...]
    products: tuple[DemoProduct, ...]
    theme: Mapping[str, str] = field(default_factory=dict)
