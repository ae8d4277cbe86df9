"""Nothing is changed by a form that another site made, and only gateways may write without a token."""

import hashlib

import pytest
from flask import Flask

from commerce.db import db
from commerce.tenants.models import Shop
from commerce.web import csrf
from tests.factories.shop import make_product
from tests.security.conftest import Walks
from tests.security.test_headers import address
from tests.support.visitor import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def everything(app: Flask) -> str:
    """Return a digest of all that is stored."""
    digest = hashlib.sha256()
    with app.app_context():
        for line in db.engine.raw_connection().driver_connection.iterdump():  # type: ignore[union-attr]
            digest.update(line.encode("utf-8", "replace"))
    return digest.hexdigest()


def test_only_gateways_and_programs_need_no_token(app: Flask) -> None:
    exempt = {
        endpoint
        for endpoint, view in app.view_functions.items()
        if f"{view.__module__}.{view.__name__}" in csrf._exempt_views
    }
    assert exempt == {"payment_webhooks.receive"}
    assert {each.name for each in csrf._exempt_blueprints} == {"api"}, "it looks at no cookie, only at a key"
    assert app.config["WTF_CSRF_METHODS"] == UNSAFE
    assert app.config.get("WTF_CSRF_ENABLED", True)
    assert app.config.get("WTF_CSRF_CHECK_DEFAULT", True)


def test_no_address_takes_a_form_without_its_token(
    app: Flask, in_shop: Shop, owner: Visitor, shopper: Visitor
) -> None:
    rules = [
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & UNSAFE
        if rule.endpoint != "payment_webhooks.receive"
    ]
    assert len(rules) > 60
    before = everything(app)
    for endpoint, method in rules:
        place = {"base_url": "http://platform.localhost"} if endpoint.startswith("platform.") else {}
        for client in (app.test_client(), shopper.client, owner.client):
            answer = client.open(address(app, endpoint), method=method, **place)
            if endpoint.startswith("api."):
                assert answer.status_code == 401, endpoint
                continue
            assert (answer.status_code, "came from elsewhere" in answer.text) == (400, True), endpoint
    assert everything(app) == before


def spoiled(token: str) -> str:
    """Return a token with one character changed in its middle; the last ones carry bits that do not count."""
    at = len(token) // 2
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


def test_a_true_form_is_refused_without_its_token_or_from_another_site(app: Flask, walks: Walks) -> None:
    found, before = walks(), ""
    tried = 0
    for walk in found.values():
        for form in walk.forms():
            before = before or everything(app)
            token = form.values.pop("csrf_token")
            for data, headers in (
                (form.values, {}),
                ({**form.values, "csrf_token": spoiled(token)}, {}),
                (form.values, {"HX-Request": "true"}),
                (form.values, {"X-Requested-With": "XMLHttpRequest"}),
                ({**form.values, "csrf_token": token}, {"Sec-Fetch-Site": "cross-site"}),
                ({**form.values, "csrf_token": token}, {"Sec-Fetch-Site": "same-site"}),
            ):
                answer = walk.client.post(form.action, data=data, headers=headers)
                assert answer.status_code == 400, (form.action, headers)
            tried += 1
    assert tried > 30
    assert everything(app) == before


def test_a_token_of_somebody_else_is_worth_nothing(app: Flask, in_shop: Shop, owner: Visitor) -> None:
    mine = {"csrf_token": Visitor(app).token()}
    with owner.client.session_transaction() as session:
        session["csrf_token"] = "1" * 40
    assert owner.client.post("/admin/sign-out", data=mine).status_code == 400


@pytest.mark.parametrize("said", ["same-origin", "none"])
def test_the_shop_s_own_forms_pass(app: Flask, shop: Shop, said: str) -> None:
    answer = Visitor(app).post("/cart/lines", {"variant_id": "x"}, headers={"Sec-Fetch-Site": said})
    assert answer.status_code == 422


def test_what_is_watched_is_the_database(app: Flask, in_shop: Shop) -> None:
    before = everything(app)
    make_product()
    assert everything(app) != before
