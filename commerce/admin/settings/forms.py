"""The forms of a shop's settings, one for each page; what a value may be is decided in `tenants/settings.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, ColorField, EmailField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from commerce.admin.fields import CountriesField, name_field, number_field, strip, version_field
from commerce.admin.orders.forms import no_control_characters
from commerce.admin.versioned_form import VersionedForm
from commerce.tenants.models import Shop
from commerce.tenants.order_codes import MAX_FORMAT
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
    """Who the shop is, and in which language and time it lives."""

    name = name_field(_("Name of the shop"))
    tagline = _line(_("One line about it"), 255)
    locale = _line(_("Language and region of the shop"), 20, InputRequired(_("Please fill this in.")))
    languages = _line(_("Other languages of its mails"), 400)
    timezone = _line(_("Time zone"), 60, InputRequired(_("Please fill this in.")))
    mail_from = EmailField(_("Sender of its mails"), [Length(max=254)], filters=[strip])
    operations_email = EmailField(_("Address for alerts to the staff"), [Length(max=254)], filters=[strip])

    def known(self, shop: Shop) -> dict[str, Any]:
        """Return what the fields show of a shop."""
        return {**super().known(shop), "languages": ", ".join(shop.languages)}

    def values(self, shop: Shop) -> dict[str, Any]:
        """Return the columns to set; a field left empty is no text."""
        found = {name: value or "" for name, value in super().values(shop).items()}
        words = [word.strip() for word in found["languages"].split(",")]
        return {**found, "languages": [word for word in words if word]}


class SellingForm(SettingsForm):
    """Where the shop sells, in which money, and what its promises are."""

    currency = _line(_("Currency"), 3, InputRequired(_("Please fill this in.")))
    country = CountriesField(_("Country of the shop"), [InputRequired(_("Please fill this in."))])
    countries = CountriesField(_("Sold to"))
    prices_include_tax = BooleanField(_("Prices include tax"))
    tax_rounding = SelectField(
        _("Tax is rounded"),
        choices=[
            SelectChoice("line", _("for each line of an order")),
            SelectChoice("rate", _("once for each tax rate, as in Japan")),
        ],
    )
    deduct_on = SelectField(
        _("Units leave the shelf"),
        choices=[
            SelectChoice("shipment", _("when the parcel goes")),
            SelectChoice("confirmation", _("when the order is confirmed")),
        ],
    )
    return_days = number_field(_("Days to send something back"), 0, MAX_RETURN_DAYS)
    cart_days = number_field(_("Days to keep a guest's cart"), 1, MAX_CART_DAYS)
    low_stock_at = number_field(_("Stock is low at (units)"), 0, MAX_LOW_STOCK)
    order_code_format = _line(_("Order numbers"), MAX_FORMAT, InputRequired(_("Please fill this in.")))

    def validate_country(self, field: CountriesField) -> None:
        """Refuse several: a shop is at home in one."""
        if field.data and (len(field.data) > 1 or "*" in field.data):
            raise ValidationError(gettext("A shop is at home in one country."))

    def validate_countries(self, field: CountriesField) -> None:
        """Refuse what the empty field says."""
        if field.data and "*" in field.data:
            raise ValidationError(gettext("Leave this empty to sell wherever a shipping method goes."))

    def known(self, shop: Shop) -> dict[str, Any]:
        """Return what the fields show of a shop."""
        return {**super().known(shop), "country": (shop.country,), "countries": tuple(shop.countries)}

    def values(self, shop: Shop) -> dict[str, Any]:
        """Return the columns to set."""
        found = super().values(shop)
        return {
            **found,
            "currency": found["currency"].upper(),
            "order_code_format": found["order_code_format"].upper(),
            "country": found["country"][0],
            "countries": list(found["countries"] or ()),
        }


class LookForm(SettingsForm):
    """The colours and the typeface of the shop."""

    accent = ColorField(_("Accent: buttons, marks"))
    accent_ink = ColorField(_("Text on the accent"))
    paper = ColorField(_("Page"))
    surface = ColorField(_("Panels and fields"))
    ink = ColorField(_("Text"))
    muted = ColorField(_("Quiet text"))
    line = ColorField(_("Lines"))
    typeface = SelectField(
        _("Typeface"),
        choices=[
            SelectChoice("serif", _("Headings with serifs")),
            SelectChoice("sans", _("Plain")),
            SelectChoice("rounded", _("Rounded")),
        ],
    )

    def known(self, shop: Shop) -> dict[str, Any]:
        """Return the theme, with the defaults where it says nothing."""
        return {"version": shop.version, "typeface": next(iter(TYPEFACES)), **DEFAULTS, **shop.theme}

    def values(self, shop: Shop) -> dict[str, Any]:
        """Return the theme: what it has said before, the logo too, and what is now another than everywhere."""
        usual = self.known(replace(shop, theme={}))
        typed = {name: self[name].data for name in (*COLOURS, "typeface")}
        return {"theme": shop.theme | {n: v for n, v in typed.items() if n in shop.theme or v != usual[n]}}


FORMS: dict[str, type[SettingsForm]] = {"shop": ShopForm, "selling": SellingForm, "look": LookForm}
