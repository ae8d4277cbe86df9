"""The form of one way to pay. Secrets go in and never come out: of one that is set only its end is shown."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, PasswordField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Regexp

from commerce.admin.fields import AmountField, PercentField, name_field, number_field, strip, tax_class_field
from commerce.admin.orders.forms import no_control_characters
from commerce.admin.versioned_form import VersionedForm
from commerce.payments.methods import MAX_HOLD_MINUTES, MethodRow

MAX_POSITION = 10_000
GATEWAYS = {
    "manual": _("By hand: bank transfer, cash on delivery"),
    "stripe": _("Stripe: cards and wallets"),
    "test_card": _("Built-in test card: for trials, no money moves"),
}
"""Who takes the money -> what staff read."""
SETTINGS = ("publishable_key", "account", "checkout_origin")
SECRETS = ("secret_key", "webhook_secret")
FORGET = "forget_former_secret"
_NEW_ONLY = ("code",)
_KNOWN_ONLY = ("version",)


def _line(label: Any) -> StringField:
    return StringField(label, [Length(max=255), no_control_characters], filters=[strip])


def _secret(label: Any) -> PasswordField:
    return PasswordField(label, [Length(max=300), no_control_characters])


class PaymentForm(VersionedForm):
    """Fields of a way to pay; those that its gateway does not know are left out."""

    uncompared = ("version", *SECRETS, FORGET)

    version = StringField(validators=[InputRequired(_("Please reload the page."))])
    code = StringField(
        _("Code"),
        [
            InputRequired(_("Please fill this in.")),
            Regexp(
                r"^[a-z][a-z0-9_]{0,39}\Z",
                message=_("A code has small letters, digits and _, and begins with a letter."),
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
    hold_minutes = number_field(_("Hold stock for (minutes)"), 1, MAX_HOLD_MINUTES, default=30)
    position = number_field(_("Position in the list"), 0, MAX_POSITION)
    pay_later = BooleanField(_("Paid later: confirm the order before the money is there"))
    enabled = BooleanField(_("Offered in the shop"), default=True)
    fee_amount = AmountField(_("Fee, fixed"))
    fee_ppm = PercentField(_("Fee in percent"))
    fee_tax_class = tax_class_field(_("Tax class of the fee"))
    publishable_key = _line(_("Publishable key"))
    account = _line(_("Account"))
    checkout_origin = _line(_("Address of the pay page"))
    secret_key = _secret(_("Secret key"))
    webhook_secret = _secret(_("Signing secret of the webhook"))
    forget_former_secret = BooleanField(_("Stop accepting the former signing secret"))

    def __init__(self, gateway: str, known: MethodRow | None, formdata: Any = None) -> None:
        super().__init__(formdata, data=_shown(known) if known else None)
        unknown = list(_NEW_ONLY if known else _KNOWN_ONLY)
        if gateway != "manual":
            unknown.append("pay_later")
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
        if "secret_key" in self:
            terms["settings"] = {name: self[name].data or "" for name in SETTINGS}
            terms["secrets"] = {name: self[name].data or "" for name in SECRETS}
        if FORGET in self and self[FORGET].data:
            terms["secrets"]["former_webhook_secret"] = ""
        return terms


def _shown(known: MethodRow) -> dict[str, Any]:
    names = ("name", "instructions", "hold_minutes", "position", "pay_later", "enabled")
    fee = ("fee_amount", "fee_ppm", "fee_tax_class")
    settings = {name: known.settings.get(name, "") for name in SETTINGS}
    return {"version": known.digest, **{name: getattr(known, name) for name in (*names, *fee)}, **settings}
