"""Requests and responses of the operations on pictures of products."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from commerce.api.products.schemas import Version
from commerce.api.schemas import RequestModel, ResponseModel, Text
from commerce.catalog.images import MAX_BYTES
from commerce.catalog.models import ProductImage
from commerce.catalog.pictures import MAX_PICTURES
from commerce.catalog.validation import LIMITS
from commerce.catalog_import.export import image_address
from commerce.request_limits import KB

MAX_CONTENT = (MAX_BYTES + 2) // 3 * 4
"""Characters of the largest picture in Base64."""
MAX_BODY = MAX_CONTENT + 64 * KB
"""Bytes of a request with a picture."""
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
"""A picture of one black pixel."""


def _base64(text: str) -> str:
    if len(text) > MAX_CONTENT:
        raise ValueError(f"larger than {MAX_BYTES // 1_048_576} MB")
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not valid Base64") from error
    return text


# The length stands in no schema: generated requests of that size would test nothing but the network.
Content = Annotated[
    str,
    AfterValidator(_base64),
    WithJsonSchema(
        {
            "type": "string",
            "contentEncoding": "base64",
            "description": f"A JPEG, PNG or WebP image of up to {MAX_BYTES // 1_048_576} MB, in Base64.",
            "examples": [DOT],
        }
    ),
]
Alt = Annotated[Text, StringConstraints(max_length=LIMITS.alt)]
Position = Annotated[
    int,
    Field(
        ge=1, le=MAX_PICTURES, description="1 is the main picture. A larger one than there are is the last."
    ),
]


class PictureCreate(RequestModel):
    """A new picture of a product."""

    content: Content
    alt: Alt = Field(
        default_factory=str,
        description="Description for people who cannot see it.",
        examples=["A black mouse"],
    )
    position: Position | None = Field(None, description="The last one if omitted.")

    @property
    def data(self) -> bytes:
        """The file."""
        return base64.b64decode(self.content)

    @property
    def place(self) -> int | None:
        """The position, from 0."""
        return None if self.position is None else self.position - 1


class PicturePatch(RequestModel):
    """Changes to a picture. Omitted fields stay unchanged."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"alt": "From the side", "version": 1}]})

    alt: Alt | None = Field(None, description="Null leaves it unchanged.")
    position: Position | None = Field(None, description="Null leaves it unchanged.")
    version: Version = None

    @property
    def place(self) -> int | None:
        """The position, from 0."""
        return None if self.position is None else self.position - 1


class PictureOut(ResponseModel):
    """A picture of a product. `url` is empty and the size 0 until a picture of another site has been imported."""

    id: uuid.UUID
    url: str
    alt: str
    position: int
    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")


class PictureList(ResponseModel):
    """The pictures of a product in their order."""

    items: list[PictureOut]


def pictures_out(images: Sequence[ProductImage], base: str) -> list[PictureOut]:
    """Return pictures for a response. `base` is the URL of the shop."""
    return [
        PictureOut(
            id=image.id,
            url=image_address(image, base),
            alt=image.alt,
            position=position,
            width=image.width,
            height=image.height,
        )
        for position, image in enumerate(images, start=1)
    ]
