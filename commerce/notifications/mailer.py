"""Send a mail: into a folder by default (nothing needed, and you can look), by SMTP when configured."""

from __future__ import annotations

import hashlib
import os
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from commerce.events.outcomes import before_effect

TIMEOUT = 10.0
"""Seconds that an SMTP server may take to answer."""


class Mailer(Protocol):
    """What can send a finished message."""

    def send(self, message: EmailMessage) -> None:
        """Hand the message over, or raise OSError / SMTPException."""
        ...


class FileMailer:
    """Writes each mail as an .eml file named after its Message-ID: sending it twice leaves one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage) -> None:
        """Write the message completely or not at all."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:24]
        partial = self._folder / f".{name}.{os.getpid()}"
        # In mails there are links that open an order or an account: they are for nobody else on the machine.
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
            file.write(message.as_bytes(policy=SMTP))
        partial.rename(self._folder / f"{name}.eml")


class SmtpMailer:
    """Speaks to the server of a URL such as smtp://user:password@host:587?starttls=1 or smtps://host:465."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("MAIL_URL must look like smtp://host:port or smtps://host:port")
        self._host = parts.hostname
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 25)
        self._starttls = parse_qs(parts.query).get("starttls", ["0"])[0] == "1"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def send(self, message: EmailMessage) -> None:
        """Deliver one message over one connection."""
        context = ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=context)
            if self._tls
            else smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        ) as server:
            if self._starttls:
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
            server.send_message(message)


def make_mailer(url: str, folder: Path) -> Mailer:
    """Return the mailer that the configuration asks for. Raises ValueError for a bad MAIL_URL."""
    return SmtpMailer(url) if url else FileMailer(folder)


def send(mailer: Mailer, message: EmailMessage) -> None:
    """Send outside of any transaction: a slow mail server must never hold a lock."""
    before_effect("a mail was sent")
    mailer.send(message)
