"""The look of a shop's mails: its theme as inline styles, the only kind that every mail program keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from commerce.tenants.models import Shop

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
PLAIN = {
    "accent": "#2f4a3c",
    "accent_ink": "#ffffff",
    "paper": "#f4f2ee",
    "ink": "#24211d",
    "muted": "#5f5a52",
    "line": "#e2ddd4",
    "surface": "#ffffff",
}
"""The colours of a shop whose theme names none."""

_SANS = "'Helvetica Neue', Helvetica, Arial, 'Hiragino Sans', 'Noto Sans CJK JP', 'PingFang TC', sans-serif"
_SERIF = "Georgia, 'Times New Roman', 'Hiragino Mincho ProN', 'Noto Serif CJK JP', 'Songti TC', serif"
TYPEFACES = {"serif": (_SERIF, "normal"), "sans": (_SANS, "500"), "rounded": (_SANS, "600")}
"""Typeface of the theme -> the family of headings, and their weight. Single quotes: these stand in attributes."""


@dataclass(frozen=True, slots=True)
class EmailTheme:
    """Values for `style` attributes, and the colours that a few old programs want in `bgcolor`."""

    paper: str
    surface: str
    page: str
    sheet: str
    shop: str
    heading: str
    text: str
    quiet: str
    small: str
    box: str
    cell: str
    amount: str
    sum: str
    button: str
    button_cell: str
    link: str
    rule: str


def email_theme_of(shop: Shop) -> EmailTheme:
    """Return the look of a shop's mails. What is no `#rrggbb` colour or known typeface is left out of it."""
    colour = {name: _colour(shop, name) for name in PLAIN}
    display, weight = TYPEFACES.get(str(shop.theme.get("typeface", "serif")), TYPEFACES["serif"])
    body = f"font-family:{_SANS};font-size:16px;line-height:1.55;color:{colour['ink']};"
    small = f"font-family:{_SANS};font-size:13px;line-height:1.5;color:{colour['muted']};"
    cell = f"padding:10px 0;border-bottom:1px solid {colour['line']};vertical-align:top;{body}"
    return EmailTheme(
        paper=colour["paper"],
        surface=colour["surface"],
        page=f"margin:0;padding:0;background-color:{colour['paper']};",
        sheet=f"background-color:{colour['surface']};border:1px solid {colour['line']};"
        f"border-top:4px solid {colour['accent']};padding:32px;",
        shop=f"font-family:{display};font-size:18px;line-height:1.4;font-weight:{weight};color:{colour['accent']};"
        "text-decoration:none;",
        heading=f"margin:24px 0 16px;font-family:{display};font-size:26px;line-height:1.25;font-weight:{weight};"
        f"color:{colour['ink']};",
        text=f"margin:0 0 16px;{body}",
        quiet=f"margin:0 0 16px;{small}",
        small=small,
        box=f"margin:0 0 16px;padding:14px 16px;background-color:{colour['paper']};white-space:pre-line;{body}",
        cell=cell,
        amount=f"{cell}text-align:right;white-space:nowrap;padding-left:16px;",
        sum="font-weight:bold;",
        button=f"display:inline-block;padding:12px 22px;font-family:{_SANS};font-size:16px;line-height:1.3;"
        f"color:{colour['accent_ink']};text-decoration:none;",
        button_cell=f"background-color:{colour['accent']};border-radius:4px;",
        link=f"color:{colour['accent']};",
        rule=f"margin:28px 0 0;padding:20px 0 0;border-top:1px solid {colour['line']};{small}",
    )


def _colour(shop: Shop, name: str) -> str:
    value = shop.theme.get(name)
    return value if isinstance(value, str) and _COLOUR.fullmatch(value) else PLAIN[name]
