"""Redirects by hand and by file: what leads where, and what must not lead anywhere."""

import io
import uuid

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.redirects import files
from commerce.redirects.models import Redirect
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.staff import post
from tests.support.client import ShopClient

LIST = "/admin/redirects"


def rows() -> dict[str, str]:
    db.session.close()
    found = {row.path: row.target for row in db.session.scalars(select(Redirect))}
    db.session.close()
    return found


def upload(desk: ShopClient, text: str, name: str = "redirects.csv") -> tuple[int, str]:
    answer = post(desk, f"{LIST}/import", {"file": (io.BytesIO(text.encode()), name)})
    return answer.status_code, answer.text


def test_a_redirect_is_added_followed_and_removed(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    assert "No redirects yet." in desk.get(LIST).text
    assert post(desk, LIST, {"path": "/old page/", "target": "/search"}).status_code == 303
    answer = client.get("/old page")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/search")
    assert post(desk, LIST, {"path": "/old page", "target": "https://blog.example/x"}).status_code == 303
    assert rows() == {"/old page": "https://blog.example/x"}
    assert "/old page" in desk.get(f"{LIST}?q=BLOG").text
    assert "No redirects match" in desk.get(f"{LIST}?q=nowhere").text
    row = db.session.scalars(select(Redirect)).one()
    assert post(desk, f"{LIST}/{row.id}/removal", {"version": "99"}).status_code == 409
    assert post(desk, f"{LIST}/{row.id}/removal", {"version": str(row.version)}).status_code == 303
    assert client.get("/old page").status_code == 404
    assert post(desk, f"{LIST}/{uuid.uuid4()}/removal", {"version": "1"}).status_code == 404


def test_nobody_is_led_in_circles(desk: ShopClient, client: ShopClient, in_shop: Shop) -> None:
    assert "lead to itself" in post(desk, LIST, {"path": "/a", "target": "/a/?x=1"}).text
    assert post(desk, LIST, {"path": "/a", "target": "/b"}).status_code == 303
    answer = post(desk, LIST, {"path": "/b", "target": "/a"})
    assert (answer.status_code, "leads back to /b" in answer.text) == (422, True)
    assert 'value="/b"' in answer.text
    assert rows() == {"/a": "/b"}
    # What leads to a former address leads at once to where that one leads; both stay good.
    assert post(desk, LIST, {"path": "/older", "target": "/a"}).status_code == 303
    assert post(desk, LIST, {"path": "/b", "target": "/c"}).status_code == 303
    assert rows() == {"/a": "/c", "/older": "/c", "/b": "/c"}


@pytest.mark.parametrize(
    ("path", "target", "said"),
    [
        ("", "/x", "This field is required."),
        ("/x", "", "This field is required."),
        ("old", "/x", "Enter a path of your shop"),
        ("/admin/orders", "/x", "be redirected"),
        ("/x", "//evil.example", "Enter a path of your shop, or an address"),
        ("/x", "/\\evil.example", "Enter a path of your shop, or an address"),
        ("/x", "javascript:alert(1)", "Enter a path of your shop, or an address"),
        ("/x", "https://shop@evil.example/", "Enter a path of your shop, or an address"),
    ],
)
def test_what_leads_nowhere_good_is_refused(
    desk: ShopClient, in_shop: Shop, path: str, target: str, said: str
) -> None:
    answer = post(desk, LIST, {"path": path, "target": target})
    assert (answer.status_code, said in answer.text) == (422, True)
    assert rows() == {}


def test_a_file_goes_in_and_out(desk: ShopClient, in_shop: Shop) -> None:
    assert upload(desk, "Redirect from,Redirect to\n/a,/b\n/c,https://x.example/\n")[0] == 303
    assert rows() == {"/a": "/b", "/c": "https://x.example/"}
    file = desk.get("/admin/redirects.csv")
    assert file.text.lstrip("\ufeff").splitlines() == ["path,target", "/a,/b", "/c,https://x.example/"]
    assert upload(desk, file.text)[0] == 303
    assert len(rows()) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,target\n/a,/b\nnonsense,/c\n", "Row 3 (nonsense): Enter a path"),
        ("path,target\n/a,/b\n/b,/a\n", "Row 3 (/b): The target leads back to /b."),
        ("path\n/a\n", "two columns"),
        ("", "empty"),
        ("path,target\n" + "/a,/b\n" * 4, "more than 3 rows"),
    ],
)
def test_of_a_wrong_file_nothing_is_taken(
    desk: ShopClient, in_shop: Shop, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr(files, "MAX_ROWS", 3)
    status, answer = upload(desk, text)
    assert (status, said in answer) == (422, True)
    assert rows() == {}
    assert post(desk, f"{LIST}/import", {}).status_code == 422


def test_some_roles_only_look(signed_in: SignedIn, in_shop: Shop) -> None:
    reader = signed_in("readonly")
    assert reader.get(LIST).status_code == reader.get("/admin/redirects.csv").status_code == 200
    for address in (LIST, f"{LIST}/import", f"{LIST}/{uuid.uuid4()}/removal"):
        assert post(reader, address, {"path": "/a", "target": "/b"}).status_code == 403
    assert rows() == {}
