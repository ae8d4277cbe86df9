"""Shapes for the table: cups, plates, bowls, glass, linen."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin, sqrt

from commerce.demo.form import Form
from commerce.demo.mesh import (
    Flat,
    Part,
    Point,
    ball,
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

CLAY = "#c6a585"


def mug() -> list[Part]:
    """A straight mug with a foot of bare clay and a broad handle."""
    outer = divide(smooth([(3.0, 0), (3.6, 0.25), (4.0, 1.2), (4.15, 3), (4.15, 6), (4.2, 9)], 10), 0.35)
    body = vessel(outer, 0.35, 0.6, "body", "inside", "satin", 110, speckle=0.02, foot=("clay", 0.9))
    path = smooth3(
        [(3.7, 7.5, 0), (5.2, 7.8, 0), (6.5, 7.0, 0), (6.7, 5.2, 0), (5.9, 3.6, 0), (3.7, 2.7, 0)], 14
    )
    return place([body, tube(path, 0.42, "body", "satin", 28, flat=1.5, bias=-1.2)], yaw=10)


def plates() -> list[Part]:
    """Three plates in a stack, the largest below."""
    parts = []
    for k, size in enumerate((1.0, 0.93, 0.86)):
        rim = [(6.0, 0), (6.4, 0.35), (9.4, 0.7), (12.0, 1.3), (13.0, 2.4)]
        outer = divide(smooth([(r * size, y) for r, y in rim], 8), 0.5)
        plate = vessel(outer, 0.5, 0.55, "body", "top", "satin", 110, speckle=0.006)
        parts.append(replace(move(plate, y=k * 1.25), bias=k * 60.0))
    return parts


def bowl() -> list[Part]:
    """A wide bowl on a turned foot."""
    outer = smooth([(5.0, 0.9), (7.5, 1.4), (11.0, 4.2), (13.2, 8.0), (14.0, 11.0)], 12)
    foot: list[Flat] = [(4.6, 0), (4.7, 0.8)]
    body = vessel(
        divide([*foot, *outer], 0.5), 0.5, 1.5, "body", "inside", "satin", 120, 0.008, ("clay", 1.6)
    )
    return [body]


def carafe() -> list[Part]:
    """A waisted carafe, half full of water."""
    shape = [(4.6, 0.2), (5.2, 0.9), (5.5, 4), (4.9, 9), (3.4, 15), (2.7, 19.5), (3.2, 23.5), (4.0, 26)]
    outer = divide([(0, 0), *smooth([(0.8, 0), *shape], 8)], 0.6)
    inner = [(max(r - 0.35, 0), y + 0.35) for r, y in outer if y < 12.2]
    water = lathe([*inner, (0, 12.4)], "water", "glass", 80)
    lip = tube(ring(4.0, 26), 0.14, "glass", "glass", 8)
    return [lathe(outer, "glass", "glass", 90), water, lip]


def ring(radius: float, y: float) -> list[Point]:
    """A level circle as a path."""
    return [(radius * cos(radians(a)), y, -radius * sin(radians(a))) for a in range(0, 361, 5)]


def tumbler(height: float = 9.0) -> list[Part]:
    """A heavy-based tumbler with a rippled wall."""

    def ripple(angle: float, y: float) -> float:
        return 1 + 0.012 * cos(radians(angle * 12)) * min(1.0, max(0.0, (height - 0.8 - y) / 2))

    outer = divide([(0, 0), (2.9, 0), (3.2, 0.3), (3.9, height)], 0.35)
    inside = divide([(0, 1.1), (2.8, 1.15), (3.65, height - 0.05)], 0.5)
    wall = lathe(outer, "glass", "glass", 96, ripple=ripple)
    rim = tube(ring(3.78, height), 0.13, "glass", "glass", 8, casts=False)
    return [wall, rim, lathe(inside, "glass", "glass", 72, casts=False)]


def tumblers() -> list[Part]:
    """Two tumblers, one a little behind the other."""
    return [*place(tumbler(), -3.4, 0, 1.2), *place(tumbler(), 4.6, 0, -2.6)]


def eggcup() -> list[Part]:
    """An egg cup on a broad foot, with its egg."""
    stand = smooth(
        [(3.9, 0), (4.0, 0.4), (3.2, 0.9), (1.3, 1.4), (1.2, 2.2), (2.2, 3.2), (2.7, 4.4), (2.8, 5.2)], 8
    )
    cup = vessel(divide(stand, 0.3), 0.28, 3.4, "body", "inside", "satin", 80, speckle=0.015)
    shape = [(0, 0), (1.3, 0.35), (2.15, 1.6), (2.2, 2.8), (1.75, 4.3), (0.9, 5.3), (0, 5.6)]
    egg = lathe(smooth(shape, 8), "egg", "satin", 60, speckle=0.01)
    return [cup, move(egg, y=3.5)]


def eggcups() -> list[Part]:
    """A pair of egg cups."""
    return [*place(eggcup(), -4.2, 0, 1.5), *place(eggcup(), 4.8, 0, -2.2)]


def folded(width: float, depth: float, thick: float, slot: str, edge: str) -> Part:
    """A folded cloth with a hem of another tone near its edge."""
    cloth = slab(rounded(width, depth, 0.9), 0, thick, slot, "cloth", thick * 0.46, rings=16)
    hem = len(cloth.grid) - 1 - 15
    return replace(
        cloth,
        slot_at=lambda row, _: edge if row == hem else slot,
        tone=lambda row, column: 0.012 * ((row + column) % 2),
    )


def napkins() -> list[Part]:
    """Four folded napkins held by a paper band."""
    parts = []
    for k, shift in enumerate((0.0, 0.25, -0.2, 0.1)):
        for half in (0, 1):
            cloth = folded(17.6 - 0.3 * half, 17.6, 0.62, "cloth", "edge")
            parts.append(
                replace(move(cloth, shift, k * 1.15 + half * 0.55, shift / 2), bias=(2 * k + half) * 40.0)
            )
    return place([*parts, sheet(_belly_band, 60, 12, "band", "paper", two_sided=False, bias=400.0)], yaw=28)


def _belly_band(u: float, v: float) -> Point:
    """A paper strip up the left end of the stack, over it and down the right end."""
    half, high = 9.1, 4.75
    way = v * (2 * high + 2 * half)
    z = 4.6 * (u - 0.5)
    if way < high:
        return (-half, way, z)
    if way < high + 2 * half:
        return (way - high - half, high, z)
    return (half, 2 * high + 2 * half - way, z)


def teacup(radius: float = 3.6, height: float = 5.6) -> list[Part]:
    """A small cup without a handle."""
    shape = [(radius * 0.55, 0), (radius * 0.6, 0.4), (radius * 0.9, height * 0.35), (radius, height)]
    return [vessel(divide(smooth(shape, 8), 0.3), 0.28, 0.6, "cup", "cup", "satin", 80)]


def roundtray() -> list[Part]:
    """A round birch tray with a cup on it."""
    outer: list[Flat] = [(16.5, 0), (17.4, 0.3), (18.6, 1.8), (19.0, 3.2)]
    tray = vessel(divide(outer, 0.5), 0.5, 0.9, "tray", "tray", "wood", 120)
    tray = replace(tray, grid=tray.grid[:-4])
    top = planks(17.0, 0.95, "tray", 4)
    return [tray, top, *[replace(part, bias=4.0) for part in place(teacup(4.2, 6.2), 4.5, 0.95, -1.0)]]


def planks(radius: float, y: float, slot: str, seed: int) -> Part:
    """A round wooden surface whose grain runs straight across."""

    def shape(u: float, v: float) -> Point:
        z = radius * (2 * v - 1)
        return ((2 * u - 1) * sqrt(max(radius * radius - z * z, 0.0)), y, z)

    return sheet(shape, 90, 16, slot, "wood", tone=grain(seed), bias=0.4, casts=False)


def candle_flame(height: float = 2.4) -> Part:
    """A flame with its foot at the origin."""
    shape = [(0, 0), (0.42, 0.45), (0.5, 0.9), (0.3, 1.6), (0, 2.4)]
    return lathe(
        [(r * height / 2.4, y * height / 2.4) for r, y in smooth(shape, 6)], "flame", "glow", 24, casts=False
    )


def spoon(length: float, wide: float, slot: str) -> list[Part]:
    """A wooden spoon standing on the end of its handle."""
    handle = tube([(0, y * length / 12, 0) for y in range(11)], lambda t: 0.72 - 0.14 * t, slot, "wood", 14)
    head = ball(1.0, slot, "wood", 28, tone=grain(9, 0.04, upright=True))
    head = replace(head, grid=[[(p[0] * wide, p[1] * 3.9, p[2] * 0.8) for p in row] for row in head.grid])
    return [handle, move(head, y=length * 0.86 + 2.0)]


def spoons() -> list[Part]:
    """Three wooden tools in a crock."""
    shape = divide(smooth([(5.0, 0), (5.5, 0.4), (5.8, 3), (5.8, 9), (5.5, 12.5)], 8), 0.5)
    crock = vessel(shape, 0.5, 0.8, "body", "inside", "satin", 100, speckle=0.02, foot=("clay", 1.4))
    parts = [crock]
    for lean, turned, length, wide in ((-15, 20, 24, 2.3), (4, -30, 28, 2.7), (17, 50, 25, 2.0)):
        for part in spoon(length, wide, "wood"):
            tilted = turn(turn(part, "y", turned), "z", -lean)
            parts.append(move(tilted, x=lean * 0.09, y=1.0, z=-0.8))
    return parts


TABLE_FORMS = {
    "mug": Form(mug, View(20), {"body": "#7d8a6b", "inside": "#efe8da", "clay": CLAY}),
    "plates": Form(plates, View(35, fill=0.72), {"body": "#ebe5d9", "top": "#eee9df"}),
    "bowl": Form(bowl, View(24, fill=0.72), {"body": "#d9cdb8", "inside": "#f0e8d8", "clay": CLAY}),
    "carafe": Form(carafe, View(12, fill=0.68), {"glass": "#b9cfca", "water": "#a9c8c6"}),
    "tumblers": Form(tumblers, View(17, fill=0.64), {"glass": "#c4d3cf"}),
    "eggcups": Form(eggcups, View(18, fill=0.68), {"body": "#e5dccb", "inside": "#e5dccb", "egg": "#b98560"}),
    "napkins": Form(napkins, View(32, fill=0.70), {"cloth": "#d3c4a8", "edge": "#b9a888", "band": "#efe8da"}),
    "roundtray": Form(roundtray, View(30, fill=0.70), {"tray": "#d2ac78", "cup": "#ece4d6"}),
    "spoons": Form(
        spoons, View(14, fill=0.70), {"body": "#dcd2c0", "inside": "#cfc4b0", "clay": CLAY, "wood": "#a9663f"}
    ),
}
