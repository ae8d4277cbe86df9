"""Write a mail: subject, text and HTML from `templates/emails/`, with a Message-ID that never changes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from email_validator import validate_email
from flask import current_app, render_template

from commerce import clock
from commerce.config import Config
from commerce.db import new_id
from commerce.events.relay import DeliveredEvent
from commerce.money import format_money
from commerce.notifications.context import MailContext
from commerce.notifications.email_theme import email_theme_of
from commerce.notifications.i18n import OUR_REASONS, language_of, using_locale
from commerce.notifications.mail_types import ALERTS, CUSTOMER, MAILS, NOTES
from commerce.notifications.mailer import make_mailer, send
from commerce.notifications.texts import own_text
from commerce.orders.addresses import address_lines
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop

PAYMENT_MAILS = frozenset({"payment_received", "order_confirmation"})
PARCEL_MAILS = frozenset({"parcel_sent", "order_shipped"})
CREDIT_MAILS = frozenset({"order_credited", "order_refunded"})
NOBODY = ".invalid"
"""RFC 2606: nobody ever reads there; self-tests write to it."""


@dataclass(frozen=True, slots=True)
class ComposedMail:
    """A finished mail without its envelope. `text` and `html` say the same."""

    subject: str
    text: str
    html: str


def base_url(config: Config, shop: Shop) -> str:
    """Return where the shop can be reached, for links in mails: scheme, host and (unless it is the usual one) port."""
    port = f":{config.public_port}" if config.public_port else ""
    return f"{config.public_scheme}://{shop.host}{port}"


def compose(
    name: str, facts: Mapping[str, Any], details: MailContext | None = None, *, locale: str = ""
) -> ComposedMail:
    """Write a mail of `mails.MAILS` for the current shop, about an order unless it is an alert without one.

    `facts` are those of the event. Customers read the language of their order, staff that of the shop; both unless
    `locale` says otherwise.
    """
    mail, shop = MAILS[name], current_shop()
    locale = locale or (details.order.locale if details is not None and mail.to == CUSTOMER else shop.locale)
    base = base_url(_config(), shop)
    context: dict[str, Any] = {
        "mail": mail,
        "alert": ALERTS.get(name),
        "note": NOTES.get(name),
        "facts": facts,
        "reasons": OUR_REASONS,
        "shop": shop,
        "look": email_theme_of(shop),
        "language": language_of(locale).replace("_", "-"),
        "home": f"{base}/",
        "link": base + mail.path.format(**_places(facts, details)),
    }
    own = own_text(mail.name, language_of(locale))
    context["invoices"] = ""
    if details is not None:
        order = details.order
        if _has_invoice(name, details, shop.invoice_when):
            context["invoices"] = f"{base}/orders/{order.token}/invoices"
        lines = address_lines(order.shipping_address, order.name, locale)
        context |= {"details": details, "order": order, "address": lines}
    with using_locale(locale):
        own = context["own"] = own.filled(_variables(shop, facts, details, locale)) if own else own
        text = render_template(f"emails/{mail.template}.txt", **context)
        head, _, body = text.partition("\n")
        subject = own.subject or " ".join(head.removeprefix("Subject:").split())
        html = render_template(f"emails/{mail.template}.html", subject=subject, **context)
    body = re.sub(r"[ \t]+\n", "\n", body)
    return ComposedMail(subject, re.sub(r"\n{3,}", "\n\n", body).strip() + "\n", html)


def _has_invoice(name: str, details: MailContext, when: str) -> bool:
    """Tell whether a mail leads to the order's invoices: what it is about makes one, or corrects one that there is."""
    order = details.order
    sent = any(line.shipped for line in order.lines)
    if when == "off":
        return False
    if name in PAYMENT_MAILS:
        return when == "payment" and not details.owed
    if name in PARCEL_MAILS:
        return when == "shipment" or order.pay_later
    return name in CREDIT_MAILS and (sent if when == "shipment" else sent or order.paid_at is not None)


def _variables(
    shop: Shop, facts: Mapping[str, Any], details: MailContext | None, locale: str
) -> dict[str, str]:
    """Return what a shop's own words may name. See texts.variables_of."""
    values = {"shop": shop.name, "title": str(facts.get("title", ""))}
    if details is not None:
        order = details.order
        total = format_money(order.total, order.currency, locale)
        values |= {"name": order.name, "code": order.code, "total": total}
    return values


def _places(facts: Mapping[str, Any], details: MailContext | None) -> dict[str, str]:
    """Return what the address of a mail's link may name."""
    names = {key: quote(str(value), safe="") for key, value in facts.items()}
    return names | ({"code": details.order.code, "token": details.order.token} if details is not None else {})


def _address(name: str, address: str) -> Address:
    """Return an address with its domain in ASCII: servers without SMTPUTF8 take no other.

    Raises ValueError for line breaks, which could add headers, and for what is no address.
    """
    if not address.isascii():
        found = validate_email(address, check_deliverability=False, test_environment=True)
        address = found.ascii_email or address
    return Address(name, addr_spec=address)


def send_mail(
    happening: DeliveredEvent, name: str, details: MailContext | None = None, *, to: str = ""
) -> None:
    """Write a mail about what happened and send it to its one reader: the order's customer or operations, or `to`.

    The Message-ID is the delivery's id, so a repetition after a crash can be recognised by mail programs.
    Raises OSError or SMTPException when the server does not take it; the worker tries again later.
    """
    if not to:
        to = (
            details.order.email
            if details is not None and MAILS[name].to == CUSTOMER
            else operations_address()
        )
    if not to or to.endswith(NOBODY):
        return
    facts = {**happening.payload, "subject": happening.subject_id}
    _post(compose(name, facts, details), to, happening.delivery_id, happening.occurred_at)


def send_test(letter: ComposedMail, to: str) -> None:
    """Send a composed mail to one of the staff, as a customer would get it.

    Raises OSError or SMTPException when the server does not take it.
    """
    _post(letter, to, new_id(), clock.now())


def _post(letter: ComposedMail, to: str, message_id: uuid.UUID, date: datetime) -> None:
    config, shop = _config(), current_shop()
    message = EmailMessage()
    message["Subject"] = letter.subject
    message["From"] = _address(shop.name, shop.mail_from or config.mail_from)
    message["To"] = _address("", to)
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{message_id}@{shop.host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    send(make_mailer(config.mail_url, config.var / "mail"), message)


def operations_address() -> str:
    """Return who is to be alerted for the current shop."""
    return current_shop().operations_email or _config().operations_email


def _config() -> Config:
    config: Config = current_app.config["LOCKSTEP"]
    return config
