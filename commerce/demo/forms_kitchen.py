"""Shapes for the kitchen: boards, pans, jars, mills, coffee."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin, sqrt

from commerce.demo.form import Form
from commerce.demo.forms_table import CLAY, ring
from commerce.demo.mesh import (
    Flat,
    Part,
    Point,
    ball,
    disc,
    divide,
    grain,
    lathe,
    move,
    place,
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


def board() -> list[Part]:
    """A long board with a neck and a leather loop, lying on the table."""
    long, wide = 30.0, 17.0

    def half(x: float) -> float:
        if x < -long / 2 + 1.5:
            return wide / 2 - 1.5 + sqrt(1.5**2 - (-long / 2 + 1.5 - x) ** 2)
        if x < long / 2 - 2.5:
            return wide / 2
        if x < long / 2 + 2.5:
            t = (x - long / 2 + 2.5) / 5
            return wide / 2 + (1.9 - wide / 2) * t * t * (3 - 2 * t)
        end = long / 2 + 11
        return 1.9 if x < end - 1.9 else sqrt(max(1.9**2 - (x - end + 1.9) ** 2, 0.0))

    xs = [-long / 2 + (long + 11) * k / 90 for k in range(91)]
    edge: list[Flat] = [(x, half(x)) for x in reversed(xs)] + [(x, -half(x)) for x in xs]
    side = slab([*edge, edge[0]], 0, 1.9, "wood", "wood", 0.25)

    def top(u: float, v: float) -> Point:
        x = xs[0] + (long + 11) * u
        return (x, 1.92, half(x) * 0.985 * (2 * v - 1))

    face = sheet(top, 56, 70, "wood", "wood", tone=grain(3, 0.06), bias=2.0, casts=False)
    loop = smooth3(
        [
            (23.5, 2.0, 0),
            (26, 2.4, 1.6),
            (29.5, 0.5, 2.2),
            (31, 0.4, 0),
            (29, 0.5, -1.6),
            (25.5, 2.3, -0.8),
            (23.5, 2.0, 0),
        ]
    )
    hole = move(disc(0.75, 1.95, "hole", "matte", 24, bias=3.0, casts=False), 23.6)
    return place([side, face, hole, tube(loop, 0.28, "leather", "matte", 10, bias=4.0)], yaw=28)


def lid_knob(y: float, slot: str, finish: str = "wood", size: float = 1.0) -> Part:
    """A small turned knob standing on height y."""
    shape = smooth([(0.55, 0), (0.5, 0.5), (1.0, 1.1), (1.15, 1.6), (0.8, 2.1), (0, 2.25)], 6)
    return move(lathe([(r * size, h * size) for r, h in shape], slot, finish, 36, bias=3.0), y=y)


def saucepan() -> list[Part]:
    """A small pan with its lid on and a wooden handle to the right."""
    outer = divide(smooth([(7.2, 0), (7.8, 0.5), (8.0, 2), (8.0, 7.5)], 8), 0.5)
    pan = vessel([*outer, (8.25, 7.9)], 0.3, 0.5, "body", "body", "gloss", 110)
    cover = lathe(
        divide(smooth([(8.4, 8.0), (8.3, 8.5), (5.5, 9.6), (2, 10.1), (0, 10.2)], 8), 0.5),
        "lid",
        "gloss",
        110,
        bias=2.0,
    )
    trim = tube(ring(8.35, 8.05), 0.18, "trim", "gloss", 12, bias=2.5)
    ferrule = tube([(7.6, 6.3, 0), (8.8, 6.5, 0), (10.2, 6.8, 0)], 0.75, "metal", "metal", 24)
    path: list[Point] = [(9.9 + 11 * k / 20, 6.75 + 2.2 * k / 20, 0) for k in range(21)]
    handle = tube(
        path, lambda t: 0.85 + 0.35 * sin(3.0 * min(t * 1.05, 1.0)) * (1 - 0.2 * t), "wood", "wood", 26
    )
    return place([pan, cover, trim, lid_knob(10.0, "wood"), ferrule, handle], yaw=-22)


def kettle() -> list[Part]:
    """A round stove kettle with a spout to the left and a bent wooden handle."""
    shape = smooth([(7.5, 0), (8.8, 0.6), (9.9, 3.5), (9.6, 7.0), (7.6, 10.2), (4.4, 11.9)], 10)
    body = lathe(divide([(0, 0), *shape], 0.5), "body", "gloss", 120)
    cover = lathe(
        divide(smooth([(4.5, 11.8), (4.4, 12.3), (2.5, 13.0), (0, 13.3)], 6), 0.4),
        "body",
        "gloss",
        80,
        bias=2.0,
    )
    way = smooth3([(-7.5, 5.2, 0), (-10.0, 6.6, 0), (-12.0, 9.4, 0), (-13.6, 11.2, 0)], 10)
    spout = tube(way, lambda t: 2.3 - 1.25 * t, "body", "gloss", 32, open_end=True, bias=-0.5)
    mouth = move(turn(disc(0.85, 0, "inside", "matte", 24, casts=False), "z", 47), -13.62, 11.22)
    arch = smooth3(
        [
            (-6.8, 10.4, 0),
            (-7.6, 15.5, 0),
            (-4.5, 19.6, 0),
            (0, 20.8, 0),
            (4.5, 19.6, 0),
            (7.6, 15.5, 0),
            (6.8, 10.4, 0),
        ],
        10,
    )
    iron = tube(arch, 0.34, "metal", "metal", 14)
    grip = tube(arch[17:44], lambda t: 0.5 + 0.45 * min(1.0, 6 * min(t, 1 - t)), "wood", "wood", 22, bias=1.0)
    return place([body, cover, lid_knob(13.1, "wood", size=0.9), spout, mouth, iron, grip], yaw=18)


def mill() -> list[Part]:
    """A turned mill with a steel nut on top."""
    shape = [
        (0, 0),
        (3.1, 0),
        (3.3, 0.4),
        (3.2, 1.4),
        (2.3, 4.5),
        (2.0, 7.5),
        (2.6, 10.6),
        (2.7, 11.4),
        (2.1, 12.0),
    ]
    foot = lathe(
        divide([shape[0], shape[1], *smooth(shape[1:], 8)], 0.3),
        "wood",
        "wood",
        96,
        tone=grain(5, 0.06, upright=True),
    )
    top = [(2.0, 12.1), (2.6, 12.5), (3.0, 14.2), (2.6, 16.2), (1.6, 17.4), (0.7, 17.8), (0, 17.85)]
    head = lathe(divide(smooth(top, 8), 0.3), "wood", "wood", 96, tone=grain(8, 0.06, upright=True))
    neck = lathe([(2.0, 11.9), (1.9, 12.2)], "metal", "metal", 60)
    nut = move(
        lathe(smooth([(0.5, 0), (0.75, 0.5), (0.6, 1.0), (0, 1.15)], 6), "metal", "metal", 32, bias=2.0),
        y=17.7,
    )
    grounds = [
        move(
            ball(0.16 + 0.05 * (k % 3), "corns", "matte", 10),
            4.6 + 1.1 * cos(k * 2.4),
            0.15,
            1.8 + 0.9 * sin(k * 2.4) * (k % 4) / 2,
        )
        for k in range(11)
    ]
    return [foot, neck, head, nut, *grounds]


def dripper() -> list[Part]:
    """A ribbed ceramic cone on a glass server with coffee in it."""
    shape = divide(smooth([(5.0, 0), (6.0, 0.6), (6.3, 3.5), (5.6, 6.6), (4.0, 8.4), (3.9, 9.4)], 8), 0.45)
    server = lathe([(0, 0), *shape], "glass", "glass", 96)
    coffee = lathe(
        [(0, 0.3), *[(r - 0.3, y + 0.3) for r, y in shape if y < 4.2], (0, 4.7)], "coffee", "gloss", 80
    )
    grip = smooth3([(6.0, 2.4, 0), (8.6, 2.2, 0), (9.4, 4.4, 0), (8.4, 6.6, 0), (5.8, 6.0, 0)], 10)
    ear = tube(grip, 0.45, "glass", "glass", 18)

    def ribs(angle: float, y: float) -> float:
        return 1 + 0.008 * sin(radians(angle * 24)) * min(
            1.0, max(0.0, (y - 11) / 1.5), max(0.0, (16.8 - y) / 1.0)
        )

    plate = vessel([(3.6, 9.5), (5.6, 9.7), (5.9, 10.2)], 0.3, 9.6, "body", "body", "satin", 90)
    outer = divide(smooth([(2.6, 10.0), (3.4, 11.2), (5.0, 14.2), (6.6, 17.2)], 8), 0.4)
    cone = vessel(outer, 0.35, 10.4, "body", "body", "satin", 144, ripple=ribs)
    hold = smooth3([(5.0, 15.6, 0), (7.6, 16.0, 0), (8.4, 14.2, 0), (7.2, 12.4, 0), (3.8, 12.4, 0)], 10)
    handle = tube(hold, 0.36, "body", "satin", 20, flat=1.4, bias=-1.0)
    return place([server, coffee, ear, plate, cone, handle], yaw=12)


def jar(radius: float, height: float) -> list[Part]:
    """A straight storage jar with a wooden lid."""
    shape = smooth(
        [
            (radius * 0.9, 0),
            (radius, 0.5),
            (radius, height * 0.5),
            (radius, height - 0.3),
            (radius * 0.97, height),
        ],
        8,
    )
    body = vessel(
        divide(shape, 0.5), 0.4, 0.6, "body", "body", "satin", 96, speckle=0.018, foot=("clay", 0.8)
    )
    outline = [
        (0, height),
        (radius * 1.02, height + 0.05),
        (radius * 1.04, height + 0.3),
        (radius * 1.04, height + 1.5),
        (radius, height + 1.75),
        (0, height + 1.8),
    ]
    lid = lathe(divide(outline, 0.5), "wood", "wood", 96, bias=3.0)
    knob = lathe(
        [(1.0, height + 1.8), (1.3, height + 2.9), (1.1, height + 3.2), (0, height + 3.25)],
        "wood",
        "wood",
        40,
        bias=4.0,
    )
    return [body, lid, knob]


def jars() -> list[Part]:
    """Three jars of rising size."""
    return [
        *place(jar(5.6, 14), -1.0, 0, -4.5),
        *place(jar(4.8, 10), 9.4, 0, 0.5),
        *place(jar(4.1, 7), -7.2, 0, 5.0),
    ]


def hanging(
    width: float, length: float, depth: float, slot: str, bands: tuple[tuple[float, float], ...], band: str
) -> Part:
    """A cloth hanging in soft folds from height 0 down, with bands between shares of its length."""

    def shape(u: float, v: float) -> Point:
        sway = depth * (0.25 + 0.75 * v)
        fold = sin(u * 15 + 0.6 * sin(v * 3)) * sway + 0.5 * sin(u * 33 + 1) * sway * 0.35
        x = (u - 0.5) * width * (1 + 0.03 * v) + 0.3 * sin(u * 15 + 1.5) * v
        return (x, -v * length - 0.25 * sin(u * 9) * v, 1.0 + fold)

    def slot_at(row: int, _column: int) -> str:
        share = row / 90
        return band if any(low <= share < high for low, high in bands) else slot

    return sheet(shape, 90, 80, slot, "cloth", slot_at=slot_at)


def towel() -> list[Part]:
    """A towel over a wooden rail on the wall."""
    bands = ((0.70, 0.715), (0.74, 0.80), (0.825, 0.84), (0.12, 0.135))
    front = hanging(26, 36, 0.9, "cloth", bands, "stripe")

    def over(u: float, v: float) -> Point:
        a = radians(180 * v)
        return ((u - 0.5) * 26, 1.15 * sin(a), -1.15 * cos(a) * 1.0 + 0.25 * sin(u * 15) * v)

    back = move(hanging(25, 31, 0.6, "cloth", bands, "stripe"), z=-2.6)
    rail = tube([(-19 + 38 * k / 12, 0, 0) for k in range(13)], 0.85, "wood", "wood", 24)
    ends = [
        move(
            turn(lathe([(0, 0), (1.3, 0), (1.4, 0.3), (1.4, 5.2), (0, 5.4)], "wood", "wood", 40), "x", 90),
            x,
            0,
            -5,
        )
        for x in (-17, 17)
    ]
    return [back, *ends, rail, sheet(over, 14, 60, "cloth", bias=2.0), replace(front, bias=2.0)]


KITCHEN_FORMS = {
    "board": Form(board, View(37, fill=0.84), {"wood": "#c4965c", "hole": "#4a3723", "leather": "#6b4326"}),
    "saucepan": Form(
        saucepan,
        View(20, fill=0.78),
        {"body": "#ece3cf", "lid": "#ece3cf", "trim": "#33363a", "wood": WOOD, "metal": "#b9bdbf"},
    ),
    "kettle": Form(
        kettle,
        View(15, fill=0.70),
        {"body": "#8fa9b5", "inside": "#3a3a3a", "wood": WOOD, "metal": "#a9adb0"},
    ),
    "mill": Form(mill, View(14, fill=0.66), {"wood": WOOD, "metal": "#b9bdbf", "corns": "#3b2f28"}),
    "dripper": Form(
        dripper, View(14, fill=0.66), {"body": "#ece5d8", "glass": "#b9c9c6", "coffee": "#3b2115"}
    ),
    "jars": Form(jars, View(19, fill=0.68), {"body": "#e4dccb", "clay": CLAY, "wood": WOOD}),
    "towel": Form(
        towel,
        View(4, fill=0.74, wall=6.0),
        {"cloth": "#ebe4d5", "stripe": "#3e5573", "wood": WOOD},
    ),
}
