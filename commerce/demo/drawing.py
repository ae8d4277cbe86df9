"""Draws the pictures of the demo shops: squares of 800 pixels and one wide picture per shop, as WebP."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter

from commerce.demo.form import Form
from commerce.demo.forms import FORMS
from commerce.demo.render import Colour, Scene, paint, prepare
from commerce.demo.spec import DemoPicture, DemoShop

SIZE = (800, 800)
HERO_SIZE = (1600, 900)
MAX_BYTES = 36_000
HERO_MAX_BYTES = 85_000
# Tried in this order until the picture is small enough; fine patterns need a lower one.
QUALITIES = (82, 72, 60, 45)
# Wall and table of each backdrop, and the colour that a shadow takes on it.
BACKDROPS: dict[str, tuple[str, str, str]] = {
    "oat": ("#e6ddce", "#f1eadf", "#6f6252"),
    "sand": ("#dfcdb4", "#ecdfcb", "#6e5840"),
    "clay": ("#dcbfae", "#ead3c5", "#6d4a3d"),
    "sage": ("#c6cdb9", "#d9decf", "#49533f"),
    "mist": ("#c9d3d7", "#dce3e5", "#46545b"),
    "rose": ("#dcc6c2", "#ead9d5", "#6a4c4b"),
    "straw": ("#e2d29f", "#eee2bb", "#6d5a2c"),
    "stone": ("#c4c0b8", "#d7d3cc", "#4d4943"),
    "dusk": ("#4a5458", "#5d6769", "#171c20"),
    "plum": ("#6b5357", "#7d6467", "#241a1e"),
    "washi": ("#e9e2d0", "#f3eee1", "#6b614c"),
    "moss": ("#aab294", "#c0c6ab", "#3b4430"),
    "indigo": ("#8b9bb0", "#a5b2c3", "#2b3647"),
    "kaki": ("#d9a883", "#e6bf9f", "#6e432a"),
    "sumi": ("#55534f", "#686661", "#1a1917"),
}
# The wall meets the table this far down the picture.
HORIZON = 0.56


def draw(picture: DemoPicture) -> bytes:
    """The picture as WebP, 800 by 800 pixels; the same bytes for the same record."""
    return _webp(render(picture, SIZE), MAX_BYTES)


def draw_hero(shop: DemoShop) -> bytes:
    """The wide picture of the shop's home page as WebP, 1600 by 900 pixels."""
    return _webp(render(shop.hero, HERO_SIZE), HERO_MAX_BYTES)


def render(picture: DemoPicture, size: tuple[int, int]) -> Image.Image:
    """Draws a picture; raises KeyError for an unknown form, slot or backdrop."""
    form = FORMS[picture.form]
    scene = _scene(picture.form, size)
    wanted = dict(picture.colours)
    unknown = set(wanted) - set(form.colours)
    if unknown:
        raise KeyError(f"{picture.form} has no slot {', '.join(sorted(unknown))}")
    colours = {slot: rgb(wanted.get(slot, default)) for slot, default in form.colours.items()}
    shade = rgb(BACKDROPS[picture.backdrop][2])
    flat = form.view.wall is not None or form.view.pitch > 38
    return paint(scene, backdrop(picture.backdrop, size, flat).copy(), colours, shade)


@lru_cache(maxsize=2)
def _scene(name: str, size: tuple[int, int]) -> Scene:
    """Pictures of one product follow each other and differ in colour only, so the last scenes are kept."""
    form: Form = FORMS[name]
    return prepare(form.build(), form.view, size)


@lru_cache(maxsize=16)
def backdrop(name: str, size: tuple[int, int], flat: bool) -> Image.Image:
    """A studio corner: a wall with a pool of light, a lighter table; `flat` leaves out the corner."""
    wall, table, shade = (rgb(code) for code in BACKDROPS[name])
    width, height = size
    low = Image.new("RGB", (1, 256))
    low.putdata([_column(y / 255, wall, table, shade, flat) for y in range(256)])
    picture = low.resize(size, Image.Resampling.BICUBIC)
    side = int(height * 1.7)
    pool = Image.radial_gradient("L").point(lambda v: max(0, 176 - v) * 0.36)
    pool = pool.resize((side, side), Image.Resampling.BICUBIC)
    mask = Image.new("L", size, 0)
    mask.paste(pool, (int(width * 0.36) - side // 2, int(height * 0.30) - side // 2))
    picture = Image.composite(Image.new("RGB", size, (255, 252, 245)), picture, mask)
    if width > height and not flat:
        picture = _window_light(picture)
    corner = Image.radial_gradient("L").point(lambda v: max(0, v - 140) * 0.26)
    corner = corner.resize(size, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", size, shade), picture, corner)


def _window_light(picture: Image.Image) -> Image.Image:
    """Adds the slanting light of a window with six panes to the wall of a wide picture."""
    width, height = picture.size
    mask = Image.new("L", (width // 2, height // 2), 0)
    pen = ImageDraw.Draw(mask)
    pane_w, pane_h, slant = width * 0.055, height * 0.105, height * 0.075
    for row in range(3):
        for column in range(2):
            x, y = (
                width * 0.075 + column * pane_w * 1.16 + row * slant * 0.30,
                height * 0.04 + row * pane_h * 1.12,
            )
            y += column * slant * 0.38
            pen.polygon([(x, y), (x + pane_w, y + slant / 3), (x + pane_w + slant * 0.27, y + pane_h + slant / 3),
                         (x + slant * 0.27, y + pane_h)], fill=118)  # fmt: skip
    mask = mask.filter(ImageFilter.GaussianBlur(4)).resize(picture.size, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", picture.size, (255, 248, 228)), picture, mask)


def _column(y: float, wall: Colour, table: Colour, shade: Colour, flat: bool) -> Colour:
    """The colour of the backdrop at height y (0 top, 1 bottom)."""
    if flat:
        return _mix(wall, table, 0.25 + 0.6 * y)
    edge = min(max((y - HORIZON + 0.012) / 0.024, 0.0), 1.0)
    edge = edge * edge * (3 - 2 * edge)
    upper = _mix(wall, shade, 0.07 * (1 - y / HORIZON) + 0.05 * max(0.0, 1 - abs(y - HORIZON) / 0.10))
    lower = _mix(table, wall, 0.55 * max(0.0, 1 - (y - HORIZON) / 0.30))
    return _mix(upper, lower, edge)


def _mix(a: Colour, b: Colour, t: float) -> Colour:
    r, g, bl = (int(x + (y - x) * t + 0.5) for x, y in zip(a, b, strict=True))
    return (r, g, bl)


def rgb(code: str) -> Colour:
    """The colour of a code such as "#2f5d50"."""
    return (int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16))


def _webp(picture: Image.Image, limit: int) -> bytes:
    """The picture at the best quality that stays below `limit` bytes, or else at the lowest."""
    data = b""
    for quality in QUALITIES:
        out = BytesIO()
        picture.save(out, "WEBP", quality=quality, method=2)
        data = out.getvalue()
        if len(data) <= limit:
            break
    return data
