"""Pictures from outside: rewritten, upright, without hidden data, or refused."""

import io
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import select, update

from commerce.catalog import images
from commerce.catalog.image_decoder import _to_eight_bits
from commerce.catalog.images import LONGEST_SIDE, NotAPicture, fetch_images, normalise, store
from commerce.catalog.models import ProductImage
from commerce.catalog_import.services import import_catalogue
from commerce.db import atomic, db, in_transaction
from commerce.inventory.adjustments import CatalogueStock
from commerce.outbound import FetchRefused, HostUnresponsive
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.catalog_import.sheets import more, mug, sheet, stream


def picture(
    kind: str = "JPEG", size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: object
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "#c04020" if mode in ("RGB", "RGBA") else None).save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_written_again_as_webp(kind: str) -> None:
    kept = normalise(picture(kind))
    image = opened(kept.data)
    assert (image.format, image.size, kept.width, kept.height) == ("WEBP", (40, 20), 40, 20)
    red, green, blue = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert abs(red - 0xC0) + abs(green - 0x40) + abs(blue - 0x20) < 30


def test_hidden_data_goes_and_the_picture_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}  # where it was taken
    kept = normalise(picture(exif=exif.tobytes(), comment=b"secret"))
    image = opened(kept.data)
    assert image.size == (20, 40)
    assert not image.getexif()
    assert b"secret" not in kept.data
    assert "icc_profile" not in image.info


def test_colours_of_a_profile_are_kept_without_the_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert "icc_profile" not in opened(normalise(picture(icc_profile=profile)).data).info
    assert normalise(picture(icc_profile=b"broken")).width == 40


def test_transparency_stays_and_other_colour_modes_come_in() -> None:
    assert opened(normalise(picture("PNG", mode="RGBA")).data).mode in ("RGB", "RGBA")
    transparent = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(transparent, "PNG")
    assert opened(normalise(transparent.getvalue()).data).convert("RGBA").getpixel((1, 1))[3] == 0  # type: ignore[index]
    for mode, kind in (("L", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("I;16", "PNG"), ("1", "PNG")):
        assert normalise(picture(kind, mode=mode)).width == 40


def colors(data: bytes) -> tuple[int, ...]:
    """Return what the shop shows of a picture of one color: red, green, blue and how opaque it is."""
    color = opened(normalise(data).data).convert("RGBA").getpixel((5, 5))
    assert isinstance(color, tuple)
    return color


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gray(mode: str, value: float) -> Image.Image:
    return Image.new(mode, (40, 20), value)


@pytest.mark.parametrize(
    ("data", "shade"),
    [
        (saved(gray("I;16", 32768)), 128),
        (saved(gray("I;16", 65535)), 255),
        (saved(gray("I;16", 200)), 0),
        (saved(gray("I;16", 0)), 0),
        (saved(gray("L", 128)), 128),
        (saved(gray("LA", (128, 255))), 128),  # type: ignore[arg-type]
        (saved(gray("P", 128)), None),
        (saved(gray("1", 1)), 255),
        (saved(gray("L", 128), "JPEG"), 128),
        (saved(gray("L", 128), "WEBP"), 128),
    ],
)
def test_gray_of_any_depth_keeps_its_shade(data: bytes, shade: int | None) -> None:
    red, green, blue, opaque = colors(data)
    assert (red, opaque) == (green, 255)
    assert red == blue
    assert shade is None or abs(red - shade) <= 2


def test_a_transparent_gray_of_sixteen_bits_stays_transparent_and_others_do_not() -> None:
    image = gray("I;16", 32768)
    assert colors(saved(image, transparency=32768))[3] == 0
    assert colors(saved(image, transparency=32769))[3] == 255


def test_values_that_are_no_bytes_are_brought_to_bytes() -> None:
    for value, shade in ((0.5, 127), (1.0, 255), (200.0, 200)):
        assert _to_eight_bits(gray("F", value)).getpixel((0, 0)) == shade
    for value, shade in ((200, 200), (32768, 128), (65535, 255)):
        assert _to_eight_bits(gray("I", value)).getpixel((0, 0)) == shade


def test_a_palette_and_an_animation_keep_color_and_transparency() -> None:
    half = Image.new("RGBA", (40, 20), (200, 40, 20, 255))
    half.paste((0, 0, 0, 0), (20, 0, 40, 20))
    for data in (saved(half.quantize(8)), saved(half, "WEBP", lossless=True)):
        shown = opened(normalise(data).data).convert("RGBA")
        left, right = shown.getpixel((5, 10)), shown.getpixel((35, 10))
        assert isinstance(left, tuple)
        assert isinstance(right, tuple)
        assert abs(left[0] - 200) + abs(left[1] - 40) + abs(left[2] - 20) < 30
        assert (left[3], right[3]) == (255, 0)
    frames = [Image.new("RGB", (40, 20), color) for color in ("#c04020", "#2040c0")]
    for kind in ("PNG", "WEBP"):
        red, _, blue, _ = colors(saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50))
        assert red > blue


def test_cmyk_shows_the_color_that_a_printer_would() -> None:
    red, green, blue, _ = colors(saved(Image.new("CMYK", (40, 20), (0, 255, 255, 0)), "JPEG"))
    assert red > 200
    assert max(green, blue) < 60


def test_the_colors_of_a_profile_are_brought_along_whatever_the_mode() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for mode in ("RGB", "RGBA", "P"):
        image = Image.new("RGBA", (40, 20), (200, 40, 20, 255)).convert(mode)
        red, green, blue, opaque = colors(saved(image, icc_profile=profile))
        assert abs(red - 200) + abs(green - 40) + abs(blue - 20) < 40
        assert opaque == 255


def test_a_large_picture_is_made_smaller() -> None:
    kept = normalise(picture(size=(4000, 1000)))
    assert (kept.width, kept.height) == (LONGEST_SIDE, LONGEST_SIDE // 4)


def bomb() -> bytes:
    """Return a small PNG that says it has 60 000 by 60 000 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(name + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + name + content + crc

    side = (60_000).to_bytes(4, "big")
    head = chunk(b"IHDR", side + side + bytes([8, 2, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>not found</html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        picture()[:-60],
        picture("PNG")[:40],
        picture("PNG").replace(b"IDAT", b"IDAX"),
        picture("WEBP")[:30],
        bomb(),
    ],
    ids=[
        "empty",
        "html",
        "svg",
        "gif",
        "bmp",
        "tiff",
        "half-jpeg",
        "half-png",
        "bad-png",
        "half-webp",
        "bomb",
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        normalise(data)


def test_what_hides_in_a_picture_goes(tmp_path: Path) -> None:
    tag = b"<script>alert(1)</script>"
    notes = PngInfo()
    notes.add_text("Comment", tag.decode())
    frames = [Image.new("RGB", (40, 20), colour) for colour in ("red", "blue")]
    moving = io.BytesIO()
    frames[0].save(moving, "WEBP", save_all=True, append_images=frames[1:])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.html", tag)
    for data in (
        picture() + tag,
        picture() + archive.getvalue(),
        picture("JPEG", comment=tag),
        picture("PNG", pnginfo=notes),
        moving.getvalue(),
    ):
        kept = normalise(data)
        assert kept.data.startswith(b"RIFF")
        assert tag not in kept.data
        assert b"PK" not in kept.data[-100:]
        assert getattr(opened(kept.data), "n_frames", 1) == 1


def child(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


def test_the_decoder_knows_nothing_of_the_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    code = "import os, json; print(json.dumps({'width': len(set(os.environ) - {'LC_CTYPE'}), 'height': 1}))"
    monkeypatch.setattr(images, "_CHILD", child(code))
    assert normalise(picture()).width == 0


def test_the_decoder_is_bounded_in_memory_time_and_output(monkeypatch: pytest.MonkeyPatch) -> None:
    large = picture("PNG", size=(5000, 5000))
    bounds = images._CHILD[-1:]
    monkeypatch.setattr(images, "_CHILD", [*images._CHILD[:-2], str(120 * 1024 * 1024), *bounds])
    with pytest.raises(NotAPicture, match="picture_needs_memory"):
        normalise(large)
    monkeypatch.setattr(images, "WALL_SECONDS", 0.2)
    monkeypatch.setattr(images, "_CHILD", child("while True: pass"))
    with pytest.raises(NotAPicture):
        normalise(large)


def test_a_decoder_that_dies_is_a_damaged_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_CHILD", child("import os; os.abort()"))
    with pytest.raises(NotAPicture, match="picture_damaged"):
        normalise(picture())


def test_a_file_that_is_too_large_is_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_CHILD", ["/nonexistent"])
    with pytest.raises(NotAPicture, match="picture_file_too_large megabytes=12"):
        normalise(bytes(images.MAX_BYTES + 1))


def test_the_same_picture_is_one_file_with_a_name_of_the_shop(tmp_path: Path) -> None:
    from uuid import UUID

    shop_id = UUID(int=7)
    name = store(normalise(picture()), tmp_path, shop_id)
    assert store(normalise(picture()), tmp_path, shop_id) == name
    assert name.startswith(f"{shop_id}/")
    assert [path.name for path in (tmp_path / str(shop_id)).iterdir()] == [name.split("/")[1]]
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o644


# --- fetching what an import has recorded ------------------------------------------------------------


def import_mug(*further: dict[str, str]) -> None:
    import_catalogue(
        stream(sheet(mug(), *further)), file_name="x.csv", stock=CatalogueStock(), actor="system"
    )


def files() -> list[tuple[str, str, int, int]]:
    rows = db.session.execute(
        select(ProductImage.source_url, ProductImage.file, ProductImage.width, ProductImage.height).order_by(
            ProductImage.position
        )
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def test_recorded_pictures_are_fetched_outside_of_any_transaction_and_noted(
    in_shop: Shop, tmp_path: Path
) -> None:
    import_mug(more(Image_Src="https://pictures.example/broken.jpg", Image_Position="2"))
    asked: list[str] = []

    def download(url: str) -> bytes:
        assert not in_transaction()
        asked.append(url)
        return picture() if "mug" in url else b"nothing"

    report = fetch_images(tmp_path, tenant=in_shop.code, download=download)

    assert asked == ["https://pictures.example/mug.jpg", "https://pictures.example/broken.jpg"]
    assert (report.fetched, report.left) == (1, 1)
    assert [(failure.product, failure.url) for failure in report.failures] == [("mug", asked[1])]
    (fetched, broken) = files()
    assert fetched[2:] == (40, 20)
    assert (tmp_path / fetched[1]).read_bytes() == normalise(picture()).data
    assert fetched[1].startswith(f"{in_shop.id}/")
    assert broken == ("https://pictures.example/broken.jpg", "", 0, 0)


def test_what_is_there_is_not_fetched_again_and_what_failed_is(in_shop: Shop, tmp_path: Path) -> None:
    import_mug(more(Image_Src="https://pictures.example/2.jpg"))

    def refuse(url: str) -> bytes:
        if "mug" not in url:
            raise FetchRefused("the server answered 404")
        return picture()

    fetch_images(tmp_path, tenant="demo", download=refuse)
    asked: list[str] = []

    def download(url: str) -> bytes:
        asked.append(url)
        return picture("PNG")

    assert fetch_images(tmp_path, tenant="demo", download=download).left == 0
    assert asked == ["https://pictures.example/2.jpg"]


def test_an_address_of_several_products_is_fetched_once(in_shop: Shop, tmp_path: Path) -> None:
    import_mug(mug(Handle="cup", Variant_SKU="CUP"))
    asked: list[str] = []

    def download(url: str) -> bytes:
        asked.append(url)
        return picture()

    assert fetch_images(tmp_path, tenant="demo", download=download).fetched == 2
    assert len(asked) == 1


def test_a_limit_counts_what_was_fetched_so_that_failures_never_block_the_rest(
    in_shop: Shop, tmp_path: Path
) -> None:
    import_mug(
        *(more(Image_Src=f"https://pictures.example/{n}.jpg", Image_Position=str(n)) for n in range(2, 6))
    )

    def download(url: str) -> bytes:
        return b"nothing" if "mug" in url else picture()

    report = fetch_images(tmp_path, tenant="demo", limit=2, download=download)
    assert (report.fetched, report.left, len(report.failures)) == (2, 3, 1)


def test_a_silent_host_is_not_waited_for_again_and_again(in_shop: Shop, tmp_path: Path) -> None:
    import_mug(
        *(more(Image_Src=f"https://dead.example/{n}.jpg", Image_Position=str(n)) for n in range(2, 12)),
        more(Image_Src="https://pictures.example/last.jpg", Image_Position="99"),
    )
    asked: list[str] = []

    def download(url: str) -> bytes:
        asked.append(url)
        if "dead" in url:
            raise HostUnresponsive("it took longer than 20 seconds")
        return picture()

    report = fetch_images(tmp_path, tenant="demo", download=download)

    assert (report.fetched, len(report.failures), report.left) == (2, 10, 10)
    assert len([url for url in asked if "dead" in url]) == 3


def test_an_address_that_changed_meanwhile_keeps_no_old_picture(in_shop: Shop, tmp_path: Path) -> None:
    import_mug()

    @atomic
    def change() -> None:
        db.session.execute(update(ProductImage).values(source_url="https://pictures.example/new.jpg"))

    def download(url: str) -> bytes:
        change()
        return picture()

    fetch_images(tmp_path, tenant="demo", download=download)
    assert files() == [("https://pictures.example/new.jpg", "", 0, 0)]


def test_another_shop_s_pictures_are_left_alone(in_shop: Shop, other_shop: Shop, tmp_path: Path) -> None:
    import_mug()

    def download(url: str) -> bytes:
        pytest.fail("a picture of another shop was fetched")

    with shop_scope(other_shop):
        assert fetch_images(tmp_path, tenant="other", download=download).fetched == 0
