"""Every address, by every verb, for every role of Alice's shop, with the real ids of Charlie's: all stays as it is.

In Charlie's shop every text of every row is a canary, which may appear in no answer, mail, file or log. On PostgreSQL
it is done once more with the filter of the ORM switched off, so that row security alone has to hold.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from commerce import db as database
from commerce.accounts import sessions
from commerce.accounts.permissions import ROLES
from commerce.accounts.sessions import MEMBER, STAFF, Device
from commerce.db import atomic
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.conftest import FIGURES
from tests.factories.checkout import make_order
from tests.factories.members import make_member
from tests.factories.shop import make_product
from tests.factories.staff import make_staff
from tests.isolation.audiences import audience_of, rules, verbs
from tests.isolation.canaries import CANARY, Ids, fill_shop, rows_of_shop, token_of
from tests.support.client import ShopClient

IDS = {
    "address_id": "member_addresses",
    "client_id": "api_clients",
    "coupon_id": "coupons",
    "delivery_id": "deliveries",
    "draft_id": "carts",
    "endpoint_id": "webhook_endpoints",
    "invitation_id": "staff_invitations",
    "key_id": "api_keys",
    "line_id": "cart_lines",
    "location_id": "locations",
    "method_id": "shipping_methods",
    "payment_id": "payments",
    "promotion_id": "promotions",
    "rate_id": "tax_rates",
    "refund_id": "refunds",
    "return_id": "return_requests",
    "staff_id": "staff_members",
    "stock_item_id": "stock_items",
    "variant_id": "variants",
}
"""Names of parts of addresses and of fields -> the table whose id they hold."""
PLAIN = {"number": "1", "deed": "removal", "gateway": "manual", "section": "shop", "resource": "cancellation"}
"""Parts of addresses that name nothing of a shop."""
EVERYBODY = ("guest", "member", *ROLES)
NAMES = IDS.keys() | {"code", "host", "key", "session_id", "sku", "slug", "token"}
"""Parts of addresses that name something of Charlie's here."""


class Charlie:
    """What can be named of Charlie's shop."""

    def __init__(self, shop: Shop, ids: Ids) -> None:
        self.shop, self.ids = shop, ids

    def part(self, rule: Rule, name: str) -> str:
        """Return what stands for `name` in an address. A part that nobody has thought of fails the build."""
        path = rule.rule
        if name in IDS:
            return str(self.ids[IDS[name]])
        parts = PLAIN | {
            "code": f"{CANARY}-payment-methods-code"
            if "payment-methods" in path
            else f"{CANARY}-orders-code",
            "filename": "app.css",
            "host": self.shop.host,
            "key": str(self.ids["members"]),
            "name": {
                "media": f"{self.shop.id}/picture.png",
                "payment_messages.receive": f"{CANARY}-name",
            }.get(rule.endpoint, "logo" if "look" in path else "order_placed"),
            "session_id": str(
                self.ids["staff_sessions" if path.startswith("/admin/") else "member_sessions"]
            ),
            "sku": f"{CANARY}-variants-sku",
            "slug": f"{CANARY}-{'categories' if 'categories' in path else 'products'}-slug",
            "token": self._token(path),
        }
        return parts[name]

    def _token(self, path: str) -> str:
        if path.startswith("/orders/"):
            return f"{CANARY}-orders-token"
        return token_of("staff_invitations" if "invitations" in path else "email_proofs")

    def fields(self) -> dict[str, str]:
        """Return a form that names everything of Charlie's that a form could name."""
        named = {name: str(self.ids[table]) for name, table in IDS.items()}
        return named | {
            "tenant_id": str(self.shop.id),
            "shop": self.shop.code,
            "variant": str(self.ids["variants"]),
            "to_location_id": str(self.ids["locations"]),
            "product_id": str(self.ids["products"]),
            "member_id": str(self.ids["members"]),
            "checkout_token": f"{CANARY}-carts-checkout-token",
            "code": f"{CANARY}-coupons-code",
            "order_code": f"{CANARY}-orders-code",
            "email": f"{CANARY}-members-email@other.test",
            "sku": f"{CANARY}-variants-sku",
            "slug": f"{CANARY}-products-slug",
            "password": "not the password",
            "quantity": "1",
            "version": "1",
            "reason": "Because",
        }


@pytest.fixture
def probed(make_app: Callable[..., Flask]) -> Flask:
    """The application, with the forms' tokens not asked for: what is behind them shall be reached."""
    app = make_app(worker_thread=False)
    app.config.update(WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=False)
    return app


@pytest.fixture
def charlie(app: Flask, other_shop: Shop) -> Charlie:
    """Charlie's shop, a canary in every text."""
    with app.app_context(), shop_scope(other_shop):
        return Charlie(other_shop, fill_shop())


@pytest.fixture
def without_the_filter() -> Iterator[None]:
    """The session asks for no shop: what is left is row security."""
    event.remove(Session, "do_orm_execute", database._only_this_tenant)
    yield
    event.listen(Session, "do_orm_execute", database._only_this_tenant)


def test_every_address_is_for_somebody(app: Flask) -> None:
    """The build fails for an address of which nobody has said so."""
    assert [rule.rule for rule in rules(app) if not audience_of(rule)] == []


def test_no_address_shows_or_changes_anything_of_another_shop(
    probed: Flask, charlie: Charlie, in_shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    make_order((make_product("Tea", stock=50), 1))
    caplog.set_level(logging.DEBUG)
    asked = _probe_everything(probed, charlie, in_shop, EVERYBODY)
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert CANARY not in _without(asked, logged)


@pytest.mark.usefixtures("without_the_filter")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_same_with_the_filter_switched_off(probed: Flask, charlie: Charlie, in_shop: Shop) -> None:
    _probe_everything(probed, charlie, in_shop, ("guest", "member", "owner"))


def _probe_everything(app: Flask, charlie: Charlie, shop: Shop, roles: Sequence[str]) -> set[str]:
    """Probe, hold what comes back against what may be known, and return everything that was asked with."""
    asked = set(charlie.fields().values())
    before = _everything(charlie)
    probes = 0
    leaks, found, broken = [], [], []
    for role in roles:
        client = _client(app, shop, role)
        for rule in rules(app):
            for verb in verbs(rule):
                path, answer = _probe(client, charlie, rule, verb)
                probes += 1
                asked.add(path)
                what = f"{role} {verb} {path} -> {answer.status_code}"
                if CANARY in _said(answer, [path, *charlie.fields().values()]):
                    leaks.append(what)
                if rule.arguments & NAMES and answer.status_code < 300:
                    found.append(what)
                if answer.status_code >= 500:
                    broken.append(what)
    assert (leaks, found, broken) == ([], [], [])
    assert _everything(charlie) == before
    assert CANARY not in _written(Path(app.config["LOCKSTEP"].var))
    _report(
        f"{len(rules(app))} addresses x verbs x {len(roles)} roles = {probes} probes, 0 leaks, 0 unclassified"
    )
    return asked


def test_the_staff_of_the_shop_get_404_for_what_is_not_theirs(
    probed: Flask, charlie: Charlie, in_shop: Shop
) -> None:
    """Not 403: that something exists elsewhere is nobody's business here. A form that lacks something is 422 first."""
    client = _client(probed, in_shop, "owner")
    wrong = []
    for rule in rules(probed):
        named = rule.arguments & (NAMES - {"code", "host", "token"})
        if not named or audience_of(rule) not in ("staff", "shop"):
            continue
        for verb in verbs(rule):
            path, answer = _probe(client, charlie, rule, verb)
            if answer.status_code not in (404, 422):
                wrong.append(f"{verb} {path} -> {answer.status_code}")
    assert wrong == []


def _client(app: Flask, shop: Shop, role: str) -> ShopClient:
    client = app.test_client(host=shop.host)
    assert isinstance(client, ShopClient)
    with shop_scope(shop):
        if role == "member":
            token = atomic(sessions.begin)(MEMBER, make_member(), Device())
            client.set_cookie("member", token, domain=shop.host)
        elif role != "guest":
            staff_id: uuid.UUID = make_staff(role, email=f"{role}-{uuid.uuid4().hex}@shop.test")
            client.set_cookie("staff", atomic(sessions.begin)(STAFF, staff_id, Device()), domain=shop.host)
    return client


def _probe(client: ShopClient, charlie: Charlie, rule: Rule, verb: str) -> tuple[str, Any]:
    _, path = rule.build(
        {name: charlie.part(rule, name) for name in rule.arguments}, append_unknown=False
    ) or ("", "")
    if verb in ("GET", "DELETE"):
        return path, client.open(
            path, method=verb, query_string={"q": CANARY[:3], "email": "x"}, buffered=True
        )
    return path, client.open(path, method=verb, data=charlie.fields(), buffered=True)


def _said(answer: Any, asked: Iterable[str]) -> str:
    """Return an answer without what the visitor has said himself, which pages may repeat."""
    return _without(asked, f"{answer.headers}\n{answer.data.decode(errors='replace')}")


def _without(asked: Iterable[str], text: str) -> str:
    for words in sorted(asked, key=len, reverse=True):
        if CANARY in words:
            text = text.replace(words, "").replace(quote(words), "").replace(quote(words, safe=""), "")
    return text


def _everything(charlie: Charlie) -> Any:
    with shop_scope(charlie.shop):
        return rows_of_shop()


def _written(folder: Path) -> str:
    return "".join(
        path.read_text(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".db"
    )


def _report(figure: str) -> None:
    """Leave the figure where whoever runs the tests finds it, however many processes run them."""
    FIGURES.parent.mkdir(exist_ok=True)
    with FIGURES.open("a") as file:
        file.write(figure + "\n")
