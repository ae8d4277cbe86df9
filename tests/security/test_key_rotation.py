"""The key can be changed while the shop is open: nobody is signed out, no secret is lost, and the old key can go."""

import json
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce import encryption
from commerce.accounts.models import StaffMember
from commerce.db import Base, atomic, current_tenant_id, db
from commerce.encryption import DecryptionError, Seal, seal
from commerce.key_rotation import encrypted_columns, rotate_secrets
from commerce.payments.models import PaymentMethod
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks.models import WebhookEndpoint
from commerce.webhooks.services import create_endpoint, rotate_secret
from tests.factories.staff import make_staff, sign_in
from tests.support.visitor import Visitor

OLD, NEW = "an old key of the installation, long enough", "the present key of the installation, long enough"


@pytest.fixture(autouse=True)
def own_keys(app: Flask) -> Iterator[None]:
    """Apps of this file change the seal of the process; the app of the other tests gets its own back."""
    yield
    encryption.configure_encryption([app.config["SECRET_KEY"]])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_is_signed_in_and_what_is_filled_in_survive(make_app: Callable[..., Flask], shop: Shop) -> None:
    before = make_app(secret_key=OLD)
    with before.app_context(), shop_scope(shop):
        make_staff()
    visitor = Visitor(before)
    sign_in(visitor.client)
    form = visitor.token()
    cookies = {
        name: visitor.client.get_cookie(name, shop.host, path)
        for name, path in (("session", "/"), ("staff", "/admin"))
    }
    for keys, signed_in, taken in (
        ({"secret_key": NEW, "secret_key_fallbacks": (OLD,)}, 200, 303),
        ({"secret_key": NEW}, 200, 400),
    ):
        after = make_app(**keys)
        client = after.test_client(host=shop.host)
        for name, cookie in cookies.items():
            assert cookie is not None
            client.set_cookie(name, cookie.value, domain=shop.host, path=cookie.path)
        assert client.get("/admin/orders").status_code == signed_in, "a session is a row and not a signature"
        assert client.post("/admin/drafts", data={"csrf_token": form}).status_code == taken


@atomic
def _seal_things(method_id: object, staff_id: object) -> None:
    db.session.execute(
        update(PaymentMethod).where(PaymentMethod.id == method_id).values(sealed_secrets=seal().close("{}"))
    )
    db.session.execute(
        update(StaffMember)
        .where(StaffMember.id == staff_id)
        .values(totp_secret=seal().close("JBSWY3DPEHPK3PXP"))
    )


def sealed() -> list[str]:
    """Return everything that is sealed in the shop that was entered."""
    db.session.close()
    tables = Base.metadata.tables
    return [
        row[0]
        for name, columns in encrypted_columns().items()
        if "tenant_id" in tables[name].columns
        for column in columns
        for row in db.session.connection().execute(
            select(tables[name].c[column]).where(tables[name].c.tenant_id == current_tenant_id())
        )
        if row[0]
    ]


def test_everything_is_sealed_again_in_every_shop_so_that_the_old_key_can_go(
    make_app: Callable[..., Flask], shop: Shop, other_shop: Shop
) -> None:
    app = make_app(secret_key=OLD)
    with app.app_context():
        for each in (shop, other_shop):
            with shop_scope(each):
                method = db.session.scalars(select(PaymentMethod.id)).first()
                _seal_things(method, make_staff(email=f"owner@{each.code}.test"))
                endpoint_id, _secret = create_endpoint(
                    url="https://a.example/", description="", event_types=[]
                )
                rotate_secret(endpoint_id)
        encryption.configure_encryption([NEW, OLD])
        with shop_scope(shop):
            before = [seal().open(each) for each in sealed()]
            assert len(before) == 4
        done = rotate_secrets()
        assert (done.renewed, done.lost) == (8, [])
        only_new = Seal([NEW])
        for each in (shop, other_shop):
            with shop_scope(each):
                opened = [only_new.open(text) for text in sealed()]
                assert len(opened) == 4
                if each is shop:
                    assert opened == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_no_key_opens_is_left_alone_and_named(app: Flask, in_shop: Shop) -> None:
    endpoint_id, _secret = create_endpoint(url="https://a.example/", description="", event_types=[])
    strange = Seal(["a key that nobody has any more, and that was long"]).close("whsec")

    @atomic
    def lose() -> None:
        db.session.execute(update(WebhookEndpoint).values(sealed_secret=strange))

    lose()
    result = app.test_cli_runner().invoke(args=["secrets", "reseal", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "renewed": 0,
        "lost": [f"webhook_endpoints.sealed_secret {endpoint_id}"],
    }
    assert sealed() == [strange]


def test_every_column_that_holds_something_sealed_is_known() -> None:
    assert encrypted_columns() == {
        "idempotency_keys": ["sealed_outcome"],
        "operators": ["totp_secret"],
        "payment_methods": ["sealed_secrets"],
        "staff_members": ["totp_secret"],
        "webhook_endpoints": ["sealed_secret", "sealed_previous"],
    }


def test_a_sealed_text_that_was_changed_is_not_renewed() -> None:
    with pytest.raises(DecryptionError):
        Seal([NEW, OLD]).renew(Seal([OLD]).close("x")[:-4] + "AAAA")
