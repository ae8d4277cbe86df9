"""Asagiri: the teas."""

from __future__ import annotations

from commerce.demo.spec import DemoProduct
from commerce.demo.writing import Axis, PerValue, axis, product, shots

_ASAGIRI = "Asagiri Tea"
_SAWANOBE = "Sawanobe Garden"
_HOSHINO = "Hoshigaoka Growers"

_WEIGHT = axis("Weight", _50="50 g", _100="100 g", _200="200 g")
_TWO = axis("Weight", _50="50 g", _100="100 g")
# A pouch weighs what is in it and about twelve grams for itself.
_PACKED = {"30 g": 42, "50 g": 62, "100 g": 114, "200 g": 218}


def _tea(
    slug: str,
    title: str,
    category: str,
    vendor: str,
    text: str,
    *points: str,
    sku: str,
    price: PerValue,
    stock: tuple[int, ...],
    look: tuple[str, str, dict[str, str]],
    axes: tuple[Axis, ...] = (_WEIGHT,),
    tags: str = "",
) -> DemoProduct:
    """A tea in a paper pouch, with a dish of its leaves before it; `look` is (leaves, backdrop, colours)."""
    leaf, backdrop, colours = look
    return product(
        slug,
        title,
        category,
        vendor,
        text,
        *points,
        sku=sku,
        price=price,
        grams=_PACKED,
        stock=stock,
        axes=axes,
        tags=tags,
        tax_class="reduced",
        pictures=shots(
            "pouch", f"Paper pouch of {title} and a small dish of {leaf}", (slug, backdrop, colours)
        ),
    )


GREEN = (
    product(
        "first-flush-sencha",
        "First Flush Sencha",
        "green",
        _SAWANOBE,
        "Picked in the last days of April from the slopes above the Abe river in Shizuoka and steamed within "
        "hours. The cup is bright green, with the sweetness of young peas and a clean, brisk finish. This is the "
        "tea we drink in the shop all day.",
        "Steep 60 seconds at 70 °C",
        "Yabukita cultivar, medium steamed",
        "Harvest of this spring",
        sku="AS-SEN",
        price={"50 g": 980, "100 g": 1840},
        grams={"50 g": 62, "100 g": 114},
        axes=(axis("Packing", P="Pouch", T="Tin"), _TWO),
        stock=(60, 44, 18, 3),
        was={"-T-100": 2160},
        follow="Packing",
        tags="shizuoka bestseller",
        tax_class="reduced",
        pictures=(
            *shots(
                "pouch",
                "Paper pouch of First Flush Sencha and a small dish of green leaves",
                ("sencha", "moss", {"paper": "#e8dfc8", "label": "#5b7244", "leaf": "#41582f"}),
            ),
            *shots(
                "teatin",
                "Tin of First Flush Sencha wrapped in green paper",
                ("sencha-tin", "washi", {"paper": "#6f8655", "pattern": "#8ba06f", "label": "#f0e9d6"}),
            ),
        ),
    ),
    _tea(
        "yame-gyokuro",
        "Yame Gyokuro",
        "green",
        _HOSHINO,
        "Shaded under straw for three weeks before the harvest, which turns the leaf dark and the cup thick and "
        "savoury. Brew it small and cool, and sip it like a broth. The third infusion is the one people remember.",
        "Steep 2 minutes at 55 °C",
        "Hand-picked once a year in Yame, Fukuoka",
        "Three infusions or more",
        sku="AS-GYO",
        price={"30 g": 2400, "50 g": 3800},
        stock=(12, 2),
        look=(
            "dark, needle-shaped leaves",
            "sumi",
            {"paper": "#2f3d35", "label": "#c9b172", "leaf": "#2f4630"},
        ),
        axes=(axis("Weight", _30="30 g", _50="50 g"),),
        tags="fukuoka shaded gift",
    ),
    _tea(
        "roasted-hojicha",
        "Charcoal Roasted Hojicha",
        "green",
        _ASAGIRI,
        "Autumn leaves and stems, turned over charcoal until they smell of chestnut and warm bread. Low in "
        "caffeine and round in the cup, it is the tea for after supper. Also very good with milk.",
        "Steep 30 seconds at 95 °C",
        "Roasted weekly in our back room",
        "Naturally low in caffeine",
        sku="AS-HOJ",
        price={"50 g": 640, "100 g": 1180, "200 g": 2160},
        stock=(52, 38, 15),
        look=("roasted brown leaves", "kaki", {"paper": "#b58a5c", "label": "#7b4a2c", "leaf": "#6b4326"}),
        tags="roasted evening",
    ),
    _tea(
        "genmaicha",
        "Genmaicha with New Rice",
        "green",
        _SAWANOBE,
        "Sencha and toasted rice in equal parts, the rice popped the same morning. It tastes of cereal and cut "
        "grass, and goes with anything salty. The pale kernels that burst are called <em>flowers</em>; we leave "
        "them in.",
        "Steep 45 seconds at 85 °C",
        "Rice from Niigata",
        "Good cold",
        sku="AS-GEN",
        price={"50 g": 620, "100 g": 1120, "200 g": 2040},
        stock=(40, 29, 11),
        look=(
            "green leaves and toasted rice",
            "straw",
            {"paper": "#d9bf77", "label": "#8d6f24", "leaf": "#66703a", "grain": "#d9b877"},
        ),
        tags="rice everyday",
    ),
    _tea(
        "kukicha-stems",
        "Kukicha of Spring Stems",
        "green",
        _SAWANOBE,
        "The stems that sencha leaves behind, sorted by hand and lightly fired. Sweet, pale and forgiving: it "
        "never turns bitter, however long you talk. A quiet first tea of the morning.",
        "Steep 60 seconds at 75 °C",
        "Low in caffeine",
        "From the same harvest as our sencha",
        sku="AS-KUK",
        price={"50 g": 560, "100 g": 1020, "200 g": 1880},
        stock=(33, 21, 0),
        look=("pale green stems", "washi", {"paper": "#a9b888", "label": "#6c7f4d", "leaf": "#9aa36a"}),
        tags="everyday",
    ),
    product(
        "ceremonial-matcha",
        "Ceremonial Matcha Haru",
        "matcha green",
        _HOSHINO,
        "Stone-ground to order, forty grams an hour. The colour is that of new moss, the foam is fine, and the "
        "taste is creamy with hardly any bitterness. Made for thin tea, and generous enough for thick.",
        "2 g to 70 ml at 75 °C, whisked",
        "Ground within the week",
        "Keep it cold once opened",
        sku="AS-MAT",
        price={"20 g": 2700, "40 g": 4900},
        grams={"20 g": 74, "40 g": 98},
        axes=(axis("Weight", _20="20 g", _40="40 g"),),
        stock=(26, 9),
        tags="matcha bestseller gift",
        tax_class="reduced",
        pictures=shots(
            "matchatin",
            "Small tin of matcha beside a dish of bright green powder",
            ("haru", "indigo", {"body": "#2d3a33", "label": "#dfd3b2", "powder": "#7f9a3d"}),
        ),
    ),
    product(
        "kitchen-matcha",
        "Kitchen Matcha",
        "matcha",
        _SAWANOBE,
        "A second-harvest matcha with enough backbone to stand up to milk, sugar and an oven. Bright in a latte, "
        "still green in a sponge cake. Honest value for people who use a spoon, not a scoop.",
        "1 teaspoon to 200 ml of milk",
        "Fine enough for whisking",
        "Resealable bag",
        sku="AS-KMA",
        price={"50 g": 1280, "100 g": 2380},
        grams={"50 g": 62, "100 g": 114},
        axes=(_TWO,),
        stock=(31, 24),
        was={"-100": 2560},
        tags="matcha baking",
        tax_class="reduced",
        pictures=shots(
            "pouch",
            "Paper pouch of Kitchen Matcha and a small dish of green powder",
            ("kitchen-matcha", "rose", {"paper": "#e9e4d4", "label": "#8aa046", "leaf": "#86a03f"}),
        ),
    ),
)

LEAF = (
    _tea(
        "wakoucha-black",
        "Wakoucha Black Tea",
        "black",
        _HOSHINO,
        "A Japanese black tea: fully oxidised, softly spoken. Expect apricot and malt rather than tannin, and no "
        "need for milk. Brewed strong it makes the best iced tea we know.",
        "Steep 3 minutes at 95 °C",
        "Benifuki cultivar",
        "Two infusions",
        sku="AS-WAK",
        price={"50 g": 880, "100 g": 1640},
        stock=(27, 14),
        look=("twisted black leaves", "clay", {"paper": "#7c3529", "label": "#a8503a", "leaf": "#3b2620"}),
        axes=(_TWO,),
        tags="black",
    ),
    _tea(
        "mountain-oolong",
        "Mountain Oolong",
        "black",
        _ASAGIRI,
        "Half-oxidised and rolled by two brothers at 600 metres, who make forty kilos a year and sell half of it "
        "to us. Orchid at first, then toasted walnut. Keep adding water until the afternoon is over.",
        "Steep 45 seconds at 90 °C",
        "Five infusions or more",
        "Tiny harvest",
        sku="AS-OOL",
        price={"50 g": 1480, "100 g": 2780},
        stock=(1, 0),
        look=("rolled oolong leaves", "mist", {"paper": "#4a6a69", "label": "#3f5d5b", "leaf": "#4a4a34"}),
        axes=(_TWO,),
        tags="oolong rare",
    ),
    _tea(
        "soba-cha",
        "Toasted Buckwheat Soba-cha",
        "black",
        _ASAGIRI,
        "Not a tea at all, but buckwheat toasted dark until it smells like biscuits. Free of caffeine and loved "
        "by children. What is left in the pot goes onto yoghurt or rice.",
        "Steep 5 minutes with boiling water",
        "Free of caffeine",
        "Buckwheat from Nagano",
        sku="AS-SOB",
        price={"50 g": 480, "100 g": 860, "200 g": 1580},
        stock=(36, 30, 22),
        look=("toasted buckwheat", "sand", {"paper": "#c99a55", "label": "#a5672f", "leaf": "#8d5e33"}),
        tags="herbal evening",
    ),
    product(
        "yuzu-tea-bags",
        "Yuzu Sencha, Fifteen Bags",
        "black green",
        _SAWANOBE,
        "Sencha with the dried peel of yuzu from Kochi, in bags roomy enough for whole leaves. The citrus is in "
        "the nose, the tea is in the mouth. Made for offices, trains and thermos flasks.",
        "15 pyramid bags of 2.5 g",
        "Bags of corn fibre, compostable",
        "Steep 90 seconds at 80 °C",
        sku="AS-YUZ",
        price=1080,
        grams=95,
        stock=(47,),
        tags="citrus everyday",
        tax_class="reduced",
        pictures=shots(
            "teabox", "Box of yuzu sencha with one pyramid tea bag before it", ("yuzu", "straw", {})
        ),
    ),
)
