"""What people type into one field: tags of a line, and the text of a note."""

from __future__ import annotations

import re
import unicodedata

from commerce.errors import InvalidValue

MAX_TAG = 40
MAX_NOTE = 1000


def split_tags(text: str) -> list[str]:
    """Return the tags of a line, separated by commas, each once whatever its case. Raises InvalidValue."""
    found: dict[str, str] = {}
    for word in (re.sub(r"\s+", " ", each).strip() for each in text.split(",")):
        if not word:
            continue
        if len(word) > MAX_TAG or not word.isprintable():
            raise InvalidValue("tags", "tag_invalid", maximum=MAX_TAG)
        found.setdefault(word.casefold(), word)
    return sorted(found.values(), key=str.casefold)


def note_text(text: str) -> str:
    """Return a note with its line ends as \\n. Raises InvalidValue when it is empty, too long or not plain text."""
    note = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not note:
        raise InvalidValue("text", "note_required")
    if len(note) > MAX_NOTE:
        raise InvalidValue("text", "text_too_long", maximum=MAX_NOTE)
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t" for sign in note):
        raise InvalidValue("text", "note_not_printable")
    return note
