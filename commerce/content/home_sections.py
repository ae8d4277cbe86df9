"""The sections of the home page: as visitors see them, and as staff work on them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from sqlalchemy import Table, and_, bindparam, select

from commerce.catalog.collections import collection_path
from commerce.catalog.tables import CATEGORIES, COLLECTIONS
from commerce.content.models import HomePage, HomeSection
from commerce.db import TENANT, db, fetch_all

HOME_PAGES, SECTIONS = (cast("Table", model.__table__) for model in (HomePage, HomeSection))


class Section(NamedTuple):
    """A section with name, order and path of what its products are; `problem` is why it is not shown: that is
    'deleted' or 'unpublished'."""

    id: uuid.UUID
    kind: str
    title: str
    body_html: str
    button_label: str
    button_address: str
    picture: str
    picture_alt: str
    source: str
    source_id: uuid.UUID | None
    most: int
    source_name: str
    product_order: str
    path: str
    problem: str


class EditedHome(NamedTuple):
    """The home page as staff work on it. `changed` tells that the draft is not what visitors see."""

    version: int
    published_at: datetime | None
    sections: tuple[Section, ...]
    changed: bool


def sections_of(stage: str) -> tuple[Section, ...]:
    """Return the sections of the 'draft' or of what was 'published', in order. One statement."""
    return tuple(_section(row) for row in fetch_all(_SECTIONS, stage=stage))


def edited_home() -> EditedHome | None:
    """Return the home page as staff work on it, None before anybody has edited it. Three statements."""
    page = db.session.scalar(select(HomePage))
    if page is None:
        return None
    draft, published = sections_of("draft"), sections_of("published")
    changed = [each[1:] for each in draft] != [each[1:] for each in published]
    return EditedHome(page.version, page.published_at, draft, changed)


def _section(row: Any) -> Section:
    name, order, path, problem = "", "newest", "", ""
    if row.kind == "products" and row.source == "newest":
        path = "/search"
    elif row.kind == "products" and row.category_slug is not None:
        name, order = row.category_name, row.category_order
        path = f"/categories/{quote(row.category_slug)}"
    elif row.kind == "products" and row.collection_slug is not None:
        name, order = row.collection_title, row.collection_order
        path = quote(collection_path(row.collection_slug))
        problem = "" if row.collection_published else "unpublished"
    elif row.kind == "products":
        problem = "deleted"
    elif row.kind == "categories":
        path = "/categories"
    return Section(*(*row[:11], name, order, path, problem))


_SECTIONS = (
    select(
        SECTIONS.c.id,
        SECTIONS.c.kind,
        SECTIONS.c.title,
        SECTIONS.c.body_html,
        SECTIONS.c.button_label,
        SECTIONS.c.button_address,
        SECTIONS.c.picture,
        SECTIONS.c.picture_alt,
        SECTIONS.c.source,
        SECTIONS.c.source_id,
        SECTIONS.c.most,
        CATEGORIES.c.slug.label("category_slug"),
        CATEGORIES.c.name.label("category_name"),
        CATEGORIES.c.product_order.label("category_order"),
        COLLECTIONS.c.slug.label("collection_slug"),
        COLLECTIONS.c.title.label("collection_title"),
        COLLECTIONS.c.published.label("collection_published"),
        COLLECTIONS.c.product_order.label("collection_order"),
    )
    .outerjoin(
        CATEGORIES,
        and_(
            CATEGORIES.c.tenant_id == TENANT,
            SECTIONS.c.source == "category",
            CATEGORIES.c.id == SECTIONS.c.source_id,
        ),
    )
    .outerjoin(
        COLLECTIONS,
        and_(
            COLLECTIONS.c.tenant_id == TENANT,
            SECTIONS.c.source == "collection",
            COLLECTIONS.c.id == SECTIONS.c.source_id,
        ),
    )
    .where(SECTIONS.c.tenant_id == TENANT, SECTIONS.c.stage == bindparam("stage"))
    .order_by(SECTIONS.c.position, SECTIONS.c.id)
)
