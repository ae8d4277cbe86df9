"""The file that a shop moves in: a ZIP of JSON lines, one member for each table, pictures, and a manifest at its end.

Members are written and read as streams; each has its SHA-256 and its number of rows in the manifest.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Self

from commerce.errors import Rejected

FORMAT = 1
MANIFEST = "manifest.json"
MAX_MANIFEST = 1_000_000
MAX_LINE = 32_000_000
"""Bytes of one row: more than any has, less than a made-up file could use up memory with."""
MAX_PICTURE = 64_000_000
PICTURE = re.compile(r"[0-9a-f]{32}\.webp")


class Writer:
    """Writes an archive. `manifest` holds what is said about it; it is added at the end."""

    def __init__(self, target: IO[bytes], manifest: dict[str, Any]) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self.manifest = {"format": FORMAT, **manifest, "tables": {}, "media": {}}

    def add_table(self, name: str, columns: list[str], rows: Iterable[list[Any]]) -> int:
        """Write the rows of a table, each a list in the order of `columns`; return how many."""
        count, digest = 0, hashlib.sha256()
        with self._zip.open(f"tables/{name}.jsonl", "w", force_zip64=True) as member:
            for row in rows:
                line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
                member.write(line)
                digest.update(line)
                count += 1
        self.manifest["tables"][name] = {"columns": columns, "rows": count, "sha256": digest.hexdigest()}
        return count

    def add_picture(self, path: Path) -> None:
        """Write a picture; it is compressed already."""
        data = path.read_bytes()
        self._zip.writestr(zipfile.ZipInfo(f"media/{path.name}"), data)
        self.manifest["media"][path.name] = hashlib.sha256(data).hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Write the manifest and finish; a file that is not whole gets none, and so is no archive."""
        with self._zip:
            if failed is None:
                self._zip.writestr(MANIFEST, json.dumps(self.manifest, indent=1))


class Reader:
    """Reads an archive that somebody gives us, so nothing in it is believed unchecked."""

    def __init__(self, source: Path) -> None:
        """Open a file. Raises Rejected when it is no archive of a shop in a format that is known."""
        try:
            self._zip = zipfile.ZipFile(source)
            manifest = json.loads(self._read(MANIFEST, MAX_MANIFEST))
        except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise Rejected("archive_unreadable", file=source.name, error=str(error)) from error
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise Rejected("archive_format_unknown", file=source.name)
        self.manifest: dict[str, Any] = manifest

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a table. Raises Rejected at the end when they are not those that were written."""
        facts = self.manifest["tables"][name]
        digest, count = hashlib.sha256(), 0
        try:
            with self._zip.open(f"tables/{name}.jsonl") as member:
                for line in iter(lambda: member.readline(MAX_LINE), b""):
                    digest.update(line)
                    count += 1
                    yield dict(zip(facts["columns"], json.loads(line), strict=True))
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
            raise Rejected("archive_table_damaged", name=name, error=str(error)) from error
        if (count, digest.hexdigest()) != (facts["rows"], facts["sha256"]):
            raise Rejected("archive_table_differs", name=name)

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """Yield (name, content) of the pictures. Raises Rejected for one that is damaged or has no proper name."""
        for name, digest in self.manifest["media"].items():
            if not PICTURE.fullmatch(name):
                raise Rejected("archive_picture_unknown", name=name[:80])
            data = self._read(f"media/{name}", MAX_PICTURE)
            found = hashlib.sha256(data).hexdigest()
            if found != digest or not found.startswith(Path(name).stem):
                raise Rejected("archive_picture_damaged", name=name)
            yield name, data

    def _read(self, name: str, most: int) -> bytes:
        try:
            if self._zip.getinfo(name).file_size > most:
                raise Rejected("archive_part_too_large", name=name)
            return self._zip.read(name)
        except (zipfile.BadZipFile, KeyError) as error:
            raise Rejected("archive_part_missing", name=name) from error

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
