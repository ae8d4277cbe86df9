"""Shapes for the desk: paper, pens, trays, clock, books."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin
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


def notebook() -> list[Part]:
    """A cloth-bound notebook with an elastic band and a ribbon."""
    outline = rounded(14, 21, 0.6, 0.5)
    back = slab(outline, 0, 0.22, "cover", "cloth", 0.08, rings=10)
    pages = slab(
        rounded(13.5, 20.5, 0.3), 0.22, 1.6, "pages", "paper", 0.05, rings=2, step=0.12,
        tone=lambda row, _: -0.07 * (row % 2), bias=40.0,
    )  # fmt: skip
    front = slab(outline, 1.6, 1.85, "cover", "cloth", 0.11, rings=14, bias=80.0)
    spine = sheet(
        lambda u, v: (-7.0 - 0.28 * sin(radians(180 * v)), 0.02 + 1.82 * v, 10.45 - 20.9 * u),
        10,
        40,
        "cover",
        bias=60.0,
    )
    groove = slab(rounded(0.16, 20.6, 0.07, 0.6), 1.84, 1.87, "band", "cloth", 0.02, rings=1, bias=100.0)
    band = slab(rounded(0.62, 21.2, 0.1, 0.5), 0.1, 1.97, "band", "cloth", 0.06, rings=2, bias=120.0)
    ribbon = sheet(
        lambda u, v: (-1.0 + 0.5 * u + 0.8 * v, 1.2 - 1.15 * min(1.0, 2.2 * v), 10.2 + 3.6 * v),
        24,
        3,
        "ribbon",
        bias=30.0,
    )
    return place([back, pages, spine, front, move(groove, x=-6.1), move(band, x=5.2), ribbon], yaw=-24)


def pencil(length: float, slot: str) -> list[Part]:
    """A pencil standing on its end, point up."""
    body = tube([(0, length * k / 10, 0) for k in range(11)], 0.36, slot, "satin", 6, open_end=True)
    cone = lathe([(0.37 - 0.27 * k / 5, length + 1.5 * k / 5) for k in range(6)], "cedar", "wood", 20)
    lead = lathe([(0.1, length + 1.5), (0, length + 2.0)], "lead", "satin", 12)
    return [body, cone, lead]


def pencilcup() -> list[Part]:
    """A fluted cup with three pencils."""

    def flutes(angle: float, y: float) -> float:
        return 1 + 0.045 * abs(cos(radians(angle * 12))) * min(1.0, y / 0.6, max(0.0, (9.9 - y) / 0.5))

    cup = vessel(
        divide([(4.0, 0), (4.25, 0.3), (4.3, 10.0)], 0.5),
        0.45,
        0.8,
        "body",
        "body",
        "satin",
        192,
        ripple=flutes,
    )
    parts = [cup]
    for lean, spin, length, slot in ((-13, 20, 14.5, "one"), (5, 0, 16.0, "two"), (15, -25, 13.5, "three")):
        leaning = [turn(turn(part, "z", -lean), "y", spin) for part in pencil(length, slot)]
        parts += place(leaning, lean * 0.09, 1.0, -0.6)
    return parts


def pen() -> list[Part]:
    """A turned pen lying on a walnut rest."""
    shape = [(0, 0), (0.2, 0.02), (0.28, 0.7), (0.55, 1.8), (0.62, 3.0), (0.66, 6.6)]
    tail = [(0.70, 6.75), (0.70, 12.6), (0.62, 13.2), (0.3, 13.45), (0, 13.5)]
    outline = [(r * 0.78, y) for r, y in [*smooth(shape, 6), (0.60, 6.66), *tail]]
    barrel = lathe(divide(outline, 0.25), "metal", "metal", 48, bias=3.0)
    clip = slab(rounded(0.34, 4.2, 0.15, 0.4), 0.52, 0.70, "metal", "metal", 0.05, rings=2, bias=6.0)
    lying = [turn(turn(barrel, "x", 90), "y", 0), move(clip, z=10.2)]
    raised = [move(part, y=1.9, z=-6.8) for part in lying]
    rest = slab(
        rounded(5.2, 9.5, 0.5, 0.4),
        0,
        1.35,
        "wood",
        "wood",
        0.22,
        rings=14,
        tone=grain(2, 0.05, upright=True),
    )
    return place([rest, *raised], yaw=58)


def box(x: float, z: float, wide: float, deep: float, low: float, high: float, seed: int) -> Part:
    """A wooden block for the tray below, with its centre at (x, z)."""
    tone = grain(seed, 0.03, upright=True)
    return move(
        slab(rounded(wide, deep, 0.35, 0.8), low, high, "wood", "wood", 0.18, rings=3, tone=tone), x, 0, z
    )


def valet() -> list[Part]:
    """A tray with a long and two short compartments."""

    def floor(u: float, v: float) -> Point:
        return (27.0 * (u - 0.5), 0.8, 15.0 * (v - 0.5))

    wood = grain(6)
    base = sheet(
        floor,
        60,
        60,
        "wood",
        "wood",
        tone=lambda row, column: wood(row, column) - 0.13,
        bias=-4.0,
    )
    walls = [
        box(0, -7.6, 28, 0.9, 0, 3, 1),
        box(-13.6, 0, 0.9, 15.9, 0, 3, 2),
        box(13.6, 0, 0.9, 15.9, 0, 3, 3),
        replace(box(0, -1.2, 26.6, 0.8, 0.5, 2.8, 4), bias=0.5),
        replace(box(3.0, -4.4, 0.8, 6.0, 0.5, 2.8, 5), bias=0.3),
        replace(box(0, 7.6, 28, 0.9, 0, 3, 6), bias=2.0),
    ]
    coins = [move(lathe([(1.15, 0), (1.2, 0.05), (1.2, 0.2), (0, 0.22)], "coin", "metal", 40), x, 0.9 + y, z)
             for x, y, z in ((8.0, 0.0, -4.6), (8.9, 0.22, -4.1), (6.3, 0.0, -3.6))]  # fmt: skip
    stick = [turn(turn(part, "z", 90), "y", 4) for part in pencil(15, "pencil")]
    return place([base, *walls, *coins, *[move(part, 9.0, 1.3, 3.4) for part in stick]], yaw=24)


def clip_wire(seed: Random) -> Part:
    """One bent paper clip, lying flat."""
    points: list[Point] = [
        (-0.5, 0, -0.9),
        (-0.5, 0, 0.9),
        (0, 0, 1.35),
        (0.5, 0, 0.9),
        (0.5, 0, -1.1),
        (0.05, 0, -1.5),
    ]
    points += [(-0.3, 0.05, -1.1), (-0.3, 0.05, 0.5), (0.02, 0.05, 0.85), (0.3, 0.05, 0.5), (0.3, 0.05, -0.7)]
    return tube(smooth3(points, 3), 0.085 + 0.01 * seed.random(), "brass", "metal", 7)


def cliptin() -> list[Part]:
    """An open tin heaped with clips, its lid leaning on it."""
    random = Random(11)
    tin = vessel(divide([(3.4, 0), (3.6, 0.15), (3.6, 2.6)], 0.3), 0.12, 0.2, "tin", "tin", "metal", 110)
    clips = []
    for k in range(34):
        a, r = random.random() * 360, 2.3 * random.random() ** 0.6
        clip = turn(turn(clip_wire(random), "x", random.uniform(-22, 22)), "y", random.random() * 360)
        clips.append(
            replace(
                move(clip, r * cos(radians(a)), 1.5 + 0.9 * (1 - r / 3) + k * 0.015, r * sin(radians(a))),
                bias=0.4,
                casts=False,
            )
        )
    lid = lathe(
        [(3.7, 0), (3.75, 0.1), (3.75, 0.9), (3.6, 1.05), (3.2, 1.1), (3.1, 1.02), (2.0, 1.02), (0, 1.02)],
        "tin",
        "metal",
        110,
    )
    leaning = move(turn(turn(lid, "x", 62), "y", -30), 5.6, 3.1, -1.6)
    loose = [
        place([clip_wire(random)], x, 0.12, z, yaw)[0]
        for x, z, yaw in ((-4.6, 3.0, 40), (-1.8, 5.0, 110), (4.6, 3.9, 10))
    ]
    return [replace(leaning, bias=-4.0), tin, *clips, *loose]


def clock() -> list[Part]:
    """A round clock on its edge, facing the viewer."""
    rim = [(0, -1.8), (6.3, -1.8), (7.0, -1.2), (7.15, 0), (7.0, 1.5), (6.6, 1.9), (6.3, 1.8)]
    case = lathe(divide([rim[0], *smooth(rim[1:], 6)], 0.4), "body", "satin", 110)
    face = disc(6.35, 1.35, "face", "paper", 80, bias=0.2)
    marks = []
    for hour in range(12):
        mark = slab(
            rounded(0.2 if hour % 3 else 0.32, 0.9, 0.08, 0.3),
            1.36,
            1.42,
            "hand",
            "matte",
            0.02,
            rings=1,
            bias=0.5,
        )
        marks.append(turn(move(mark, z=-5.2), "y", -30 * hour))
    hands = []
    for angle, long, wide, y in ((-305, 3.4, 0.36, 1.5), (-60, 4.9, 0.26, 1.6)):
        hand = slab(
            rounded(wide, long, wide * 0.45, 0.5), y, y + 0.08, "hand", "matte", 0.02, rings=2, bias=1.0
        )
        hands.append(turn(move(hand, z=-long / 2 + 0.6), "y", angle))
    sweep = move(
        slab(rounded(0.1, 5.4, 0.04, 0.5), 1.7, 1.75, "second", "matte", 0.02, rings=1, bias=1.5), z=-2.0
    )
    pin = lathe([(0.42, 1.5), (0.42, 1.85), (0, 1.95)], "second", "satin", 24, bias=2.0)
    upright = [turn(part, "x", 90) for part in (case, face, *marks, *hands, turn(sweep, "y", 170), pin)]
    foot = slab(rounded(5.6, 3.4, 0.6, 0.4), 0, 0.7, "body", "satin", 0.2, bias=-1.0)
    return place([foot, *[move(part, y=7.5) for part in upright]], yaw=-20)


def book(wide: float, high: float, deep: float, slot: str) -> list[Part]:
    """An upright book, spine to the viewer, with two bands on its spine."""

    def spine(u: float, v: float) -> Point:
        a = radians(180 * u)
        return (-wide / 2 * cos(a), high * v, deep / 2 + 0.32 * sin(a))

    cover = slab(rounded(wide, deep, 0.12, 0.7), 0, high, slot, "cloth", 0.06)
    pages = move(
        slab(
            rounded(wide - 0.5, deep - 0.6, 0.1, 0.7),
            high - 0.3,
            high + 0.04,
            "pages",
            "paper",
            0.02,
            bias=1.0,
        ),
        z=-0.1,
    )
    bands = {8, 9, 60, 61, 64, 65}
    back = sheet(
        spine, 72, 12, slot, "cloth", slot_at=lambda row, _: "gilt" if row in bands else slot, bias=0.4
    )
    return [cover, pages, back]


def bookends() -> list[Part]:
    """Two bent steel plates and the books between them."""
    parts: list[Part] = []
    x = -9.5
    books = [(3.0, 21, 15, "one"), (2.2, 19, 14, "two"), (3.6, 22.5, 15.5, "three"), (1.8, 18, 13, "four")]
    books += [(2.8, 20.5, 15, "five"), (2.4, 19.6, 14, "two"), (2.0, 21.5, 15, "one")]
    for wide, high, deep, slot in books:
        parts += place(book(wide, high, deep, slot), x + wide / 2, 0.3, (15.5 - deep) / 2)
        x += wide + 0.08
    upright = slab(rounded(15.0, 13, 1.2, 0.8), 0, 0.42, "steel", "matte", 0.08, rings=12)
    foot = slab(rounded(10.5, 13, 0.8, 0.8), 0, 0.3, "steel", "matte", 0.06, rings=6)
    left = move(turn(upright, "z", 90), -9.6, 7.5, 1.0)
    right = move(turn(upright, "z", 90), x + 0.5, 7.5, 1.0)
    feet = [move(foot, -14.8, 0, 1.0), move(foot, x + 5.4, 0, 1.0)]
    return place([*feet, left, *parts, replace(right, bias=3.0)], yaw=-24)


INKS = {"one": "#b5532f", "two": "#e0b64c", "three": "#38506a", "cedar": "#d5a878", "lead": "#3a3a3c"}
DESK_FORMS = {
    "notebook": Form(
        notebook,
        View(50, fill=0.72),
        {"cover": "#48687c", "pages": "#f1ead9", "band": "#24343f", "ribbon": "#b3492f"},
    ),
    "pencilcup": Form(pencilcup, View(16, fill=0.68), {"body": "#d8c4a1", **INKS}),
    "pen": Form(pen, View(32, fill=0.76), {"metal": "#c59b4d", "wood": "#6d4c37"}),
    "valet": Form(
        valet,
        View(37, fill=0.78),
        {"wood": "#c99f69", "coin": "#c9a35a", "pencil": "#3d5a4c", "cedar": "#d5a878", "lead": "#3a3a3c"},
    ),
    "cliptin": Form(cliptin, View(32, fill=0.70), {"tin": "#a9adab", "brass": "#d0a548"}),
    "clock": Form(
        clock,
        View(10, fill=0.62),
        {"body": "#e6dccb", "face": "#f4efe4", "hand": "#2f3236", "second": "#b8502f"},
    ),
    "bookends": Form(
        bookends,
        View(16, fill=0.78),
        {
            "steel": "#a8513c",
            "pages": "#efe6d3",
            "gilt": "#d8c08a",
            "one": "#35505a",
            "two": "#c9a24d",
            "three": "#5b6b4c",
            "four": "#d9cfbb",
            "five": "#8a4a3f",
        },
    ),
}
