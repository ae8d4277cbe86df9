"""The table of transitions as a picture and as a document, both made from it, so that they cannot lag behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from commerce.config import ROOT
from commerce.orders.transitions import BY_ACTION, REMEMBERED, TRANSITIONS, Transition

BOX = 104
GAP = 72
HEIGHT = 36
MARGIN = 16
TOPS = (MARGIN, 124, 240)
FONT = "ui-sans-serif, Arial, sans-serif"

PLACES: dict[str, tuple[int, int, int]] = {
    "pending": (0, 0, 1),
    "paid": (1, 1, 1),
    "confirmed": (2, 2, 1),
    "processing": (3, 3, 1),
    "shipped": (4, 4, 1),
    "delivered": (5, 5, 1),
    "completed": (6, 6, 1),
    "cancelled": (0, 3, 2),
    "refund_requested": (1, 6, 0),
    "refunded": (0, 0, 0),
}
"""First column, last column and row of each status. A status that many lead to is as wide as all of them."""


@dataclass(frozen=True, slots=True)
class _Box:
    left: int
    right: int
    row: int

    @property
    def top(self) -> int:
        return TOPS[self.row]

    @property
    def bottom(self) -> int:
        return self.top + HEIGHT

    @property
    def centre(self) -> int:
        return (self.left + self.right) // 2

    @property
    def width(self) -> int:
        return self.right - self.left


def _box(status: str) -> _Box:
    first, last, row = PLACES[status]
    step = BOX + GAP
    return _Box(MARGIN + first * step, MARGIN + last * step + BOX, row)


def edges() -> list[tuple[str, str, str]]:
    """Return (from, to, action) for every arrow, in the order of the table."""
    remembered = BY_ACTION["request_refund"].sources
    return [
        (source, target, row.action)
        for row in TRANSITIONS
        for source in row.sources
        for target in (remembered if row.target == REMEMBERED else (row.target,))
    ]


def draw(
    current: str = "", title: str = "The statuses of an order and what leads from one to another"
) -> str:
    """Return the picture as an SVG element; the status `current` stands out. `title` is its name for screen readers."""
    width = 2 * MARGIN + 7 * BOX + 6 * GAP
    height = TOPS[-1] + HEIGHT + MARGIN
    name = escape(title, {'"': "&quot;"})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
        f'role="img" aria-label="{name}" font-family="{FONT}" font-size="12">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">',
        '<path d="M0 0 8 4 0 8z" fill="#6b6b66"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_arrows(),
        *(_draw_box(status, current=status == current) for status in PLACES),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _draw_box(status: str, *, current: bool) -> str:
    box = _box(status)
    fill, ink, line = ("#1c1c1a", "#ffffff", "#1c1c1a") if current else ("#f6f6f4", "#1c1c1a", "#6b6b66")
    weight = ' font-weight="600"' if current else ""
    return (
        f'<rect x="{box.left}" y="{box.top}" width="{box.width}" height="{HEIGHT}" rx="4" fill="{fill}" '
        f'stroke="{line}"/>'
        f'<text x="{box.centre}" y="{box.top + 22}" text-anchor="middle" font-size="13" fill="{ink}"{weight}>'
        f"{_words(status)}</text>"
    )


def _arrows() -> Iterator[str]:
    pairs = edges()
    opposite = {(target, source) for source, target, _action in pairs}
    labelled: set[str] = set()
    for source, target, action in pairs:
        label = "" if action in labelled else _words(action)
        here, there = _box(source), _box(target)
        if here.row != there.row:
            yield _vertical(here, there, label, beside=(source, target) in opposite)
        elif abs(PLACES[source][0] - PLACES[target][0]) == 1:
            yield _horizontal(here, there, label)
        else:
            yield _bow(here, there, _words(action))
        labelled.add(action)


def _horizontal(here: _Box, there: _Box, label: str) -> str:
    start, end = (here.right, there.left) if here.left < there.left else (here.left, there.right)
    middle = here.top + HEIGHT // 2
    return _line(f"M{start} {middle}H{end}") + _label((start + end) // 2, middle - 7, label, "middle")


def _vertical(here: _Box, there: _Box, label: str, *, beside: bool) -> str:
    """Draw straight up or down at the narrower box; two arrows of opposite direction stand side by side."""
    down = here.row < there.row
    shift = (7 if down else -7) * (1 if beside else 0)
    x = min(here, there, key=lambda box: box.width).centre + shift
    start, end = (here.bottom, there.top) if down else (here.top, there.bottom)
    left = shift <= 0
    return _line(f"M{x} {start}V{end}") + _label(
        x - 6 if left else x + 6, (start + end) // 2 + 4, label, "end" if left else "start"
    )


def _bow(here: _Box, there: _Box, label: str) -> str:
    start, end, low = here.centre + BOX // 4, there.centre - BOX // 4, here.bottom + 40
    return _line(f"M{start} {here.bottom}C{start} {low} {end} {low} {end} {there.bottom}") + _label(
        end - 24, here.bottom + 40, label, "middle"
    )


def _line(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="#6b6b66" marker-end="url(#tip)"/>'


def _label(x: int, y: int, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#4a4a46">{text}</text>' if text else ""


def _words(name: str) -> str:
    return escape(name.replace("_", " "))


# --- the document ----------------------------------------------------------------------------------


def document() -> str:
    """Return the table of transitions as Markdown."""
    head = (
        "# The statuses of an order\n\n"
        "Made from `commerce/orders/transitions.py` by `flask document`; change the table, then run it.\n\n"
        "![The statuses of an order and what leads from one to another](order-status.svg)\n\n"
        "| action | from | to | who | reason | effect |\n|---|---|---|---|---|---|\n"
    )
    return head + "".join(_table_row(row) for row in TRANSITIONS)


def _table_row(row: Transition) -> str:
    target = "the status before the request" if row.target == REMEMBERED else _words(row.target)
    who = ", ".join(row.actors)
    if row.shopper_sources and row.shopper_sources != row.sources:
        who += f" (shopper while {' or '.join(map(_words, row.shopper_sources))})"
    cells = (
        _words(row.action),
        ", ".join(map(_words, row.sources)),
        target,
        who,
        "required" if row.reason_required else "",
        str(row.effect),
    )
    return f"| {' | '.join(cells)} |\n"


def write_documents(folder: Path = ROOT / "docs") -> list[Path]:
    """Write `order-status.svg` and `order-status.md` into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {"order-status.svg": draw(), "order-status.md": document()}
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in written]
