"""A small CSV file that was uploaded, as text that fits into a form."""

from __future__ import annotations

from commerce.csv_files import UnreadableFile

MAX_BYTES = 400_000
"""Size of a file that travels through a form: Flask takes 500 kB of form fields."""


def decoded(data: bytes) -> str:
    """Return the file as text, in whichever encoding it is; the reader knows them. Raises UnreadableFile."""
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if len(text.encode()) > MAX_BYTES:
            raise UnreadableFile("file_too_large_for_page")
        return text
    raise UnreadableFile("file_not_text")
