"""Nobody sends more than a form needs, and what is packed small stays small."""

import gzip
import io
import os

import pytest
from email_validator import EmailNotValidError
from flask import Flask
from PIL import Image
from werkzeug import formparser

from commerce.accounts.views import COOKIE
from commerce.catalog.images import MAX_BYTES
from commerce.checkout import forms as checkout_forms
from commerce.inventory import forms as inventory_forms
from commerce.request_limits import ANYBODY, MAX_BODY, MAX_COOKIES, MAX_QUERY, STAFF
from commerce.tenants.models import Shop
from tests.factories.shop import make_product
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


def test_the_server_lets_in_what_any_view_takes(app: Flask) -> None:
    assert max(getattr(view, "takes", STAFF).size for view in app.view_functions.values()) <= MAX_BODY


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


def test_a_form_of_millions_of_fields_is_refused_before_it_is_parsed(
    app: Flask, in_shop: Shop, owner: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent by nobody to a page that takes pictures: it cost seconds before anybody was asked who they are."""
    parsed = []
    monkeypatch.setattr(formparser, "parse_qsl", lambda *args, **_rest: parsed.append(args) or [])
    body = b"1=&2=&" * 1_900_000
    kind = "application/x-www-form-urlencoded"
    for client in (app.test_client(), owner.client):
        for path in (PICTURE, "/cart/lines", "/account/sign-in", "/admin/stock-import"):
            for length in (
                {"content_length": len(body)},
                {"environ_overrides": {"wsgi.input_terminated": True}},
            ):
                answer = client.post(path, input_stream=io.BytesIO(body), content_type=kind, **length)
                assert answer.status_code == 413, (path, length)
    assert parsed == []


@pytest.mark.parametrize(
    "body",
    [b"1=&" * ANYBODY.fields, b"email=" + b"%ff" * (ANYBODY.escapes + 1)],
    ids=["fields", "escapes"],
)
def test_the_fields_and_escapes_of_a_small_form_are_counted_before_it_is_parsed(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    parsed = []
    monkeypatch.setattr(formparser, "parse_qsl", lambda *args, **_rest: parsed.append(args) or [])
    assert len(body) < ANYBODY.size
    kind = "application/x-www-form-urlencoded"
    assert app.test_client().post("/cart/lines", data=body, content_type=kind).status_code == 413
    assert parsed == []


def test_only_who_is_signed_in_as_staff_may_send_a_large_form(
    app: Flask, in_shop: Shop, owner: Visitor
) -> None:
    large = {"description_html": "x" * (2 * ANYBODY.size)}
    assert owner.post("/admin/settings/shop", large).status_code == 422
    assert Visitor(app).post("/admin/settings/shop", large).status_code == 413
    # A cookie that opens nothing gives no room.
    forged = Visitor(app)
    forged.client.set_cookie(COOKIE, "x" * 43, domain=in_shop.host, path="/admin")
    assert forged.post("/admin/settings/shop", large).status_code == 413
    # Nor is there more room for staff outside of the admin.
    assert owner.post("/cart/lines", large).status_code == 413


def test_long_query_strings_and_piles_of_cookies_are_refused_before_they_are_read(
    app: Flask, in_shop: Shop
) -> None:
    client = app.test_client(use_cookies=False)
    asked = {
        414: client.get("/search?" + "q=1&" * (MAX_QUERY // 4 + 1)),
        431: client.get("/", headers={"Cookie": "a=b; " * (MAX_COOKIES // 5 + 1)}),
    }
    for status, answer in asked.items():
        assert answer.status_code == status
        assert answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "private, no-store"
    assert client.get("/search?q=" + "x" * (MAX_QUERY - 2)).status_code == 200


@pytest.mark.parametrize("address", ["a." * 50_000 + "@example.com", '"' + "a" * 50_000 + '"@example.com'])
def test_an_address_that_is_too_long_is_not_taken_apart(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def take_apart(text: str, **_rules: object) -> None:
        assert len(text) <= 255
        raise EmailNotValidError

    for place in (checkout_forms, inventory_forms):
        monkeypatch.setattr(place, "validate_email", take_apart)
    visitor, tea = Visitor(app), make_product(stock=0)
    for path in ("/account/register", "/account/password-reset", "/orders/find", f"{tea.path}/alerts"):
        form = {"email": address, "name": "Ann", "code": "ORD-1", "variant_id": str(tea.variant_id)}
        assert visitor.post(path, form).status_code == 422
