"""The second demo shop, Asagiri Tea: leaves, pots and small tools, sold in yen from Japan."""

from __future__ import annotations

from commerce.demo.shop_tea_leaf import GREEN, LEAF
from commerce.demo.shop_tea_ware import CUPS, GIFTS, POTS, TOOLS
from commerce.demo.spec import DemoCategory, DemoPicture, DemoShop

TEA_SHOP = DemoShop(
    code="tea",
    name="Asagiri Tea",
    tagline="Japanese tea, and the few things that it needs.",
    currency="JPY",
    locale="en",
    country="JP",
    prices_include_tax=True,
    hero=DemoPicture(
        "hero-tea",
        "A red clay teapot, two cups of green tea, a whisk, a matcha bowl and a paper-covered tin on a long table",
        "hero_tea",
        "moss",
    ),
    categories=(
        DemoCategory(
            "green", "Green tea", "Steamed, shaded and roasted leaves from gardens we visit every spring."
        ),
        DemoCategory("matcha", "Matcha", "Stone-ground tea with its bowl, whisk and scoop."),
        DemoCategory(
            "black",
            "Black and others",
            "Oxidised, rolled, toasted: what Japan drinks when it is not drinking green.",
        ),
        DemoCategory(
            "pots", "Pots and kettles", "Clay, iron and glass, made to pour well before anything else."
        ),
        DemoCategory("cups", "Cups and trays", "Stoneware to warm the hands, and trays to carry it on."),
        DemoCategory("storage", "Caddies", "Lacquer, bark and paper to keep a harvest fresh."),
        DemoCategory("gifts", "Gifts", "Wrapped, knotted and ready to hand over."),
    ),
    products=(*GREEN, *LEAF, *POTS, *CUPS, *TOOLS, *GIFTS),
    theme={
        "accent": "#8f3524",
        "accent_ink": "#fffaf3",
        "paper": "#f5f1e6",
        "ink": "#1f221d",
        "muted": "#5d5e50",
        "line": "#ddd5c0",
        "surface": "#fdfbf5",
        "typeface": "serif",
    },
)
