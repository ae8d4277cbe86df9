"""A shop's own words in its emails: which variables they may name, how they are kept, and how they are filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from commerce.db import atomic, check_version, db
from commerce.errors import InvalidValue, NotFound
from commerce.notifications.i18n import LANGUAGES
from commerce.notifications.mail_types import CUSTOMER, MAILS, OPERATIONS, WAITING, MailType
from commerce.notifications.models import MailText
from commerce.tenants.scope import rules_cache
from commerce.tenants.services import touch_rules

MAX_SUBJECT, MAX_TEXT = 200, 2000
"""Characters of a subject, and of an opening or closing."""
_VARIABLE = re.compile(r"\{([^{}\s]{1,40})\}")


@dataclass(frozen=True, slots=True)
class OwnText:
    """A shop's words for one email in one language as they are kept: variables not filled in, '' where ours stay."""

    subject: str = ""
    opening: str = ""
    closing: str = ""
    version: int = 0

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.subject or self.opening or self.closing)

    def filled(self, values: Mapping[str, Any]) -> OwnText:
        """Return them with their variables filled in; a subject is one line."""

        def fill(text: str) -> str:
            return _VARIABLE.sub(lambda found: str(values.get(found[1], found[0])), text)

        return OwnText(
            " ".join(fill(self.subject).split()), fill(self.opening), fill(self.closing), self.version
        )


def variables_of(mail: MailType) -> tuple[str, ...]:
    """Return what the texts of an email may name in braces."""
    if mail.to == CUSTOMER:
        return ("name", "code", "total", "shop")
    return ("title", "shop") if mail.to == WAITING else ("shop",)


def is_editable(mail: MailType) -> bool:
    """Tell whether a shop may write an email in its own words. Alerts to itself stay as they are."""
    return mail.to != OPERATIONS


@rules_cache
def _texts() -> Mapping[tuple[str, str], OwnText]:
    return {
        (row.mail, row.language): OwnText(row.subject, row.opening, row.closing, row.version)
        for row in db.session.execute(
            select(
                MailText.mail,
                MailText.language,
                MailText.subject,
                MailText.opening,
                MailText.closing,
                MailText.version,
            )
        )
    }


def own_text(mail: str, language: str) -> OwnText:
    """Return the current shop's words for an email in a language of LANGUAGES; empty where it has none."""
    return _texts().get((mail, language), OwnText())


@atomic
def write_text(
    mail: str, language: str, *, subject: str, opening: str, closing: str, seen_version: int
) -> bool:
    """Keep a shop's own words for an email, all '' for ours; tell whether anything changed.

    Raises NotFound for an unknown email or language, InvalidValue for what is too long or names an unknown variable,
    StaleVersion when somebody else has changed them since.
    """
    kind = MAILS.get(mail)
    if kind is None or language not in LANGUAGES or not is_editable(kind):
        raise NotFound("mail_not_found")
    values = {
        "subject": " ".join(subject.split()),
        "opening": opening.replace("\r\n", "\n").strip(),
        "closing": closing.replace("\r\n", "\n").strip(),
    }
    _check(kind, values)
    row = db.session.scalar(
        select(MailText).where(MailText.mail == mail, MailText.language == language).with_for_update()
    )
    check_version("mail text", seen_version, row.version if row else 0)
    if values == {name: getattr(row, name) if row else "" for name in values}:
        return False
    if not any(values.values()):
        db.session.delete(row)
    elif row is None:
        db.session.add(MailText(mail=mail, language=language, **values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
    db.session.flush()
    touch_rules()
    return True


def _check(mail: MailType, values: Mapping[str, str]) -> None:
    known = variables_of(mail)
    for name, text in values.items():
        longest = MAX_SUBJECT if name == "subject" else MAX_TEXT
        if len(text) > longest:
            raise InvalidValue(name, "text_too_long", maximum=longest)
        unknown = [found for found in _VARIABLE.findall(text) if found not in known]
        if unknown:
            raise InvalidValue(
                name,
                "mail_variable_unknown",
                variable=unknown[0],
                known=", ".join(f"{{{each}}}" for each in known),
            )
