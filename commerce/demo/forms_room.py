"""Shapes for the room: wool and linen, vase, basket, rail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import cos, pi, radians, sin
from random import Random

from commerce.demo.form import Form
from commerce.demo.mesh import (
    Part,
    Point,
    disc,
    divide,
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

WOOD = "#c49a65"


def herringbone(row: int, column: int) -> float:
    """A woven tone: short slants that turn every few threads."""
    slant = row if (column // 6) % 2 else -row
    return 0.035 if (column + slant) % 4 < 2 else -0.025


def layers(row: int, _column: int) -> float:
    """The dark lines between the layers of a folded cloth seen from the side."""
    return (0.0, -0.1, 0.02, 0.05, 0.0, -0.16)[row % 6]


def plain_weave(row: int, column: int) -> float:
    """A barely visible tone of threads going over and under."""
    return 0.012 * ((row + column) % 2)


def throw() -> list[Part]:
    """A throw folded in three, its fringe hanging to the front."""
    parts: list[Part] = []
    wide, deep, thick = 32.0, 24.0, 3.0
    for k in range(3):

        def fold(u: float, v: float, k: int = k) -> Point:
            # One long loop of cloth: over the top, round the front fold, and back underneath.
            z0 = deep / 2 - 0.5 * k
            half = thick / 2
            if v < 0.62:
                z, y = -deep / 2 + (z0 + deep / 2) * v / 0.62, thick
            else:
                a = pi * (v - 0.62) / 0.38
                z, y = z0 + half * sin(a), half + half * cos(a)
            sag = 0.22 * sin(u * 7 + k * 2 + z * 0.12) + 0.12 * sin(z * 0.5 + k)
            edge = 0.35 * (2 * u - 1) ** 6
            return (
                (u - 0.5) * (wide - 0.6 * k),
                y + k * thick * 0.93 + sag * (0.3 + 0.7 * y / thick) - edge,
                z,
            )

        parts.append(sheet(fold, 60, 90, "cloth", "cloth", tone=herringbone, bias=k * 40.0))

        def flank(u: float, v: float, k: int = k) -> Point:
            # Seen from the side the loop is four layers of cloth.
            z = -deep / 2 + (deep - 0.5 * k + 1.45 * sin(pi * v)) * u
            sag = 0.22 * sin(k * 2 + z * 0.12) + 0.12 * sin(z * 0.5 + k)
            layer = 0.14 * abs(sin(4 * pi * v))
            y = k * thick * 0.93 + (thick + sag - 0.35) * v
            return (-(wide - 0.6 * k) / 2 - layer + 0.1, y, z)

        parts.append(sheet(flank, 24, 40, "cloth", "cloth", bias=k * 40.0 - 1.0, tone=layers))
    random = Random(3)
    for k in range(46):
        x = -wide / 2 + 1.1 + (wide - 2.4) * k / 45
        drop = 3.6 + random.uniform(-0.4, 0.4)
        high, edge = 3 * thick * 0.86, deep / 2
        thread: list[Point] = [
            (x, high + 0.8, edge - 1.0),
            (x, high + 0.36, edge + 0.5),
            (x + random.uniform(-0.3, 0.3), high - 1.5, edge + 1.0),
            (x + random.uniform(-0.5, 0.5), high - drop, edge + 1.1 + random.uniform(-0.1, 0.3)),
        ]
        way = smooth3(thread, 4)
        parts.append(tube(way, lambda t: 0.2 + 0.07 * (t > 0.88), "band", "cloth", 6, bias=90.0, casts=False))
    return place(parts, yaw=26)


def cushion() -> list[Part]:
    """A square cushion leaning back a little."""
    size = 22.0

    def face(side: float) -> Callable[[float, float], Point]:
        def shape(u: float, v: float) -> Point:
            x, y = 2 * u - 1, 2 * v - 1
            puff = ((1 - abs(x) ** 2.6) * (1 - abs(y) ** 2.6)) ** 0.55
            pull = 1 - 0.07 * (1 - x * x) * y * y
            pinch = 1 - 0.07 * (1 - y * y) * x * x
            crease = 0.35 * sin(7 * x + 3 * y) * (abs(x * y)) ** 2 + 0.2 * sin(9 * (x - y)) * abs(x) ** 4
            return (size * x * pinch, size * y * pull, side * (7.2 * puff + crease * puff))

        return shape

    border: list[Point] = []
    for corner in range(4):
        for k in range(30):
            t = 2 * k / 30 - 1
            bow = 1 - 0.07 * (1 - t * t)
            x, y = ((t, -bow), (bow, t), (-t, bow), (-bow, -t))[corner]
            border.append((size * x, size * y, 0.0))
    border.append(border[0])
    parts = [
        sheet(face(1.0), 80, 80, "cloth", tone=plain_weave),
        sheet(face(-1.0), 20, 20, "cloth", bias=-8.0),
        tube(border, 0.42, "piping", "cloth", 12, bias=1.4),
    ]
    return place([move(turn(part, "x", -16), y=21.4) for part in parts], yaw=-20)


def scarf() -> list[Part]:
    """A scarf over a peg, both ends hanging down."""
    parts: list[Part] = []
    for x, length, z, phase in ((2.6, 42.0, 0.0, 0.0), (-2.9, 47.0, 1.6, 2.0)):

        def tail(
            u: float, v: float, x: float = x, length: float = length, z: float = z, phase: float = phase
        ) -> Point:
            spread = 0.34 + 0.66 * min(1.0, v * 1.25) ** 0.7
            fold = (0.9 - 0.35 * v) * sin(u * 11 + phase + 0.7 * v) + 0.3 * sin(u * 23 + phase)
            top = 1.4 * (1 - (2 * u - 1) ** 2) * (1 - v) ** 3
            return (
                x * (0.25 + 0.75 * min(1.0, v * 2)) + (u - 0.5) * 10.5 * spread,
                top - length * v,
                z + 1.5 + fold,
            )

        def slot_at(row: int, _column: int) -> str:
            return "stripe" if 76 <= row < 82 or 86 <= row < 89 or 93 <= row < 96 else "cloth"

        parts.append(
            sheet(
                tail,
                100,
                56,
                "cloth",
                "cloth",
                slot_at=slot_at,
                tone=plain_weave,
                bias=z * 4,
            )
        )
        for k in range(22):
            head = tail(k / 21, 1.0)
            lean = 0.3 * sin(k * 1.7 + phase)
            way: list[Point] = [
                head,
                (head[0] + lean * 0.5, head[1] - 1.2, head[2]),
                (head[0] + lean, head[1] - 2.8, head[2]),
            ]
            parts.append(tube(way, 0.2, "cloth", "cloth", 6, bias=z * 4, casts=False))

    def saddle(u: float, v: float) -> Point:
        a = pi * v
        return ((-cos(a)) * 2.9, 1.5 * sin(a) - 0.8, 3.4 - 3.6 * u + 0.25 * sin(u * 14))

    peg = turn(
        lathe(
            divide([(0, -4), (1.0, -4), (0.95, 3.6), (1.6, 4.4), (1.75, 5.2), (1.3, 5.9), (0, 6.0)], 0.4),
            "wood",
            "wood",
            48,
        ),
        "x",
        90,
    )
    plate = turn(
        lathe([(0, -4.4), (3.0, -4.4), (3.1, -4.0), (2.9, -3.6), (0, -3.5)], "wood", "wood", 60), "x", 90
    )
    return [plate, *parts, sheet(saddle, 24, 30, "cloth", bias=5.0), replace(move(peg, y=-0.6), bias=8.0)]


def leaf(length: float, slot: str) -> Part:
    """A round eucalyptus leaf that starts at the origin and points to the right."""

    def shape(u: float, v: float) -> Point:
        t = min(max(v, 0.0), 1.0)
        half = 0.40 * length * (sin(pi * t) ** 0.75 if 0 < t < 1 else 0.0)
        return (
            length * t,
            0.10 * length * sin(pi * t) - 0.1 * abs(u - 0.5) * length * sin(pi * t),
            half * (2 * u - 1),
        )

    return sheet(shape, 10, 8, slot, "satin", tone=lambda _, column: 0.07 if column < 4 else -0.05)


def branch(stem: list[Point], seed: int, leaves: int, slot: str = "leaf") -> list[Part]:
    """A stem with leaves in pairs, smaller towards its tip."""
    random = Random(seed)
    parts = [tube(stem, lambda t: 0.2 - 0.12 * t, "stem", "matte", 8)]
    for k in range(leaves):
        t = 0.32 + 0.66 * k / (leaves - 1)
        at = stem[min(int(t * (len(stem) - 1)), len(stem) - 1)]
        for side in (0, 180):
            blade = turn(leaf(4.3 - 2.4 * (t - 0.3), slot), "z", 26 + random.uniform(-12, 16))
            blade = turn(
                turn(blade, "x", random.uniform(20, 70)), "y", side + k * 64 + random.uniform(-22, 22)
            )
            parts.append(move(blade, *at))
    return parts


def vase() -> list[Part]:
    """A vase with a narrow neck and two eucalyptus branches."""
    shape = [
        (4.4, 0),
        (5.2, 0.4),
        (7.4, 4.0),
        (7.9, 7.2),
        (6.6, 11.0),
        (3.2, 14.2),
        (2.1, 16.6),
        (2.2, 19.0),
        (2.7, 20.2),
    ]
    body = vessel(divide(smooth(shape, 9), 0.5), 0.35, 12.0, "body", "inside", "satin", 110, speckle=0.012)
    first = smooth3([(0, 15, 0), (0.8, 21, 0), (3.2, 27, 0.6), (7.5, 33, 1.0), (12.0, 37, 1.0)], 10)
    second = smooth3([(0, 15, 0), (-0.8, 21, -0.4), (-2.6, 28, -0.6), (-3.8, 35, 0), (-3.6, 42, 0.8)], 10)
    return [body, *branch(first, 5, 8), *branch(second, 8, 9)]


def basket() -> list[Part]:
    """A round willow basket with two leather handles."""

    def weave(angle: float, y: float) -> float:
        ripple = sin(radians(angle * 22) + pi * int(y / 0.72))
        return 1 + 0.014 * ripple

    outline = divide(smooth([(11.0, 0), (12.2, 1.2), (14.0, 7), (14.8, 13.5), (14.6, 17)], 10), 0.36)
    body = vessel(outline, 0.6, 0.8, "weave", "inside", "wood", 176, ripple=weave)
    base = body.tone

    def tone(row: int, column: int) -> float:
        woven = 0.07 if (row // 2 + column // 4) % 2 else -0.07
        seam = -0.06 if row % 2 else 0.0
        return (base(row, column) if base else 0.0) + woven + seam

    body = replace(body, tone=tone)
    rope = [
        (14.5 * cos(radians(a)), 17.2 + 0.22 * cos(radians(a * 30)), -14.5 * sin(radians(a)))
        for a in range(0, 361, 3)
    ]
    rim = tube(rope, lambda t: 0.62 + 0.1 * cos(t * 2 * pi * 60), "weave", "wood", 16)
    handles = []
    for side in (0, 180):
        loop = smooth3(
            [
                (15.2, 12.0, -4.2),
                (15.6, 16.0, -4.0),
                (15.2, 21.5, -2.6),
                (15.0, 22.6, 0),
                (15.2, 21.5, 2.6),
                (15.6, 16.0, 4.0),
                (15.2, 12.0, 4.2),
            ],
            10,
        )
        handles += place(
            [tube(loop, 0.36, "leather", "matte", 14, flat=2.0, bias=1.0 if side == 0 else 0.0)], yaw=side
        )
    return place([body, rim, *handles], yaw=34)


def pegrail() -> list[Part]:
    """A wall rail with three pegs."""
    rail = turn(slab(rounded(45, 7, 1.0, 0.8), 0, 2.0, "wood", "wood", 0.3, rings=3), "x", 90)
    face = sheet(
        lambda u, v: (44.2 * (u - 0.5), 6.2 * (v - 0.5), 2.05),
        40,
        60,
        "wood",
        "wood",
        tone=grain(5),
        bias=1.0,
        casts=False,
    )
    parts = [rail, face]
    for x in (-15.0, 0.0, 15.0):
        shape = [
            (1.25, 0),
            (1.05, 1.0),
            (0.95, 4.2),
            (1.2, 5.2),
            (1.9, 6.2),
            (2.0, 7.0),
            (1.5, 7.7),
            (0, 7.9),
        ]
        peg = lathe(divide(smooth(shape, 6), 0.3), "wood", "wood", 56, bias=4.0)
        parts.append(move(turn(peg, "x", 78), x, 0, 2.0))
        parts.append(move(turn(disc(1.5, 0, "ring", "matte", 40, bias=2.0, casts=False), "x", 90), x, 0, 2.1))
    return parts


ROOM_FORMS = {
    "throw": Form(throw, View(22, fill=0.80), {"cloth": "#d9cbb1", "band": "#c4b392"}),
    "cushion": Form(cushion, View(10, fill=0.64), {"cloth": "#b05f40", "piping": "#8f4529"}),
    "scarf": Form(
        scarf, View(3, fill=0.80, wall=6.0), {"cloth": "#c39a68", "stripe": "#f0e6d2", "wood": WOOD}
    ),
    "vase": Form(
        vase,
        View(11, fill=0.80),
        {"body": "#d9c8a9", "inside": "#6e6152", "stem": "#7a6248", "leaf": "#7f9483"},
    ),
    "basket": Form(
        basket, View(24, fill=0.68), {"weave": "#c9a268", "inside": "#a98450", "leather": "#7a4a2b"}
    ),
    "pegrail": Form(pegrail, View(-8, fill=0.72, wall=0.5), {"wood": WOOD, "ring": "#8a6a42"}),
}
