"""Shapes for tea itself: pouches, tins, boxes, and the dish of leaves before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import cos, pi, radians, sin, sqrt
from random import Random

from commerce.demo.form import Form
from commerce.demo.mesh import (
    Part,
    Point,
    decal,
    divide,
    even,
    grain,
    lathe,
    move,
    place,
    rounded,
    sheet,
    slab,
    smooth,
    smooth3,
    tube,
    turn,
    vessel,
)
from commerce.demo.render import View

AROUND = 168


def dish(radius: float = 4.6) -> Part:
    """A small shallow dish."""
    shape = smooth([(radius * 0.55, 0), (radius * 0.6, 0.25), (radius * 0.85, 0.6), (radius, 1.5)], 8)
    return vessel(divide(shape, 0.3), 0.22, 0.35, "dish", "dish", "satin", 84)


def _needle(t: float) -> float:
    """The thickness of a rolled leaf on its way from one tip to the other."""
    return 0.16 * sin(pi * min(max(t, 0.12), 0.9))


def leaves(count: int, radius: float, seed: int) -> list[Part]:
    """A small heap of rolled leaves; some of them are of the slot "grain"."""
    random = Random(seed)
    heap = lathe(
        [(radius, 0.5), (radius * 0.7, 1.1), (radius * 0.35, 1.5), (0, 1.6)],
        "leaf",
        "matte",
        40,
        casts=False,
        tone=even(-0.14),
    )
    parts = [heap]
    for k in range(count):
        a, r = random.random() * 2 * pi, radius * random.random() ** 0.55
        high = 1.62 - 1.0 * (r / radius) ** 1.6
        length = random.uniform(0.5, 1.05)
        bend = random.uniform(-0.16, 0.16)
        way: list[Point] = [(-length, 0, 0), (0, bend, bend), (length, 0, 0)]
        shade = random.uniform(-0.12, 0.12)
        slot = "grain" if k % 5 == 0 else "leaf"
        needle = tube(way, _needle, slot, "matte", 6, casts=False, bias=0.5, tone=even(shade))
        needle = turn(turn(needle, "z", random.uniform(-25, 25)), "y", random.random() * 360)
        parts.append(move(needle, r * cos(a), high, r * sin(a)))
    return parts


def pouch() -> list[Part]:
    """A stand-up paper pouch with a label, a dish of leaves at its right."""
    wide, high, deep = 11.0, 17.0, 3.6

    def face(side: float) -> Callable[[float, float], Point]:
        def shape(u: float, v: float) -> Point:
            x = 2 * u - 1
            body = (1 - min(v, 0.9) / 0.9) ** 0.75 * (1 - abs(x) ** 3.2) ** 0.5
            belly = 0.42 * sin(pi * min(v / 0.88, 1.0)) * (1 - x * x)
            crease = 0.10 * sin(9 * x + 4 * v) * v * (1 - v) * 4 * abs(x)
            narrow = 1 - 0.03 * sin(pi * min(v / 0.85, 1.0))
            return (wide / 2 * x * narrow, high * v, side * (deep * body + 1.5 * belly + crease))

        return shape

    def slot_at(row: int, column: int) -> str:
        if 24 <= row < 76 and 20 <= column < 60:
            if (29 <= row < 31 and 28 <= column < 52) or (34 <= row < 36 and 32 <= column < 48):
                return "label"
            return "card"
        return "fold" if row in {88, 89} else "paper"

    front = sheet(face(1.0), 100, 80, "paper", "paper", slot_at=slot_at)
    back = sheet(face(-1.0), 24, 20, "paper", "paper", bias=-3.0)
    seal = decal(face(1.0), (0.5, 0.60), (0.115, 0.0745), "label")
    standing = place([front, back, seal], -4.4, 0, -2.0, yaw=14)
    return [*standing, *place([dish(), *leaves(120, 3.9, 5)], 6.3, 0, 4.6)]


def scales(row: int, column: int) -> bool:
    """Overlapping waves (seigaiha): whether a spot of the paper lies on a line of the pattern."""
    wide, high = 14, 6
    for level in (0, -1, -2):
        base = row // high + level
        shift = 0 if base % 2 == 0 else wide // 2
        x = ((column + shift) % wide) - wide / 2 + 0.5
        y = row - base * high
        distance = sqrt(x * x + (y * 1.05) ** 2)
        if distance <= wide / 2 + 0.4:
            return distance > wide / 2 - 1.1 or 3.2 < distance <= 4.6 or distance < 1.4
    return False


def caddy(radius: float, height: float, lid_at: float, label: bool = True) -> list[Part]:
    """A round tin in patterned paper with a plain label on its front."""
    rows = [height * k / 66 for k in range(67)]
    seam = int(66 * lid_at)

    def slot_at(row: int, column: int) -> str:
        angle = 360 * column / AROUND
        if label and 14 <= row < 42 and 232 <= angle < 288:
            if 28 <= row < 36 and 253 <= angle < 267:
                return "paper"
            return (
                "paper"
                if (row in {19, 20} and 248 <= angle < 272) or (row in {23, 24} and 243 <= angle < 277)
                else "label"
            )
        return "pattern" if scales(row, column) else "paper"

    line = {seam: -0.22, seam + 1: 0.05}
    wall = [(radius, y) for y in rows]
    side = lathe(wall, "paper", "paper", AROUND, slot_at=slot_at, tone=lambda row, _: line.get(row, 0.0))
    edge = [(radius, height), (radius - 0.1, height + 0.12), (radius - 0.5, height + 0.14)]
    plate = [(radius - 0.55, height + 0.02), (radius / 2, height + 0.02), (0, height + 0.02)]
    top = lathe([*edge, *plate], "paper", "paper", 90, bias=1.0)
    foot = lathe([(0, 0), (radius * 0.985, 0), (radius, 0.02)], "paper", "paper", 60)
    return [foot, side, top]


def teatin() -> list[Part]:
    """A tin in patterned paper, a smaller one behind it."""
    return [
        *place(caddy(4.1, 8.4, 0.7, label=False), 5.6, 0, -5.4, yaw=80),
        *place(caddy(4.4, 13.0, 0.74), -3.0, 0, 1.4, yaw=8),
    ]


def matchatin() -> list[Part]:
    """A small tin of matcha, a dish of powder before it."""
    body = lathe(
        divide(
            [(0, 0), (3.6, 0), (3.7, 0.1), (3.7, 6.2), (3.78, 6.25), (3.78, 8.4), (3.7, 8.55), (0, 8.6)], 0.5
        ),
        "body",
        "satin",
        100,
    )

    def printed(row: int, column: int) -> str:
        return "body" if row == 2 and 9 < column < 19 else "label"

    def wall(u: float, v: float) -> Point:
        a = radians(215 + 105 * u)
        return (3.75 * cos(a), 1.0 + 4.2 * v, -3.75 * sin(a))

    strip = [(3.73, 1.0 + 4.2 * k / 14) for k in range(15)]
    label = lathe(strip, "label", "paper", 40, (215, 320), slot_at=printed, bias=0.5, casts=False)
    seal = decal(wall, (0.36, 0.60), (0.16, 0.24), "powder", bias=1.0)
    peak = [(3.5, 0.4), (2.9, 0.9), (1.9, 1.7), (0.9, 2.5), (0.3, 2.8), (0, 2.85)]
    powder = lathe(smooth(peak, 6), "powder", "matte", 70, speckle=0.05, casts=False, bias=0.4)
    scoop = smooth3([(-4.6, 1.7, 3.4), (-1.0, 2.6, 1.4), (3.0, 2.7, -1.0), (6.2, 2.2, -2.4)], 8)
    spoon = tube(
        scoop, lambda t: 0.16 + 0.14 * max(0.0, 0.25 - t) * 4, "bamboo", "wood", 10, flat=1.8, bias=4.0
    )
    return [
        *place([body, label, seal], -3.6, 0, -2.4, yaw=4),
        *place([dish(4.4), powder, spoon], 4.4, 0, 3.4),
    ]


def teabox() -> list[Part]:
    """A carton with a window label, one pyramid bag in front."""
    wide, high, deep = 12.0, 14.0, 6.0
    carton = slab(rounded(wide, deep, 0.25, 0.8), 0, high, "box", "paper", 0.12, rings=6)

    def front(u: float, v: float) -> Point:
        return (wide * 0.98 * (u - 0.5), 0.15 + (high - 0.3) * v, deep / 2 + 0.03)

    def slot_at(row: int, column: int) -> str:
        if row < 9:
            return "band"
        return "band" if 14 <= row < 16 and 18 <= column < 42 else "box"

    face = sheet(front, 70, 60, "box", "paper", slot_at=slot_at, bias=1.0, casts=False)
    middle, ratio = (0.5, 0.60), wide / high
    rinds = ((0.31, "yellow", 1.6), (0.275, "peel", 2.0))
    fruit = [decal(front, middle, (r, r * ratio), slot, bias=bias) for r, slot, bias in rinds]
    flesh = (0.255, 0.255 * ratio)
    fruit += [decal(front, middle, flesh, "yellow", (45 * k + 5, 45 * k + 40), 0.14, 2.4) for k in range(8)]
    apex: Point = (0.0, 3.9, 0.0)
    corners: list[Point] = [(2.4 * cos(radians(a)), 0.05, 2.4 * sin(radians(a))) for a in (80, 200, 320, 80)]
    sides = []
    for a, b in pairwise(corners):

        def side(u: float, v: float, a: Point = a, b: Point = b) -> Point:
            bulge = 0.35 * sin(pi * u) * sin(pi * v)
            x, z = a[0] + (b[0] - a[0]) * u, a[2] + (b[2] - a[2]) * u
            return (
                (x + (apex[0] - x) * v) * (1 + bulge * 0.3),
                apex[1] * v,
                (z + (apex[2] - z) * v) * (1 + bulge * 0.3),
            )

        sides.append(sheet(side, 14, 14, "bag", "glass"))
    inside = [move(part, y=-0.35) for part in leaves(60, 1.5, 8)]
    thread = tube(
        smooth3([(0, 3.9, 0), (0.8, 4.3, 0.4), (2.6, 2.2, 1.6), (4.0, 0.15, 1.4), (5.2, 0.1, 2.2)], 8),
        0.06,
        "thread",
        "matte",
        6,
        layer=3,
    )
    tag = move(
        turn(slab(rounded(1.8, 1.8, 0.15, 0.5), 0, 0.08, "band", "paper", 0.02), "y", 25), 5.9, 0.05, 2.7
    )
    return [
        *place([carton, face, *fruit], -2.8, 0, -1.6, yaw=-24),
        *place([*inside, *sides, thread, tag], 5.8, 0, 5.2),
    ]


def giftset() -> list[Part]:
    """Two tins in a wooden box, its lid behind."""
    tone = grain(7, 0.04, upright=True)

    def plank(wide: float, deep: float, high: float, x: float, z: float, bias: float = 0.0) -> Part:
        return replace(
            move(
                slab(rounded(wide, deep, 0.15, 0.8), 0, high, "wood", "wood", 0.08, rings=4, tone=tone),
                x,
                0,
                z,
            ),
            bias=bias,
        )

    walls_back = [
        plank(21.0, 11.0, 0.5, 0, 0, -6.0),
        plank(21.0, 0.6, 5.2, 0, -5.4, -4.0),
        plank(0.6, 10.4, 5.2, -10.2, 0, -1.0),
        plank(0.6, 10.4, 5.2, 10.2, 0, 0.0),
    ]
    front = plank(21.0, 0.6, 5.2, 0, 5.4, 6.0)
    lid = move(
        turn(
            turn(
                slab(rounded(21.6, 11.4, 0.3, 0.8), 0, 0.7, "wood", "wood", 0.1, tone=tone, bias=-12.0),
                "x",
                72,
            ),
            "y",
            3,
        ),
        1.5,
        5.5,
        -9.4,
    )
    tins = [*dressed_tin(-4.9, "green"), *dressed_tin(4.9, "brown")]
    return place([lid, *walls_back, *tins, front], yaw=18)


def dressed_tin(x: float, slot: str) -> list[Part]:
    """A caddy of the gift set in its own paper."""
    parts = []
    for part in caddy(4.2, 11.0, 0.72):
        inner = part.slot_at

        def slot_at(row: int, column: int, inner: Callable[[int, int], str] | None = inner) -> str:
            name = inner(row, column) if inner else "paper"
            return slot if name == "paper" else name

        parts.append(replace(part, slot=slot, slot_at=slot_at))
    return place(parts, x, 0.5, 0, yaw=-6)


DISH = {"dish": "#e7e0d2"}
LEAF_FORMS = {
    "pouch": Form(
        pouch,
        View(18, fill=0.72),
        {
            "paper": "#e8dfc8",
            "label": "#5b7244",
            "card": "#f5efe0",
            "fold": "#b9ac90",
            "leaf": "#41582f",
            "grain": "#5b7244",
            **DISH,
        },
    ),
    "teatin": Form(
        teatin, View(19, fill=0.70), {"paper": "#3e5a80", "pattern": "#d9dcd6", "label": "#efe8d6"}
    ),
    "matchatin": Form(
        matchatin,
        View(22, fill=0.66),
        {"body": "#2d3a33", "label": "#dfd3b2", "powder": "#7f9a3d", "bamboo": "#c9a468", **DISH},
    ),
    "teabox": Form(
        teabox,
        View(17, fill=0.70),
        {
            "box": "#f1e8d0",
            "yellow": "#e3b638",
            "peel": "#f3dc86",
            "band": "#5f7a45",
            "bag": "#d8d2bd",
            "leaf": "#4d6236",
            "grain": "#d9ae3c",
            "thread": "#efe9da",
        },
    ),
    "giftset": Form(
        giftset,
        View(22, fill=0.74),
        {"wood": "#dcc193", "green": "#5c7350", "brown": "#8a5432", "pattern": "#d9cfae", "label": "#f3ecda"},
    ),
}
