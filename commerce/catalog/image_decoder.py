"""Decode one foreign picture and encode it again; run as a program of its own, never imported by the shop.

Decoders are old C code that reads untrusted input. So they run where a fault costs nothing: in a process without
the shop's environment, connections or files, with little memory, time and output. Usage:
`python -I image_decoder.py FORMATS PIXELS SIDE QUALITY BYTES SECONDS < picture > answer`. The answer is a line of JSON,
either {"problem": ...} or {"width": ..., "height": ...} followed by the WebP.
"""

import io
import json
import resource
import sys

from PIL import Image, ImageCms, ImageMath, ImageOps

LARGEST_BYTE = 255
ENOUGH_OUTPUT = 16 * 1024 * 1024


def main() -> None:
    """Bind this process, then read, decode and answer."""
    formats, pixels, side, quality, memory, seconds = sys.argv[1:]
    _bind(int(memory), int(seconds))
    try:
        data, width, height = _rewritten(
            sys.stdin.buffer.read(), tuple(formats.split(",")), int(pixels), int(side), int(quality)
        )
        head: dict[str, object] = {"width": width, "height": height}
    except TooManyPixels:
        head, data = {"problem": "pixels"}, b""
    except MemoryError:
        head, data = {"problem": "memory"}, b""
    # Decoders of foreign bytes fail in many ways; all of them mean the same here.
    except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, TypeError):
        head, data = {"problem": "damaged"}, b""
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + data)


class TooManyPixels(Exception):
    """The picture says that it is larger than what is taken."""


def _bind(memory: int, seconds: int) -> None:
    """Give up for good what is not needed: from here on the process can only compute and answer."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (ENOUGH_OUTPUT, ENOUGH_OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _rewritten(
    data: bytes, formats: tuple[str, ...], pixels: int, side: int, quality: int
) -> tuple[bytes, int, int]:
    """Return the first frame as WebP, upright, at most `side` long, without metadata; and its size."""
    Image.MAX_IMAGE_PIXELS = None  # our own bound is lower, and says what is wrong
    opened = Image.open(io.BytesIO(data), formats=formats)
    if opened.width * opened.height > pixels:
        raise TooManyPixels
    opened.verify()
    # A picture that was verified cannot be read any more. Only the first frame is ever decoded.
    opened = Image.open(io.BytesIO(data), formats=formats)
    opened.load()
    image = _to_srgb(_to_eight_bits(ImageOps.exif_transpose(opened)))
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    image = image.convert("RGBA" if has_alpha else "RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=4, exif=b"", icc_profile=b"", xmp=b"")
    return out.getvalue(), image.width, image.height


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Bring a gray picture with 16 or 32 bits to 8: otherwise all above 255 would be cut off and be white.

    A gray that the picture says is transparent stays so.
    """
    if image.mode == "F":
        bright = _brightest(image) > 1  # from 0 to 1 is as common as from 0 to 255
        return image.point(lambda value: value * (1.0 if bright else 255.0) + 0.0).convert("L")
    if not image.mode.startswith("I"):
        return image
    wide = image.convert("I")
    deep = image.mode != "I" or _brightest(wide) > LARGEST_BYTE
    gray = wide.point(lambda value: value * (1 / 256 if deep else 1.0) + 0.0).convert("L")
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        gray.putalpha(
            ImageMath.lambda_eval(lambda of: of["convert"]((of["wide"] != clear) * 255, "L"), wide=wide)
        )
    return gray


def _brightest(image: Image.Image) -> float:
    """Return the largest value of a picture with one channel."""
    _, largest = image.getextrema()
    return float(largest) if isinstance(largest, (int, float)) else 0.0


def _to_srgb(image: Image.Image) -> Image.Image:
    """Bring a picture with a colour profile to sRGB, since the profile itself is not kept."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("P", "PA", "RGBA"):
        whole = image.convert("RGBA")
        colors = whole.convert("RGB")
        colors.info = {"icc_profile": profile}
        colors = _to_srgb(colors)
        if image.mode != "P" or "transparency" in image.info:
            colors.putalpha(whole.getchannel("A"))
        return colors
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError):
        return image  # a broken profile is no reason to lose the picture
    return converted or image


if __name__ == "__main__":
    main()
