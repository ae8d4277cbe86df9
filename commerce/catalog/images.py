"""Product pictures: take in what was fetched, and never serve a file that we did not write ourselves.

Whatever comes in is decoded and written anew as WebP: that removes hidden data, positions (EXIF) and any trick that
depends on the original bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import uuid
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageCms, ImageOps
from sqlalchemy import func, select, update

from commerce.catalog.fetching import FetchRefused, HostSilent, fetch
from commerce.catalog.models import Product, ProductImage
from commerce.db import atomic, current_tenant_id, db
from commerce.tenants.services import touch_catalogue

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 50_000_000
LONGEST_SIDE = 1600
QUALITY = 82
PATIENCE = 3
"""How often a host may be silent before its other pictures are left for the next time."""


class NotAPicture(Exception):
    """The bytes are no picture that the shop takes; the text says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept: WebP, upright, without metadata. Sizes in pixels."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture's name under the media folder and its size."""

    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that was not fetched."""

    product: str
    url: str
    reason: str


@dataclass(slots=True)
class FetchReport:
    """How many pictures were fetched, which were not, and how many still have no file."""

    tenant: str
    fetched: int = 0
    left: int = 0
    failures: list[Failure] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return {
            "tenant": self.tenant,
            "fetched": self.fetched,
            "left": self.left,
            "failures": [asdict(failure) for failure in self.failures],
        }


@dataclass(frozen=True, slots=True)
class Pending:
    """A picture whose address is known and whose file is not."""

    image_id: uuid.UUID
    product: str
    url: str


def normalise(data: bytes) -> Picture:
    """Return an uploaded or fetched picture as the shop keeps it. Raises NotAPicture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            _open(data).verify()
            image = _open(data)
            image.load()
            return _encode(image)
    except NotAPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotAPicture("the picture has too many pixels") from error
    # Decoders of foreign bytes fail in many ways; all of them mean the same here.
    except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, TypeError) as error:
        raise NotAPicture("the file is damaged, or not JPEG, PNG or WebP") from error


def _open(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise NotAPicture(f"the picture has more than {MAX_PIXELS // 1_000_000} million pixels")
    return image


def _encode(image: Image.Image) -> Picture:
    image = _to_srgb(ImageOps.exif_transpose(image))
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    image = image.convert("RGBA" if has_alpha else "RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY, method=4, exif=b"", icc_profile=b"", xmp=b"")
    return Picture(out.getvalue(), image.width, image.height)


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


def store(picture: Picture, media: Path, tenant_id: uuid.UUID) -> str:
    """Write a picture into the media folder and return its name there; the same picture has the same name."""
    name = f"{tenant_id}/{hashlib.sha256(picture.data).hexdigest()[:32]}.webp"
    path = media / name
    if path.exists():
        return name
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and moved: a reader never sees half a file, a crash leaves none under this name.
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        file.write(picture.data)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
    return name


def pending_images() -> list[Pending]:
    """Return the pictures of the current shop that have an address and no file, first pictures of products first."""
    rows = db.session.execute(
        select(ProductImage.id, Product.slug, ProductImage.source_url)
        .join(
            Product, (Product.tenant_id == ProductImage.tenant_id) & (Product.id == ProductImage.product_id)
        )
        .where(ProductImage.file == "", ProductImage.source_url != "")
        .order_by(ProductImage.position, ProductImage.id)
    )
    return [Pending(*row) for row in rows]


def fetch_images(
    media: Path,
    *,
    tenant: str,
    limit: int | None = None,
    download: Callable[[str], bytes] = fetch,
    on_start: Callable[[int], None] | None = None,
    on_done: Callable[[], None] | None = None,
) -> FetchReport:
    """Fetch the missing pictures of the current shop into `media`, at most `limit` of them.

    Nothing is fetched inside a transaction. What fails is reported and tried again by the next call.
    """
    pending = pending_images()
    db.session.close()  # the network may be slow; no transaction waits for it
    report = FetchReport(tenant)
    if on_start:
        on_start(len(pending) if limit is None else min(limit, len(pending)))
    known: dict[str, Stored | str] = {}
    silent: Counter[str] = Counter()
    for each in pending:
        if limit is not None and report.fetched >= limit:
            break
        if each.url not in known:
            known[each.url] = _take_in(each.url, media, download, silent)
        outcome = known[each.url]
        if isinstance(outcome, str):
            report.failures.append(Failure(each.product, each.url, outcome))
        else:
            _record(each.image_id, each.url, outcome)
            report.fetched += 1
        if on_done:
            on_done()
    report.left = count_pending()
    return report


def count_pending() -> int:
    """Return how many pictures of the current shop have an address and no file."""
    count = db.session.scalar(
        select(func.count(ProductImage.id)).where(ProductImage.file == "", ProductImage.source_url != "")
    )
    return int(count or 0)


def _take_in(url: str, media: Path, download: Callable[[str], bytes], silent: Counter[str]) -> Stored | str:
    """Return where the picture is now, or the reason why there is none. `silent` counts the failures of each host."""
    host = urlsplit(url).netloc
    if silent[host] >= PATIENCE:
        return "not tried: the host did not answer for other pictures"
    try:
        picture = normalise(download(url))
    except HostSilent as error:
        silent[host] += 1
        return str(error)
    except (FetchRefused, NotAPicture) as error:
        return str(error)
    return Stored(store(picture, media, current_tenant_id()), picture.width, picture.height)


@atomic
def _record(image_id: uuid.UUID, url: str, stored: Stored) -> None:
    """Note a picture's file, unless its address has changed meanwhile."""
    db.session.execute(
        update(ProductImage)
        .where(ProductImage.id == image_id, ProductImage.source_url == url)
        .values(file=stored.name, width=stored.width, height=stored.height)
        .execution_options(synchronize_session=False)
    )
    touch_catalogue()
