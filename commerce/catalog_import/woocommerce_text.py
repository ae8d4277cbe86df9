"""How WooCommerce writes lists and descriptions into cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape

from commerce.catalog.html_cleaning import clean_html

_COMMA = re.compile(r"(?<!\\),")
_BREAK = re.compile(r"(?<!\\)\\n")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_BLOCK = re.compile(
    r"<([!/]|(p|div|h[1-6]|ul|ol|dl|table|blockquote|pre|hr|figure|section|article)\b)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a product is or may be had in; `number` counts as the headings of its columns do."""

    name: str
    values: tuple[str, ...]
    visible: bool
    number: int


def split_list(cell: str) -> list[str]:
    r"""Return the parts of a list, which are separated by commas; '\,' is a comma in a part."""
    parts = (part.replace("\\,", ",").strip() for part in _COMMA.split(cell))
    return [part for part in parts if part]


def names_in(text: str) -> str:
    """Return a name without HTML's entities: WordPress keeps an ampersand as '&amp;'."""
    return unescape(text)


def describe_product(short: str, long: str, attributes: Sequence[Attribute]) -> str:
    """Return one description from the short one, the long one and what shoppers saw in a table beside them."""
    parts = [_paragraphs(short), _paragraphs(long)]
    if parts[0] == parts[1]:
        parts.pop()
    facts = "".join(
        f"<dt>{escape(each.name)}</dt><dd>{escape(', '.join(each.values))}</dd>" for each in attributes
    )
    return "\n".join(filter(None, [*parts, facts and f"<dl>{facts}</dl>"]))


def _paragraphs(text: str) -> str:
    r"""Return safe HTML. A line break comes as '\n'; blank lines part paragraphs, as WordPress shows them."""
    lines = _BREAK.sub("\n", text).replace("\\\\n", "\\n").replace("\r\n", "\n")
    return clean_html("\n".join(map(_paragraph, filter(None, map(str.strip, _BLANK_LINE.split(lines))))))


def _paragraph(part: str) -> str:
    if _BLOCK.match(part):
        return part
    return "<p>" + part.replace("\n", "<br>\n") + "</p>"
