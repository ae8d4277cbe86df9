"""Products in the back office: find one, rename, publish or hide it, change its prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import quote

from flask import Response, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, page_number, requires_permission, search_text
from commerce.admin.products import queries
from commerce.admin.products.forms import ProductForm
from commerce.admin.save import done, save, saved_text
from commerce.catalog.models import Product, Variant
from commerce.catalog.update_product import change_product
from commerce.catalog.validation import STATUSES
from commerce.catalog_import.export import export_catalogue
from commerce.errors import CommerceError, NotFound
from commerce.inventory.initial_stock import first_location_stock
from commerce.tenants.scope import current_shop
from commerce.web import render_region

MEMORY = 1 << 20
"""Bytes of an export that stay in memory; a longer one goes through a file."""


@blueprint.get("/products")
@requires_permission("products.view")
def product_list() -> BaseResponse:
    """Show the catalogue by title, hidden products too."""
    search, status = search_text(), request.args.get("status", "")
    if status not in STATUSES:
        status = ""
    found = queries.find_products(search)
    counts = queries.count_products(found)
    return render_region(
        "admin/products/products.html",
        "admin/products/_products.html",
        listing=queries.list_products(found, status=status, page=page_number()),
        search=search,
        chosen=status,
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
    product, variants = _find(slug)
    return _show(product, variants, ProductForm(product, variants))


@blueprint.post("/products/<slug>")
@requires_permission("products.change")
def product_change(slug: str) -> BaseResponse:
    """Save title, status and prices, unless the product was changed since the page was opened."""
    product, variants = _find(slug)
    form = ProductForm(product, variants, request.form)
    return save(
        form,
        lambda: change_product(
            product.id,
            seen_version=form.version.data,
            values={"title": form.title.data, "status": form.status.data},
            variants=form.changes(),
        ),
        show=lambda status, **context: _show(*_find(slug), form, status, **context),
        then=lambda changed: done(saved_text(changed), f"/admin/products/{quote(slug)}"),
        current=lambda: ProductForm(*_find(slug)),
    )


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(MEMORY):
            yield chunk


def _find(slug: str) -> tuple[Product, Sequence[Variant]]:
    if not slug.isprintable() or len(slug) > 255:
        raise NotFound("product_not_found")
    product = queries.get_product(slug)
    return product, queries.variants_of(product.id)


def _show(
    product: Product,
    variants: Sequence[Variant],
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
        product=product,
        variants=variants,
        form=form,
        problem=problem,
        compared=compared,
        currency=current_shop().currency,
    )
