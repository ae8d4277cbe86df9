"""Descriptions from outside: an allow-list of HTML, everything else goes.

Pictures, frames and styling go too: the shop's Content-Security-Policy would block them, and a description's
look belongs to the theme. `pictures_in` and `embedded_in` tell what went that a reader would miss.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Literal

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


def _make_cleaner(relative: Literal["pass_through", "deny"]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(ALLOWED_TAGS),
        clean_content_tags=set(DROPPED_WITH_CONTENT),
        attributes={tag: set(names) for tag, names in ALLOWED_ATTRIBUTES.items()},
        url_schemes=set(URL_SCHEMES),
        url_relative=relative,
        link_rel=LINK_REL,
        strip_comments=True,
    )


# Relative addresses in an export are those of the shop that wrote it; here they would lead nowhere.
_cleaner = _make_cleaner("deny")
_own_cleaner = _make_cleaner("pass_through")
_LINE_BREAKS = str.maketrans(
    {"\u2028": "\n", "\u2029": "\n", "\u0085": "\n", "\ufeff": None, "\x0b": "\n", "\x0c": "\n"}
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_HEADING_ONE = re.compile(r"<(/?)h1(?=[\s>/])", re.IGNORECASE)
_MARKUP = re.compile(r"<[a-zA-Z/!]")
_EMPTY_SHELL = re.compile(r"(?:<(?:p|div|span|h[2-6]|ul|ol|li|strong|b|em|i|u)>|</\w+>|<br>|&nbsp;|\s)*")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")


def clean_html(text: str, *, own_links: bool = False) -> str:
    """Return `text` with only allowed HTML in it; safe to put into a page as it is.

    Links without a host are kept in texts that were written for this shop (`own_links`), and dropped in others. A text
    without any markup becomes paragraphs. `h1` becomes `h2`, because the page has its own `h1`. Cleaning what was
    cleaned changes nothing. The answer is empty when nothing readable is left.
    """
    text = text.translate(_LINE_BREAKS).replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", text).strip()
    cleaner = _own_cleaner if own_links else _cleaner
    cleaned = cleaner.clean(_HEADING_ONE.sub(r"<\1h2", text)).strip()
    if _EMPTY_SHELL.fullmatch(cleaned):
        return ""
    if not _MARKUP.search(cleaned):
        return "\n".join(f"<p>{part.strip()}</p>" for part in _BLANK_LINE.split(cleaned))
    return cleaned


class _Finder(HTMLParser):
    """Collects what a description shows from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[tuple[str, str]] = []
        self.embedded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        if tag == "img":
            source = facts.get("src", "")
            if not source.startswith(("http", "//")):
                source = facts.get("data-src", "") or source  # what a script would have loaded later
            if facts.get("width") != "1" and facts.get("height") != "1":  # those count visits
                self.pictures.append((source.strip(), facts.get("alt", "")))
        elif tag in _EMBEDDING:
            self.embedded.append(f"{tag} {facts.get('src') or facts.get('data') or ''}".strip())


_EMBEDDING = frozenset({"iframe", "video", "audio", "object", "embed"})


def pictures_in(html: str) -> list[tuple[str, str]]:
    """Return address and text alternative of each picture that the HTML shows, in order, each address once."""
    return list(dict(_found(html).pictures).items())


def embedded_in(html: str) -> list[str]:
    """Return what the HTML embeds (videos, pages of other sites), each as its tag and address."""
    return list(dict.fromkeys(_found(html).embedded))


def _found(html: str) -> _Finder:
    finder = _Finder()
    if "<" in html:
        finder.feed(html)
        finder.close()
    return finder
