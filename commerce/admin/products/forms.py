"""The editor of a product: the product as a whole, its pictures, and a row of fields for each variant."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, DateField, Field, HiddenField, SelectChoice, SelectField, StringField
from wtforms.form import BaseForm
from wtforms.validators import Length, Optional

from commerce.admin.fields import AmountField, no_control_characters, number_field, strip, version_field
from commerce.admin.forms import AdminForm, Difference, problems_of, set_version, shown_text
from commerce.admin.products.fields import (
    ProductTexts,
    offer_fields,
    offer_tax_classes,
    typed_description,
)
from commerce.admin.products.uploads import pictures_of, sent_pictures
from commerce.catalog.models import Product, ProductImage, Variant
from commerce.catalog.text import slugify
from commerce.catalog.update_product import VariantUpdate
from commerce.catalog.validation import VariantValues
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.inventory.adjustments import CountedStock
from commerce.inventory.models import MAX_QUANTITY

MOST_UNFOLDED = 25
"""Variants that a page shows at once; with more it would be a hundred screens long on a phone."""
COMPARED = ("sku", "price", "compare_at", "unit_cost", "barcode", "weight_grams", "ships_from", "on_hand")
"""Fields of a variant that are shown beside what somebody else has changed meanwhile."""
SHOWN_AS_THEY_ARE = (
    "title",
    "status",
    "vendor",
    "product_type",
    "seo_title",
    "seo_description",
    "slug",
    "version",
    "publish_at",
)
"""Columns of a product that its form has fields for under the same names."""
IN_THE_GRID = ("sku", "price", "compare_at")
"""What of a variant's offer stands in the grid; the rest is on the variant's own page."""


class _Head(ProductTexts):
    version = version_field()


@dataclass(frozen=True, slots=True)
class ProductState:
    """A product as its editor needs it. `stock` are the units on hand at the first location, by variant id."""

    product: Product
    variants: Sequence[Variant]
    images: Sequence[ProductImage]
    categories: Sequence[str]
    stock: Mapping[uuid.UUID, int]
    tax_classes: Sequence[str]


@dataclass(frozen=True, slots=True)
class VariantRow:
    """The fields of one variant."""

    variant: Variant
    fields: BaseForm

    def __getattr__(self, name: str) -> Any:
        """Return a field by its name, so that a template reads like one for a form."""
        try:
            return self.fields[name]
        except KeyError as error:
            raise AttributeError(name) from error

    @property
    def has_errors(self) -> bool:
        """Whether something in it was refused."""
        return any(field.errors for field in self.fields)

    @property
    def name(self) -> str:
        """What the variant is called beside the others."""
        return " / ".join(self.variant.option_values) or self.variant.sku


class BulkFields(AdminForm):
    """What is set for all ticked variants; an empty field leaves them as they are."""

    bulk_price = AmountField(_("Price"), [Optional()])
    bulk_compare_at = AmountField(_("Compare-at price"), [Optional()])
    bulk_on_hand = number_field(_("On hand"), 0, MAX_QUANTITY, required=False, default=None)
    bulk_sku = StringField(
        _("SKU pattern"), [Optional(), Length(max=200), no_control_characters], filters=[strip]
    )
    bulk_active = SelectField(
        _("Active"),
        choices=[SelectChoice("", "–"), SelectChoice("yes", _("Yes")), SelectChoice("no", _("No"))],
        validators=[Optional()],
    )
    bulk_picture = SelectField(_("Picture"), validators=[Optional()])


@dataclass(frozen=True, slots=True)
class VariantGroup:
    """Variants that are shown or folded away together."""

    name: str
    rows: list[VariantRow]
    is_open: bool


class ProductForm:
    """Fields of a product and of its variants, named `v<id>-price` and so on, since a product has any number of them.

    A product with one variant has all of its fields here.
    """

    def __init__(self, state: ProductState, formdata: Any = None, files: Any = None) -> None:
        product = state.product
        shown = {name: getattr(product, name) for name in SHOWN_AS_THEY_ARE}
        shown |= {
            "description": typed_description(product.description_html),
            "categories": list(state.categories),
            "tags": ", ".join(product.tags),
        }
        self.head = _Head(formdata, data=shown)
        self.head.offer_categories()
        self.is_alone = len(state.variants) == 1
        self.images = state.images
        self.rows = [VariantRow(each, _variant_form(each, state, formdata)) for each in state.variants]
        self.pictures = (
            pictures_of(state.images) if formdata is None else sent_pictures(state.images, formdata, files)
        )
        self.version = self.head.version
        self.is_bulk = formdata is not None and formdata.get("do") == "bulk"
        self.bulk = BulkFields(formdata if self.is_bulk else None)
        self.bulk.bulk_picture.choices = [SelectChoice("", "–"), *_picture_choices(state.images)]
        self.picked = set(formdata.getlist("pick")) if formdata is not None else set()
        if self.is_bulk:
            self._set_picked()

    def _is_picked(self, row: VariantRow) -> bool:
        return "all" in self.picked or str(row.variant.id) in self.picked

    def _set_picked(self) -> None:
        """Write what is set for all ticked variants into their fields, as if it had been typed there."""
        if not self.bulk.validate():
            return
        picked = [row for row in self.rows if self._is_picked(row)]
        if not picked:
            self.bulk.form_errors.append(gettext("Tick the variants to change."))
        for number, row in enumerate(picked, start=1):
            for name in ("price", "compare_at", "on_hand"):
                given = self.bulk[f"bulk_{name}"]
                if given.data is not None:
                    row.fields[name].raw_data, row.fields[name].data = given.raw_data, given.data
            if self.bulk.bulk_sku.data:
                sku = _patterned(self.bulk.bulk_sku.data, number, row.variant.option_values)
                row.fields["sku"].raw_data, row.fields["sku"].data = [sku], sku
            if self.bulk.bulk_active.data:
                row.fields["active"].data = self.bulk.bulk_active.data == "yes"

    @property
    def groups(self) -> list[VariantGroup]:
        """Return the variants in groups that can be folded: by the first option, or a number of them at a time.

        A product with few variants is one group without a name. A group with something wrong in it is open.
        """
        rows = self.rows
        if len(rows) <= MOST_UNFOLDED:
            return [VariantGroup("", rows, is_open=True)]
        by_option: dict[str, list[VariantRow]] = {}
        for row in rows:
            values = row.variant.option_values
            by_option.setdefault(values[0] if len(values) > 1 else "", []).append(row)
        found = []
        for name, all_of_it in by_option.items():
            for start in range(0, len(all_of_it), MOST_UNFOLDED):
                part = all_of_it[start : start + MOST_UNFOLDED]
                first, last = part[0].variant, part[-1].variant
                whole = name and len(all_of_it) <= MOST_UNFOLDED
                label = name if whole else f"{first.sku} – {last.sku}"
                found.append(VariantGroup(label, part, is_open=any(row.has_errors for row in part)))
        return found

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Return (field id, sentence) for everything that is wrong, for the summary above the form."""
        found = [("", str(text)) for text in self.head.form_errors]
        found += [(field.id, f"{field.label.text}: {text}") for field in self.head for text in field.errors]
        found += [("pictures", text) for text in self.pictures.problems]
        if self.is_bulk:
            found += problems_of(self.bulk)
        for row in self.rows:
            found += [
                (field.id, f"{row.variant.sku}: {text}") for field in row.fields for text in field.errors
            ]
        return found

    def validate(self) -> bool:
        """Check all fields, so that everything wrong is said at once."""
        sound = [bool(self.head.validate()), *(bool(row.fields.validate()) for row in self.rows)]
        refused = self.is_bulk and bool(self.bulk.errors)
        return all(sound) and not self.pictures.problems and not refused

    def refuse_row(self, error: InvalidValue) -> bool:
        """Show what is wrong with a variant at its field; tell whether it was about one."""
        part, _dot, name = error.field.removeprefix("variants.").partition(".")
        row = next((row for row in self.rows if str(row.variant.id) == part), None)
        if row is None or name not in row.fields:
            return False
        field = row.fields[name]
        field.errors = [*field.errors, describe(error)]
        return True

    def catch_up(self, now: ProductForm) -> None:
        """Take over the current versions: whoever saves once more has seen what the others did, and means it."""
        current = {row.variant.id: row for row in now.rows}
        set_version(self.version, now.version.data)
        for row in self.rows:
            there = current.get(row.variant.id)
            if there is not None:
                set_version(row.fields["version"], there.variant.version)
                set_version(row.fields["seen"], there.fields["seen"].data)

    def differences(self, now: ProductForm) -> list[Difference]:
        """Compare what was typed with a form of what the product has become."""
        found = self.head.differences(now.head)
        current = {row.variant.id: row for row in now.rows}
        for row in self.rows:
            there = current.get(row.variant.id)
            if there is not None:
                found += _row_differences(row, there, f"{there.variant.sku}, ")
        return found

    def changes(self) -> list[VariantUpdate]:
        """Return what each variant shall become; call it only after `validate`."""
        removed = set(self.pictures.changes().removed)
        chosen = self.bulk.bulk_picture.data
        image_id = uuid.UUID(chosen) if chosen else None
        found = []
        for row in self.rows:
            values = _values(row, removed)
            if image_id is not None and image_id not in removed and self._is_picked(row):
                values["image_id"] = image_id
            found.append(VariantUpdate(row.variant.id, int(row.fields["version"].data), values))
        return found

    def counts(self) -> dict[uuid.UUID, CountedStock]:
        """Return the units on hand that were typed, where they are not those that the page had shown."""
        return _counts(self.rows)


def _counts(rows: Sequence[VariantRow]) -> dict[uuid.UUID, CountedStock]:
    found = {}
    for row in rows:
        units, seen = row.fields["on_hand"].data, row.fields["seen"].data
        shown = int(seen) if seen else None
        if units is not None and units != shown:
            found[row.variant.id] = CountedStock(shown, units)
    return found


def _row_differences(row: VariantRow, there: VariantRow, place: str) -> Iterator[Difference]:
    for name in COMPARED:
        if name not in row.fields or name not in there.fields:
            continue
        typed, shown = shown_text(row.fields[name]), shown_text(there.fields[name])
        if typed != shown:
            yield Difference(f"{place}{row.fields[name].label.text}", shown or "–", typed or "–")


def _patterned(pattern: str, number: int, values: Sequence[str]) -> str:
    """Return the SKU that a pattern gives: {1} to {3} are the values of the options, {n} counts."""
    sku = pattern.replace("{n}", str(number))
    upper = sku.isupper()
    for place, value in enumerate(values, start=1):
        part = slugify(value) or value
        sku = sku.replace(f"{{{place}}}", part.upper() if upper else part)
    return sku


def _values(row: VariantRow, removed: set[uuid.UUID]) -> VariantValues:
    values: dict[str, Any] = {"active": bool(row.fields["active"].data)}
    if "ships_from" in row.fields:
        values["ships_from"] = row.fields["ships_from"].data
    for name in offer_fields():
        if name in row.fields:
            values[name] = row.fields[name].data
    if "weight_grams" in values:
        values["weight_grams"] = values["weight_grams"] or 0
    if "barcode" in values:
        values["barcode"] = values["barcode"] or ""
    if "picture" in row.fields:
        chosen = row.fields["picture"].data
        image_id = uuid.UUID(chosen) if chosen else None
        values["image_id"] = None if image_id in removed else image_id
    return cast("VariantValues", values)


def variant_fields(state: ProductState, *, whole: bool) -> dict[str, Field]:
    """Return the fields of a variant: all of them, or those that stand in the grid."""
    fields: dict[str, Field] = {
        "version": version_field(),
        **{
            name: field
            for name, field in offer_fields(sku_required=True).items()
            if whole or name in IN_THE_GRID
        },
        "active": BooleanField(_("Active")),
        "on_hand": number_field(_("On hand"), 0, MAX_QUANTITY, required=False, default=None),
        "seen": HiddenField(validators=[_is_count]),
    }
    if whole:
        fields["ships_from"] = DateField(_("Next delivery"), [Optional()])
        if state.images and len(state.variants) > 1:
            fields["picture"] = SelectField(
                _("Picture"), choices=[SelectChoice("", gettext("None")), *_picture_choices(state.images)]
            )
    return fields


def _picture_choices(images: Sequence[ProductImage]) -> list[SelectChoice]:
    return [
        SelectChoice(str(image.id), f"{place}{': ' if image.alt else ''}{image.alt[:60]}")
        for place, image in enumerate(images, start=1)
    ]


def _is_count(_form: Any, field: Any) -> None:
    if field.data and not (field.data.isascii() and field.data.isdigit() and len(field.data) < 10):
        field.data = ""


def _variant_form(variant: Variant, state: ProductState, formdata: Any, *, whole: bool = False) -> BaseForm:
    whole = whole or len(state.variants) == 1
    form = BaseForm(variant_fields(state, whole=whole), prefix=f"v{variant.id.hex}-")
    on_hand = state.stock.get(variant.id)
    shown = {name: getattr(variant, name) for name in offer_fields()}
    form.process(
        formdata,
        data={
            **shown,
            "version": variant.version,
            "active": variant.active,
            "ships_from": variant.ships_from,
            "on_hand": on_hand,
            "seen": "" if on_hand is None else str(on_hand),
            "picture": str(variant.image_id or ""),
        },
    )
    if "tax_class" in form:
        offer_tax_classes(form["tax_class"], [variant.tax_class, *state.tax_classes])
    return form


class VariantForm:
    """All fields of one variant, on the variant's own page."""

    def __init__(self, state: ProductState, variant: Variant, formdata: Any = None) -> None:
        self.row = VariantRow(variant, _variant_form(variant, state, formdata, whole=True))

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Return (field id, sentence) for everything that is wrong."""
        return [
            (field.id, f"{field.label.text}: {text}") for field in self.row.fields for text in field.errors
        ]

    def validate(self) -> bool:
        """Check all fields."""
        return bool(self.row.fields.validate())

    def refuse_row(self, error: InvalidValue) -> bool:
        """Show what is wrong at its field, at the price when it is none of them."""
        name = error.field.rpartition(".")[2]
        field = self.row.fields[name if name in self.row.fields else "price"]
        field.errors = [*field.errors, describe(error)]
        return True

    def differences(self, now: VariantForm) -> list[Difference]:
        """Compare what was typed with a form of what the variant has become."""
        return list(_row_differences(self.row, now.row, ""))

    def catch_up(self, now: VariantForm) -> None:
        """Take over the current versions: whoever saves once more has seen what the others did, and means it."""
        set_version(self.row.fields["version"], now.row.variant.version)
        set_version(self.row.fields["seen"], now.row.fields["seen"].data)

    def update(self) -> VariantUpdate:
        """Return what the variant shall become; call it only after `validate`."""
        return VariantUpdate(
            self.row.variant.id, int(self.row.fields["version"].data), _values(self.row, set())
        )

    def counts(self) -> dict[uuid.UUID, CountedStock]:
        """Return the units on hand that were typed, if they are not those that the page had shown."""
        return _counts([self.row])
