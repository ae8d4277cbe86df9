"""Bars over time as rectangles of an SVG: no script, no style attribute. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT, BASE = 720, 200, 180
"""The picture's size, and how far down the bars stand."""
MOST_BARS = 92
GAP = 0.25
"""Which part of a bar's place stays free."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the days from `first` to `last`: x, y, width and height within WIDTH x HEIGHT."""

    first: date
    last: date
    value: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars oldest first; `high` is what the highest one says, `zero` how far down the number 0 is."""

    bars: Sequence[Bar]
    high: int
    zero: float


def bar_chart(values: Mapping[date, int]) -> BarChart:
    """Draw a value per day, oldest first; many days are drawn by the week or by four weeks, the newest last."""
    groups = _grouped(list(values.items()))
    sums = [sum(value for _day, value in group) for group in groups]
    high, low = max(0, *sums), min(0, *sums)
    scale = (BASE - 10) / ((high - low) or 1)
    zero = round(10 + high * scale, 1)
    place = WIDTH / len(groups)
    bars = [
        Bar(
            first=group[0][0],
            last=group[-1][0],
            value=value,
            x=round(number * place + place * GAP / 2, 1),
            y=round(zero - max(0, value) * scale, 1),
            width=round(place * (1 - GAP), 1),
            height=round(abs(value) * scale, 1),
        )
        for number, (group, value) in enumerate(zip(groups, sums, strict=True))
    ]
    return BarChart(bars, high, zero)


def _grouped(days: list[tuple[date, int]]) -> list[list[tuple[date, int]]]:
    size = 1 if len(days) <= MOST_BARS else 7 if len(days) <= 7 * MOST_BARS else 28
    first = len(days) % size
    starts = ([0] if first else []) + list(range(first, len(days), size))
    return [days[start : (first if start < first else start + size)] for start in starts]
