"""Pictures of products by programs: sent in Base64, checked like those of the editor, ordered, described, deleted."""

import base64
import io
import uuid
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from commerce.api.products import picture_schemas
from commerce.catalog.models import ProductImage
from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.api_clients import Program, make_program, new_key
from tests.factories.catalog import put_up


def picture(color: str = "red", size: tuple[int, int] = (40, 20)) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    put_up("Mug", slug="mug")
    return make_program(app)


def faults(answer: Any) -> list[str]:
    return [each["field"] for each in answer.json["errors"]]


HERE = "/api/products/mug/pictures"


def alts(program: Program) -> list[str]:
    return [each["alt"] for each in program.get(HERE).json["items"]]


def add(program: Program, alt: str, **more: Any) -> Any:
    answer = program.post(HERE, {"content": picture(), "alt": alt, **more})
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_picture_is_added_shown_and_stored_as_the_shop_keeps_pictures(program: Program) -> None:
    version = program.get("/api/products/mug").json["version"]
    answer = program.post(HERE, {"content": picture(size=(3200, 1600)), "alt": " A  mug "})
    assert answer.status_code == 201, answer.text
    made = answer.json
    assert (made["alt"], made["position"], made["width"], made["height"]) == ("A mug", 1, 1600, 800)
    assert answer.headers["Location"] == f"{HERE}/{made['id']}"
    assert made["url"].endswith(".webp")
    assert program.get("/api/products/mug").json["attributes"]["images"] == [made["url"]]
    assert program.get("/api/products/mug").json["version"] == version + 1
    with program.app.test_client().get(made["url"].removeprefix("http://demo.localhost")) as file:
        assert Image.open(io.BytesIO(file.data)).format == "WEBP"


def test_pictures_stand_where_they_are_put(program: Program) -> None:
    ids = {name: add(program, name)["id"] for name in ("a", "b", "c")}
    assert add(program, "first", position=1)["position"] == 1
    assert alts(program) == ["first", "a", "b", "c"]
    for name, position, order in (
        ("c", 1, ["c", "first", "a", "b"]),
        ("c", 3, ["first", "a", "c", "b"]),
        ("first", 100, ["a", "c", "b", "first"]),
    ):
        key = ids.get(name) or program.get(HERE).json["items"][0]["id"]
        version = program.get("/api/products/mug").json["version"]
        answer = program.patch(f"{HERE}/{key}", {"position": position, "version": version})
        assert answer.status_code == 200, answer.text
        assert alts(program) == order
    assert [each["position"] for each in program.get(HERE).json["items"]] == [1, 2, 3, 4]


def test_a_picture_is_described_under_the_version_of_the_product(program: Program) -> None:
    key = add(program, "old")["id"]
    version = program.get("/api/products/mug").json["version"]
    assert program.patch(f"{HERE}/{key}", {"alt": "new"}).status_code == 422, "no version"
    answer = program.patch(f"{HERE}/{key}", {"alt": "new", "version": version - 1})
    assert (answer.status_code, answer.json["code"]) == (409, "stale_version")
    assert alts(program) == ["old"]
    answer = program.call("PATCH", f"{HERE}/{key}", {"alt": "new"}, If_Match=f'"{version}"')
    assert (answer.status_code, alts(program)) == (200, ["new"])
    answer = program.patch(f"{HERE}/{key}", {"version": version + 1})
    assert answer.headers["ETag"].startswith(f'"{version + 1}'), "nothing changed"


def test_a_deleted_picture_is_gone_from_product_and_variants(program: Program) -> None:
    put_up("Shown", slug="shown", files=["x.webp"])
    image = db.session.scalars(select(ProductImage.id)).one()
    assert program.delete(f"{HERE}/{image}").status_code == 404, "of another product"
    assert program.delete(f"/api/products/shown/pictures/{image}").status_code == 204
    assert program.get("/api/products/shown/pictures").json["items"] == []
    assert program.delete(f"/api/products/shown/pictures/{image}").status_code == 404


def test_a_retry_adds_no_second_picture(program: Program) -> None:
    key, body = new_key(), {"content": picture()}
    first, again = (program.post(HERE, body, key=key) for _ in range(2))
    assert (again.status_code, again.json) == (201, first.json)
    assert len(alts(program)) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("%%%", "not valid Base64"),
        ("", "damaged"),
        (base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode(), "damaged"),
        (base64.b64encode(b"GIF89a" + bytes(50)).decode(), "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_at_its_field(program: Program, content: str, reason: str) -> None:
    answer = program.post(HERE, {"content": content})
    assert (answer.status_code, faults(answer)) == (422, ["content"])
    assert alts(program) == []


def test_a_picture_that_is_too_large_is_refused(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_schemas, "MAX_CONTENT", 100)
    answer = program.post(HERE, {"content": picture() + "A" * 100})
    assert (answer.status_code, faults(answer)) == (422, ["content"])
    huge = {"content": "A" * (picture_schemas.MAX_BODY + 1)}
    assert program.post(HERE, huge).status_code == 413
    assert program.post("/api/products", {"name": "A" * 3_000_000}).status_code == 413, "only pictures may"


def test_a_product_has_no_more_than_a_hundred(program: Program) -> None:
    put_up("Full", slug="full", files=[f"{n}.webp" for n in range(100)])
    answer = program.post("/api/products/full/pictures", {"content": picture()})
    assert (answer.status_code, answer.json["reason"]) == (422, "too_many_pictures")


def test_pictures_of_another_shop_are_not_found(app: Flask, program: Program, other_shop: Shop) -> None:
    key = add(program, "mine")["id"]
    other = in_other_shop(app, other_shop)
    assert other.get(HERE).status_code == 404
    assert other.post(HERE, {"content": picture()}).status_code == 404
    assert other.delete(f"{HERE}/{key}").status_code == 404
    assert other.patch(f"{HERE}/{uuid.uuid4()}", {"version": 1}).status_code == 404
    assert alts(program) == ["mine"]


def in_other_shop(app: Flask, shop: Shop) -> Program:
    with shop_scope(shop):
        return make_program(app, host=shop.host)


def test_a_key_that_only_reads_changes_no_picture(app: Flask, program: Program) -> None:
    reader = make_program(app, scopes=("products:read",))
    assert reader.get(HERE).status_code == 200
    assert reader.post(HERE, {"content": picture()}).status_code == 403


def test_what_stands_below_a_product_answers_to_its_own_methods_alone(app: Flask) -> None:
    urls = app.url_map.bind("demo.localhost", url_scheme="http")
    own = {"HEAD", "OPTIONS"}
    assert set(urls.allowed_methods(HERE)) - own == {"GET", "POST"}
    assert set(urls.allowed_methods(f"{HERE}/{uuid.uuid4()}")) - own == {"PATCH", "DELETE"}
    assert set(urls.allowed_methods("/api/products/mug/variants")) - own == {"POST"}
    assert "GET" in urls.allowed_methods("/api/variants/a/pictures/b"), "a SKU may have slashes"
