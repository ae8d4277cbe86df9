"""Lists of products, hidden ones too. Plain columns, one statement each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, select, union, union_all

from commerce.admin.queries import page_by_keys
from commerce.catalog.categories import category_tree
from commerce.catalog.models import TITLE_KEY, Category, Product, ProductImage, Variant
from commerce.catalog.search import MatchingProducts, products_of_code
from commerce.catalog.tables import PRODUCTS
from commerce.catalog.validation import STATUSES
from commerce.db import TENANT, db, fetch_all
from commerce.errors import NotFound
from commerce.inventory.availability import units_in_stock
from commerce.inventory.locations import list_locations
from commerce.inventory.models import Location, StockItem
from commerce.list_queries import bounded_count, bounded_counts
from commerce.paging import MOST_COUNTED, Page


@dataclass(frozen=True, slots=True)
class ListFilter:
    """What the list of products is narrowed to. `product_type` and `vendor` are exact."""

    search: str = ""
    status: str = ""
    product_type: str = ""
    vendor: str = ""

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions beside the search and the status, which the tabs above the list are for."""
        given = ((Product.product_type, self.product_type), (Product.vendor, self.vendor))
        return [column == text for column, text in given if text]


@dataclass(frozen=True, slots=True)
class FoundProducts:
    """What the filter finds whatever the status. `total` is bounded."""

    conditions: tuple[ColumnElement[bool], ...]
    total: int
    too_many: bool = False
    """Whether they are not counted for each status."""


def search_products(wanted: ListFilter) -> FoundProducts:
    """Return what a filter finds: by the words of the shop's search, or by a whole SKU or barcode. A step."""
    given = wanted.conditions
    if not wanted.search:
        return FoundProducts((*given,), bounded_count(select(Product.id).where(*given)))
    found = MatchingProducts(wanted.search)
    by_words = [] if found.ids is None else [found.ids]
    if found.too_many:
        total = found.total
        if given:
            total = bounded_count(select(Product.id).where(*given, Product.id.in_(*by_words)))
        return FoundProducts((*given, found.holds(Product.id)), total, too_many=True)
    conditions = (*given, Product.id.in_(union(*by_words, *products_of_code(wanted.search))))
    return FoundProducts(conditions, bounded_count(select(Product.id).where(*conditions)))


def list_products(found: FoundProducts, *, status: str = "", page: int = 1) -> Page[Any]:
    """Return a page of products by title: picture, variants, prices (minor units), units available."""
    conditions = [*found.conditions, *([Product.status == status] if status else [])]
    total = found.total
    if status:
        total = MOST_COUNTED + 1 if found.too_many else bounded_count(select(Product.id).where(*conditions))
    keys = select(Product.tenant_id, Product.id).where(*conditions).order_by(TITLE_KEY, Product.id)

    def rows(page_of_keys: Any) -> Any:
        key = (Product.tenant_id == page_of_keys.c.tenant_id) & (Product.id == page_of_keys.c.id)
        return (
            select(
                Product.id,
                Product.slug,
                Product.title,
                Product.status,
                _of_variants(func.count(Variant.id)).label("variants"),
                _of_variants(func.min(Variant.price)).label("lowest"),
                _of_variants(func.max(Variant.price)).label("highest"),
                _units_available().label("available"),
                _first_picture().label("picture"),
            )
            .join(page_of_keys, key)
            .order_by(TITLE_KEY, Product.id)
        )

    return page_by_keys(keys, total, page, rows)


def _of_variants(fact: Any) -> Any:
    return select(fact).where(*_VARIANT_OF_PRODUCT).correlate(Product).scalar_subquery()


def _first_picture() -> Any:
    """Return the file of a product's first picture that is here, NULL without one."""
    return (
        select(ProductImage.file)
        .where(
            ProductImage.tenant_id == Product.tenant_id,
            ProductImage.product_id == Product.id,
            ProductImage.file != "",
        )
        .order_by(ProductImage.position, ProductImage.id)
        .limit(1)
        .correlate(Product)
        .scalar_subquery()
    )


def _units_available() -> Any:
    return (
        select(func.coalesce(func.sum(units_in_stock(StockItem)), 0))
        .join(Variant, and_(Variant.tenant_id == StockItem.tenant_id, Variant.id == StockItem.variant_id))
        .where(*_VARIANT_OF_PRODUCT)
        .correlate(Product)
        .scalar_subquery()
    )


_VARIANT_OF_PRODUCT = (
    Variant.tenant_id == Product.tenant_id,
    Variant.product_id == Product.id,
    Variant.active,
)


def matching_products(wanted: ListFilter) -> Select[uuid.UUID, int]:
    """Return the statement for the id and version of every product that the list's filter finds. A step."""
    found = search_products(wanted)
    statement = select(Product.id, Product.version).where(*found.conditions).order_by(Product.id)
    return statement.where(Product.status == wanted.status) if wanted.status else statement


def chosen_products(ids: Sequence[uuid.UUID]) -> Select[uuid.UUID, int]:
    """Return the statement for the id and version of these products."""
    return select(Product.id, Product.version).where(Product.id.in_(ids)).order_by(Product.id)


def category_ids() -> list[tuple[str, str]]:
    """Return the id and name of each category, in the order of the shop."""
    rows = db.session.execute(
        select(Category.id, Category.name).order_by(Category.position, func.lower(Category.name), Category.id)
    )
    return [(str(row.id), row.name) for row in rows]


def count_products(found: FoundProducts) -> dict[str, int]:
    """Return how many there are in all by '' and in each status, bounded; of too many found ones, only how many."""
    counts = {"": found.total}
    if found.too_many:
        return counts
    every = select(Product.id).where(*found.conditions)
    return counts | bounded_counts({status: every.where(Product.status == status) for status in STATUSES})


def get_product(slug: str) -> Product:
    """Return a product by its slug, whatever its status. Raises NotFound."""
    found = db.session.scalar(
        select(Product).where(Product.slug == slug).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("product_not_found")
    return found


def find_product(slug: str) -> Product:
    """Return the product that an address of the back office names, whatever its status. Raises NotFound."""
    if not slug.isprintable() or len(slug) > 255:
        raise NotFound("product_not_found")
    return get_product(slug)


def variants_of(product_id: uuid.UUID) -> Sequence[Variant]:
    """Return all variants of a product in their order, inactive ones too."""
    return db.session.scalars(
        select(Variant)
        .where(Variant.product_id == product_id)
        .order_by(Variant.position, Variant.id)
        .execution_options(populate_existing=True)
    ).all()


def images_of(product_id: uuid.UUID) -> Sequence[ProductImage]:
    """Return the pictures of a product in their order."""
    return db.session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id == product_id)
        .order_by(ProductImage.position, ProductImage.id)
        .execution_options(populate_existing=True)
    ).all()


def slug_of(product_id: uuid.UUID) -> str:
    """Return the address of a product. Raises NotFound."""
    slug = db.session.scalar(select(Product.slug).where(Product.id == product_id))
    if slug is None:
        raise NotFound("product_not_found")
    return slug


def category_choices() -> list[tuple[str, str]]:
    """Return the slug of each category with its names from the top of the tree, in the order of the shop."""
    return [(node.slug, " › ".join(node.trail)) for node in category_tree()]


def location_choices() -> list[tuple[str, str]]:
    """Return the code and name of each location, in the order in which they are asked."""
    return [(row.code, row.name) for row in list_locations()]


def location_id(code: str) -> uuid.UUID:
    """Return the id of a location. Raises NotFound."""
    found = db.session.scalar(select(Location.id).where(Location.code == code))
    if found is None:
        raise NotFound("location_not_found")
    return found


KNOWN_FIELDS = ("product_type", "vendor")
MOST_KNOWN = 200
"""Types or vendors that a list offers; of more the first are offered, and any can be typed."""


def known_values() -> dict[str, list[str]]:
    """Return the types and the vendors that the shop's products have, by the name of the column, sorted."""
    found: dict[str, list[str]] = {name: [] for name in KNOWN_FIELDS}
    for name, value in fetch_all(_KNOWN):
        found[name].append(value)
    return {name: sorted(values, key=str.casefold) for name, values in found.items()}


def _each_value(name: str) -> Select[Any]:
    """Return the statement for the values of a column, each once.

    It steps from each to the next in the index, so it costs as much as there are values, not products.
    """
    column = PRODUCTS.c[name]
    least = select(func.min(column).label("value")).where(PRODUCTS.c.tenant_id == TENANT, column != "")
    step = least.cte(f"each_{name}", recursive=True)
    following = least.where(column > step.c.value).scalar_subquery()
    step = step.union_all(select(following).where(step.c.value.is_not(None)))
    return (
        select(literal(name).label("name"), step.c.value).where(step.c.value.is_not(None)).limit(MOST_KNOWN)
    )


_KNOWN = union_all(*(select(_each_value(name).subquery()) for name in KNOWN_FIELDS))
