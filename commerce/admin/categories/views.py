"""Categories in the back office: their tree, one category, and the products in it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import current_app, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, page_number, requires_permission, search_text
from commerce.admin.categories import queries
from commerce.admin.categories.forms import CategoryForm
from commerce.admin.forms import Difference, seen_row_version, ticked_ids
from commerce.admin.product_picker import find_addable_products
from commerce.admin.save import done, save, saved_text
from commerce.catalog.categories import (
    MAX_LEVELS,
    add_products,
    category_tree,
    change_category,
    create_category,
    delete_category,
    get_category,
    move_category,
    move_product,
    possible_parents,
    remove_product,
    set_category_picture,
)
from commerce.catalog.images import MAX_BYTES, NotAPicture, normalise, store
from commerce.catalog.models import Category
from commerce.errors import CommerceError, InvalidValue
from commerce.tenants.scope import current_shop
from commerce.web import accepts_bytes, render_region, status_of

CATEGORIES = "/admin/categories"
MAX_ADDED = 500


@blueprint.get("/categories")
@requires_permission("products.view")
def category_list() -> BaseResponse:
    """Show the tree of categories in the shop's order."""
    search = search_text()
    listing = queries.page_of_tree(search, page_number())
    return render_region(
        "admin/categories/categories.html",
        "admin/categories/_categories.html",
        listing=listing,
        counts=queries.count_in_categories([node.id for node in listing.rows]),
        search=search,
        levels=MAX_LEVELS,
    )


@blueprint.get("/categories/new")
@requires_permission("products.change")
def category_new() -> BaseResponse:
    """Show an empty form; `?below=` chooses the category above it."""
    parents = possible_parents(None, category_tree())
    below = next((node.id for node in parents if str(node.id) == request.args.get("below")), None)
    return _show(None, CategoryForm(None, parents, parent=below))


@blueprint.post("/categories")
@requires_permission("products.change")
def category_create() -> BaseResponse:
    """Add a category."""
    form = CategoryForm(None, possible_parents(None, category_tree()), request.form)
    return save(
        form,
        lambda: create_category(form.values()),
        show=lambda status, **context: _show(None, form, status, **context),
        then=lambda category_id: done(_("Category added."), f"{CATEGORIES}/{category_id}"),
    )


@blueprint.get("/categories/<uuid:category_id>")
@requires_permission("products.view")
def category_page(category_id: uuid.UUID) -> BaseResponse:
    """Show one category as a form, its picture and its products."""
    known = get_category(category_id)
    return _show(known, _form(known))


@blueprint.post("/categories/<uuid:category_id>")
@requires_permission("products.change")
def category_change(category_id: uuid.UUID) -> BaseResponse:
    """Save a category, unless it was changed since the page was opened."""
    form = CategoryForm(
        get_category(category_id), possible_parents(category_id, category_tree()), request.form
    )
    return save(
        form,
        lambda: change_category(category_id, form.values(), seen_version=form.version.data),
        show=lambda status, **context: _show(get_category(category_id), form, status, **context),
        then=lambda changed: done(saved_text(changed), f"{CATEGORIES}/{category_id}"),
        current=lambda: _form(get_category(category_id)),
    )


@blueprint.post("/categories/<uuid:category_id>/deletion")
@requires_permission("products.change")
def category_delete(category_id: uuid.UUID) -> BaseResponse:
    """Delete a category that has no other below it and no promotion about it."""
    name = get_category(category_id).name

    def do() -> None:
        queries.refuse_if_promoted(category_id)
        delete_category(category_id, seen_version=seen_row_version())

    return save(
        None,
        do,
        show=lambda status, problem: _show_again(category_id, status, problem),
        then=lambda _result: done(_("“%(name)s” deleted.", name=name), CATEGORIES),
    )


@blueprint.post("/categories/<uuid:category_id>/position")
@requires_permission("products.change")
def category_move(category_id: uuid.UUID) -> BaseResponse:
    """Move a category up or down among those at its place."""
    name = get_category(category_id).name
    move_category(category_id, -1 if request.form.get("to") == "up" else 1)
    return done(_("“%(name)s” moved.", name=name), f"{CATEGORIES}#c{category_id.hex}")


# --- the picture ------------------------------------------------------------------------------------


@blueprint.post("/categories/<uuid:category_id>/picture")
@requires_permission("products.change")
@accepts_bytes(MAX_BYTES + 100_000)
def category_picture(category_id: uuid.UUID) -> BaseResponse:
    """Upload a picture: decoded and encoded again, so that nothing hidden is left in it."""
    get_category(category_id)
    upload = request.files.get("file")
    if not upload or not upload.filename:
        error = InvalidValue("picture", "picture_required")
        return _show_again(category_id, status_of(error), error)
    try:
        picture = normalise(upload.stream.read())
    except NotAPicture as error:
        return _show_again(category_id, status_of(error), error)
    return _set_picture(category_id, store(picture, current_app.config["LOCKSTEP"].media, current_shop().id))


@blueprint.post("/categories/<uuid:category_id>/picture/removal")
@requires_permission("products.change")
def category_picture_remove(category_id: uuid.UUID) -> BaseResponse:
    """Show no picture of its own any more."""
    get_category(category_id)
    return _set_picture(category_id, "")


def _set_picture(category_id: uuid.UUID, file: str) -> BaseResponse:
    return save(
        None,
        lambda: set_category_picture(category_id, file, seen_version=seen_row_version()),
        show=lambda status, problem: _show_again(category_id, status, problem),
        then=lambda _result: done(_("Saved."), f"{CATEGORIES}/{category_id}"),
    )


# --- the products -----------------------------------------------------------------------------------


@blueprint.post("/categories/<uuid:category_id>/products")
@requires_permission("products.change")
def category_products_add(category_id: uuid.UUID) -> BaseResponse:
    """Put the ticked products into a category."""
    added = add_products(category_id, ticked_ids(request.form.getlist("product_id")[:MAX_ADDED]))
    text = ngettext("%(num)d product added.", "%(num)d products added.", added)
    return done(text, f"{CATEGORIES}/{category_id}#products")


@blueprint.post("/categories/<uuid:category_id>/products/<uuid:product_id>/removal")
@requires_permission("products.change")
def category_product_remove(category_id: uuid.UUID, product_id: uuid.UUID) -> BaseResponse:
    """Take a product out of a category."""
    remove_product(category_id, product_id)
    return done(_("Product removed from the category."), f"{CATEGORIES}/{category_id}#products")


@blueprint.post("/categories/<uuid:category_id>/products/<uuid:product_id>/position")
@requires_permission("products.change")
def category_product_move(category_id: uuid.UUID, product_id: uuid.UUID) -> BaseResponse:
    """Move a product of a category up, down or to the top."""
    to = request.form.get("to", "")
    return save(
        None,
        lambda: move_product(category_id, product_id, to if to in ("up", "down") else "top"),
        show=lambda status, problem: _show_again(category_id, status, problem),
        then=lambda _result: done(_("Product moved."), f"{CATEGORIES}/{category_id}#products"),
    )


# --- the page ---------------------------------------------------------------------------------------


def _form(known: Category) -> CategoryForm:
    return CategoryForm(known, possible_parents(known.id, category_tree()))


def _show_again(category_id: uuid.UUID, status: int, problem: CommerceError) -> BaseResponse:
    known = get_category(category_id)
    return _show(known, _form(known), status, problem)


def _show(
    known: Category | None,
    form: CategoryForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form and what was typed into it, the picture and the products beside it."""
    search = search_text()
    return render_region(
        "admin/categories/category.html",
        "admin/categories/_category.html",
        status,
        form=form,
        known=known,
        problem=problem,
        compared=compared,
        listing=queries.arranged_page(known.id, page_number()) if known else None,
        search=search,
        found=find_addable_products(queries.in_category(known.id), search) if known and search else (),
    )
