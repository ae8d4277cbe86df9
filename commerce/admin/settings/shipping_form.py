"""The form of one shipping method: what it is called, and a row of fields for each of its prices."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, StringField
from wtforms.form import BaseForm
from wtforms.validators import InputRequired, Length, Regexp

from commerce.admin.fields import (
    AmountField,
    CountriesField,
    name_field,
    number_field,
    strip,
    tax_class_field,
    version_field,
)
from commerce.admin.orders.forms import no_control_characters
from commerce.admin.products.forms import Difference
from commerce.admin.versioned_form import VersionedForm, shown_versions
from commerce.shipping.methods import (
    MAX_POSITION,
    MAX_RATES,
    MAX_WEIGHT,
    MethodTerms,
    RateTerms,
    StoredMethod,
)

BLANK_ROWS = 2
_CELLS = ("countries", "max_weight_grams", "min_subtotal", "price")


class _ShippingMethodFields(VersionedForm):
    version = version_field()
    name = name_field(_("Name"))
    code = StringField(
        _("Code"),
        [
            InputRequired(_("Please fill this in.")),
            Regexp(
                r"^[a-z0-9][a-z0-9_-]{0,39}\Z",
                message=_("A code has up to 40 small letters, digits, '-' and '_'."),
            ),
        ],
        filters=[strip],
    )
    description = StringField(_("Description"), [Length(max=255), no_control_characters], filters=[strip])
    tax_class = tax_class_field(_("Tax class"))
    position = number_field(_("Position in the list"), 0, MAX_POSITION)
    enabled = BooleanField(_("Offered in the shop"), default=True)


class MethodForm:
    """Fields of a method and of its prices. A new method has a code to choose and no version yet."""

    def __init__(self, known: StoredMethod | None, formdata: Any = None) -> None:
        terms = known.terms if known else None
        self.known = known
        self.head = _ShippingMethodFields(formdata, obj=terms, version=known.version if known else None)
        if known:
            del self.head.code
        else:
            del self.head.version
        self.rows = [_row(i, rate, formdata) for i, rate in enumerate(_rates(terms, formdata))]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Return (field id, sentence) for everything that is wrong, for the summary above the form."""
        found = [("", str(text)) for text in self.head.form_errors]
        found += [(field.id, f"{field.label.text}: {text}") for field in self.head for text in field.errors]
        for number, row in enumerate(self.rows, start=1):
            place = gettext("Price %(number)s", number=number)
            found += [
                (field.id, f"{place}, {field.label.text}: {text}") for field in row for text in field.errors
            ]
        return found

    def validate(self) -> bool:
        """Check all fields, so that everything wrong is said at once. Rows that are empty or removed are no rows."""
        return all([self.head.validate(), *(row.validate() for row in self.rows if _counts(row))])

    def terms(self) -> MethodTerms:
        """Return what was filled in; call it only after `validate`."""
        head = self.head
        return MethodTerms(
            code=self.known.terms.code if self.known else head.code.data,
            name=head.name.data,
            description=head.description.data or "",
            tax_class=head.tax_class.data,
            position=head.position.data,
            enabled=bool(head.enabled.data),
            rates=tuple(
                RateTerms(
                    countries=row["countries"].data,
                    max_weight_grams=row["max_weight_grams"].data,
                    min_subtotal=row["min_subtotal"].data or 0,
                    price=row["price"].data,
                )
                for row in self.rows
                if _counts(row)
            ),
        )

    def differences(self, now: StoredMethod) -> list[Difference]:
        """Compare what was typed with what the method has become."""
        current = MethodForm(now)
        found = self.head.differences(current.head)
        mine = [_words(row) for row in self.rows if _counts(row)]
        theirs = [_words(row) for row in current.rows if _counts(row)]
        for number in range(max(len(mine), len(theirs))):
            typed = mine[number] if number < len(mine) else "–"
            there = theirs[number] if number < len(theirs) else "–"
            if typed != there:
                found.append(Difference(gettext("Price %(number)s", number=number + 1), there, typed))
        return found


def _rates(terms: MethodTerms | None, formdata: Any) -> list[RateTerms | None]:
    """Return what each row of fields stands for: the method's prices or what was sent, and empty rows for more."""
    if formdata is None:
        known: list[RateTerms | None] = list(terms.rates) if terms else []
        return [*known, *([None] * BLANK_ROWS)]
    sent = 0
    while sent < MAX_RATES and f"rate{sent}-price" in formdata:
        sent += 1
    return [None] * sent


def _row(number: int, rate: RateTerms | None, formdata: Any) -> BaseForm:
    form = BaseForm(
        {
            "countries": CountriesField(_("Countries"), [InputRequired(_("Please name the countries."))]),
            "max_weight_grams": number_field(
                _("Up to weight (g)"), 1, MAX_WEIGHT, required=False, default=None
            ),
            "min_subtotal": AmountField(_("From a total of")),
            "price": AmountField(_("Price"), [InputRequired(_("Please enter a price."))]),
            "remove": BooleanField(_("Remove")),
        },
        prefix=f"rate{number}-",
    )
    form.process(formdata, obj=rate)
    return form


def _counts(row: BaseForm) -> bool:
    return not row["remove"].data and any(shown_versions(row[name]) for name in _CELLS)


def _words(row: BaseForm) -> str:
    return " · ".join(shown_versions(row[name]) or "–" for name in _CELLS)
