"""Turn an event into a mail: subject, text and HTML from `templates/emails/`, with a Message-ID that never changes."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from email_validator import validate_email
from flask import current_app, render_template
from flask_babel import force_locale

from commerce.config import Config
from commerce.events.worker import Happening
from commerce.notifications.mailer import make_mailer, send
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop


def base_url(config: Config, shop: Shop) -> str:
    """Return where the shop can be reached, for links in mails: scheme, host and (unless it is the usual one) port."""
    port = f":{config.public_port}" if config.public_port else ""
    return f"{config.public_scheme}://{shop.host}{port}"


def _address(name: str, address: str) -> Address:
    """Return an address with its domain in ASCII: servers without SMTPUTF8 take no other.

    Raises ValueError for line breaks, which could add headers, and for what is no address.
    """
    if not address.isascii():
        found = validate_email(address, check_deliverability=False, test_environment=True)
        address = found.ascii_email or address
    return Address(name, addr_spec=address)


def send_mail(happening: Happening, template: str, to: str, **context: Any) -> None:
    """Render `emails/<template>.txt` and `.html` and send them to one address.

    The Message-ID is the delivery's id, so a repetition after a crash can be recognised by mail programs.
    Raises OSError or SMTPException when the server does not take it; the worker tries again later.
    """
    if to.endswith(".invalid"):
        return  # RFC 2606: nobody ever reads there; self-tests write to it
    config: Config = current_app.config["LOCKSTEP"]
    shop = current_shop()
    context = {**context, "shop": shop, "base_url": base_url(config, shop), "happening": happening}
    with force_locale(shop.locale):
        text = render_template(f"emails/{template}.txt", **context)
        html = render_template(f"emails/{template}.html", **context)
    subject, _, body = text.partition("\n")
    sender = shop.mail_from or config.mail_from
    message = EmailMessage()
    message["Subject"] = " ".join(subject.removeprefix("Subject:").split())
    message["From"] = _address(shop.name, sender)
    message["To"] = _address("", to)
    message["Date"] = format_datetime(happening.occurred_at)
    message["Message-ID"] = f"<{happening.delivery_id}@{shop.host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body.strip() + "\n")
    message.add_alternative(html, subtype="html")
    send(make_mailer(config.mail_url, config.var / "mail"), message)


def operations_address() -> str:
    """Return who is to be alerted for the current shop."""
    config: Config = current_app.config["LOCKSTEP"]
    return current_shop().operations_email or config.operations_email
