"""Product pictures: take in what was fetched, and never serve a file that we did not write ourselves.

Whatever comes in is decoded and encoded again as WebP: that removes hidden data, positions (EXIF) and any trick that
depends on the original bytes. Decoding happens in a process of its own that can do nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select, update

from commerce.catalog.models import Product, ProductImage
from commerce.db import atomic, current_tenant_id, db
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.outbound import FetchRefused, HostUnresponsive, fetch
from commerce.tenants.services import touch_catalogue

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_BYTES = 12 * 1024 * 1024
MAX_PIXELS = 50_000_000
CHILD_BYTES = 1024 * 1024 * 1024
"""Memory of the process that decodes one picture."""
CPU_SECONDS = 20
WALL_SECONDS = 40.0
LONGEST_SIDE = 1600
QUALITY = 82
PATIENCE = 3
"""How often a host may be silent before its other pictures are left for the next time."""


class NotAPicture(InvalidValue):
    """The bytes are no picture that the shop takes; the reason says why."""

    def __init__(self, reason: str, /, **facts: int) -> None:
        super().__init__("picture", reason, **facts)


@dataclass(frozen=True, slots=True)
class NormalizedImage:
    """A picture as it is kept: WebP, upright, without metadata. Sizes in pixels."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A picture's name under the media folder and its size."""

    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FetchFailure:
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
    failures: list[FetchFailure] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return {
            "tenant": self.tenant,
            "fetched": self.fetched,
            "left": self.left,
            "failures": [asdict(failure) for failure in self.failures],
        }


@dataclass(frozen=True, slots=True)
class PendingImage:
    """A picture whose address is known and whose file is not."""

    image_id: uuid.UUID
    product: str
    url: str


def normalise(data: bytes) -> NormalizedImage:
    """Return an uploaded or fetched picture as the shop keeps it, its first frame only. Raises NotAPicture.

    It is decoded by a process of its own, bounded in memory, time and output (`image_decoder.py`).
    """
    if len(data) > MAX_BYTES:
        raise NotAPicture("picture_file_too_large", megabytes=MAX_BYTES // 1_048_576)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as made:
        given.write(data)
        given.seek(0)
        try:
            # Files and not pipes: neither side can make the other wait, and what is written is bounded.
            subprocess.run(  # noqa: S603 - our own program, and nothing of a visitor's among its arguments
                _CHILD,
                stdin=given,
                stdout=made,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                timeout=WALL_SECONDS,
                check=True,
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            raise NotAPicture("picture_damaged") from error
        made.seek(0)
        head, written = json.loads(made.readline()), made.read()
    if "problem" in head:
        raise _not_a_picture(head["problem"])
    return NormalizedImage(written, int(head["width"]), int(head["height"]))


_CHILD = [
    sys.executable,
    "-I",
    str(Path(__file__).with_name("image_decoder.py")),
    *(
        ",".join(FORMATS),
        str(MAX_PIXELS),
        str(LONGEST_SIDE),
        str(QUALITY),
        str(CHILD_BYTES),
        str(CPU_SECONDS),
    ),
]


def _not_a_picture(problem: str) -> NotAPicture:
    """Return what the process that decodes has found wrong."""
    if problem == "pixels":
        return NotAPicture("picture_too_many_pixels", megapixels=MAX_PIXELS // 1_000_000)
    return NotAPicture("picture_needs_memory" if problem == "memory" else "picture_damaged")


def store(picture: NormalizedImage, media: Path, tenant_id: uuid.UUID) -> str:
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


def pending_images() -> list[PendingImage]:
    """Return the pictures of the current shop that have an address and no file, first pictures of products first."""
    rows = db.session.execute(
        select(ProductImage.id, Product.slug, ProductImage.source_url)
        .join(
            Product, (Product.tenant_id == ProductImage.tenant_id) & (Product.id == ProductImage.product_id)
        )
        .where(ProductImage.file == "", ProductImage.source_url != "")
        .order_by(ProductImage.position, ProductImage.id)
    )
    return [PendingImage(*row) for row in rows]


def fetch_images(
    media: Path,
    *,
    tenant: str,
    limit: int | None = None,
    download: Callable[[str], bytes] = fetch,
    rewrite: Callable[[bytes], NormalizedImage] = normalise,
    on_start: Callable[[int], None] | None = None,
    on_done: Callable[[], None] | None = None,
) -> FetchReport:
    """Fetch the missing pictures of the current shop into `media`, at most `limit` of them.

    Nothing is fetched inside a transaction. What fails is reported and tried again by the next call. `rewrite`
    turns what was fetched into the picture that is kept; pass another than `normalise` only for files of our own.
    """
    pending = pending_images()
    db.session.close()  # the network may be slow; no transaction waits for it
    report = FetchReport(tenant)
    if on_start:
        on_start(len(pending) if limit is None else min(limit, len(pending)))
    known: dict[str, StoredImage | str] = {}
    silent: Counter[str] = Counter()
    for each in pending:
        if limit is not None and report.fetched >= limit:
            break
        if each.url not in known:
            known[each.url] = _take_in(each.url, media, download, rewrite, silent)
        outcome = known[each.url]
        if isinstance(outcome, str):
            report.failures.append(FetchFailure(each.product, each.url, outcome))
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


def _take_in(
    url: str,
    media: Path,
    download: Callable[[str], bytes],
    rewrite: Callable[[bytes], NormalizedImage],
    silent: Counter[str],
) -> StoredImage | str:
    """Return where the picture is now, or the reason why there is none. `silent` counts the failures of each host."""
    host = urlsplit(url).netloc
    if silent[host] >= PATIENCE:
        return "not tried: the host did not answer for other pictures"
    try:
        picture = rewrite(download(url))
    except HostUnresponsive as error:
        silent[host] += 1
        return str(error)
    except FetchRefused as error:
        return str(error)
    except NotAPicture as error:
        return describe(error)
    return StoredImage(store(picture, media, current_tenant_id()), picture.width, picture.height)


@atomic
def _record(image_id: uuid.UUID, url: str, stored: StoredImage) -> None:
    """Note a picture's file, unless its address has changed meanwhile."""
    db.session.execute(
        update(ProductImage)
        .where(ProductImage.id == image_id, ProductImage.source_url == url)
        .values(file=stored.name, width=stored.width, height=stored.height)
        .execution_options(synchronize_session=False)
    )
    touch_catalogue()
