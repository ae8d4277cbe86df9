"""From bytes to rows of cells: encoding, separator, quoting. Knows nothing of products.

A file is read as a stream, several times; what it takes in memory does not grow with it.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from commerce.errors import Refusal, Rejected

MAX_CELL_CHARS = 16 * 1024 * 1024
"""Some shops paste pictures as text into descriptions; the csv module's own bound (128 KiB) is too tight."""

_CHUNK = 1 << 20
_DELIMITERS = ",;\t"
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NOT_TEXT = {
    b"PK\x03\x04": Refusal("file_is_workbook"),
    b"\xd0\xcf\x11\xe0": Refusal("file_is_old_workbook"),
    b"%PDF": Refusal("file_is_pdf"),
    b"\x1f\x8b": Refusal("file_is_gzip"),
}


class UnreadableFile(Rejected):
    """The file as a whole cannot be read; nothing of it was taken in."""

    code = "unreadable_file"


class CsvTable:
    """A CSV file in any of the shapes that shops and spreadsheets write.

    Finds out the encoding (UTF-8 with or without BOM, UTF-16 with BOM, else Windows-1252) and the separator. Raises
    UnreadableFile at once for what is empty, no text, or full of NULs. `stream` must be seekable; it stays open and
    belongs to the caller.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.notes: list[ImportNote] = []
        self._stream = stream
        self.encoding = self._find_encoding()
        self.delimiter = self._find_delimiter()
        self.header = self._read_header()

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (row number, cells) for each row below the headings, leaving out rows without any content.

        Rows are counted as a spreadsheet counts: the headings are row 1, a row may span several lines of the file.
        Raises UnreadableFile at the row where the quoting is broken.
        """
        with closing(self._records()) as records:
            next(records, None)
            for number, cells in enumerate(records, start=2):
                if any(cell and not cell.isspace() for cell in cells):
                    yield number, cells

    def _records(self) -> Generator[list[str]]:
        self._stream.seek(0)
        text = io.TextIOWrapper(self._stream, encoding=self.encoding, newline="")
        csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARS))
        reader = csv.reader(text, delimiter=self.delimiter, strict=True)
        number = 0
        try:
            for cells in reader:
                number += 1  # counted here, because the number matters when the reader fails
                yield cells
        except csv.Error as error:
            raise _quoting_problem(number + 1, error) from error
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
        finally:
            text.detach()
        found = max(_DELIMITERS, key=first_line.count)
        if found == "," or not first_line.count(found):
            return ","
        self.notes.append(ImportNote(0, "delimiter", "tab" if found == "\t" else found))
        return found

    def _read_header(self) -> list[str]:
        with closing(self._records()) as records:
            return next(records, [])


def _quoting_problem(row: int, error: csv.Error) -> UnreadableFile:
    if "unexpected end of data" in str(error):
        return UnreadableFile("file_quote_open", row=row)
    if "field larger" in str(error):
        return UnreadableFile("file_cell_too_long", row=row, maximum=MAX_CELL_CHARS)
    return UnreadableFile("file_quotes_broken", row=row, error=str(error))


@dataclass(frozen=True, slots=True)
class ImportNote:
    """A remark about a row (0: about the whole file); `code` is a key of NOTES."""

    row: int
    code: str
    detail: str = ""
