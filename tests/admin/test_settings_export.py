"""An owner takes the whole shop along, after giving the password; nobody else does."""

import io
import json
import zipfile

import pytest
import time_machine
from sqlalchemy import select

from commerce import clock
from commerce.accounts.models import AuditEntry
from commerce.db import db
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.support.html import parse

PAGE = "/admin/settings/export"


def test_the_owner_downloads_all_of_the_shop_and_it_is_written_down(
    signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    make_product("Tea")
    owner = signed_in("owner", name="Alice")
    parse(owner.get(PAGE))
    assert post(owner, PAGE, {"passphrase": "short"}).status_code == 422
    with post(owner, PAGE, {"passphrase": "green leaves only"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=demo-")
        assert "no-store" in answer.headers["Cache-Control"]
        with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
            assert b"Tea" in archive.read("tables/products.jsonl")
            assert json.loads(archive.read("manifest.json"))["shop"]["code"] == "demo"
            assert str(other_shop.id).encode() not in b"".join(map(archive.read, archive.namelist()))
    db.session.close()
    entries = db.session.execute(select(AuditEntry.actor_name, AuditEntry.action, AuditEntry.subject)).all()
    exports = [tuple(entry) for entry in entries if "export" in entry.action]
    assert exports == [("Alice", "shop_exported", "demo")] * 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_the_owner_may_and_only_with_a_recent_proof(signed_in: SignedIn, in_shop: Shop) -> None:
    for role in ("manager", "fulfilment", "support", "readonly"):
        client = signed_in(role)
        assert client.get(PAGE).status_code == 403
        assert post(client, PAGE, {}).status_code == 403
    owner = signed_in("owner")
    with time_machine.travel(clock.now().timestamp() + 3600):
        answer = post(owner, PAGE, {"passphrase": "green leaves only"})
        assert answer.mimetype == "text/html"
        assert "password" in answer.text
        assert "green leaves only" not in answer.text
