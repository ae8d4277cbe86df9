"""Collections as staff arrange them: texts, rules or chosen products; and those that visitors may see."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import BigInteger, Integer, Select, Uuid, bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from commerce.catalog.collection_members import rebuild, rows_of
from commerce.catalog.collection_rules import MATCHES, Condition, checked_conditions, stored
from commerce.catalog.html_cleaning import clean_html
from commerce.catalog.models import Collection, CollectionProduct, Product
from commerce.catalog.tables import COLLECTIONS
from commerce.catalog.text import FieldLimits, clean_line, make_slug, slugify
from commerce.db import TENANT, atomic, current_tenant_id, db, execute_many, fetch_all, insert_rows, lock
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.redirects.services import forget_redirect, keep_redirect
from commerce.tenants.services import touch_catalogue

LIMITS = FieldLimits()
KINDS = ("chosen", "rules")
ORDERS = ("newest", "price", "-price", "title", "manual")
MAX_COLLECTIONS = 200
MAX_CHOSEN = 500
"""Products that can be chosen for a collection by hand: as many as somebody puts in order."""
MAX_SEO_TITLE = 200
MAX_SEO_DESCRIPTION = 500
_row_id = bindparam("row_id", type_=Uuid())
_position = bindparam("place", type_=BigInteger())


@dataclass(frozen=True, slots=True)
class CollectionValues:
    """A collection as staff write it down. Without a slug one is made from the title.

    `kind` counts for a new one alone; `matches` and `conditions` are those of a collection by rules.
    """

    title: str
    slug: str = ""
    description_html: str = ""
    published: bool = True
    kind: str = "rules"
    matches: str = "all"
    conditions: Sequence[Condition] = ()
    product_order: str = "newest"
    seo_title: str = ""
    seo_description: str = ""


class CollectionLink(NamedTuple):
    """A collection that visitors may see. `picture` is a file under the media folder, '' for none."""

    id: uuid.UUID
    slug: str
    title: str
    picture: str

    @property
    def path(self) -> str:
        """The address of the collection's page."""
        return quote(collection_path(self.slug))


def collection_path(slug: str) -> str:
    """Return the address of a collection's page, as people write it."""
    return f"/collections/{slug}"


def published_collections(limit: int = MAX_COLLECTIONS) -> tuple[CollectionLink, ...]:
    """Return the collections that visitors may see, by title. One statement."""
    return tuple(CollectionLink(*row) for row in fetch_all(_PUBLISHED, limit=limit))


_PUBLISHED = (
    select(COLLECTIONS.c.id, COLLECTIONS.c.slug, COLLECTIONS.c.title, COLLECTIONS.c.picture)
    .where(COLLECTIONS.c.tenant_id == TENANT, COLLECTIONS.c.published)
    .order_by(func.lower(COLLECTIONS.c.title), COLLECTIONS.c.id)
    .limit(bindparam("limit", type_=Integer()))
)


def get_collection(collection_id: uuid.UUID) -> Collection:
    """Return a collection. Raises NotFound."""
    row = db.session.scalar(select(Collection).where(Collection.id == collection_id))
    if row is None:
        raise NotFound("collection_not_found")
    return row


# --- changes ----------------------------------------------------------------------------------------


@atomic
def create_collection(values: CollectionValues) -> uuid.UUID:
    """Add a collection with the products that meet its rules, and return its id. Raises InvalidValue."""
    if values.kind not in KINDS:
        raise InvalidValue("kind", "unknown_choice")
    touch_catalogue()  # one change of collections and products at a time
    checked = _checked(values, values.kind)
    if (db.session.scalar(select(func.count(Collection.id))) or 0) >= MAX_COLLECTIONS:
        raise InvalidValue("title", "too_many_collections", limit=MAX_COLLECTIONS)
    _refuse_taken(checked["slug"])
    row = Collection(kind=values.kind, **checked)
    db.session.add(row)
    _flush()
    forget_redirect(collection_path(row.slug))
    if row.kind == "rules":
        rebuild(row)
    return row.id


@atomic
def change_collection(collection_id: uuid.UUID, values: CollectionValues, *, seen_version: int) -> bool:
    """Set what staff wrote and tell whether anything was new. A former address leads to the new one.

    Raises NotFound, StaleVersion, InvalidValue.
    """
    touch_catalogue()  # one change of collections and products at a time
    row = _lock(collection_id, seen_version)
    checked = _checked(values, row.kind)
    new = {name: value for name, value in checked.items() if getattr(row, name) != value}
    if not new:
        return False
    former = row.slug
    if "slug" in new:
        _refuse_taken(checked["slug"])
    for name, value in new.items():
        setattr(row, name, value)
    _flush()
    if "slug" in new:
        forget_redirect(collection_path(row.slug))
        keep_redirect(collection_path(former), quote(collection_path(row.slug)))
    if row.kind == "rules" and ("conditions" in new or "matches" in new):
        rebuild(row)
    return True


@atomic
def delete_collection(collection_id: uuid.UUID, *, seen_version: int) -> None:
    """Delete a collection; its products stay. Raises NotFound, StaleVersion."""
    touch_catalogue()  # one change of collections and products at a time
    row = _lock(collection_id, seen_version)
    db.session.delete(row)


@atomic
def set_collection_picture(collection_id: uuid.UUID, file: str, *, seen_version: int) -> None:
    """Show a stored picture ('' for none) with a collection. Raises NotFound, StaleVersion, InvalidValue."""
    refuse_foreign_picture(current_tenant_id(), file)
    touch_catalogue()
    _lock(collection_id, seen_version).picture = file


def refuse_foreign_picture(tenant_id: uuid.UUID, file: str) -> None:
    """Raise InvalidValue for a picture that is not one of the shop's files; '' is none."""
    if file and not file.startswith(f"{tenant_id}/"):
        raise InvalidValue("picture", "picture_not_uploaded")


def checked_texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return title, slug, description and texts for search engines as they are stored. Raises InvalidValue."""
    title = clean_line(values["title"])
    if not 0 < len(title) <= LIMITS.line:
        raise InvalidValue("title", "collection_title_length", maximum=LIMITS.line)
    typed = values["slug"].strip()
    slug = slugify(typed) if typed else make_slug(title, LIMITS.slug)
    if not 0 < len(slug) <= LIMITS.slug:
        raise InvalidValue("slug", "slug_invalid", maximum=LIMITS.slug)
    texts = {
        "description_html": (clean_html(values["description_html"], own_links=True), LIMITS.body),
        "seo_title": (clean_line(values["seo_title"]), MAX_SEO_TITLE),
        "seo_description": (clean_line(values["seo_description"]), MAX_SEO_DESCRIPTION),
    }
    for field, (text, longest) in texts.items():
        if len(text) > longest:
            raise InvalidValue(field, "text_too_long", maximum=longest)
    return {"title": title, "slug": slug, **{field: text for field, (text, _longest) in texts.items()}}


def _checked(values: CollectionValues, kind: str) -> dict[str, Any]:
    texts = checked_texts(
        {name: getattr(values, name) for name in (*_TEXTS, "slug")},
    )
    orders = [order for order in ORDERS if order != "manual" or kind == "chosen"]
    if values.product_order not in orders:
        raise InvalidValue("product_order", "product_order_unknown")
    checked = {**texts, "published": values.published, "product_order": values.product_order}
    if kind == "chosen":
        return checked
    if values.matches not in MATCHES:
        raise InvalidValue("matches", "unknown_choice")
    conditions = stored(checked_conditions(values.conditions))
    return {**checked, "matches": values.matches, "conditions": conditions}


_TEXTS = ("title", "description_html", "seo_title", "seo_description")


def _refuse_taken(slug: str) -> None:
    if db.session.scalar(select(Collection.id).where(Collection.slug == slug)) is not None:
        raise InvalidValue("slug", "collection_slug_taken")


def _flush() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise InvalidValue("slug", "collection_slug_taken") from error


def _lock(collection_id: uuid.UUID, seen_version: int | None = None) -> Collection:
    missing = NotFound("collection_not_found")
    return lock(Collection, collection_id, missing=missing, version=seen_version)


# --- products chosen by hand --------------------------------------------------------------------------


def chosen_products() -> Select[uuid.UUID, str, str, str, int]:
    """Return the statement for the products of collections in their order by hand."""
    return (
        select(Product.id, Product.slug, Product.title, Product.status, CollectionProduct.position)
        .join(
            Product,
            (Product.tenant_id == CollectionProduct.tenant_id) & (Product.id == CollectionProduct.product_id),
        )
        .order_by(CollectionProduct.position, CollectionProduct.product_id)
    )


@atomic
def add_chosen(collection_id: uuid.UUID, product_ids: Sequence[uuid.UUID]) -> int:
    """Add products to the end of a collection and return how many were new in it. Raises NotFound, Conflict."""
    order = _lock_chosen(collection_id)
    known = [row for row in rows_of(list(dict.fromkeys(product_ids))) if row.product_id not in order]
    if len(order) + len(known) > MAX_CHOSEN:
        raise Conflict("too_many_chosen_products", limit=MAX_CHOSEN)
    places = {product_id: place for place, product_id in enumerate(product_ids)}
    known.sort(key=lambda row: places[row.product_id])
    last = max(order.values(), default=0)
    insert_rows(
        CollectionProduct,
        [
            {**row._asdict(), "collection_id": collection_id, "position": place}
            for place, row in enumerate(known, start=last + 1)
        ],
    )
    return len(known)


@atomic
def remove_chosen(collection_id: uuid.UUID, product_id: uuid.UUID) -> None:
    """Take a product out of a collection. Raises NotFound, Conflict."""
    _lock_chosen(collection_id)
    gone = delete(CollectionProduct).where(
        CollectionProduct.collection_id == collection_id, CollectionProduct.product_id == product_id
    )
    db.session.execute(gone.execution_options(synchronize_session=False))


@atomic
def move_chosen(collection_id: uuid.UUID, product_id: uuid.UUID, to: str) -> None:
    """Put a product of a collection to the 'top', or one place 'up' or 'down'. Raises NotFound, Conflict."""
    before = _lock_chosen(collection_id)
    if product_id not in before:
        raise NotFound("product_not_found")
    order = list(before)
    place = order.index(product_id)
    order.remove(product_id)
    order.insert({"up": max(0, place - 1), "down": place + 1}.get(to, 0), product_id)
    places = {key: number for number, key in enumerate(order, start=1)}
    changes = [{"row_id": key, "place": new} for key, new in places.items() if before[key] != new]
    table: Any = CollectionProduct.__table__
    statement = (
        update(table)
        .where(
            table.c.tenant_id == current_tenant_id(),
            table.c.collection_id == collection_id,
            table.c.product_id == _row_id,
        )
        .values(position=_position)
    )
    if changes:
        execute_many(statement, changes)


def _lock_chosen(collection_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """Return the products of a collection with their places, in order. A step. Raises NotFound, Conflict."""
    touch_catalogue()
    row = _lock(collection_id)
    if row.kind != "chosen":
        raise Conflict("collection_has_rules")
    inside = chosen_products().where(CollectionProduct.collection_id == collection_id)
    return {each.id: each.position for each in db.session.execute(inside)}
