"""Decode one foreign picture and write it anew; run as a program of its own, never imported by the shop.

Decoders are old C code that reads what strangers send. So they run where a fault costs nothing: in a process without
the shop's environment, connections or files, with little memory, time and output. Usage:
`python -I image_decoder.py FORMATS PIXELS SIDE QUALITY BYTES SECONDS < picture > answer`. The answer is a line of JSON,
either {"problem": ...} or {"width": ..., "height": ...} followed by the WebP.
"""

import io
import json
import resource
import sys
import warnings

from PIL import Image, ImageCms, ImageOps

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
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own bound is lower
    opened = Image.open(io.BytesIO(data), formats=formats)
    if opened.width * opened.height > pixels:
        raise TooManyPixels
    opened.verify()
    # A picture that was verified cannot be read any more. Only the first frame is ever decoded.
    opened = Image.open(io.BytesIO(data), formats=formats)
    opened.load()
    image = _to_srgb(ImageOps.exif_transpose(opened))
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    image = image.convert("RGBA" if has_alpha else "RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=4, exif=b"", icc_profile=b"", xmp=b"")
    return out.getvalue(), image.width, image.height


def _to_srgb(image: Image.Image) -> Image.Image:
    """Bring a picture with a colour profile to sRGB, since the profile itself is not kept."""
    profile = image.info.get("icc_profile")
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
