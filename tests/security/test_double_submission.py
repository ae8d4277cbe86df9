"""Every form of the product, sent twice by somebody who clicks twice: what it does happens once."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from commerce.db import db
from tests.security.conftest import Walks
from tests.security.walk import FoundForm, Walk

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PASSING = {
    "staff_sessions",
    "member_sessions",
    "operator_sessions",
    "form_submissions",
    "operator_form_submissions",
}
"""When somebody was last seen, and the forms that were sent: no effect of a form."""
TRIES = {"audit_entries", "members", "sign_in_throttles", "operator_sign_in_throttles", "staff_members"}
"""Where a wrong password or proof is counted: each try is one, and nothing else of a refused form is."""
LAST = re.compile(r"sign-out|sign-in|sessions|password|second-factor|deletion|removal|revocation|forget")
"""Forms after which others would find nobody signed in, or nothing to do."""
FILLED = {
    "email": "new@example.com",
    "quantity": "1",
    "amount": "1",
    "reason": "because",
    "count": "2",
    "units": "1",
    "price": "12.00",
}


OF_A_SHOP = {
    "code": "honey",
    "host": "honey.example.com",
    "currency": "EUR",
    "country": "DE",
    "tax_percent": "7",
}


def tables(app: Flask) -> dict[str, str]:
    """Return a digest of each table's rows."""
    found: dict[str, Any] = {}
    with app.app_context():
        connection: Any = db.engine.raw_connection().driver_connection
        for line in connection.iterdump():
            named = re.match(r'INSERT INTO "(\w+)"', line)
            if named and named[1] not in PASSING and not named[1].startswith(("search", "sqlite")):
                digest = found.setdefault(named[1], hashlib.sha256())
                digest.update(line.encode("utf-8", "replace"))
    return {name: digest.hexdigest() for name, digest in found.items()}


def filled(form: FoundForm) -> dict[str, str]:
    """Return what somebody would send who fills in what is empty."""
    values = dict(form.values)
    for name in form.free:
        if form.page.startswith("/platform/") and name in OF_A_SHOP:
            values[name] = OF_A_SHOP[name]
        elif not values[name]:
            word = next((each for each in FILLED if each in name), "")
            values[name] = FILLED.get(word, "" if "2" in name else "Some text")
    return values


def differing(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """Yield the names of the tables that are not as they were."""
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield name


def test_every_form_that_is_sent_twice_acts_once(app: Flask, walks: Walks, operator: Walk) -> None:
    acted: set[Any] = set()
    wrong = []
    for who, walk in {**walks(), "operator": operator}.items():
        for form in sorted(walk.forms(), key=lambda each: bool(LAST.search(each.action))):
            before = tables(app)
            values = filled(form)
            walk.client.post(form.action, data=values, buffered=True)
            first = tables(app)
            if list(differing(before, first)):
                acted.add(walk.kind(form.action, "POST"))
            answer = walk.client.post(form.action, data=values, buffered=True)
            twice = list(differing(first, tables(app)))
            if answer.status_code == 422:
                twice = [name for name in twice if name not in TRIES]
            if twice or answer.status_code not in (200, 303, 400, 401, 403, 404, 409, 422, 429):
                wrong.append((who, form.action, answer.status_code, twice))
    assert not wrong, "\n".join(map(str, wrong))
    assert len(acted) > 25, sorted(acted)
    assert {"platform.shop_new", "platform.shop_suspend"} <= {kind[0] for kind in acted}
