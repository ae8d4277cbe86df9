"""Write pages and policies, publish them, and take them back."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from commerce.catalog.html_cleaning import clean_html
from commerce.catalog.text import FieldLimits, clean_line, make_slug, slugify
from commerce.content.models import POLICIES, ContentPage, ContentRevision
from commerce.db import atomic, db, lock
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.redirects.services import forget_redirect, keep_redirect
from commerce.tenants.services import touch_catalogue

LIMITS = FieldLimits()
MAX_PAGES = 500


@dataclass(frozen=True, slots=True)
class PageValues:
    """A page as staff write it. Without a slug one is made from the title; a policy keeps its own."""

    title: str
    body_html: str = ""
    slug: str = ""
    in_footer: bool = True


@atomic
def create_page(values: PageValues, *, policy: str = "", publish: bool = False) -> uuid.UUID:
    """Write a new page, or the `policy` of that name, and return its id. Raises InvalidValue, Conflict."""
    title, body = checked_text(values.title, values.body_html)
    touch_catalogue()  # one change at a time
    if policy and policy not in POLICIES:
        raise InvalidValue("policy", "choice_unknown")
    if (db.session.scalar(select(func.count(ContentPage.id))) or 0) >= MAX_PAGES:
        raise InvalidValue("title", "too_many_pages", limit=MAX_PAGES)
    kind, slug = ("policy", policy) if policy else ("page", _checked_slug(values.slug, title))
    if _taken(kind, slug):
        raise Conflict("policy_exists") if policy else InvalidValue("slug", "page_slug_taken")
    page = ContentPage(kind=kind, slug=slug, title=title, body_html=body, in_footer=values.in_footer)
    db.session.add(page)
    _flush()
    forget_redirect(page.path)
    if publish:
        _publish(page)
    return page.id


@atomic
def change_page(page_id: uuid.UUID, values: PageValues, *, seen_version: int, publish: bool = False) -> bool:
    """Save what was written and tell whether anything was new; visitors see it only if it is to `publish`.

    A former address of a page leads to the new one. Raises NotFound, StaleVersion, InvalidValue.
    """
    title, body = checked_text(values.title, values.body_html)
    page = _lock(page_id, seen_version)
    slug = page.slug if page.kind == "policy" else _checked_slug(values.slug, title)
    new = {"title": title, "body_html": body, "slug": slug, "in_footer": values.in_footer}
    changed = {name for name, value in new.items() if getattr(page, name) != value}
    if not changed and not publish:
        return False
    touch_catalogue()
    former = page.path
    if "slug" in changed and _taken(page.kind, slug):
        raise InvalidValue("slug", "page_slug_taken")
    for name in changed:
        setattr(page, name, new[name])
    _flush()
    if "slug" in changed:
        forget_redirect(page.path)
        keep_redirect(former, quote(page.path))
    return (_publish(page) if publish else False) or bool(changed)


@atomic
def withdraw_page(page_id: uuid.UUID, *, seen_version: int) -> None:
    """Show a page to visitors no longer; the draft stays. Raises NotFound, StaleVersion."""
    _lock(page_id, seen_version).revision = 0
    touch_catalogue()


@atomic
def delete_page(page_id: uuid.UUID, *, seen_version: int) -> None:
    """Delete a page with all that was ever published of it. Raises NotFound, StaleVersion, Conflict for a policy."""
    page = _lock(page_id, seen_version)
    if page.kind == "policy":
        raise Conflict("policy_stays")
    db.session.delete(page)
    touch_catalogue()


def checked_text(title: str, body_html: str) -> tuple[str, str]:
    """Return title and text as they are stored: one line, and allowed HTML only. Raises InvalidValue."""
    line, body = clean_line(title), clean_html(body_html, own_links=True)
    if not 0 < len(line) <= LIMITS.line:
        raise InvalidValue("title", "title_length", maximum=LIMITS.line)
    if len(body) > LIMITS.body:
        raise InvalidValue("body_html", "text_too_long", maximum=LIMITS.body)
    return line, body


def _publish(page: ContentPage) -> bool:
    """Let visitors see a page as it is now and tell whether that is something else. A step."""
    rows = select(ContentRevision).where(ContentRevision.page_id == page.id)
    last = db.session.scalar(rows.order_by(ContentRevision.number.desc()).limit(1))
    if last is not None and (last.title, last.body_html) == (page.title, page.body_html):
        changed, page.revision = page.revision != last.number, last.number
        return changed
    number = last.number + 1 if last is not None else 1
    db.session.add(
        ContentRevision(page_id=page.id, number=number, title=page.title, body_html=page.body_html)
    )
    page.revision = number
    db.session.flush()
    return True


def _checked_slug(typed: str, title: str) -> str:
    slug = slugify(typed) if typed.strip() else make_slug(title, LIMITS.slug)
    if not 0 < len(slug) <= LIMITS.slug:
        raise InvalidValue("slug", "slug_invalid", maximum=LIMITS.slug)
    return slug


def _taken(kind: str, slug: str) -> bool:
    named = select(ContentPage.id).where(ContentPage.kind == kind, ContentPage.slug == slug)
    return db.session.scalar(named) is not None


def _flush() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise InvalidValue("slug", "page_slug_taken") from error


def _lock(page_id: uuid.UUID, seen_version: int) -> ContentPage:
    missing = NotFound("content_page_not_found")
    return lock(ContentPage, page_id, missing=missing, version=seen_version)
