"""Find pages: as staff work on them, and as visitors see them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Select, Table, and_, bindparam, func, select

from commerce.catalog.models import Collection
from commerce.content.models import ContentPage, ContentRevision
from commerce.db import TENANT, db, fetch_all
from commerce.errors import NotFound
from commerce.tenants.scope import rules_cache

PAGES, REVISIONS = (cast("Table", model.__table__) for model in (ContentPage, ContentRevision))


@dataclass(frozen=True, slots=True)
class PublishedPage:
    """A page as visitors see it."""

    revision_id: uuid.UUID
    number: int
    title: str
    body_html: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class PublishedTerms:
    """The terms as the checkout names them."""

    revision_id: uuid.UUID
    number: int
    title: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """A page in the list of staff. `changed` tells that its draft is not what is published."""

    id: uuid.UUID
    kind: str
    slug: str
    title: str
    revision: int
    updated_at: datetime
    changed: bool


def get_content(page_id: uuid.UUID) -> ContentPage:
    """Return a page or policy as staff work on it. Raises NotFound."""
    row = db.session.scalar(select(ContentPage).where(ContentPage.id == page_id))
    if row is None:
        raise NotFound("content_page_not_found")
    return row


def find_policy(slug: str) -> ContentPage | None:
    """Return a policy as staff work on it, None before it was written."""
    return db.session.scalar(
        select(ContentPage).where(ContentPage.kind == "policy", ContentPage.slug == slug)
    )


def list_content() -> Sequence[PageRow]:
    """Return all pages and policies by title. One statement."""
    rows = db.session.execute(
        select(ContentPage, ContentRevision.title, ContentRevision.body_html)
        .outerjoin(
            ContentRevision,
            and_(
                ContentRevision.tenant_id == ContentPage.tenant_id,
                ContentRevision.page_id == ContentPage.id,
                ContentRevision.number == ContentPage.revision,
            ),
        )
        .order_by(ContentPage.title, ContentPage.id)
    )
    return [
        PageRow(
            page.id,
            page.kind,
            page.slug,
            page.title,
            page.revision,
            page.updated_at,
            changed=bool(page.revision) and (page.title, page.body_html) != (title, body),
        )
        for page, title, body in rows
    ]


def collection_titles() -> Sequence[tuple[uuid.UUID, str]]:
    """Return id and title of all collections, for lists of what may be linked. One statement."""
    title = func.lower(Collection.title)
    rows = db.session.execute(select(Collection.id, Collection.title).order_by(title, Collection.id))
    return [(row.id, row.title) for row in rows]


def published_page(kind: str, slug: str) -> PublishedPage:
    """Return a page or policy as visitors see it. One statement. Raises NotFound."""
    rows = fetch_all(_PUBLISHED, kind=kind, slug=slug)
    if not rows:
        raise NotFound("content_page_not_found")
    return PublishedPage(*rows[0])


@rules_cache
def current_terms() -> PublishedTerms | None:
    """Return the terms that customers accept now, None when none are published. Kept until a policy is published."""
    rows = fetch_all(_PUBLISHED, kind="policy", slug="terms")
    return PublishedTerms(rows[0].id, rows[0].number, rows[0].title) if rows else None


def get_revision(revision_id: uuid.UUID) -> ContentRevision:
    """Return a page as it was published once. Raises NotFound."""
    row = db.session.scalar(select(ContentRevision).where(ContentRevision.id == revision_id))
    if row is None:
        raise NotFound("content_page_not_found")
    return row


def published_links() -> Select[*tuple[Any, ...]]:
    """Return the statement for kind, slug, title and whether the footer names it, of what visitors may see."""
    return _with_revision(
        select(PAGES.c.kind, PAGES.c.slug, REVISIONS.c.title, PAGES.c.in_footer).select_from(PAGES)
    )


def _with_revision(statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    shown = and_(
        REVISIONS.c.tenant_id == TENANT,
        REVISIONS.c.page_id == PAGES.c.id,
        REVISIONS.c.number == PAGES.c.revision,
    )
    return statement.join(REVISIONS, shown).where(PAGES.c.tenant_id == TENANT)


_PUBLISHED = _with_revision(
    select(
        REVISIONS.c.id,
        REVISIONS.c.number,
        REVISIONS.c.title,
        REVISIONS.c.body_html,
        REVISIONS.c.published_at,
    ).select_from(PAGES)
).where(PAGES.c.kind == bindparam("kind"), PAGES.c.slug == bindparam("slug"))
