"""Edit the home page in sections: a draft that nobody sees, published at once, or taken back."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import delete, select

from commerce import clock
from commerce.catalog.html_cleaning import clean_html
from commerce.catalog.models import Category, Collection
from commerce.catalog.text import FieldLimits, clean_line
from commerce.content.menus import checked_link
from commerce.content.models import PRODUCT_SOURCES, SECTION_KINDS, HomePage, HomeSection
from commerce.db import atomic, check_version, current_tenant_id, db
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.tenants.services import touch_catalogue

LIMITS = FieldLimits()
MAX_SECTIONS = 20
MAX_PRODUCTS = 24
"""In one section."""
MAX_BUTTON = 60
_SOURCES: dict[str, Any] = {"category": Category, "collection": Collection}


@dataclass(frozen=True, slots=True)
class SectionValues:
    """A section as staff write it down; what its kind does not show is empty."""

    kind: str
    title: str = ""
    body_html: str = ""
    button_label: str = ""
    button_address: str = ""
    picture: str = ""
    picture_alt: str = ""
    source: str = "newest"
    source_id: uuid.UUID | None = None
    most: int = 8


SHOWN = {
    "hero": {"title", "body_html", "button_label", "button_address", "picture", "picture_alt"},
    "products": {"title", "source", "source_id", "most"},
    "categories": {"title"},
    "text": {"title", "body_html"},
    "picture": {"title", "body_html", "button_label", "button_address", "picture", "picture_alt"},
}
"""Kind of a section -> its fields."""
Defaults = Callable[[], Sequence[SectionValues]]
"""Makes what the home page is before anybody edits it; called inside the transaction that first does."""
_COLUMNS = tuple(field.name for field in fields(SectionValues))


@atomic
def customize_home(defaults: Defaults) -> None:
    """Begin to edit the home page, with what it is by itself. Nothing changes when it was begun already."""
    _opened(defaults)


@atomic
def add_section(values: SectionValues, defaults: Defaults) -> uuid.UUID:
    """Add a section at the end of the draft and return its id. Raises InvalidValue."""
    checked = checked_section(values)
    page = _opened(defaults)
    _check_source(checked)
    drafts = _sections(page, "draft")
    if len(drafts) >= MAX_SECTIONS:
        raise InvalidValue("title", "too_many_sections", limit=MAX_SECTIONS)
    section = HomeSection(home_page_id=page.id, stage="draft", position=len(drafts), **asdict(checked))
    db.session.add(section)
    page.version += 1
    db.session.flush()
    return section.id


@atomic
def change_section(section_id: uuid.UUID, values: SectionValues, *, seen_version: int) -> bool:
    """Set what staff wrote, all but the kind, and tell whether anything was new. Nobody sees it until it is published.

    Raises NotFound, StaleVersion, InvalidValue.
    """
    page, _drafts, section = _locked(section_id, seen_version)
    checked = checked_section(replace(values, kind=section.kind))
    changed = {name for name in _COLUMNS if getattr(section, name) != getattr(checked, name)}
    if not changed:
        return False
    if {"source", "source_id"} & changed:
        _check_source(checked)
    for name in changed:
        setattr(section, name, getattr(checked, name))
    page.version += 1
    return True


@atomic
def move_section(section_id: uuid.UUID, step: int, *, seen_version: int) -> None:
    """Change places with the section before (-1) or after (1) it. Raises NotFound, StaleVersion."""
    page, drafts, section = _locked(section_id, seen_version)
    place = drafts.index(section)
    other = place + step
    if not 0 <= other < len(drafts):
        return
    drafts[place], drafts[other] = drafts[other], drafts[place]
    for number, each in enumerate(drafts):
        each.position = number
    page.version += 1


@atomic
def remove_section(section_id: uuid.UUID, *, seen_version: int) -> None:
    """Take a section out of the draft. Raises NotFound, StaleVersion."""
    page, _drafts, section = _locked(section_id, seen_version)
    db.session.delete(section)
    page.version += 1


@atomic
def publish_home(*, seen_version: int) -> None:
    """Let visitors see the draft as it is now. Raises NotFound, StaleVersion, Conflict for a draft without sections."""
    page = _existing(seen_version)
    if not _sections(page, "draft"):
        raise Conflict("home_page_empty")
    _copy(page, "draft", "published")
    page.published_at = clock.now()
    page.version += 1


@atomic
def revert_home(*, seen_version: int) -> None:
    """Make the draft what visitors see. Raises NotFound, StaleVersion, Conflict when nothing was published."""
    page = _existing(seen_version)
    if page.published_at is None:
        raise Conflict("home_page_unpublished")
    _copy(page, "published", "draft")
    page.version += 1


@atomic
def reset_home(*, seen_version: int) -> None:
    """Let the home page be made by itself again. Raises NotFound, StaleVersion."""
    page = _existing(seen_version)
    gone = delete(HomePage).where(HomePage.id == page.id)
    db.session.execute(gone.execution_options(synchronize_session=False))


def checked_section(values: SectionValues, tenant_id: uuid.UUID | None = None) -> SectionValues:
    """Return a section as it is stored: allowed HTML only, and nothing that its kind does not show.

    Pictures are those of the shop `tenant_id` alone, of the current one by default. Raises InvalidValue.
    """
    if values.kind not in SECTION_KINDS:
        raise InvalidValue("kind", "choice_unknown")
    shown = SHOWN[values.kind]
    empty = SectionValues(values.kind)
    kept = replace(values, **{name: getattr(empty, name) for name in _COLUMNS[1:] if name not in shown})
    title, label = clean_line(kept.title), clean_line(kept.button_label)
    body = clean_html(kept.body_html, own_links=True)
    for name, text, longest in (
        ("title", title, LIMITS.line),
        ("body_html", body, LIMITS.text),
        ("button_label", label, MAX_BUTTON),
        ("picture_alt", clean_line(kept.picture_alt), LIMITS.alt),
    ):
        if len(text) > longest:
            raise InvalidValue(name, "text_too_long", maximum=longest)
    if values.kind == "hero" and not title:
        raise InvalidValue("title", "section_title_required")
    if values.kind == "text" and not body:
        raise InvalidValue("body_html", "section_text_required")
    _check_picture(kept, tenant_id or current_tenant_id())
    if kept.source not in PRODUCT_SOURCES:
        raise InvalidValue("source", "choice_unknown")
    if not 1 <= kept.most <= MAX_PRODUCTS:
        raise InvalidValue("most", "not_a_whole_number_between", minimum=1, maximum=MAX_PRODUCTS)
    return replace(
        kept,
        title=title,
        body_html=body,
        button_label=label,
        button_address=_checked_button(label, kept.button_address),
        picture_alt=clean_line(kept.picture_alt),
        source_id=kept.source_id if kept.source in _SOURCES else None,
    )


# --- steps ------------------------------------------------------------------------------------------


def _checked_button(label: str, address: str) -> str:
    if not label:
        if address.strip():
            raise InvalidValue("button_label", "button_label_required")
        return ""
    return checked_link(address, "button_address")


def _check_picture(values: SectionValues, tenant_id: uuid.UUID) -> None:
    if values.picture and not re.fullmatch(rf"{tenant_id}/[0-9a-f]{{32}}\.webp", values.picture):
        raise InvalidValue("picture", "picture_not_uploaded")
    if values.kind == "picture" and not values.picture:
        raise InvalidValue("picture", "picture_required")


def _check_source(values: SectionValues) -> None:
    """Raise InvalidValue for a category or collection that the shop does not have."""
    model = _SOURCES.get(values.source)
    if model is not None and db.session.scalar(select(model.id).where(model.id == values.source_id)) is None:
        raise InvalidValue("source", "choice_unknown")


def _opened(defaults: Defaults) -> HomePage:
    """Return the home page to be changed; one that nobody has edited begins with what it is by itself."""
    touch_catalogue()  # one change at a time
    page: HomePage | None = db.session.scalar(select(HomePage))
    if page is not None:
        return page
    page = HomePage()
    db.session.add(page)
    db.session.flush()
    for place, values in enumerate(defaults()):
        checked = asdict(checked_section(values))
        db.session.add(HomeSection(home_page_id=page.id, stage="draft", position=place, **checked))
    db.session.flush()
    return page


def _existing(seen_version: int | None = None) -> HomePage:
    touch_catalogue()  # one change at a time
    page: HomePage | None = db.session.scalar(select(HomePage))
    if page is None:
        raise NotFound("home_page_not_found")
    if seen_version is not None:
        check_version("home page", seen_version, page.version)
    return page


def _locked(section_id: uuid.UUID, seen_version: int) -> tuple[HomePage, list[HomeSection], HomeSection]:
    """Return the home page, the sections of its draft, and the one to be changed."""
    page = _existing()
    drafts = _sections(page, "draft")
    section = next((each for each in drafts if each.id == section_id), None)
    if section is None:
        raise NotFound("home_section_not_found")
    check_version("home page", seen_version, page.version)
    return page, drafts, section


def _sections(page: HomePage, stage: str) -> list[HomeSection]:
    rows = select(HomeSection).where(HomeSection.home_page_id == page.id, HomeSection.stage == stage)
    return list(db.session.scalars(rows.order_by(HomeSection.position, HomeSection.id)))


def _copy(page: HomePage, stage: str, to: str) -> None:
    """Put the sections of one stage in the place of those of the other."""
    gone = delete(HomeSection).where(HomeSection.home_page_id == page.id, HomeSection.stage == to)
    db.session.execute(gone.execution_options(synchronize_session=False))
    for place, section in enumerate(_sections(page, stage)):
        values = {name: getattr(section, name) for name in _COLUMNS}
        db.session.add(HomeSection(home_page_id=page.id, stage=to, position=place, **values))
    db.session.flush()
