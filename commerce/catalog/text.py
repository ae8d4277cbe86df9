"""Cleaning of one-line texts, and the codes that are made from them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

# Zero-width and byte-order marks are invisible; embedding and override marks can make a text read backwards.
# Joiners (U+200C, U+200D) stay: Persian and emoji need them.
_INVISIBLE = dict.fromkeys([0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_DASHES = re.compile(r"-{2,}")


def clean_line(text: str) -> str:
    """Return `text` as one line: NFC, any run of white space (NBSP, U+2028, ...) one space, no control characters."""
    line = " ".join(unicodedata.normalize("NFC", text).translate(_INVISIBLE).split())
    if line.isprintable():
        return line
    return "".join(char for char in line if unicodedata.category(char) not in ("Cc", "Cs"))


def slugify(text: str) -> str:
    """Return `text` for use in an address: lower case letters, digits and single dashes, of any script.

    A Japanese or Thai handle keeps its letters and marks. The answer may be empty.
    """
    lowered = unicodedata.normalize("NFKC", text).lower()
    kept = "".join(c if c == "_" or unicodedata.category(c)[0] in "LNM" else "-" for c in lowered)
    return _DASHES.sub("-", kept).strip("-")


def digest(*parts: str) -> str:
    """Return eight characters that stand for `parts`, the same on every machine and in every run."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:8]


def shorten(code: str, limit: int) -> str:
    """Return `code`, or when it is longer than `limit` its beginning with a digest of the whole."""
    if len(code) <= limit:
        return code
    return f"{code[: limit - 9].rstrip('-')}-{digest(code)}"


def make_slug(handle: str, limit: int) -> str:
    """Return the slug for a product's handle; never empty, never longer than `limit`."""
    return shorten(slugify(handle) or f"product-{digest(handle)}", limit)


def make_skus(slug: str, option_values: list[tuple[str, ...]], limit: int) -> list[str]:
    """Return a SKU for each variant of a product from its slug and option values.

    The same product always gets the same SKUs. Values that look alike once they are slugs ('A/B' and 'A-B') get a
    digest of the true values, so that they stay apart.
    """
    plain = ["-".join(filter(None, [slug, *map(slugify, values)])) for values in option_values]
    seen = Counter(plain)
    skus = []
    for code, values in zip(plain, option_values, strict=True):
        lossy = seen[code] > 1 or any(value and not slugify(value) for value in values)
        skus.append(shorten(f"{code}-{digest(*values)}" if lossy and values else code, limit))
    return skus


@dataclass(frozen=True, slots=True)
class FieldLimits:
    """How many characters the shop's columns take."""

    title: int = 500
    line: int = 255
    text: int = 10_000
    slug: int = 200
    sku: int = 255
    made_sku: int = 80
    alt: int = 1000
    body: int = 200_000
    variants: int = 2048


def folded(values: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return option values as they are compared: without regard to case."""
    return tuple(value.casefold() for value in values)
