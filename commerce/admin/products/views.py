"""Products in the back office: find one, rename, publish or hide it, change its prices."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from io import TextIOWrapper
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import quote

from flask import Response, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, page_number, requires_permission
from commerce.admin.products import queries
from commerce.admin.products.filters import filter_fields, sent_filter
from commerce.admin.products.forms import ProductForm, ProductState
from commerce.admin.products.uploads import MAX_PARTS, MAX_UPLOAD
from commerce.admin.save import done, save, saved_text
from commerce.admin.settings.queries import tax_classes
from commerce.catalog.product_records import product_record
from commerce.catalog.update_product import change_product
from commerce.catalog.validation import STATUSES
from commerce.catalog_import.export import export_catalogue
from commerce.errors import AlreadyExists, CommerceError, InvalidValue
from commerce.inventory.adjustments import set_counted_stock
from commerce.inventory.initial_stock import first_location_stock
from commerce.tenants.scope import current_shop
from commerce.web import accepts_bytes, render_region

MEMORY = 1 << 20
"""Bytes of an export that stay in memory; a longer one goes through a file."""


@blueprint.get("/products")
@requires_permission("products.view")
def product_list() -> BaseResponse:
    """Show the catalogue by title, hidden products too."""
    wanted = sent_filter(request.args)
    found = queries.search_products(wanted)
    counts = queries.count_products(found)
    return render_region(
        "admin/products/products.html",
        "admin/products/_products.html",
        listing=queries.list_products(found, status=wanted.status, page=page_number()),
        wanted=wanted,
        filter_fields=filter_fields(wanted),
        known_values=queries.known_values(),
        statuses=STATUSES,
        counts=counts,
        total=counts[""],
        currency=current_shop().currency,
    )


@blueprint.get("/products.csv")
@requires_permission("products.view")
def product_file() -> Response:
    """Export all products with Shopify's columns, which `catalog import` reads back."""
    out = SpooledTemporaryFile(max_size=MEMORY)  # noqa: SIM115 - closed when it has been sent
    text = TextIOWrapper(out, encoding="utf-8", newline="")
    export_catalogue(text, base=request.host_url.rstrip("/"), on_hand=first_location_stock)
    text.detach().seek(0)
    answer = Response(_chunks(out), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="products.csv"'
    answer.call_on_close(out.close)  # when the client disconnects early
    return answer


@blueprint.get("/products/<slug>")
@requires_permission("products.view")
def product_page(slug: str) -> BaseResponse:
    """Show one product as a form."""
    state = _find(slug)
    return _show(state, ProductForm(state))


@blueprint.post("/products/<slug>")
@requires_permission("products.change")
@accepts_bytes(MAX_UPLOAD, parts=MAX_PARTS)
def product_change(slug: str) -> BaseResponse:
    """Save a product with its pictures and variants, unless it was changed since the page was opened."""
    state = _find(slug)
    product_id = state.product.id
    form = ProductForm(state, request.form, request.files)
    return save(
        form,
        lambda: _change(product_id, form),
        show=lambda status, **context: _show(state_of(product_id), form, status, **context),
        then=lambda changed: done(
            saved_text(changed), f"/admin/products/{quote(queries.slug_of(product_id))}"
        ),
        current=lambda: ProductForm(state_of(product_id)),
    )


def _change(product_id: uuid.UUID, form: ProductForm) -> bool:
    return save_product(
        product_id,
        seen_version=form.version.data,
        values=form.head.values(),
        variants=form.changes(),
        categories=form.head.categories.data or (),
        code=form.head.slug.data or "",
        pictures=form.pictures.changes(),
        set_stock=partial(set_counted_stock, form.counts(), actor=current_staff().name),
    )


def save_product(product_id: uuid.UUID, **changes: Any) -> bool:
    """Change a product; a code or SKU that is taken can be mended at its field, so here it is no conflict."""
    try:
        return change_product(product_id, **changes)
    except AlreadyExists as error:
        raise InvalidValue(error.field, error.reason, **error.facts) from error


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(MEMORY):
            yield chunk


def _find(slug: str) -> ProductState:
    return state_of(queries.find_product(slug).id)


def show_problem(slug: str, status: int, problem: CommerceError) -> BaseResponse:
    """Answer with the editor and why something could not be done with the product."""
    state = _find(slug)
    return _show(state, ProductForm(state), status, problem)


def state_of(product_id: uuid.UUID) -> ProductState:
    """Return a product with all that its editor shows, as its rows are now. Raises NotFound."""
    record = product_record(product_id)
    variants = queries.variants_of(product_id)
    return ProductState(
        record.product,
        variants,
        queries.images_of(product_id),
        record.categories,
        first_location_stock([each.id for each in variants]),
        tax_classes(),
    )


def _show(
    state: ProductState,
    form: ProductForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Any] = (),
) -> BaseResponse:
    """Answer with the form and what was typed into it."""
    return render_region(
        "admin/products/product.html",
        "admin/products/_product.html",
        status,
        product=state.product,
        variants=state.variants,
        form=form,
        problem=problem,
        compared=compared,
        currency=current_shop().currency,
        locations=queries.location_choices(),
        known_values=queries.known_values(),
    )
