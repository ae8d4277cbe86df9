"""Nobody sends more than a form needs, and what is packed small stays small."""

import gzip
import io
import os

import pytest
from flask import Flask
from PIL import Image

from commerce.catalog.images import MAX_BYTES
from commerce.tenants.models import Shop
from tests.support.visitor import Visitor

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("no_files_left"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MB = 1024 * 1024
PICTURE = "/admin/settings/look/logo"


def noise(side: int) -> bytes:
    """Return a PNG that cannot be packed: three bytes for each pixel."""
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(3 * side * side)).save(out, "PNG")
    return out.getvalue()


def test_a_picture_may_be_larger_than_any_other_form(app: Flask, owner: Visitor) -> None:
    large = noise(1000)
    assert len(large) > 2 * MB
    answer = owner.post(PICTURE, {"version": "1", "file": (io.BytesIO(large), "logo.png")})  # type: ignore[dict-item]
    assert answer.status_code == 303
    answer = owner.post("/admin/stock-import", {"file": (io.BytesIO(large), "x.csv")})  # type: ignore[dict-item]
    assert answer.status_code == 413


@pytest.mark.parametrize("announced", [True, False])
def test_more_than_a_picture_is_never_read(app: Flask, owner: Visitor, announced: bool) -> None:
    token = owner.token()
    body = b"x" * (MAX_BYTES + MB)
    length = (
        {"content_length": len(body)} if announced else {"environ_overrides": {"wsgi.input_terminated": True}}
    )
    answer = owner.client.post(
        PICTURE,
        input_stream=io.BytesIO(body),
        content_type="multipart/form-data; boundary=x",
        headers={"X-CSRFToken": token},
        **length,
    )
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize("path", ["/cart/lines", "/admin/sign-in", "/checkout/details", "/account/register"])
def test_an_ordinary_form_is_small(app: Flask, shop: Shop, path: str) -> None:
    visitor = Visitor(app)
    for data in (
        {"email": "x" * (2 * MB)},
        {"email": (io.BytesIO(bytes(2 * MB)), "x")},
        {f"field-{number}": "x" for number in range(1100)} | {"file": (io.BytesIO(b"x"), "x")},
    ):
        assert visitor.post(path, data).status_code == 413  # type: ignore[arg-type]


def test_a_packed_body_is_not_unpacked(app: Flask, shop: Shop) -> None:
    packed = gzip.compress(b"email=" + b"x" * (50 * MB))
    visitor = Visitor(app)
    answer = visitor.client.post(
        "/cart/lines",
        data=packed,
        headers={
            "X-CSRFToken": visitor.token(),
            "Content-Encoding": "gzip",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    assert answer.status_code == 422
