"""Adding a product: one form, in which the title and the price are all that is needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from flask import Response, make_response, render_template, request
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response as BaseResponse
from wtforms import SelectChoice, SelectField, StringField
from wtforms.validators import AnyOf, Length, Optional

from commerce.admin.auth import blueprint, current_staff, requires_permission
from commerce.admin.fields import no_control_characters, number_field, strip
from commerce.admin.forms import add_error, problems_of
from commerce.admin.products import queries
from commerce.admin.products.fields import (
    ProductTexts,
    offer_fields,
    offer_tax_classes,
    split_names,
)
from commerce.admin.products.uploads import MAX_UPLOAD, Pictures, sent_pictures, take_in
from commerce.admin.save import done
from commerce.admin.settings.queries import tax_classes
from commerce.catalog.create_product import NewProduct, NewVariant, create_product
from commerce.catalog.options import MAX_OPTIONS, Option, checked_options, combined
from commerce.catalog.text import slugify
from commerce.catalog.validation import VariantValues
from commerce.error_messages import describe
from commerce.errors import AlreadyExists, CommerceError, Conflict, InvalidValue, Rejected
from commerce.inventory.adjustments import set_initial_stock
from commerce.inventory.models import MAX_QUANTITY
from commerce.tenants.scope import current_shop
from commerce.web import accepts_bytes, private, status_of

NEW = "/admin/new-product"


class NewProductTexts(ProductTexts):
    """All fields of a new product. Its variants share price and stock until their grid is edited."""

    error_fields: ClassVar[dict[str, str]] = {**ProductTexts.error_fields, "options": "option1_name"}

    price, compare_at, unit_cost, sku, barcode, weight_grams, tax_class, requires_shipping = (
        offer_fields().values()
    )
    quantity = number_field(_("Quantity"), 0, MAX_QUANTITY, required=False)
    location = SelectField(_("Location"), validate_choice=False)


def _option_field(label: Any, longest: int) -> StringField:
    return StringField(label, [Length(max=longest), no_control_characters], filters=[strip])


for _number in range(1, MAX_OPTIONS + 1):
    setattr(NewProductTexts, f"option{_number}_name", _option_field(_("Option name"), 255))
    setattr(NewProductTexts, f"option{_number}_values", _option_field(_("Values"), 20_000))


class NewProductForm:
    """The form of a new product with its pictures."""

    def __init__(self, formdata: Any = None, files: Any = None) -> None:
        self.head = NewProductTexts(formdata)
        self.pictures = Pictures() if formdata is None else sent_pictures((), formdata, files)
        if formdata is None:
            self.head.requires_shipping.data = True
        self.head.offer_categories()
        offer_tax_classes(self.head.tax_class, tax_classes())
        self.locations = queries.location_choices()
        self.head.location.choices = [SelectChoice(code, name) for code, name in self.locations]
        known = [code for code, _name in self.locations]
        if known:
            self.head.location.validators = [Optional(), AnyOf(known, _("Please choose a location."))]

    @property
    def options(self) -> list[tuple[Any, Any]]:
        """Return the fields of each option: its name and its values."""
        return [
            (self.head[f"option{number}_name"], self.head[f"option{number}_values"])
            for number in range(1, MAX_OPTIONS + 1)
        ]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Return (field id, sentence) for everything that is wrong."""
        return problems_of(self.head) + [("pictures", text) for text in self.pictures.problems]

    def validate(self) -> bool:
        """Check all fields; the pictures were checked when they were taken in."""
        return bool(self.head.validate()) & (not self.pictures.problems)

    def new(self) -> NewProduct:
        """Return the product to make. Raises InvalidValue for options that make no grid."""
        form = self.head
        given = [
            Option(name.data or "", split_names(values.data))
            for name, values in self.options
            if name.data or values.data
        ]
        grid = combined(checked_options(given))
        shared: VariantValues = {
            "price": form.price.data,
            "compare_at": form.compare_at.data,
            "unit_cost": form.unit_cost.data,
            "weight_grams": form.weight_grams.data or 0,
            "tax_class": form.tax_class.data,
            "requires_shipping": form.requires_shipping.data,
            "barcode": (form.barcode.data or "") if len(grid) == 1 else "",
        }
        sku, units = form.sku.data or "", form.quantity.data or 0
        return NewProduct(
            form.values(),
            [NewVariant(_variant_sku(sku, options), shared, options, units) for options in grid],
            code=form.slug.data or "",
            categories=form.categories.data or (),
            pictures=self.pictures.files,
        )


def _variant_sku(sku: str, options: Mapping[str, str]) -> str:
    """Return the SKU of a variant: what was typed, with its options behind it; empty for one that is made."""
    if not sku:
        return ""
    parts = [slugify(value) or value for value in options.values()]
    return "-".join([sku, *(part.upper() if sku.isupper() else part for part in parts)])


@blueprint.get("/new-product")
@requires_permission("products.change")
def new_product() -> BaseResponse:
    """Ask for a product."""
    return _show(NewProductForm())


@blueprint.post("/new-product")
@requires_permission("products.change")
@accepts_bytes(MAX_UPLOAD)
def add_product() -> BaseResponse:
    """Add a product, and lead to its editor."""
    form = NewProductForm(request.form, request.files)
    if not form.validate():
        return _show(form, 422)
    try:
        new = form.new()
        product_id = create_product(new, open_stock=_stock_opener(form.head.location.data or ""))
    except (InvalidValue, AlreadyExists) as error:
        name = form.head.error_fields.get(error.field, error.field)
        add_error(form.head, name if name in form.head else "", describe(error))
        return _show(form, status_of(error))
    except (Rejected, Conflict) as error:
        return _show(form, status_of(error), error)
    count = len(new.variants)
    said = gettext("Product added.")
    if count > 1:
        said += " " + ngettext("It has %(num)d variant.", "It has %(num)d variants.", count)
    return done(said, f"/admin/products/{quote(queries.slug_of(product_id))}")


@blueprint.post("/product-pictures")
@requires_permission("products.change")
@accepts_bytes(MAX_UPLOAD)
def stage_pictures() -> Response:
    """Take in pictures for a form that is not saved yet, and answer with the fields that carry them there."""
    taken, problems = take_in(request.files.getlist("pictures"))
    if not taken and not problems:
        problems = [gettext("Choose an image to upload.")]
    page = render_template("admin/products/_staged_pictures.html", staged=taken, problems=problems)
    return private(make_response(page, 422 if problems else 200))


def _stock_opener(location: str) -> Any:
    return partial(
        set_initial_stock,
        cause="received",
        actor=current_staff().name,
        reference="",
        location_id=queries.location_id(location) if location else None,
    )


def _show(form: NewProductForm, status: int = 200, problem: CommerceError | None = None) -> BaseResponse:
    page = render_template(
        "admin/products/new_product.html",
        form=form,
        problem=problem,
        currency=current_shop().currency,
        known_values=queries.known_values(),
    )
    return private(make_response(page, status))
