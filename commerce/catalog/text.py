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
_SELECTORS = re.compile("[\ufe00-\ufe0f\u20e3\U000e0100-\U000e01ef\U0001f3fb-\U0001f3ff]")
"""What follows an emoji: how it is drawn, a key around it, the color of a skin."""
_LATIN = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
    | {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH", "ı": "i"}
)
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
"""As WordPress writes addresses when its language is German."""


def clean_line(text: str) -> str:
    """Return `text` as one line: NFC, any run of white space (NBSP, U+2028, ...) one space, no control characters."""
    line = " ".join(unicodedata.normalize("NFC", text).translate(_INVISIBLE).split())
    if line.isprintable():
        return line
    return "".join(char for char in line if unicodedata.category(char) not in ("Cc", "Cs"))


def slugify(text: str) -> str:
    """Return `text` for use in an address: lower case letters, digits and single dashes, of any script.

    A Japanese or Thai handle keeps its letters and marks. Marks that stand on no letter go (emoji are followed by an
    invisible one). The answer may be empty.
    """
    lowered = _SELECTORS.sub("", unicodedata.normalize("NFKC", text).lower())
    kept = ""
    for char in lowered:
        category = unicodedata.category(char)[0]
        stands = category in "LN" or char == "_" or (category == "M" and kept[-1:] not in ("", "-", "_"))
        kept += char if stands else "-"
    return _DASHES.sub("-", kept).strip("-")


def without_accents(text: str) -> str:
    """Return `text` with Latin letters in their ASCII form ('Café' is 'Cafe'); other scripts stay as they are."""
    kept: list[str] = []
    for char in unicodedata.normalize("NFKD", text.translate(_LATIN)):
        if not (unicodedata.category(char) == "Mn" and kept and "a" <= kept[-1].lower() <= "z"):
            kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept))


def lookup_key(address: str) -> str:
    """Return the last part of an address as it is compared: one form of each letter, lower case."""
    return unicodedata.normalize("NFC", address).lower()


def same_handle(handle: str) -> str:
    """Return what handles of one product have in common: all but case, blanks and ASCII punctuation."""
    return re.sub(r"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f\s]+", "-", lookup_key(handle)).strip("-") or handle


def former_slugs(handle: str, limit: int) -> tuple[str, ...]:
    """Return the addresses that a product with this handle may have had: at the other shop, and here before addresses
    were cleaned of accents. That which it has now is not among them."""
    german = slugify(without_accents(handle.translate(_GERMAN)))
    found = [lookup_key(handle), shorten(slugify(handle), limit), _former_slug(handle), german]
    now = make_slug(handle, limit)
    usable = (
        each
        for each in dict.fromkeys(found)
        if each and each != now and len(each) <= limit and "/" not in each
    )
    return tuple(each for each in usable if each.isprintable() or _SELECTORS.search(each) or "\u200d" in each)


def _former_slug(handle: str) -> str:
    """Return the address as it was made before invisible marks were left out."""
    lowered = unicodedata.normalize("NFKC", handle).lower()
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
    """Return the slug for a product's handle, without accents; never empty, never longer than `limit`."""
    return shorten(slugify(without_accents(handle)) or f"product-{digest(handle)}", limit)


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
