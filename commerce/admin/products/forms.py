"""The form of one product: its title and status, and a row of fields for each variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, DateField, Form, IntegerField, SelectChoice, SelectField, StringField
from wtforms.form import BaseForm
from wtforms.validators import AnyOf, InputRequired, Length, NumberRange, Optional, ValidationError

from commerce.admin.orders.forms import MAX_VERSION, no_control_characters
from commerce.catalog.models import Product, Variant
from commerce.catalog.update_product import VariantUpdate
from commerce.catalog.validation import STATUSES
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.money import parse_amount, to_decimal
from commerce.tenants.scope import current_shop

STATUS_WORDS = {"active": _("Active"), "draft": _("Draft (hidden)"), "archived": _("Archived (hidden)")}


def amount_text(amount: int | None) -> str:
    """Return an amount (minor units of the shop's currency) as the plain decimal that the form takes back."""
    return "" if amount is None else f"{to_decimal(amount, current_shop().currency):f}"


def _is_amount(_form: Any, field: Any) -> None:
    try:
        amount = parse_amount(field.data or "", current_shop().currency)
    except InvalidValue as error:
        raise ValidationError(describe(error)) from error
    if amount < 0:
        raise ValidationError(gettext("A price is never below zero."))


def _version_field() -> Any:
    return IntegerField(validators=[InputRequired(_("Please reload the page.")), NumberRange(1, MAX_VERSION)])


class _ProductFields(Form):  # type: ignore[misc]
    version = _version_field()
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


class ProductForm:
    """Fields of a product and of its variants, named `price-<id>` and so on, since a product has any number of them."""

    def __init__(self, product: Product, variants: Sequence[Variant], formdata: Any = None) -> None:
        self._head = _ProductFields(formdata, obj=product)
        self._rows = [(variant, _variant_form(variant, formdata)) for variant in variants]
        self.version, self.title, self.status = self._head.version, self._head.title, self._head.status

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
    def problems(self) -> list[tuple[str, str]]:
        """Return (field id, sentence) for everything that is wrong, for the summary above the form."""
        found = [(field.id, text) for field in self._head for text in field.errors]
        for variant, row in self._rows:
            found += [(field.id, f"{variant.sku}: {text}") for field in row for text in field.errors]
        return found

    def validate(self) -> bool:
        """Check all fields, so that everything wrong is said at once."""
        return all([self._head.validate(), *(row.validate() for _variant, row in self._rows)])

    def refuse(self, error: InvalidValue) -> None:
        """Show what the service found wrong."""
        field = self.status if error.field == "status" else self.title
        field.errors = [*field.errors, describe(error)]

    def catch_up(self, product: Product, variants: Sequence[Variant]) -> None:
        """Speak of the versions of now: whoever saves once more has seen what the others did, and means it."""
        current = {variant.id: variant.version for variant in variants}
        _set_version(self.version, product.version)
        for variant, row in self._rows:
            _set_version(row["version"], current.get(variant.id, variant.version))

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


def _set_version(field: Any, version: int) -> None:
    field.raw_data, field.data = None, version


def _amount(text: str) -> int:
    return parse_amount(text, current_shop().currency)


def _variant_form(variant: Variant, formdata: Any) -> BaseForm:
    key = variant.id.hex
    price, compare_at = _("Price"), _("Price before")
    form = BaseForm(
        {
            "version": _version_field(),
            "price": StringField(
                price, [InputRequired(_("Please enter a price.")), Length(max=20), _is_amount]
            ),
            "compare_at": StringField(compare_at, [Optional(), Length(max=20), _is_amount]),
            "active": BooleanField(_("Sold")),
            "ships_from": DateField(_("More ships from"), [Optional()]),
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


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is not what the person typed: `now` stands in the shop, `typed` in the form."""

    what: str
    now: str
    typed: str


def differences(form: ProductForm, product: Product, variants: Sequence[Variant]) -> list[Difference]:
    """Compare what was typed with what the product has become."""
    found = [
        Difference(str(field.label.text), now, str(field.data))
        for field, now in ((form.title, product.title), (form.status, product.status))
        if str(field.data).strip() != now
    ]
    current = {variant.id: variant for variant in variants}
    for row in form.rows:
        variant = current.get(row.variant.id)
        if variant is None:
            continue
        for field, now in (
            (row.price, amount_text(variant.price)),
            (row.compare_at, amount_text(variant.compare_at)),
            (row.ships_from, variant.ships_from.isoformat() if variant.ships_from else ""),
        ):
            typed = str(field.data or "").strip()
            if typed != now:
                found.append(Difference(f"{variant.sku}, {field.label.text}", now or "–", typed or "–"))
    return found
