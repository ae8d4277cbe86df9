"""What is done with a product as a whole: duplicate it, archive it, delete it."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, requires_permission
from commerce.admin.confirmation import confirm_first
from commerce.admin.forms import seen_row_version
from commerce.admin.products import queries
from commerce.admin.products.views import show_problem
from commerce.admin.save import done, save
from commerce.catalog.remove_product import delete_product, duplicate_product
from commerce.catalog.update_product import change_product
from commerce.catalog.validation import LIMITS
from commerce.inventory.adjustments import set_initial_stock
from commerce.orders.unsold_variants import delete_unsold_stock


@blueprint.post("/products/<slug>/copies")
@requires_permission("products.change")
def product_duplicate(slug: str) -> BaseResponse:
    """Make a draft that is a copy, and open it."""
    product = queries.find_product(slug)
    title = _("Copy of %(title)s", title=product.title)[: LIMITS.title]
    open_stock = partial(set_initial_stock, cause="received", actor=current_staff().name, reference="")
    return save(
        None,
        lambda: duplicate_product(product.id, title=title, open_stock=open_stock),
        show=lambda status, problem: show_problem(slug, status, problem),
        then=lambda copy_id: done(
            _("This is the copy. It is hidden until you make it active."),
            f"/admin/products/{quote(queries.slug_of(copy_id))}",
        ),
    )


@blueprint.post("/products/<slug>/archive")
@requires_permission("products.change")
def product_archive(slug: str) -> BaseResponse:
    """Take a product out of the shop; it keeps its orders, and can be made active again."""
    product = queries.find_product(slug)
    return save(
        None,
        lambda: change_product(
            product.id,
            seen_version=seen_row_version(),
            values={"status": "archived", "publish_at": None},
        ),
        show=lambda status, problem: show_problem(slug, status, problem),
        then=lambda _changed: done(_("Product archived."), f"/admin/products/{quote(slug)}"),
    )


@blueprint.post("/products/<slug>/removal")
@requires_permission("products.change")
def product_delete(slug: str) -> BaseResponse:
    """Delete a product that was never sold, after the page that says what goes with it."""
    product = queries.find_product(slug)
    variants, pictures = queries.variants_of(product.id), queries.images_of(product.id)
    asks = confirm_first(
        _("Delete %(title)s", title=product.title),
        _("Delete product"),
        f"/admin/products/{quote(slug)}",
        [
            (_("Variants"), ngettext("%(num)d variant", "%(num)d variants", len(variants))),
            (_("Pictures"), ngettext("%(num)d picture", "%(num)d pictures", len(pictures))),
            (_("Stock"), _("Units and their history are deleted.")),
            (_("Orders"), _("None. A product that was ordered can only be archived.")),
        ],
        words=_("This cannot be undone. Please review it before you confirm."),
    )
    if asks is not None:
        return asks
    seen = seen_row_version()
    return save(
        None,
        lambda: delete_product(product.id, seen_version=seen, delete_unsold=delete_unsold_stock),
        show=lambda status, problem: show_problem(slug, status, problem),
        then=lambda _none: done(_("Product deleted."), "/admin/products"),
    )
