"""A sample cart that staff fill to see what it would cost, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import Form, SelectChoice, SelectField, StringField
from wtforms.validators import Length

from commerce.admin.fields import MomentField, no_control_characters
from commerce.admin.forms import shown_text
from commerce.admin.product_picker import PickedVariant, variants
from commerce.cart.queries import MAX_UNITS_PER_LINE, CartLineView
from commerce.checkout.addresses import country_choices
from commerce.checkout.preview import preview
from commerce.checkout.quote import Quote
from commerce.payments.queries import payment_methods
from commerce.pricing.calculate import PricedLine
from commerce.pricing.promotions import PromotionRule
from commerce.pricing.queries import fold_code
from commerce.shipping.methods import shipping_methods
from commerce.shipping.queries import shipping_countries
from commerce.tenants.row_hash import row_fingerprint
from commerce.tenants.scope import current_shop

MAX_ROWS = 30
BLANK_ROWS = 2
REASONS = {
    "": _("Applied"),
    "not_started": _("Not started"),
    "ended": _("Ended"),
    "needs_code": _("Requires a code that was not entered"),
    "below_minimum": _("Cart is below the minimum"),
    "nothing_eligible": _("Does not apply to anything in the cart"),
    "awaits_shipping": _("No shipping method selected"),
    "no_effect": _("Nothing left to discount"),
    "superseded": _("Other promotions that it cannot combine with give a larger discount"),
    "unknown": _("Code not found"),
    "disabled": _("Code is turned off"),
    "used_up": _("Usage limit reached"),
    "used_by_you": _("Usage limit per customer reached"),
    "duplicate": _("Another code already applied the same promotion"),
}
"""What becomes of a promotion or a code -> what staff read."""
SOURCES = {
    "promotion": _("Promotion"),
    "shipping": _("Shipping"),
    "fee": _("Fee"),
    "tax": _("Tax"),
    "rounding": _("Rounding"),
}
"""Where an adjustment comes from -> what staff read."""


class SampleTerms(Form):  # type: ignore[misc]
    """Where the sample cart goes, how it is paid and when."""

    country = SelectField(_("Country"), validate_choice=False)
    shipping_method = SelectField(_("Shipping"), validate_choice=False)
    payment_method = SelectField(_("Payment"), validate_choice=False)
    codes = StringField(_("Coupon codes"), [Length(max=400), no_control_characters], filters=[fold_code])
    moment = MomentField(_("On"))

    def __init__(self, formdata: Any, prefix: str) -> None:
        shop = current_shop()
        countries = country_choices(shipping_countries(), shop.locale)
        ways = [method.terms for method in shipping_methods() if method.terms.enabled]
        home = shop.country if shop.country in dict(countries) else ""
        super().__init__(
            formdata,
            prefix=prefix,
            data={"country": home, "shipping_method": ways[0].code if ways else ""},
        )
        nothing = SelectChoice("", _("not selected"))
        self.country.choices = [SelectChoice(code, name) for code, name in countries] or [nothing]
        self.shipping_method.choices = [nothing, *(SelectChoice(way.code, way.name) for way in ways)]
        self.payment_method.choices = [
            nothing,
            *(SelectChoice(each.code, each.name) for each in payment_methods()),
        ]


@dataclass(slots=True)
class SampleRow:
    """One line as it was typed, with what is wrong about it."""

    sku: str
    quantity: str
    title: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Priced:
    """What the sample cart costs: each line with its price, and the whole quote."""

    lines: Sequence[tuple[CartLineView, PricedLine]]
    quote: Quote


class SampleCart:
    """The fields of a sample cart, read from a form or an address; `prefix` keeps them apart from other fields."""

    def __init__(self, sent: Any = None, *, prefix: str = "") -> None:
        self.prefix = prefix
        self.terms = SampleTerms(sent, prefix)
        self.rows = _rows(sent, prefix)
        known = variants([row.sku for row in self.rows])
        self.wanted: dict[Any, int] = {}
        for row in self.rows:
            self._read(row, known.get(row.sku))

    def _read(self, row: SampleRow, variant: PickedVariant | None) -> None:
        number = row.quantity
        if variant is None:
            row.error = gettext("SKU not found.")
        elif not (
            number.isascii()
            and number.isdigit()
            and len(number) < 5
            and 0 < int(number) <= MAX_UNITS_PER_LINE
        ):
            row.error = gettext("Please enter 1 to %(most)s units.", most=MAX_UNITS_PER_LINE)
        else:
            row.title = variant.title
            self.wanted[variant.id] = min(self.wanted.get(variant.id, 0) + int(number), MAX_UNITS_PER_LINE)

    def fill(self, found: Sequence[PickedVariant]) -> None:
        """Put one unit of each variant in, when nothing was put in by hand."""
        if self.rows:
            return
        for variant in found:
            self.rows.append(SampleRow(variant.sku, "1", variant.title))
            self.wanted[variant.id] = 1

    def add(self, variant: PickedVariant) -> None:
        """Put one more unit of a variant in."""
        row = next((row for row in self.rows if row.sku == variant.sku and not row.error), None)
        self.wanted[variant.id] = min(self.wanted.get(variant.id, 0) + 1, MAX_UNITS_PER_LINE)
        if row is None:
            self.rows.append(SampleRow(variant.sku, "1", variant.title))
        else:
            row.quantity = str(min(int(row.quantity) + 1, MAX_UNITS_PER_LINE))

    @property
    def shown_rows(self) -> list[SampleRow]:
        """The lines, and empty ones for more."""
        return [*self.rows, *(SampleRow("", "") for _each in range(BLANK_ROWS))]

    @property
    def signature(self) -> int:
        """A number that tells whether two sample carts were filled in alike."""
        typed = [(row.sku, row.quantity) for row in self.rows]
        return row_fingerprint(typed, [shown_text(field) for field in self.terms])

    def validate(self) -> bool:
        """Tell whether all of it makes sense; what does not is said at its field."""
        return all([self.terms.validate(), not any(row.error for row in self.rows)])

    def price(self, trial: PromotionRule | None = None) -> Priced:
        """Return what the cart costs, with a promotion that is not stored if there is one. Writes nothing."""
        terms = self.terms
        found = preview(
            self.wanted,
            country=terms.country.data or current_shop().country,
            shipping_method=terms.shipping_method.data or "",
            payment_method=terms.payment_method.data or "",
            coupon_codes=(terms.codes.data or "").replace(",", " ").split(),
            moment=terms.moment.data,
            trial=trial,
        )
        return Priced(list(zip(found.lines, found.quote.totals.lines, strict=True)), found.quote)


def _rows(sent: Any, prefix: str) -> list[SampleRow]:
    """Return the lines that were typed; one without a SKU is none."""
    if sent is None:
        return []
    typed = zip(sent.getlist(f"{prefix}sku"), sent.getlist(f"{prefix}quantity"), strict=False)
    rows = [SampleRow(_plain(sku), quantity.strip()[:10] or "1") for sku, quantity in typed if sku.strip()]
    return rows[:MAX_ROWS]


def _plain(sku: str) -> str:
    return "".join(character for character in sku.strip()[:255] if character.isprintable())
