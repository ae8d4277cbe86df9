"""The only place where a text becomes markup, which templates put into a page without escaping it.

Everything else is text: whatever somebody typed, sent or imported is escaped where it is shown. Each function says why
its text may stand in a page as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

__all__ = ["Markup", "cleaned", "element", "joined", "plain_text", "rendered"]


def rendered(html: str) -> Markup:
    """Return what a template of ours, or a widget that escapes its values, has made."""
    return Markup(html)  # noqa: S704 - values were escaped when it was made


def cleaned(html: str) -> Markup:
    """Return a description. It was cleaned when it was written: `catalog.html_cleaning` leaves allowed HTML only."""
    return Markup(html)  # noqa: S704 - cleaned by nh3


def element(tag: str, content: str | Markup) -> Markup:
    """Return an element without attributes; content that is text is escaped. `tag` is a constant."""
    return Markup("<{0}>{1}</{0}>").format(rendered(tag), escape(content))


def joined(parts: Iterable[Markup], between: str = "") -> Markup:
    """Return parts one after the other, as they are."""
    # Joined as plain strings: Markup would look at each of them once more.
    return Markup(between.join(parts))  # noqa: S704 - every part is Markup already


def plain_text(html: str) -> str:
    """Return the words of HTML. They are text, and escaped wherever they are shown."""
    return Markup(html.replace("<", " <")).striptags()  # noqa: S704 - tags are taken away
