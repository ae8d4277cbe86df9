"""`flask staff create` makes people who can sign in."""

import json

from flask import Flask

from commerce.accounts.sessions import STAFF
from commerce.accounts.sign_in import sign_in
from commerce.tenants.models import Shop
from tests.factories.staff import PASSWORD

ARGUMENTS = ["staff", "create", "--tenant", "demo", "--email", "Ann@Shop.test"]


def test_a_password_is_made_and_printed_once(app: Flask, in_shop: Shop) -> None:
    result = app.test_cli_runner().invoke(args=[*ARGUMENTS, "--role", "support", "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output)
    assert (answer["email"], answer["role"], answer["tenant"]) == ("ann@shop.test", "support", "demo")
    assert len(answer["password"]) == 20
    assert sign_in(STAFF, "ann@shop.test", answer["password"])


def test_a_password_can_come_from_standard_input(app: Flask, in_shop: Shop) -> None:
    result = app.test_cli_runner().invoke(args=[*ARGUMENTS, "--password-stdin"], input=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert "ann@shop.test" in result.output
    assert PASSWORD not in result.output
    assert sign_in(STAFF, "ann@shop.test", PASSWORD)


def test_a_refusal_is_one_sentence_and_exit_code_1(app: Flask, in_shop: Shop) -> None:
    runner = app.test_cli_runner()
    short = runner.invoke(args=[*ARGUMENTS, "--password-stdin"], input="short\n")
    assert short.exit_code == 1
    assert "12 to 1024 characters" in short.output
    nowhere = runner.invoke(args=["staff", "create", "--tenant", "nowhere", "--email", "a@b.test"])
    assert nowhere.exit_code == 1
    assert "no shop with the code “nowhere”" in nowhere.output
