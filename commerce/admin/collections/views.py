"""Collections in the back office: their list, one collection with its conditions or chosen products."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import current_app, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, page_number, requires_permission, search_text
from commerce.admin.collections import queries
from commerce.admin.collections.forms import FACT_WORDS, MATCH_WORDS, CollectionForm
from commerce.admin.confirmation import confirm_first
from commerce.admin.forms import Difference, refuse, seen_row_version, ticked_ids
from commerce.admin.product_picker import find_addable_products
from commerce.admin.save import done, save, saved_text
from commerce.catalog.categories import category_tree
from commerce.catalog.collections import (
    KINDS,
    MAX_CHOSEN,
    add_chosen,
    change_collection,
    collection_path,
    create_collection,
    delete_collection,
    get_collection,
    move_chosen,
    remove_chosen,
    set_collection_picture,
)
from commerce.catalog.images import MAX_BYTES, NotAPicture, normalise, store
from commerce.catalog.models import Collection
from commerce.errors import CommerceError, InvalidValue
from commerce.tenants.scope import current_shop
from commerce.web import accepts_bytes, render_region, status_of, wants_region

COLLECTIONS = "/admin/collections"


@blueprint.get("/collections")
@requires_permission("products.view")
def collection_list() -> BaseResponse:
    """Show the collections by title."""
    search = search_text()
    return render_region(
        "admin/collections/collections.html",
        "admin/collections/_collections.html",
        listing=queries.page_of_collections(search, page_number()),
        search=search,
        matches=MATCH_WORDS,
    )


@blueprint.get("/collections/new")
@requires_permission("products.change")
def collection_new() -> BaseResponse:
    """Show an empty form; `?kind=` says whether products are chosen by hand or by rules."""
    return _show(None, CollectionForm(None, category_tree(), kind=request.args.get("kind", KINDS[0])))


@blueprint.post("/collections")
@requires_permission("products.change")
def collection_create() -> BaseResponse:
    """Add a collection; or only add or remove a condition, or count what the conditions find."""
    form = CollectionForm(None, category_tree(), request.form)
    if _only_asked():
        return _answer_only(None, form)
    return save(
        form,
        lambda: create_collection(form.values()),
        show=lambda status, **context: _show(None, form, status, **context),
        then=lambda collection_id: done(_("Collection added."), f"{COLLECTIONS}/{collection_id}"),
    )


@blueprint.get("/collections/<uuid:collection_id>")
@requires_permission("products.view")
def collection_page(collection_id: uuid.UUID) -> BaseResponse:
    """Show one collection as a form, its picture and its products."""
    known = get_collection(collection_id)
    return _show(known, _form(known))


@blueprint.post("/collections/<uuid:collection_id>")
@requires_permission("products.change")
def collection_change(collection_id: uuid.UUID) -> BaseResponse:
    """Save a collection, unless it was changed since the page was opened; or only ask what its conditions find."""
    form = CollectionForm(get_collection(collection_id), category_tree(), request.form)
    if _only_asked():
        return _answer_only(get_collection(collection_id), form)
    return save(
        form,
        lambda: change_collection(collection_id, form.values(), seen_version=form.head.version.data),
        show=lambda status, **context: _show(get_collection(collection_id), form, status, **context),
        then=lambda changed: done(saved_text(changed), f"{COLLECTIONS}/{collection_id}"),
        current=lambda: _form(get_collection(collection_id)),
    )


@blueprint.post("/collections/<uuid:collection_id>/deletion")
@requires_permission("products.change")
def collection_delete(collection_id: uuid.UUID) -> BaseResponse:
    """Delete a collection, after the page that says what goes with it."""
    known = get_collection(collection_id)
    title, products = known.title, queries.count_collected(collection_id)
    stay = ngettext("%(num)d product stays in the shop.", "%(num)d products stay in the shop.", products)
    path = collection_path(known.slug)
    asks = confirm_first(
        _("Delete %(title)s", title=title),
        _("Delete collection"),
        f"{COLLECTIONS}/{collection_id}",
        [
            (_("Products"), stay),
            (_("Address"), _("%(path)s no longer works, also where menus link to it.", path=path)),
        ],
    )
    if asks is not None:
        return asks
    seen = seen_row_version()
    return save(
        None,
        lambda: delete_collection(collection_id, seen_version=seen),
        show=lambda status, problem: _show_again(collection_id, status, problem),
        then=lambda _result: done(_("“%(name)s” deleted.", name=title), COLLECTIONS),
    )


# --- the picture ------------------------------------------------------------------------------------


@blueprint.post("/collections/<uuid:collection_id>/picture")
@requires_permission("products.change")
@accepts_bytes(MAX_BYTES + 100_000)
def collection_picture(collection_id: uuid.UUID) -> BaseResponse:
    """Upload a picture: decoded and encoded again, so that nothing hidden is left in it."""
    get_collection(collection_id)
    upload = request.files.get("file")
    if not upload or not upload.filename:
        error = InvalidValue("picture", "picture_required")
        return _show_again(collection_id, status_of(error), error)
    try:
        picture = normalise(upload.stream.read())
    except NotAPicture as error:
        return _show_again(collection_id, status_of(error), error)
    return _set_picture(
        collection_id, store(picture, current_app.config["LOCKSTEP"].media, current_shop().id)
    )


@blueprint.post("/collections/<uuid:collection_id>/picture/removal")
@requires_permission("products.change")
def collection_picture_remove(collection_id: uuid.UUID) -> BaseResponse:
    """Show no picture any more."""
    get_collection(collection_id)
    return _set_picture(collection_id, "")


def _set_picture(collection_id: uuid.UUID, file: str) -> BaseResponse:
    return save(
        None,
        lambda: set_collection_picture(collection_id, file, seen_version=seen_row_version()),
        show=lambda status, problem: _show_again(collection_id, status, problem),
        then=lambda _result: done(_("Saved."), f"{COLLECTIONS}/{collection_id}"),
    )


# --- chosen products ----------------------------------------------------------------------------------


@blueprint.post("/collections/<uuid:collection_id>/products")
@requires_permission("products.change")
def collection_products_add(collection_id: uuid.UUID) -> BaseResponse:
    """Add the ticked products to a collection."""
    ticked = ticked_ids(request.form.getlist("product_id")[:MAX_CHOSEN])
    return save(
        None,
        lambda: add_chosen(collection_id, ticked),
        show=lambda status, problem: _show_again(collection_id, status, problem),
        then=lambda added: done(
            ngettext("%(num)d product added.", "%(num)d products added.", added),
            f"{COLLECTIONS}/{collection_id}#products",
        ),
    )


@blueprint.post("/collections/<uuid:collection_id>/products/<uuid:product_id>/removal")
@requires_permission("products.change")
def collection_product_remove(collection_id: uuid.UUID, product_id: uuid.UUID) -> BaseResponse:
    """Take a product out of a collection."""
    return save(
        None,
        lambda: remove_chosen(collection_id, product_id),
        show=lambda status, problem: _show_again(collection_id, status, problem),
        then=lambda _result: done(
            _("Product removed from the collection."), f"{COLLECTIONS}/{collection_id}#products"
        ),
    )


@blueprint.post("/collections/<uuid:collection_id>/products/<uuid:product_id>/position")
@requires_permission("products.change")
def collection_product_move(collection_id: uuid.UUID, product_id: uuid.UUID) -> BaseResponse:
    """Move a product of a collection up, down or to the top."""
    to = request.form.get("to", "")
    return save(
        None,
        lambda: move_chosen(collection_id, product_id, to if to in ("up", "down") else "top"),
        show=lambda status, problem: _show_again(collection_id, status, problem),
        then=lambda _result: done(_("Product moved."), f"{COLLECTIONS}/{collection_id}#products"),
    )


# --- the page ---------------------------------------------------------------------------------------


def _form(known: Collection) -> CollectionForm:
    return CollectionForm(known, category_tree())


def _only_asked() -> bool:
    """Tell whether a button was pressed that saves nothing."""
    return bool(request.form.get("do"))


def _answer_only(known: Collection | None, form: CollectionForm) -> BaseResponse:
    """Answer with a condition more or less, or with what the conditions find; everything typed stays in the form."""
    asked, _dash, number = request.form.get("do", "").partition("-")
    if asked == "add":
        form.add_condition(request.form.get("add", ""))
        return _show(known, form)
    if asked == "remove":
        form.remove_condition(number)
        return _show(known, form)
    # While somebody types, a field that is still empty is no mistake.
    typing = wants_region() and not form.countable
    return _show(known, form, 200 if typing or form.validate_conditions() else 422)


def _show_again(collection_id: uuid.UUID, status: int, problem: CommerceError) -> BaseResponse:
    known = get_collection(collection_id)
    return _show(known, _form(known), status, problem)


def _show(
    known: Collection | None,
    form: CollectionForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form and what was typed into it, what its conditions find, or the chosen products beside it."""
    search = search_text()
    chosen = known is not None and known.kind == "chosen"
    counted = request.form.get("do") == "count" and wants_region()
    return render_region(
        "admin/collections/collection.html",
        "admin/collections/_matches.html" if counted else "admin/collections/_collection.html",
        status,
        form=form,
        known=known,
        problem=problem,
        compared=compared,
        facts=FACT_WORDS,
        found=_matches(form) if form.kind == "rules" else None,
        listing=queries.chosen_page(known.id, page_number()) if known and chosen else None,
        search=search,
        addable=find_addable_products(queries.in_collection(known.id), search)
        if known and chosen and search
        else (),
    )


def _matches(form: CollectionForm) -> queries.Matches | None:
    """Return what the conditions find, None while there are none or one of them makes no sense."""
    if not form.countable or not form.validate_conditions():
        return None
    matches = form.head.rule.data
    try:
        return queries.find_matches(form.conditions(), matches if matches in MATCH_WORDS else "all")
    except InvalidValue as error:
        refuse(form, error)
        return None
