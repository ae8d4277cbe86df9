"""What the entries of the menus lead to: as visitors see them, and as staff see them marked."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from sqlalchemy import Table, and_, select

from commerce.cache import BoundedCache
from commerce.catalog.collections import collection_path
from commerce.catalog.tables import CATEGORIES, COLLECTIONS
from commerce.content.models import Menu, MenuEntry, page_path
from commerce.content.queries import PAGES, REVISIONS
from commerce.db import TENANT, fetch_all
from commerce.tenants.scope import current_shop

MENU_TABLE, ENTRIES = (cast("Table", model.__table__) for model in (Menu, MenuEntry))
MAX_SHOPS = 1024


class MenuLink(NamedTuple):
    """A link as visitors see it. A heading has no path; lists of the whole shop may have no label of their own."""

    kind: str
    label: str
    path: str
    children: tuple[MenuLink, ...] = ()


class Menus(NamedTuple):
    """The menus of a shop; None is one that nobody has edited."""

    main: tuple[MenuLink, ...] | None
    footer: tuple[MenuLink, ...] | None

    def leads_to(self, path: str) -> bool:
        """Tell whether the main menu has a link to a path."""
        links = self.main or ()
        return any(path in (link.path, *(child.path for child in link.children)) for link in links)


class Entry(NamedTuple):
    """An entry as staff see it. `problem` is why it is not shown: 'deleted', 'unpublished' or '' for nothing."""

    id: uuid.UUID
    parent_id: uuid.UUID | None
    own_label: str
    kind: str
    target_id: uuid.UUID | None
    address: str
    target_name: str
    path: str
    problem: str

    @property
    def label(self) -> str:
        """What the link says: its own label, else the name of what it leads to."""
        return self.own_label or self.target_name

    @property
    def link(self) -> MenuLink:
        """The link itself, without those under it."""
        return MenuLink(self.kind, self.label, "" if self.problem else self.path)


class EditedMenu(NamedTuple):
    """A menu that staff have edited, its entries in order: those of the top level, each followed by those under it."""

    version: int
    entries: tuple[Entry, ...]


_menus: BoundedCache[Menus] = BoundedCache(MAX_SHOPS)


def shown_menus() -> Menus:
    """Return the menus as visitors see them. One statement after a change of the catalog or its pages, else none.

    Every change of what an entry leads to raises the number of the shop's catalogue in its own transaction, and each
    request reads it with the shop: a menu is never older than the request that shows it.
    """
    shop = current_shop()
    return _menus.get(shop.id, _load, state=shop.catalogue_version)


def edited_menus() -> dict[str, EditedMenu]:
    """Return the menus that were edited, by name. One statement."""
    found: dict[str, tuple[int, list[Entry]]] = {}
    for row in fetch_all(_ENTRIES):
        _version, entries = found.setdefault(row.name, (row.version, []))
        if row.id is not None:
            entries.append(_entry(row))
    return {name: EditedMenu(version, _in_order(entries)) for name, (version, entries) in found.items()}


def _load() -> Menus:
    menus = edited_menus()
    return Menus(*(_shown(menus[name].entries) if name in menus else None for name in ("main", "footer")))


def _in_order(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    known = {entry.id for entry in entries}
    top = [entry for entry in entries if entry.parent_id not in known]
    return tuple(
        each
        for entry in top
        for each in (entry, *(child for child in entries if child.parent_id == entry.id))
    )


def _shown(entries: Sequence[Entry]) -> tuple[MenuLink, ...]:
    """Return the links that lead somewhere. What is under one that does not stays reachable."""
    known = {entry.id for entry in entries}
    links: list[MenuLink] = []
    for entry in entries:
        if entry.parent_id in known:
            continue
        below = tuple(_reachable(child for child in entries if child.parent_id == entry.id))
        link = entry.link
        if link.path or (below and link.label):
            links.append(link._replace(children=below))
        else:
            links.extend(below)
    return tuple(links)


def _reachable(entries: Iterable[Entry]) -> list[MenuLink]:
    return [entry.link for entry in entries if entry.link.path]


def _entry(row: Any) -> Entry:
    name, path, problem = _target(row)
    return Entry(row.id, row.parent_id, row.label, row.kind, row.target_id, row.address, name, path, problem)


def _target(row: Any) -> tuple[str, str, str]:
    """Return name and path of what an entry leads to, and why it is not shown."""
    if row.kind == "address":
        return "", row.address, ""
    if row.kind in _LISTS:
        return "", _LISTS[row.kind], ""
    if row.kind == "category" and row.category_slug is not None:
        return row.category_name, f"/categories/{quote(row.category_slug)}", ""
    if row.kind == "collection" and row.collection_slug is not None:
        path = quote(collection_path(row.collection_slug))
        return row.collection_title, path, "" if row.collection_published else "unpublished"
    if row.kind == "page" and row.page_slug is not None:
        published = row.published_title is not None
        path = quote(page_path(row.page_kind, row.page_slug))
        return row.published_title or row.page_title, path, "" if published else "unpublished"
    return "", "", "" if row.kind == "heading" else "deleted"


_LISTS = {"products": "/search", "categories": "/categories"}
_ENTRIES = (
    select(
        MENU_TABLE.c.name,
        MENU_TABLE.c.version,
        ENTRIES.c.id,
        ENTRIES.c.parent_id,
        ENTRIES.c.label,
        ENTRIES.c.kind,
        ENTRIES.c.target_id,
        ENTRIES.c.address,
        CATEGORIES.c.slug.label("category_slug"),
        CATEGORIES.c.name.label("category_name"),
        COLLECTIONS.c.slug.label("collection_slug"),
        COLLECTIONS.c.title.label("collection_title"),
        COLLECTIONS.c.published.label("collection_published"),
        PAGES.c.kind.label("page_kind"),
        PAGES.c.slug.label("page_slug"),
        PAGES.c.title.label("page_title"),
        REVISIONS.c.title.label("published_title"),
    )
    .select_from(MENU_TABLE)
    .outerjoin(ENTRIES, and_(ENTRIES.c.tenant_id == TENANT, ENTRIES.c.menu_id == MENU_TABLE.c.id))
    .outerjoin(
        CATEGORIES,
        and_(
            CATEGORIES.c.tenant_id == TENANT,
            ENTRIES.c.kind == "category",
            CATEGORIES.c.id == ENTRIES.c.target_id,
        ),
    )
    .outerjoin(
        COLLECTIONS,
        and_(
            COLLECTIONS.c.tenant_id == TENANT,
            ENTRIES.c.kind == "collection",
            COLLECTIONS.c.id == ENTRIES.c.target_id,
        ),
    )
    .outerjoin(
        PAGES, and_(PAGES.c.tenant_id == TENANT, ENTRIES.c.kind == "page", PAGES.c.id == ENTRIES.c.target_id)
    )
    .outerjoin(
        REVISIONS,
        and_(
            REVISIONS.c.tenant_id == TENANT,
            REVISIONS.c.page_id == PAGES.c.id,
            REVISIONS.c.number == PAGES.c.revision,
        ),
    )
    .where(MENU_TABLE.c.tenant_id == TENANT)
    .order_by(MENU_TABLE.c.name, ENTRIES.c.position, ENTRIES.c.id)
)
