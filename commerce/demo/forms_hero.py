"""The wide pictures of the home pages: several shapes on one table."""

from __future__ import annotations

from commerce.demo.form import Form
from commerce.demo.forms_kitchen import kettle
from commerce.demo.forms_leaf import caddy, dish, leaves
from commerce.demo.forms_light import domelamp
from commerce.demo.forms_room import vase
from commerce.demo.forms_table import bowl, mug, napkins
from commerce.demo.forms_teatools import whisk
from commerce.demo.forms_teaware import chawan, cup, kyusu
from commerce.demo.mesh import Part, dress, place
from commerce.demo.render import View


def hero_home() -> list[Part]:
    """Lindenrow: lamp, vase, kettle, bowl, mug and a stack of linen."""
    return [
        *place(dress(vase(), "vase"), 6.0, 0, -9.0, yaw=20),
        *place(dress(domelamp(), "lamp"), 40.0, 0, -7.0),
        *place(dress(kettle(), "kettle"), -17.0, 0, -3.0, yaw=4),
        *place(dress(bowl(), "bowl"), 20.5, 0, 7.0),
        *place(dress(napkins(), "linen"), -39.0, 0, 5.0, yaw=14),
        *place(dress(mug(), "mug"), -0.5, 0, 13.0, yaw=-20),
    ]


def hero_tea() -> list[Part]:
    """Asagiri: pot, two cups, bowl, whisk, tin and a dish of leaves."""
    return [
        *place(dress(caddy(4.4, 13.0, 0.74), "tin"), 12.5, 0, -7.5, yaw=4),
        *place(dress(caddy(4.1, 8.4, 0.7, label=False), "small"), 22.5, 0, -9.0, yaw=50),
        *place(dress(kyusu(), "pot"), -7.0, 0, -1.5, yaw=-4),
        *place(dress(cup(7.6, 3.6, 1.0, tea=True), "cup"), 6.0, 0, 6.0),
        *place(dress(cup(7.6, 3.6, 2.4, tea=True), "cup"), -22.5, 0, 4.0),
        *place(dress(chawan(), "bowl"), 22.0, 0, 5.0),
        *place(dress(whisk(), "whisk"), 35.0, 0, -1.5),
        *place(dress([dish(), *leaves(120, 3.9, 5)], "dish"), 33.5, 0, 9.5),
    ]


HERO_FORMS = {
    "hero_home": Form(
        hero_home,
        View(11, fill=0.70, shift=0.11, lift=-0.05, glow=(((40, 16, -7), 30, 0.5), ((40, 2, -7), 16, 0.22))),
        {
            "vase.body": "#a84c33", "vase.inside": "#5d3022", "vase.stem": "#7a6248", "vase.leaf": "#7f9483",
            "lamp.body": "#6c7048", "lamp.bulb": "#ffe7b8", "lamp.knob": "#c9a35a", "lamp.cable": "#3a3733",
            "kettle.body": "#8fa9b5", "kettle.inside": "#3a3a3a", "kettle.wood": "#c49a65", "kettle.metal": "#a9adb0",
            "bowl.body": "#dccfbb", "bowl.inside": "#e2b45c", "bowl.clay": "#c6a585",
            "linen.cloth": "#cdbb9a", "linen.edge": "#b9a888", "linen.band": "#f3ece0",
            "mug.body": "#37475a", "mug.inside": "#e3dccf", "mug.clay": "#c6a585",
        },
    ),
    "hero_tea": Form(
        hero_tea,
        View(15, fill=0.66, shift=0.12, lift=-0.10),
        {
            "tin.paper": "#3e5a80", "tin.pattern": "#d9dcd6", "tin.label": "#efe8d6",
            "small.paper": "#b98a3a", "small.pattern": "#efdca8",
            "pot.body": "#9c4a31", "pot.inside": "#3a2019",
            "cup.body": "#e6dccb", "cup.inside": "#ebe4d6", "cup.clay": "#b89572", "cup.tea": "#b7b45a",
            "bowl.body": "#2f2c2b", "bowl.inside": "#383432", "bowl.clay": "#b89572", "bowl.tea": "#8fa845",
            "whisk.bamboo": "#d8bd86", "whisk.core": "#cdb078", "whisk.thread": "#2f2b2a",
            "dish.dish": "#e7e0d2", "dish.leaf": "#41582f", "dish.grain": "#5b7244",
        },
    ),
}  # fmt: skip
