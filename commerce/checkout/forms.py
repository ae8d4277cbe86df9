"""The checkout's forms: who and where to, how to ship and pay; and the last question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    EmailField,
    Field,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TelField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, Regexp, ValidationError
from wtforms.widgets import TextInput

from commerce.cart.details import TEXT_FIELDS, CheckoutDetails
from commerce.cart.forms import no_unprintable, printable, printable_line
from commerce.cart.queries import CartView
from commerce.checkout.addresses import FIELDS, AddressRules, check_address, country_choices, rules_for
from commerce.checkout.quote import Quote, quote
from commerce.checkout.saved_addresses import known_details
from commerce.error_messages import describe
from commerce.form_html import LongSelect
from commerce.payments.queries import payment_methods
from commerce.shipping.queries import NOT_SHIPPED, shipping_countries
from commerce.tenants.scope import current_shop
from commerce.web import TextForm

MAX_LENGTH = 255
MAX_NOTE = 1000
FEWEST_PHONE_DIGITS = 5
AUTOCOMPLETE = {
    "email": "email",
    "name": "name",
    "phone": "tel",
    "country_code": "country",
    "company_name": "organization",
    "street_address": "street-address",
    "city_area": "address-level3",
    "city": "address-level2",
    "country_area": "address-level1",
    "postal_code": "postal-code",
}


def _rules(most: int = MAX_LENGTH) -> list[Any]:
    return [no_unprintable, Length(max=most, message=_l("Please use at most %(max)d characters.", max=most))]


def _text(label: Any, kind: type[Field] = StringField, *, needed: bool = False) -> Any:
    first = [DataRequired(_l("This field is required."))] if needed else []
    clean = printable if kind is TextAreaField else printable_line
    return kind(label, [*first, *_rules()], filters=[clean])


class PlaceField(SelectField):  # type: ignore[misc]
    """A region, city or district: a list to choose from where the country has one, else a line to type."""

    def __init__(self, label: Any = None, validators: Any = None, **kwargs: Any) -> None:
        super().__init__(label, validators, validate_choice=False, choices=[], **kwargs)
        self.widget = TextInput()

    def offer(self, options: tuple[tuple[str, str], ...]) -> None:
        """Show a list; what was typed before stays in it."""
        typed = self.data if self.data and self.data not in dict(options) else ""
        self.choices = [("", _("Please choose")), *([(typed, typed)] if typed else []), *options]
        self.widget = LongSelect(fixed=options)

    def _value(self) -> str:
        return self.data or ""


class CheckoutForm(TextForm):
    """Base of the checkout's forms; the app's CSRF protection has checked the token before any view runs."""

    class Meta:  # noqa: D106 - WTForms reads its options here
        csrf = False


class DetailsForm(CheckoutForm):
    """Everything that an order needs beside its lines. Make it by `details_form`, which fits it to country and cart."""

    email = _text(_l("Email"), EmailField, needed=True)
    phone = _text(_l("Phone"), TelField)
    name = _text(_l("Full name"), needed=True)
    country_code = SelectField(_l("Country"), validate_choice=False, widget=LongSelect())
    company_name = _text(_l("Company"))
    street_address = _text(_l("Street and number"), TextAreaField)
    city_area = _text("", PlaceField)
    city = _text("", PlaceField)
    country_area = _text("", PlaceField)
    postal_code = _text("")
    sorting_code = _text("")
    shipping_method = RadioField(_l("Shipping"), validate_choice=False)
    payment_method = RadioField(_l("Payment"), validate_choice=False)
    note = TextAreaField(_l("Note for us"), _rules(MAX_NOTE), filters=[printable])

    rules: AddressRules
    ships: bool
    quote: Quote
    fees: Mapping[str, int]

    @property
    def address_lines(self) -> list[list[Field]]:
        """The address fields of the chosen country, in its order and rows."""
        lines = [[self[name] for name in line if name in self] for line in self.rules.lines]
        return [line for line in lines if line]

    def fit(self, rules: AddressRules, *, ships: bool = True) -> None:
        """Keep the fields that a country knows, with its names for them, its lists and what it requires.

        Unless something `ships`, no address is asked for: the country is enough for the taxes.
        """
        self.rules, self.ships = rules, ships
        for name in FIELDS:
            if name not in rules.order or not ships:
                del self[name]
                continue
            field = self[name]
            field.label.text = rules.label(name)
            field.flags.required = name in rules.required
            if name in rules.choices:
                field.offer(rules.choices[name])

    def validate_email(self, field: Field) -> None:
        """Keep the address as it is written on envelopes. Raises ValidationError for what is none."""
        if field.errors:
            return  # it is too long, and 100 kB would take the library 50 ms
        try:
            # Reserved names such as shop.test are for trials.
            trial = not current_app.config["LOCKSTEP"].production
            field.data = validate_email(
                field.data,
                allow_smtputf8=False,  # few mail servers take such a name: the shopper would hear nothing
                check_deliverability=False,
                test_environment=trial,
            ).normalized
        except EmailNotValidError as error:
            raise ValidationError(_("Enter an email address such as name@example.com.")) from error

    def validate_phone(self, field: Field) -> None:
        """Raise ValidationError for text that cannot be dialled; countries differ too much for more."""
        if field.data and sum(letter.isdigit() for letter in field.data) < FEWEST_PHONE_DIGITS:
            raise ValidationError(_("Enter a valid phone number or leave this empty."))

    def validate(self, extra_validators: Any = None) -> bool:
        """Check every field, the address by its country's rules, and that we ship there."""
        valid = bool(super().validate(extra_validators))
        problems: dict[str, Any] = {}
        self._address = self._typed_address()
        if self.ships:
            self._address, found = check_address(self._address, current_shop().locale)
            problems = {name: describe(problem) for name, problem in found.items()}
        if not self.quote.offers:
            problems["country_code"] = _("We don't ship this order to this country.")
        elif self.quote.shipping is None:
            problems["shipping_method"] = _("Choose a shipping method.")
        if self.payment_method.data not in dict(self.payment_method.choices):
            problems["payment_method"] = _("Choose a payment method.")
        for name, text in problems.items():
            if not self[name].errors:
                self[name].errors = [text]
        return valid and not problems

    def details(self, locale: str = "") -> CheckoutDetails:
        """Return what a valid form says; `locale` is the language in which the shopper is to be written to."""
        plain = ("email", "name", "phone", "note", "shipping_method", "payment_method")
        typed: dict[str, Any] = {name: self[name].data or "" for name in plain}
        return CheckoutDetails(**typed, locale=locale, address=self._address)

    def _typed_address(self) -> dict[str, str]:
        return {name: self[name].data or "" for name in ("country_code", *self.rules.order) if name in self}


def details_form(cart: CartView, formdata: Any = None) -> DetailsForm:
    """Return the form for a cart: from what was sent, or else from what the cart remembers.

    Its fields fit the chosen country, its shipping methods the cart, and `quote` is the price of both.
    """
    form = DetailsForm(formdata=formdata, data=_remembered(cart))
    shop = current_shop()
    countries = country_choices(shipping_countries(), shop.locale)
    codes = [code for code, _name in countries]
    form.country_code.choices = list(countries)
    if form.country_code.data not in codes:
        form.country_code.data = shop.country if shop.country in codes or not codes else codes[0]
    area = printable_line(form.country_area.data)
    rules = rules_for(form.country_code.data, area, printable_line(form.city.data), shop.locale)
    form.fit(rules, ships=not cart.lines or any(line.requires_shipping for line in cart.lines))
    _offer_methods(form, cart, sent=formdata is not None and "shipping_method" in formdata)
    return form


def _offer_methods(form: DetailsForm, cart: CartView, *, sent: bool) -> None:
    """Offer what ships this cart there and the shop's ways to pay; the first of them where nothing is chosen yet."""
    form.payment_method.choices = [(method.code, method.name) for method in payment_methods()]
    if not form.payment_method.data and form.payment_method.choices:
        form.payment_method.data = form.payment_method.choices[0][0]
    form.quote = _quote(form, cart, form.shipping_method.data or "")
    offers = form.quote.offers
    if form.quote.shipping is None and offers and not sent:
        form.shipping_method.data = offers[0].code
        form.quote = _quote(form, cart, offers[0].code)
    if not form.ships:
        form.shipping_method.data = NOT_SHIPPED
    form.shipping_method.choices = [(offer.code, offer.name) for offer in offers]
    form.fees = {method.code: form.quote.fee_of(method) for method in payment_methods()}


def _quote(form: DetailsForm, cart: CartView, shipping_method: str) -> Quote:
    return quote(
        cart.lines,
        form.country_code.data,
        shipping_method,
        payment_method=form.payment_method.data or "",
        coupon_codes=cart.coupon_codes,
        email=printable_line(form.email.data),
    )


def _remembered(cart: CartView) -> Mapping[str, Any]:
    details = cart.details if cart.details != CheckoutDetails() else known_details()
    return {**{name: getattr(details, name) for name in TEXT_FIELDS}, **details.address}


class PlaceForm(CheckoutForm):
    """The last question: does this browser want this cart, as it was shown, for that total?"""

    checkout_token = HiddenField(validators=[Regexp(r"^[A-Za-z0-9_-]{20,64}\Z")])
    cart_version = HiddenField(validators=[Regexp(r"^[0-9]{1,18}\Z")])
    shown_total = HiddenField(validators=[Regexp(r"^[0-9]{1,18}\Z")])
    shown_backordered = HiddenField(validators=[Regexp(r"^[0-9]{0,9}\Z")])
    card_number = StringField(_l("Card number"), [Length(max=40)], filters=[printable_line])


class PayForm(CheckoutForm):
    """Another attempt to pay an order."""

    payment_method = HiddenField(
        validators=[DataRequired(), Length(max=40), no_unprintable], filters=[printable_line]
    )
    card_number = StringField(_l("Card number"), [Length(max=40)], filters=[printable_line])
