"""Pictures that were uploaded and belong to no product yet: their form carries them, sealed, until it is saved.

So a form that is refused for another reason keeps its pictures, and a script can upload them one by one beforehand.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from commerce.catalog.images import MAX_BYTES, NotAPicture, normalise, store
from commerce.catalog.models import ProductImage
from commerce.catalog.pictures import NewPicture, PictureChanges, PictureUpdate
from commerce.catalog.validation import LIMITS
from commerce.encryption import DecryptionError, seal
from commerce.error_messages import describe
from commerce.tenants.scope import current_shop

MOST_AT_ONCE = 20
"""Pictures that one form takes; with the script each comes alone, so there are as many as a product may have."""
MAX_UPLOAD = 4 * MAX_BYTES
"""Bytes of a form with pictures."""
MAX_PARTS = 20_000
"""Fields of a form with pictures: a product may have thousands of variants, each with its own."""
LAST = LIMITS.variants


@dataclass(frozen=True, slots=True)
class StagedPicture:
    """An uploaded picture in a form. `token` is how the form carries it."""

    token: str
    picture: NewPicture

    @property
    def key(self) -> str:
        """A short name for ids of its fields."""
        return self.picture.file.rpartition("/")[2][:12]


@dataclass(slots=True)
class KnownPicture:
    """A picture of the product with what was typed beside it."""

    image: ProductImage
    alt: str
    position: str
    removed: bool = False
    replaced_by: StagedPicture | None = None

    @property
    def key(self) -> str:
        """The beginning of its fields' names."""
        return f"p{self.image.id.hex}"


@dataclass(slots=True)
class Pictures:
    """The pictures of a form: those of the product, then those that are new."""

    known: list[KnownPicture] = field(default_factory=list)
    staged: list[StagedPicture] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[NewPicture]:
        """The new pictures."""
        return [each.picture for each in self.staged]

    @property
    def next_position(self) -> int:
        """The number that a further picture would have."""
        return len(self.known) + len(self.staged) + 1

    def changes(self) -> PictureChanges:
        """Return what the form changes about a product's pictures."""
        return PictureChanges(
            updates={
                each.image.id: PictureUpdate(
                    each.alt,
                    _place(each.position),
                    each.replaced_by.picture if each.replaced_by else None,
                )
                for each in self.known
                if not each.removed
            },
            removed=[each.image.id for each in self.known if each.removed],
            added=self.files,
        )


def pictures_of(images: Sequence[ProductImage]) -> Pictures:
    """Return the pictures of a product as its form first shows them."""
    return Pictures([KnownPicture(each, each.alt, str(place)) for place, each in enumerate(images, start=1)])


def sent_pictures(images: Sequence[ProductImage], form: Any, files: Any) -> Pictures:
    """Return the pictures of a form that was sent; what was uploaded is taken in, or refused with the reason."""
    found = pictures_of(images)
    for each in found.known:
        each.alt = form.get(f"{each.key}-alt", each.alt)[: LIMITS.alt + 1]
        each.position = form.get(f"{each.key}-position", each.position)
        each.removed = f"{each.key}-remove" in form
        token = form.get(f"{each.key}-replaced", "")
        each.replaced_by = opened_picture(token) if token else None
        new, problems = take_in(files.getlist(f"{each.key}-file")[:1])
        found.problems += problems
        each.replaced_by = new[0] if new else each.replaced_by
    dropped = set(form.getlist("picture-remove"))
    sent = zip(
        form.getlist("picture"), form.getlist("picture-alt"), form.getlist("picture-position"), strict=False
    )
    for token, alt, position in sent:
        opened = opened_picture(token)
        if opened is not None and token not in dropped:
            described = replace(
                opened.picture, alt=alt[: LIMITS.alt + 1], position=_place(position, default=LAST)
            )
            found.staged.append(StagedPicture(token, described))
    uploads = [each for each in files.getlist("pictures") if each and each.filename]
    if len(uploads) > MOST_AT_ONCE:
        found.problems.append(_("Choose up to %(most)s pictures at once.", most=MOST_AT_ONCE))
    new, problems = take_in(uploads[:MOST_AT_ONCE])
    found.problems += problems
    for fresh in new:
        placed = replace(fresh.picture, position=found.next_position)
        found.staged.append(StagedPicture(fresh.token, placed))
    return found


def take_in(uploads: Iterable[Any]) -> tuple[list[StagedPicture], list[str]]:
    """Write uploads into the media folder; return them, and what is wrong with those that were refused.

    Each is decoded, turned upright and encoded again, so that nothing hidden is left in it.
    """
    taken, problems = [], []
    for upload in uploads:
        if not upload or not upload.filename:
            continue
        try:
            made = normalise(upload.stream.read(MAX_BYTES + 1))
        except NotAPicture as error:
            problems.append(f"{upload.filename[-100:]}: {describe(error)}")
            continue
        file = store(made, current_app.config["LOCKSTEP"].media, current_shop().id)
        taken.append(_staged(NewPicture(file, made.width, made.height)))
    return taken, problems


def _staged(picture: NewPicture) -> StagedPicture:
    facts = [str(current_shop().id), picture.file, picture.width, picture.height]
    return StagedPicture(seal().close(json.dumps(facts)), picture)


def opened_picture(token: str) -> StagedPicture | None:
    """Return the picture that a form carries, None when it is not one of this shop's."""
    try:
        shop_id, file, width, height = json.loads(seal().open(token))
    except (DecryptionError, ValueError, TypeError):
        return None
    if uuid.UUID(shop_id) != current_shop().id:
        return None
    return StagedPicture(token, NewPicture(file, width, height))


def _place(text: str, default: int = LAST) -> int:
    """Return a typed position; one that is no number comes last."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else default
