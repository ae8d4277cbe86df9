"""The main menu and the footer in the back office: links in order, nested once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse
from wtforms import SelectChoice, SelectField, StringField
from wtforms.validators import Length

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.fields import keep_choice, no_control_characters, strip, version_field
from commerce.admin.forms import Difference, VersionedForm, seen_row_version
from commerce.admin.save import done, save, saved_text
from commerce.catalog.categories import category_tree
from commerce.content.menu_links import EditedMenu, Entry, edited_menus
from commerce.content.menus import (
    MAX_LABEL,
    DefaultEntry,
    EntryValues,
    add_entry,
    change_entry,
    customize_menu,
    move_entry,
    remove_entry,
    reset_menu,
)
from commerce.content.models import ContentPage
from commerce.content.queries import collection_titles, list_content
from commerce.db import db
from commerce.errors import CommerceError, NotFound
from commerce.redirects.services import MAX_TARGET
from commerce.storefront.layout import site_navigation
from commerce.web import render_region

MENUS = "/admin/menus"
MENU_TITLES = {"main": _l("Main menu"), "footer": _l("Footer menu")}
MAX_OFFERED = 2000
"""Categories in the list of targets; any other is linked by its address."""
_TOO_LONG = _l("At most %(max)d characters.")


class EntryForm(VersionedForm):
    """An entry: its label, what it leads to, and the entry that it is under. A new one has no version yet."""

    other_errors = "label"

    version = version_field()
    label = StringField(
        _l("Label"), [Length(max=MAX_LABEL, message=_TOO_LONG), no_control_characters], filters=[strip]
    )
    target = SelectField(_l("Links to"), validate_choice=False)
    address = StringField(
        _l("Address"), [Length(max=MAX_TARGET, message=_TOO_LONG), no_control_characters], filters=[strip]
    )
    parent_id = SelectField(_l("Under"), validate_choice=False)

    def __init__(
        self, known: Entry | None, menu: EditedMenu | None, formdata: Any = None, *, parent: str = ""
    ) -> None:
        shown: dict[str, Any] = {"parent_id": parent, "target": "address"}
        if known is not None and menu is not None:
            shown = {
                "version": menu.version,
                "label": known.own_label,
                "target": f"{known.kind}:{known.target_id}" if known.target_id else known.kind,
                "address": known.address,
                "parent_id": str(known.parent_id or ""),
            }
        super().__init__(formdata, data=shown)
        if known is None:
            del self.version
        self.target.choices = _targets()
        if known is not None and known.problem:
            keep_choice(self.target, shown["target"])
        self.parent_id.choices = [
            SelectChoice("", _("Nothing (top level)")),
            *(SelectChoice(str(entry.id), _name(entry)) for entry in _possible_parents(known, menu)),
        ]

    def values(self) -> EntryValues:
        """Return what was typed; call it only after `validate`."""
        kind, _colon, target = (self.target.data or "").partition(":")
        return EntryValues(
            kind, self.label.data or "", _id(target), self.address.data or "", _id(self.parent_id.data)
        )


def _targets() -> list[SelectChoice]:
    """Return what an entry may lead to."""
    pages = list_content()
    nodes = category_tree()[:MAX_OFFERED]
    kinds = (("page", _("Pages")), ("policy", _("Policies")))
    return [
        SelectChoice("address", _("An address, typed below")),
        SelectChoice("products", _("All products")),
        SelectChoice("categories", _("All categories")),
        SelectChoice("heading", _("Nothing: a heading for the links under it")),
        *(
            SelectChoice(f"category:{node.id}", " › ".join(node.trail), optgroup=_("Categories"))
            for node in nodes
        ),
        *(
            SelectChoice(f"collection:{key}", title, optgroup=_("Collections"))
            for key, title in collection_titles()
        ),
        *(
            SelectChoice(f"page:{row.id}", row.title, optgroup=group)
            for kind, group in kinds
            for row in pages
            if row.kind == kind
        ),
    ]


def _possible_parents(known: Entry | None, menu: EditedMenu | None) -> list[Entry]:
    """Return the entries of the top level under which an entry may be put: none for one that has some under it."""
    entries = menu.entries if menu else ()
    ids = {entry.id for entry in entries}
    if known is not None and any(entry.parent_id == known.id for entry in entries):
        return []
    return [
        entry for entry in entries if entry.parent_id not in ids and (known is None or entry.id != known.id)
    ]


def _name(entry: Entry) -> str:
    """Return what an entry is called, whatever has become of its target."""
    words = {"products": _("All products"), "categories": _("Categories")}
    return entry.label or words.get(entry.kind) or _("Deleted")


def _id(text: str | None) -> uuid.UUID | None:
    """Return the chosen id; text that cannot be one becomes one that no row has."""
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


# --- pages ------------------------------------------------------------------------------------------


@blueprint.get("/menus")
@requires_permission("content.view")
def menu_list() -> BaseResponse:
    """Show which menus there are, and whether they were edited."""
    return render_region(
        "admin/content/menus.html", "admin/content/_menus.html", menus=edited_menus(), titles=MENU_TITLES
    )


@blueprint.get("/menus/<any(main, footer):menu>")
@requires_permission("content.view")
def menu_page(menu: str) -> BaseResponse:
    """Show the links of a menu, and a form for one more."""
    known = edited_menus().get(menu)
    return _show(menu, EntryForm(None, known, parent=request.args.get("under", "")))


@blueprint.post("/menus/<any(main, footer):menu>")
@requires_permission("content.manage")
def menu_customize(menu: str) -> BaseResponse:
    """Begin to edit a menu that was made by itself so far."""
    customize_menu(menu, lambda: _defaults(menu))
    return done(_("You can now edit this menu."), f"{MENUS}/{menu}")


@blueprint.post("/menus/<any(main, footer):menu>/entries")
@requires_permission("content.manage")
def menu_entry_create(menu: str) -> BaseResponse:
    """Add a link at the end of its level."""
    form = EntryForm(None, edited_menus().get(menu), request.form)
    return save(
        form,
        lambda: add_entry(menu, form.values(), lambda: _defaults(menu)),
        show=lambda status, **context: _show(menu, form, status, **context),
        then=lambda entry_id: done(_("Link added."), f"{MENUS}/{menu}#e{entry_id.hex}"),
    )


@blueprint.get("/menus/<any(main, footer):menu>/entries/<uuid:entry_id>")
@requires_permission("content.view")
def menu_entry(menu: str, entry_id: uuid.UUID) -> BaseResponse:
    """Show one link as a form."""
    known, entry = _entry(menu, entry_id)
    return _show_entry(menu, entry, EntryForm(entry, known))


@blueprint.post("/menus/<any(main, footer):menu>/entries/<uuid:entry_id>")
@requires_permission("content.manage")
def menu_entry_change(menu: str, entry_id: uuid.UUID) -> BaseResponse:
    """Save a link, unless the menu was changed since the form was opened."""
    known, entry = _entry(menu, entry_id)
    form = EntryForm(entry, known, request.form)

    def current() -> EntryForm:
        now, again = _entry(menu, entry_id)
        return EntryForm(again, now)

    return save(
        form,
        lambda: change_entry(menu, entry_id, form.values(), seen_version=form.version.data),
        show=lambda status, **context: _show_entry(menu, entry, form, status, **context),
        then=lambda changed: done(saved_text(changed), f"{MENUS}/{menu}#e{entry_id.hex}"),
        current=current,
    )


@blueprint.post("/menus/<any(main, footer):menu>/entries/<uuid:entry_id>/position")
@requires_permission("content.manage")
def menu_entry_move(menu: str, entry_id: uuid.UUID) -> BaseResponse:
    """Move a link up or down among those at its level."""
    step = -1 if request.form.get("to") == "up" else 1
    return save(
        None,
        lambda: move_entry(menu, entry_id, step, seen_version=seen_row_version()),
        show=lambda status, problem: _show_again(menu, status, problem),
        then=lambda _result: done(_("Link moved."), f"{MENUS}/{menu}#e{entry_id.hex}"),
    )


@blueprint.post("/menus/<any(main, footer):menu>/entries/<uuid:entry_id>/removal")
@requires_permission("content.manage")
def menu_entry_remove(menu: str, entry_id: uuid.UUID) -> BaseResponse:
    """Remove a link; those under it take its place."""
    return save(
        None,
        lambda: remove_entry(menu, entry_id, seen_version=seen_row_version()),
        show=lambda status, problem: _show_again(menu, status, problem),
        then=lambda _result: done(_("Link removed."), f"{MENUS}/{menu}"),
    )


@blueprint.post("/menus/<any(main, footer):menu>/deletion")
@requires_permission("content.manage")
def menu_reset(menu: str) -> BaseResponse:
    """Let a menu be made by itself again."""
    return save(
        None,
        lambda: reset_menu(menu, seen_version=seen_row_version()),
        show=lambda status, problem: _show_again(menu, status, problem),
        then=lambda _result: done(_("This menu is automatic again."), f"{MENUS}/{menu}"),
    )


def _entry(menu: str, entry_id: uuid.UUID) -> tuple[EditedMenu, Entry]:
    known = edited_menus().get(menu)
    entry = next((each for each in known.entries if each.id == entry_id), None) if known else None
    if known is None or entry is None:
        raise NotFound("menu_entry_not_found")
    return known, entry


# --- what a menu has by itself ------------------------------------------------------------------------


def _defaults(menu: str) -> list[DefaultEntry]:
    """Return what the shop shows as long as nobody has edited a menu."""
    found = site_navigation()
    categories = tuple(EntryValues("category", target_id=each.id) for each in found.categories)
    products = EntryValues("products")
    if menu == "main":
        return [DefaultEntry(products), *(DefaultEntry(each) for each in categories)]
    ids = {
        (kind, slug): page_id
        for kind, slug, page_id in db.session.execute(
            select(ContentPage.kind, ContentPage.slug, ContentPage.id)
        )
    }
    pages = tuple(
        EntryValues("page", target_id=ids[page.kind, page.slug])
        for page in found.pages + found.policies
        if (page.kind, page.slug) in ids
    )
    shop = DefaultEntry(
        EntryValues("heading", label=_("Shop")), (products, *categories, EntryValues("categories"))
    )
    return [shop, *([DefaultEntry(EntryValues("heading", label=_("Information")), pages)] if pages else [])]


# --- answers ------------------------------------------------------------------------------------------


def _show_again(menu: str, status: int, problem: CommerceError) -> BaseResponse:
    return _show(menu, EntryForm(None, edited_menus().get(menu)), status, problem)


def _show(
    menu: str, form: EntryForm, status: int = 200, problem: CommerceError | None = None
) -> BaseResponse:
    """Answer with the links of a menu and the form for one more, with what was typed into it."""
    return render_region(
        "admin/content/menu.html",
        "admin/content/_menu.html",
        status,
        menu=menu,
        title=MENU_TITLES[menu],
        known=edited_menus().get(menu),
        automatic=site_navigation(),
        form=form,
        name_of=_name,
        problem=problem,
    )


def _show_entry(
    menu: str,
    entry: Entry,
    form: EntryForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form of one link and what was typed into it."""
    return render_region(
        "admin/content/menu_entry.html",
        "admin/content/_menu_entry.html",
        status,
        menu=menu,
        title=MENU_TITLES[menu],
        entry=entry,
        name=_name(entry),
        form=form,
        problem=problem,
        compared=compared,
    )
