"""Forms of a member's account: profile, email, passwords, addresses."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, EmailField, PasswordField, StringField, TelField
from wtforms.validators import DataRequired, InputRequired, Length

from commerce.accounts.address_book import SavedAddress
from commerce.accounts.passwords import MAX_LENGTH
from commerce.cart.forms import no_unprintable, printable_line
from commerce.checkout.addresses import check_address, country_choices, rules_for
from commerce.checkout.forms import DetailsForm
from commerce.error_messages import describe
from commerce.shipping.queries import shipping_countries
from commerce.tenants.scope import current_shop
from commerce.web import TextForm

_CLEAN: dict[str, Any] = {"filters": [printable_line]}


def _rules(missing: Any, most: int = 255) -> list[Any]:
    return [
        DataRequired(missing),
        no_unprintable,
        Length(max=most, message=_l("Use at most %(max)d characters.", max=most)),
    ]


def _password(label: Any, missing: Any) -> PasswordField:
    return PasswordField(label, [InputRequired(missing), Length(max=MAX_LENGTH)])


class EmailForm(TextForm):
    """An email address."""

    email = EmailField(_l("Email"), _rules(_l("Enter your email address.")), **_CLEAN)

    validate_email = DetailsForm.validate_email

    @property
    def address(self) -> str:
        """The address in lower case, as accounts store it."""
        return str(self.email.data).lower()


class RegisterForm(EmailForm):
    """Registration. The password is chosen on the page of the mailed link."""

    name = StringField(_l("Full name"), _rules(_l("Enter your name.")), **_CLEAN)


class FindOrderForm(EmailForm):
    """Order number and address of an order whose link was lost."""

    code = StringField(_l("Order number"), _rules(_l("Enter your order number."), 40), **_CLEAN)


class MemberNewPasswordForm(TextForm):
    """The first password, or a new one after a reset."""

    password = _password(_l("New password"), _l("Choose a password."))


class MemberNameForm(TextForm):
    """Name and phone number of a member."""

    name = StringField(_l("Full name"), _rules(_l("Enter your name.")), **_CLEAN)
    phone = TelField(_l("Phone"), [no_unprintable, Length(max=40)], **_CLEAN)

    validate_phone = DetailsForm.validate_phone


class ChangeEmailForm(EmailForm):
    """Change of the email address, confirmed with the password."""

    email = EmailField(_l("New email"), _rules(_l("Enter your new email address.")), **_CLEAN)
    password = _password(_l("Password"), _l("Enter your password."))


class MemberChangePasswordForm(TextForm):
    """Change of the password."""

    present = _password(_l("Current password"), _l("Enter your current password."))
    password = _password(_l("New password"), _l("Choose a password."))


class ConfirmPasswordForm(TextForm):
    """The password once more, before an export or erasure of personal data."""

    password = _password(_l("Password"), _l("Enter your password."))


class ErasureForm(ConfirmPasswordForm):
    """Confirmation before an account is deleted."""

    sure = BooleanField(
        _l("Yes, delete my account and my data"),
        [InputRequired(_l("Confirm that you want to delete your account."))],
    )


class AddressForm(DetailsForm):
    """An entry of the address book: the address part of the checkout, by the same rules. Make it by `address_form`."""

    email = None
    note = None
    shipping_method = None
    payment_method = None
    preferred = BooleanField(_l("Use as default address"))

    def validate(self, extra_validators: Any = None) -> bool:
        """Check every field, and the address by its country's rules."""
        valid = bool(super(DetailsForm, self).validate(extra_validators))
        self._address, problems = check_address(self._typed_address(), current_shop().locale)
        for name, problem in problems.items():
            if not self[name].errors:
                self[name].errors = [describe(problem)]
        return valid and not problems

    def values(self) -> dict[str, Any]:
        """Return what a valid form says, as the address book takes it."""
        return {
            "name": self.name.data,
            "phone": self.phone.data or "",
            "address": self._address,
            "preferred": bool(self.preferred.data),
        }


def address_form(formdata: Any = None, entry: SavedAddress | None = None) -> AddressForm:
    """Return the form for an address, from what was sent, or else from an entry; its fields fit the chosen country."""
    known = (
        {**entry.address, "name": entry.name, "phone": entry.phone, "preferred": entry.preferred}
        if entry
        else {}
    )
    form = AddressForm(formdata=formdata, data=known)
    shop = current_shop()
    countries = country_choices(shipping_countries(), shop.locale)
    codes = [code for code, _name in countries]
    form.country_code.choices = list(countries)
    if form.country_code.data not in codes:
        form.country_code.data = shop.country if shop.country in codes or not codes else codes[0]
    area, city = printable_line(form.country_area.data), printable_line(form.city.data)
    form.fit(rules_for(form.country_code.data, area, city, shop.locale))
    return form
