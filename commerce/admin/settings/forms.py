"""Forms of a shop's settings; what a value may be is decided by the service that takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    ColorField,
    EmailField,
    PasswordField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.form import BaseForm
from wtforms.validators import InputRequired, Length, NumberRange, Regexp, ValidationError

from commerce.admin.fields import (
    AmountField,
    CountriesField,
    CountryChoicesField,
    CountryField,
    DurationField,
    PercentField,
    currency_choices,
    keep_choice,
    locale_choices,
    name_field,
    no_control_characters,
    number_field,
    strip,
    tax_class_field,
    timezone_choices,
    version_field,
)
from commerce.admin.forms import Difference, VersionedForm, problems_of, shown_text
from commerce.notifications.texts import MAX_SUBJECT, MAX_TEXT
from commerce.payments.methods import MAX_HOLD_MINUTES, MethodRow
from commerce.pricing.models import TaxRate
from commerce.pricing.validation import TaxValues
from commerce.shipping.methods import MAX_POSITION as MAX_SHIPPING_POSITION
from commerce.shipping.methods import MAX_RATES, MAX_WEIGHT, MethodTerms, RateTerms, StoredMethod
from commerce.tenants.models import Shop
from commerce.tenants.order_codes import MAX_FORMAT
from commerce.tenants.row_hash import row_fingerprint
from commerce.tenants.seller import LONGEST, MAX_SERIES
from commerce.tenants.settings import MAX_CART_DAYS, MAX_LOW_STOCK, MAX_RETURN_DAYS
from commerce.tenants.theme import COLOURS, DEFAULTS, TYPEFACES


def _line(label: Any, longest: int, *validators: Any) -> StringField:
    message = _("At most %(max)d characters.")
    return StringField(
        label, [*validators, Length(max=longest, message=message), no_control_characters], filters=[strip]
    )


class SettingsForm(VersionedForm):
    """Base of the pages of settings: a field for each column of the shop that the page is about."""

    version = version_field()

    def __init__(self, shop: Shop, formdata: Any = None) -> None:
        super().__init__(formdata, data=self.known(shop))

    def known(self, shop: Shop) -> dict[str, Any]:
        """Return what the fields show of a shop."""
        return {name: getattr(shop, name) for name in Shop.__dataclass_fields__}

    def values(self, shop: Shop) -> dict[str, Any]:  # noqa: ARG002 - a page may need what is not in its fields
        """Return the columns to set; call it only after `validate`."""
        return {name: field.data for name, field in self._fields.items() if name != "version"}


class ShopForm(SettingsForm):
    """Name, language, time zone and addresses of the shop."""

    name = name_field(_("Shop name"))
    tagline = _line(_("Tagline"), 255)
    locale = SelectField(_("Language and region of the shop"), choices=locale_choices())
    languages = _line(_("Additional email languages"), 400)
    timezone = SelectField(_("Time zone"), choices=timezone_choices())
    mail_from = EmailField(_("Sender email"), [Length(max=254)], filters=[strip])
    operations_email = EmailField(_("Email address for alerts"), [Length(max=254)], filters=[strip])

    def __init__(self, shop: Shop, formdata: Any = None) -> None:
        super().__init__(shop, formdata)
        keep_choice(self.locale, shop.locale)
        keep_choice(self.timezone, shop.timezone)

    def known(self, shop: Shop) -> dict[str, Any]:
        """Return what the fields show of a shop."""
        return {**super().known(shop), "languages": ", ".join(shop.languages)}

    def values(self, shop: Shop) -> dict[str, Any]:
        """Return the columns to set; a field left empty is no text."""
        found = {name: value or "" for name, value in super().values(shop).items()}
        words = [word.strip() for word in found["languages"].split(",")]
        return {**found, "languages": [word for word in words if word]}


class SellingForm(SettingsForm):
    """Where the shop sells, in which currency, and by which rules."""

    currency = SelectField(_("Currency"), choices=currency_choices)
    country = CountryField(_("Country of the shop"))
    countries = CountryChoicesField(_("Countries you sell to"))
    prices_include_tax = BooleanField(_("Prices include tax"))
    tax_rounding = SelectField(
        _("Tax rounding"),
        choices=[
            SelectChoice("line", _("per order line")),
            SelectChoice("rate", _("once per tax rate for the whole order")),
        ],
    )
    shipping_tax = SelectField(
        _("Tax on shipping and fees"),
        choices=[
            SelectChoice("goods", _("as the products in the order, in proportion")),
            SelectChoice("main", _("at the rate of most of the products")),
            SelectChoice("own", _("by the tax class of the shipping or payment method")),
        ],
    )
    deduct_on = SelectField(
        _("Deduct stock"),
        choices=[
            SelectChoice("shipment", _("when the order is shipped")),
            SelectChoice("confirmation", _("when the order is confirmed")),
        ],
    )
    return_days = number_field(_("Return window (days)"), 0, MAX_RETURN_DAYS)
    cart_days = number_field(_("Keep guest carts for (days)"), 1, MAX_CART_DAYS)
    low_stock_at = number_field(_("Low stock threshold (units)"), 0, MAX_LOW_STOCK)
    terms_tick = BooleanField(_("Customers tick that they accept the terms"))
    order_code_format = _line(_("Order numbers"), MAX_FORMAT, InputRequired(_("This field is required.")))

    def __init__(self, shop: Shop, formdata: Any = None) -> None:
        super().__init__(shop, formdata)
        keep_choice(self.currency, shop.currency)

    def known(self, shop: Shop) -> dict[str, Any]:
        """Return what the fields show of a shop."""
        return {**super().known(shop), "countries": list(shop.countries)}

    def values(self, shop: Shop) -> dict[str, Any]:
        """Return the columns to set."""
        found = super().values(shop)
        return {
            **found,
            "order_code_format": found["order_code_format"].upper(),
            "countries": list(found["countries"] or ()),
        }


class BusinessForm(SettingsForm):
    """Who runs the shop, and its invoices."""

    legal_name = _line(_("Legal name"), LONGEST["legal_name"])
    representative = _line(_("Represented by"), LONGEST["representative"])
    street = _line(_("Street and number"), LONGEST["street"])
    postcode = _line(_("Postal code"), LONGEST["postcode"])
    city = _line(_("City"), LONGEST["city"])
    region = _line(_("State or province"), LONGEST["region"])
    seller_country = CountryField(_("Country"))
    email = EmailField(_("Email for customers"), [Length(max=LONGEST["email"])], filters=[strip])
    phone = _line(_("Phone"), LONGEST["phone"])
    vat_id = _line(_("VAT number"), 40)
    tax_number = _line(_("Tax number"), LONGEST["tax_number"])
    register = _line(_("Company register entry"), LONGEST["register"])
    invoice_when = SelectField(
        _("Create invoices"),
        choices=[
            SelectChoice("off", _("never")),
            SelectChoice("payment", _("when an order is paid")),
            SelectChoice("shipment", _("when items are shipped")),
        ],
    )
    invoice_series = _line(
        _("Invoice number prefix"), MAX_SERIES, InputRequired(_("This field is required."))
    )
    credit_series = _line(
        _("Credit note number prefix"), MAX_SERIES, InputRequired(_("This field is required."))
    )
    invoice_note = _line(_("Text on every invoice"), 500)

    def known(self, shop: Shop) -> dict[str, Any]:
        """Return what the fields show of a shop."""
        seller = {name: shop.seller.get(name, "") for name in LONGEST}
        return {**super().known(shop), **seller, "seller_country": shop.seller.get("country", shop.country)}

    def values(self, shop: Shop) -> dict[str, Any]:
        """Return the columns to set; what says who the seller is, is one of them."""
        found = {name: value or "" for name, value in super().values(shop).items()}
        seller = {name: found.pop(name) for name in LONGEST}
        country = found.pop("seller_country")
        return {**found, "seller": {**seller, "country": country} if any(seller.values()) else {}}


class LookForm(SettingsForm):
    """The colours and the typeface of the shop."""

    accent = ColorField(_("Accent: buttons, marks"))
    accent_ink = ColorField(_("Text on accent"))
    paper = ColorField(_("Page"))
    surface = ColorField(_("Panels and fields"))
    ink = ColorField(_("Text"))
    muted = ColorField(_("Secondary text"))
    line = ColorField(_("Lines"))
    typeface = SelectField(
        _("Typeface"),
        choices=[
            SelectChoice("serif", _("Serif headings")),
            SelectChoice("sans", _("Plain")),
            SelectChoice("rounded", _("Rounded")),
        ],
    )

    def known(self, shop: Shop) -> dict[str, Any]:
        """Return the theme, with the defaults where it says nothing."""
        return {"version": shop.version, "typeface": next(iter(TYPEFACES)), **DEFAULTS, **shop.theme}

    def values(self, shop: Shop) -> dict[str, Any]:
        """Return the theme: what it set before, the logo too, and every value that differs from the default."""
        usual = self.known(replace(shop, theme={}))
        typed = {name: self[name].data for name in (*COLOURS, "typeface")}
        return {"theme": shop.theme | {n: v for n, v in typed.items() if n in shop.theme or v != usual[n]}}


FORMS: dict[str, type[SettingsForm]] = {
    "shop": ShopForm,
    "business": BusinessForm,
    "selling": SellingForm,
    "look": LookForm,
}


# --- taxes ------------------------------------------------------------------------------------------


class TaxForm(VersionedForm):
    """A tax rate. `version` says what the page had shown; a new rate has none."""

    version = version_field()
    country = CountriesField(
        _("Country"),
        [InputRequired(_("Please enter a country, or * for everywhere else."))],
    )
    tax_class = tax_class_field(_("Tax class"))
    rate_ppm = PercentField(_("Rate (percent)"), [InputRequired(_("Please enter a percentage."))])
    label = name_field(_("Label"))

    def __init__(self, known: TaxRate | None, formdata: Any = None) -> None:
        super().__init__(formdata, data=_shown_rate(known) if known else None)
        if known is None:
            del self.version

    def validate_country(self, field: CountriesField) -> None:
        """Refuse several countries: each has a rate of its own."""
        if field.data and len(field.data) > 1:
            raise ValidationError(gettext("Enter one country, or * for everywhere else."))

    def values(self) -> TaxValues:
        """Return what was filled in; call it only after `validate`."""
        return TaxValues(self.country.data[0], self.tax_class.data, self.rate_ppm.data, self.label.data)


def _shown_rate(known: TaxRate) -> dict[str, Any]:
    return {
        "version": version_of(known),
        "country": (known.country,),
        "tax_class": known.tax_class,
        "rate_ppm": known.rate_ppm,
        "label": known.label,
    }


def version_of(rate: TaxRate) -> int:
    """Return the number by which a form says what it saw of a rate."""
    return row_fingerprint(rate.country, rate.tax_class, rate.rate_ppm, rate.label)


# --- shipping ---------------------------------------------------------------------------------------

BLANK_ROWS = 2
_CELLS = ("countries", "max_weight_grams", "min_subtotal", "price")


class _ShippingMethodFields(VersionedForm):
    version = version_field()
    name = name_field(_("Name"))
    code = StringField(
        _("Code"),
        [
            InputRequired(_("This field is required.")),
            Regexp(
                r"^[a-z0-9][a-z0-9_-]{0,39}\Z",
                message=_("Use up to 40 lowercase letters, digits, '-' and '_'."),
            ),
        ],
        filters=[strip],
    )
    description = StringField(_("Description"), [Length(max=255), no_control_characters], filters=[strip])
    tax_class = tax_class_field(_("Tax class"))
    position = number_field(_("Position"), 0, MAX_SHIPPING_POSITION)
    enabled = BooleanField(_("Available at checkout"), default=True)
    after_discounts = BooleanField(_("Free shipping threshold counts the total after discounts"))


class ShippingForm:
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
        found = problems_of(self.head)
        for number, row in enumerate(self.rows, start=1):
            place = gettext("Rate %(number)s", number=number)
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
            after_discounts=bool(head.after_discounts.data),
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

    def catch_up(self, now: ShippingForm) -> None:
        """Take over the current version: whoever saves once more has seen what the others did, and means it."""
        self.known = now.known
        self.head.catch_up(now.head)

    def differences(self, now: ShippingForm) -> list[Difference]:
        """Compare what was typed with a form of what the method has become."""
        found = self.head.differences(now.head)
        mine = [_words(row) for row in self.rows if _counts(row)]
        theirs = [_words(row) for row in now.rows if _counts(row)]
        for number in range(max(len(mine), len(theirs))):
            typed = mine[number] if number < len(mine) else "–"
            there = theirs[number] if number < len(theirs) else "–"
            if typed != there:
                found.append(Difference(gettext("Rate %(number)s", number=number + 1), there, typed))
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
            "countries": CountriesField(_("Countries"), [InputRequired(_("Please enter the countries."))]),
            "max_weight_grams": number_field(
                _("Maximum weight (g)"), 1, MAX_WEIGHT, required=False, default=None
            ),
            "min_subtotal": AmountField(_("Minimum order total")),
            "price": AmountField(_("Price"), [InputRequired(_("Please enter a price."))]),
            "remove": BooleanField(_("Remove")),
        },
        prefix=f"rate{number}-",
    )
    form.process(formdata, obj=rate)
    return form


def _counts(row: BaseForm) -> bool:
    return not row["remove"].data and any(shown_text(row[name]) for name in _CELLS)


def _words(row: BaseForm) -> str:
    return " · ".join(shown_text(row[name]) or "–" for name in _CELLS)


# --- payment methods --------------------------------------------------------------------------------

MAX_PAYMENT_POSITION = 10_000
GATEWAYS = {
    "manual": _("Manual: bank transfer, cash on delivery"),
    "stripe": _("Stripe: cards and wallets"),
    "test_card": _("Test card: for testing, no real payments"),
}
"""Gateway -> its name for staff."""
SETTINGS = ("publishable_key", "account", "checkout_origin")
SECRETS = ("secret_key", "webhook_secret")
FORGET = "forget_former_secret"
_NEW_ONLY = ("code",)
_KNOWN_ONLY = ("version",)


def _secret(label: Any) -> PasswordField:
    return PasswordField(label, [Length(max=300), no_control_characters])


_hold_message = _("Enter a time from one minute to %(days)s days.", days=MAX_HOLD_MINUTES // (24 * 60))


class PaymentForm(VersionedForm):
    """Fields of a payment method; those that its gateway does not have are left out."""

    uncompared = ("version", *SECRETS, FORGET)

    version = StringField(validators=[InputRequired(_("Please reload the page."))])
    code = StringField(
        _("Code"),
        [
            InputRequired(_("This field is required.")),
            Regexp(
                r"^[a-z][a-z0-9_]{0,39}\Z",
                message=_("Use lowercase letters, digits and _, starting with a letter."),
            ),
        ],
        filters=[strip],
    )
    name = name_field(_("Name"))
    instructions = TextAreaField(
        _("Instructions"),
        [Length(max=1000, message=_("At most %(max)d characters.")), no_control_characters],
        filters=[strip],
    )
    hold_minutes = DurationField(
        _("Cancel unpaid orders after"),
        [InputRequired(_("This field is required.")), NumberRange(1, MAX_HOLD_MINUTES, _hold_message)],
        default=30,
    )
    position = number_field(_("Position"), 0, MAX_PAYMENT_POSITION)
    pay_later = BooleanField(_("Pay later: confirm orders before they are paid"))
    enabled = BooleanField(_("Available at checkout"), default=True)
    fee_amount = AmountField(_("Fixed fee"))
    fee_ppm = PercentField(_("Percentage fee"))
    fee_tax_class = tax_class_field(_("Tax class of the fee"))
    cash_rounding = AmountField(_("Round totals to"))
    publishable_key = _line(_("Publishable key"), 255)
    account = _line(_("Account"), 255)
    checkout_origin = _line(_("Checkout page address"), 255)
    secret_key = _secret(_("Secret key"))
    webhook_secret = _secret(_("Webhook signing secret"))
    forget_former_secret = BooleanField(_("Remove the previous signing secret"))

    def __init__(self, gateway: str, known: MethodRow | None, formdata: Any = None) -> None:
        super().__init__(formdata, data=_shown_payment(known) if known else None)
        unknown = list(_NEW_ONLY if known else _KNOWN_ONLY)
        if gateway != "manual":
            unknown += ["pay_later", "cash_rounding"]
        if gateway != "stripe":
            unknown += [*SETTINGS, *SECRETS]
        if known is None or "former_webhook_secret" not in known.secret_hints:
            unknown.append(FORGET)
        for name in unknown:
            del self[name]

    def terms(self) -> dict[str, Any]:
        """Return what `configure_method` takes beside code and gateway; call it only after `validate`."""
        terms = {
            name: field.data
            for name, field in self._fields.items()
            if name not in (*_NEW_ONLY, *_KNOWN_ONLY, *SETTINGS, *SECRETS, FORGET)
        }
        terms["instructions"] = (terms["instructions"] or "").replace("\r\n", "\n")
        terms["fee_amount"] = terms["fee_amount"] or 0
        terms["fee_ppm"] = terms["fee_ppm"] or 0
        if "cash_rounding" in self:
            terms["cash_rounding"] = terms["cash_rounding"] or 0
        if "secret_key" in self:
            terms["settings"] = {name: self[name].data or "" for name in SETTINGS}
            terms["secrets"] = {name: self[name].data or "" for name in SECRETS}
        if FORGET in self and self[FORGET].data:
            terms["secrets"]["former_webhook_secret"] = ""
        return terms


def _shown_payment(known: MethodRow) -> dict[str, Any]:
    names = ("name", "instructions", "hold_minutes", "position", "pay_later", "enabled")
    fee = ("fee_amount", "fee_ppm", "fee_tax_class", "cash_rounding")
    settings = {name: known.settings.get(name, "") for name in SETTINGS}
    return {"version": known.digest, **{name: getattr(known, name) for name in (*names, *fee)}, **settings}


class MailTextForm(VersionedForm):
    """A shop's own words for one email in one language."""

    version = StringField(
        validators=[Regexp(r"^[0-9]{1,15}\Z", message=_("Please reload the page."))], default="0"
    )
    subject = StringField(_("Subject"), [Length(max=MAX_SUBJECT), no_control_characters], filters=[strip])
    opening = TextAreaField(
        _("Text at the top"), [Length(max=MAX_TEXT), no_control_characters], filters=[strip]
    )
    closing = TextAreaField(
        _("Text at the end"), [Length(max=MAX_TEXT), no_control_characters], filters=[strip]
    )

    def values(self) -> dict[str, str]:
        """Return what `write_text` takes."""
        return {name: self[name].data or "" for name in ("subject", "opening", "closing")}
