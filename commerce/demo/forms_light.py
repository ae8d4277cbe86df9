"""Lamps and candles, all of them lit."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians

from commerce.demo.form import Form
from commerce.demo.forms_table import candle_flame
from commerce.demo.mesh import (
    Part,
    Point,
    ball,
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

BULB = "#ffe7b8"


def domelamp() -> list[Part]:
    """A dome on a slim stem."""
    base = lathe(
        divide(
            [(0, 0), (6.4, 0), (6.8, 0.3), (6.8, 1.0), (6.4, 1.4), (1.0, 1.6), (0.75, 2.0), (0.75, 19)], 0.6
        ),
        "body",
        "satin",
        96,
    )
    curve = smooth([(12.6, 18), (12.3, 20.5), (10.3, 25.0), (6.4, 28.2), (2.4, 29.5), (0, 29.7)], 10)
    dome = lathe(divide([(12.2, 18.0), *curve], 0.5), "body", "satin", 130)
    under = lathe([(0, 18.5), (6, 18.4), (12.2, 18.05)], "bulb", "glow", 60, casts=False)
    knob = move(lathe([(0.7, 0), (0.9, 0.3), (0.8, 0.9), (0, 1.1)], "knob", "metal", 32, bias=2.0), y=29.6)
    cable = smooth3(
        [(5.5, 0.3, -3), (10, 0.25, -5), (14, 0.25, -2), (19, 0.25, -5), (27, 0.25, -9), (40, 0.25, -9)], 8
    )
    return [tube(cable, 0.22, "cable", "cloth", 8, fits=False), base, under, dome, knob]


def tasklamp() -> list[Part]:
    """A lamp of two arms, its shade pointing down to the left."""
    base = lathe(
        divide([(0, 0), (7.6, 0), (8.0, 0.3), (8.0, 1.5), (7.6, 1.9), (0, 2.0)], 0.6), "body", "satin", 96
    )
    post = tube([(0, 1.8, 0), (0, 2.6, 0), (0, 4.6, 0)], 0.9, "joint", "metal", 24)
    first: Point = (0.0, 5.0, 0.0)
    elbow: Point = (9.5, 25.0, 0.0)
    neck: Point = (-9.0, 37.5, 0.0)

    def arm(a: Point, b: Point, shift: float) -> Part:
        way: list[Point] = [
            (a[0] + (b[0] - a[0]) * k / 24, a[1] + (b[1] - a[1]) * k / 24, shift) for k in range(25)
        ]
        return tube(way, 0.36, "body", "satin", 18)

    arms = [arm(first, elbow, -0.7), arm(first, elbow, 0.7), arm(elbow, neck, 0.0)]
    drum = [(0, -1.4), (1.25, -1.3), (1.3, 0), (1.25, 1.3), (0, 1.4)]
    joint = turn(lathe(drum, "joint", "metal", 36, bias=1.0), "x", 90)
    joints = [move(joint, *point) for point in (first, elbow, neck)]
    cone = [(6.6, 0), (6.5, 0.6), (5.2, 3.6), (3.4, 6.4), (2.6, 8.6), (2.3, 10.6), (0, 11.0)]
    shade = lathe(divide([(6.3, 0.0), *smooth(cone[:-1], 6), cone[-1]], 0.5), "body", "satin", 96, bias=2.0)
    inside = lathe([(0, 0.5), (3, 0.3), (6.3, 0.05)], "bulb", "glow", 60, casts=False, bias=2.0)
    head = [move(turn(part, "z", -28), -11.6, 28.4, 0.4) for part in (shade, inside)]
    return place([base, post, *arms, *joints, *head], yaw=16)


def pendant() -> list[Part]:
    """A bell on its cable, seen a little from below."""
    bell = [
        (13.6, 0),
        (13.2, 1.6),
        (10.6, 6.0),
        (6.8, 10.2),
        (4.2, 14.2),
        (3.2, 18.0),
        (2.2, 19.4),
        (0, 19.8),
    ]
    shade = lathe(divide([(13.3, 0.0), *smooth(bell, 8)], 0.55), "body", "satin", 130)
    lining = lathe(
        divide([(0, 9.0), (6.0, 7.0), (10.4, 4.0), (13.3, 0.05)], 0.8),
        "inside",
        "matte",
        90,
        casts=False,
        tone=even(0.42),
    )
    bulb = move(ball(2.6, "bulb", "glow", 30, bias=6.0, casts=False), y=1.9)
    cap = lathe(divide([(2.0, 19.3), (1.7, 21.0), (0.6, 21.6), (0, 21.7)], 0.4), "cap", "metal", 40, bias=2.0)
    cable = tube([(0, 21 + 3 * k, 0) for k in range(14)], 0.22, "cable", "cloth", 10, fits=False)
    return [cable, lining, bulb, shade, cap]


def candles() -> list[Part]:
    """Three tapers of different length in brass holders."""
    parts: list[Part] = []
    for x, z, high in ((-7.0, 1.5, 17), (0.5, -3.0, 22), (7.2, 2.6, 12.5)):
        cup = [
            (0, 0),
            (3.4, 0),
            (3.5, 0.35),
            (2.6, 0.7),
            (0.9, 1.1),
            (0.75, 2.2),
            (1.2, 2.9),
            (1.45, 4.2),
            (1.3, 4.3),
            (1.1, 4.2),
        ]
        holder = lathe(divide([cup[0], *smooth(cup[1:], 6)], 0.3), "brass", "metal", 72)
        taper = lathe(
            divide([(1.05, 3.6), (1.0, 4.4), (0.85, 4.0 + high), (0.5, 4.25 + high), (0, 4.1 + high)], 0.5),
            "wax",
            "satin",
            48,
        )
        wick = tube(
            [(0, 4.0 + high, 0), (0, 4.4 + high, 0), (0.08, 4.9 + high, 0)],
            0.07,
            "wick",
            "matte",
            8,
            casts=False,
        )
        flame = replace(move(candle_flame(2.6), y=4.35 + high), bias=1.0)
        parts += place([holder, taper, wick, flame], x, 0, z)
    return parts


def scented() -> list[Part]:
    """A candle burning in a ceramic pot, the lid beside it."""
    outer = divide(smooth([(4.2, 0), (4.6, 0.4), (4.7, 3), (4.7, 8.6)], 8), 0.4)
    pot = vessel(outer, 0.4, 6.9, "body", "body", "satin", 110, speckle=0.01)
    wax = disc(4.25, 7.3, "wax", "satin", 60, bias=0.8, casts=False, tone=lambda row, _: 0.10 * row / 5)
    wick = tube([(0, 7.3, 0), (0, 7.8, 0), (0.1, 8.3, 0)], 0.09, "wick", "matte", 8, bias=1.5, casts=False)
    flame = replace(move(candle_flame(2.5), y=7.7), bias=3.0)
    label = lathe(
        [(4.74, 2.6 + 3.4 * k / 8) for k in range(9)],
        "label",
        "paper",
        24,
        arc=(228, 292),
        bias=0.4,
        casts=False,
    )
    stamp = [
        move(
            turn(disc(0.8, 0, "body", "paper", 30, bias=0.9, casts=False), "x", 90),
            4.78 * cos(radians(260)),
            4.7,
            4.74,
        )
    ]
    lid = lathe(
        divide([(0, 0), (4.7, 0), (4.8, 0.3), (4.7, 0.9), (1.2, 1.1), (1.2, 1.9), (0.9, 2.1), (0, 2.1)], 0.4),
        "wood",
        "wood",
        90,
    )
    return [pot, wax, wick, flame, label, *stamp, move(lid, 9.4, 0, 3.4)]


LIGHT_FORMS = {
    "domelamp": Form(
        domelamp,
        View(13, fill=0.70, glow=(((0, 16.0, 0), 30, 0.55), ((0, 2.0, 0), 16, 0.25))),
        {"body": "#c8573a", "bulb": BULB, "knob": "#c9a35a", "cable": "#3a3733"},
    ),
    "tasklamp": Form(
        tasklamp,
        View(11, fill=0.74, glow=(((-13.0, 25.0, 3.0), 22, 0.60),)),
        {"body": "#3c6a54", "joint": "#c9a35a", "bulb": BULB},
    ),
    "pendant": Form(
        pendant,
        View(-9, fill=0.62, wall=30.0, lift=-0.08, glow=(((0, 0.5, 0), 30, 0.60),)),
        {"body": "#e8e1d4", "inside": "#f7efdf", "bulb": BULB, "cap": "#c9a35a", "cable": "#3a3733"},
    ),
    "candles": Form(
        candles,
        View(
            12,
            fill=0.68,
            glow=(((-7, 23, 1.5), 11, 0.6), ((0.5, 28, -3), 11, 0.6), ((7.2, 18.5, 2.6), 11, 0.6)),
        ),
        {"brass": "#c9a35a", "wax": "#e0b565", "wick": "#3a2a20", "flame": "#ffd98a"},
    ),
    "scented": Form(
        scented,
        View(19, fill=0.72, glow=(((0, 9.0, 0), 8, 0.6),)),
        {
            "body": "#5d6b4a",
            "label": "#efe8d8",
            "wax": "#efe3c8",
            "wick": "#3a2a20",
            "flame": "#ffd98a",
            "wood": "#c49a65",
        },
    ),
}
