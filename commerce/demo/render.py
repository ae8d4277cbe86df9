"""A small painter: parts in, a shaded studio picture out.

Every quad is lit by one key light from the upper left, a sky and a bounce from the table, then drawn
back to front at three times the size and reduced. The brightness is an index into a ramp of colours, so
one prepared scene serves every colour of a product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians, sin, sqrt
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from commerce.demo.mesh import Part, Point

KEY_LIGHT: Point = (-0.56, 0.70, 0.44)
SUPERSAMPLE = 3
LEVELS = 256
WHITE_LEVEL = 200
# How a surface takes the light: share of key light, its wrap round the edge, highlight strength and sharpness.
FINISHES: dict[str, tuple[float, float, float, int]] = {
    "matte": (0.62, 0.22, 0.03, 6),
    "satin": (0.62, 0.14, 0.16, 14),
    "gloss": (0.62, 0.08, 0.42, 42),
    "cloth": (0.58, 0.34, 0.0, 4),
    "paper": (0.56, 0.26, 0.02, 6),
    "wood": (0.60, 0.20, 0.07, 10),
}
Colour = tuple[int, int, int]
Quad = tuple[float, list[float], str, int]


@dataclass(frozen=True)
class View:
    """Where the camera stands and what the object stands before.

    `fill` is the share of the picture that the object takes; `lift` and `shift` move it up and right by a
    share of the picture; `wall` is the distance
    (cm) of the wall that catches the shadow of a hanging object, None for one that stands;
    `glow` lists (point, radius in cm, strength 0 to 1) of lit lamps and flames.
    """

    pitch: float = 20.0
    fill: float = 0.60
    wall: float | None = None
    lift: float = 0.0
    shift: float = 0.0
    glow: tuple[tuple[Point, float, float], ...] = ()


@dataclass(frozen=True)
class Layer:
    """Quads back to front as (corners, slot, level); corners count from the box's corner, at three times the size."""

    box: tuple[int, int, int, int]
    quads: tuple[tuple[tuple[float, ...], str, int], ...]


@dataclass(frozen=True)
class Scene:
    """Everything of a picture but its colours: layers back to front, shadow masks, glows."""

    size: tuple[int, int]
    layers: tuple[Layer, ...]
    shadow: Image.Image
    contact: Image.Image
    finishes: Mapping[str, str]
    glow: tuple[tuple[float, float, float, float], ...]


class Camera:
    """Projects points of the studio to pixels; a long lens, fitted so that the object fills the frame."""

    def __init__(self, parts: Sequence[Part], view: View, size: tuple[int, int]) -> None:
        """Fits the given parts into a picture of `size` pixels."""
        self.cp, self.sp = cos(radians(view.pitch)), sin(radians(view.pitch))
        framed = [part for part in parts if part.fits]
        points = [
            p for part in framed for row in part.grid[:: max(1, len(part.grid) // 24)] for p in row[::3]
        ]
        points += [p for part in framed for row in part.grid[-1:] for p in row[::3]]
        lows = [min(p[k] for p in points) for k in range(3)]
        highs = [max(p[k] for p in points) for k in range(3)]
        self.centre = tuple((a + b) / 2 for a, b in zip(lows, highs, strict=True))
        self.far = 4.2 * sqrt(sum((b - a) ** 2 for a, b in zip(lows, highs, strict=True)))
        self.scale, self.dx, self.dy = 1.0, 0.0, 0.0
        flat = [self(p) for p in points]
        left, right = min(p[0] for p in flat), max(p[0] for p in flat)
        top, bottom = min(p[1] for p in flat), max(p[1] for p in flat)
        side = min(size)
        self.scale = side * view.fill / max((right - left) * side / size[0], bottom - top)
        self.dx = size[0] * (0.5 + view.shift) - self.scale * (left + right) / 2
        self.dy = size[1] * (0.52 - view.lift) - self.scale * (top + bottom) / 2

    def __call__(self, p: Point) -> Point:
        """The pixel (x, y) of a point and its nearness to the camera (cm)."""
        x, y, z = p[0] - self.centre[0], p[1] - self.centre[1], p[2] - self.centre[2]
        near = z * self.cp + y * self.sp
        k = self.scale * self.far / (self.far - near)
        return (x * k + self.dx, (z * self.sp - y * self.cp) * k + self.dy, near)


def prepare(parts: Sequence[Part], view: View, size: tuple[int, int] = (800, 800)) -> Scene:
    """Projects, lights and sorts the parts of a scene; everything but its colours."""
    camera = Camera(parts, view, size)
    layers: tuple[list[Quad], ...] = ([], [], [], [])
    finishes: dict[str, str] = {}
    for number, part in enumerate(parts):
        _add_quads(layers, part, camera, Random(number + 7))
        finishes.setdefault(part.slot, part.finish)
        if part.slot_at is not None:
            for row in range(len(part.grid) - 1):
                for column in range(len(part.grid[0]) - 1):
                    finishes.setdefault(part.slot_at(row, column), part.finish)
    shadow, contact = _shadows(parts, view, camera, size)
    glow = tuple(
        (*camera(point)[:2], radius * camera.scale, strength) for point, radius, strength in view.glow
    )
    return Scene(
        size, tuple(_layer(quads, size) for quads in layers if quads), shadow, contact, finishes, glow
    )


def _add_quads(layers: tuple[list[Quad], ...], part: Part, camera: Camera, random: Random) -> None:
    """Lights every visible quad of a part and files it under its layer."""
    seen = [[camera(p) for p in row] for row in part.grid]
    light = (
        _light_glass if part.finish == "glass" else _light_metal if part.finish == "metal" else _light_plain
    )
    eye: Point = (0.0, camera.sp, camera.cp)
    surface = FINISHES.get(part.finish, FINISHES["matte"])
    tone, slot_at, two_sided, glass = part.tone, part.slot_at, part.two_sided, part.finish == "glass"
    glowing = part.finish == "glow"
    slot, bias = part.slot, part.bias
    for i in range(len(seen) - 1):
        low, high, here, next_ = seen[i], seen[i + 1], part.grid[i], part.grid[i + 1]
        for j in range(len(low) - 1):
            a, b, c, d = low[j], low[j + 1], high[j + 1], high[j]
            area = (c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0])
            facing = area < 0
            if (not facing and not (two_sided or glass)) or area == 0:
                continue
            p, q, r, s = here[j], here[j + 1], next_[j + 1], next_[j]
            ux, uy, uz = q[0] + r[0] - p[0] - s[0], q[1] + r[1] - p[1] - s[1], q[2] + r[2] - p[2] - s[2]
            vx, vy, vz = s[0] + r[0] - p[0] - q[0], s[1] + r[1] - p[1] - q[1], s[2] + r[2] - p[2] - q[2]
            nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            length = sqrt(nx * nx + ny * ny + nz * nz)
            if length < 1e-9:
                continue
            if not facing:
                length = -length
            normal = (nx / length, ny / length, nz / length)
            shade = 1.16 if glowing else light(normal, eye, surface)
            if tone is not None:
                shade += tone(i, j)
            level = int(shade * WHITE_LEVEL)
            level = 0 if level < 0 else LEVELS - 1 if level >= LEVELS else level
            name = slot_at(i, j) if slot_at is not None else slot
            near = (a[2] + b[2] + c[2] + d[2]) / 4 + bias
            layer = layers[(2 if facing else 0) if glass else part.layer]
            layer.append((near, [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]], name, level))
            if part.speckle and random.random() < part.speckle and -area > 6 and normal[1] < 0.95:
                x, y = (a[0] * 2 + c[0]) / 3 + random.random() * 2, (a[1] * 2 + c[1]) / 3
                size = 0.7 + random.random() * 0.9
                spot = [x, y - size, x + size, y, x, y + size * 0.8, x - size, y]
                layer.append((near + 0.25, spot, name, max(level - 58, 10)))


def _layer(quads: list[Quad], size: tuple[int, int]) -> Layer:
    """Sorts quads back to front and moves them to a box that just holds them."""
    quads.sort(key=lambda quad: quad[0])
    xs = [x for quad in quads for x in quad[1][::2]]
    ys = [y for quad in quads for y in quad[1][1::2]]
    left, top = max(int(min(xs)) - 2, 0), max(int(min(ys)) - 2, 0)
    right, bottom = min(int(max(xs)) + 3, size[0]), min(int(max(ys)) + 3, size[1])
    k = SUPERSAMPLE
    moved = []
    for _, (ax, ay, bx, by, cx, cy, dx, dy), slot, level in quads:
        moved.append(
            (
                (
                    (ax - left) * k,
                    (ay - top) * k,
                    (bx - left) * k,
                    (by - top) * k,
                    (cx - left) * k,
                    (cy - top) * k,
                    (dx - left) * k,
                    (dy - top) * k,
                ),
                slot,
                level,
            )
        )
    return Layer((left, top, right, bottom), tuple(moved))


def _light_plain(n: Point, eye: Point, surface: tuple[float, float, float, int]) -> float:
    """Brightness of clay, cloth, paper, wood: 0 black, 1 fully lit, above 1 a highlight."""
    key, wrap, strength, sharpness = surface
    lit = (n[0] * KEY_LIGHT[0] + n[1] * KEY_LIGHT[1] + n[2] * KEY_LIGHT[2] + wrap) / (1 + wrap)
    shade = 0.30 + 0.10 * n[1] + 0.05 * n[2]
    if lit > 0:
        shade += key * lit
    if n[0] > 0:
        shade += 0.07 * n[0] * n[0]
    if strength:
        hx, hy, hz = KEY_LIGHT[0] + eye[0], KEY_LIGHT[1] + eye[1], KEY_LIGHT[2] + eye[2]
        size = sqrt(hx * hx + hy * hy + hz * hz)
        half = (n[0] * hx + n[1] * hy + n[2] * hz) / size
        if half > 0:
            shade += strength * half**sharpness
    return shade


def _light_metal(n: Point, eye: Point, _surface: tuple[float, float, float, int]) -> float:
    """Brightness of brushed metal: it mirrors a bright ceiling, a dark far room and a window on the left."""
    toward = 2 * (n[0] * eye[0] + n[1] * eye[1] + n[2] * eye[2])
    rx, ry = toward * n[0] - eye[0], toward * n[1] - eye[1]
    shade = 0.40 + 0.34 * ry if ry > 0 else 0.40 + 0.16 * -ry
    window = rx + 0.55
    shade += 0.62 / (1 + 14 * window * window)
    far = rx - 0.78
    shade += 0.22 / (1 + 30 * far * far)
    return shade + 0.18 * (n[0] * KEY_LIGHT[0] + n[1] * KEY_LIGHT[1] + n[2] * KEY_LIGHT[2])


def _light_glass(n: Point, eye: Point, _surface: tuple[float, float, float, int]) -> float:
    """For glass the level says how much the edge takes colour (to 0.8), above that a reflection."""
    facing = abs(n[0] * eye[0] + n[1] * eye[1] + n[2] * eye[2])
    edge = 0.06 + (1 - facing) * sqrt(max(1 - facing, 0.0)) * 0.74
    flat = sqrt(n[0] * n[0] + n[2] * n[2])
    if flat < 0.5:
        return min(edge, 0.5)
    left, right = (0.70 * n[2] - 0.71 * n[0]) / flat, (0.62 * n[2] + 0.78 * n[0]) / flat
    gleam = max(0.0, (left - 0.978) / 0.022) * 0.40 + max(0.0, (right - 0.992) / 0.008) * 0.16
    return 0.8 + gleam if gleam > 0.01 else edge


def _shadows(
    parts: Sequence[Part], view: View, camera: Camera, size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """The cast shadow and the contact shadow as masks of the picture's size."""
    small = (size[0] // 4, size[1] // 4)
    masks = {name: Image.new("L", small, 0) for name in ("near", "far", "contact")}
    pens = {name: ImageDraw.Draw(mask) for name, mask in masks.items()}
    top = max(p[1] for part in parts for row in part.grid for p in row)
    for part in parts:
        if not part.casts:
            continue
        ink = 90 if part.finish == "glass" else 255
        step, stride = max(1, len(part.grid) // 26), max(1, len(part.grid[0]) // 26)
        rows = [*part.grid[:-1:step], part.grid[-1]]
        grid = [[*row[:-1:stride], row[-1]] for row in rows]
        cast = [[_cast(p, view, camera) for p in row] for row in grid]
        for i in range(len(grid) - 1):
            for j in range(len(grid[0]) - 1):
                corners = [*cast[i][j], *cast[i][j + 1], *cast[i + 1][j + 1], *cast[i + 1][j]]
                pens["far"].polygon(corners, fill=ink)
                height = grid[i][j][1]
                if view.wall is None and height < top * 0.4:
                    pens["near"].polygon(corners, fill=ink)
                if view.wall is None and height < 0.9:
                    below = [
                        v / 4
                        for p in (grid[i][j], grid[i][j + 1], grid[i + 1][j + 1], grid[i + 1][j])
                        for v in camera((p[0], 0.0, p[2]))[:2]
                    ]
                    pens["contact"].polygon(below, fill=ink)
    far = masks["far"].filter(ImageFilter.GaussianBlur(6.5 if view.wall is None else 8.0))
    near = masks["near"].filter(ImageFilter.GaussianBlur(3.0))
    cast_mask = ImageChops.lighter(far.point(lambda v: v * 0.74), near.point(lambda v: v * 0.9))
    contact = masks["contact"].filter(ImageFilter.GaussianBlur(2.0))
    return cast_mask.resize(size, Image.Resampling.BICUBIC), contact.resize(size, Image.Resampling.BICUBIC)


def _cast(p: Point, view: View, camera: Camera) -> tuple[float, float]:
    """Where the shadow of a point falls, in pixels of the quarter-size mask."""
    if view.wall is None:
        k = max(p[1], 0.0) / KEY_LIGHT[1] * 0.85
        x, y, _ = camera((p[0] - KEY_LIGHT[0] * k, 0.0, p[2] - KEY_LIGHT[2] * k))
    else:
        k = (p[2] + view.wall) / KEY_LIGHT[2] * 0.6
        x, y, _ = camera((p[0] - KEY_LIGHT[0] * k, p[1] - KEY_LIGHT[1] * k * 0.6, -view.wall))
    return (x / 4, y / 4)


def ramp(base: Colour, finish: str) -> list[tuple[int, int, int, int]]:
    """The colours of a surface from its deepest shadow to its highlight, with opacity for glass."""
    if finish == "glass":
        return [_glass_step(base, level) for level in range(LEVELS)]
    cool = (52, 46, 58)
    deep = tuple(b * 0.36 * 0.86 + c * 0.14 for b, c in zip(base, cool, strict=True))
    light = tuple(b + (t - b) * 0.20 for b, t in zip(base, (255, 250, 240), strict=True))
    white = tuple(b + (t - b) * 0.86 for b, t in zip(base, (255, 253, 248), strict=True))
    if finish == "metal":
        deep = tuple(b * 0.22 for b in base)
    stops = ((0.0, tuple(v * 0.6 for v in deep)), (0.16, deep), (0.80, base), (0.98, light), (1.28, white))
    out = []
    for level in range(LEVELS):
        s = level / WHITE_LEVEL
        k = next((n for n in range(1, len(stops)) if s <= stops[n][0]), len(stops) - 1)
        (s0, c0), (s1, c1) = stops[k - 1], stops[k]
        t = min((s - s0) / (s1 - s0), 1.0)
        r, g, b = (int(x + (y - x) * t + 0.5) for x, y in zip(c0, c1, strict=True))
        out.append((r, g, b, 255))
    return out


def _glass_step(base: Colour, level: int) -> tuple[int, int, int, int]:
    """Glass from clear (level 0) to its edge (0.8 of white), and reflections above that."""
    s = level / WHITE_LEVEL
    if s > 0.8:
        return (255, 255, 252, int(min(24 + 480 * (s - 0.8), 215)))
    r, g, b = (int(v * (1 - 0.5 * s * s)) for v in base)
    return (r, g, b, int(26 + 235 * s))


def paint(scene: Scene, picture: Image.Image, colours: Mapping[str, Colour], shade: Colour) -> Image.Image:
    """Draws a prepared scene on a backdrop: shadows in the colour `shade`, then the layers, then the glow."""
    tint = Image.new("RGB", scene.size, shade)
    picture = Image.composite(tint, picture, scene.shadow.point(lambda v: v * 0.50))
    picture = Image.composite(tint, picture, scene.contact.point(lambda v: v * 0.62))
    ramps = {
        slot: ramp(colours.get(slot, (200, 200, 200)), finish) for slot, finish in scene.finishes.items()
    }
    for layer in scene.layers:
        _paint_layer(layer, picture, ramps)
    for x, y, radius, strength in scene.glow:
        picture = _shine(picture, x, y, radius * 0.6, strength * 0.3)
    return picture


def _paint_layer(
    layer: Layer, picture: Image.Image, ramps: Mapping[str, list[tuple[int, int, int, int]]]
) -> None:
    """Draws one layer at three times the size and lays it over the picture."""
    left, top, right, bottom = layer.box
    big = Image.new("RGBA", ((right - left) * SUPERSAMPLE, (bottom - top) * SUPERSAMPLE), (0, 0, 0, 0))
    polygon = ImageDraw.Draw(big).polygon
    for corners, slot, level in layer.quads:
        polygon(corners, fill=ramps[slot][level])
    small = big.reduce(SUPERSAMPLE)
    picture.paste(small, (left, top), small)


def _shine(picture: Image.Image, x: float, y: float, radius: float, strength: float) -> Image.Image:
    """Adds the warm light of a lamp or a flame around a point."""
    side = int(radius * 2)
    disc = Image.radial_gradient("L").resize((side, side), Image.Resampling.BICUBIC)
    disc = disc.point(lambda v: max(0, 255 - v * 1.42) ** 2 / 255 * strength)
    mask = Image.new("L", picture.size, 0)
    mask.paste(disc, (int(x) - side // 2, int(y) - side // 2))
    warm = Image.composite(
        Image.new("RGB", picture.size, (255, 214, 150)), Image.new("RGB", picture.size), mask
    )
    return ImageChops.screen(picture, warm)
