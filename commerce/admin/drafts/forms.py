"""The fields of an order that staff prepare or change: units of its lines, the customer, a discount by hand."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, HiddenField, SearchField, StringField
from wtforms.validators import Length, Regexp

from commerce.admin.fields import AmountField, PercentField, no_control_characters, strip
from commerce.admin.forms import AdminForm, problems_of
from commerce.admin.product_picker import find_variants
from commerce.cart.details import CheckoutDetails, DraftDiscount
from commerce.cart.forms import printable_line
from commerce.cart.queries import MAX_UNITS_PER_LINE, CartLineView, CartView, lines_for
from commerce.checkout.addresses import (
    FIELDS,
    address_for_form,
    check_address,
    country_choices,
    rules_for,
)
from commerce.checkout.forms import DetailsForm, details_form
from commerce.checkout.quote import Quote, quote_cart
from commerce.error_messages import describe
from commerce.order_management.drafts import kept_discount
from commerce.orders.models import Order
from commerce.pricing.queries import fold_code
from commerce.shipping.queries import ShippingOffer, shipping_countries
from commerce.tenants.scope import current_shop

TYPED = ("email", "name", "phone", "note")
CHOSEN = ("shipping_method", "payment_method")
LONGEST = {"note": 1000}
MAX_CODE = 40
_NUMBER = [Regexp(r"^[0-9]{1,18}\Z", message=_("Please reload the page."))]


class DiscountForm(AdminForm):
    """What staff take off by hand, what they look for, and what their page has shown."""

    version = HiddenField(validators=_NUMBER)
    shown_total = HiddenField(validators=_NUMBER, default="0")
    shown_backordered = HiddenField(validators=_NUMBER, default="0")
    q = SearchField(_("Add a product"), [Length(max=200), no_control_characters], filters=[strip])
    discount_amount = AmountField(_("Discount"))
    discount_percent = PercentField(_("or percentage"))
    discount_label = StringField(
        _("Discount reason"), [Length(max=100), no_control_characters], filters=[strip]
    )
    price_shipping = BooleanField(_("Recalculate shipping"))
    refund = BooleanField(_("Refund the overpayment"))

    def validate(self, extra_validators: Any = None) -> bool:
        """Check the fields; a discount is an amount or a part, not both."""
        valid = bool(super().validate(extra_validators))
        if self.discount_amount.data and self.discount_percent.data:
            self.discount_percent.errors = [gettext("Please give an amount or a percentage, not both.")]
            return False
        return valid

    @property
    def discount(self) -> DraftDiscount | None:
        """The discount as it was filled in, None for none or for what makes no sense."""
        amount, ppm = self.discount_amount.data or 0, self.discount_percent.data or 0
        if not (amount or ppm) or (amount and ppm):
            return None
        label = self.discount_label.data or gettext("Discount")
        return DraftDiscount(label, 0 if ppm else amount, ppm)

    def fill(self, discount: DraftDiscount | None) -> None:
        """Show the discount that a draft or order has."""
        if discount is not None:
            self.discount_percent.data = discount.ppm or None
            self.discount_amount.data = None if discount.ppm else discount.amount
            self.discount_label.data = discount.label


class EditForm(DiscountForm):
    """What staff change of a placed order as a whole."""

    coupon_code = StringField(
        _("Coupon code"),
        [Length(max=40, message=_("At most %(max)d characters.")), no_control_characters],
        filters=[fold_code],
    )


@dataclass(slots=True)
class UnitsInput:
    """A field for the units of one line: what it shows, what that means, and what is wrong with it."""

    name: str
    text: str
    units: int
    errors: list[str] = field(default_factory=list)


def units_input(name: str, present: int, formdata: Any, low: int = 0) -> UnitsInput:
    """Read the units of a line from a form, or show the present ones."""
    sent = formdata.get(name, str(present)) if formdata is not None else str(present)
    text = _printable(sent).strip()[:10]
    if text.isascii() and text.isdigit() and low <= int(text) <= MAX_UNITS_PER_LINE:
        return UnitsInput(name, text, int(text))
    error = gettext("Enter a whole number from %(low)s to %(high)s.", low=low, high=MAX_UNITS_PER_LINE)
    return UnitsInput(name, text, present, [error])


def found_variants(search: str) -> Sequence[CartLineView]:
    """Return variants by SKU or title with their price and stock; none for an empty search."""
    text = _printable(search)[:200].strip()
    return lines_for({pick.id: 1 for pick in find_variants(text)}) if text else ()


def _printable(text: str) -> str:
    """Leave out what no keyboard writes; PostgreSQL does not store a NUL either."""
    return "".join(sign for sign in text if sign.isprintable())


def as_uuid(text: str) -> uuid.UUID | None:
    """Return the id that a button carries, or None."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


# --- drafts ------------------------------------------------------------------------------------------


class DraftPage:
    """Everything on the page of a draft: from what was sent, or else from what the draft remembers."""

    def __init__(self, cart: CartView, formdata: Any = None) -> None:
        self.extras = DiscountForm(formdata)
        self.head = self.extras
        self.units = {
            line.id: units_input(f"units-{line.id.hex}", line.quantity, formdata) for line in cart.lines
        }
        self.cart = self._as_typed(cart)
        self.form = details_form(self.cart, formdata)
        if formdata is None:
            self.extras.fill(cart.details.discount)

    def _as_typed(self, cart: CartView) -> CartView:
        """Return the cart with the units that are in the fields."""
        typed = {line.id: self.units[line.id].units for line in cart.lines}
        return replace(
            cart, lines=tuple(replace(line, quantity=typed[line.id]) for line in cart.lines if typed[line.id])
        )

    def follow(self, cart: CartView) -> None:
        """Show the lines that the draft has now; what was typed for those that are still there stays."""
        present = {line.id: units_input(f"units-{line.id.hex}", line.quantity, None) for line in cart.lines}
        self.units = {line_id: self.units.get(line_id, units) for line_id, units in present.items()}
        self.cart = self._as_typed(cart)

    def validate(self) -> bool:
        """Tell whether numbers and signs make sense, so that a draft can keep them; the rest may be missing yet."""
        return all([self.extras.validate(), not any(units.errors for units in self.units.values())])

    def complete(self) -> bool:
        """Tell whether nothing is missing that an order needs."""
        return bool(self.form.validate())

    @property
    def details(self) -> CheckoutDetails:
        """What was typed, as drafts keep it, complete or not."""
        return lenient(self.form)

    @property
    def wanted(self) -> dict[uuid.UUID, int]:
        """The units of every line, as typed."""
        return {line_id: units.units for line_id, units in self.units.items()}

    @property
    def quote(self) -> Quote:
        """The price of the draft with what is in the fields."""
        details, discount = self.details, self.extras.discount
        if discount is not None:
            kept = kept_discount(self.cart.lines, self.cart.coupon_codes, details, discount)
            details = replace(details, discount=kept)
        return quote_cart(replace(self.cart, details=details))

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Everything that is wrong, as (field id, sentence), for the summary above the form."""
        skus = {line.id: line.sku for line in self.cart.lines}
        found = [
            (units.name, f"{skus.get(line_id, '')}: {text}")
            for line_id, units in self.units.items()
            for text in units.errors
        ]
        return [*found, *problems_of(self.form), *problems_of(self.extras)]


def lenient(form: DetailsForm) -> CheckoutDetails:
    """Return what a form says, checked or not, cut to what a draft can keep."""
    typed: dict[str, Any] = {name: (form[name].data or "")[: LONGEST.get(name, 255)] for name in TYPED}
    chosen: dict[str, Any] = {
        name: form[name].data if form[name].data in dict(form[name].choices) else "" for name in CHOSEN
    }
    return CheckoutDetails(**typed, **chosen, address=typed_address(form))


def typed_address(form: DetailsForm) -> dict[str, str]:
    """Return the address as it was typed, with every field that an address can have."""
    return {
        "country_code": form.country_code.data or "",
        **{name: (form[name].data or "")[:255] if name in form else "" for name in FIELDS},
    }


# --- placed orders -----------------------------------------------------------------------------------


class CustomerForm(DetailsForm):
    """Customer, address and shipping of a placed order. An unchanged address is not checked again."""

    payment_method = None
    note = None

    def validate(self, extra_validators: Any = None) -> bool:
        """Check contact and, when it was changed, the address by its country's rules."""
        valid = bool(super(DetailsForm, self).validate(extra_validators))
        self.address: dict[str, str] | None = None
        if typed_address(self) == self.known:
            return valid
        self.address, problems = check_address(typed_address(self), current_shop().locale)
        for name, problem in problems.items():
            if not self[name].errors:
                self[name].errors = [describe(problem)]
        return valid and not problems

    def contact(self, order: Order) -> dict[str, str]:
        """Return what differs of email, name and phone."""
        typed = {name: self[name].data or "" for name in ("email", "name", "phone")}
        return {name: text for name, text in typed.items() if text != getattr(order, name)}

    def offer(self, order: Order, offers: Sequence[ShippingOffer]) -> None:
        """Offer what ships the order, and the way that it has, whatever has become of that."""
        choices = [(offer.code, offer.name) for offer in offers]
        if order.shipping_method not in dict(choices):
            choices.insert(0, (order.shipping_method, order.shipping_label))
        self.shipping_method.choices = choices


def customer_form(order: Order, formdata: Any = None) -> CustomerForm:
    """Return the form for a placed order: from what was sent, or else as the order is now."""
    address = address_for_form(order.shipping_address)
    data = {**address, "email": order.email, "name": order.name, "phone": order.phone}
    form = CustomerForm(formdata=formdata, data={**data, "shipping_method": order.shipping_method})
    form.known = {**address}
    shop = current_shop()
    home = address["country_code"]
    countries = country_choices(shipping_countries() | {home}, shop.locale)
    form.country_code.choices = list(countries)
    if form.country_code.data not in dict(countries):
        form.country_code.data = home
    area = printable_line(form.country_area.data)
    form.fit(rules_for(form.country_code.data, area, printable_line(form.city.data), shop.locale))
    return form
