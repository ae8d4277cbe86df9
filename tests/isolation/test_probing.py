"""Every address, by every verb, for every role of Alice's shop, with the real ids of Charlie's: all stays as it is.

In Charlie's shop every text of every row is a canary, which may appear in no answer, mail, file or log. On PostgreSQL
it is done once more with the filter of the ORM switched off, so that row security alone has to hold.
"""

import logging
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from commerce.accounts import sessions
from commerce.accounts.permissions import ROLES
from commerce.accounts.sessions import MEMBER, STAFF, Device
from commerce.db import atomic
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.members import make_member
from tests.factories.shop import make_product
from tests.factories.staff import make_staff
from tests.isolation.audiences import audience_of, rules, verbs
from tests.isolation.canaries import CANARY
from tests.isolation.charlie import NAMES, Charlie, report, said, without, written
from tests.support.client import ShopClient

EVERYBODY = ("guest", "member", *ROLES)


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
    assert CANARY not in without(asked, logged)


@pytest.mark.usefixtures("without_the_filter")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_same_with_the_filter_switched_off(probed: Flask, charlie: Charlie, in_shop: Shop) -> None:
    _probe_everything(probed, charlie, in_shop, ("guest", "member", "owner"))


def _probe_everything(app: Flask, charlie: Charlie, shop: Shop, roles: Sequence[str]) -> set[str]:
    """Probe, hold what comes back against what may be known, and return everything that was asked with."""
    asked = set(charlie.fields().values())
    before = charlie.everything()
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
                if CANARY in said(answer, [path, *charlie.fields().values()]):
                    leaks.append(what)
                if rule.arguments & NAMES and answer.status_code < 300:
                    found.append(what)
                if answer.status_code >= 500:
                    broken.append(what)
    assert (leaks, found, broken) == ([], [], [])
    assert charlie.everything() == before
    assert CANARY not in written(Path(app.config["LOCKSTEP"].var))
    report(
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
