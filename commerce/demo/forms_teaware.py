"""Shapes for making and drinking tea: pots, kettle, jug, cups, tray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import cos, radians, sin
from random import Random

from commerce.demo.form import Form
from commerce.demo.forms_table import planks, ring
from commerce.demo.mesh import (
    Part,
    disc,
    divide,
    even,
    lathe,
    move,
    place,
    smooth,
    smooth3,
    tube,
    turn,
    vessel,
)
from commerce.demo.render import View

CLAY = "#b89572"
TEA = "#b7b45a"


def wobble(strength: float, seed: float) -> Callable[[float, float], float]:
    """The slight unevenness of a pot made by hand."""
    return lambda angle, y: (
        1 + strength * (sin(radians(angle * 2) + seed + y * 0.2) + 0.5 * sin(radians(angle * 3) - seed))
    )


def kyusu() -> list[Part]:
    """A side-handle pot, its spout to the left, its handle towards the viewer's right."""
    shape = [(3.6, 0), (4.4, 0.25), (6.4, 2.2), (6.9, 4.2), (6.0, 6.4), (4.0, 7.6)]
    body = lathe(divide([(0, 0), *smooth(shape, 10)], 0.4), "body", "satin", 120, speckle=0.008)
    lid = lathe(
        divide([*smooth([(4.1, 7.5), (4.05, 7.9), (2.4, 8.5), (0.6, 8.8)], 6), (0, 8.8)], 0.4),
        "body",
        "satin",
        80,
        bias=2.0,
    )
    knob = move(
        lathe(
            smooth([(0.55, 0), (0.5, 0.3), (0.95, 0.9), (0.8, 1.4), (0, 1.5)], 6),
            "body",
            "satin",
            36,
            bias=3.0,
        ),
        y=8.7,
    )
    seam = tube(ring(4.08, 7.62), 0.12, "body", "satin", 8, bias=2.2)
    grip = smooth3([(5.2, 4.6, 0), (7.6, 5.4, 0), (10.5, 6.5, 0), (14.4, 7.8, 0)], 12)
    handle = tube(grip, lambda t: 0.85 + 0.5 * t, "body", "satin", 36, open_end=True, bias=0.4)
    end = turn(disc(1.2, 0, "inside", "matte", 30, casts=False, bias=0.8), "z", -72)
    nose = smooth3([(-4.8, 4.2, 0), (-7.2, 5.0, 0), (-9.0, 6.6, 0), (-10.0, 7.7, 0)], 10)
    spout = tube(nose, lambda t: 1.6 - 0.75 * t, "body", "satin", 32, open_end=True, bias=-0.3)
    mouth = move(turn(disc(0.72, 0, "inside", "matte", 24, casts=False), "z", 48), -10.02, 7.72)
    side = place([handle, move(end, 14.42, 7.82)], yaw=-52)
    return [body, seam, lid, knob, *place([spout, mouth], yaw=14), *side]


def houhin() -> list[Part]:
    """A handleless pot with a wide lip at its left."""

    def lip(angle: float, y: float) -> float:
        near = max(0.0, cos(radians(angle - 195)))
        pulled: float = near**10 * max(0.0, (y - 2.8) / 2.4) ** 1.5
        return 1 + 0.22 * pulled

    shape = divide(smooth([(2.4, 0), (2.7, 0.5), (4.4, 1.6), (5.3, 3.6), (5.6, 5.2)], 10), 0.35)
    body = vessel(shape, 0.3, 0.6, "body", "body", "gloss", 120, ripple=lip)
    lid = lathe(
        divide([*smooth([(4.9, 4.9), (4.8, 5.3), (3.0, 6.3), (1.2, 6.7)], 8), (0, 6.75)], 0.4),
        "body",
        "gloss",
        100,
        bias=2.0,
    )
    knob = move(
        lathe(
            smooth([(0.8, 0), (0.7, 0.4), (1.1, 0.9), (0.8, 1.3), (0, 1.35)], 6),
            "body",
            "gloss",
            40,
            bias=3.0,
        ),
        y=6.6,
    )
    saucer = vessel(divide([(4.6, 0), (5.8, 0.4), (6.6, 1.1)], 0.4), 0.25, 0.4, "wood", "wood", "wood", 96)
    return [saucer, *[move(replace(part, bias=part.bias + 2.0), y=0.5) for part in (body, lid, knob)]]


def tetsubin() -> list[Part]:
    """A cast iron kettle with rows of fine dots and a hoop handle."""

    def hail(angle: float, y: float) -> float:
        if not 4.0 < y < 9.6:
            return 1.0
        row = int((y - 4.0) / 0.8)
        u = (angle / 7.5 + 0.5 * (row % 2)) % 1 - 0.5
        v = ((y - 4.0) / 0.8) % 1 - 0.5
        return 1 + 0.035 * max(0.0, 1 - 5.2 * (u * u + v * v))

    shape = smooth(
        [(4.8, 0), (5.2, 0.5), (7.2, 2.6), (8.6, 4.8), (8.8, 6.8), (8.0, 9.4), (6.0, 11.0), (4.0, 11.6)], 12
    )
    body = lathe(divide([(0, 0), *shape], 0.2), "iron", "satin", 240, ripple=hail)
    lid = lathe(
        divide([*smooth([(4.1, 11.5), (4.0, 11.9), (2.6, 12.4), (1.0, 12.7)], 6), (0, 12.7)], 0.4),
        "iron",
        "satin",
        80,
        bias=2.0,
    )
    knob = move(
        lathe(
            smooth([(0.5, 0), (0.4, 0.4), (0.95, 1.1), (0.8, 1.7), (0, 1.9)], 6),
            "bronze",
            "metal",
            36,
            bias=3.0,
        ),
        y=12.6,
    )
    nose = smooth3([(-7.4, 7.6, 0), (-9.4, 8.4, 0), (-10.6, 9.8, 0), (-11.4, 11.0, 0)], 8)
    spout = tube(nose, lambda t: 1.5 - 0.6 * t, "iron", "satin", 28, open_end=True, bias=-0.3)
    hoop = smooth3(
        [
            (-5.8, 10.6, 0),
            (-7.4, 14.5, 0),
            (-6.0, 18.6, 0),
            (0, 20.6, 0),
            (6.0, 18.6, 0),
            (7.4, 14.5, 0),
            (5.8, 10.6, 0),
        ],
        12,
    )
    return place([body, spout, lid, knob, tube(hoop, 0.46, "iron", "satin", 18)], yaw=20)


def yuzamashi() -> list[Part]:
    """An open jug with a pulled lip."""

    def lip(angle: float, y: float) -> float:
        near = max(0.0, cos(radians(angle - 205)))
        pulled: float = near**12 * max(0.0, (y - 3.0) / 3.4) ** 1.6
        return 1 + 0.36 * pulled + 0.006 * sin(radians(angle * 2))

    shape = divide(smooth([(3.0, 0), (3.4, 0.4), (4.6, 1.6), (4.9, 3.6), (4.6, 6.4)], 10), 0.35)
    return [vessel(shape, 0.32, 0.7, "body", "inside", "satin", 140, 0.014, ("clay", 0.7), lip)]


def coldbottle() -> list[Part]:
    """A tall bottle of cold tea with a coloured spout."""
    shape = [(3.9, 0), (4.2, 0.4), (4.2, 14), (3.9, 17), (2.2, 21), (1.75, 24), (1.75, 26)]
    outer = divide([(0, 0), *smooth(shape, 8)], 0.6)
    inner = [(max(r - 0.25, 0.0), y + 0.25) for r, y in outer if y < 19.2]
    tea = lathe([*inner, (0, 19.4)], "tea", "satin", 80, tone=even(0.10))
    cap = lathe(
        divide(
            [*smooth([(1.95, 24.8), (2.0, 25.6), (2.0, 27.8), (1.5, 28.8), (1.2, 29.8)], 6), (0, 29.9)], 0.4
        ),
        "spout",
        "satin",
        60,
        layer=3,
    )
    beak = tube(
        smooth3([(0.6, 28.6, 0), (1.7, 29.6, 0), (2.9, 30.2, 0)], 8),
        lambda t: 1.0 - 0.35 * t,
        "spout",
        "satin",
        24,
        layer=3,
    )
    return place([lathe(outer, "glass", "glass", 90), tea, cap, beak], yaw=-25)


def cup(height: float, radius: float, seed: float, tea: bool) -> list[Part]:
    """An upright cup with a bare foot."""
    shape = [
        (radius * 0.62, 0),
        (radius * 0.68, 0.5),
        (radius * 0.95, 1.5),
        (radius, height * 0.5),
        (radius * 0.99, height),
    ]
    body = vessel(
        divide(smooth(shape, 9), 0.35),
        0.32,
        0.7,
        "body",
        "inside",
        "satin",
        110,
        0.014,
        ("clay", 0.9),
        wobble(0.006, seed),
    )
    if not tea:
        return [body]
    level = height - 1.3
    return [
        body,
        disc(
            radius - 0.36,
            level,
            "tea",
            "gloss",
            70,
            bias=0.1,
            casts=False,
            tone=lambda row, _: 0.02 * row - 0.02,
        ),
    ]


def yunomi() -> list[Part]:
    """Two cups, the taller behind."""
    return [
        *place(cup(9.4, 3.9, 1.0, tea=False), -3.6, 0, -2.4),
        *place(cup(8.2, 3.8, 2.5, tea=True), 4.6, 0, 1.8),
    ]


def chawan() -> list[Part]:
    """A tea bowl with whisked matcha."""
    shape = [(2.9, 0), (3.0, 0.9), (5.0, 1.6), (6.2, 3.8), (6.4, 6.2), (6.2, 8.0)]
    body = vessel(
        divide(smooth(shape, 10), 0.35),
        0.4,
        1.6,
        "body",
        "inside",
        "satin",
        130,
        0.012,
        ("clay", 1.0),
        wobble(0.012, 0.7),
    )
    random = Random(4)
    foam = [[random.random() for _ in range(61)] for _ in range(20)]

    def froth(row: int, column: int) -> float:
        return (0.20 if foam[min(row, 19)][column] > 0.72 else 0.10) - (0.06 if row < 2 else 0.0)

    rings = [(5.78 * (1 - k / 20) ** 0.8, 5.4) for k in range(21)]
    tea = lathe(rings, "tea", "matte", 60, bias=0.1, casts=False, tone=froth)
    return [body, tea]


def bon() -> list[Part]:
    """A lacquer tray with a cup of green tea on it."""
    tray = vessel(
        divide([(12.6, 0), (13.6, 0.3), (14.6, 1.2), (15.0, 2.4)], 0.5),
        0.45,
        0.8,
        "tray",
        "tray",
        "gloss",
        130,
    )
    tray = replace(tray, grid=tray.grid[:-4])
    top = replace(planks(13.9, 0.9, "tray", 9), finish="gloss")
    small = [replace(part, bias=part.bias + 4.0) for part in cup(6.0, 3.6, 1.2, tea=True)]
    return [tray, top, *place(small, 3.2, 0.9, -0.6)]


TEAWARE_FORMS = {
    "kyusu": Form(kyusu, View(21, fill=0.74), {"body": "#9c4a31", "inside": "#3a2019"}),
    "houhin": Form(houhin, View(20, fill=0.60), {"body": "#a9bfae", "wood": "#8a5b39"}),
    "tetsubin": Form(tetsubin, View(15, fill=0.70), {"iron": "#3f4143", "bronze": "#a98348"}),
    "yuzamashi": Form(yuzamashi, View(22, fill=0.60), {"body": "#e5decd", "inside": "#e9e4d6", "clay": CLAY}),
    "coldbottle": Form(
        coldbottle, View(9, fill=0.74), {"glass": "#bccdc0", "tea": "#bcc06a", "spout": "#6d7446"}
    ),
    "yunomi": Form(
        yunomi, View(20, fill=0.66), {"body": "#4f6b4c", "inside": "#cfd3b8", "clay": CLAY, "tea": TEA}
    ),
    "chawan": Form(
        chawan, View(30, fill=0.62), {"body": "#2f2c2b", "inside": "#383432", "clay": CLAY, "tea": "#8fa845"}
    ),
    "bon": Form(
        bon,
        View(32, fill=0.72),
        {"tray": "#8c4a26", "body": "#e4dccb", "inside": "#eee8da", "clay": CLAY, "tea": TEA},
    ),
}
