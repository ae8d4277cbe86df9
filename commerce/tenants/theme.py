"""What a shop's theme may say, and whether people can read it: colours, typefaces, contrast by WCAG 2.2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

COLOURS = ("accent", "accent_ink", "paper", "ink", "muted", "line", "surface")
DEFAULTS = {
    "accent": "#2f4a3c",
    "accent_ink": "#ffffff",
    "paper": "#faf8f4",
    "ink": "#1d1b18",
    "muted": "#635d54",
    "line": "#ddd7cc",
    "surface": "#ffffff",
}
"""What static/app.css says where a theme says nothing."""
AA = 4.5
"""The contrast that text needs (WCAG 2.2, 1.4.3)."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SIGNS = {"good": "#1d6239", "warn": "#7d4e00", "bad": "#a1231f"}
"""Colours of what went well and what did not: the same in every shop, so its backgrounds have to carry them."""
_PAIRS = (
    ("ink", "paper"),
    ("ink", "surface"),
    ("muted", "paper"),
    ("muted", "surface"),
    ("accent_ink", "accent"),
    ("accent", "paper"),
    ("accent", "surface"),
    *((sign, ground) for sign in _SIGNS for ground in ("paper", "surface")),
)
"""Which colour is written on which."""

# Typefaces that come with an operating system: nothing is fetched, nothing shifts when it arrives.
_SANS = '"Avenir Next", Avenir, "Segoe UI", "Helvetica Neue", Helvetica, "Liberation Sans", Arial, sans-serif'
_SERIF = '"Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L", P052, Georgia, "Liberation Serif", serif'
_ROUNDED = (
    'ui-rounded, "Hiragino Maru Gothic ProN", Quicksand, Nunito, "Varela Round", "Arial Rounded MT Bold", '
    + _SANS
)
TYPEFACES = {
    "serif": {"display-font": _SERIF, "body-font": _SANS, "display-weight": "400"},
    "sans": {"display-font": _SANS, "body-font": _SANS, "display-weight": "500"},
    "rounded": {"display-font": _ROUNDED, "body-font": _ROUNDED, "display-weight": "600"},
}


def is_colour(value: Any) -> bool:
    """Tell whether a value is a full `#rrggbb` colour, the only kind that gets into a style sheet."""
    return isinstance(value, str) and bool(_COLOUR.fullmatch(value))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two `#rrggbb` colours, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def unreadable(theme: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Return (colour, background, contrast) of what could not be read in a theme; its colours are `#rrggbb`."""
    colours = DEFAULTS | _SIGNS | {name: theme[name] for name in COLOURS if name in theme}
    found = [(text, ground, contrast(colours[text], colours[ground])) for text, ground in _PAIRS]
    return [(text, ground, ratio) for text, ground, ratio in found if ratio < AA]
