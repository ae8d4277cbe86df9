"""Staff of the shop that the test has entered, and how they sign in as a browser does."""

import re
import uuid
from functools import cache
from typing import Any
from unittest.mock import patch

import pyotp

from commerce import clock
from commerce.accounts import passwords, second_factor, services
from commerce.accounts import sign_in as signing
from commerce.accounts.sessions import STAFF, find_signed_in
from tests.support.client import ShopClient

PASSWORD = "correct horse battery"


HASH = cache(passwords.hash_password)
"""A password's hash, made once: it takes thirty milliseconds, and most staff of tests never type theirs."""


def make_staff(
    role: str = "owner", *, email: str = "", name: str = "", password: str = PASSWORD
) -> uuid.UUID:
    """Make a member of staff, `<role>@shop.test` unless told otherwise."""
    with patch.object(services, "hash_password", HASH):
        return services.create_staff(
            email=email or f"{role}@shop.test", name=name or role.capitalize(), password=password, role=role
        )


def csrf_token(html: str) -> str:
    """Return the form token of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found, "the page has no form"
    return found[1]


def sign_in(client: ShopClient, email: str = "owner@shop.test", password: str = PASSWORD) -> Any:
    """Sign in through the form and return the answer."""
    page = client.get("/admin/sign-in")
    return client.post(
        "/admin/sign-in",
        data={"csrf_token": csrf_token(page.text), "email": email, "password": password, "next": "/admin/"},
    )


def post(client: ShopClient, path: str, data: dict[str, Any] | None = None, *, htmx: bool = False) -> Any:
    """Send a form with a valid token, as the page of a member of staff who is signed in does."""
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(path, data={"csrf_token": client.csrf_token(), **(data or {})}, headers=headers)


def make_enrolled(codes: list[str] | None = None, role: str = "owner") -> str:
    """Make a member of staff with a second factor and return the app's secret; `codes` gets the recovery codes."""
    staff_id = make_staff(role)
    found = find_signed_in(STAFF, signing.sign_in(STAFF, f"{role}@shop.test", PASSWORD).token)
    assert found is not None
    secret, carried = second_factor.new_totp_secret(staff_id)
    code = pyotp.TOTP(secret).at(clock.now())
    enrolled = second_factor.enroll(STAFF, staff_id, found.session_id, carried=carried, code=code)
    if codes is not None:
        codes.extend(enrolled.recovery_codes)
    return secret
