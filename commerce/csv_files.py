"""From bytes to rows of cells: encoding, separator, quoting; and from rows to a file for spreadsheets.

A file is read as a stream, several times; what it takes in memory does not grow with it. Knows nothing of products.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from commerce.errors import Refusal, Rejected

BOM = "\ufeff"
"""What tells Excel that a file is UTF-8. `CsvTable` takes it off."""
FORMULA_SIGNS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"
"""What a cell begins with that a spreadsheet takes for a formula (CWE-1236); Excel reads the full-width ones, too."""
MAX_CELL_CHARS = 16 * 1024 * 1024
"""Some shops paste pictures as text into descriptions; the csv module's own bound (128 KiB) is too tight."""
MAX_COLUMNS = 1000
"""Columns with a heading. Shops with hundreds of metafields have fewer; each is compared with all that are known."""

_CHUNK = 1 << 20
_PIECE = 1 << 15
_DELIMITERS = ",;\t"
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NOT_TEXT = {
    b"PK\x03\x04": Refusal("file_is_workbook"),
    b"\xd0\xcf\x11\xe0": Refusal("file_is_old_workbook"),
    b"%PDF": Refusal("file_is_pdf"),
    b"\x1f\x8b": Refusal("file_is_gzip"),
}
_MARKUP = {
    "wordpress": Refusal("file_is_wordpress"),
    "rss": Refusal("file_is_rss"),
    "html": Refusal("file_is_html"),
    "xml": Refusal("file_is_xml"),
    "json": Refusal("file_is_json"),
}
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""What Excel reads as the separator, when it is all that the first line says."""
_END = "\ue000end of file\ue000"
"""Fed to the reader after the last line. A cell that ends with it is one whose quotation mark was never closed."""


def to_csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a CSV file for spreadsheets; a text that one would take for a formula is marked as text."""
    return "".join(csv_lines(header, rows))


def csv_lines(
    header: Iterable[str], rows: Iterable[Iterable[object]], *, excel: bool = True, delimiter: str = ","
) -> Iterator[str]:
    """Yield a CSV file in pieces, so that its length costs no memory.

    For spreadsheets it begins with a BOM. A text that one would take for a formula is marked as text in either kind:
    nobody can say where a file will be opened.
    """
    out = io.StringIO()
    if excel:
        out.write(BOM)
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
        if out.tell() > _PIECE:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell and cell[0] in FORMULA_SIGNS else cell


class UnreadableFile(Rejected):
    """The file as a whole cannot be read; nothing of it was taken in."""

    code = "unreadable_file"


class CsvTable:
    """A CSV file in any of the shapes that shops and spreadsheets write.

    Finds out the encoding (UTF-8 with or without BOM, UTF-16 with BOM, else Windows-1252) and the separator; blank
    lines above the headings are skipped. Quotation marks that do not follow the standard (RFC 4180) are read as
    spreadsheets read them. Raises UnreadableFile at once for what is empty, no text, full of NULs, or has more columns
    than any shop's file. `stream` must be
    seekable; it stays open and belongs to the caller.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.notes: list[ImportNote] = []
        self._stream = stream
        self.encoding = self._find_encoding()
        self._refuse_markup()
        self.delimiter = self._find_delimiter()
        self._check_quotes()
        self.header_row = 1
        self.header = self._read_header()

    def rows(self) -> Generator[tuple[int, list[str]]]:
        """Yield (row number, cells) for each row below the headings, leaving out rows without any content.

        Rows are counted as a spreadsheet counts, from 1; a row may span several lines of the file.
        Raises UnreadableFile at the row whose quotation mark is never closed.
        """
        with closing(self._records()) as records:
            for number, cells in enumerate(records, start=1):
                if number > self.header_row and any(cell and not cell.isspace() for cell in cells):
                    yield number, cells

    def _records(self) -> Generator[list[str]]:
        self._stream.seek(0)
        text = io.TextIOWrapper(self._stream, encoding=self.encoding, newline="")
        csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARS))
        number = 0
        try:
            for cells in csv.reader(chain(text, [_END]), delimiter=self.delimiter):
                if cells and cells[-1].endswith(_END):
                    if cells != [_END]:
                        raise UnreadableFile("file_quote_open", row=number + 1)
                    return
                number += 1  # counted here, because the number matters when the reader fails
                yield cells
        except csv.Error as error:
            raise _unreadable_row(number + 1, error) from error
        finally:
            text.detach()

    def _check_quotes(self) -> None:
        """Note the first row whose quotation marks do not follow the standard: someone should look at it."""
        self._stream.seek(0)
        text = io.TextIOWrapper(self._stream, encoding=self.encoding, newline="")
        csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARS))
        number = 0
        try:
            for _ in csv.reader(text, delimiter=self.delimiter, strict=True):
                number += 1
        except csv.Error as error:
            if "expected after" in str(error):
                self.notes.append(ImportNote(number + 1, "loose_quotes"))
        finally:
            text.detach()

    def _find_encoding(self) -> str:
        self._stream.seek(0)
        start = self._stream.read(4)
        if not start:
            raise UnreadableFile("file_empty")
        for magic, refusal in _NOT_TEXT.items():
            if start.startswith(magic):
                raise UnreadableFile(refusal.reason)
        candidates = (
            [_BYTE_ORDER_MARKS[start[:2]]] if start[:2] in _BYTE_ORDER_MARKS else ["utf-8-sig", "cp1252"]
        )
        if candidates[0] != "utf-16":
            self._refuse_nul()
        for encoding in candidates:
            if self._decodes_as(encoding):
                if encoding == "cp1252":
                    self.notes.append(ImportNote(0, "cp1252"))
                return encoding
        raise UnreadableFile("file_encoding_unknown")

    def _refuse_markup(self) -> None:
        self._stream.seek(0)
        text = io.TextIOWrapper(self._stream, encoding=self.encoding, newline="")
        try:
            start = text.read(1 << 14).lstrip().lower()
        finally:
            text.detach()
        if refusal := _MARKUP.get(_markup_of(start)):
            raise UnreadableFile(refusal.reason)

    def _decodes_as(self, encoding: str) -> bool:
        self._stream.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while chunk := self._stream.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        return True

    def _refuse_nul(self) -> None:
        self._stream.seek(0)
        lines = 1
        while chunk := self._stream.read(_CHUNK):
            position = chunk.find(b"\0")
            if position >= 0:
                line = lines + chunk.count(b"\n", 0, position)
                raise UnreadableFile("file_has_nul", line=line)
            lines += chunk.count(b"\n")

    def _find_delimiter(self) -> str:
        self._stream.seek(0)
        text = io.TextIOWrapper(self._stream, encoding=self.encoding, newline="")
        try:
            first_line = ""
            while not first_line.strip():
                first_line = text.readline(1 << 16)
                if not first_line:
                    raise UnreadableFile("file_empty")
                if match := _SEPARATOR_LINE.fullmatch(first_line):
                    return match[1]
                if not first_line.strip(_DELIMITERS + "\"' \r\n"):
                    first_line = ""
        finally:
            text.detach()
        found = max(_DELIMITERS, key=first_line.count)
        if found == "," or not first_line.count(found):
            return ","
        self.notes.append(ImportNote(0, "delimiter", "tab" if found == "\t" else found))
        return found

    def _read_header(self) -> list[str]:
        with closing(self._records()) as records:
            for number, cells in enumerate(records, start=1):
                named = any(cell and not cell.isspace() for cell in cells)
                if named and not _SEPARATOR_LINE.fullmatch(self.delimiter.join(cells)):
                    self.header_row = number
                    if sum(1 for cell in cells if cell) > MAX_COLUMNS:
                        raise UnreadableFile("file_too_many_columns", maximum=MAX_COLUMNS)
                    return cells
        return []


def _unreadable_row(row: int, error: csv.Error) -> UnreadableFile:
    if "field larger" in str(error):
        return UnreadableFile("file_cell_too_long", row=row, maximum=MAX_CELL_CHARS)
    return UnreadableFile("file_quotes_broken", row=row, error=str(error))


@dataclass(frozen=True, slots=True)
class ImportNote:
    """A remark about a row (0: about the whole file); `code` is a key of NOTES."""

    row: int
    code: str
    detail: str = ""


def _markup_of(start: str) -> str:
    """Return which kind of file that is not CSV begins like this (lower case), or ''."""
    if start.startswith(("<!doctype html", "<html")):
        return "html"
    if start.startswith(("<?xml", "<rss", "<feed")):
        return "wordpress" if "wordpress" in start else "rss" if "<rss" in start else "xml"
    return "json" if start.startswith(("{", "[{")) else ""
