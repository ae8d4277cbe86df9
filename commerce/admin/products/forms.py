"""The form of one product: its title and status, and a row of fields for each variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, DateField, SelectChoice, SelectField, StringField
from wtforms.form import BaseForm
from wtforms.validators import AnyOf, InputRequired, Length, Optional, ValidationError

from commerce.admin.fields import amount_text, no_control_characters, typed_amount, version_field
from commerce.admin.forms import Difference, VersionedForm, set_version, shown_text
from commerce.catalog.models import Product, Variant
from commerce.catalog.update_product import VariantUpdate
from commerce.catalog.validation import STATUSES
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.tenants.scope import current_shop

STATUS_WORDS = {"active": _("Active"), "draft": _("Draft (hidden)"), "archived": _("Archived (hidden)")}


def _is_amount(_form: Any, field: Any) -> None:
    try:
        amount = typed_amount(field.data or "", current_shop().currency)
    except InvalidValue as error:
        raise ValidationError(describe(error)) from error
    if amount < 0:
        raise ValidationError(gettext("The price cannot be negative."))


class _ProductFields(VersionedForm):
    other_errors = "title"

    version = version_field()
    title = StringField(
        _("Title"), [InputRequired(_("Please enter a title.")), Length(max=500), no_control_characters]
    )
    status = SelectField(
        _("Status"),
        choices=[SelectChoice(name, STATUS_WORDS[name]) for name in STATUSES],
        validators=[AnyOf(STATUSES, _("Please choose a status."))],
        validate_choice=False,
    )


@dataclass(frozen=True, slots=True)
class VariantFieldsForm:
    """The fields of one variant."""

    variant: Variant
    version: Any
    price: Any
    compare_at: Any
    active: Any
    ships_from: Any

    @property
    def has_errors(self) -> bool:
        """Whether something in it was refused."""
        return any(field.errors for field in (self.price, self.compare_at, self.active, self.ships_from))


MOST_UNFOLDED = 25
"""Variants that a page shows at once; with more it would be a hundred screens long on a phone."""


@dataclass(frozen=True, slots=True)
class VariantGroup:
    """Variants that are shown or folded away together."""

    name: str
    rows: list[VariantFieldsForm]
    is_open: bool


class ProductForm:
    """Fields of a product and of its variants, named `price-<id>` and so on, since a product has any number of them."""

    def __init__(self, product: Product, variants: Sequence[Variant], formdata: Any = None) -> None:
        self.head = _ProductFields(formdata, obj=product)
        self._rows = [(variant, _variant_form(variant, formdata)) for variant in variants]
        self.version, self.title, self.status = self.head.version, self.head.title, self.head.status

    @property
    def rows(self) -> list[VariantFieldsForm]:
        """Return the fields of each variant."""
        return [
            VariantFieldsForm(
                variant,
                row["version"],
                row["price"],
                row["compare_at"],
                row["active"],
                row["ships_from"],
            )
            for variant, row in self._rows
        ]

    @property
    def groups(self) -> list[VariantGroup]:
        """Return the variants in groups that can be folded: by the first option, or a number of them at a time.

        A product with few variants is one group without a name. A group with something wrong in it is open.
        """
        rows = self.rows
        if len(rows) <= MOST_UNFOLDED:
            return [VariantGroup("", rows, is_open=True)]
        by_option: dict[str, list[VariantFieldsForm]] = {}
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
        found = [(field.id, text) for field in self.head for text in field.errors]
        for variant, row in self._rows:
            found += [(field.id, f"{variant.sku}: {text}") for field in row for text in field.errors]
        return found

    def validate(self) -> bool:
        """Check all fields, so that everything wrong is said at once."""
        return all([self.head.validate(), *(row.validate() for _variant, row in self._rows)])

    def catch_up(self, now: ProductForm) -> None:
        """Take over the current versions: whoever saves once more has seen what the others did, and means it."""
        current = {variant.id: variant.version for variant, _row in now._rows}
        set_version(self.version, now.version.data)
        for variant, row in self._rows:
            set_version(row["version"], current.get(variant.id, variant.version))

    def differences(self, now: ProductForm) -> list[Difference]:
        """Compare what was typed with a form of what the product has become."""
        found = self.head.differences(now.head)
        current = {row.variant.id: row for row in now.rows}
        for row in self.rows:
            there = current.get(row.variant.id)
            if there is None:
                continue
            for field, other in (
                (row.price, there.price),
                (row.compare_at, there.compare_at),
                (row.ships_from, there.ships_from),
            ):
                typed, shown = shown_text(field), shown_text(other)
                if typed != shown:
                    what = f"{row.variant.sku}, {field.label.text}"
                    found.append(Difference(what, shown or "–", typed or "–"))
        return found

    def changes(self) -> list[VariantUpdate]:
        """Return what each variant shall become; call it only after `validate`."""
        return [
            VariantUpdate(
                variant.id,
                int(row["version"].data),
                {
                    "price": _amount(row["price"].data),
                    "compare_at": _amount(row["compare_at"].data)
                    if (row["compare_at"].data or "").strip()
                    else None,
                    "active": bool(row["active"].data),
                    "ships_from": row["ships_from"].data,
                },
            )
            for variant, row in self._rows
        ]


def _amount(text: str) -> int:
    return typed_amount(text, current_shop().currency)


def _variant_form(variant: Variant, formdata: Any) -> BaseForm:
    key = variant.id.hex
    price, compare_at = _("Price"), _("Compare-at price")
    form = BaseForm(
        {
            "version": version_field(),
            "price": StringField(
                price, [InputRequired(_("Please enter a price.")), Length(max=20), _is_amount]
            ),
            "compare_at": StringField(compare_at, [Optional(), Length(max=20), _is_amount]),
            "active": BooleanField(_("Active")),
            "ships_from": DateField(_("Next delivery"), [Optional()]),
        },
        prefix=f"v{key}-",
    )
    form.process(
        formdata,
        data={
            "version": variant.version,
            "price": amount_text(variant.price),
            "compare_at": amount_text(variant.compare_at),
            "active": variant.active,
            "ships_from": variant.ships_from,
        },
    )
    return form
