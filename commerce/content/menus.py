"""Edit the main menu and the footer: entries nested once, in the order of the shop."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, select

from commerce.catalog.models import Category, Collection
from commerce.catalog.text import clean_line
from commerce.content.models import ENTRY_KINDS, MENUS, ContentPage, Menu, MenuEntry
from commerce.db import atomic, check_version, db
from commerce.errors import InvalidValue, NotFound
from commerce.redirects.services import MAX_TARGET, checked_target
from commerce.tenants.services import touch_catalogue

MAX_LABEL = 100
MAX_ENTRIES = 100
"""Of one menu."""
_OTHER_SCHEME = re.compile(r"http:", re.IGNORECASE)
_TARGETS: dict[str, Any] = {"category": Category, "collection": Collection, "page": ContentPage}


@dataclass(frozen=True, slots=True)
class EntryValues:
    """An entry as staff write it down. Without a label it shows the name of what it leads to."""

    kind: str
    label: str = ""
    target_id: uuid.UUID | None = None
    address: str = ""
    parent_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class DefaultEntry:
    """An entry that a menu has before anybody edits it, with those under it."""

    values: EntryValues
    children: tuple[EntryValues, ...] = ()


Defaults = Callable[[], Sequence[DefaultEntry]]
"""Makes what a menu has before anybody edits it; called inside the transaction that first does."""


@atomic
def customize_menu(name: str, defaults: Defaults) -> None:
    """Begin to edit a menu, with what it has by itself. Nothing changes when it was begun already."""
    _opened(name, defaults)


@atomic
def add_entry(name: str, values: EntryValues, defaults: Defaults) -> uuid.UUID:
    """Add an entry after those at its place and return its id. Raises InvalidValue."""
    checked = _checked(values)
    menu = _opened(name, defaults)
    _check_target(checked.kind, checked.target_id)
    entries = _entries(menu)
    if len(entries) >= MAX_ENTRIES:
        raise InvalidValue("label", "menu_full", limit=MAX_ENTRIES)
    _check_parent(None, checked.parent_id, entries)
    entry = _insert(menu, checked, len(_siblings(entries, checked.parent_id)))
    _arrange([*_siblings(entries, checked.parent_id), entry])
    menu.version += 1
    return entry.id


@atomic
def change_entry(name: str, entry_id: uuid.UUID, values: EntryValues, *, seen_version: int) -> bool:
    """Set what staff wrote and tell whether anything was new. Raises NotFound, StaleVersion, InvalidValue."""
    checked = _checked(values)
    menu, entries, entry = _locked(name, entry_id, seen_version)
    new = {field: getattr(checked, field) for field in EntryValues.__dataclass_fields__}
    changed = {field for field, value in new.items() if getattr(entry, field) != value}
    if not changed:
        return False
    if {"kind", "target_id"} & changed:
        _check_target(checked.kind, checked.target_id)
    if "parent_id" in changed:
        _check_parent(entry, checked.parent_id, entries)
        entry.position = len(entries)
    for field in changed:
        setattr(entry, field, new[field])
    menu.version += 1
    return True


@atomic
def move_entry(name: str, entry_id: uuid.UUID, step: int, *, seen_version: int) -> None:
    """Change places with the entry before (-1) or after (1) it at its level. Raises NotFound, StaleVersion."""
    menu, entries, entry = _locked(name, entry_id, seen_version)
    order = _siblings(entries, entry.parent_id)
    place = order.index(entry)
    other = place + step
    if not 0 <= other < len(order):
        return
    order[place], order[other] = order[other], order[place]
    _arrange(order)
    menu.version += 1


@atomic
def remove_entry(name: str, entry_id: uuid.UUID, *, seen_version: int) -> None:
    """Remove an entry; those under it take its place. Raises NotFound, StaleVersion."""
    menu, entries, entry = _locked(name, entry_id, seen_version)
    order = _siblings(entries, entry.parent_id)
    children = _siblings(entries, entry_id)
    place = order.index(entry)
    for child in children:
        child.parent_id = entry.parent_id
    _arrange([*order[:place], *children, *order[place + 1 :]])
    db.session.delete(entry)
    menu.version += 1


@atomic
def reset_menu(name: str, *, seen_version: int) -> None:
    """Let a menu be made by itself again. Raises NotFound, StaleVersion."""
    menu = _existing(name)
    check_version("menu", seen_version, menu.version)
    gone = delete(Menu).where(Menu.id == menu.id)
    db.session.execute(gone.execution_options(synchronize_session=False))


def checked_entry(kind: str, label: str, address: str) -> tuple[str, str]:
    """Return label and address as they are stored. Raises InvalidValue."""
    text = clean_line(label)
    if len(text) > MAX_LABEL:
        raise InvalidValue("label", "text_too_long", maximum=MAX_LABEL)
    if kind in ("address", "heading") and not text:
        raise InvalidValue("label", "menu_label_required")
    if kind != "address":
        if address.strip():
            raise InvalidValue("address", "menu_address_unused")
        return text, ""
    return text, checked_link(address)


def checked_link(address: str, field: str = "address") -> str:
    """Return where a link of the shop's pages may lead: a path of the shop, or https. Raises InvalidValue."""
    try:
        target = checked_target(address)
    except InvalidValue as error:
        if error.reason == "text_too_long":
            raise InvalidValue(field, "text_too_long", maximum=MAX_TARGET) from error
        raise InvalidValue(field, "link_address_invalid") from error
    if _OTHER_SCHEME.match(target):
        raise InvalidValue(field, "link_address_invalid")
    return target


# --- steps ------------------------------------------------------------------------------------------


def _checked(values: EntryValues) -> EntryValues:
    if values.kind not in ENTRY_KINDS:
        raise InvalidValue("target", "choice_unknown")
    label, address = checked_entry(values.kind, values.label, values.address)
    model = _TARGETS.get(values.kind)
    return replace(
        values, label=label, address=address, target_id=values.target_id if model is not None else None
    )


def _check_target(kind: str, target_id: uuid.UUID | None) -> None:
    """Raise InvalidValue for what the shop does not have."""
    model = _TARGETS.get(kind)
    if model is not None and db.session.scalar(select(model.id).where(model.id == target_id)) is None:
        raise InvalidValue("target", "choice_unknown")


def _opened(name: str, defaults: Defaults) -> Menu:
    """Return a menu to be changed; one that nobody has edited begins with what it has by itself."""
    if name not in MENUS:
        raise NotFound("menu_not_found")
    touch_catalogue()  # one change at a time
    menu = db.session.scalar(select(Menu).where(Menu.name == name))
    if menu is not None:
        return menu
    menu = Menu(name=name)
    db.session.add(menu)
    db.session.flush()
    for place, default in enumerate(defaults()):
        entry = _insert(menu, default.values, place)
        for number, child in enumerate(default.children):
            _insert(menu, replace(child, parent_id=entry.id), number)
    return menu


def _existing(name: str) -> Menu:
    touch_catalogue()  # one change at a time
    menu = db.session.scalar(select(Menu).where(Menu.name == name))
    if menu is None:
        raise NotFound("menu_not_found")
    return menu


def _locked(name: str, entry_id: uuid.UUID, seen_version: int) -> tuple[Menu, list[MenuEntry], MenuEntry]:
    """Return a menu that staff edit, its entries, and the one to be changed."""
    menu = _existing(name)
    entries = _entries(menu)
    entry = next((each for each in entries if each.id == entry_id), None)
    if entry is None:
        raise NotFound("menu_entry_not_found")
    check_version("menu", seen_version, menu.version)
    return menu, entries, entry


def _entries(menu: Menu) -> list[MenuEntry]:
    rows = select(MenuEntry).where(MenuEntry.menu_id == menu.id)
    return list(db.session.scalars(rows.order_by(MenuEntry.position, MenuEntry.id)))


def _insert(menu: Menu, values: EntryValues, position: int) -> MenuEntry:
    entry = MenuEntry(
        menu_id=menu.id,
        position=position,
        **{field: getattr(values, field) for field in EntryValues.__dataclass_fields__},
    )
    db.session.add(entry)
    db.session.flush()
    return entry


def _siblings(entries: Sequence[MenuEntry], parent_id: uuid.UUID | None) -> list[MenuEntry]:
    return [entry for entry in entries if entry.parent_id == parent_id]


def _arrange(order: Sequence[MenuEntry]) -> None:
    for place, entry in enumerate(order):
        entry.position = place


def _check_parent(entry: MenuEntry | None, parent_id: uuid.UUID | None, entries: Sequence[MenuEntry]) -> None:
    """Raise InvalidValue where an entry cannot be put: below itself, or deeper than once."""
    if parent_id is None:
        return
    parent = next((each for each in entries if each.id == parent_id), None)
    inside = entry is not None and (entry.id == parent_id or _siblings(entries, entry.id))
    if parent is None or parent.parent_id is not None or inside:
        raise InvalidValue("parent_id", "menu_parent_impossible")
