"""Descriptions from outside: an allow-list of HTML, everything else goes.

Pictures, frames and styling go too: the shop's Content-Security-Policy would block them, and a description's
look belongs to the theme.
"""

from __future__ import annotations

import re

import nh3


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALLOWED_TAGS = _words(
    "a abbr b blockquote br caption code dd del div dl dt em h2 h3 h4 h5 h6 hr i ins li ol p pre q s small span "
    "strong sub sup table tbody td tfoot th thead tr u ul"
)
# The words inside these are no part of the text that a shopper should read.
DROPPED_WITH_CONTENT = _words(
    "script style iframe object embed noscript template svg math title textarea select button form"
)
ALLOWED_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start", "type"},
}
URL_SCHEMES = frozenset({"http", "https", "mailto"})
LINK_REL = "nofollow noopener noreferrer"

# Relative addresses are those of the shop that wrote the export; here they would lead nowhere.
_cleaner = nh3.Cleaner(
    tags=set(ALLOWED_TAGS),
    clean_content_tags=set(DROPPED_WITH_CONTENT),
    attributes={tag: set(names) for tag, names in ALLOWED_ATTRIBUTES.items()},
    url_schemes=set(URL_SCHEMES),
    url_relative="deny",
    link_rel=LINK_REL,
    strip_comments=True,
)
_LINE_BREAKS = str.maketrans(
    {"\u2028": "\n", "\u2029": "\n", "\u0085": "\n", "\ufeff": None, "\x0b": "\n", "\x0c": "\n"}
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_HEADING_ONE = re.compile(r"<(/?)h1(?=[\s>/])", re.IGNORECASE)
_MARKUP = re.compile(r"<[a-zA-Z/!]")
_EMPTY_SHELL = re.compile(r"(?:<(?:p|div|span|h[2-6]|ul|ol|li|strong|b|em|i|u)>|</\w+>|<br>|&nbsp;|\s)*")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")


def clean_html(text: str) -> str:
    """Return `text` with only allowed HTML in it; safe to put into a page as it is.

    A text without any markup becomes paragraphs. `h1` becomes `h2`, because the page has its own `h1`. Cleaning what
    was cleaned changes nothing. The answer is empty when nothing readable is left.
    """
    text = text.translate(_LINE_BREAKS).replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", text).strip()
    cleaned = _cleaner.clean(_HEADING_ONE.sub(r"<\1h2", text)).strip()
    if _EMPTY_SHELL.fullmatch(cleaned):
        return ""
    if not _MARKUP.search(cleaned):
        return "\n".join(f"<p>{part.strip()}</p>" for part in _BLANK_LINE.split(cleaned))
    return cleaned
