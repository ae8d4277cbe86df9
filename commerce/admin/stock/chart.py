"""A small picture of a number over time, as points of an SVG: no script, no style attribute. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT, EDGE = 640, 120, 6


@dataclass(frozen=True, slots=True)
class Chart:
    """`line` and `area` are path data within WIDTH x HEIGHT; `zero` is the height of the number 0."""

    line: str
    area: str
    zero: float
    low: int
    high: int
    first: datetime
    last: datetime


def step_chart(points: Sequence[tuple[datetime, int]]) -> Chart | None:
    """Draw a level that stays until it changes, oldest first; None for fewer than two points."""
    if len(points) < 2:
        return None
    start, end = points[0][0], points[-1][0]
    span = (end - start).total_seconds() or 1.0
    low, high = min(0, *(level for _at, level in points)), max(level for _at, level in points)
    scale = (HEIGHT - 2 * EDGE) / ((high - low) or 1)

    def across(at: datetime) -> float:
        return round(EDGE + (at - start).total_seconds() / span * (WIDTH - 2 * EDGE), 1)

    def up(level: int) -> float:
        return round(HEIGHT - EDGE - (level - low) * scale, 1)

    parts = [f"M{across(start)} {up(points[0][1])}"]
    for at, level in points[1:]:
        parts.append(f"H{across(at)}V{up(level)}")
    line = "".join(parts)
    zero = up(0)
    return Chart(line, f"{line}V{zero}H{across(start)}Z", zero, low, high, start, end)
