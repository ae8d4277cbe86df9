"""The home page in the back office: sections in order, a draft with a preview, and one button to publish it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse
from wtforms import HiddenField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import Length

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.fields import keep_choice, no_control_characters, number_field, strip, version_field
from commerce.admin.forms import Difference, VersionedForm, add_error, seen_row_version
from commerce.admin.products.uploads import opened_picture, take_in
from commerce.admin.save import done, save, saved_text
from commerce.catalog.categories import category_tree
from commerce.catalog.images import MAX_BYTES
from commerce.content.home_page import (
    LIMITS,
    MAX_BUTTON,
    MAX_PRODUCTS,
    SHOWN,
    SectionValues,
    add_section,
    change_section,
    customize_home,
    move_section,
    publish_home,
    remove_section,
    reset_home,
    revert_home,
)
from commerce.content.home_sections import EditedHome, Section, edited_home
from commerce.content.models import SECTION_KINDS
from commerce.content.queries import collection_titles
from commerce.errors import CommerceError, NotFound
from commerce.redirects.services import MAX_TARGET
from commerce.storefront.home_page import HOME_PRODUCTS, section_facts
from commerce.tenants.scope import current_shop
from commerce.web import accepts_bytes, render_region

HOME = "/admin/home-page"
KIND_TITLES = {
    "hero": _l("Hero"),
    "products": _l("Products"),
    "categories": _l("Categories"),
    "text": _l("Text"),
    "picture": _l("Picture with text"),
}
KIND_NOTES = {
    "hero": _l("A large picture with a title, a text and a button."),
    "products": _l("The first products of a category or collection, or the newest ones."),
    "categories": _l("The first categories with their pictures."),
    "text": _l("A title and a text."),
    "picture": _l("A picture beside a text, with a button."),
}
MAX_OFFERED = 2000
"""Categories in the list of sources."""
_TOO_LONG = _l("At most %(max)d characters.")


def _line(label: Any, longest: int) -> StringField:
    return StringField(
        label, [Length(max=longest, message=_TOO_LONG), no_control_characters], filters=[strip]
    )


class SectionForm(VersionedForm):
    """The fields of a section, those that its kind shows. A new one has no version yet."""

    other_errors = "title"
    uncompared = ("version", "picture")

    version = version_field()
    title = _line(_l("Title"), LIMITS.line)
    body_html = TextAreaField(_l("Text"), [Length(max=LIMITS.text, message=_TOO_LONG), no_control_characters])
    button_label = _line(_l("Button"), MAX_BUTTON)
    button_address = _line(_l("Button links to"), MAX_TARGET)
    picture = HiddenField(_l("Picture"))
    picture_alt = _line(_l("Description for people who cannot see it"), LIMITS.alt)
    source = SelectField(_l("Products"), validate_choice=False)
    most = number_field(_l("How many at most"), 1, MAX_PRODUCTS, default=8)

    def __init__(self, kind: str, known: Section | None, version: int, formdata: Any = None) -> None:
        shown: dict[str, Any] = {}
        if known is not None:
            shown = {name: getattr(known, name) for name in self._texts()}
            shown |= {"version": version, "most": known.most, "source": _source_of(known)}
        super().__init__(formdata, data=shown)
        self.kind = kind
        if known is None:
            del self.version
        for name in (*self._texts(), "source", "most"):
            if name not in SHOWN[kind]:
                del self[name]
        if "source" in self:
            self.source.choices = _sources()
            if known is not None and known.problem:
                keep_choice(self.source, _source_of(known))

    @staticmethod
    def _texts() -> tuple[str, ...]:
        return ("title", "body_html", "button_label", "button_address", "picture", "picture_alt")

    def take_picture(self, known: Section | None) -> None:
        """Take in the picture that was sent, the one that a refused form carries, or none when it is to be removed."""
        if "picture" not in self:
            return
        token = self.picture.data or ""
        carried = opened_picture(token) if token else None
        file = carried.picture.file if carried else (known.picture if known is not None else "")
        if "picture-remove" in request.form:
            file = ""
        taken, problems = take_in(request.files.getlist("picture_file")[:1])
        self.problems = problems
        if taken:
            file, self.picture.data = taken[0].picture.file, taken[0].token
        self.picture_file = file

    picture_file = ""
    problems: Sequence[str] = ()

    def validate(self, extra_validators: Any = None) -> bool:
        """Tell whether all is well, the picture too."""
        valid = bool(super().validate(extra_validators))
        for text in self.problems:
            add_error(self, "picture", text)
        return valid and not self.problems

    def values(self) -> SectionValues:
        """Return what was typed; call it only after `validate`."""
        named = [name for name in self._texts() if name in self and name != "picture"]
        texts: dict[str, Any] = {name: self[name].data or "" for name in named}
        if "source" in self:
            source, _colon, source_id = (self.source.data or "").partition(":")
            return SectionValues(
                self.kind, source=source, source_id=_id(source_id), most=self.most.data, **texts
            )
        return SectionValues(self.kind, picture=self.picture_file, **texts)


def _source_of(section: Section) -> str:
    return f"{section.source}:{section.source_id}" if section.source_id else section.source


def _sources() -> list[SelectChoice]:
    """Return what the products of a section may be."""
    nodes = category_tree()[:MAX_OFFERED]
    return [
        SelectChoice("newest", _("Newest products")),
        *(
            SelectChoice(f"category:{node.id}", " › ".join(node.trail), optgroup=_("Categories"))
            for node in nodes
        ),
        *(
            SelectChoice(f"collection:{key}", title, optgroup=_("Collections"))
            for key, title in collection_titles()
        ),
    ]


def _id(text: str) -> uuid.UUID | None:
    """Return the chosen id; text that cannot be one becomes one that no row has."""
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


# --- the page -----------------------------------------------------------------------------------------


@blueprint.get("/home-page")
@requires_permission("content.view")
def home_page() -> BaseResponse:
    """Show the sections of the home page as staff work on them."""
    return _show()


@blueprint.post("/home-page")
@requires_permission("content.manage")
def home_customize() -> BaseResponse:
    """Begin to edit a home page that was made by itself so far."""
    customize_home(_defaults)
    return done(_("You can now edit the home page. Customers see it as before until you publish."), HOME)


@blueprint.get("/home-page/preview")
@requires_permission("content.view")
def home_preview() -> str:
    """Show the draft as the shop would."""
    if edited_home() is None:
        raise NotFound("home_page_not_found")
    return render_template("storefront/home.html", preview=HOME, **section_facts("draft"))


@blueprint.post("/home-page/<any(publication, reversion, deletion):change>")
@requires_permission("content.manage")
def home_change(change: str) -> BaseResponse:
    """Publish the draft, take it back to what was published, or let the page be made by itself again."""
    services = {"publication": publish_home, "reversion": revert_home, "deletion": reset_home}
    said = {
        "publication": _("Published."),
        "reversion": _("The draft is what customers see again."),
        "deletion": _("The home page is automatic again."),
    }
    return save(
        None,
        lambda: services[change](seen_version=seen_row_version()),
        show=_show,
        then=lambda _result: done(said[change], HOME),
    )


# --- sections -----------------------------------------------------------------------------------------


@blueprint.get("/home-page/sections/new")
@requires_permission("content.manage")
def section_new() -> BaseResponse:
    """Show an empty form for the kind of section that `?kind=` names."""
    kind = _known_kind(request.args.get("kind", "hero"))
    return _show_section(None, SectionForm(kind, None, 0))


@blueprint.post("/home-page/sections")
@requires_permission("content.manage")
@accepts_bytes(MAX_BYTES + 200_000)
def section_create() -> BaseResponse:
    """Add a section at the end of the draft."""
    form = SectionForm(_known_kind(request.form.get("kind", "")), None, 0, request.form)
    form.take_picture(None)
    return save(
        form,
        lambda: add_section(form.values(), _defaults),
        show=lambda status, **context: _show_section(None, form, status, **context),
        then=lambda section_id: done(_("Section added to the draft."), f"{HOME}#s{section_id.hex}"),
    )


@blueprint.get("/home-page/sections/<uuid:section_id>")
@requires_permission("content.view")
def section_page(section_id: uuid.UUID) -> BaseResponse:
    """Show one section as a form."""
    home, section = _section(section_id)
    return _show_section(section, SectionForm(section.kind, section, home.version))


@blueprint.post("/home-page/sections/<uuid:section_id>")
@requires_permission("content.manage")
@accepts_bytes(MAX_BYTES + 200_000)
def section_change(section_id: uuid.UUID) -> BaseResponse:
    """Save a section in the draft, unless the home page was changed since the form was opened."""
    home, section = _section(section_id)
    form = SectionForm(section.kind, section, home.version, request.form)
    form.take_picture(section)

    def current() -> SectionForm:
        now, again = _section(section_id)
        return SectionForm(again.kind, again, now.version)

    return save(
        form,
        lambda: change_section(section_id, form.values(), seen_version=form.version.data),
        show=lambda status, **context: _show_section(section, form, status, **context),
        then=lambda changed: done(saved_text(changed), f"{HOME}#s{section_id.hex}"),
        current=current,
    )


@blueprint.post("/home-page/sections/<uuid:section_id>/position")
@requires_permission("content.manage")
def section_move(section_id: uuid.UUID) -> BaseResponse:
    """Move a section up or down."""
    step = -1 if request.form.get("to") == "up" else 1
    return save(
        None,
        lambda: move_section(section_id, step, seen_version=seen_row_version()),
        show=_show,
        then=lambda _result: done(_("Section moved."), f"{HOME}#s{section_id.hex}"),
    )


@blueprint.post("/home-page/sections/<uuid:section_id>/removal")
@requires_permission("content.manage")
def section_remove(section_id: uuid.UUID) -> BaseResponse:
    """Take a section out of the draft."""
    return save(
        None,
        lambda: remove_section(section_id, seen_version=seen_row_version()),
        show=_show,
        then=lambda _result: done(_("Section removed from the draft."), HOME),
    )


def _section(section_id: uuid.UUID) -> tuple[EditedHome, Section]:
    home = edited_home()
    found = next((each for each in home.sections if each.id == section_id), None) if home else None
    if home is None or found is None:
        raise NotFound("home_section_not_found")
    return home, found


def _known_kind(kind: str) -> str:
    if kind not in SECTION_KINDS:
        raise NotFound("home_section_not_found")
    return kind


def _defaults() -> list[SectionValues]:
    """Return the home page of the shop as it is as long as nobody has edited it."""
    shop = current_shop()
    return [
        SectionValues(
            "hero",
            title=shop.tagline or shop.name,
            button_label=_("See all products"),
            button_address="/search",
            picture=shop.hero,
        ),
        SectionValues("categories"),
        SectionValues("products", most=HOME_PRODUCTS),
    ]


# --- answers ------------------------------------------------------------------------------------------


def _show(status: int = 200, problem: CommerceError | None = None) -> BaseResponse:
    """Answer with the sections in order."""
    return render_region(
        "admin/content/home_page.html",
        "admin/content/_home_page.html",
        status,
        home=edited_home(),
        kinds=KIND_TITLES,
        notes=KIND_NOTES,
        problem=problem,
    )


def _show_section(
    known: Section | None,
    form: SectionForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form of a section and what was typed into it."""
    token = form.picture.data if "picture" in form else ""
    carried = opened_picture(token) if token else None
    return render_region(
        "admin/content/section.html",
        "admin/content/_section.html",
        status,
        known=known,
        form=form,
        kind=form.kind,
        title=KIND_TITLES[form.kind],
        carried=carried,
        file=carried.picture.file if carried else (known.picture if known else ""),
        removed="picture-remove" in request.form,
        problem=problem,
        compared=compared,
    )
