"""Shapes for keeping and whisking tea: whisk, scoop, caddies, wrapping cloth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import cos, pi, sin
from random import Random

from commerce.demo.form import Form
from commerce.demo.forms_table import ring
from commerce.demo.mesh import (
    Part,
    Point,
    ball,
    divide,
    even,
    grain,
    lathe,
    move,
    place,
    sheet,
    smooth,
    smooth3,
    stretch,
    tube,
    turn,
)
from commerce.demo.render import View


def tines(count: int, radius: float, foot: float, high: float, curl: float, seed: int) -> list[Part]:
    """The fine tines of a whisk, curling outwards and back at their tips."""
    random = Random(seed)
    parts = []
    for k in range(count):
        a = 2 * pi * k / count + random.uniform(-0.02, 0.02)
        flat = [
            (radius * 0.62, foot),
            (radius * 0.86, foot + high * 0.35),
            (radius, foot + high * 0.7),
            (radius * 0.98, foot + high * 0.9),
            (radius * (0.98 - curl), foot + high),
        ]
        way = [(r * cos(a), y, -r * sin(a)) for r, y in smooth(flat, 5)]
        shade = random.uniform(-0.06, 0.06)
        parts.append(
            tube(
                way,
                lambda t: 0.085 - 0.045 * t,
                "bamboo",
                "wood",
                6,
                tone=even(shade),
            )
        )
    return parts


def whisk() -> list[Part]:
    """A bamboo whisk standing on its handle."""
    handle = lathe(
        divide([(0, 0), (1.45, 0), (1.5, 0.15), (1.5, 4.6), (1.56, 4.8), (1.5, 5.0), (1.5, 6.0)], 0.3),
        "bamboo",
        "wood",
        60,
        tone=grain(2, 0.05, upright=True),
    )
    bound = [tube(ring(1.58 + 0.05 * k, 6.0 + 0.28 * k), 0.16, "thread", "cloth", 10) for k in range(4)]
    core = lathe(
        smooth([(1.2, 6.2), (1.0, 8.0), (0.7, 9.6), (0.2, 10.8), (0, 11.0)], 6),
        "core",
        "wood",
        48,
        tone=lambda _, column: -0.12 + 0.09 * (column % 2),
    )
    return [handle, *bound, core, *tines(24, 1.9, 6.2, 4.6, 0.35, 3), *tines(54, 3.1, 6.4, 5.2, 0.30, 1)]


def whiskstand() -> list[Part]:
    """A porcelain bulb with a whisk turned over on it."""
    shape = [
        (2.8, 0),
        (2.9, 0.4),
        (1.7, 1.2),
        (1.3, 2.4),
        (1.9, 4.0),
        (2.6, 5.4),
        (2.3, 7.0),
        (1.3, 8.2),
        (0, 8.6),
    ]
    stand = lathe(divide([(0, 0), *smooth(shape, 8)], 0.35), "body", "gloss", 90)
    over = [turn(part, "z", 180) for part in whisk()]
    return [stand, *[replace(move(part, y=15.2), bias=part.bias + 1.5) for part in over]]


def chashaku() -> list[Part]:
    """A bamboo scoop across a folded cloth."""

    def linen(u: float, v: float) -> Point:
        x, z = 17.0 * (u - 0.5), 13.0 * (v - 0.5)
        rise = (
            0.35
            + 0.30 * sin(0.55 * x + 0.25 * z)
            + 0.22 * sin(0.9 * z - 0.3 * x + 1)
            + 0.10 * sin(1.7 * x + 1.1 * z)
        )
        edge = min(1.0, 9 * min(u, 1 - u, v, 1 - v))
        return (x + 0.25 * sin(z * 0.8), max(rise, 0.04) * edge, z + 0.3 * sin(x * 0.5 + 1))

    def hem(row: int, column: int) -> str:
        return "edge" if 3 <= min(row, 79 - row) < 4 or 3 <= min(column, 99 - column) < 4 else "cloth"

    cloth = [
        sheet(
            linen,
            80,
            100,
            "cloth",
            "cloth",
            slot_at=hem,
            tone=lambda row, column: 0.014 * ((row + column) % 2),
        )
    ]

    def scoop(u: float, v: float) -> Point:
        x = -9.5 + 19.0 * v
        bend = 2.6 * max(0.0, 0.16 - v) / 0.16
        wide = 0.42 + 0.22 * max(0.0, 0.2 - v) / 0.2 - 0.06 * v
        node = 0.09 * max(0.0, 1 - abs(v - 0.52) / 0.02)
        dish = 0.22 * (2 * u - 1) ** 2
        return (
            x + bend * 0.25,
            0.32 + bend**1.35 * 0.55 + dish + node + 0.5 * sin(pi * v) * 0.5,
            wide * (2 * u - 1),
        )

    def tone(row: int, column: int) -> float:
        return (
            (-0.16 if abs(row - 57) < 1 else 0.0)
            + 0.03 * sin(column * 2.0)
            - 0.10 * max(0.0, (row - 70) / 40)
        )

    stick = sheet(scoop, 110, 10, "bamboo", "satin", tone=tone, bias=90.0)
    return [*place(cloth, yaw=22), *place([move(stick, y=0.55)], yaw=-18)]


def natsume() -> list[Part]:
    """A lacquer caddy with a fine line where the lid begins."""
    shape = [
        (3.0, 0),
        (4.2, 0.4),
        (5.3, 2.2),
        (5.9, 5.0),
        (6.0, 7.4),
        (5.8, 9.2),
        (4.9, 10.4),
        (2.8, 11.0),
        (0, 11.15),
    ]
    rows = divide([(0, 0), *smooth(shape, 12)], 0.22)
    seam = next(k for k, (_, y) in enumerate(rows) if y > 7.2)
    body = lathe(
        rows,
        "body",
        "gloss",
        150,
        tone=lambda row, _: -0.18 if row == seam else 0.07 if row == seam + 1 else 0.0,
    )
    return [body]


def barkcaddy() -> list[Part]:
    """A cylinder of polished cherry bark, streaked across."""
    random = Random(21)
    streaks = [
        (random.randrange(80), random.randrange(200), random.randrange(8, 34), random.uniform(-0.22, 0.16))
        for _ in range(130)
    ]
    marks: dict[tuple[int, int], float] = {}
    for row, start, length, shade in streaks:
        for column in range(start, start + length):
            marks[row, column % 200] = shade * sin(pi * (column - start) / length)
    rows = [(4.5, 13.0 * k / 80) for k in range(81)]

    def tone(row: int, column: int) -> float:
        return (
            marks.get((row, column), 0.0)
            + (-0.3 if row == 56 else 0.06 if row == 57 else 0.0)
            + 0.02 * sin(row * 1.7)
        )

    side = lathe(rows, "bark", "gloss", 200, tone=tone)
    top = lathe(
        divide([(4.5, 13.0), (4.35, 13.3), (3.0, 13.42), (0, 13.45)], 0.4), "bark", "gloss", 100, bias=1.0
    )
    return place([side, top], yaw=0)


def furoshiki() -> list[Part]:
    """A wrapped box with a knot of two ears."""
    wide, deep, high = 9.0, 7.5, 8.2

    def body(u: float, v: float) -> Point:
        a = 2 * pi * u
        c, s = cos(a), sin(a)
        square = (abs(c) ** 5 + abs(s) ** 5) ** -0.2
        ridge = abs(sin(2 * a)) ** 3
        if v < 0.62:
            t = v / 0.62
            bulge = 1 - 0.06 * (2 * t - 1) ** 4 + 0.012 * sin(a * 9 + t * 5)
            return (wide * c * square * bulge, high * t, -deep * s * square * bulge)
        t = (v - 0.62) / 0.38
        shrink = (1 - t) ** 1.15 * (1 - 0.10 * (1 - ridge) * sin(pi * t)) * 0.94
        lift = high + (2.4 + 0.5 * ridge) * t**1.6 + 0.25 * sin(a * 10) * t * (1 - t) * 3
        return (wide * c * square * shrink, lift, -deep * s * square * shrink)

    def ear(side: float) -> Callable[[float, float], Point]:
        def shape(u: float, v: float) -> Point:
            half = 2.7 * sin(pi * min(v, 0.93) ** 0.8) + 0.25
            x = side * 8.6 * v
            y = high + 2.7 + 2.8 * sin(pi * v * 0.72) - 0.9 * v
            ruffle = 0.7 * sin(u * 9 + v * 3) * v * (1 - 0.5 * v)
            return (x, y + ruffle - 0.35 * abs(2 * u - 1) * half, half * (2 * u - 1) * 0.85 + ruffle * 0.4)

        return shape

    wrap = sheet(
        body,
        70,
        140,
        "cloth",
        "cloth",
        two_sided=False,
        tone=lambda row, column: 0.010 * ((row + column) % 2),
    )
    knot = move(stretch(ball(1.0, "knot", "cloth", 40, bias=2.0), 1.9, 1.6, 1.9), y=high + 3.2)
    crease = [
        tube(
            smooth3(
                [(sx * 0.4, high + 2.9, 1.7), (0, high + 3.6 + sx * 0.3, 1.95), (-sx * 0.8, high + 3.9, 1.4)],
                6,
            ),
            0.16,
            "knot",
            "cloth",
            8,
            bias=3.0,
            tone=lambda *_: -0.1,
        )
        for sx in (1, -1)
    ]
    ears = [
        sheet(ear(1.0), 40, 24, "knot", "cloth", bias=0.5),
        sheet(ear(-1.0), 40, 24, "knot", "cloth", bias=0.5),
    ]
    return place([wrap, *ears, knot, *crease], yaw=28)


TEATOOL_FORMS = {
    "chasen": Form(whisk, View(12, fill=0.62), {"bamboo": "#d8bd86", "core": "#cdb078", "thread": "#2f2b2a"}),
    "whiskstand": Form(
        whiskstand,
        View(12, fill=0.68),
        {"body": "#eeebe4", "bamboo": "#d8bd86", "core": "#cdb078", "thread": "#2f2b2a"},
    ),
    "chashaku": Form(
        chashaku, View(38, fill=0.80), {"cloth": "#e6dcc6", "edge": "#cbbd9f", "bamboo": "#8a5a34"}
    ),
    "natsume": Form(natsume, View(17, fill=0.56), {"body": "#221f1f"}),
    "barkcaddy": Form(barkcaddy, View(17, fill=0.58), {"bark": "#7d3d24"}),
    "furoshiki": Form(furoshiki, View(20, fill=0.68), {"cloth": "#35507a", "knot": "#3b5885"}),
}
