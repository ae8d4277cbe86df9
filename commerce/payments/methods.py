"""How a shop may be paid, as staff set it up: terms, a gateway's public settings, and its sealed secrets."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from commerce.db import atomic, db
from commerce.encryption import DecryptionError, seal
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.money import MAX_AMOUNT, PPM
from commerce.payments.gateways.registry import GATEWAY_NAMES
from commerce.payments.gateways.stripe.amounts import stripe_exponent
from commerce.payments.installation import installation
from commerce.payments.models import Payment, PaymentMethod
from commerce.payments.queries import TEST_GATEWAY
from commerce.payments.secrets import open_secrets
from commerce.tenants.scope import current_shop
from commerce.tenants.services import touch_rules

MAX_HOLD_MINUTES = 90 * 24 * 60
MAX_CASH_ROUNDING = 1_000_000
"""Minor units; the largest coins are far smaller."""
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SETTINGS = {
    "publishable_key": re.compile(r"pk_(test|live)_[A-Za-z0-9]{4,240}"),
    "account": re.compile(r"acct_[A-Za-z0-9]{4,100}"),
    "checkout_origin": re.compile(r"https://[a-z0-9.-]{3,200}"),
    "api_base": re.compile(r"http://(127\.0\.0\.1|localhost):[0-9]{1,5}"),
}
"""The public settings of Stripe and what they look like. `api_base` is only heard outside of production."""
_SECRETS = {
    "secret_key": re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]{4,240}"),
    "webhook_secret": re.compile(r"whsec_[A-Za-z0-9+/=_]{4,240}"),
}


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A way to pay as staff see it. `secret_hints` are the last four characters of the secrets that are set.

    `secrets_lost` says that there are some, but sealed under a key that the installation no longer knows.
    `digest` changes with every change, so that a page can tell whether it is stale. Amounts are minor units.
    """

    id: uuid.UUID
    code: str
    gateway: str
    name: str
    instructions: str
    pay_later: bool
    hold_minutes: int
    position: int
    enabled: bool
    fee_amount: int
    fee_ppm: int
    fee_tax_class: str
    cash_rounding: int
    settings: dict[str, Any]
    secret_hints: dict[str, str]
    digest: str
    used: bool
    secrets_lost: bool = False


def _open_or_none(sealed: str) -> dict[str, Any] | None:
    """Return the secrets, None when nobody can open them any more: then staff must enter them again."""
    try:
        return open_secrets(sealed)
    except DecryptionError:
        return None


def list_methods() -> tuple[MethodRow, ...]:
    """Return every way to pay, disabled ones too, in the shop's order."""
    rows = db.session.scalars(select(PaymentMethod).order_by(PaymentMethod.position, PaymentMethod.id))
    used = set(db.session.scalars(select(Payment.method).distinct()))
    return tuple(_row(each, each.code in used) for each in rows)


def get_method(code: str) -> MethodRow:
    """Return a way to pay by its code, disabled or not. Raises NotFound."""
    found = db.session.scalar(select(PaymentMethod).where(PaymentMethod.code == code))
    if found is None:
        raise NotFound("payment_method_not_found")
    return _row(found, _is_used(code))


def _row(method: PaymentMethod, used: bool) -> MethodRow:
    found = _open_or_none(method.sealed_secrets)
    secrets = found or open_secrets("")
    named = dict(zip(("webhook_secret", "former_webhook_secret"), secrets["webhook_secrets"], strict=False))
    named = {"secret_key": secrets["secret_key"], **named}
    return MethodRow(
        **{name: getattr(method, name) for name in _TERMS},
        id=method.id,
        code=method.code,
        gateway=method.gateway,
        settings=dict(method.settings),
        secret_hints={name: f"…{text[-4:]}" for name, text in named.items() if text},
        digest=_digest(method),
        used=used,
        secrets_lost=found is None,
    )


_TERMS = (
    "name",
    "instructions",
    "pay_later",
    "hold_minutes",
    "position",
    "enabled",
    "fee_amount",
    "fee_ppm",
    "fee_tax_class",
    "cash_rounding",
)


def _digest(method: PaymentMethod) -> str:
    facts = [getattr(method, name) for name in _TERMS] + [method.settings, method.sealed_secrets]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _is_used(code: str) -> bool:
    return bool(db.session.scalar(select(func.count()).where(Payment.method == code)))


@atomic
def configure_method(
    code: str,
    *,
    seen: str | None = None,
    gateway: str | None = None,
    name: str | None = None,
    instructions: str | None = None,
    pay_later: bool | None = None,
    hold_minutes: int | None = None,
    position: int | None = None,
    enabled: bool | None = None,
    fee_amount: int | None = None,
    fee_ppm: int | None = None,
    fee_tax_class: str | None = None,
    cash_rounding: int | None = None,
    settings: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> None:
    """Make or change a way to pay; what is None stays as it is. A new `code` needs a gateway and a name.

    `settings` are merged, '' removes one. Of `secrets`, '' keeps what is there; a new `webhook_secret` is heard beside
    the one before it until `former_webhook_secret` is given as ''. Raises InvalidValue (its field is the parameter, or
    the name of the setting or secret), Conflict when the row is no longer the one whose digest was `seen`.
    """
    known = db.session.scalar(select(PaymentMethod).where(PaymentMethod.code == code).with_for_update())
    method = known or _new_method(code, gateway, name)
    if seen is not None and seen != (_digest(known) if known else ""):
        raise Conflict("payment_method_changed")
    if gateway is not None and gateway != method.gateway:
        raise InvalidValue("gateway", "gateway_fixed")
    given = {
        "name": name.strip() if name is not None else None,
        "instructions": instructions,
        "pay_later": pay_later,
        "hold_minutes": hold_minutes,
        "position": position,
        "enabled": enabled,
        "fee_amount": fee_amount,
        "fee_ppm": fee_ppm,
        "fee_tax_class": fee_tax_class,
        "cash_rounding": cash_rounding,
    }
    for field, value in given.items():
        if value is not None:
            setattr(method, field, value)
    _check_terms(method)
    _check_account_details(method)
    if settings is not None:
        method.settings = _merged_settings(method, settings)
    if secrets is not None:
        method.sealed_secrets = _merged_secrets(method, secrets)
    _check_gateway(method)
    db.session.add(method)
    try:
        db.session.flush()
    except IntegrityError as error:
        # Somebody else made one with the same code between our look and our insert.
        raise InvalidValue("code", "payment_method_code_taken") from error
    touch_rules()


def _new_method(code: str, gateway: str | None, name: str | None) -> PaymentMethod:
    if not _CODE.fullmatch(code):
        raise InvalidValue("code", "payment_method_code_invalid")
    if gateway not in GATEWAY_NAMES:
        raise InvalidValue("gateway", "gateway_required")
    if not (name or "").strip():
        raise InvalidValue("name", "payment_method_name_required")
    last = db.session.scalar(select(func.max(PaymentMethod.position)))
    return PaymentMethod(
        code=code,
        gateway=gateway,
        name=name,
        instructions="",
        pay_later=False,
        hold_minutes=30,
        position=0 if last is None else last + 1,
        enabled=True,
        fee_amount=0,
        fee_ppm=0,
        fee_tax_class="standard",
        cash_rounding=0,
        settings={},
        sealed_secrets="",
    )


def _check_terms(method: PaymentMethod) -> None:
    checks = (
        (0 < len(method.name) <= 255, InvalidValue("name", "payment_method_name_length", maximum=255)),
        (len(method.instructions) <= 1000, InvalidValue("instructions", "text_too_long", maximum=1000)),
        (
            0 < method.hold_minutes <= MAX_HOLD_MINUTES,
            InvalidValue("hold_minutes", "hold_minutes_out_of_range", maximum=MAX_HOLD_MINUTES),
        ),
        (0 <= method.fee_amount <= MAX_AMOUNT, InvalidValue("fee_amount", "fee_negative")),
        (0 <= method.fee_ppm <= PPM, InvalidValue("fee_ppm", "fee_percent_out_of_range")),
        (
            not method.pay_later or method.gateway == "manual",
            InvalidValue("pay_later", "pay_later_needs_manual"),
        ),
        (
            0 <= method.cash_rounding <= MAX_CASH_ROUNDING,
            InvalidValue("cash_rounding", "cash_rounding_out_of_range"),
        ),
        (
            not method.cash_rounding or method.gateway == "manual",
            InvalidValue("cash_rounding", "cash_rounding_needs_manual"),
        ),
    )
    for good, error in checks:
        if not good:
            raise error


def has_account_details(instructions: str) -> bool:
    """Tell whether customers can see from instructions where to pay: an account number, an address or a link."""
    return len(re.findall(r"\d", instructions)) >= 6 or "@" in instructions or "://" in instructions


def _check_account_details(method: PaymentMethod) -> None:
    """Customers who are to transfer money have to know where to; other ways, such as paying in a shop, need nothing."""
    transfer = method.gateway == "manual" and not method.pay_later and "transfer" in method.code
    if method.enabled and transfer and not has_account_details(method.instructions):
        raise InvalidValue("instructions", "account_details_required")


def check_stored_method(method: PaymentMethod) -> None:
    """Check a way to pay that comes from elsewhere as if it had been typed in. Raises InvalidValue."""
    if not _CODE.fullmatch(method.code):
        raise InvalidValue("code", "payment_method_code_invalid")
    if method.gateway not in GATEWAY_NAMES:
        raise InvalidValue("gateway", "gateway_required")
    _check_terms(method)
    _merged_settings(method, {})


def _merged_settings(method: PaymentMethod, changes: Mapping[str, str]) -> dict[str, Any]:
    merged = {**method.settings, **{name: value.strip() for name, value in changes.items()}}
    for name, value in merged.items():
        if method.gateway != "stripe" or name not in _SETTINGS:
            raise InvalidValue(name, "gateway_setting_unknown")
        if value and not _SETTINGS[name].fullmatch(value):
            raise InvalidValue(name, "stripe_value_malformed")
    return {name: value for name, value in merged.items() if value}


def _merged_secrets(method: PaymentMethod, changes: Mapping[str, str]) -> str:
    found = _open_or_none(method.sealed_secrets)
    if found is None and not any(text.strip() for text in changes.values()):
        return method.sealed_secrets  # the key that opens it may come back
    secrets = found or open_secrets("")
    for name, text in changes.items():
        value = text.strip()
        if name == "former_webhook_secret" and not value:
            secrets["webhook_secrets"] = secrets["webhook_secrets"][:1]
            continue
        if method.gateway != "stripe" or name not in _SECRETS:
            raise InvalidValue(name, "gateway_secret_unknown")
        if not value:
            continue
        if not _SECRETS[name].fullmatch(value):
            raise InvalidValue(name, "stripe_value_malformed")
        if name == "secret_key":
            secrets["secret_key"] = value
        elif value not in secrets["webhook_secrets"][:1]:
            # Stripe signs with both while a secret is being changed, so the one before stays good for now.
            secrets["webhook_secrets"] = [value, *secrets["webhook_secrets"][:1]]
    return seal().close(json.dumps(secrets))


def _check_gateway(method: PaymentMethod) -> None:
    """Refuse what could never take a payment.

    That is the test card in production, and Stripe without a key or in a currency that it cannot express.
    """
    if method.gateway == TEST_GATEWAY and method.enabled and not installation().test_gateway:
        raise InvalidValue("enabled", "test_card_not_offered")
    if method.gateway != "stripe" or not method.enabled:
        return
    stripe_exponent(current_shop().currency)
    secrets = _open_or_none(method.sealed_secrets)
    if secrets is None:
        raise InvalidValue("secret_key", "payment_keys_unreadable")
    if not secrets["secret_key"]:
        raise InvalidValue("secret_key", "stripe_secret_key_required")
    public = str(method.settings.get("publishable_key", ""))
    if public and ("_live_" in public) != ("_live_" in secrets["secret_key"]):
        raise InvalidValue("publishable_key", "stripe_keys_mixed")


@atomic
def remove_method(code: str, *, seen: str | None = None) -> None:
    """Remove a way to pay that nobody has used. Raises NotFound, Conflict (used, or changed since it was `seen`)."""
    method = db.session.scalar(select(PaymentMethod).where(PaymentMethod.code == code).with_for_update())
    if method is None:
        raise NotFound("payment_method_not_found")
    if seen is not None and seen != _digest(method):
        raise Conflict("payment_method_changed")
    if _is_used(code):
        raise Conflict("payment_method_has_orders")
    db.session.delete(method)
    db.session.flush()
    touch_rules()
