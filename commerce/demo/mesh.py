"""Small surfaces in space, as grids of points: what the demo pictures are built of.

Units are centimetres; x goes right, y up, z towards the viewer, the table is y = 0. A part is one
grid of points whose quads are seen from outside in the order (row, column), (row, column + 1); quads
that face away are not drawn, so closed bodies hide their own backs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import cos, hypot, pi, radians, sin, sqrt
from random import Random
from typing import TypedDict, Unpack

Point = tuple[float, float, float]
Flat = tuple[float, float]
Grid = list[list[Point]]
Ripple = Callable[[float, float], float]


@dataclass(frozen=True)
class Part:
    """One surface: its grid, the colour slot, how it takes the light, and local changes of tone.

    `tone(row, column)` is added to the brightness; `slot_at(row, column)` overrides the slot and so
    draws stripes or labels; `bias` (cm) draws a part lying on another one in front of it;
    `layer` 1 is the usual one, 3 is drawn over glass; a part that does not `fits` is ignored when the
    picture is framed (a cable that leaves it at the top).
    """

    grid: Grid
    slot: str
    finish: str = "matte"
    two_sided: bool = False
    tone: Callable[[int, int], float] | None = None
    slot_at: Callable[[int, int], str] | None = None
    speckle: float = 0.0
    bias: float = 0.0
    layer: int = 1
    casts: bool = True
    fits: bool = True


class PartOptions(TypedDict, total=False):
    """What every builder below passes on to its `Part`."""

    two_sided: bool
    tone: Callable[[int, int], float] | None
    slot_at: Callable[[int, int], str] | None
    speckle: float
    bias: float
    layer: int
    casts: bool
    fits: bool


def smooth(points: Sequence[Flat], steps: int = 8) -> list[Flat]:
    """A curve through all the points (Catmull-Rom), with `steps` pieces between two of them."""
    last = len(points) - 1
    out: list[Flat] = []
    for i in range(last):
        a, b, c, d = points[max(i - 1, 0)], points[i], points[i + 1], points[min(i + 2, last)]
        for k in range(steps):
            t = k / steps
            out.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    out.append(points[last])
    return out


def smooth3(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """The same in space."""
    flat = smooth([(p[0], p[1]) for p in points], steps)
    deep = smooth([(p[2], 0.0) for p in points], steps)
    return [(p[0], p[1], q[0]) for p, q in zip(flat, deep, strict=True)]


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def divide(points: Sequence[Flat], longest: float) -> list[Flat]:
    """The same broken line with no piece longer than `longest` cm."""
    out = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        pieces = max(1, int(hypot(x1 - x0, y1 - y0) / longest + 0.999))
        out.extend((x0 + (x1 - x0) * k / pieces, y0 + (y1 - y0) * k / pieces) for k in range(1, pieces + 1))
    return out


def lathe(
    profile: Sequence[Flat],
    slot: str,
    finish: str = "matte",
    around: int = 90,
    arc: tuple[float, float] = (0.0, 360.0),
    ripple: Ripple | None = None,
    **more: Unpack[PartOptions],
) -> Part:
    """Turns a profile of (radius, height) about the upright axis; outside when the profile goes up.

    The angle runs from 0 (right) over 90 (back) to 270 (front); `ripple(degrees, height)` is a factor of the radius.
    """
    angles = [arc[0] + (arc[1] - arc[0]) * k / around for k in range(around + 1)]
    turns = [(a, cos(radians(a)), sin(radians(a))) for a in angles]
    if ripple is None:
        grid = [[(r * c, y, -r * s) for _, c, s in turns] for r, y in profile]
    else:
        grid = [[(r * (f := ripple(a, y)) * c, y, -r * f * s) for a, c, s in turns] for r, y in profile]
    return Part(grid, slot, finish, **more)


def shell(outer: Sequence[Flat], wall: float, floor: float) -> tuple[list[Flat], int]:
    """The profile of a vessel from that of its outside: foot, outside, rim, inside.

    Answers the profile and the number of its rows that belong to the outside and the rim.
    """
    rim_r, rim_y = outer[-1]
    half = wall / 2
    profile: list[Flat] = [(0.0, outer[0][1]), *outer]
    profile += [(rim_r - half + half * cos(a * pi / 6), rim_y + half * sin(a * pi / 6)) for a in range(1, 6)]
    rows = len(profile)
    inside = [(max(r - wall, 0.0), y) for r, y in reversed(outer) if y > floor]
    profile += inside
    low = inside[-1][0]
    profile += [(low * 0.82, floor + 0.02), (low * 0.55, floor), (low * 0.25, floor), (0.0, floor)]
    return profile, rows


def vessel(
    outer: Sequence[Flat],
    wall: float,
    floor: float,
    slot: str,
    inside: str,
    finish: str = "satin",
    around: int = 90,
    speckle: float = 0.0,
    foot: tuple[str, float] | None = None,
    ripple: Ripple | None = None,
) -> Part:
    """A turned vessel whose inside darkens towards the bottom; `foot` leaves bare clay below a height."""
    profile, rows = shell(outer, wall, floor)
    top = outer[-1][1]
    depth = max(top - floor, 0.1)
    tones = [0.0 if k < rows else -0.2 * sqrt(max(top - y, 0.0) / depth) for k, (_, y) in enumerate(profile)]
    names = [slot if k < rows else inside for k in range(len(profile))]
    if foot is not None:
        names = [foot[0] if k < rows and profile[k][1] < foot[1] else name for k, name in enumerate(names)]
    return lathe(
        profile,
        slot,
        finish,
        around,
        ripple=ripple,
        speckle=speckle,
        tone=lambda row, _: tones[row],
        slot_at=lambda row, _: names[row],
    )


def tube(
    path: Sequence[Point],
    radius: float | Callable[[float], float],
    slot: str,
    finish: str = "matte",
    around: int = 20,
    flat: float = 1.0,
    open_end: bool = False,
    **more: Unpack[PartOptions],
) -> Part:
    """A round bar along a path; `radius` may depend on the way (0 to 1); `flat` widens it across."""
    rows: Grid = []
    side: Point = (0.0, 0.0, 1.0)
    count = len(path) - 1
    if abs(_unit(_less(path[-1], path[0]))[2]) > 0.7:
        side = (1.0, 0.0, 0.0)
    for k, centre in enumerate(path):
        ahead = _unit(_less(path[min(k + 1, count)], path[max(k - 1, 0)]))
        drop = _dot(side, ahead)
        side = _unit((side[0] - drop * ahead[0], side[1] - drop * ahead[1], side[2] - drop * ahead[2]))
        up = _cross(side, ahead)
        size = radius(k / count) if callable(radius) else radius
        ring: list[Point] = []
        for j in range(around + 1):
            a = -2 * pi * j / around
            p, q = cos(a) * size * flat, sin(a) * size
            ring.append(
                (
                    centre[0] + side[0] * p + up[0] * q,
                    centre[1] + side[1] * p + up[1] * q,
                    centre[2] + side[2] * p + up[2] * q,
                )
            )
        rows.append(ring)
    rows.insert(0, [path[0]] * (around + 1))
    if not open_end:
        rows.append([path[-1]] * (around + 1))
    return Part(rows, slot, finish, **more)


def rounded(width: float, depth: float, corner: float, step: float = 0.6) -> list[Flat]:
    """The outline of a rectangle with round corners, closed, in points at most `step` cm apart."""
    x, z = width / 2 - corner, depth / 2 - corner
    line: list[Flat] = []
    for quarter, (cx, cz) in enumerate(((x, z), (-x, z), (-x, -z), (x, -z))):
        for k in range(9):
            a = pi / 2 * (quarter + k / 8)
            line.append((cx + corner * cos(a), cz + corner * sin(a)))
    line.append(line[0])
    return divide(line, step)


def slab(
    outline: Sequence[Flat],
    low: float,
    high: float,
    slot: str,
    finish: str = "matte",
    bevel: float = 0.1,
    rings: int = 6,
    step: float = 0.8,
    **more: Unpack[PartOptions],
) -> Part:
    """A flat body with the given outline (x, z) between two heights, its edges rounded by `bevel` cm."""
    span_x = max(abs(x) for x, _ in outline)
    span_z = max(abs(z) for _, z in outline)

    def ring(inset: float, y: float) -> list[Point]:
        fx, fz = 1 - inset / span_x, 1 - inset / span_z
        return [(x * fx, y, -z * fz) for x, z in outline]

    def fan(y: float, inset: float, inner: float) -> list[Point]:
        fx, fz = (1 - inset / span_x) * inner, (1 - inset / span_z) * inner
        return [(x * fx, y, -z * fz) for x, z in outline]

    rows = [fan(low, bevel, 0.0), ring(bevel, low)]
    rows += [ring(bevel * (1 - sin(a * pi / 8)), low + bevel * (1 - cos(a * pi / 8))) for a in range(1, 5)]
    pieces = max(1, int((high - low - 2 * bevel) / step + 0.999))
    rows += [ring(0, low + bevel + (high - low - 2 * bevel) * k / pieces) for k in range(1, pieces + 1)]
    rows += [ring(bevel * (1 - cos(a * pi / 8)), high - bevel * (1 - sin(a * pi / 8))) for a in range(1, 5)]
    rows += [fan(high, bevel, 1 - k / rings) for k in range(1, rings + 1)]
    return Part(rows, slot, finish, **more)


def sheet(
    shape: Callable[[float, float], Point],
    rows: int,
    columns: int,
    slot: str,
    finish: str = "cloth",
    **more: Unpack[PartOptions],
) -> Part:
    """Any surface given by a function of (u across, v along), both from 0 to 1."""
    grid = [[shape(j / columns, i / rows) for j in range(columns + 1)] for i in range(rows + 1)]
    more.setdefault("two_sided", True)
    return Part(grid, slot, finish, **more)


def decal(
    surface: Callable[[float, float], Point],
    centre: Flat,
    size: Flat,
    slot: str,
    arc: tuple[float, float] = (0.0, 360.0),
    inner: float = 0.0,
    bias: float = 0.6,
) -> Part:
    """A print on a surface: an ellipse about `centre` with the half axes `size` (both in u, v), or a slice of it."""

    def shape(u: float, v: float) -> Point:
        a, r = radians(arc[0] + (arc[1] - arc[0]) * u), inner + (1 - inner) * v
        return surface(centre[0] + size[0] * r * cos(a), centre[1] + size[1] * r * sin(a))

    return sheet(shape, 8, max(8, int((arc[1] - arc[0]) / 5)), slot, "paper", bias=bias, casts=False)


def disc(
    radius: float, y: float, slot: str, finish: str = "matte", around: int = 60, **more: Unpack[PartOptions]
) -> Part:
    """A flat round surface seen from above."""
    return lathe([(radius * (1 - k / 5), y) for k in range(6)], slot, finish, around, **more)


def move(part: Part, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Part:
    """The part shifted by so many cm."""
    return replace(part, grid=[[(p[0] + x, p[1] + y, p[2] + z) for p in row] for row in part.grid])


def turn(part: Part, axis: str, degrees: float) -> Part:
    """The part turned about the x, y or z axis through the origin, counter-clockwise seen against it."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    turned: Grid = []
    for row in part.grid:
        if axis == "y":
            turned.append([(x * c + z * s, y, z * c - x * s) for x, y, z in row])
        elif axis == "x":
            turned.append([(x, y * c - z * s, y * s + z * c) for x, y, z in row])
        else:
            turned.append([(x * c - y * s, x * s + y * c, z) for x, y, z in row])
    return replace(part, grid=turned)


def stretch(part: Part, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Part:
    """The part made longer by these factors."""
    return replace(part, grid=[[(p[0] * x, p[1] * y, p[2] * z) for p in row] for row in part.grid])


def ball(
    radius: float, slot: str, finish: str = "matte", around: int = 32, **more: Unpack[PartOptions]
) -> Part:
    """A sphere about the origin."""
    profile = [(radius * cos(radians(a)), radius * sin(radians(a))) for a in range(-90, 91, 10)]
    return lathe(profile, slot, finish, around, **more)


def even(shade: float) -> Callable[[int, int], float]:
    """The same tone everywhere."""
    return lambda _row, _column: shade


def grain(seed: int, strength: float = 0.05, *, upright: bool = False) -> Callable[[int, int], float]:
    """A tone like wood: streaks along the rows of a grid, or, `upright`, along its columns."""
    random = Random(seed)
    streaks = [random.uniform(-1.0, 0.7) * strength for _ in range(256)]
    for _ in range(2):
        streaks = [(a + b) / 2 for a, b in zip(streaks, streaks[1:] + streaks[:1], strict=True)]
    streaks = [2 * streak for streak in streaks]

    def tone(row: int, column: int) -> float:
        across, along = (column, row) if upright else (row, column)
        return streaks[(across + int(2.2 * sin(along * 0.11 + seed))) % 256]

    return tone


def place(
    parts: Sequence[Part], x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0
) -> list[Part]:
    """Several parts turned about the upright axis, then shifted."""
    return [move(turn(part, "y", yaw) if yaw else part, x, y, z) for part in parts]


def dress(parts: Sequence[Part], prefix: str) -> list[Part]:
    """The parts with their slots renamed to "prefix.slot", to colour several objects of a scene apart."""

    def named(slot_at: Callable[[int, int], str]) -> Callable[[int, int], str]:
        return lambda row, column: f"{prefix}.{slot_at(row, column)}"

    return [
        replace(part, slot=f"{prefix}.{part.slot}", slot_at=named(part.slot_at) if part.slot_at else None)
        for part in parts
    ]


def _less(a: Point, b: Point) -> Point:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _dot(a: Point, b: Point) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Point, b: Point) -> Point:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _unit(a: Point) -> Point:
    size = sqrt(_dot(a, a)) or 1.0
    return (a[0] / size, a[1] / size, a[2] / size)
