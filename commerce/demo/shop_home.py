"""The first demo shop, Lindenrow: calm things for table, desk and room, sold in euros from Germany."""

from __future__ import annotations

from commerce.demo.shop_home_desk import DESK, LIGHT
from commerce.demo.shop_home_room import ROOM
from commerce.demo.shop_home_table import KITCHEN, TABLE
from commerce.demo.spec import DemoCategory, DemoPicture, DemoShop

HOME_SHOP = DemoShop(
    code="demo",
    name="Lindenrow",
    tagline="Quiet, lasting things for table, desk and room.",
    currency="EUR",
    locale="en",
    country="DE",
    prices_include_tax=True,
    hero=DemoPicture(
        "hero-demo",
        "A kettle, a mug, a bowl, a vase with a eucalyptus branch and a lit lamp side by side on a pale table",
        "hero_home",
        "oat",
    ),
    categories=(
        DemoCategory(
            "table", "Table", "Stoneware, glass and linen for breakfast, for guests and for Tuesday nights."
        ),
        DemoCategory(
            "kitchen", "Kitchen", "Boards, pans and jars that are used every day and put away with pleasure."
        ),
        DemoCategory("desk", "Desk", "Paper, wood and brass for people who still write things down."),
        DemoCategory(
            "light", "Light", "Lamps with a clear circle of light, and candles for when that is too much."
        ),
        DemoCategory("textiles", "Textiles", "Wool and linen from small mills, made to be washed and kept."),
        DemoCategory("room", "Room", "Vases, baskets and other things that make a room feel lived in."),
    ),
    products=(*TABLE, *KITCHEN, *DESK, *LIGHT, *ROOM),
    theme={
        "accent": "#2f5a4c",
        "accent_ink": "#ffffff",
        "paper": "#faf7f2",
        "ink": "#23262a",
        "muted": "#5f6366",
        "line": "#e3ddd1",
        "surface": "#ffffff",
        "typeface": "sans",
    },
)
