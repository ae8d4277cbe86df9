"""Where the mails of a test end up, and the parts of one."""

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import html5lib


class Post:
    """The folder of sent mails, empty at the start of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for file in folder.glob("*"):
            file.unlink()

    @property
    def mails(self) -> list[EmailMessage]:
        """All mails, in the order of their Message-IDs, which grow with their deliveries."""
        files = [BytesParser(policy=default).parsebytes(file.read_bytes()) for file in self.folder.glob("*")]
        found = [mail for mail in files if isinstance(mail, EmailMessage)]
        return sorted(found, key=lambda mail: str(mail["Message-ID"]))

    @property
    def letters(self) -> list[tuple[str, str]]:
        """(To, Subject) of all mails."""
        return [(str(mail["To"]), str(mail["Subject"])) for mail in self.mails]


def text_of(mail: EmailMessage) -> str:
    """Return the plain text of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    """Return the HTML of a mail; any mistake in the mark-up fails the test."""
    part = mail.get_body(("html",))
    assert part is not None
    return sound(str(part.get_content()))


def sound(html: str) -> str:
    """Return a page; any mistake in its mark-up fails the test."""
    html5lib.HTMLParser(strict=True).parse(html)
    return html
