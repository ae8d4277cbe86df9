"""What operators do: let operators in, open shops, close them for a while and open them again."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlalchemy import select

from commerce.accounts.invitations import invite
from commerce.accounts.models import Operator
from commerce.accounts.passwords import MIN_OF_STAFF, hash_password, judge_password
from commerce.accounts.services import checked_email, create_staff
from commerce.db import atomic, db
from commerce.errors import InvalidValue, Rejected
from commerce.events.outbox import Actor
from commerce.money import PPM
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.tenants.settings import check_settings
from commerce.tenants.time_zones import time_zone_of


@dataclass(frozen=True, slots=True)
class NewShop:
    """What a shop begins with. `tax_ppm` are millionths, `shipping` the price of shipping anywhere in minor units.

    The owner gets an invitation by mail, or with `owner_by_mail` off a password that is shown once. Without a
    `timezone` (IANA) the shop has that of its country.
    """

    code: str
    name: str
    currency: str
    country: str
    hosts: tuple[str, ...] = ()
    tax_ppm: int = 0
    tax_label: str = "VAT"
    prices_include_tax: bool = True
    shipping: int = 0
    owner_email: str = ""
    owner_by_mail: bool = True
    timezone: str = ""


def parts_per_million(percent: str) -> int:
    """Return '8.1' as 81000. Raises InvalidValue for what is no percentage or has more than four decimals."""
    try:
        ppm = Decimal(percent.strip()).scaleb(4)
        usable = ppm.is_finite() and ppm == ppm.to_integral_value() and 0 <= ppm <= PPM
    except InvalidOperation:
        usable = False
    if not usable:
        raise InvalidValue("tax_percent", "not_a_percentage", value=percent[:20])
    return int(ppm)


def open_shop(new: NewShop, actor: Actor, *, test_card: bool) -> tuple[Shop, str]:
    """Make a shop that can sell, with its first owner if one is named; return it and the owner's password, or ''.

    Raises InvalidValue and Rejected, before anything is made.
    """
    email = checked_email(new.owner_email) if new.owner_email else ""
    label = f"{new.tax_label} {(Decimal(new.tax_ppm) / 10_000).normalize():f} %"
    timezone = new.timezone or time_zone_of(new.country)
    shop = set_up_shop(
        code=new.code,
        name=new.name,
        currency=new.currency,
        country=new.country,
        hosts=new.hosts,
        prices_include_tax=new.prices_include_tax,
        **check_settings({"timezone": timezone}),
        taxes=(TaxRule(new.country, "standard", new.tax_ppm, label),) if new.tax_ppm else (),
        shipping=(ShippingRule("standard", "Standard shipping", "", ((("*",), 0, new.shipping),)),),
        test_card=test_card,
    )
    if not email:
        return shop, ""
    with shop_scope(shop):
        if new.owner_by_mail:
            invite(email, "owner", actor)
            return shop, ""
        password = secrets.token_urlsafe(15)
        create_staff(email=email, name="", password=password, role="owner")
        return shop, password


def create_operator(*, email: str, name: str, password: str) -> uuid.UUID:
    """Let somebody run the installation and return the id.

    Raises InvalidValue for a bad email or password, Rejected when the email is taken.
    """
    address = checked_email(email)
    judge_password(password, minimum=MIN_OF_STAFF, about=(address, name))
    return _insert(address, name.strip()[:255] or address, hash_password(password))


@atomic
def _insert(email: str, name: str, password_hash: str) -> uuid.UUID:
    everywhere = {"all_tenants": True}
    if db.session.scalar(select(Operator.id).where(Operator.email == email), execution_options=everywhere):
        raise Rejected("operator_exists", email=email)
    person = Operator(email=email, name=name, password_hash=password_hash)
    db.session.add(person)
    db.session.flush()
    return person.id
