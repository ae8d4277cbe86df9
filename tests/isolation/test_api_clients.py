"""A program with every right in Alice's shop names everything of Charlie's at every address of the API: it gets 404."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from commerce.api.openapi.document import make_document
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.api_clients import Program, make_program
from tests.factories.staff import make_staff, sign_in
from tests.isolation.audiences import audience_of, rules, verbs
from tests.isolation.canaries import CANARY
from tests.isolation.charlie import NAMES, Charlie, report, said, without, written


def test_programs_get_404_for_what_is_not_theirs(probed: Flask, charlie: Charlie, in_shop: Shop) -> None:
    _probe(probed, charlie)


@pytest.mark.usefixtures("without_the_filter")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_same_with_the_filter_switched_off(probed: Flask, charlie: Charlie, in_shop: Shop) -> None:
    _probe(probed, charlie)


def test_who_has_no_key_of_this_shop_gets_nothing_at_all(
    probed: Flask, charlie: Charlie, in_shop: Shop
) -> None:
    with shop_scope(charlie.shop):
        charlies = make_program(probed)
    before = charlie.everything()
    bodies = _bodies(probed)
    for verb, path, name, _ in _addresses(probed, charlie):
        for key in (charlies.key, f"ls_live_{CANARY}", CANARY):
            answer = Program(probed, key).call(verb, path, bodies[name])
            assert answer.status_code == 401, f"{verb} {path}"
    with shop_scope(charlie.shop):
        assert charlies.get("/api/orders").status_code == 401
        assert Program(probed, charlies.key, host=charlie.shop.host).get("/api/orders").status_code == 200
    after = charlie.everything()
    assert {name for name in after if after[name] != before[name]} <= {"api_keys"}, (
        "its own use alone was noted"
    )


def test_staff_and_members_without_a_key_are_visitors_here(
    probed: Flask, charlie: Charlie, in_shop: Shop
) -> None:
    owner = probed.test_client(host=in_shop.host)
    make_staff("owner")
    sign_in(owner)
    assert owner.get("/admin/orders").status_code == 200
    bodies = _bodies(probed)
    for verb, path, name, _ in _addresses(probed, charlie):
        answer = owner.open(path, method=verb, json=bodies[name])
        assert answer.status_code == 401, f"{verb} {path}"


def _probe(app: Flask, charlie: Charlie) -> None:
    program = make_program(app)
    asked = {*charlie.fields().values(), CANARY}
    before, bodies = charlie.everything(), _bodies(app)
    probes, leaks, found, broken = 0, [], [], []
    for verb, path, name, names_something in _addresses(app, charlie):
        body = _with_names(bodies[name], charlie.fields())
        answer = program.call(verb, path, body, Idempotency_Key=f"{CANARY}-{probes:020}")
        probes += 1
        asked.add(path)
        what = f"{verb} {path} -> {answer.status_code} {answer.text[:300]}"
        if CANARY in said(answer, asked):
            leaks.append(what)
        if names_something and answer.status_code != 404:
            found.append(what)
        if answer.status_code >= 500:
            broken.append(what)
    assert (leaks, found, broken) == ([], [], [])
    assert charlie.everything() == before
    assert CANARY not in without(asked, written(Path(app.config["LOCKSTEP"].var)))
    report(f"API: {probes} addresses and verbs with a key of another shop: 0 leaks, 0 found")


def _addresses(app: Flask, charlie: Charlie) -> Iterator[tuple[str, str, str, bool]]:
    """Yield verb, path with Charlie's names, endpoint, and whether it names anything, of all that takes a key."""
    for rule in rules(app):
        if audience_of(rule) == "api":
            built = rule.build(
                {name: charlie.part(rule, name) for name in rule.arguments}, append_unknown=False
            )
            assert built is not None
            for verb in verbs(rule):
                yield verb, built[1], rule.endpoint, bool(rule.arguments & NAMES)


def _bodies(app: Flask) -> dict[str, Any]:
    """Return the documented example of a body by endpoint, None where there is none."""
    with app.test_request_context("/"):
        document = make_document()
    found = {}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            body = described.get("requestBody", {}).get("content", {}).get("application/json", {})
            found[method, path] = body.get("example")
    return {
        rule.endpoint: found.get((verb.lower(), _template(rule.rule)))
        for rule in rules(app)
        for verb in verbs(rule)
    }


def _template(rule: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def _with_names(body: Any, names: dict[str, str]) -> Any:
    """Return a body that names what is Charlie's wherever it names something."""
    theirs = {
        "productCode": names["sku"],
        "variantId": names["variant_id"],
        "lineId": names["line_id"],
        "promotionId": names["promotion_id"],
        "customerId": names["member_id"],
        "categoryCode": names["slug"],
    }
    if isinstance(body, list):
        return [_with_names(each, names) for each in body]
    if not isinstance(body, dict):
        return body
    return {name: theirs.get(name) or _with_names(each, names) for name, each in body.items()}
